# SPDX-License-Identifier: Apache-2.0
# The image: kernel, programs, packing, and the form that Multiboot loaders take.

WARN := -Wall -Wextra -Werror -Wshadow -Wundef -Wconversion -Wmissing-prototypes -Wstrict-prototypes

# ---- dependencies: quick when all is there, and then without network (tools/deps) ----
# One step for the whole run of make, so that everything is installed and said at once.
DEPS_STEP := build
ifneq ($(filter iso flash pxe guest %.iso %.img,$(MAKECMDGOALS)),)
DEPS_STEP := image
endif
$(foreach step,run fmt lint bench test,$(if $(filter $(step) $(step)-%,$(MAKECMDGOALS)),$(eval DEPS_STEP := $(step:fmt=lint))))
ifeq ($(DEPS_STEP)-$(EMULATOR),run-bochs)
DEPS_STEP := bochs
endif

.PHONY: deps
deps:
	@tools/deps $(DEPS_STEP)

# ---- kernel ----
KERNEL_CFLAGS := -std=gnu11 -ffreestanding -O2 -g -I. $(WARN) \
	-mno-red-zone -mcmodel=kernel -mgeneral-regs-only -fno-pic -fno-pie \
	-fstack-protector-strong -mstack-protector-guard=global -fcf-protection=none \
	-fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-strict-aliasing -fno-common
KERNEL_LDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --build-id=none

