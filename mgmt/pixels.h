/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells of a terminal as pixels of a VNC viewer: in its format (RFC 6143, 7.4), raw (7.7.1) or as Hextile (7.7.4). Pure.
 * A cell is a number: glyph, underline, and two of 256 colours (those of xterm).
 */
#pragma once

#include "lib/base.h"
#include "mgmt/glyphs.h"

enum {
	PIXELS_FORMAT = 16,          /* bytes of PIXEL_FORMAT on the wire                            */
	PIXELS_COLOURS = 256,
	PIXELS_TILE = 1 + 16 * 16 * 4,       /* bytes that a tile takes at most                      */
	PIXELS_MAP = 6 + PIXELS_COLOURS * 6, /* bytes of SetColourMapEntries                         */
};

typedef uint32_t cell_t;
enum { CELL_UNDERLINE = 0x8000, CELL_GLYPH = 0x1ff, CELL_FOREGROUND = 16, CELL_BACKGROUND = 24 };

static inline cell_t cell_make(uint16_t glyph, bool underline, uint8_t foreground, uint8_t background)
{
	return glyph | (underline ? CELL_UNDERLINE : 0u) | (cell_t)foreground << CELL_FOREGROUND | (cell_t)background << CELL_BACKGROUND;
}

static inline uint8_t cell_foreground(cell_t cell)
{
	return (uint8_t)(cell >> CELL_FOREGROUND);
}

static inline uint8_t cell_background(cell_t cell)
{
	return (uint8_t)(cell >> CELL_BACKGROUND);
}

struct pixels {
	uint8_t wire[PIXELS_FORMAT]; /* the format as it crosses the network                         */
	unsigned bytes;              /* of a pixel: 1, 2 or 4                                        */
	bool mapped;                 /* pixels are numbers of colours; the viewer needs the map      */
	uint8_t value[PIXELS_COLOURS][4];    /* each colour's pixel                                  */
};

/* 32 bits, true colour: what a viewer gets that asks for nothing else. */
void pixels_init(struct pixels *p);

/* What a viewer asks for. E_INVAL: 8, 16 or 32 bits, true colour or 8 bits with a map, and colours that fit are possible. */
int pixels_set(struct pixels *p, const uint8_t wire[PIXELS_FORMAT]) MUST_CHECK;

/* SetColourMapEntries for a viewer with a map; PIXELS_MAP bytes. */
size_t pixels_map(uint8_t *out);

/* Line y (0 to 15) of count cells. Returns bytes: count * 8 pixels. */
size_t pixels_raw(const struct pixels *p, const cell_t *cells, unsigned count, unsigned y, uint8_t *out);

/* One tile of one or two cells. Returns bytes, up to PIXELS_TILE. */
size_t pixels_tile(const struct pixels *p, const cell_t *cells, unsigned count, uint8_t *out);

/* The colour of the 256 that is nearest. */
uint8_t pixels_nearest(uint8_t red, uint8_t green, uint8_t blue);
