/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a guest's bytes a terminal emulator is shown (ECMA-48, ECMA-35): ASCII, characters that the font has, and control sequences in
 * their 7-bit form with numbers up to 9999. Strings (titles, selections, settings), other character sets than those of ESC ( and ESC ),
 * combining characters and 8-bit controls are left out; what the font lacks is a question mark, or two where it would be wide. Pure.
 *
 * Why: libvterm 0.3.3 writes behind its array of numbers, lets a buffer grow with combining characters, counts columns down for controls that come
 * as UTF-8, and puts the cursor outside of the screen for margins that begin there. Guests may try.
 */
#pragma once

#include "lib/base.h"

enum { TERM_COLUMNS = 80, TERM_ROWS = 25 };

enum { TERM_FILTER_HELD = 48, TERM_FILTER_MAX = TERM_FILTER_HELD + 3 };      /* bytes that one byte becomes at most */

struct term_filter {
	enum { FILTER_TEXT, FILTER_ESCAPE, FILTER_CONTROL, FILTER_DROP_ONE, FILTER_STRING, FILTER_STRING_ESCAPE } state;
	char held[TERM_FILTER_HELD]; /* of a control sequence, between CSI and its end               */
	unsigned held_len;           /* TERM_FILTER_HELD + 1: more than fits                         */
	uint32_t character;          /* of UTF-8, so far                                             */
	unsigned missing;            /* bytes of it that are to come                                 */
	uint32_t least;              /* a shorter form would have done below this                    */
};


/* Zeroed at the start. Returns how many bytes stand at out for this one; one that is held back comes later. */
size_t term_filter_put(struct term_filter *f, uint8_t byte, char out[TERM_FILTER_MAX]);

/* The number of the glyph that a character has, or of one that stands in for it; or -1. */
int term_glyph(uint32_t character);
