/* SPDX-License-Identifier: Apache-2.0 */
/* A text screen: see video.h. */
#include "console/video.h"

#include <string.h>

enum { ESC = 0x1b, CURSOR = 0x80, TAB = 8, VGA_CELL = 2, VGA_GREY = 0x07, VGA_INVERSE = 0x70 };

/* ---- drawing ---- */

/* One value in all three colours: n bits from each colour's place. */
static uint32_t pixel(const struct node_video *m, bool lit)
{
	uint32_t p = 0;

	for (unsigned i = 0; i < 3 && lit; i++) {
		/* A light grey: three quarters of what the colour can have. */
		p |= ((1u << m->colour_bits[i]) - 1 - ((1u << m->colour_bits[i]) >> 2)) << m->colour_shift[i];
	}
	return p;
}

static void draw_glyph(struct video *v, unsigned row, unsigned column, uint8_t shown)
{
	const struct node_video *m = &v->mode;
	const uint8_t *glyph = font_glyphs[(shown & 0x7f) - FONT_FIRST];
	uint32_t on = pixel(m, !(shown & CURSOR)), off = pixel(m, shown & CURSOR);
	unsigned bytes = m->bits / 8;

	for (unsigned y = 0; y < FONT_HEIGHT; y++) {
		uint8_t *to = v->memory + (row * FONT_HEIGHT + y) * (size_t)m->pitch + column * (size_t)FONT_WIDTH * bytes;

		for (unsigned x = 0; x < FONT_WIDTH; x++, to += bytes) {
			memcpy(to, glyph[y] & 0x80u >> x ? &on : &off, bytes);
		}
	}
}

static void draw_cell(struct video *v, unsigned row, unsigned column, uint8_t shown)
{
	uint8_t *to = v->memory + row * (size_t)v->mode.pitch + column * (size_t)VGA_CELL;

	v->shown[row][column] = shown;
	if (v->mode.kind == NODE_VIDEO_PIXELS) {
		draw_glyph(v, row, column, shown);
		return;
	}
	to[0] = shown & 0x7f;
	to[1] = shown & CURSOR ? VGA_INVERSE : VGA_GREY;
}

void video_draw(struct video *v)
{
	if (!v->memory) {
		return;
	}
	for (unsigned row = 0; row < v->rows; row++) {
		for (unsigned column = 0; column < v->columns; column++) {
			bool cursor = row == v->row && column == (v->column < v->columns ? v->column : v->columns - 1);
			uint8_t want = v->cell[row][column] | (cursor ? CURSOR : 0);

			if (want != v->shown[row][column]) {
				draw_cell(v, row, column, want);
			}
		}
	}
}

void video_forget(struct video *v)
{
	memset(v->shown, 0xff, sizeof(v->shown));        /* no cell is that */
}

static bool can_draw(const struct node_video *m)
{
	uint64_t line = m->kind == NODE_VIDEO_PIXELS ? m->width * (uint64_t)(m->bits / 8) : m->width * (uint64_t)VGA_CELL;

	if (m->kind == NODE_VIDEO_PIXELS) {
		if (m->bits % 8 || m->bits < 16 || m->bits > 32) {
			return false;
		}
		for (unsigned i = 0; i < 3; i++) {
			if (!m->colour_bits[i] || m->colour_bits[i] > 16 || m->colour_shift[i] + m->colour_bits[i] > m->bits) {
				return false;
			}
		}
	} else if (m->kind != NODE_VIDEO_TEXT) {
		return false;
	}
	return line <= m->pitch && m->height && m->pitch * (uint64_t)m->height <= m->bytes;
}

void video_init(struct video *v, const struct node_video *mode, void *memory)
{
	bool pixels = mode->kind == NODE_VIDEO_PIXELS;
	unsigned columns = mode->width / (pixels ? FONT_WIDTH : 1), rows = mode->height / (pixels ? FONT_HEIGHT : 1);

	memset(v, 0, sizeof(*v));
	v->mode = *mode;
	if (!can_draw(mode) || !columns || !rows) {
		return;
	}
	v->memory = memory;
	v->columns = columns < VIDEO_COLUMNS_MAX ? columns : VIDEO_COLUMNS_MAX;
	v->rows = rows < VIDEO_ROWS_MAX ? rows : VIDEO_ROWS_MAX;
	memset(v->cell, ' ', sizeof(v->cell));
	memset(v->memory, 0, mode->pitch * (size_t)mode->height);
}

/* ---- the terminal ---- */

static void scroll(struct video *v)
{
	memmove(v->cell[0], v->cell[1], sizeof(v->cell[0]) * (v->rows - 1));
	memset(v->cell[v->rows - 1], ' ', sizeof(v->cell[0]));
}

static void line_feed(struct video *v)
{
	if (v->row + 1 == v->rows) {
		scroll(v);
	} else {
		v->row++;
	}
}

