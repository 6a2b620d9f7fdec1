/* SPDX-License-Identifier: Apache-2.0 */
/* Images up and down: see images.h. init owns their memory; what is known of an upload under way is here. */
#include "mgmt/images.h"

#include <string.h>
#include <mbedtls/sha256.h>

#include "mgmt/node.h"
#include "mgmt/platform.h"

enum { DIGITS_MAX = 15 };            /* of a number of bytes: far from where it would wrap           */

/* Of each image. */
static struct upload {
	mbedtls_sha256_context hash;
	uint64_t have;               /* bytes that came                                              */
	uint8_t wanted[MGMT_DIGEST];
	unsigned users;              /* exchanges that read or write it                              */
} uploads[MGMT_IMAGES];

/* What an exchange waits for. */
enum { WAIT_MAKE = 1, WAIT_SEAL, WAIT_DROP, WAIT_DROP_BAD };

static const struct mgmt_image *images(void)
{
	return platform_status()->image;
}

static uint32_t state_of(int i)
{
	return __atomic_load_n(&images()[i].state, __ATOMIC_ACQUIRE);
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

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
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
	for (int i = 0; i < MGMT_IMAGES; i++) {
		if (state_of(i) != IMAGE_NONE && strcmp(images()[i].name, name) == 0) {
			return i;
		}
	}
	return -1;
}

/* One that nobody waits for either. */
static int find_free(void)
{
	for (int i = 0; i < MGMT_IMAGES; i++) {
		if (state_of(i) == IMAGE_NONE && !uploads[i].users) {
			return i;
		}
	}
	return -1;
}

static void put_image(struct text *t, int i)
{
	const struct mgmt_image *image = &images()[i];
	bool whole = state_of(i) == IMAGE_WHOLE;
	char digest[2 * MGMT_DIGEST + 1];

	json_open(t, NULL, '{');
	json_string(t, "name", image->name);
	json_string(t, "state", whole ? "whole" : "partial");
	json_number(t, "bytes", image->bytes);
	json_number(t, "received", whole ? image->bytes : uploads[i].have);
	write_digest(digest, whole ? image->sha256 : uploads[i].wanted);
	json_string(t, "sha256", digest);
	json_close(t, '}');
}

