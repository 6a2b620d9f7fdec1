/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal on libvterm: see term.h. Only libvterm's state is used; the cells are ours, since its own screen takes 80 bytes for each. */
#include "mgmt/term.h"

#include <assert.h>
#include <sanitizer/asan_interface.h>
#include <string.h>

enum { GREY = 7, BLACK = 0, BRIGHT = 8, TMP_BYTES = 128, OUT_BYTES = 16, ALIGNMENT = 16 };

/* ---- its memory: taken once, when it is made. Tests see it when libvterm writes behind a piece; in the image the words do nothing ---- */

static void *take_memory(size_t size, void *context)
{
	struct term *t = context;
	size_t at = t->used;

	assert(size + ALIGNMENT <= TERM_MEMORY - at);            /* it does not depend on what is shown */
	t->used = ALIGN_UP(at + size + 1, (size_t)ALIGNMENT);
	ASAN_POISON_MEMORY_REGION(t->memory + at + size, t->used - at - size);
	return t->memory + at;
}

static void give_memory(void *at, void *context)
{
	(void)at;
	(void)context;
}

static const VTermAllocatorFunctions memory = { .malloc = take_memory, .free = give_memory };

/* ---- cells ---- */

static cell_t blank(const struct term *t)
{
	return cell_make(' ', false, t->pen.foreground, t->pen.background);
}

static cell_t *row_at(struct term *t, int row)
{
	return t->cell[t->page] + (size_t)row * TERM_COLUMNS;
}

/* What libvterm calls a rectangle, cut to the screen. */
static VTermRect cut(VTermRect r)
{
	r.start_row = r.start_row < 0 ? 0 : r.start_row;
	r.start_col = r.start_col < 0 ? 0 : r.start_col;
	r.end_row = r.end_row > TERM_ROWS ? TERM_ROWS : r.end_row;
	r.end_col = r.end_col > TERM_COLUMNS ? TERM_COLUMNS : r.end_col;
	return r;
}

static int put_glyph(VTermGlyphInfo *info, VTermPos at, void *context)
{
	struct term *t = context;
	bool swap = t->pen.inverse;
	uint8_t front = t->pen.foreground, back = t->pen.background;
	int glyph = term_glyph(info->chars[0]);

	if (at.row < 0 || at.row >= TERM_ROWS || at.col < 0 || at.col >= TERM_COLUMNS) {
		return 1;
	}
	if (t->pen.bold && front < BRIGHT) {
		front = (uint8_t)(front + BRIGHT);
	}
	if (t->pen.hidden) {
		front = back;
	}
	row_at(t, at.row)[at.col] = cell_make((uint16_t)(glyph < 0 ? '?' : glyph), t->pen.underline, swap ? back : front, swap ? front : back);
	return 1;
}

static int erase(VTermRect rect, int selective, void *context)
{
	struct term *t = context;
	VTermRect r = cut(rect);

	(void)selective;
	for (int row = r.start_row; row < r.end_row; row++) {
		for (int column = r.start_col; column < r.end_col; column++) {
			row_at(t, row)[column] = blank(t);
		}
	}
	return 1;
}

static void copy_cell(VTermPos to, VTermPos from, void *context)
{
	row_at(context, to.row)[to.col] = row_at(context, from.row)[from.col];
}

static int move_rect(VTermRect to, VTermRect from, void *context)
{
	VTermRect a = cut(to), b = cut(from);

	if (memcmp(&a, &to, sizeof(a)) == 0 && memcmp(&b, &from, sizeof(b)) == 0) {
		vterm_copy_cells(to, from, copy_cell, context);
	}
	return 1;
}

static int scroll_rect(VTermRect rect, int downward, int rightward, void *context)
{
	vterm_scroll_rect(rect, downward, rightward, move_rect, erase, context);
	return 1;
}

/* ---- the rest of its state ---- */

static int move_cursor(VTermPos at, VTermPos before, int visible, void *context)
{
	struct term *t = context;

	(void)before;
	(void)visible;
	t->row = at.row;
	t->column = at.col;
	return 1;
}

static uint8_t colour_of(const VTermColor *colour, uint8_t otherwise)
{
	if (VTERM_COLOR_IS_DEFAULT_FG(colour) || VTERM_COLOR_IS_DEFAULT_BG(colour)) {
		return otherwise;
	}
	return VTERM_COLOR_IS_INDEXED(colour) ? colour->indexed.idx : pixels_nearest(colour->rgb.red, colour->rgb.green, colour->rgb.blue);
}

