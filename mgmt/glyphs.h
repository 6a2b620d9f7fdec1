/* SPDX-License-Identifier: Apache-2.0 */
/* The font of VNC consoles: characters of 8 x 16 pixels. tools/mkfont makes it of a font of Debian's. */
#pragma once

#include "lib/base.h"

enum { GLYPH_WIDTH = 8, GLYPH_HEIGHT = 16 };

/* By number of the glyph: a byte per row, the leftmost pixel in bit 7. That of printable ASCII is its code. */
extern const uint8_t glyph_bits[][GLYPH_HEIGHT];

/* Which glyph a character of Unicode has; in order of characters. */
struct glyph_code {
	uint16_t character, glyph;
};

extern const struct glyph_code glyph_codes[];
extern const unsigned glyph_code_count;
