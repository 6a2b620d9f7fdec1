/* SPDX-License-Identifier: Apache-2.0 */
/* The log. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "opennebula/lib/log.h"
#include "opennebula/lib/memory.h"

enum { MESSAGE_MAX = 2048 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;                       /* lock; NULL: standard error, or syslog */
static char *file_path;                  /* lock */
static bool to_syslog;                   /* lock */
static enum log_kind most_kind = LOG_KIND_INFO;  /* lock */

static const char letters[] = { 'E', 'W', 'I', 'D' };
static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "ae");

	if (f) {
		setvbuf(f, NULL, _IOLBF, 0);
	}
	return f;
}

static bool set_file(const char *where)
{
	FILE *f = open_file(where);

	if (!f) {
		return false;
	}
	if (file) {
		fclose(file);
	}
	file = f;
	free(file_path);
	file_path = memory_copy_text(where);
	return true;
}

bool log_open(const char *name, const char *where, enum log_kind most)
{
	bool good = true;

	pthread_mutex_lock(&lock);
	most_kind = most;
	to_syslog = strcmp(where, "syslog") == 0;
	if (to_syslog) {
		openlog(name, LOG_PID, LOG_DAEMON);
	} else if (strcmp(where, "-") != 0) {
		good = set_file(where);
	}
	pthread_mutex_unlock(&lock);
	return good;
}

void log_reopen(void)
{
	pthread_mutex_lock(&lock);
	if (file_path) {
		FILE *f = open_file(file_path);

		if (f) {
			fclose(file);
			file = f;
		}
	}
	pthread_mutex_unlock(&lock);
}

static void put(enum log_kind kind, const char *message)
{
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];

	if (to_syslog) {
		syslog(priorities[kind], "%s", message);
		return;
	}
	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	fprintf(file ? file : stderr, "%s [%c] %s\n", stamp, letters[kind], message);
}

static void message(enum log_kind kind, const char *format, va_list args)
{
	char text[MESSAGE_MAX];

	vsnprintf(text, sizeof(text), format, args);
	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f) {
			*p = ' ';
		}
	}
	pthread_mutex_lock(&lock);
	if (kind <= most_kind) {
		put(kind, text);
	}
	pthread_mutex_unlock(&lock);
}

#define LOG_FUNCTION(name, kind)                  \
	void name(const char *format, ...)        \
	{                                         \
		va_list args;                     \
                                                  \
		va_start(args, format);           \
		message(kind, format, args);      \
		va_end(args);                     \
	}

LOG_FUNCTION(log_error, LOG_KIND_ERROR)
LOG_FUNCTION(log_warning, LOG_KIND_WARNING)
LOG_FUNCTION(log_info, LOG_KIND_INFO)
LOG_FUNCTION(log_debug, LOG_KIND_DEBUG)
