/* SPDX-License-Identifier: Apache-2.0 */
/* base64 (RFC 4648, section 4, one line) and zlib streams (RFC 1950) as OpenNebula's protocols use them. */
#pragma once

#include "opennebula/lib/memory.h"

/* Adds the bytes as base64. */
void base64_encode(struct buffer *to, const void *bytes, size_t len);

/* Adds what the text stands for. Blanks and line ends in it are skipped. False: it is not base64, and nothing is added. */
MUST_CHECK bool base64_decode(struct buffer *to, const char *text, size_t len);

/* Adds a zlib stream of the bytes. */
void zlib_encode(struct buffer *to, const void *bytes, size_t len);

/* Adds what a zlib stream holds, at most limit bytes. False: it is none, not whole, or longer, and nothing is added. */
MUST_CHECK bool zlib_decode(struct buffer *to, const void *bytes, size_t len, size_t limit);

/* Adds base64(zlib(bytes)), the payload of monitord's messages. */
void payload_encode(struct buffer *to, const void *bytes, size_t len);

/* The other way round, at most limit bytes. */
MUST_CHECK bool payload_decode(struct buffer *to, const char *text, size_t len, size_t limit);
