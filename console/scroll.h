/* SPDX-License-Identifier: Apache-2.0 */
/* The last bytes that a VM sent, to be shown again when the user comes back to it. */
#pragma once

#include "lib/base.h"

enum { SCROLL_BYTES = 8192 };

struct scroll {
	uint64_t end;                /* bytes ever put in                                            */
	uint8_t data[SCROLL_BYTES];
};

void scroll_put(struct scroll *s, const uint8_t *bytes, size_t len);

/* Where to start reading: the oldest byte, or the start of the line after it when older ones were overwritten. */
uint64_t scroll_start(const struct scroll *s);

/* Copies up to len bytes from *position, which moves on. 0: at the end. */
size_t scroll_get(const struct scroll *s, uint64_t *position, uint8_t *bytes, size_t len);
