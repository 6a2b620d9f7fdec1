/* SPDX-License-Identifier: Apache-2.0 */
/* The stream to the serial line; screen.h tells how guests and node share it. */
#include "console/screen.h"

#include <stdarg.h>
#include <stdio.h>

enum { SEQUENCE_MAX = 256, RESERVE = 4 * SCREEN_LINE, CANCEL = 0x18, BELL = 0x07, ESCAPE = 0x1b };

static uint32_t space(const struct screen *s)
{
	return SCREEN_BYTES - (s->head - s->tail);
}

uint32_t screen_room(const struct screen *s)
{
	return space(s) > RESERVE ? space(s) - RESERVE : 0;
}

bool screen_line_fits(const struct screen *s)
{
	return space(s) >= SCREEN_LINE;
}

static void put_byte(struct screen *s, uint8_t byte)
{
	s->data[s->head++ % SCREEN_BYTES] = byte;
}

/* Follows escape sequences just far enough to know when one is over. */
static void follow(struct screen *s, uint8_t byte)
{
	if (s->sequence != SCREEN_TEXT && (++s->sequence_bytes > SEQUENCE_MAX || byte == CANCEL)) {
		s->sequence = SCREEN_TEXT;
		return;
	}
	switch (s->sequence) {
	case SCREEN_TEXT:
		if (byte == ESCAPE) {
			s->sequence = SCREEN_ESCAPE;
			s->sequence_bytes = 0;
		}
		break;
	case SCREEN_ESCAPE:
		if (byte == '[') {
			s->sequence = SCREEN_CONTROL;
		} else if (byte == ']' || byte == 'P' || byte == '^' || byte == '_' || byte == 'X') {
			s->sequence = SCREEN_STRING;
		} else if (byte < 0x20 || byte > 0x2f) {
			s->sequence = SCREEN_TEXT;
		}
		break;
	case SCREEN_CONTROL:
		if (byte >= 0x40 && byte <= 0x7e) {
			s->sequence = SCREEN_TEXT;
		}
		break;
	case SCREEN_STRING:
		if (byte == BELL) {
			s->sequence = SCREEN_TEXT;
		} else if (byte == ESCAPE) {
			s->sequence = SCREEN_ESCAPE;
		}
		break;
	}
}

void screen_put(struct screen *s, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		put_byte(s, bytes[i]);
		follow(s, bytes[i]);
		if (bytes[i] == '\n') {
			s->in_line = false;
		} else if (bytes[i] != '\r') {
			s->in_line = true;
		}
	}
}

bool screen_between(const struct screen *s)
{
	return s->sequence == SCREEN_TEXT;
}

void screen_line(struct screen *s, const char *text, size_t len)
{
	enum { AROUND = 5 };                     /* CAN, two line ends */

	if (!screen_line_fits(s)) {
		return;
	}
	if (len > SCREEN_LINE - AROUND) {
		len = SCREEN_LINE - AROUND;
	}
	if (s->sequence != SCREEN_TEXT) {
		put_byte(s, CANCEL);
		s->sequence = SCREEN_TEXT;
	}
	if (s->in_line) {
		put_byte(s, '\r');
		put_byte(s, '\n');
	}
	for (size_t i = 0; i < len; i++) {
		put_byte(s, text[i] >= ' ' && text[i] <= '~' ? (uint8_t)text[i] : '?');
	}
	put_byte(s, '\r');
	put_byte(s, '\n');
	s->in_line = false;
}

void screen_print(struct screen *s, const char *format, ...)
{
	char text[SCREEN_LINE];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	screen_line(s, text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

uint32_t screen_peek(const struct screen *s, const uint8_t **bytes)
{
	uint32_t at = s->tail % SCREEN_BYTES, n = s->head - s->tail;

	*bytes = &s->data[at];
	return n < SCREEN_BYTES - at ? n : SCREEN_BYTES - at;
}

void screen_sent(struct screen *s, uint32_t len)
{
	s->tail += len;
}
