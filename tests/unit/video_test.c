/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text screen: what is drawn where, and the control sequences it knows.
 * sources: console/video.c console/report.c
 */
#include "console/video.h"
#include "console/report.h"

#include "tests/unit/check.h"

enum { COLUMNS = 10, ROWS = 4, PITCH = COLUMNS * 8 * 4 + 16, BYTES = PITCH * ROWS * 16 };

/* Glyph c: every row holds c, so that pixels can be read back. */
const uint8_t font_glyphs[FONT_COUNT][FONT_HEIGHT] = { ['A' - 0x20] = { 0x81, 0x42 }, ['B' - 0x20] = { 0xff } };

static struct video v;
static uint8_t memory[BYTES + 1];
static const struct node_video pixels = {
	.kind = NODE_VIDEO_PIXELS, .width = COLUMNS * 8 + 7, .height = ROWS * 16 + 5, .pitch = PITCH, .bits = 32,
	.colour_shift = { 16, 8, 0 }, .colour_bits = { 8, 8, 8 }, .bytes = BYTES + PITCH * 5,
};

static void fresh(void)
{
	struct node_video mode = pixels;

	mode.height = ROWS * 16;
	mode.width = COLUMNS * 8;
	mode.bytes = BYTES;
	memset(memory, 0xee, sizeof(memory));
	video_init(&v, &mode, memory);
}

static void say(const char *text)
{
	video_put(&v, (const uint8_t *)text, strlen(text));
}

/* A line of the screen without the blanks at its end. */
static const char *row(unsigned number)
{
	static char text[COLUMNS + 1];
	unsigned n = COLUMNS;

	memcpy(text, v.cell[number], COLUMNS);
	while (n && text[n - 1] == ' ') {
		n--;
	}
	text[n] = 0;
	return text;
}

static uint32_t pixel_at(unsigned x, unsigned y)
{
	uint32_t p;

	memcpy(&p, memory + y * PITCH + x * 4, sizeof(p));
	return p;
}

TEST(glyphs_become_pixels)
{
	fresh();
	CHECK_EQ(pixel_at(0, 0), 0);
	say("xA");
	CHECK_EQ(pixel_at(8, 0), 0);                     /* not before it is drawn */
	video_draw(&v);
	CHECK_EQ(pixel_at(8, 0), 0xbfbfbf);
	CHECK_EQ(pixel_at(9, 0), 0);
	CHECK_EQ(pixel_at(15, 0), 0xbfbfbf);
	CHECK_EQ(pixel_at(9, 1), 0xbfbfbf);
	CHECK_EQ(pixel_at(16, 5), 0xbfbfbf);             /* the cursor */
	say("\r\n");
	video_draw(&v);
	CHECK_EQ(pixel_at(16, 5), 0);
	CHECK_EQ(pixel_at(0, 16), 0xbfbfbf);
	CHECK_EQ(memory[BYTES], 0xee);
}

/* A report stands there until the text is drawn anew, all of it, since the drawer knows nothing of the report. */
TEST(report_stands_until_all_is_drawn_anew)
{
	struct node_video mode;

	fresh();
	mode = v.mode;
	say("A");
	video_draw(&v);
	report_draw(&mode, memory, "AB\nB");
	CHECK_EQ(pixel_at(0, 0), 0);                     /* the heading, in glyphs that are empty here */
	video_draw(&v);
	CHECK_EQ(pixel_at(0, 0), 0);
	video_forget(&v);
	video_draw(&v);
	CHECK_EQ(pixel_at(0, 0), 0xbfbfbf);
	CHECK_EQ(memory[BYTES], 0xee);
}

/* The first lines are what counts: the screen does not scroll. */
TEST(report_is_cut_at_its_end)
{
	static uint8_t screen[80 * 8 * 4 * 5 * 16];
	struct node_video mode = pixels;
	char text[NODE_REPORT];

	mode.width = 80 * 8;
	mode.height = 5 * 16;
	mode.pitch = mode.width * 4;
	mode.bytes = sizeof(screen);
	report_draw(&mode, screen, "A\n\nA\nA\nA\n");   /* heading, two lines and an empty one, the cursor's */
	for (unsigned row = 0; row < 5; row++) {
		uint32_t lit;

		memcpy(&lit, screen + row * 16 * mode.pitch, sizeof(lit));
		CHECK_EQ(lit != 0, row == 1 || row == 3 || row == 4);
	}
	memset(text, 'A', sizeof(text));                 /* one line without an end that has no room */
	report_draw(&mode, screen, text);
	CHECK_EQ(screen[16 * mode.pitch + 8 * 4], 0);
}

