/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals of VNC consoles: what a guest sends becomes cells, what a viewer types becomes bytes.
 * sources: mgmt/term.c mgmt/term_filter.c mgmt/term_keys.c mgmt/keysyms.c mgmt/pixels.c build/glyphs.c
 * libraries: libvterm
 */
#include <stdio.h>
#include <string.h>

#include "mgmt/term.h"
#include "tests/unit/check.h"

enum { GREY = 7, BLACK = 0, RED = 1, BRIGHT_RED = 9 };

static struct term term;
static struct term_keys keys;
static cell_t cells[TERM_CELLS];
static char typed[256];
static size_t typed_len;

static void type(void *context, const char *bytes, size_t len)
{
	CHECK(context == typed);
	if (typed_len + len < sizeof(typed)) {
		memcpy(typed + typed_len, bytes, len);
		typed_len += len;
	}
}

static void fresh(void)
{
	term_init(&term, type, typed);
	keys = (struct term_keys){ 0 };
	typed_len = 0;
}

static void feed(const char *text)
{
	term_feed(&term, (const uint8_t *)text, strlen(text));
	term_look(&term, cells);
}

/* Glyphs of a row's first characters, as text. The font's first 127 are ASCII. */
static const char *row(unsigned number, unsigned count)
{
	static char text[TERM_COLUMNS + 1];

	for (unsigned i = 0; i < count; i++) {
		unsigned glyph = cells[number * TERM_COLUMNS + i] & CELL_GLYPH;

		text[i] = glyph < 0x7f ? (char)glyph : '#';
	}
	text[count] = '\0';
	return text;
}

/* What is typed by pressing a key. */
static const char *press(uint32_t keysym)
{
	static char text[64];

	typed_len = 0;
	term_key(&term, &keys, keysym, true);
	term_key(&term, &keys, keysym, false);
	snprintf(text, sizeof(text), "%.*s", (int)typed_len, typed);
	return text;
}

TEST(text_moves_wraps_and_scrolls)
{
	fresh();
	feed("one\r\ntwo\tx");
	CHECK_STR(row(0, 4), "one ");
	CHECK_STR(row(1, 9), "two     x");
	feed("\x1b[5;70H0123456789ABC");
	CHECK_STR(row(4, 72) + 69, "012");
	CHECK_STR(row(5, 3), "BC ");
	feed("\x1b[25;1Hlast\r\n");
	CHECK_STR(row(23, 4), "last");
	CHECK_STR(row(0, 3), "two");
	feed("\x1b[2J");
	CHECK_STR(row(0, 3), "   ");
}

TEST(colours_and_the_cursor_are_in_the_cells)
{
	fresh();
	feed("\x1b[31mr\x1b[1mb\x1b[0;7mi\x1b[0;4mu\x1b[0;38;2;255;0;0mt\x1b[0;48;5;200mp");
	CHECK_EQ(cells[0], cell_make('r', false, RED, BLACK));
	CHECK_EQ(cells[1], cell_make('b', false, BRIGHT_RED, BLACK));
	CHECK_EQ(cells[2], cell_make('i', false, BLACK, GREY));
	CHECK_EQ(cells[3], cell_make('u', true, GREY, BLACK));
	CHECK_EQ(cells[4], cell_make('t', false, 16 + 5 * 36, BLACK));
	CHECK_EQ(cells[5], cell_make('p', false, GREY, 200));
	CHECK_EQ(cells[6], cell_make(' ', false, BLACK, GREY));          /* the cursor */
	feed("\x1b[?25l");
	CHECK_EQ(cells[6], cell_make(' ', false, GREY, BLACK));
	feed("\x1b[?5h");
	CHECK_EQ(cells[0], cell_make('r', false, BLACK, RED));
}

TEST(the_other_screen_comes_and_goes)
{
	fresh();
	feed("shell\x1b[?1049h\x1b[Heditor");
	CHECK_STR(row(0, 6), "editor");
	feed("\x1b[?1049l");
	CHECK_STR(row(0, 6), "shell ");
}

TEST(characters_beyond_ascii_have_glyphs_or_question_marks)
{
	fresh();
	feed("\xc3\xa9\xe2\x94\x80|\xe4\xb8\xad|e\xcc\x81|\xf0\x9f\x98\x80|\xff|\xc2\x80|\xed\xa0\x80|");
	CHECK_EQ(cells[0] & CELL_GLYPH, (unsigned)term_glyph(0xe9));
	CHECK_EQ(cells[1] & CELL_GLYPH, (unsigned)term_glyph(0x2500));
	CHECK_STR(row(0, 9) + 2, "|??|e|?");
	CHECK_EQ(term_glyph('A'), 'A');
	CHECK_EQ(term_glyph(0x4e2d), -1);
	CHECK_EQ(term_glyph(0x2192), '>');
	fresh();
	feed("\x1b(0qs\x1b(B\xe2\x86\x92|");
	CHECK_EQ(cells[0] & CELL_GLYPH, (unsigned)term_glyph(0x2500));
	CHECK_STR(row(0, 4) + 1, "_>|");
}

