/* SPDX-License-Identifier: Apache-2.0 */
/* What of a guest's bytes a terminal emulator is shown: see term_filter.h. */
#include "mgmt/term_filter.h"

#include <string.h>

#include "mgmt/glyphs.h"

enum { ESC = 0x1b, BEL = 0x07, CAN = 0x18, SUB = 0x1a, DIGITS_MAX = 4, NUMBERS_MAX = 16, REPLACEMENT = 0xfffd };

enum { REPEAT = 'b', REPEAT_MAX = 1000, TOP_BOTTOM = 'r', LEFT_RIGHT = 's' };       /* ends of control sequences */

struct range { uint32_t first, last; };

/* Characters of two columns, and of none (Unicode 15: EastAsianWidth, categories Mn, Me and Cf); roughly, they become question marks. */
static const struct range wide[] = {
	{ 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0xa4cf }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f },
	{ 0xff00, 0xff60 }, { 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};
static const struct range none[] = {
	{ 0x80, 0x9f }, { 0xad, 0xad }, { 0x300, 0x36f }, { 0x483, 0x489 }, { 0x591, 0x5bd }, { 0x610, 0x61a }, { 0x64b, 0x65f },
	{ 0x200b, 0x200f }, { 0x202a, 0x202e }, { 0x2060, 0x206f }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
	{ 0xfeff, 0xfeff }, { 0xe0000, 0xe0fff },
};

static bool is_in(const struct range *ranges, size_t count, uint32_t character)
{
	for (size_t i = 0; i < count; i++) {
		if (character >= ranges[i].first && character <= ranges[i].last) {
			return true;
		}
	}
	return false;
}

static int find_glyph(uint32_t character)
{
	unsigned low = 0, high = glyph_code_count;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (glyph_codes[middle].character == character) {
			return glyph_codes[middle].glyph;
		}
		if (glyph_codes[middle].character < character) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return -1;
}

/* Arrows, as systemd prints them, triangles, and the scan lines of a VT100's drawing set, none of which the font has. */
static uint32_t stand_in(uint32_t character)
{
	static const struct { uint32_t character; char as; } table[] = {
		{ 0x2190, '<' }, { 0x2191, '^' }, { 0x2192, '>' }, { 0x2193, 'v' }, { 0x2264, '<' }, { 0x2265, '>' }, { 0x23ba, '-' }, { 0x23bb, '-' },
		{ 0x23bc, '_' }, { 0x23bd, '_' }, { 0x25b2, '^' }, { 0x25b6, '>' }, { 0x25b8, '>' }, { 0x25bc, 'v' }, { 0x25be, 'v' }, { 0x25c0, '<' },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].character == character) {
			return (uint32_t)table[i].as;
		}
	}
	return character;
}

int term_glyph(uint32_t character)
{
	int glyph = find_glyph(character);

	return glyph < 0 ? find_glyph(stand_in(character)) : glyph;
}

/* ---- characters ---- */

/* The font has nothing beyond three bytes. */
static size_t put_utf8(uint32_t c, char *out)
{
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char)(0xe0 | c >> 12);
	out[1] = (char)(0x80 | (c >> 6 & 0x3f));
	out[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static size_t put_character(uint32_t c, char *out)
{
	if (is_in(none, ARRAY_SIZE(none), c)) {
		return 0;
	}
	if (term_glyph(c) >= 0) {
		return put_utf8(c, out);
	}
	out[0] = out[1] = '?';
	return is_in(wide, ARRAY_SIZE(wide), c) ? 2 : 1;
}

/* RFC 3629. What is not UTF-8 is one question mark for each byte or sequence. */
static size_t take_high(struct term_filter *f, uint8_t byte, char *out)
{
	static const struct { uint8_t first, last; uint32_t least; } kinds[] = { { 0xc2, 0xdf, 0x80 }, { 0xe0, 0xef, 0x800 }, { 0xf0, 0xf4, 0x10000 } };

	if (f->missing && (byte & 0xc0) == 0x80) {
		f->character = f->character << 6 | (byte & 0x3f);
		if (--f->missing) {
			return 0;
		}
		return put_character(f->character >= f->least && (f->character & ~0x7ffu) != 0xd800 ? f->character : REPLACEMENT, out);
	}
	f->missing = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (byte >= kinds[i].first && byte <= kinds[i].last) {
			f->character = byte & (0x1fu >> i);
			f->missing = i + 1;
			f->least = kinds[i].least;
			return 0;
		}
	}
	return put_character(REPLACEMENT, out);
}