KERNEL_SRC := $(sort $(wildcard arch/x86/*/*.c arch/x86/*/*.S kernel/*.c kernel/*.S))
LIB_SRC    := $(sort $(wildcard lib/*.c))
KERNEL_OBJ := $(KERNEL_SRC:%=$(B)/kernel/%.o)
LIB_OBJ    := $(LIB_SRC:%=$(B)/kernel/%.o)

$(B)/kernel/%.c.o: %.c | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/kernel/%.S.o: %.S | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(KERNEL_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

$(B)/kernel/lib.a: $(LIB_OBJ)
	@mkdir -p $(@D); rm -f $@
	$(Q)ar rcsD $@ $^

# ---- programs: one static ELF64 each at 4 MiB, on newlib ----
PROGRAMS := $(foreach p,init conf console vmm net mgmt,$(if $(wildcard $(p)/*.c),$(p)))
ifeq ($(wildcard lib/user/user.ld),)
PROGRAMS :=
endif
NEWLIB := $(B)/deps/newlib

USER_CFLAGS = -std=gnu11 -O2 -g -I. $(WARN) -fno-pic -fno-pie -mcmodel=small \
	-nostdinc -isystem $(shell $(CC) -print-file-name=include) -isystem $(NEWLIB)/include \
	-fstack-protector-strong -mstack-protector-guard=global -fcf-protection=none \
	-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fno-strict-aliasing -fno-common
USER_LDFLAGS := -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 -Wl,-z,separate-code -Wl,-z,noexecstack \
	-Wl,--build-id=none -Wl,--gc-sections -Wl,-T,lib/user/user.ld

USER_SRC := $(sort $(wildcard lib/user/*.c lib/user/*.S))
USER_RT  := $(USER_SRC:%=$(B)/user/%.o)
# Virtqueues and cards are for programs only: the kernel has no rings.
DRIVER_SRC := $(sort $(wildcard drivers/virtio/*.c drivers/nic/*.c))
USER_LIB   := $(LIB_SRC:%=$(B)/user/%.o) $(DRIVER_SRC:%=$(B)/user/%.o)

$(B)/user/%.c.o: %.c | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(USER_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/user/%.S.o: %.S | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(USER_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

$(B)/user/lib.a: $(USER_LIB)
	@mkdir -p $(@D); rm -f $@
	$(Q)ar rcsD $@ $^

# The console's font, out of a package of Debian's
console_MORE := $(B)/user/font.c.o
$(B)/font.c: tools/mkfont $(B)/deps/font | deps
	$(Q)gzip -dc $(B)/deps/font/spleen-8x16.psfu.gz | $(PYTHON) tools/mkfont > $@
$(B)/user/font.c.o: $(B)/font.c console/video.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -c -o $@ $<
$(B)/deps/font: | deps

# All of its glyphs, for viewers of a VM's console
mgmt_MORE := $(B)/user/glyphs.c.o
$(B)/glyphs.c: tools/mkfont $(B)/deps/font | deps
	$(Q)gzip -dc $(B)/deps/font/spleen-8x16.psfu.gz | $(PYTHON) tools/mkfont --all > $@
$(B)/user/glyphs.c.o: $(B)/glyphs.c mgmt/glyphs.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) -c -o $@ $<

# mgmt stands on libraries (mk/third.mk), whose headers only it sees.
mgmt_LIBS := $(THIRD_LIBRARIES:%=$(B)/third/user/%.a)
$(B)/user/mgmt/%: USER_CFLAGS += $(THIRD_INCLUDE) $(THIRD_DEFINES)

# program_rule(name): build/name.sym.elf with symbols, build/programs/name as it is packed
define program_rule
$(1)_OBJ := $$(patsubst %,$(B)/user/%.o,$$(sort $$(wildcard $(1)/*.c $(1)/*/*.c $(1)/*.S))) $$($(1)_MORE)
USER_OBJ += $$($(1)_OBJ)
$(B)/$(1).sym.elf: $$($(1)_OBJ) $$($(1)_LIBS) $(USER_RT) $(B)/user/lib.a lib/user/user.ld
	$$(call say,LD,$$@)
	$$(Q)$(CC) $(USER_LDFLAGS) -o $$@ $$($(1)_OBJ) $(USER_RT) $$($(1)_LIBS) $(B)/user/lib.a \
		-L$(NEWLIB)/lib -Wl,--start-group -lc -lm -lgcc -Wl,--end-group
$(B)/programs/$(1): $(B)/$(1).sym.elf
	@mkdir -p $$(@D)
	$$(Q)$(OBJCOPY) --strip-all -R .comment $$< $$@
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

PROGRAM_FILES := $(PROGRAMS:%=$(B)/programs/%)

$(B)/pack.S: $(PROGRAM_FILES) tools/mkpack | deps
	@mkdir -p $(@D)
	$(Q)tools/mkpack $(PROGRAM_FILES) > $@
$(B)/pack.o: $(B)/pack.S | deps
	$(Q)$(CC) -c -o $@ $<

# ---- link twice: the second time with the symbol table that panic backtraces print from ----
KERNEL_PARTS := $(KERNEL_OBJ) $(B)/pack.o

$(B)/nosyms.S: tools/mksyms | deps
	@mkdir -p $(@D)
	$(Q)$(PYTHON) tools/mksyms < /dev/null > $@
$(B)/nosyms.o: $(B)/nosyms.S
	$(Q)$(CC) -c -o $@ $<
$(B)/brume.pass1.elf: linker.ld $(KERNEL_PARTS) $(B)/nosyms.o $(B)/kernel/lib.a
	$(call say,LD,$@)
	$(Q)$(LD) $(KERNEL_LDFLAGS) -T linker.ld -o $@ $(KERNEL_PARTS) $(B)/nosyms.o $(B)/kernel/lib.a
$(B)/symtab.S: $(B)/brume.pass1.elf tools/mksyms
	$(Q)$(NM) -n $< | $(PYTHON) tools/mksyms > $@
$(B)/symtab.o: $(B)/symtab.S
	$(Q)$(CC) -c -o $@ $<
$(B)/brume.sym.elf: linker.ld $(KERNEL_PARTS) $(B)/symtab.o $(B)/kernel/lib.a
	$(call say,LD,$@)
	$(Q)$(LD) $(KERNEL_LDFLAGS) -T linker.ld -o $@ $(KERNEL_PARTS) $(B)/symtab.o $(B)/kernel/lib.a
	@$(NM) -n $@ | $(PYTHON) tools/mksyms | cmp -s - $(B)/symtab.S || \
		{ echo 'the symbol table moved the code: .rodata must come after .text in linker.ld'; rm -f $@; exit 1; }

# Multiboot 1 loaders and qemu -kernel take ELF32 only; GRUB takes both.
$(B)/brume.elf: $(B)/brume.sym.elf
	$(call say,IMAGE,$@)
	$(Q)$(OBJCOPY) --strip-all -R .comment -O elf32-i386 $< $@

-include $(KERNEL_OBJ:.o=.d) $(LIB_OBJ:.o=.d) $(USER_OBJ:.o=.d) $(USER_RT:.o=.d) $(USER_LIB:.o=.d)
