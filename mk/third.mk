# SPDX-License-Identifier: Apache-2.0
# The libraries of mgmt, out of Debian's source packages as they stand (tools/deps): lwIP, mbedTLS, http-parser, expat and libvterm,
# configured by
# mgmt/port/. Once for the image, once for tests on the host. Their warnings are their authors' business.

LWIP        := $(B)/deps/lwip
MBEDTLS     := $(B)/deps/mbedtls
HTTP_PARSER := $(B)/deps/http-parser
EXPAT       := $(B)/deps/expat/expat/lib
LIBVTERM    := $(B)/deps/libvterm

# Ours read the libraries' headers as the system's.
THIRD_INCLUDE := -isystem $(LWIP)/src/include -isystem $(MBEDTLS)/include -isystem $(HTTP_PARSER) -isystem $(EXPAT) \
	-isystem $(LIBVTERM)/include -Imgmt/port
THIRD_DEFINES := -DMBEDTLS_CONFIG_FILE='"mgmt/port/mbedtls_config.h"' -DHTTP_PARSER_STRICT=1

LWIP_PARTS := $(addprefix src/core/,def dns inet_chksum init ip mem memp netif pbuf stats sys tcp tcp_in tcp_out timeouts udp \
	$(addprefix ipv4/,acd dhcp etharp icmp igmp ip4 ip4_addr ip4_frag) \
	$(addprefix ipv6/,ethip6 icmp6 inet6 ip6 ip6_addr ip6_frag mld6 nd6)) src/netif/ethernet src/apps/sntp/sntp
MBEDTLS_PARTS := $(addprefix library/,aes aesni asn1parse asn1write base64 bignum bignum_core bignum_mod bignum_mod_raw chacha20 \
	chachapoly cipher cipher_wrap constant_time ctr_drbg debug des ecdh ecdsa ecp ecp_curves ecp_curves_new gcm hkdf md oid pem pk \
	pk_ecc pk_wrap pkparse pkwrite platform platform_util poly1305 psa_crypto psa_crypto_aead psa_crypto_cipher \
	psa_crypto_client psa_crypto_driver_wrappers_no_static psa_crypto_ecp psa_crypto_ffdh psa_crypto_hash psa_crypto_mac \
	psa_crypto_pake psa_crypto_rsa psa_crypto_se psa_crypto_slot_management psa_crypto_storage psa_its_file psa_util rsa \
	rsa_alt_helpers sha256 sha512 ssl_ciphersuites ssl_client ssl_debug_helpers_generated ssl_msg ssl_tls ssl_tls12_server \
	ssl_tls13_generic ssl_tls13_keys ssl_tls13_server x509 x509_create x509_crt x509write x509write_crt)

HTTP_PARSER_PARTS := http_parser
EXPAT_PARTS := $(addprefix expat/lib/,xmlparse xmlrole xmltok)
LIBVTERM_PARTS := $(addprefix src/,encoding keyboard mouse parser pen screen state unicode vterm)
THIRD_LIBRARIES := lwip mbedtls http-parser expat libvterm

# third_rule(kind, compiler and flags, name, parts): $(B)/third/kind/name.a
define third_rule
THIRD_$(1)_$(3) := $$($(4):%=$(B)/third/$(1)/$(3)/%.o)
$(B)/third/$(1)/$(3).a: $$(THIRD_$(1)_$(3))
	$$(call say,AR,$$@)
	@rm -f $$@
	$$(Q)ar rcsD $$@ $$^
-include $$(THIRD_$(1)_$(3):.o=.d)
endef
define third_rules
$(B)/third/$(1)/%.o: | deps
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$$(Q)$(2) -w -I. -Imgmt/port -I$$(LWIP)/src/include -I$$(MBEDTLS)/include -I$$(MBEDTLS)/library -I$$(LIBVTERM)/include \
		$$(THIRD_DEFINES) $$(THIRD_MORE) \
		-MMD -MP -c -o $$@ $(B)/deps/$$*.c
$(call third_rule,$(1),$(2),lwip,LWIP_PARTS)
$(call third_rule,$(1),$(2),mbedtls,MBEDTLS_PARTS)
$(call third_rule,$(1),$(2),http-parser,HTTP_PARSER_PARTS)
$(call third_rule,$(1),$(2),expat,EXPAT_PARTS)
$(call third_rule,$(1),$(2),libvterm,LIBVTERM_PARTS)
endef
# Expat adds 0 to pointers that may be NULL, which clang's sanitizer minds.
$(B)/third/unit/expat/% $(B)/third/fuzz/expat/%: THIRD_MORE := -fno-sanitize=pointer-overflow
THIRD_HOST := -std=gnu11 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
$(eval $(call third_rules,user,$$(CC) $$(filter-out -O2 -g $$(WARN),$$(USER_CFLAGS)) -Os))
$(eval $(call third_rules,unit,$$(CC) $$(THIRD_HOST)))
$(eval $(call third_rules,fuzz,$$(CLANG) $$(THIRD_HOST) -fsanitize=fuzzer-no-link -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION))
$(B)/unit/obj/mgmt/% $(B)/unit/obj/tests/mgmt/% $(B)/fuzz/obj/mgmt/% $(B)/unit/obj/tests/fake/mgmt_% $(B)/fuzz/obj/tests/fake/mgmt_%: HOST_FLAGS += $(THIRD_INCLUDE) $(THIRD_DEFINES)

# ---- build/test/mgmt-host: mgmt over sockets of the host, for tests with openssl and curl ----
MGMT_CORE := $(addprefix mgmt/,clock consoles contexts counter_routes disk_put disks entropy exchange http identity images iso9660 node_routes one_actions \
	one_attributes one_cpu one_monitor one_routes one_table one_take one_take_net one_text one_vm one_xml random role routes server session tar text tls upload)
MGMT_CORE += $(addprefix mgmt/,pixels relays rfb rfb_auth rfb_draw term term_filter term_keys keysyms guesses vnc vnc_routes)
MGMT_HOST := $(patsubst %,$(B)/unit/obj/%.c.o,$(MGMT_CORE) tests/mgmt/host tests/mgmt/no_link tests/fake/mgmt_init tests/fake/mgmt_console lib/channel lib/hex lib/journal $(B)/glyphs)
$(B)/test/mgmt-host: $(MGMT_HOST) $(addprefix $(B)/third/unit/,mbedtls.a http-parser.a expat.a libvterm.a)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(SANITIZE) -o $@ $^
-include $(MGMT_HOST:.o=.d)
.PHONY: test-images
test-images: $(B)/test/mgmt-host
