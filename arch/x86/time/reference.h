/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of known frequency: HPET, ACPI PM timer, PIT. Slow to read; the others are measured against them. */
#pragma once

#include "lib/base.h"

struct reference {
	const char *name;
	uint64_t hz;
	uint64_t mask;                  /* of the counter: it wraps at mask + 1                     */
	uint64_t (*read)(void);         /* counts up                                                */
};

/* The best that the machine has: HPET, PM timer, PIT. After acpi_init. */
struct reference reference_find(void);