TEST(other_pixel_formats)
{
	struct node_video mode = pixels;
	uint16_t p;

	mode.bits = 16;
	memcpy(mode.colour_shift, (const uint8_t[]){ 11, 5, 0 }, 3);
	memcpy(mode.colour_bits, (const uint8_t[]){ 5, 6, 5 }, 3);
	mode.height = ROWS * 16;
	mode.bytes = BYTES;
	video_init(&v, &mode, memory);
	say("B");
	video_draw(&v);
	memcpy(&p, memory + 14, sizeof(p));
	CHECK_EQ(p, 23u << 11 | 47u << 5 | 23);
	mode.bits = 24;
	memcpy(mode.colour_shift, (const uint8_t[]){ 16, 8, 0 }, 3);
	memcpy(mode.colour_bits, (const uint8_t[]){ 8, 8, 8 }, 3);
	video_init(&v, &mode, memory);
	say("B");
	video_draw(&v);
	CHECK_EQ(memory[23], 0xbf);
	CHECK_EQ(memory[24], 0xbf);                      /* the cursor begins */
}

TEST(text_memory_of_a_vga)
{
	const struct node_video mode = { .kind = NODE_VIDEO_TEXT, .width = 10, .height = 4, .pitch = 20, .bytes = 80 };

	video_init(&v, &mode, memory);
	say("hi");
	video_draw(&v);
	CHECK_MEM(memory, "h\7i\7 \x70", 6);
}

TEST(modes_that_cannot_be_drawn_are_no_screen)
{
	static const struct { const char *what; struct node_video mode; } row_[] = {
		{ "none", { 0 } },
		{ "palette", { .kind = 1, .width = 80, .height = 64, .pitch = 80, .bits = 8, .bytes = BYTES } },
		{ "too small", { .kind = 1, .width = 7, .height = 64, .pitch = PITCH, .bits = 32, .colour_bits = { 8, 8, 8 }, .bytes = BYTES } },
		{ "lines overlap", { .kind = 1, .width = 80, .height = 64, .pitch = 319, .bits = 32, .colour_bits = { 8, 8, 8 }, .bytes = BYTES } },
		{ "beyond the end", { .kind = 1, .width = 80, .height = 65, .pitch = PITCH, .bits = 32, .colour_bits = { 8, 8, 8 }, .bytes = BYTES } },
		{ "no colours", { .kind = 1, .width = 80, .height = 64, .pitch = PITCH, .bits = 32, .bytes = BYTES } },
		{ "colour outside", { .kind = 1, .width = 80, .height = 64, .pitch = PITCH, .bits = 32, .colour_bits = { 8, 8, 8 }, .colour_shift = { 25 }, .bytes = BYTES } },
		{ "text beyond the end", { .kind = 2, .width = 80, .height = 25, .pitch = 160, .bytes = 3999 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row_); i++) {
		video_init(&v, &row_[i].mode, memory);
		CHECK(!v.memory);
		say("nothing happens");
		video_draw(&v);
	}
}

TEST(lines_wrap_and_scroll)
{
	fresh();
	say("0123456789");
	CHECK_STR(row(0), "0123456789");
	CHECK_EQ(v.row, 0);
	say("ab\r\nc\r\nd\r\ne");
	CHECK_STR(row(0), "ab");
	CHECK_STR(row(3), "e");
	say("\tX\b\bY\ag\xc3\xa4");
	CHECK_STR(row(3), "e      Yg?");
}

TEST(control_sequences)
{
	static const struct { const char *what, *text; unsigned row, column; const char *line; } rows[] = {
		{ "home",               "abc\033[HX", 0, 1, "Xbc" },
		{ "place",              "\033[2;3HX", 1, 3, "  X" },
		{ "place outside",      "\033[99;99H\033[D", 3, 8, "" },
		{ "movements",          "\033[2B\033[3C\033[A\033[2D", 1, 1, "" },
		{ "column",             "\033[4GX\033[2dY", 1, 5, "    Y" },
		{ "erase to the end",   "abcdef\033[3D\033[K", 0, 3, "abc" },
		{ "erase from start",   "abcdef\033[3D\033[1K", 0, 3, "    ef" },
		{ "erase line",         "abcdef\033[2K", 0, 6, "" },
		{ "erase screen",       "abc\r\nd\033[2JX", 1, 2, " X" },
		{ "colours are no text", "\033[1;31mred\033[0m", 0, 3, "red" },
		{ "a title is no text", "\033]0;title\aX", 0, 1, "X" },
		{ "and ended otherwise", "\033]0;title\033\\X", 0, 1, "X" },
		{ "character set",      "\033(BX", 0, 1, "X" },
		{ "kept place",         "ab\0337cd\0338X", 0, 3, "abXd" },
		{ "reset",              "ab\r\ncd\033cX", 0, 1, "X" },
		{ "private",            "\033[?25lX", 0, 1, "X" },
		{ "many parameters",    "\033[1;2;3;4;5;6;7;8mX", 0, 1, "X" },
		{ "huge parameter",     "\033[99999999999999BX", 3, 1, "X" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fresh();
		say(rows[i].text);
		CHECK_EQ(v.row, rows[i].row);
		CHECK_EQ(v.column, rows[i].column);
		CHECK_STR(row(rows[i].row), rows[i].line);
	}
}
