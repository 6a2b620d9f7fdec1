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

void reply_line(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
			text[i] = ' ';
		}
	}
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
