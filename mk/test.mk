# SPDX-License-Identifier: Apache-2.0
# Tests. Unit tests and fuzz targets are host programs that name what they link in a "sources:" comment;
# libraries of mgmt in a "libraries:" one and the system's in a "system:" one; system tests boot the real image (tests/system/harness.py). tests/run.py runs all and counts.

CLANG        ?= clang
FUZZ_SECONDS ?= 5

HOST_FLAGS   := -std=gnu11 -O1 -g -fno-omit-frame-pointer -I. -DKMAP_BASE=0ull $(WARN)
SANITIZE     := -fsanitize=address,undefined -fno-sanitize-recover=all

# named(word, file): the rest of the "word:" comment lines of a file
named = $(shell sed -n 's,^[ /*\t]*$(1):\(.*\),\1,p' $(2) | sed 's,\*/,,')

$(B)/unit/obj/%.o: % | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(HOST_FLAGS) -Wno-maybe-uninitialized $(SANITIZE) -MMD -MP -c -o $@ $<

$(B)/fuzz/obj/%.o: % | deps
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) $(HOST_FLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

libraries = $(patsubst %,$(B)/third/$(1)/%.a,$(call named,libraries,$(2)))
THIRD_TESTS := $(shell grep -l '^ [*] libraries:' tests/unit/*.c tests/fuzz/*.c)
$(THIRD_TESTS:%=$(B)/unit/obj/%.o) $(THIRD_TESTS:%=$(B)/fuzz/obj/%.o): HOST_FLAGS += $(THIRD_INCLUDE) $(THIRD_DEFINES)

# unit_rule(name), fuzz_rule(name)
define unit_rule
$(1)_UNIT := $(addprefix $(B)/unit/obj/,$(addsuffix .o,tests/unit/$(1)_test.c tests/unit/check.c $(call named,sources,tests/unit/$(1)_test.c)))
HOST_OBJ += $$($(1)_UNIT)
$(B)/unit/$(1): $$($(1)_UNIT) $(call libraries,unit,tests/unit/$(1)_test.c)
	$$(Q)$(CC) $(SANITIZE) -o $$@ $$^ $(addprefix -l,$(call named,system,tests/unit/$(1)_test.c))
endef
define fuzz_rule
$(1)_FUZZ := $(addprefix $(B)/fuzz/obj/,$(addsuffix .o,tests/fuzz/$(1)_fuzz.c $(call named,sources,tests/fuzz/$(1)_fuzz.c)))
HOST_OBJ += $$($(1)_FUZZ)
$(B)/fuzz/$(1): $$($(1)_FUZZ) $(call libraries,fuzz,tests/fuzz/$(1)_fuzz.c)
	$$(Q)$(CLANG) $(SANITIZE) -fsanitize=fuzzer -o $$@ $$^ $(addprefix -l,$(call named,system,tests/fuzz/$(1)_fuzz.c))
endef

UNIT_TESTS   := $(patsubst tests/unit/%_test.c,%,$(wildcard tests/unit/*_test.c))
FUZZ_TARGETS := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
$(foreach t,$(UNIT_TESTS),$(eval $(call unit_rule,$(t))))
$(foreach t,$(FUZZ_TARGETS),$(eval $(call fuzz_rule,$(t))))
-include $(HOST_OBJ:.o=.d)

include $(wildcard tests/guest/guest.mk) mk/programs.mk

.PHONY: test unit fuzz
unit: $(UNIT_TESTS:%=$(B)/unit/%)
fuzz: $(FUZZ_TARGETS:%=$(B)/fuzz/%)
test: unit fuzz iso guest guest-payloads test-images test-opennebula deb
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(PYTHON) tests/run.py '$(T)'

# The same cases against a real OpenNebula, in a self-contained installation on this machine (docs/tests.md).
.PHONY: test-oned
test-oned: $(if $(ONE_LOCATION),iso guest guest-payloads test-images)
	$(if $(ONE_LOCATION),,@echo "test-oned needs ONE_LOCATION=FOLDER: a self-contained OpenNebula that runs on this machine with Brume's package installed (opennebula/install.sh -d FOLDER, and again with --datastores) and its brumed started; it makes hosts, images and VMs there and deletes them" && exit 1)
	@JOBS=1 BRUME_TEST_ONED=1 ONE_LOCATION=$(ONE_LOCATION) $(PYTHON) tests/run.py system/one/
