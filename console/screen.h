/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes to the serial line: the raw bytes of the VM on the screen, and lines of the node between them. A node line
 * starts on a line of its own and never inside an escape sequence of the guest (ECMA-48 5.4).
 */
#pragma once

#include "lib/base.h"

enum {
	SCREEN_BYTES = 16384,        /* power of two                                                 */
	SCREEN_LINE = 256,           /* bytes that a node line may take, ends included               */
};

struct screen {
	uint8_t data[SCREEN_BYTES];
	uint32_t head, tail;         /* free-running                                                 */
	bool in_line;                /* something stands on the current line                         */
	enum { SCREEN_TEXT, SCREEN_ESCAPE, SCREEN_CONTROL, SCREEN_STRING } sequence;
	unsigned sequence_bytes;     /* so far; a sequence without end is given up                   */
};

/* Room for guest bytes: a node line always fits beside them. */
uint32_t screen_room(const struct screen *s);

/* Room for a node line. */
bool screen_line_fits(const struct screen *s);

/* len <= screen_room(). */
void screen_put(struct screen *s, const uint8_t *bytes, uint32_t len);

/* Puts a line: bytes that are not printable ASCII become '?', the rest beyond SCREEN_LINE is cut. Dropped if it does not fit. */
void screen_line(struct screen *s, const char *text, size_t len);

/* The same from a format. */
void screen_print(struct screen *s, const char *format, ...) PRINTF_LIKE(2, 3);

/* True when a node line may come now. */
bool screen_between(const struct screen *s);

/* The bytes that are to be sent next, in one piece; 0: none. screen_sent() takes them away. */
uint32_t screen_peek(const struct screen *s, const uint8_t **bytes);
void screen_sent(struct screen *s, uint32_t len);
