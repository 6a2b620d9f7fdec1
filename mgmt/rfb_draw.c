/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures for a viewer: FramebufferUpdate (RFC 6143, 7.6.1), a rectangle for each row of the terminal that has changed. */
#include <string.h>

#include "lib/be.h"
#include "mgmt/rfb.h"

enum { FRAMEBUFFER_UPDATE = 0, BELL = 2, UPDATE_HEAD = 4, PART_HEAD = 12, ENCODING_RAW = 0, ENCODING_HEXTILE = 5, TILE_CELLS = 2 };
enum { PIECE_MAX = TERM_COLUMNS * GLYPH_WIDTH * 4 };     /* a line of raw pixels is the largest */

static unsigned room(const struct rfb *r)
{
	return RFB_OUT - r->out_len;
}

/* Finds what differs from what the viewer knows; that is what it will know. */
static void find_parts(struct rfb *r, const struct term *term)
{
	cell_t now[TERM_CELLS];

	term_look(term, now);
	r->parts = r->part_at = r->step = 0;
	r->part_begun = false;
	for (unsigned row = 0; row < TERM_ROWS; row++) {
		const cell_t *a = now + (size_t)row * TERM_COLUMNS, *b = r->shown + (size_t)row * TERM_COLUMNS;
		unsigned from = 0, to = TERM_COLUMNS;

		while (!r->whole && from < to && a[from] == b[from]) {
			from++;
		}
		while (!r->whole && to > from && a[to - 1] == b[to - 1]) {
			to--;
		}
		if (from < to) {
			r->part[r->parts].row = (uint8_t)row;
			r->part[r->parts].from = (uint8_t)from;
			r->part[r->parts++].to = (uint8_t)to;
		}
	}
	memcpy(r->shown, now, sizeof(now));
}

static void begin_picture(struct rfb *r, const struct term *term)
{
	uint8_t *at = r->out + r->out_len;

	if (r->new_pixels) {
		r->pixels = r->next_pixels;
		r->new_pixels = false;
		r->send_map = r->pixels.mapped;
	}
	r->hextile = r->next_hextile;
	if (r->send_map) {
		r->out_len += (unsigned)pixels_map(at);
		r->send_map = false;
		return;
	}
	if (!r->whole && r->looked == term->changes) {
		return;
	}
	r->looked = term->changes;
	find_parts(r, term);
	if (!r->parts) {
		return;
	}
	r->asked = r->whole = false;
	at[0] = FRAMEBUFFER_UPDATE;
	at[1] = 0;
	be_put16(at + 2, (uint16_t)r->parts);
	r->out_len += UPDATE_HEAD;
}

static void begin_part(struct rfb *r)
{
	uint8_t *at = r->out + r->out_len;
	unsigned from = r->part[r->part_at].from, to = r->part[r->part_at].to;

	be_put16(at, (uint16_t)(from * GLYPH_WIDTH));
	be_put16(at + 2, (uint16_t)(r->part[r->part_at].row * GLYPH_HEIGHT));
	be_put16(at + 4, (uint16_t)((to - from) * GLYPH_WIDTH));
	be_put16(at + 6, GLYPH_HEIGHT);
	be_put32(at + 8, r->hextile ? ENCODING_HEXTILE : ENCODING_RAW);
	r->out_len += PART_HEAD;
	r->part_begun = true;
	r->step = 0;
}

/* A tile or a line of the present part. */
static void draw_step(struct rfb *r)
{
	unsigned from = r->part[r->part_at].from, count = r->part[r->part_at].to - from, left;
	const cell_t *cells = r->shown + (size_t)r->part[r->part_at].row * TERM_COLUMNS + from;
	uint8_t *at = r->out + r->out_len;
	bool last;

	if (r->hextile) {
		left = count - r->step * TILE_CELLS;
		r->out_len += (unsigned)pixels_tile(&r->pixels, cells + (size_t)r->step * TILE_CELLS, left < TILE_CELLS ? left : TILE_CELLS, at);
		last = left <= TILE_CELLS;
	} else {
		r->out_len += (unsigned)pixels_raw(&r->pixels, cells, count, r->step, at);
		last = r->step + 1 == GLYPH_HEIGHT;
	}
	r->step++;
	if (last) {
		r->part_at++;
		r->part_begun = false;
	}
}

void rfb_draw(struct rfb *r, const struct term *term)
{
	static const uint8_t bell[1] = { BELL };

	if (r->state != RFB_OPEN) {
		return;
	}
	if (r->part_at == r->parts && r->bells != term->bells && room(r) >= PIECE_MAX) {
		r->bells = term->bells;
		r->out[r->out_len++] = bell[0];
	}
	for (bool again = true; again && r->part_at == r->parts && r->asked && room(r) >= PIECE_MAX;) {
		again = r->new_pixels && r->next_pixels.mapped;  /* the map first, then the picture */
		begin_picture(r, term);
	}
	while (r->part_at < r->parts && room(r) >= PIECE_MAX) {
		if (!r->part_begun) {
			begin_part(r);
			continue;
		}
		draw_step(r);
	}
}