void images_list(struct exchange *e)
{
	json_open(&e->reply, NULL, '[');
	for (int i = 0; i < MGMT_IMAGES; i++) {
		if (state_of(i) != IMAGE_NONE) {
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
	uploads[i].users++;
}

void image_end(struct exchange *e)
{
	if (e->image) {
		uploads[e->image - 1].users--;
	}
	e->image = 0;
}

/* The answer is that of image_poll(). */
static void ask(struct exchange *e, uint32_t op, int what)
{
	int i = e->image - 1;

	e->answers = __atomic_load_n(&images()[i].answers, __ATOMIC_ACQUIRE);
	if (platform_command(op, (uint32_t)i) < 0) {
		exchange_refuse(e, 503, "too much is asked for at once");
		e->close = true;
		return;
	}
	e->awaited = what;
	e->waits = true;
}

static void refuse_made(struct exchange *e, int result)
{
	const char *why = result == E_NOMEM ? "there is not so much memory in one piece" :
			  result == E_BUSY  ? "there is a boot module or an image of that name" :
					      "a name is made of letters, digits, -, _ and ., and an image is not empty";

	exchange_audit(e, "upload image", why);
	exchange_refuse(e, result == E_NOMEM ? 507 : result == E_BUSY ? 409 : 400, why);
	e->close = true;
}

static void start_upload(int i)
{
	mbedtls_sha256_free(&uploads[i].hash);
	mbedtls_sha256_init(&uploads[i].hash);
	mbedtls_sha256_starts(&uploads[i].hash, 0);
	uploads[i].have = 0;
}

void image_poll(struct exchange *e)
{
	int i = e->image - 1, result;

	if (__atomic_load_n(&images()[i].answers, __ATOMIC_ACQUIRE) == e->answers) {
		return;
	}
	e->waits = false;
	result = images()[i].result;
	switch (e->awaited) {
	case WAIT_MAKE:
		if (result < 0) {
			refuse_made(e, result);
		} else {
			exchange_audit(e, "upload image", "begins");
		}
		break;
	case WAIT_SEAL:
		exchange_audit(e, "upload image", result < 0 ? "could not be sealed" : "is whole");
		if (result < 0) {
			exchange_refuse(e, 500, "it could not be sealed");
		} else {
			reply_image(e, 201, i);
		}
		break;
	case WAIT_DROP:
		exchange_audit(e, "delete image", result < 0 ? "refused, a VM uses it" : "gone");
		if (result < 0) {
			exchange_refuse(e, 409, "a VM that runs uses it");
		} else {
			e->status = 200;
			text_append(&e->reply, "{}\n", 3);
		}
		break;
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
	struct mgmt_wish wish = { .bytes = total };
	int i = find_free();

	if (from) {
		refuse_put(e, 409, "nothing of it is here: it begins at byte 0");
		return;
	}
	if (i < 0 || strlen(e->name) >= sizeof(wish.name)) {
		refuse_put(e, i < 0 ? 507 : 400, i < 0 ? "there is no room for more images" : "the name is too long");
		return;
	}
	memcpy(wish.name, e->name, strlen(e->name) + 1);
	memcpy(uploads[i].wanted, digest, MGMT_DIGEST);
	platform_wish((uint32_t)i, &wish);
	start_upload(i);
	use(e, i);
	ask(e, MGMT_IMAGE_MAKE, WAIT_MAKE);
}

static void resume(struct exchange *e, int i, uint64_t from, uint64_t total, const uint8_t digest[MGMT_DIGEST])
{
	bool same = images()[i].bytes == total &&
		    memcmp(state_of(i) == IMAGE_WHOLE ? images()[i].sha256 : uploads[i].wanted, digest, MGMT_DIGEST) == 0;

	if (!same) {
		refuse_put(e, 409, "there is another image of that name");
	} else if (state_of(i) == IMAGE_WHOLE) {
		reply_image(e, 200, i);
		e->close = true;
	} else if (uploads[i].users) {
		refuse_put(e, 409, "somebody is sending it");
	} else if (!from) {
		start_upload(i);
		use(e, i);
	} else if (from != uploads[i].have) {
		reply_image(e, 409, i);          /* it says how much is here */
		e->close = true;
	} else {
		use(e, i);
	}
}

void image_put_begin(struct exchange *e)
{
	const struct http_request *r = e->request;
	uint64_t from = 0, to = r->length - 1, total = r->length;
	uint8_t digest[MGMT_DIGEST];
	int i = find(e->name);

	if (!r->has_body || r->length == UINT64_MAX) {
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
	struct upload *u = &uploads[i];

	if (len > images()[i].bytes - u->have) {
		refuse_put(e, 400, "more than was said");
		return;
	}
	memcpy((uint8_t *)platform_image(i) + u->have, bytes, len);
	mbedtls_sha256_update(&u->hash, bytes, len);
	u->have += len;
}

void image_put_answer(struct exchange *e)
{
	int i = e->image - 1;
	struct upload *u = &uploads[i];
	struct mgmt_wish wish = { .bytes = images()[i].bytes };

	if (u->have < images()[i].bytes) {
		reply_image(e, 202, i);
		return;
	}
	mbedtls_sha256_finish(&u->hash, wish.sha256);
	if (memcmp(wish.sha256, u->wanted, sizeof(wish.sha256)) != 0) {
		ask(e, MGMT_IMAGE_DROP, WAIT_DROP_BAD);
		return;
	}
	platform_wish((uint32_t)i, &wish);
	ask(e, MGMT_IMAGE_SEAL, WAIT_SEAL);
}

/* ---- down ---- */

void image_get(struct exchange *e)
{
	uint64_t from = 0, to;
	int i = find(e->name);
	char digest[2 * MGMT_DIGEST + 1];

	if (i < 0 || state_of(i) != IMAGE_WHOLE) {
		exchange_refuse(e, 404, i < 0 ? "there is no such image" : "not all of it is here");
		return;
	}
	to = images()[i].bytes - 1;
	if (e->request->field[FIELD_RANGE][0]) {
		if (!image_range(e->request->field[FIELD_RANGE], images()[i].bytes, &from, &to)) {
			exchange_refuse(e, 416, "Range must be bytes=FROM- or bytes=FROM-TO within the image");
			return;
		}
		e->status = 206;
		text_printf(&e->headers, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)from, (unsigned long long)to,
			    (unsigned long long)images()[i].bytes);
	}
	use(e, i);
	write_digest(digest, images()[i].sha256);
	text_printf(&e->headers, "Accept-Ranges: bytes\r\nX-SHA256: %s\r\n", digest);
	e->type = "application/octet-stream";
	e->source = (const uint8_t *)platform_image(i) + from;
	e->source_len = to - from + 1;
}

void image_delete(struct exchange *e)
{
	int i = find(e->name);

	if (i < 0 || uploads[i].users) {
		exchange_refuse(e, i < 0 ? 404 : 409, i < 0 ? "there is no such image" : "somebody is sending or fetching it");
		return;
	}
	use(e, i);
	ask(e, MGMT_IMAGE_DROP, WAIT_DROP);
}
