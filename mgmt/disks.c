/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that are kept: see disks.h. */
#include "mgmt/disks.h"

#include <string.h>

#include "lib/kept_disk.h"
#include "mgmt/counter_routes.h"
#include "mgmt/images.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"
#include "mgmt/upload.h"

enum { NONE = -1, DIGITS_MAX = 15, RUN_MAX = 64 << 10, ZEROS = 16 << 10 };

/* A disk that is being fetched, by window. */
static struct {
	uint32_t token;              /* number of the command that opens it; 0: the window is free   */
	struct kept_disk disk;
	uint64_t at;                 /* what is sent next                                            */
} window[MGMT_WINDOWS];

static const uint8_t zeros[ZEROS];

/* ---- what there is ---- */

const struct mgmt_disk *disk_find(const char *name)
{
	for (int i = 0; i < MGMT_DISKS; i++) {
		const struct mgmt_disk *d = &platform_disks()->disk[i];

		if (__atomic_load_n(&d->exists, __ATOMIC_ACQUIRE) && strcmp(d->name, name) == 0) {
			return d;
		}
	}
	return NULL;
}

static void put_disk(struct text *t, const struct mgmt_disk *d)
{
	json_open(t, NULL, '{');
	json_string(t, "name", d->name);
	json_number(t, "size", d->size);
	json_string(t, "image", d->image);
	json_bool(t, "read_only", (d->flags & MGMT_DISK_READ_ONLY) != 0);
	json_number(t, "used", d->used);
	json_string(t, "vm", d->vm);
	json_string(t, "state", d->partial ? "partial" : "whole");
	if (d->flags & MGMT_DISK_SENT) {
		json_number(t, "bytes", d->asked);
		json_number(t, "received", d->partial ? upload_have(platform_sent(d), d->asked) : d->asked);
		upload_put_digest(t, "sha256", d->sha256);
	}
	json_close(t, '}');
}

/* init counts first, so that an answer tells of now. */
void disks_ask(struct exchange *e)
{
	counters_ask(e);
}

void disks_poll(struct exchange *e)
{
	struct mgmt_answer answer;

	if (!exchange_hear(e, &answer)) {
		return;
	}
	e->status = 200;
	json_open(&e->reply, NULL, '[');
	for (int i = 0; i < MGMT_DISKS; i++) {
		if (__atomic_load_n(&platform_disks()->disk[i].exists, __ATOMIC_ACQUIRE)) {
			put_disk(&e->reply, &platform_disks()->disk[i]);
		}
	}
	json_close(&e->reply, ']');
	text_append(&e->reply, "\n", 1);
}

void disk_reply(struct exchange *e, unsigned status)
{
	const struct mgmt_disk *d = disk_find(e->name);

	e->status = status;
	if (d) {
		put_disk(&e->reply, d);
		text_append(&e->reply, "\n", 1);
	} else {
		text_append(&e->reply, "{}\n", 3);
	}
}

/* ---- text of requests ---- */

/* All of the text, but for the end of its line. */
static bool take_number(const char *text, size_t len, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		*value = *value * 10 + (uint64_t)(text[i] - '0');
	}
	return len && len <= DIGITS_MAX;
}

/* What stands behind `key ` in a line; NULL: it is another key. */
static const char *value_of(const char *line, size_t len, const char *key)
{
	size_t n = strlen(key);

	return len > n && memcmp(line, key, n) == 0 && line[n] == ' ' ? line + n + 1 : NULL;
}

static bool take_name(const char *text, size_t len, char name[CONF_MODULE_MAX])
{
	if (!len || len >= CONF_MODULE_MAX || memchr(text, '\0', len)) {
		return false;
	}
	memcpy(name, text, len);
	name[len] = '\0';
	return true;
}

static bool is_word(const char *line, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(line, word, len) == 0;
}

static const char *take_line(const char *line, size_t len, struct mgmt_command *c)
{
	const char *value = value_of(line, len, "image");
	uint32_t flag = is_word(line, len, "read-only") ? MGMT_DISK_READ_ONLY : is_word(line, len, "swap") ? MGMT_DISK_SWAP : 0;

	if (value) {
		return !c->other[0] && take_name(value, len - (size_t)(value - line), c->other) ? NULL : "image takes one name, once";
	}
	value = value_of(line, len, "size");
	if (value) {
		return !c->size && take_number(value, len - (size_t)(value - line), &c->size) && c->size ? NULL
				: "size takes a number of bytes, once";
	}
	c->flags |= flag;
	return flag || !len ? NULL : "the lines of a disk are image IMAGE, size BYTES, read-only and swap";
}

/* Length of a line, without its end; *next: where the next one begins. */
static size_t line_length(const char *text, const char **next)
{
	size_t len = strcspn(text, "\n");

	*next = text + len + (text[len] == '\n');
	return len && text[len - 1] == '\r' ? len - 1 : len;
}

bool disk_words(const char *text, struct mgmt_command *command, const char **why)
{
	const char *next;

	for (*why = NULL; *text && !*why; text = next) {
		size_t len = line_length(text, &next);

		*why = take_line(text, len, command);
	}
	return !*why;
}

/* ---- changes ---- */

