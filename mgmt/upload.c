/* SPDX-License-Identifier: Apache-2.0 */
/* What uploads share: see upload.h. */
#include "mgmt/upload.h"

#include <string.h>
#include <mbedtls/sha256.h>

#include "lib/hex.h"

enum { DIGITS_MAX = 15 };            /* of a number of bytes: far from where it would wrap           */

_Static_assert(sizeof(mbedtls_sha256_context) <= MGMT_HASH, "its state is kept by init");

/* ---- words ---- */

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

bool upload_content_range(const char *text, uint64_t *from, uint64_t *to, uint64_t *total)
{
	return take_text(&text, "bytes ") && take_number(&text, from) && take_text(&text, "-") && take_number(&text, to) &&
	       take_text(&text, "/") && take_number(&text, total) && !*text && *from <= *to && *to < *total;
}

bool upload_range(const char *text, uint64_t total, uint64_t *from, uint64_t *to)
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

void upload_write_digest(char text[2 * MGMT_DIGEST + 1], const uint8_t digest[MGMT_DIGEST])
{
	for (size_t i = 0; i < MGMT_DIGEST; i++) {
		text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	text[2 * MGMT_DIGEST] = '\0';
}

void upload_put_digest(struct text *t, const char *key, const uint8_t digest[MGMT_DIGEST])
{
	char digits[2 * MGMT_DIGEST + 1];

	upload_write_digest(digits, digest);
	json_string(t, key, digits);
}

void upload_refuse(struct exchange *e, unsigned status, const char *why)
{
	exchange_refuse(e, status, why);
	e->close = true;
}

bool upload_words(struct exchange *e, struct upload *u)
{
	const struct http_request *r = e->request;
	const char *range = r->field[FIELD_CONTENT_RANGE];
	uint64_t to = 0;

	*u = (struct upload){ .total = r->length };
	if (!r->has_body || r->length == UINT64_MAX) {
		upload_refuse(e, 411, "it is sent with its length");
		return false;
	}
	if (!read_digest(r->field[FIELD_DIGEST], u->digest)) {
		upload_refuse(e, 400, "X-SHA256 must tell the SHA-256 of all of it in hexadecimal");
		return false;
	}
	if (range[0] && (!upload_content_range(range, &u->from, &to, &u->total) || to - u->from + 1 != r->length)) {
		upload_refuse(e, 400, "Content-Range must be bytes FROM-TO/TOTAL, as long as the body");
		return false;
	}
	return true;
}

/* ---- how far it is ---- */

static uint64_t written(const struct mgmt_progress *p)
{
	return p->state[p->current & 1].written;
}

uint64_t upload_have(const struct mgmt_progress *p, uint64_t total)
{
	return written(p) <= total ? written(p) : 0;
}

/* init looks at the one that is current: the other one is written first. */
static void set(struct mgmt_progress *p, uint64_t bytes, const mbedtls_sha256_context *hash)
{
	uint32_t next = p->current + 1;

	p->state[next & 1].written = bytes;
	memcpy(p->state[next & 1].hash, hash, sizeof(*hash));
	__atomic_store_n(&p->current, next, __ATOMIC_RELEASE);
}

static void get_hash(const struct mgmt_progress *p, mbedtls_sha256_context *hash)
{
	mbedtls_sha256_init(hash);
	if (written(p)) {
		memcpy(hash, p->state[p->current & 1].hash, sizeof(*hash));
	} else {
		mbedtls_sha256_starts(hash, 0);
	}
}

void upload_tell(struct mgmt_progress *p, uint64_t bytes)
{
	mbedtls_sha256_context hash;

	mbedtls_sha256_init(&hash);
	set(p, bytes, &hash);
}

void upload_begin(struct mgmt_progress *p)
{
	upload_tell(p, 0);
}

void upload_add(struct mgmt_progress *p, const uint8_t *bytes, size_t len)
{
	mbedtls_sha256_context hash;

	get_hash(p, &hash);
	mbedtls_sha256_update(&hash, bytes, len);
	set(p, written(p) + len, &hash);
}

bool upload_is(const struct mgmt_progress *p, const uint8_t digest[MGMT_DIGEST])
{
	uint8_t got[MGMT_DIGEST];
	mbedtls_sha256_context hash;

	get_hash(p, &hash);
	mbedtls_sha256_finish(&hash, got);
	return memcmp(got, digest, sizeof(got)) == 0;
}
