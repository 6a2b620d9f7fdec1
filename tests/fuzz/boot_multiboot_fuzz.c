/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a guest's Multiboot kernel, either version, with modules.
 * sources: vmm/load.c vmm/boot_linux.c vmm/boot_pvh.c vmm/boot_elf.c vmm/boot_multiboot.c vmm/boot_multiboot2.c vmm/memmap.c vmm/gmem.c lib/fmt.c
 */
#include "tests/fuzz/load_fuzz.h"
#include "vmm/boot_multiboot.h"

static int load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why)
{
	struct boot_request with = *req;
	int r;

	with.module[0] = (struct boot_module){ .image = { req->kernel.bytes, req->kernel.size }, .text = "text" };
	with.module_count = 1;
	r = boot_multiboot2_load(&with, entry, why);
	if (r < 0) {
		r = boot_multiboot_load(&with, entry, why);
	}
	/* Conventional memory is theirs, too: what the check behind us does not know. */
	if (r == OK && entry->rip >= BOOT_LOW_MIN && entry->rip < BOOT_LOW_INFO) {
		entry->rip = BOOT_KERNEL_MIN;
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	load_fuzz(load, data, len);
	return 0;
}
