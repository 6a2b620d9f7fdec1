/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that a parser of firmware tables reads by a callback (acpi_read_fn): an array from address 0 on. */
#pragma once

#include <string.h>

#include "lib/base.h"

struct fake_ram {
	const uint8_t *bytes;
	uint64_t size;
};

/* ctx is a struct fake_ram. False beyond its end. */
static inline bool fake_ram_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const struct fake_ram *ram = ctx;

	if (!range_within(addr, len, ram->size)) {
		return false;
	}
	memcpy(buf, ram->bytes + addr, len);
	return true;
}
