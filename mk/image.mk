# SPDX-License-Identifier: Apache-2.0
# Boot media, and running them.

CONFIG ?= tools/brume.conf
GUEST  := $(B)/deps/guest

# Debian's kernel, under a name of ours so that make sees when the package changed.
$(B)/guest/vmlinuz: | deps
	@mkdir -p $(@D)
	$(Q)cp -L $(GUEST)/vmlinuz $@
$(B)/guest/initrd.img: $(shell find tests/guest/initramfs -type f) tools/mkinitrd | deps
	@mkdir -p $(@D)
	$(call say,INITRD,$@)
	$(Q)$(PYTHON) tools/mkinitrd $@ $(GUEST) tests/guest/initramfs

MODULES := $(B)/guest/vmlinuz $(B)/guest/initrd.img

.PHONY: iso flash pxe run guest
guest: $(MODULES)
iso: $(B)/brume.iso
$(B)/brume.iso: $(B)/brume.elf $(CONFIG) $(MODULES) tools/mkiso tools/media.sh
	$(call say,ISO,$@)
	$(Q)tools/mkiso -o $@ -c $(CONFIG) $(MODULES:%=-m %) $(B)/brume.elf

# The user's keys go to Brume: nothing else may read this terminal, so this runs last and alone.
run: $(B)/brume.iso | deps
	@tools/run $<

# One FAT partition with GRUB for BIOS and UEFI; sizes follow the files. DEV=/dev/sdX also writes it to that medium.
flash: $(B)/brume.img
$(B)/brume.img: $(B)/brume.elf $(CONFIG) $(MODULES) tools/mkflash tools/media.sh
	$(call say,FLASH,$@)
	$(Q)tools/mkflash -o $@ -c $(CONFIG) $(MODULES:%=-m %) $(B)/brume.elf
ifneq ($(DEV),)
.PHONY: write-flash
flash: write-flash
write-flash: $(B)/brume.img
	@test -b $(DEV) || { echo '$(DEV) is not a block device'; exit 1; }
	dd if=$< of=$(DEV) bs=4M conv=fsync status=progress
endif

pxe: $(B)/brume.elf $(CONFIG) $(MODULES) tools/mkpxe tools/media.sh
	$(call say,PXE,$(B)/pxe)
	$(Q)tools/mkpxe -o $(B)/pxe -c $(CONFIG) $(MODULES:%=-m %) $(B)/brume.elf
