/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report of a panic on the screen, for those who have no serial line: the run that ended could not draw, so the next
 * one does. It stands alone until a key comes over the serial line or an hour has passed; then the screen is the
 * machines' again. Pure: draws into the memory it is given.
 */
#pragma once

#include "console/node.h"
#include "lib/base.h"

enum { REPORT_SECONDS = 3600 };

/* Draws as many of the first lines of text, which ends with a NUL or at NODE_REPORT bytes, as the screen has room for. */
void report_draw(const struct node_video *mode, void *memory, const char *text);
