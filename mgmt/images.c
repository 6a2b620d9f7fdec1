/* SPDX-License-Identifier: Apache-2.0 */
/* Images up and down: see images.h. init owns their memory; what is known of an upload under way is here. */
#include "mgmt/images.h"

#include <string.h>
#include <mbedtls/sha256.h>

#include "lib/hex.h"
#include "mgmt/contexts.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"

enum { DIGITS_MAX = 15 };            /* of a number of bytes: far from where it would wrap           */

static unsigned users[MGMT_VOLUMES];         /* exchanges that read or write it, and pending ones */
static uint32_t pending[MGMT_VOLUMES];       /* asked of init for it by one that has ended; 0: nothing */

_Static_assert(sizeof(mbedtls_sha256_context) <= MGMT_HASH, "its state is kept by init");

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

/* ---- how far an upload is; it may have been begun by a mgmt that died ---- */

static uint64_t have(int i)
{
	const struct mgmt_progress *p = platform_progress(i);

	return p->state[p->current & 1].written;
}

/* init looks at the one that is current: the other one is written first. */
static void set_progress(int i, uint64_t written, const mbedtls_sha256_context *hash)
{
	struct mgmt_progress *p = platform_progress(i);
	uint32_t next = p->current + 1;

	p->state[next & 1].written = written;
	memcpy(p->state[next & 1].hash, hash, sizeof(*hash));
	__atomic_store_n(&p->current, next, __ATOMIC_RELEASE);
}

static void get_hash(int i, mbedtls_sha256_context *hash)
{
	const struct mgmt_progress *p = platform_progress(i);

	mbedtls_sha256_init(hash);
	if (have(i)) {
		memcpy(hash, p->state[p->current & 1].hash, sizeof(*hash));
	} else {
		mbedtls_sha256_starts(hash, 0);
	}
}

/* ---- text of requests ---- */

static bool take_number(const char **at, uint64_t *value)
{
	const char *start = *at;

	for (*value = 0; **at >= '0' && **at <= '9' && *at - start < DIGITS_MAX; (*at)++) {
		*value = *value * 10 + (uint64_t)(**at - '0');
	}
	return *at > start;
}

static bool take_text(const char **at, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*at, text, len) != 0) {
		return false;
	}
	*at += len;
	return true;
}

bool image_content_range(const char *text, uint64_t *from, uint64_t *to, uint64_t *total)
{
	return take_text(&text, "bytes ") && take_number(&text, from) && take_text(&text, "-") && take_number(&text, to) &&
	       take_text(&text, "/") && take_number(&text, total) && !*text && *from <= *to && *to < *total;
}

bool image_range(const char *text, uint64_t total, uint64_t *from, uint64_t *to)
{
	uint64_t last;

	if (take_text(&text, "bytes=-")) {
		if (!take_number(&text, &last) || *text || !last) {
			return false;
		}
		*from = last < total ? total - last : 0;
		*to = total - 1;
		return true;
	}
	if (!take_text(&text, "bytes=") || !take_number(&text, from) || !take_text(&text, "-")) {
		return false;
	}
	if (!*text) {
		*to = total - 1;
	} else if (!take_number(&text, to) || *text) {
		return false;
	}
	*to = *to < total ? *to : total - 1;
	return *from <= *to;
}

static bool read_digest(const char *text, uint8_t digest[MGMT_DIGEST])
{
	for (size_t i = 0; i < MGMT_DIGEST; i++) {
		int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0) {
			return false;
		}
		digest[i] = (uint8_t)(high << 4 | low);
	}
	return !text[2 * MGMT_DIGEST];
}

