/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that are packed into the image (tools/mkpack): each on pages of its own, in the order init first. */
#pragma once

#include "lib/base.h"

struct packed_program {
	char name[16];               /* ends with 0                                                   */
	const uint8_t *data;         /* page aligned                                                  */
	uint64_t size;               /* bytes                                                         */
};

extern const struct packed_program packed_programs[];
extern const uint32_t packed_count;

_Static_assert(sizeof(struct packed_program) == 32, "tools/mkpack writes these");
