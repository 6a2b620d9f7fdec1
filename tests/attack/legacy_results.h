/* SPDX-License-Identifier: Apache-2.0 */
/* What the 32-bit part of the attack suite (tests/attack/legacy) leaves for the 64-bit part, at a fixed address. */
#pragma once

#include "lib/base.h"

enum { LEGACY_IMAGE = 0x30000, LEGACY_RESULTS = 0x60000, LEGACY_NAME = 80, LEGACY_CHECKS = 400, LEGACY_DONE = 0x600d };
enum legacy_group { LEGACY_TASKS, LEGACY_TASK_FAULTS, LEGACY_V86, LEGACY_SEGMENTS };

struct legacy_check {
	char name[LEGACY_NAME];
	uint32_t got, want;
	uint32_t skipped, pad;
};

struct legacy_results {
	volatile uint32_t group;     /* enum legacy_group: set before the start                       */
	volatile uint32_t done;      /* LEGACY_DONE at the end                                        */
	volatile uint32_t count;
	uint32_t pad;
	struct legacy_check check[LEGACY_CHECKS];
};
_Static_assert(LEGACY_RESULTS + sizeof(struct legacy_results) <= 0x80000, "conventional memory below the tables of firmware");