static int set_pen(VTermAttr attribute, VTermValue *value, void *context)
{
	struct term *t = context;

	switch (attribute) {
	case VTERM_ATTR_BOLD:       t->pen.bold = value->boolean; break;
	case VTERM_ATTR_UNDERLINE:  t->pen.underline = value->number != 0; break;
	case VTERM_ATTR_REVERSE:    t->pen.inverse = value->boolean; break;
	case VTERM_ATTR_CONCEAL:    t->pen.hidden = value->boolean; break;
	case VTERM_ATTR_FOREGROUND: t->pen.foreground = colour_of(&value->color, GREY); break;
	case VTERM_ATTR_BACKGROUND: t->pen.background = colour_of(&value->color, BLACK); break;
	default:                    break;               /* no font for it */
	}
	return 1;
}

static void clear_page(struct term *t)
{
	for (unsigned i = 0; i < TERM_CELLS; i++) {
		t->cell[t->page][i] = cell_make(' ', false, GREY, BLACK);
	}
}

static int set_property(VTermProp property, VTermValue *value, void *context)
{
	struct term *t = context;

	switch (property) {
	case VTERM_PROP_CURSORVISIBLE: t->visible = value->boolean; break;
	case VTERM_PROP_REVERSE:       t->inverse = value->boolean; break;
	case VTERM_PROP_ALTSCREEN:
		t->page = value->boolean ? 1 : 0;
		if (t->page) {
			clear_page(t);
		}
		break;
	default:
		break;
	}
	return 1;
}

static int ring_bell(void *context)
{
	((struct term *)context)->bells++;
	return 1;
}

static const VTermStateCallbacks callbacks = {
	.putglyph = put_glyph, .movecursor = move_cursor, .scrollrect = scroll_rect, .erase = erase, .setpenattr = set_pen,
	.settermprop = set_property, .bell = ring_bell,
};

static void say(const char *bytes, size_t len, void *context)
{
	struct term *t = context;

	if (!t->mute) {
		t->type(t->context, bytes, len);
	}
}

/* An empty screen, in memory that is all zero, as libvterm wants it. */
static void begin(struct term *t)
{
	struct VTermBuilder how = {
		.rows = TERM_ROWS, .cols = TERM_COLUMNS, .allocator = &memory, .allocdata = t, .outbuffer_len = OUT_BYTES, .tmpbuffer_len = TMP_BYTES,
	};

	ASAN_UNPOISON_MEMORY_REGION(t->memory, sizeof(t->memory));
	memset(t->memory, 0, sizeof(t->memory));
	memset(&t->filter, 0, sizeof(t->filter));
	memset(&t->pen, 0, sizeof(t->pen));
	t->used = 0;
	t->visible = true;
	t->inverse = false;
	t->row = t->column = 0;
	for (t->page = 1; t->page; t->page--) {
		clear_page(t);
	}
	clear_page(t);
	t->vt = vterm_build(&how);
	vterm_set_utf8(t->vt, 1);
	vterm_output_set_callback(t->vt, say, t);
	t->state = vterm_obtain_state(t->vt);
	vterm_state_set_callbacks(t->state, &callbacks, t);
	vterm_state_reset(t->state, 1);
	vterm_input_write(t->vt, " \r", 2);                      /* REP (CSI b) of nothing would never end: it repeats this */
}

void term_init(struct term *t, void (*type)(void *context, const char *bytes, size_t len), void *context)
{
	ASAN_UNPOISON_MEMORY_REGION(t->memory, sizeof(t->memory));
	memset(t, 0, sizeof(*t));
	t->type = type;
	t->context = context;
	begin(t);
}

/* No sequence is known that leads there; from there libvterm would write where nothing is. */
static bool is_outside(const struct term *t)
{
	return t->row < 0 || t->row >= TERM_ROWS || t->column < 0 || t->column >= TERM_COLUMNS;
}

void term_feed(struct term *t, const uint8_t *bytes, size_t len)
{
	char out[TERM_FILTER_MAX];

	t->changes += len != 0;
	for (size_t i = 0; i < len; i++) {
		size_t n = term_filter_put(&t->filter, bytes[i], out);

		if (n) {
			vterm_input_write(t->vt, out, n);
		}
		if (is_outside(t)) {
			t->lost++;
			begin(t);
		}
	}
}

static cell_t turned(cell_t cell)
{
	return cell_make(cell & CELL_GLYPH, cell & CELL_UNDERLINE, cell_background(cell), cell_foreground(cell));
}

void term_look(const struct term *t, cell_t *cells)
{
	memcpy(cells, t->cell[t->page], sizeof(t->cell[0]));
	for (unsigned i = 0; t->inverse && i < TERM_CELLS; i++) {
		cells[i] = turned(cells[i]);
	}
	if (t->visible) {
		cell_t *c = &cells[t->row * TERM_COLUMNS + t->column];

		/* On a cell whose two colours are one it must be seen, too. */
		*c = cell_foreground(*c) == cell_background(*c) ? cell_make(' ', false, BLACK, GREY) : turned(*c);
	}
}
