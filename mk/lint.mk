# SPDX-License-Identifier: Apache-2.0
# What machines can say about the sources. gcc's warnings are errors of every build already; the same with clang here.

CLANG_TIDY   ?= clang-tidy
CLANG_FORMAT ?= clang-format

LINT_C := $(sort $(KERNEL_SRC) $(LIB_SRC) $(wildcard drivers/*/*.c lib/user/*.c init/*.c conf/*.c console/*.c net/*.c mgmt/*.c vmm/*.c vmm/*/*.c) \
	$(wildcard opennebula/*/*.c tests/*/*.c tests/attack/legacy/*.c))
LINT_C := $(filter %.c,$(LINT_C))
LINT_H := $(wildcard arch/x86/*/*.h kernel/*.h lib/*.h lib/user/*.h drivers/*/*.h init/*.h conf/*.h console/*.h net/*.h mgmt/*.h mgmt/port/*.h mgmt/port/*/*.h vmm/*.h vmm/*/*.h opennebula/*/*.h tests/*/*.h tests/attack/legacy/*.h)

# The flags under which a file of that layer is built, with clang's own headers in place of gcc's.
clang_include = $(shell $(CLANG) -print-resource-dir)/include
lint_user     = $(filter-out -nostdinc,$(subst $(shell $(CC) -print-file-name=include),$(clang_include),$(USER_CFLAGS))) -nostdinc
# Who sees the headers of mgmt's libraries.
lint_third    = $(if $(filter mgmt/% tests/mgmt/% tests/fake/mgmt_% $(THIRD_TESTS),$1),$(THIRD_INCLUDE) $(THIRD_DEFINES))
lint_flags    = $(strip $(lint_third) $(if $(filter tests/unit/% tests/fuzz/% tests/fake/% tests/mgmt/%,$1),$(HOST_FLAGS),\
	$(if $(filter opennebula/%,$1),$(ONE_CFLAGS),\
	$(if $(filter tests/attack/legacy/%,$1),$(LEGACY_FLAGS),\
	$(if $(filter tests/guest/% tests/attack/% tests/bench/%,$1),$(GUEST_CFLAGS),\
	$(if $(filter drivers/% lib/user/% init/% conf/% console/% net/% mgmt/% vmm/%,$1),$(lint_user),$(KERNEL_CFLAGS)))))))

$(B)/lint/%.clang: % | deps
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)$(CLANG) $(call lint_flags,$<) -fsyntax-only -MMD -MP -MT $@ -MF $@.d $<
	@touch $@

$(B)/lint/%.tidy: % $(B)/lint/%.clang .clang-tidy
	$(call say,TIDY,$<)
	$(Q)$(CLANG_TIDY) --quiet $< -- $(call lint_flags,$<) 2> $@.log || { cat $@.log; exit 1; }
	@touch $@

# A header that needs another one includes it: each compiles alone.
$(B)/lint/%.alone: % | deps
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(call lint_flags,$<) -Wno-pragma-once-outside-header -Wno-unused-function -fsyntax-only -MMD -MP -MT $@ -MF $@.d -x c $<
	@touch $@

.PHONY: lint lint-layers lint-clang lint-tidy lint-headers fmt
lint-layers: | deps
	@tools/lint-layers
	@tools/lint-style
lint-clang: $(LINT_C:%=$(B)/lint/%.clang)
lint-headers: $(LINT_H:%=$(B)/lint/%.alone)
# Tests run under sanitizers; the analyzer reads what ships.
lint-tidy: $(patsubst %,$(B)/lint/%.tidy,$(filter-out tests/%,$(LINT_C)))
lint: lint-layers lint-headers lint-clang lint-tidy all unit
	@echo 'lint: clean'

ifneq ($(filter lint%,$(MAKECMDGOALS)),)
-include $(LINT_C:%=$(B)/lint/%.clang.d) $(LINT_H:%=$(B)/lint/%.alone.d)
endif

# Tables that are aligned by hand stand between clang-format off and on, or in headers, which are not touched by default.
F ?= $(shell git diff --name-only --diff-filter=AM HEAD -- '*.c')
fmt: | deps
	$(if $(strip $(F)),$(CLANG_FORMAT) -i --style=file $(F),@echo 'no changed C file; F="files" names some')