/* ---- sequences ---- */

static size_t pass(uint8_t byte, char *out)
{
	out[0] = (char)byte;
	return 1;
}

/* After ESC, which was held back: it goes on together with what makes it one that is known. */
static size_t take_escape(struct term_filter *f, uint8_t byte, char *out)
{
	f->state = FILTER_TEXT;
	switch (byte) {
	case ']': case 'P': case 'X': case '^': case '_':
		f->state = FILTER_STRING;
		return 0;
	case '%': case ' ': case '*': case '+': case '-': case '.': case '/': case '$': case '!': case '"': case '\'': case '&': case ',':
		f->state = FILTER_DROP_ONE;
		return 0;
	case '[':
		f->state = FILTER_CONTROL;
		f->held_len = 0;
		return 0;
	case '\\': case 'N': case 'O':
		return 0;
	default:
		break;
	}
	if (byte < ' ' || byte >= 0x7f) {
		return 0;
	}
	out[0] = ESC;
	out[1] = (char)byte;
	return 2;
}

/* Whether the numbers of a sequence may be these. Margins that begin outside of the screen would put the cursor there, too. */
static bool may_be(uint8_t end, unsigned first, unsigned last)
{
	switch (end) {
	case REPEAT:     return last <= REPEAT_MAX;
	case TOP_BOTTOM: return first < TERM_ROWS;
	case LEFT_RIGHT: return first < TERM_COLUMNS;
	default:         return true;
	}
}

/* Whether what stands between CSI and its end is [<=>?] and numbers, which may be empty, with ; or : between, and one more byte at most. */
static bool is_sane(const struct term_filter *f, uint8_t end)
{
	unsigned at = f->held_len && f->held[0] >= '<' ? 1 : 0, numbers = 1, digits = 0, number = 0, first = 0;

	for (; at < f->held_len && f->held[at] >= '0' && f->held[at] <= ';'; at++) {
		bool digit = f->held[at] <= '9';

		number = digit ? number * 10 + (unsigned)(f->held[at] - '0') : 0;
		digits = digit ? digits + 1 : 0;
		first = numbers == 1 && digit ? number : first;
		numbers += !digit;
		if (digits > DIGITS_MAX || numbers > NUMBERS_MAX) {
			return false;
		}
	}
	if (at < f->held_len && f->held[at] < '0') {
		at++;
	}
	return at == f->held_len && may_be(end, first, number);
}

/* All of it is held back up to its end. */
static size_t take_control(struct term_filter *f, uint8_t byte, char *out)
{
	size_t len = f->held_len;

	if (byte >= 0x7f) {
		return 0;
	}
	if (byte < ' ') {
		return pass(byte, out);
	}
	if (byte < 0x40) {
		if (len < TERM_FILTER_HELD) {
			f->held[len] = (char)byte;
		}
		f->held_len += len <= TERM_FILTER_HELD;
		return 0;
	}
	f->state = FILTER_TEXT;
	if (len > TERM_FILTER_HELD || !is_sane(f, byte)) {
		return 0;
	}
	out[0] = ESC;
	out[1] = '[';
	memcpy(out + 2, f->held, len);
	out[len + 2] = (char)byte;
	return len + 3;
}

size_t term_filter_put(struct term_filter *f, uint8_t byte, char out[TERM_FILTER_MAX])
{
	if (byte == CAN || byte == SUB) {
		f->state = FILTER_TEXT;
		f->missing = 0;
		return pass(byte, out);
	}
	if (byte == ESC) {
		f->state = f->state == FILTER_STRING ? FILTER_STRING_ESCAPE : FILTER_ESCAPE;
		f->missing = 0;
		return 0;
	}
	switch (f->state) {
	case FILTER_ESCAPE:
		return take_escape(f, byte, out);
	case FILTER_CONTROL:
		return take_control(f, byte, out);
	case FILTER_DROP_ONE:
		f->state = FILTER_TEXT;
		return 0;
	case FILTER_STRING:
		f->state = byte == BEL ? FILTER_TEXT : FILTER_STRING;
		return 0;
	case FILTER_STRING_ESCAPE:                               /* ESC \ ends it; any other ESC begins something new */
		return take_escape(f, byte, out);
	case FILTER_TEXT:
		break;
	}
	if (byte >= 0x80) {
		return take_high(f, byte, out);
	}
	f->missing = 0;
	return byte == 0x7f ? 0 : pass(byte, out);
}
