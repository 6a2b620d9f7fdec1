/* SPDX-License-Identifier: Apache-2.0 */
/* Images up and down: see images.h. init owns their memory; what is known of an upload under way is here. */
#include "mgmt/images.h"

#include <string.h>

#include "mgmt/contexts.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"
#include "mgmt/upload.h"

static unsigned users[MGMT_VOLUMES];         /* exchanges that read or write it, and pending ones */
static uint32_t pending[MGMT_VOLUMES];       /* asked of init for it by one that has ended; 0: nothing */

/*
 * Who leaves while init seals its image, or deletes it, must not make room for another writer: what is sealed is what was hashed. The image
 * is used until the answer has come.
 */
static void settle(void)
{
	struct mgmt_answer answer;

	for (int i = 0; i < MGMT_VOLUMES; i++) {
		if (pending[i] && platform_answer(pending[i], &answer)) {
			pending[i] = 0;
			users[i]--;
		}
	}
}

/* What an exchange waits for. */
enum { WAIT_MAKE = 1, WAIT_SEAL, WAIT_DROP, WAIT_DROP_BAD };

static const struct mgmt_volume *images(void)
{
	return platform_volumes()->volume;
}

static uint32_t state_of(int i)
{
	return __atomic_load_n(&images()[i].state, __ATOMIC_ACQUIRE);
}

/* How far an upload is; it may have been begun by a mgmt that died. */
static uint64_t have(int i)
{
	return upload_have(platform_progress(i), images()[i].size);
}

/* ---- what there is ---- */

static int find(const char *name)
{
	for (int i = 0; i < MGMT_VOLUMES; i++) {
		if (state_of(i) != MGMT_VOLUME_NONE && strcmp(images()[i].name, name) == 0) {
			return i;
		}
	}
	return -1;
}

static void put_image(struct text *t, int i)
{
	const struct mgmt_volume *image = &images()[i];
	bool whole = state_of(i) == MGMT_VOLUME_SEALED;

	json_open(t, NULL, '{');
	json_string(t, "name", image->name);
	json_string(t, "state", whole ? "whole" : "partial");
	json_number(t, "bytes", image->size);
	json_number(t, "received", whole ? image->size : have(i));
	upload_put_digest(t, "sha256", image->sha256);
	json_close(t, '}');
}

void images_list(struct exchange *e)
{
	json_open(&e->reply, NULL, '[');
	for (int i = 0; i < MGMT_VOLUMES; i++) {
		if (state_of(i) != MGMT_VOLUME_NONE) {
			put_image(&e->reply, i);
		}
	}
	json_close(&e->reply, ']');
	text_append(&e->reply, "\n", 1);
}

static void reply_image(struct exchange *e, unsigned status, int i)
{
	text_free(&e->reply);
	e->status = status;
	e->type = "application/json";
	put_image(&e->reply, i);
	text_append(&e->reply, "\n", 1);
}

/* ---- waiting for init ---- */

static void use(struct exchange *e, int i)
{
	e->image = i + 1;
	users[i]++;
}

void image_end(struct exchange *e)
{
	settle();
	if (e->asked && e->image && !pending[e->image - 1]) {
		pending[e->image - 1] = e->asked;        /* with its share of users */
		e->asked = 0;
		e->image = 0;
	}
	if (e->asked) {
		platform_forget(e->asked);
	}
	if (e->image) {
		users[e->image - 1]--;
	}
	e->asked = 0;
	e->image = 0;
}

/* The answer is that of image_poll(). */
static void ask(struct exchange *e, const struct mgmt_command *command, int what)
{
	int r;

	settle();
	r = platform_ask(command, NULL);
	if (r < 0) {
		exchange_refuse(e, 503, "too much is asked for at once");
		e->close = true;
		return;
	}
	e->asked = (uint32_t)r;
	e->awaited = what;
	e->waits = true;
}

static void ask_for(struct exchange *e, uint32_t op, int what)
{
	struct mgmt_command command = { .op = op };

	memcpy(command.name, images()[e->image - 1].name, sizeof(command.name));
	ask(e, &command, what);
}

static void made(struct exchange *e, const struct mgmt_answer *answer)
{
	if (answer->result < 0) {
		exchange_audit(e, "upload image", answer->why);
		exchange_refuse(e, exchange_status(answer->result), answer->why);
		e->close = true;
	} else {
		use(e, (int)answer->value);
		exchange_audit(e, "upload image", "begins");
	}
}

static void sealed(struct exchange *e, const struct mgmt_answer *answer)
{
	exchange_audit(e, "upload image", answer->result < 0 ? answer->why : "is whole");
	if (answer->result < 0) {
		exchange_refuse(e, 500, answer->why);
	} else {
		reply_image(e, 201, e->image - 1);
	}
}

static void dropped(struct exchange *e, const struct mgmt_answer *answer)
{
	exchange_audit(e, "delete image", answer->result < 0 ? answer->why : "gone");
	if (answer->result < 0) {
		exchange_refuse(e, exchange_status(answer->result), answer->why);
	} else {
		e->status = 200;
		text_append(&e->reply, "{}\n", 3);
	}
}

