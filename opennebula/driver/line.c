/* SPDX-License-Identifier: Apache-2.0 */
/* Lines out of a stream (line.h). Memory grows with the longest line, and never beyond that. */
#include "opennebula/driver/line.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
	PIECE = 64 << 10,    /* bytes that there is room for at each read */
	KEPT = 1 << 20,      /* memory that stays when all lines were read */
};

void line_reader_init(struct line_reader *r, size_t most)
{
	*r = (struct line_reader){ .most = most };
}

void line_reader_free(struct line_reader *r)
{
	free(r->bytes);
	*r = (struct line_reader){ .most = r->most };
}

/* What was read moves to the front. */
static void pack(struct line_reader *r)
{
	if (r->start == r->len && r->room > KEPT) {
		line_reader_free(r);
	}
	if (r->start) {
		memmove(r->bytes, r->bytes + r->start, r->len - r->start);
		r->len -= r->start;
		r->scanned -= r->start;
		r->start = 0;
	}
}

char *line_room(struct line_reader *r, size_t *room)
{
	size_t wanted;
	char *bytes;

	pack(r);
	if (r->room - r->len < PIECE) {
		wanted = r->room * 2 < r->len + PIECE ? r->len + PIECE : r->room * 2;
		bytes = realloc(r->bytes, wanted);
		if (!bytes) {
			return NULL;
		}
		r->bytes = bytes;
		r->room = wanted;
	}
	*room = PIECE;
	return r->bytes + r->len;
}

void line_take(struct line_reader *r, size_t len)
{
	r->len += len;
}

/* Of a line that is longer than it may be, only the head stays. */
static void skip(struct line_reader *r)
{
	size_t held = r->len - r->start;

	if (!r->skipping && held <= r->most) {
		return;
	}
	if (held > LINE_HEAD) {
		r->len = r->start + LINE_HEAD;
	}
	r->skipping = true;
	r->scanned = r->len;
}

bool line_next(struct line_reader *r, struct line *line)
{
	char *end = r->len > r->scanned ? memchr(r->bytes + r->scanned, '\n', r->len - r->scanned) : NULL;

	if (!end) {
		r->scanned = r->len;
		skip(r);
		return false;
	}
	*end = '\0';
	line->text = r->bytes + r->start;
	line->len = (size_t)(end - line->text);
	line->too_long = r->skipping || line->len > r->most;
	if (line->too_long && line->len > LINE_HEAD) {
		line->len = LINE_HEAD;
		line->text[LINE_HEAD] = '\0';
	}
	r->skipping = false;
	r->start = r->scanned = (size_t)(end + 1 - r->bytes);
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word at *at, ended by a NUL in place; "" at the end. */
static char *word(char **at, const char *end)
{
	char *begin = *at, *p;

	while (begin < end && blank(*begin)) {
		begin++;
	}
	for (p = begin; p < end && !blank(*p) && *p; p++) {
	}
	*at = p < end ? p + 1 : p;
	*p = '\0';
	return begin;
}

static bool number(const char *text, long *value)
{
	char *end;

	if (*text != '-' && (*text < '0' || *text > '9')) {
		return false;
	}
	*value = strtol(text, &end, 10);
	return end != text && !*end && *value >= -1 && *value <= INT_MAX;
}

static void copy_type(char type[LINE_TYPE], const char *text)
{
	size_t len = strlen(text);

	len = len < LINE_TYPE ? len : LINE_TYPE - 1;
	memcpy(type, text, len);
	type[len] = '\0';
}

void line_parse(char *text, size_t len, bool timed, struct line_request *request)
{
	char *at = text, *end = text + len, *id;

	*request = (struct line_request){ .id = -1, .payload = end };
	copy_type(request->type, word(&at, end));
	id = word(&at, end);
	if (!number(id, &request->id)) {      /* the status, then */
		id = word(&at, end);
	}
	request->numbered = number(id, &request->id);
	if (!request->numbered) {
		request->id = -1;
		return;
	}
	if (timed) {
		word(&at, end);
	}
	while (at < end && blank(*at)) {
		at++;
	}
	while (end > at && blank(end[-1])) {
		end--;
	}
	*end = '\0';
	request->payload = at;
	request->payload_len = (size_t)(end - at);
}
