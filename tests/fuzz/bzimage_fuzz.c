/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a bzImage, with an initrd and a command line: the loader may refuse, never reach outside of anything.
 * sources: vmm/load.c vmm/boot_linux.c vmm/boot_pvh.c vmm/boot_elf.c vmm/boot_multiboot.c vmm/boot_multiboot2.c vmm/memmap.c vmm/gmem.c lib/fmt.c
 */
#include "tests/fuzz/load_fuzz.h"
#include "vmm/boot_linux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	load_fuzz(boot_linux_load, data, len);
	return 0;
}