void image_poll(struct exchange *e)
{
	struct mgmt_answer answer;

	if (!exchange_hear(e, &answer)) {
		return;
	}
	switch (e->awaited) {
	case WAIT_MAKE: made(e, &answer); break;
	case WAIT_SEAL: sealed(e, &answer); break;
	case WAIT_DROP: dropped(e, &answer); break;
	case WAIT_DROP_BAD:
		exchange_audit(e, "upload image", "has another SHA-256 than was said: gone");
		exchange_refuse(e, 400, "the SHA-256 of what came is another one; the image is gone");
		break;
	}
}

/* ---- up ---- */

static void make(struct exchange *e, const struct upload *u)
{
	struct mgmt_command command = { .op = MGMT_VOLUME_CREATE, .size = u->total };

	if (u->from) {
		upload_refuse(e, 409, "nothing of it is here: it begins at byte 0");
		return;
	}
	if (strlen(e->name) >= sizeof(command.name)) {
		upload_refuse(e, 400, "the name is too long");
		return;
	}
	memcpy(command.name, e->name, strlen(e->name) + 1);
	memcpy(command.sha256, u->digest, MGMT_DIGEST);
	ask(e, &command, WAIT_MAKE);
}

/* What is there goes on, or the same comes once more from its start. */
static void resume(struct exchange *e, int i, const struct upload *u)
{
	bool same = images()[i].size == u->total && memcmp(images()[i].sha256, u->digest, MGMT_DIGEST) == 0;

	if (!same) {
		upload_refuse(e, 409, "there is another image of that name");
	} else if (state_of(i) == MGMT_VOLUME_SEALED) {
		reply_image(e, 200, i);
		e->close = true;
	} else if (users[i]) {
		upload_refuse(e, 409, "somebody is sending it");
	} else if (!u->from) {
		upload_begin(platform_progress(i));
		use(e, i);
	} else if (u->from != have(i)) {
		reply_image(e, 409, i);          /* it says how much is here */
		e->close = true;
	} else {
		use(e, i);
	}
}

/* init deletes it together with its disk, without asking who reads or writes it here. */
static bool is_of_disk(const char *name)
{
	return strncmp(name, CONTEXT_IMAGE, strlen(CONTEXT_IMAGE)) == 0;
}

void image_put_begin(struct exchange *e)
{
	int i = find(e->name);
	struct upload u;

	settle();
	if (is_of_disk(e->name)) {
		upload_refuse(e, 409, "such names are for contexts");
	} else if (!upload_words(e, &u)) {
		return;
	} else if (i < 0) {
		make(e, &u);
	} else {
		resume(e, i, &u);
	}
}

void image_put_data(struct exchange *e, const uint8_t *bytes, size_t len)
{
	int i = e->image - 1;
	uint64_t at = have(i);

	if (len > images()[i].size - at) {
		upload_refuse(e, 400, "more than was said");
		return;
	}
	memcpy(platform_volume(i) + at, bytes, len);
	upload_add(platform_progress(i), bytes, len);
}

void image_put_answer(struct exchange *e)
{
	int i = e->image - 1;

	if (have(i) < images()[i].size) {
		reply_image(e, 202, i);
	} else if (upload_is(platform_progress(i), images()[i].sha256)) {
		ask_for(e, MGMT_VOLUME_SEAL, WAIT_SEAL);
	} else {
		ask_for(e, MGMT_VOLUME_DELETE, WAIT_DROP_BAD);
	}
}

/* ---- down ---- */

void image_get(struct exchange *e)
{
	uint64_t from = 0, to;
	int i = find(e->name);
	char digest[2 * MGMT_DIGEST + 1];

	if (is_of_disk(e->name)) {
		exchange_refuse(e, 409, "it belongs to a context: fetch that disk");
		return;
	}
	if (i < 0 || state_of(i) != MGMT_VOLUME_SEALED) {
		exchange_refuse(e, 404, i < 0 ? "there is no such image" : "not all of it is here");
		return;
	}
	to = images()[i].size - 1;
	if (e->request->field[FIELD_RANGE][0]) {
		if (!upload_range(e->request->field[FIELD_RANGE], images()[i].size, &from, &to)) {
			exchange_refuse(e, 416, "Range must be bytes=FROM-, FROM-TO or -LAST within the image");
			return;
		}
		e->status = 206;
		text_printf(&e->headers, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)from, (unsigned long long)to,
			    (unsigned long long)images()[i].size);
	}
	use(e, i);
	upload_write_digest(digest, images()[i].sha256);
	text_printf(&e->headers, "Accept-Ranges: bytes\r\nX-SHA256: %s\r\n", digest);
	e->type = "application/octet-stream";
	e->source = platform_volume(i) + from;
	e->source_len = to - from + 1;
}

void image_delete(struct exchange *e)
{
	int i = find(e->name);

	settle();
	if (is_of_disk(e->name)) {
		exchange_refuse(e, 409, "it belongs to a context: delete that disk");
		return;
	}
	if (i < 0 || users[i]) {
		exchange_refuse(e, i < 0 ? 404 : 409, i < 0 ? "there is no such image" : "somebody is sending or fetching it");
		return;
	}
	use(e, i);
	ask_for(e, MGMT_VOLUME_DELETE, WAIT_DROP);
}
