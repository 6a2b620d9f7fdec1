/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What uploads of images and of disks share: what a request says of itself, and how far one is, with its SHA-256 up to there. init keeps the latter
 * (struct mgmt_progress), so that one which a mgmt began that died goes on.
 */
#pragma once

#include "mgmt/exchange.h"
#include "mgmt/node.h"

/* A body is bytes from on of total. */
struct upload {
	uint64_t from, total;
	uint8_t digest[MGMT_DIGEST]; /* of all of them                                               */
};

/* Of the request's head. False: it was refused, and its body is not waited for. */
bool upload_words(struct exchange *e, struct upload *u) MUST_CHECK;

/* The same, for any reason. */
void upload_refuse(struct exchange *e, unsigned status, const char *why);

/* How many bytes of total are there. A mgmt before this one wrote it, which may have been broken. */
uint64_t upload_have(const struct mgmt_progress *p, uint64_t total);

/* It begins again at the start. */
void upload_begin(struct mgmt_progress *p);

/* These are there now, behind what was. */
void upload_add(struct mgmt_progress *p, const uint8_t *bytes, size_t len);

/* Tells only how many bytes are there: of what has no SHA-256. */
void upload_tell(struct mgmt_progress *p, uint64_t bytes);

/* Whether what is there has that SHA-256. */
bool upload_is(const struct mgmt_progress *p, const uint8_t digest[MGMT_DIGEST]);

/* A member of a JSON object: the digits. */
void upload_put_digest(struct text *t, const char *key, const uint8_t digest[MGMT_DIGEST]);

/* The same digits as a header's value. */
void upload_write_digest(char text[2 * MGMT_DIGEST + 1], const uint8_t digest[MGMT_DIGEST]);

/* "bytes 100-199/200" of Content-Range (RFC 9110, 14.4). False: it is not that, or says nonsense. */
bool upload_content_range(const char *text, uint64_t *from, uint64_t *to, uint64_t *total);

/* "bytes=100-", "bytes=100-199" or "bytes=-99", the last ones, of Range, of a file of total bytes. False: the same; to is the last byte's number. */
bool upload_range(const char *text, uint64_t total, uint64_t *from, uint64_t *to);
