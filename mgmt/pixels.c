/* SPDX-License-Identifier: Apache-2.0 */
/* Cells as pixels: see pixels.h. */
#include "mgmt/pixels.h"

#include <string.h>

#include "lib/be.h"

/* PIXEL_FORMAT, RFC 6143, 7.4. */
enum { BITS = 0, DEPTH = 1, BIG_ENDIAN_FLAG = 2, TRUE_COLOUR = 3, MAX = 4, SHIFT = 10 };

/* Hextile, 7.7.4. */
enum { TILE_RAW = 1, TILE_BACKGROUND = 2, TILE_FOREGROUND = 4, TILE_SUBRECTS = 8, TILE_COLOURED = 16 };

enum { CUBE = 16, GREYS = 232, CUBE_SIDE = 6, UNDERLINE_ROW = GLYPH_HEIGHT - 2, SUBRECTS_MAX = 255 };

static const uint8_t base_colours[CUBE][3] = {
	{ 0, 0, 0 }, { 205, 0, 0 }, { 0, 205, 0 }, { 205, 205, 0 }, { 70, 110, 238 }, { 205, 0, 205 }, { 0, 205, 205 }, { 210, 210, 210 },
	{ 127, 127, 127 }, { 255, 0, 0 }, { 0, 255, 0 }, { 255, 255, 0 }, { 120, 150, 255 }, { 255, 0, 255 }, { 0, 255, 255 }, { 255, 255, 255 },
};

static const uint8_t cube_steps[CUBE_SIDE] = { 0, 95, 135, 175, 215, 255 };

/* Part 0 is red, 1 green, 2 blue. */
static uint8_t part_of(unsigned colour, unsigned part)
{
	static const unsigned places[3] = { CUBE_SIDE * CUBE_SIDE, CUBE_SIDE, 1 };

	if (colour < CUBE) {
		return base_colours[colour][part];
	}
	if (colour >= GREYS) {
		return (uint8_t)(8 + (colour - GREYS) * 10);
	}
	return cube_steps[(colour - CUBE) / places[part] % CUBE_SIDE];
}

static unsigned nearest_step(uint8_t value)
{
	unsigned best = 0;

	for (unsigned i = 1; i < CUBE_SIDE; i++) {
		int now = value - cube_steps[i], before = value - cube_steps[best];

		best = now * now < before * before ? i : best;
	}
	return best;
}

uint8_t pixels_nearest(uint8_t red, uint8_t green, uint8_t blue)
{
	return (uint8_t)(CUBE + (nearest_step(red) * CUBE_SIDE + nearest_step(green)) * CUBE_SIDE + nearest_step(blue));
}

/* ---- formats ---- */

static void put_value(struct pixels *p, unsigned colour, uint32_t value)
{
	bool big = p->wire[BIG_ENDIAN_FLAG];

	for (unsigned i = 0; i < p->bytes; i++) {
		p->value[colour][big ? p->bytes - 1 - i : i] = (uint8_t)(value >> 8 * i);
	}
}

static void fill_values(struct pixels *p)
{
	for (unsigned colour = 0; colour < PIXELS_COLOURS; colour++) {
		uint32_t value = 0;

		for (unsigned part = 0; part < 3 && !p->mapped; part++) {
			uint32_t max = be_get16(p->wire + MAX + 2 * part);

			value |= (part_of(colour, part) * max + 127) / 255 << p->wire[SHIFT + part];
		}
		put_value(p, colour, p->mapped ? colour : value);
	}
}

int pixels_set(struct pixels *p, const uint8_t wire[PIXELS_FORMAT])
{
	bool mapped = !wire[TRUE_COLOUR];
	unsigned bits = wire[BITS];

	if ((bits != 8 && bits != 16 && bits != 32) || (mapped && bits != 8)) {
		return E_INVAL;
	}
	for (unsigned part = 0; part < 3 && !mapped; part++) {
		if (wire[SHIFT + part] >= bits || (uint64_t)be_get16(wire + MAX + 2 * part) << wire[SHIFT + part] >> bits) {
			return E_INVAL;
		}
	}
	memcpy(p->wire, wire, PIXELS_FORMAT);
	p->bytes = bits / 8;
	p->mapped = mapped;
	fill_values(p);
	return OK;
}

void pixels_init(struct pixels *p)
{
	static const uint8_t wire[PIXELS_FORMAT] = {
		[BITS] = 32, [DEPTH] = 24, [TRUE_COLOUR] = 1, [MAX + 1] = 255, [MAX + 3] = 255, [MAX + 5] = 255, [SHIFT] = 16, [SHIFT + 1] = 8,
	};

	if (pixels_set(p, wire) < 0) {
		memset(p, 0, sizeof(*p));                        /* it is not, for these constants */
	}
}

size_t pixels_map(uint8_t *out)
{
	memset(out, 0, PIXELS_MAP);
	out[0] = 1;
	be_put16(out + 4, PIXELS_COLOURS);
	for (unsigned i = 0; i < PIXELS_COLOURS * 3; i++) {
		be_put16(out + 6 + (size_t)2 * i, (uint16_t)(part_of(i / 3, i % 3) * 257));
	}
	return PIXELS_MAP;
}

