/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a PVH image, ELF32 and ELF64.
 * sources: vmm/load.c vmm/boot_linux.c vmm/boot_pvh.c vmm/boot_elf.c vmm/boot_multiboot.c vmm/boot_multiboot2.c vmm/memmap.c vmm/gmem.c lib/fmt.c
 */
#include "tests/fuzz/load_fuzz.h"
#include "vmm/boot_pvh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len >= 4) {
		load_fuzz(boot_pvh_load, data, len);
	}
	return 0;
}
