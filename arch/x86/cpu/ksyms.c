/* SPDX-License-Identifier: Apache-2.0 */
/* Names of kernel code addresses: see ksyms.h. */
#include "arch/x86/cpu/ksyms.h"

#include "arch/x86/boot/image.h"

/* tools/mksyms: offsets from KERNEL_BASE in rising order; per symbol the offset of its name; the names. */
extern const uint32_t ksyms_count, ksyms_addr[], ksyms_name_off[];
extern const char ksyms_names[];

const char *ksyms_name(uint64_t addr, uint64_t *offset)
{
	uint32_t low = 0, high = ksyms_count, wanted = (uint32_t)(addr - KERNEL_BASE);

	if (addr < (uint64_t)__text_start || addr >= (uint64_t)__text_end || !high || wanted < ksyms_addr[0]) {
		return NULL;
	}
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (ksyms_addr[middle] <= wanted) {
			low = middle;
		} else {
			high = middle;
		}
	}
	*offset = wanted - ksyms_addr[low];
	return ksyms_names + ksyms_name_off[low];
}