static void put_character(struct video *v, uint8_t c)
{
	if (v->column == v->columns) {
		v->column = 0;
		line_feed(v);
	}
	v->cell[v->row][v->column++] = c;
}

/* From one place to another, both included, in reading order. */
static void erase(struct video *v, unsigned row, unsigned column, unsigned last_row, unsigned last_column)
{
	for (; row <= last_row; row++, column = 0) {
		for (; column < v->columns && (row < last_row || column <= last_column); column++) {
			v->cell[row][column] = ' ';
		}
	}
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How far a cursor movement goes: at least one. */
static unsigned steps(const struct video *v)
{
	return v->parameter[0] ? smaller(v->parameter[0], VIDEO_COLUMNS_MAX) : 1;
}

static void move_to(struct video *v, unsigned row, unsigned column)
{
	v->row = smaller(row ? row - 1 : 0, v->rows - 1);
	v->column = smaller(column ? column - 1 : 0, v->columns - 1);
}

/* ECMA-48 8.3: ED and EL by their parameter. */
static void erase_part(struct video *v, bool line)
{
	unsigned first = line ? v->row : 0, last = line ? v->row : v->rows - 1, column = smaller(v->column, v->columns - 1);

	switch (v->parameter[0]) {
	case 0:  erase(v, v->row, column, last, v->columns - 1); break;
	case 1:  erase(v, first, 0, v->row, column); break;
	default: erase(v, first, 0, last, v->columns - 1); break;
	}
}

static void control(struct video *v, uint8_t final)
{
	v->column = smaller(v->column, v->columns - 1);
	switch (final) {
	case 'A': v->row -= smaller(steps(v), v->row); break;
	case 'B': v->row = smaller(v->row + steps(v), v->rows - 1); break;
	case 'C': v->column = smaller(v->column + steps(v), v->columns - 1); break;
	case 'D': v->column -= smaller(steps(v), v->column); break;
	case 'G': move_to(v, v->row + 1, v->parameter[0]); break;
	case 'd': move_to(v, v->parameter[0], v->column + 1); break;
	case 'H':
	case 'f': move_to(v, v->parameter[0], v->parameter[1]); break;
	case 'J': erase_part(v, false); break;
	case 'K': erase_part(v, true); break;
	default:  break;                                 /* colours, modes, reports: not here */
	}
}

static void take_control(struct video *v, uint8_t c)
{
	unsigned *p = &v->parameter[smaller(v->parameter_count, VIDEO_PARAMETERS - 1)];

	if (c >= '0' && c <= '9') {
		*p = smaller(*p * 10 + (c - '0'), 9999);
	} else if (c == ';') {
		v->parameter_count++;
	} else if (c >= 0x40 && c <= 0x7e) {
		v->sequence = VIDEO_TEXT;
		control(v, c);
	}
}

static void take_escape(struct video *v, uint8_t c)
{
	v->sequence = VIDEO_TEXT;
	switch (c) {
	case '[':
		memset(v->parameter, 0, sizeof(v->parameter));
		v->parameter_count = 0;
		v->sequence = VIDEO_CONTROL;
		break;
	case ']': case 'P': case '^': case '_':
		v->sequence = VIDEO_STRING;
		break;
	case '(': case ')': case '#': case '%':
		v->sequence = VIDEO_CHARSET;
		break;
	case '7':
		v->saved_row = v->row;
		v->saved_column = v->column;
		break;
	case '8':
		v->row = v->saved_row;
		v->column = v->saved_column;
		break;
	case 'c':
		erase(v, 0, 0, v->rows - 1, v->columns - 1);
		move_to(v, 1, 1);
		break;
	default:
		break;
	}
}

/* Other than ASCII: a question mark for the first byte of each character in UTF-8. */
static void take_text(struct video *v, uint8_t c)
{
	switch (c) {
	case ESC:  v->sequence = VIDEO_ESCAPE; break;
	case '\r': v->column = 0; break;
	case '\n': line_feed(v); break;
	case '\b': v->column -= v->column ? 1 : 0; break;
	case '\t': v->column = smaller((v->column / TAB + 1) * TAB, v->columns - 1); break;
	default:
		if (c >= FONT_FIRST && c < FONT_FIRST + FONT_COUNT) {
			put_character(v, c);
		} else if (c >= 0xc0) {
			put_character(v, '?');
		}
	}
}

void video_put(struct video *v, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len && v->memory; i++) {
		uint8_t c = bytes[i];

		switch (v->sequence) {
		case VIDEO_TEXT:    take_text(v, c); break;
		case VIDEO_ESCAPE:  take_escape(v, c); break;
		case VIDEO_CONTROL: take_control(v, c); break;
		case VIDEO_CHARSET: v->sequence = VIDEO_TEXT; break;
		case VIDEO_STRING:  v->sequence = c == '\a' ? VIDEO_TEXT : c == ESC ? VIDEO_CHARSET : VIDEO_STRING; break;
		}
	}
}
