/* SPDX-License-Identifier: Apache-2.0 */
/* The screen that the loader left on: taken out of the physical addresses for the console program. */
#pragma once

#include "console/node.h"
#include "init/bootinfo.h"
#include "init/memory.h"

struct video_screen {
	struct node_video mode;      /* kind NODE_VIDEO_NONE: there is none                          */
	struct extent memory;        /* whole pages around it; empty: none                           */
};

extern struct video_screen video_screen;

/* After inventory_take(): what is RAM is no screen, whatever the loader says. */
void video_take(const struct boot_video *from);
