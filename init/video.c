/* SPDX-License-Identifier: Apache-2.0 */
/* The screen: see video.h. */
#include "init/video.h"

#include <string.h>

#include "init/log.h"
#include "init/physical.h"

enum { BYTES_MAX = 64 << 20 };

struct video_screen video_screen;

void video_take(const struct boot_video *from)
{
	struct node_video *mode = &video_screen.mode;
	uint64_t first = ALIGN_DOWN(from->base, (uint64_t)PAGE_SIZE), bytes = from->pitch * (uint64_t)from->height;
	uint64_t size;

	if (!from->kind || !bytes || bytes > BYTES_MAX || from->base >= 1ull << 52) {
		return;
	}
	size = ALIGN_UP(from->base + bytes, (uint64_t)PAGE_SIZE) - first;
	if (physical_take(first, size, &video_screen.memory) < 0) {
		init_log("screen: the loader's framebuffer at %#llx is not used: it is memory", (unsigned long long)from->base);
		return;
	}
	*mode = (struct node_video){
		.kind = from->kind, .width = from->width, .height = from->height, .pitch = from->pitch, .bits = from->bits,
		.offset = from->base - first, .bytes = bytes,
	};
	memcpy(mode->colour_shift, from->colour_shift, sizeof(mode->colour_shift));
	memcpy(mode->colour_bits, from->colour_bits, sizeof(mode->colour_bits));
	init_log("screen: %u x %u%s", mode->width, mode->height, mode->kind == NODE_VIDEO_TEXT ? ", text" : "");
}
