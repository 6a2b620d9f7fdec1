/* SPDX-License-Identifier: Apache-2.0 */
/* Lines to oned (reply.h). A lock keeps those of several threads apart. */
#include "opennebula/driver/reply.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* oned that is gone is told by the end of the standard input, so an error here has no more to say. */
static void write_all(const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n < 0 && errno != EINTR) {
			return;
		}
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
}

/* oned takes the answer to INIT from its first read alone: the newline must not come behind in a write of its own. */
static void write_line(const char *text, size_t len)
{
	struct iovec parts[] = { { .iov_base = (void *)(uintptr_t)text, .iov_len = len }, { .iov_base = "\n", .iov_len = 1 } };
	ssize_t n = writev(STDOUT_FILENO, parts, 2);
	size_t done = n > 0 ? (size_t)n : 0;

	if (n < 0 && errno != EINTR) {
		return;
	}
	if (done < len) {
		write_all(text + done, len - done);
		done = len;
	}
	write_all("\n", len + 1 - done);
}

/* Bytes of the character at the front if it is one of more than one byte, in UTF-8 (RFC 3629), and XML 1.0 (2.2) has it; else 0. */
static size_t long_character(const char *text, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)text[0];
	size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	uint32_t c = first & (0x7fu >> bytes);

	if (first < 0xc0 || first > 0xf7 || bytes > len) {
		return 0;
	}
	for (size_t i = 1; i < bytes; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80) {
			return 0;
		}
		c = c << 6 | ((unsigned char)text[i] & 0x3f);
	}
	return c < least[bytes] || (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff || c > 0x10ffff ? 0 : bytes;
}

/*
 * oned keeps what it is told in XML, and what no XML can hold would make the whole VM unreadable to it: control characters become
 * blanks, all else that is no character question marks, as half of one that was cut off.
 */
static void clean(char *text, size_t len)
{
	for (size_t i = 0, bytes; i < len; i += bytes) {
		bytes = (unsigned char)text[i] < 0x80 ? 1 : long_character(text + i, len - i);
		if (!bytes) {
			text[i] = '?';
			bytes = 1;
		} else if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
			text[i] = ' ';
		}
	}
}

void reply_line(char *text, size_t len)
{
	clean(text, len);
	pthread_mutex_lock(&lock);
	write_line(text, len);
	pthread_mutex_unlock(&lock);
}

/* Adds to what is there, cut to what fits. */
static void append(char line[REPLY_TEXT], size_t *len, const char *format, va_list more)
{
	int n = vsnprintf(line + *len, REPLY_TEXT - *len, format, more);

	*len += n < 0 ? 0 : (size_t)n;
	if (*len > REPLY_TEXT - 1) {
		*len = REPLY_TEXT - 1;
	}
}

static size_t head(char line[REPLY_TEXT], const char *type, const char *status, long id)
{
	int n = snprintf(line, REPLY_TEXT, "%.31s %s %ld ", type, status, id);

	return n < 0 ? 0 : (size_t)n;
}

void reply_result(const char *type, bool success, long id, const char *format, ...)
{
	char line[REPLY_TEXT];
	size_t begin = head(line, type, success ? "SUCCESS" : "FAILURE", id), len = begin;
	va_list more;

	va_start(more, format);
	append(line, &len, format, more);
	va_end(more);
	if (len == begin) {
		line[len++] = '-';
	}
	reply_line(line, len);
}

void reply_log(char level, long id, const char *format, ...)
{
	const char status[] = { level, '\0' };
	char line[REPLY_TEXT];
	size_t len = head(line, "LOG", status, id);
	va_list more;

	va_start(more, format);
	append(line, &len, format, more);
	va_end(more);
	reply_line(line, len);
}
