/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines that oned and monitord write to a driver's standard input: cut out of a stream, and taken apart.
 *
 *	TYPE ' ' STATUS ' ' ID ' ' [TIMESTAMP ' '] PAYLOAD '\n'
 *
 * oned leaves STATUS empty, so that two blanks follow TYPE; monitord writes `-`. Both are read, and any number of blanks.
 * Nothing here knows a driver or a thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	LINE_MOST = 10 << 20, /* bytes of a line; of a longer one only the head is kept */
	LINE_HEAD = 128,      /* bytes of that head */
	LINE_TYPE = 32,       /* room for a request's type and its NUL */
};

/* A stream and what is left of it. */
struct line_reader {
	char *bytes;
	size_t len, room;    /* bytes that are there; that fit in */
	size_t start;        /* of the line that comes next */
	size_t scanned;      /* no newline between start and here */
	size_t most;
	bool skipping;       /* a line that is too long goes by; its head stands at start */
};

/* One line, without its newline and NUL-terminated. */
struct line {
	char *text;          /* inside the reader, until it is asked for anything again */
	size_t len;
	bool too_long;       /* text is only its head */
};

/* A request as it was written. type is empty for a line without words. */
struct line_request {
	char type[LINE_TYPE];
	bool numbered;       /* it has an id */
	long id;             /* -1 to 2^31 - 1 */
	char *payload;       /* the rest of the line, without blanks around it; "" if there is none */
	size_t payload_len;
};

/* most: bytes of the longest line that is kept whole. line_reader_free() gives the memory back. */
void line_reader_init(struct line_reader *r, size_t most);
void line_reader_free(struct line_reader *r);

/* Room for bytes of the stream, at least one; NULL if there is no memory. line_take() says how many were put there. */
char *line_room(struct line_reader *r, size_t *room);
void line_take(struct line_reader *r, size_t len);

/* The next line that has its end, or false. */
bool line_next(struct line_reader *r, struct line *line);

/*
 * Takes a line apart, in place. timed: a timestamp follows the id. What does not fit the form comes out as a request
 * without a number, whose payload is empty; a type that is too long is cut.
 */
void line_parse(char *text, size_t len, bool timed, struct line_request *request);