static void write_digest(char text[2 * MGMT_DIGEST + 1], const uint8_t digest[MGMT_DIGEST])
{
	for (size_t i = 0; i < MGMT_DIGEST; i++) {
		text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	text[2 * MGMT_DIGEST] = '\0';
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
	char digest[2 * MGMT_DIGEST + 1];

	json_open(t, NULL, '{');
	json_string(t, "name", image->name);
	json_string(t, "state", whole ? "whole" : "partial");
	json_number(t, "bytes", image->size);
	json_number(t, "received", whole ? image->size : have(i));
	write_digest(digest, image->sha256);
	json_string(t, "sha256", digest);
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

static void refuse_put(struct exchange *e, unsigned status, const char *why)
{
	exchange_refuse(e, status, why);
	e->close = true;                     /* the body is not waited for */
}

static void make(struct exchange *e, uint64_t from, uint64_t total, const uint8_t digest[MGMT_DIGEST])
{
	struct mgmt_command command = { .op = MGMT_VOLUME_CREATE, .size = total };

	if (from) {
		refuse_put(e, 409, "nothing of it is here: it begins at byte 0");
		return;
	}
	if (strlen(e->name) >= sizeof(command.name)) {
		refuse_put(e, 400, "the name is too long");
		return;
	}
	memcpy(command.name, e->name, strlen(e->name) + 1);
	memcpy(command.sha256, digest, MGMT_DIGEST);
	ask(e, &command, WAIT_MAKE);
}

/* What is there goes on, or the same comes once more from its start, which init takes for no progress. */
static void resume(struct exchange *e, int i, uint64_t from, uint64_t total, const uint8_t digest[MGMT_DIGEST])
{
	bool same = images()[i].size == total && memcmp(images()[i].sha256, digest, MGMT_DIGEST) == 0;

	if (!same) {
		refuse_put(e, 409, "there is another image of that name");
	} else if (state_of(i) == MGMT_VOLUME_SEALED) {
		reply_image(e, 200, i);
		e->close = true;
	} else if (users[i]) {
		refuse_put(e, 409, "somebody is sending it");
	} else if (!from) {
		mbedtls_sha256_context hash;

		mbedtls_sha256_init(&hash);
		set_progress(i, 0, &hash);
		use(e, i);
	} else if (from != have(i)) {
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
	const struct http_request *r = e->request;
	uint64_t from = 0, to = r->length - 1, total = r->length;
	uint8_t digest[MGMT_DIGEST];
	int i = find(e->name);

	settle();
	if (is_of_disk(e->name)) {
		refuse_put(e, 409, "such names are for contexts");
	} else if (!r->has_body || r->length == UINT64_MAX) {
		refuse_put(e, 411, "an image is sent with its length");
	} else if (!read_digest(r->field[FIELD_DIGEST], digest)) {
		refuse_put(e, 400, "X-SHA256 must tell the SHA-256 of the whole image in hexadecimal");
	} else if (r->field[FIELD_CONTENT_RANGE][0] &&
		   (!image_content_range(r->field[FIELD_CONTENT_RANGE], &from, &to, &total) || to - from + 1 != r->length)) {
		refuse_put(e, 400, "Content-Range must be bytes FROM-TO/TOTAL, as long as the body");
	} else if (i < 0) {
		make(e, from, total, digest);
	} else {
		resume(e, i, from, total, digest);
	}
}

void image_put_data(struct exchange *e, const uint8_t *bytes, size_t len)
{
	int i = e->image - 1;
	uint64_t at = have(i);
	mbedtls_sha256_context hash;

	if (len > images()[i].size - at) {
		refuse_put(e, 400, "more than was said");
		return;
	}
	memcpy(platform_volume(i) + at, bytes, len);
	get_hash(i, &hash);
	mbedtls_sha256_update(&hash, bytes, len);
	set_progress(i, at + len, &hash);
}

void image_put_answer(struct exchange *e)
{
	int i = e->image - 1;
	uint8_t digest[MGMT_DIGEST];
	mbedtls_sha256_context hash;

	if (have(i) < images()[i].size) {
		reply_image(e, 202, i);
		return;
	}
	get_hash(i, &hash);
	mbedtls_sha256_finish(&hash, digest);
	if (memcmp(digest, images()[i].sha256, sizeof(digest)) != 0) {
		ask_for(e, MGMT_VOLUME_DELETE, WAIT_DROP_BAD);
	} else {
		ask_for(e, MGMT_VOLUME_SEAL, WAIT_SEAL);
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
		if (!image_range(e->request->field[FIELD_RANGE], images()[i].size, &from, &to)) {
			exchange_refuse(e, 416, "Range must be bytes=FROM-, FROM-TO or -LAST within the image");
			return;
		}
		e->status = 206;
		text_printf(&e->headers, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)from, (unsigned long long)to,
			    (unsigned long long)images()[i].size);
	}
	use(e, i);
	write_digest(digest, images()[i].sha256);
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
