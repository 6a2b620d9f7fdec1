/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text and JSON: see text.h. */
#include "mgmt/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 512 };

static size_t large;                 /* bytes of all texts that are not small                         */

static size_t count_of(size_t room)
{
	return room > TEXT_SMALL ? room : 0;
}

void text_free(struct text *t)
{
	large -= count_of(t->room);
	free(t->at);
	*t = (struct text){ 0 };
}

/* Room for len more bytes and a NUL. */
static bool make_room(struct text *t, size_t len)
{
	size_t room = t->room ? t->room : FIRST_ROOM;
	char *at;

	if (t->failed || len > TEXT_MAX - t->len) {
		t->failed = true;
		return false;
	}
	while (room < t->len + len + 1) {
		room *= 2;
	}
	if (room == t->room) {
		return true;
	}
	room = room < TEXT_MAX ? room : TEXT_MAX + 1;
	at = !count_of(room) || large - count_of(t->room) + room <= TEXT_ALL_MAX ? realloc(t->at, room) : NULL;
	if (!at) {
		t->failed = true;
		return false;
	}
	large += count_of(room) - count_of(t->room);
	t->at = at;
	t->room = room;
	return true;
}

void text_append(struct text *t, const char *bytes, size_t len)
{
	if (make_room(t, len)) {
		memcpy(t->at + t->len, bytes, len);
		t->len += len;
		t->at[t->len] = '\0';
	}
}

void text_printf(struct text *t, const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(line)) {
		t->failed = true;
		return;
	}
	text_append(t, line, (size_t)n);
}

/* ---- JSON ---- */

static void escape(struct text *t, const char *value)
{
	text_append(t, "\"", 1);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\') {
			text_printf(t, "\\%c", c);
		} else if (c < ' ' || c > '~') {
			text_printf(t, "\\u%04x", c);
		} else {
			text_append(t, value, 1);
		}
	}
	text_append(t, "\"", 1);
}

/* A comma, but behind an opening bracket; and the member's name. */
static void begin(struct text *t, const char *name)
{
	char last = t->len ? t->at[t->len - 1] : '{';

	if (last != '{' && last != '[') {
		text_append(t, ",", 1);
	}
	if (name) {
		escape(t, name);
		text_append(t, ":", 1);
	}
}

void json_open(struct text *t, const char *name, char bracket)
{
	begin(t, name);
	text_append(t, &bracket, 1);
}

void json_close(struct text *t, char bracket)
{
	text_append(t, &bracket, 1);
}

void json_string(struct text *t, const char *name, const char *value)
{
	begin(t, name);
	escape(t, value);
}

void json_number(struct text *t, const char *name, uint64_t value)
{
	begin(t, name);
	text_printf(t, "%llu", (unsigned long long)value);
}

void json_bool(struct text *t, const char *name, bool value)
{
	begin(t, name);
	text_printf(t, "%s", value ? "true" : "false");
}
