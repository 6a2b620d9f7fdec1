/* SPDX-License-Identifier: Apache-2.0 */
/* Text that grows, and JSON (RFC 8259) in it. */
#pragma once

#include "lib/base.h"

enum {
	TEXT_MAX = 256 << 10,        /* bytes of one text                                            */
	TEXT_SMALL = 8 << 10,        /* that a text may have in any case                             */
	TEXT_ALL_MAX = 1280 << 10,   /* of all larger ones together: clients that do not take their answers leave memory to the others */
};

/* Zeroed: empty. at is malloc'd, and the owner's to free by text_free(). */
struct text {
	char *at;                    /* NUL-terminated; NULL: nothing was written                    */
	size_t len, room;
	bool failed;                 /* no memory, or longer than it may be: what is there is not whole */
};

void text_free(struct text *t);
void text_append(struct text *t, const char *bytes, size_t len);
void text_printf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * JSON values in the order in which they stand. name: of a member; NULL in an array and at the top. Commas come by themselves.
 * A string's bytes that are no printable ASCII are escaped.
 */
void json_open(struct text *t, const char *name, char bracket);
void json_close(struct text *t, char bracket);
void json_string(struct text *t, const char *name, const char *value);
void json_number(struct text *t, const char *name, uint64_t value);
void json_bool(struct text *t, const char *name, bool value);