void disk_ask(struct exchange *e, const char *what, int status, struct mgmt_command *command)
{
	int r;

	if (strlen(e->name) >= sizeof(command->name)) {
		exchange_refuse(e, 400, "the name is too long");
		return;
	}
	memcpy(command->name, e->name, strlen(e->name) + 1);
	r = platform_ask(command, NULL);
	if (r < 0) {
		exchange_audit(e, what, "too much is asked for at once");
		exchange_refuse(e, 503, "too much is asked for at once");
		return;
	}
	e->asked = (uint32_t)r;
	e->what = what;
	e->awaited = status;
	e->waits = true;
}

void disk_poll(struct exchange *e)
{
	if (exchange_hear_change(e)) {
		disk_reply(e, (unsigned)e->awaited);
	}
}

static bool is_text(const struct exchange *e)
{
	return !e->body.at || strlen(e->body.at) == e->body.len;
}

void disk_create(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_DISK_CREATE };
	const char *why = "the body is text";

	if (is_text(e) && disk_words(e->body.at ? e->body.at : "", &command, &why)) {
		disk_ask(e, "create disk", disk_find(e->name) ? 200 : 201, &command);
	} else {
		exchange_refuse(e, 400, why);
	}
}

/* The one line of a body. */
static size_t only_line(const struct exchange *e, const char **line)
{
	const char *next;
	size_t len;

	*line = e->body.at ? e->body.at : "";
	len = line_length(*line, &next);
	return *next || !is_text(e) ? 0 : len;
}

void disk_resize(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_DISK_RESIZE };
	const char *line;
	size_t len = only_line(e, &line);

	if (take_number(line, len, &command.size)) {
		disk_ask(e, "resize disk", 200, &command);
	} else {
		exchange_refuse(e, 400, "the body is the new size, in bytes");
	}
}

void disk_rename(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_DISK_RENAME };
	const char *line;
	size_t len = only_line(e, &line);

	if (take_name(line, len, command.other)) {
		disk_ask(e, "rename disk", 200, &command);
	} else {
		exchange_refuse(e, 400, "the body is the new name");
	}
}

void disk_delete(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_DISK_DELETE };

	disk_ask(e, "delete disk", 200, &command);
}

/* ---- fetching ---- */

static int free_window(void)
{
	for (int i = 0; i < MGMT_WINDOWS; i++) {
		if (!window[i].token) {
			return i;
		}
	}
	return NONE;
}

void disk_open(struct exchange *e, const char *what, uint32_t flags)
{
	int w = free_window();
	struct mgmt_command command = { .op = MGMT_DISK_OPEN, .size = (uint64_t)w, .flags = flags };

	if (w == NONE) {
		exchange_refuse(e, 503, "too many disks are being sent or fetched at once");
		return;
	}
	disk_ask(e, what, 200, &command);
	if (e->waits) {
		window[w].token = e->asked;
		e->window = w + 1;
	}
}

void disk_let_go(struct exchange *e)
{
	if (e->window) {
		platform_close_window(e->window - 1, window[e->window - 1].token);
		window[e->window - 1].token = 0;
	}
	e->window = 0;
}

void disk_content(const struct exchange *e, const struct mgmt_disk *d, struct kept_disk *content)
{
	platform_window(e->window - 1, d, content);
}

void disk_get(struct exchange *e)
{
	disk_open(e, "fetch disk", 0);
}

/* The part that is asked for. False: it was refused. */
static bool choose_part(struct exchange *e, uint64_t size, uint64_t *from)
{
	uint64_t to = size - 1;

	*from = 0;
	if (e->request->field[FIELD_RANGE][0]) {
		if (!upload_range(e->request->field[FIELD_RANGE], size, from, &to)) {
			exchange_refuse(e, 416, "Range must be bytes=FROM-, FROM-TO or -LAST within the disk");
			return false;
		}
		e->status = 206;
		text_printf(&e->headers, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)*from, (unsigned long long)to,
			    (unsigned long long)size);
	}
	text_printf(&e->headers, "Accept-Ranges: bytes\r\n");
	e->type = "application/octet-stream";
	e->source_more = to - *from + 1;
	return true;
}

void disk_get_poll(struct exchange *e)
{
	const struct mgmt_disk *d = disk_find(e->name);
	int w = e->window - 1;
	struct mgmt_answer answer;

	if (!exchange_hear(e, &answer)) {
		return;
	}
	if (answer.result < 0 || !d) {
		exchange_refuse(e, exchange_status(answer.result), answer.why);
		return;
	}
	e->status = 200;
	if (choose_part(e, d->size, &window[w].at)) {
		disk_content(e, d, &window[w].disk);
	}
}

/* A run of blocks that stand behind each other, or of zeros. */
void disk_more(struct exchange *e)
{
	const struct kept_disk *d = &window[e->window - 1].disk;
	uint64_t at = window[e->window - 1].at, block = at / DISK_BLOCK, len = DISK_BLOCK - at % DISK_BLOCK;
	uint64_t most = e->source_more < RUN_MAX ? e->source_more : RUN_MAX;
	const uint8_t *first = kept_disk_block(d, block);

	most = first || most < ZEROS ? most : ZEROS;
	while (len < most && kept_disk_block(d, ++block) == (first ? first + at % DISK_BLOCK + len : NULL)) {
		len += DISK_BLOCK;
	}
	len = len < most ? len : most;
	e->source = first ? first + at % DISK_BLOCK : zeros;
	e->source_len = len;
	e->source_more -= len;
	window[e->window - 1].at = at + len;
}

void disk_end(struct exchange *e)
{
	disk_let_go(e);
	if (e->asked) {
		platform_forget(e->asked);
	}
	e->asked = 0;
}