TEST(what_a_guest_must_not_say_is_left_out)
{
	static const struct { const char *sent, *seen; } rows[] = {
		{ "\x1b]0;title\x07" "a", "a " },
		{ "\x1bP1$qm\x1b\\b", "b " },
		{ "\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;31mc", "c " },
		{ "\x1b[99999Cd", "d " },
		{ "\x1b[be", " e" },
		{ "\x1b%@\xc3\x9b" "f", "#f" },
		{ "\x1b[3\x18g", "g " },
		{ "\x1b[25r\x1b[?6hh", "h " },
		{ "\x1b[?69h\x1b[80s\x1b[?6hi", "i " },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		fresh();
		feed(rows[i].sent);
		CHECK_STR(row(0, 2), rows[i].seen);
	}
}

TEST(questions_are_answered_unless_it_is_mute)
{
	fresh();
	feed("ab\x1b[6n");
	CHECK_STR((typed[typed_len] = '\0', typed), "\x1b[1;3R");
	typed_len = 0;
	term.mute = true;
	feed("\x1b[6n\a");
	CHECK_EQ(typed_len, 0);
	CHECK_EQ(term.bells, 1);
	CHECK_STR(press('x'), "x");
}

TEST(keys_type_what_an_xterm_would)
{
	static const struct { uint32_t keysym; const char *bytes; } rows[] = {
		{ 'a', "a" }, { 0xe9, "\xc3\xa9" }, { 0x01000000 + 0x20ac, "\xe2\x82\xac" }, { 0x20ac, "\xe2\x82\xac" }, { 0xff0d, "\r" },
		{ 0xff08, "\x7f" }, { 0xff1b, "\x1b" }, { 0xff09, "\t" }, { 0xff51, "\x1b[D" }, { 0xff52, "\x1b[A" }, { 0xff50, "\x1b[H" },
		{ 0xffff, "\x1b[3~" }, { 0xff55, "\x1b[5~" }, { 0xffbe, "\x1bOP" }, { 0xffc9, "\x1b[24~" }, { 0xffb7, "7" }, { 0xff8d, "\r" },
		{ 0xff95, "\x1b[H" }, { 0xfe20, "\x1b[Z" }, { 0xffe5, "" }, { 0x01000000 + 0xd800, "" }, { 0xffffffff, "" },
	};

	fresh();
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_STR(press(rows[i].keysym), rows[i].bytes);
	}
	feed("\x1b[?1h");
	CHECK_STR(press(0xff51), "\x1bOD");
}

/* What noVNC and viewers under X11 send for letters of other scripts. */
TEST(older_keysyms_type_their_characters)
{
	static const struct { uint32_t keysym; const char *bytes; } rows[] = {
		{ 0x1b1, "\xc4\x85" }, { 0x1e8, "\xc4\x8d" }, { 0x1bf, "\xc5\xbc" }, { 0x2b9, "\xc4\xb1" }, { 0x3bf, "\xc5\x8b" },
		{ 0x4b1, "\xe3\x82\xa2" }, { 0x5c7, "\xd8\xa7" }, { 0x6c1, "\xd0\xb0" }, { 0x6f1, "\xd0\xaf" }, { 0x6a6, "\xd1\x96" },
		{ 0x7d9, "\xce\xa9" }, { 0x7f3, "\xcf\x82" }, { 0x8fd, "\xe2\x86\x92" }, { 0xad3, "\xe2\x80\x9d" }, { 0xce0, "\xd7\x90" },
		{ 0xda1, "\xe0\xb8\x81" }, { 0x13bd, "\xc5\x93" }, { 0x20aa, "\xe2\x82\xaa" }, { 0x1a0, "" }, { 0x1a4, "" }, { 0x200, "" }, { 0xddb, "" },
	};

	fresh();
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_STR(press(rows[i].keysym), rows[i].bytes);
	}
}

TEST(modifiers_change_what_is_typed)
{
	fresh();
	term_key(&term, &keys, 0xffe3, true);
	CHECK_STR(press('c'), "\x03");
	CHECK_STR(press('['), "\x1b");
	CHECK_STR(press('4'), "\x1c");
	CHECK_STR(press(0xff0d), "\r");
	CHECK_STR(press(0xff51), "\x1b[1;5D");
	press(' ');
	CHECK(typed_len == 1 && typed[0] == 0);
	term_key(&term, &keys, 0xffe3, false);
	term_key(&term, &keys, 0xffe9, true);
	CHECK_STR(press('x'), "\x1bx");
	term_key(&term, &keys, 0xffe9, false);
	CHECK_STR(press('x'), "x");
}

TEST(pasted_text_has_no_controls)
{
	static const uint8_t text[] = "a\r\nb\n\tc\x1b[1m\xe9\x9b";

	fresh();
	term_paste(&term, text, sizeof(text) - 1);
	CHECK_STR((typed[typed_len] = '\0', typed), "a\rb\r\tc[1m\xc3\xa9");
	feed("\x1b[?2004h");
	typed_len = 0;
	term_paste(&term, text, 1);
	CHECK_STR((typed[typed_len] = '\0', typed), "\x1b[200~a\x1b[201~");
}
