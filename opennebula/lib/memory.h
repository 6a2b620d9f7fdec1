/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the front-end's programs. Where there is none left the program says so and ends: it is started again by who
 * watches it, and nothing that it had promised is lost by that. All is thread-safe.
 */
#pragma once

#include <stddef.h>

#include "lib/base.h"

/* Zeroed. The caller frees. */
void *memory_new(size_t size) __attribute__((returns_nonnull, malloc));
char *memory_copy_text(const char *text) __attribute__((returns_nonnull, malloc));

/* Bytes that grow. All zero is an empty one. There is always a NUL behind the last byte once something was added. */
struct buffer {
	char *at;                        /* NULL: nothing was added yet */
	size_t len, room;
};

void buffer_add(struct buffer *b, const void *bytes, size_t len);
void buffer_text(struct buffer *b, const char *text);
void buffer_printf(struct buffer *b, const char *format, ...) PRINTF_LIKE(2, 3);

/* The text so far, never NULL. */
const char *buffer_string(const struct buffer *b);

/* Frees the bytes; empty again. */
void buffer_free(struct buffer *b);

/* Hands the bytes over, never NULL: the caller frees them. Empty again. */
char *buffer_take(struct buffer *b);

/* Why something was refused, in words for a user. */
struct why {
	char text[512];
};

/* Sets the words, each control character a blank; always false, so that `return why_set(...)` reads well. */
bool why_set(struct why *why, const char *format, ...) PRINTF_LIKE(2, 3);
