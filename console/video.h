/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text screen on what the boot loader left: a framebuffer, where glyphs are drawn, or the text memory of a VGA. It shows
 * what the serial line is sent, as a terminal would (ECMA-48, the part that shells and boot messages use; no colours).
 * Pure: draws into the memory it is given.
 */
#pragma once

#include "console/node.h"
#include "lib/base.h"

enum {
	VIDEO_COLUMNS_MAX = 256, VIDEO_ROWS_MAX = 128,
	FONT_WIDTH = 8, FONT_HEIGHT = 16, FONT_FIRST = 0x20, FONT_COUNT = 95,
	VIDEO_PARAMETERS = 4,
};

/* Printable ASCII, a byte per row, the leftmost pixel in bit 7. tools/mkfont makes it of a font of Debian's. */
extern const uint8_t font_glyphs[FONT_COUNT][FONT_HEIGHT];

struct video {
	struct node_video mode;
	uint8_t *memory;             /* NULL: there is no screen                                     */
	unsigned columns, rows;
	unsigned column, row;        /* of the cursor; column == columns: the next character wraps   */
	unsigned saved_column, saved_row;
	enum { VIDEO_TEXT, VIDEO_ESCAPE, VIDEO_CONTROL, VIDEO_CHARSET, VIDEO_STRING } sequence;
	unsigned parameter[VIDEO_PARAMETERS], parameter_count;
	uint8_t cell[VIDEO_ROWS_MAX][VIDEO_COLUMNS_MAX];     /* characters                           */
	uint8_t shown[VIDEO_ROWS_MAX][VIDEO_COLUMNS_MAX];    /* as drawn; bit 7: the cursor          */
};

/* memory: mode->bytes bytes that outlive v. A mode that cannot be drawn leaves v without a screen. */
void video_init(struct video *v, const struct node_video *mode, void *memory);

/* Takes bytes; nothing is drawn yet. */
void video_put(struct video *v, const uint8_t *bytes, size_t len);

/* Draws what has changed. */
void video_draw(struct video *v);

/* Somebody else drew on the memory: the next video_draw() draws everything. */
void video_forget(struct video *v);
