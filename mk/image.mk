# SPDX-License-Identifier: Apache-2.0
# Boot media, and running them. CONFIG=file is the configuration; MODULES="name=file ..." come beside the example guest's.

CONFIG  ?= tools/brume.conf
MODULES ?=
EMULATOR ?= qemu
GUEST   := $(B)/deps/guest

# Debian's kernel, copied so that its name is the same for every version.
$(B)/guest/vmlinuz: | deps
	@mkdir -p $(@D)
	$(Q)cp -L $(GUEST)/vmlinuz $@
$(B)/guest/initrd.img: $(shell find tests/guest/initramfs -type f) tools/mkinitrd | deps
	@mkdir -p $(@D)
	$(call say,INITRD,$@)
	$(Q)$(PYTHON) tools/mkinitrd $@ $(GUEST) tests/guest/initramfs

GUEST_MODULES := $(B)/guest/vmlinuz $(B)/guest/initrd.img
MEDIA_ARGS    := -c $(CONFIG) $(patsubst %,-m %,$(GUEST_MODULES) $(MODULES)) $(B)/brume.elf

# Changes only when CONFIG or MODULES name something else than last time.
.PHONY: always
$(B)/media.args: always
	@mkdir -p $(@D)
	@echo '$(MEDIA_ARGS)' | cmp -s - $@ || echo '$(MEDIA_ARGS)' > $@
MEDIA_PARTS := $(B)/brume.elf $(CONFIG) $(GUEST_MODULES) $(foreach m,$(MODULES),$(lastword $(subst =, ,$(m)))) $(B)/media.args \
	tools/media.sh LICENSE NOTICE

.PHONY: iso flash pxe run guest
guest: $(GUEST_MODULES)

iso: $(B)/brume.iso
$(B)/brume.iso: $(MEDIA_PARTS) tools/mkiso
	$(call say,ISO,$@)
	$(Q)tools/mkiso -o $@ $(MEDIA_ARGS)

# One FAT partition with GRUB for BIOS and UEFI; sizes follow the files. DEV=/dev/sdX also writes it to that medium.
flash: $(B)/brume.img
$(B)/brume.img: $(MEDIA_PARTS) tools/mkflash
	$(call say,FLASH,$@)
	$(Q)tools/mkflash -o $@ $(MEDIA_ARGS)
ifneq ($(DEV),)
.PHONY: write-flash
flash: write-flash
write-flash: $(B)/brume.img
	@test -b $(DEV) || { echo '$(DEV) is not a block device'; exit 1; }
	dd if=$< of=$(DEV) bs=4M conv=fsync status=progress
endif

pxe: $(MEDIA_PARTS) tools/mkpxe
	$(call say,PXE,$(B)/pxe)
	$(Q)tools/mkpxe -o $(B)/pxe $(MEDIA_ARGS)

# EMULATOR=qemu is a machine with AMD-V, EMULATOR=bochs one with VT-x. QEMU_OPTIONS="..." or BOCHS_OPTIONS="..." goes to it
# as it stands. The user's keys go to Brume: nothing else may read this terminal, so this runs last and alone.
run: $(B)/brume.iso | deps
	@$(if $(filter bochs,$(EMULATOR)),tools/bochs $(BOCHS_OPTIONS) $<,tools/run $< $(QEMU_OPTIONS))