/* ---- cells ---- */

static uint8_t row_of(cell_t cell, unsigned y)
{
	return cell & CELL_UNDERLINE && y == UNDERLINE_ROW ? 0xff : glyph_bits[cell & CELL_GLYPH][y];
}

size_t pixels_raw(const struct pixels *p, const cell_t *cells, unsigned count, unsigned y, uint8_t *out)
{
	uint8_t *at = out;

	for (unsigned i = 0; i < count; i++) {
		const uint8_t *on = p->value[cell_foreground(cells[i])], *off = p->value[cell_background(cells[i])];
		uint8_t row = row_of(cells[i], y);

		for (unsigned x = 0; x < GLYPH_WIDTH; x++, at += p->bytes) {
			memcpy(at, row & 0x80u >> x ? on : off, p->bytes);
		}
	}
	return (size_t)(at - out);
}

/* A tile while it is written. */
struct tile {
	const struct pixels *pixels;
	uint8_t *out;
	size_t len, room;
	unsigned count;              /* of subrectangles                                             */
	bool coloured, full;
};

static void put_subrect(struct tile *t, uint8_t colour, unsigned x, unsigned y, unsigned width)
{
	size_t need = 2 + (t->coloured ? t->pixels->bytes : 0);

	if (t->len + need > t->room || t->count == SUBRECTS_MAX) {
		t->full = true;
		return;
	}
	if (t->coloured) {
		memcpy(t->out + t->len, t->pixels->value[colour], t->pixels->bytes);
		t->len += t->pixels->bytes;
	}
	t->out[t->len++] = (uint8_t)(x << 4 | y);
	t->out[t->len++] = (uint8_t)((width - 1) << 4);
	t->count++;
}

/* A rectangle for each run of lit pixels of a row. */
static void put_cell(struct tile *t, cell_t cell, unsigned left)
{
	for (unsigned y = 0; y < GLYPH_HEIGHT; y++) {
		unsigned row = row_of(cell, y), x = 0;

		while (x < GLYPH_WIDTH) {
			unsigned from = x;

			while (x < GLYPH_WIDTH && row & 0x80u >> x) {
				x++;
			}
			if (x > from) {
				put_subrect(t, cell_foreground(cell), left + from, y, x - from);
			}
			x += x == from;
		}
	}
}

static bool is_blank(cell_t cell)
{
	return cell_foreground(cell) == cell_background(cell) || ((cell & CELL_GLYPH) == ' ' && !(cell & CELL_UNDERLINE));
}

/* The second cell's background, where it is another one, is a rectangle over all of it. */
static void put_second_background(struct tile *t, cell_t cell)
{
	put_subrect(t, cell_background(cell), GLYPH_WIDTH, 0, GLYPH_WIDTH);
	if (!t->full) {
		t->out[t->len - 1] |= GLYPH_HEIGHT - 1;
	}
}

static size_t put_raw_tile(const struct pixels *p, const cell_t *cells, unsigned count, uint8_t *out)
{
	size_t len = 1;

	out[0] = TILE_RAW;
	for (unsigned y = 0; y < GLYPH_HEIGHT; y++) {
		len += pixels_raw(p, cells, count, y, out + len);
	}
	return len;
}

size_t pixels_tile(const struct pixels *p, const cell_t *cells, unsigned count, uint8_t *out)
{
	bool second = count == 2, other_back = second && cell_background(cells[1]) != cell_background(cells[0]);
	bool blank = is_blank(cells[0]) && (!second || is_blank(cells[1]));
	bool one_colour = !second || is_blank(cells[0]) || is_blank(cells[1]) || cell_foreground(cells[0]) == cell_foreground(cells[1]);
	struct tile t = { .pixels = p, .out = out, .room = 1 + (size_t)count * GLYPH_WIDTH * GLYPH_HEIGHT * p->bytes };
	size_t counted;

	out[t.len++] = TILE_BACKGROUND;
	memcpy(out + t.len, p->value[cell_background(cells[0])], p->bytes);
	t.len += p->bytes;
	if (blank && !other_back) {
		return t.len;
	}
	t.coloured = other_back || !one_colour;
	out[0] |= t.coloured ? TILE_SUBRECTS | TILE_COLOURED : TILE_SUBRECTS | TILE_FOREGROUND;
	if (!t.coloured) {
		memcpy(out + t.len, p->value[cell_foreground(cells[second && is_blank(cells[0])])], p->bytes);
		t.len += p->bytes;
	}
	counted = t.len++;
	if (other_back) {
		put_second_background(&t, cells[1]);
	}
	for (unsigned i = 0; i < count; i++) {
		if (!is_blank(cells[i])) {
			put_cell(&t, cells[i], i * GLYPH_WIDTH);
		}
	}
	out[counted] = (uint8_t)t.count;
	return t.full ? put_raw_tile(p, cells, count, out) : t.len;
}
