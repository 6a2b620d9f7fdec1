/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any output of a guest on screens of all kinds; the first bytes choose the screen.
 * sources: console/video.c
 */
#include <stdlib.h>
#include <string.h>

#include "console/video.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

const uint8_t font_glyphs[FONT_COUNT][FONT_HEIGHT];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct video v;
	struct node_video mode = { .colour_bits = { 8, 8, 8 }, .colour_shift = { 0, 8, 16 } };
	uint8_t *memory;

	if (len < 4) {
		return 0;
	}
	mode.kind = data[0] & 3;
	mode.bits = data[0] & 4 ? 32 : data[0] & 8 ? 24 : 16;
	if (mode.bits == 16) {
		memset(mode.colour_bits, 5, sizeof(mode.colour_bits));
	}
	mode.width = data[1];
	mode.height = data[2];
	mode.pitch = data[1] * 4u + data[3];
	mode.bytes = mode.pitch * (uint64_t)mode.height;
	memory = malloc(mode.bytes ? mode.bytes : 1);
	video_init(&v, &mode, memory);
	for (size_t at = 4; at < len; at += 16) {
		video_put(&v, data + at, len - at < 16 ? len - at : 16);
		video_draw(&v);
	}
	if (v.memory && (v.row >= v.rows || v.column > v.columns)) {
		abort();
	}
	free(memory);
	return 0;
}
