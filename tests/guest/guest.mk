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

.PHONY: guest-payloads
guest-payloads: $(GUEST_PAYLOADS) $(B)/guest/attack.elf
-include $(wildcard $(B)/guest/obj/tests/*/*.d)
