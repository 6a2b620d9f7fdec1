# SPDX-License-Identifier: Apache-2.0
# Bare-metal guest payloads: build/guest/NAME.elf from tests/guest/NAME.c or tests/bench/NAME.c and the runtime.
GUEST_CFLAGS := -std=gnu11 -ffreestanding -O2 -I. $(WARN) -mno-red-zone -mgeneral-regs-only -fno-pic -fno-pie \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing
GUEST_RT := $(B)/guest/obj/tests/guest/start.S.o $(B)/guest/obj/tests/guest/rt.c.o
GUEST_PAYLOADS := $(patsubst tests/guest/%.c,$(B)/guest/%.elf,$(filter-out tests/guest/rt.c,$(wildcard tests/guest/*.c))) \
	$(patsubst tests/bench/%.c,$(B)/guest/%.elf,$(wildcard tests/bench/*.c))

$(B)/guest/obj/%.o: % | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

define guest_rule
$(B)/guest/$(2).elf: $(B)/guest/obj/$(1)/$(2).c.o $$(GUEST_RT) tests/guest/guest.ld
	$$(Q)$$(LD) -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments -T tests/guest/guest.ld -o $$@ $$(GUEST_RT) $$<
endef
$(foreach p,$(GUEST_PAYLOADS),$(eval $(call guest_rule,$(if $(wildcard tests/bench/$(basename $(notdir $(p))).c),tests/bench,tests/guest),$(basename $(notdir $(p))))))

# The attack suite (tests/attack/at.h) is one payload of many files.
ATTACK_OBJ := $(patsubst %,$(B)/guest/obj/%.o,$(wildcard tests/attack/*.c tests/attack/*.S))
$(B)/guest/attack.elf: $(ATTACK_OBJ) $(GUEST_RT) tests/guest/guest.ld
	$(Q)$(LD) -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments -T tests/guest/guest.ld -o $@ $(GUEST_RT) $(ATTACK_OBJ)

# Its 32-bit part (tests/attack/legacy/legacy.h) is a flat image inside of it.
LEGACY_SRC := $(sort $(wildcard tests/attack/legacy/*.S tests/attack/legacy/*.c))
LEGACY_FLAGS := -m32 -march=i686 $(filter-out -mno-red-zone,$(GUEST_CFLAGS))
LEGACY_OBJ := $(patsubst %,$(B)/guest/obj/%.o,$(LEGACY_SRC))
$(B)/guest/obj/tests/attack/legacy/%.o: tests/attack/legacy/% | deps
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(LEGACY_FLAGS) -MMD -MP -c -o $@ $<
$(B)/guest/legacy.bin: $(LEGACY_OBJ) tests/attack/legacy/legacy.ld
	$(Q)$(LD) -m elf_i386 -nostdlib -static --build-id=none -z noexecstack --no-warn-rwx-segments -T tests/attack/legacy/legacy.ld -o $(@:.bin=.sym.elf) $(LEGACY_OBJ)
	$(Q)$(OBJCOPY) -O binary $(@:.bin=.sym.elf) $@
$(B)/guest/obj/tests/attack/legacy_image.S.o: $(B)/guest/legacy.bin
$(B)/guest/obj/tests/attack/legacy_image.S.o: GUEST_CFLAGS += -I$(B)/guest

.PHONY: guest-payloads
guest-payloads: $(GUEST_PAYLOADS) $(B)/guest/attack.elf
-include $(wildcard $(B)/guest/obj/tests/*/*.d $(B)/guest/obj/tests/*/*/*.d)

# The small Multiboot kernel: build/guest/small-VERSION.elf (32 bits; of version 2 in a 64-bit file) and .bin, which is loaded by the
# addresses in its header.
SMALL_FLAGS := -m32 -march=i686 $(filter-out -mno-red-zone,$(GUEST_CFLAGS)) -DMULTIBOOT=
define small_rule
$(B)/guest/small-$(1).$(2)32: tests/guest/small/entry.S tests/guest/small/small.c tests/guest/small/small.ld lib/base.h | deps
	@mkdir -p $$(@D)
	$$(call say,CC,$$@)
	$$(Q)$$(CC) $$(SMALL_FLAGS)$(1) -DADDRESSES=$(3) -nostdlib -static -Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-T,tests/guest/small/small.ld \
		-o $$@ tests/guest/small/entry.S tests/guest/small/small.c
$(B)/guest/small-$(1).$(2): $(B)/guest/small-$(1).$(2)32
	$$(Q)$$(OBJCOPY) $(4) $$< $$@
endef
$(eval $(call small_rule,1,elf,0,-S))
$(eval $(call small_rule,1,bin,1,-O binary))
$(eval $(call small_rule,2,elf,0,-S -O elf64-x86-64))
$(eval $(call small_rule,2,bin,1,-O binary))
guest-payloads: $(foreach v,1 2,$(B)/guest/small-$(v).elf $(B)/guest/small-$(v).bin)
