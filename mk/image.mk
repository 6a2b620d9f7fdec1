# SPDX-License-Identifier: Apache-2.0
# Boot media, and running them.

.PHONY: iso flash pxe run
iso: $(B)/brume.iso

CONFIG ?= tools/brume.conf

$(B)/brume.iso: $(B)/brume.elf $(CONFIG) tools/mkiso | deps-guest
	tools/mkiso -o $@ -c $(CONFIG) \
		-m vmlinuz=$(B)/deps/guest/vmlinuz -m initrd.img=$(B)/guest/initrd.img $(B)/brume.elf

.PHONY: deps-guest
deps-guest: | deps-build
