/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of the loaders share: guest memory that the sanitizer watches, and checks of the outcome. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "vmm/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { LOAD_FUZZ_RAM = 4 << 20 };

static inline void load_fuzz(int (*load)(const struct boot_request *, struct boot_entry *, struct boot_reason *),
			     const uint8_t *data, size_t len)
{
	static uint8_t *ram;
	static struct vcpu_state state;
	struct gmem mem = { .count = 1, .slot = { { .size = LOAD_FUZZ_RAM } } };
	struct memmap map;
	struct boot_reason why = { "" };
	struct boot_entry entry;

	if (!ram) {
		ram = malloc(LOAD_FUZZ_RAM);
	}
	mem.slot[0].host = ram;
	struct boot_request req = {
		.mem = &mem, .map = &map, .cmdline = "console=ttyS0", .rsdp = 0xe0000,
		.kernel = { data, len }, .initrd = { data, len / 2 },
	};

	if (memmap_build(&map, &mem) < 0) {
		abort();
	}
	if (load(&req, &entry, &why) < 0) {
		if (!why.text[0] || !memchr(why.text, 0, sizeof(why.text))) {
			abort();
		}
		return;
	}
	if (entry.rip < BOOT_KERNEL_MIN || entry.rip >= LOAD_FUZZ_RAM || load_vcpu_state(&mem, &entry, &state) < 0) {
		abort();
	}
}
