# SPDX-License-Identifier: Apache-2.0
# What is installed on an OpenNebula front-end: ordinary programs of the machine's own Debian, with its libraries. A folder of opennebula/
# with a main.c is a program of that name; opennebula/lib is linked into each, opennebula/driver into the drivers one_*.

ONE := $(B)/opennebula
ONE_PROGRAMS := $(patsubst opennebula/%/main.c,%,$(wildcard opennebula/*/main.c))
ONE_LIB := $(sort $(wildcard opennebula/lib/*.c))
ONE_SYSTEM := -lmicrohttpd -lcurl -ljansson -lexpat -lz -lssl -lcrypto -lpthread
ONE_CFLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g -I. $(WARN) -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fno-strict-aliasing

# Alone it needs no newlib and no QEMU; beside other goals only one apt-get runs at a time.
.PHONY: deps-opennebula
deps-opennebula: $(if $(filter-out opennebula deb,$(MAKECMDGOALS)),deps)
	@tools/deps opennebula

$(ONE)/obj/%.c.o: opennebula/%.c | deps-opennebula
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ONE_CFLAGS) -MMD -MP -c -o $@ $<

# Where the programs are that tests run, and by what they are watched. TSAN=1: by ThreadSanitizer
ONE_TEST := $(if $(TSAN),$(B)/tsan,$(B)/test)/opennebula
ONE_TEST_OBJ := $(if $(TSAN),$(B)/tsan/obj,$(B)/unit/obj)
ONE_TEST_SANITIZE := $(if $(TSAN),-fsanitize=thread,$(SANITIZE))
$(if $(TSAN),$(eval export BRUME_TEST_PROGRAMS := $(CURDIR)/$(ONE_TEST)))

$(B)/tsan/obj/%.o: % | deps-opennebula
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HOST_FLAGS) -fsanitize=thread -MMD -MP -c -o $@ $<

# one_rule(program): build/opennebula/NAME, and under sanitizers the one that tests run
one_objects = $(patsubst opennebula/%,$(1)/%.o,$(sort $(wildcard opennebula/$(2)/*.c $(if $(filter one_%,$(2)),opennebula/driver/*.c))) $(ONE_LIB))
define one_rule
$(ONE)/$(1): $(call one_objects,$(ONE)/obj,$(1))
	$$(call say,LD,$$@)
	$$(Q)$(CC) -pie -Wl,-z,relro,-z,now,--as-needed -o $$@ $$^ $(ONE_SYSTEM)
$(ONE_TEST)/$(1): $(call one_objects,$(ONE_TEST_OBJ)/opennebula,$(1))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$(CC) $(ONE_TEST_SANITIZE) -Wl,--as-needed -o $$@ $$^ $(ONE_SYSTEM)
ONE_OBJ += $(call one_objects,$(ONE)/obj,$(1)) $(call one_objects,$(ONE_TEST_OBJ)/opennebula,$(1))
endef
$(foreach p,$(ONE_PROGRAMS),$(eval $(call one_rule,$(p))))
-include $(ONE_OBJ:.o=.d)

$(B)/unit/obj/opennebula/% $(B)/tsan/obj/opennebula/% $(B)/fuzz/obj/opennebula/%: HOST_FLAGS += -D_GNU_SOURCE

.PHONY: opennebula deb test-opennebula
opennebula: $(ONE_PROGRAMS:%=$(ONE)/%)
test-opennebula: $(ONE_PROGRAMS:%=$(ONE_TEST)/%)

# The package for Debian and Ubuntu front-ends
deb: opennebula
	@mkdir -p $(B)/deb; rm -f $(B)/deb/*.deb
	$(call say,DEB,$(B)/deb)
	$(Q)tools/mkdeb $(ONE) $(B)/deb
