/* SPDX-License-Identifier: Apache-2.0 */
/* base64 and zlib. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "opennebula/lib/encode.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buffer *to, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t have = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)at[i] << 16 | (have > 1 ? (uint32_t)at[i + 1] << 8 : 0) | (have > 2 ? at[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63], have > 1 ? digits[v >> 6 & 63] : '=',
				 have > 2 ? digits[v & 63] : '=' };

		buffer_add(to, four, sizeof(four));
	}
}

static int digit_value(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

static bool decode_four(struct buffer *to, const char four[4])
{
	size_t pad = (size_t)(four[3] == '=') + (four[3] == '=' && four[2] == '=');
	char three[3];
	uint32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - pad ? digit_value(four[i]) : 0;

		if (value < 0) {
			return false;
		}
		v = v << 6 | (uint32_t)value;
	}
	three[0] = (char)(v >> 16);
	three[1] = (char)(v >> 8);
	three[2] = (char)v;
	buffer_add(to, three, 3 - pad);
	return true;
}

bool base64_decode(struct buffer *to, const char *text, size_t len)
{
	size_t before = to->len, have = 0;
	bool good = true, ended = false;
	char four[4];

	for (size_t i = 0; good && i < len; i++) {
		if (strchr(" \t\r\n", text[i]) && text[i]) {
			continue;
		}
		four[have++] = text[i];
		if (have == 4) {
			good = !ended && decode_four(to, four);
			ended = four[3] == '=';
			have = 0;
		}
	}
	if (!good || have > 0) {
		to->len = before;
		if (to->at) {
			to->at[before] = 0;
		}
		return false;
	}
	return true;
}

void zlib_encode(struct buffer *to, const void *bytes, size_t len)
{
	uLongf size = compressBound((uLong)len);
	void *out = memory_new(size);

	if (compress(out, &size, bytes, (uLong)len) == Z_OK) {
		buffer_add(to, out, size);
	}
	free(out);
}

bool zlib_decode(struct buffer *to, const void *bytes, size_t len, size_t limit)
{
	struct buffer out = { 0 };
	unsigned char piece[16384];
	z_stream z = { 0 };
	int status = Z_OK;

	if (len > UINT_MAX || inflateInit(&z) != Z_OK) {
		return false;
	}
	z.next_in = (unsigned char *)(uintptr_t)bytes;           /* zlib only reads it */
	z.avail_in = (unsigned int)len;
	while (status == Z_OK && out.len <= limit) {
		z.next_out = piece;
		z.avail_out = sizeof(piece);
		status = inflate(&z, Z_NO_FLUSH);
		buffer_add(&out, piece, sizeof(piece) - z.avail_out);
	}
	inflateEnd(&z);
	if (status == Z_STREAM_END && out.len <= limit) {
		buffer_add(to, out.at, out.len);
	} else {
		status = Z_DATA_ERROR;
	}
	buffer_free(&out);
	return status == Z_STREAM_END;
}

void payload_encode(struct buffer *to, const void *bytes, size_t len)
{
	struct buffer packed = { 0 };

	zlib_encode(&packed, bytes, len);
	base64_encode(to, packed.at, packed.len);
	buffer_free(&packed);
}

bool payload_decode(struct buffer *to, const char *text, size_t len, size_t limit)
{
	struct buffer packed = { 0 };
	bool good = base64_decode(&packed, text, len) && zlib_decode(to, packed.at, packed.len, limit);

	buffer_free(&packed);
	return good;
}
