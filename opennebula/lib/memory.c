/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, text that grows, and reasons. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opennebula/lib/memory.h"

static void *must(void *p)
{
	if (!p) {
		fputs("no memory left\n", stderr);
		abort();
	}
	return p;
}

void *memory_new(size_t size)
{
	return must(calloc(1, size ? size : 1));
}

char *memory_copy_text(const char *text)
{
	return must(strdup(text));
}

static void make_room(struct buffer *b, size_t more)
{
	size_t need, room = b->room ? b->room : 256;

	if (__builtin_add_overflow(b->len, more, &need) || __builtin_add_overflow(need, 1, &need)) {
		must(NULL);
	}
	if (need <= b->room) {
		return;
	}
	while (room < need) {
		room = room > SIZE_MAX / 2 ? need : room * 2;
	}
	b->at = must(realloc(b->at, room));
	b->room = room;
}

void buffer_add(struct buffer *b, const void *bytes, size_t len)
{
	make_room(b, len);
	if (len > 0) {
		memcpy(b->at + b->len, bytes, len);
	}
	b->len += len;
	b->at[b->len] = 0;
}

void buffer_text(struct buffer *b, const char *text)
{
	buffer_add(b, text, strlen(text));
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0) {
		return;
	}
	make_room(b, (size_t)len);
	va_start(args, format);
	vsnprintf(b->at + b->len, (size_t)len + 1, format, args);
	va_end(args);
	b->len += (size_t)len;
}

const char *buffer_string(const struct buffer *b)
{
	return b->at ? b->at : "";
}

void buffer_free(struct buffer *b)
{
	free(b->at);
	*b = (struct buffer){ 0 };
}

char *buffer_take(struct buffer *b)
{
	char *at = b->at ? b->at : memory_new(1);

	*b = (struct buffer){ 0 };
	return at;
}

bool why_set(struct why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	for (char *p = why->text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			*p = ' ';
		}
	}
	return false;
}
