/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a driver (driver.h). */
#include "opennebula/driver/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opennebula/driver/ask.h"
#include "opennebula/driver/reply.h"
#include "opennebula/lib/log.h"
#include "opennebula/lib/paths.h"

enum { WORDS = 64, ARGUMENT = 4096, MEMORY_MS = 100 };

unsigned arguments_split(char *text, char *words[], unsigned most)
{
	unsigned count = 0;
	char *save = NULL;

	for (char *w = strtok_r(text, " \t\r\n", &save); w; w = strtok_r(NULL, " \t\r\n", &save)) {
		if (count < most) {
			words[count++] = w;
		}
	}
	return count;
}

unsigned arguments_number(char *const words[], unsigned count, const char *name, unsigned most, unsigned usual)
{
	for (unsigned i = 0; i + 1 < count; i++) {
		if (strcmp(words[i], name) == 0) {
			long n = strtol(words[i + 1], NULL, 10);

			return n >= 1 && n <= (long)most ? (unsigned)n : usual;
		}
	}
	return usual;
}

/*
 * oned closes standard error, so that the next file that is opened would be it, and whatever a library says would go there. Before
 * anything else is opened, it becomes the log.
 */
static void own_standard_error(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0640);

	if (fd < 0) {
		fd = open("/dev/null", O_WRONLY);
	}
	if (fd >= 0 && fd != STDERR_FILENO) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
	setvbuf(stderr, NULL, _IOLBF, 0);
}

/* oned blocks nearly all signals in its drivers. It ends them by FINALIZE; SIGTERM is for the system's shutdown. */
static void own_signals(void)
{
	sigset_t none;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* oned gives all arguments as one string: `-t threads -w seconds`, and what else its admin likes to write. */
static void start_with(const struct driver *d, int argc, char *argv[])
{
	char text[ARGUMENT] = "", *words[WORDS];
	unsigned count;
	size_t len = 0;

	for (int i = 1; i < argc && len < sizeof(text); i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s ", argv[i]);
	}
	count = arguments_split(text, words, WORDS);
	ask_start(arguments_number(words, count, "-w", 3600, ASK_WAIT_S));
	queue_start(d->work, arguments_number(words, count, "-t", 1024, QUEUE_THREADS));
}

static void take_request(const struct driver *d, struct line_request *request, bool too_long)
{
	bool cancel = strcmp(request->type, "DRIVER_CANCEL") == 0;

	if (!cancel && !d->knows(request->type)) {
		log_warning("a request of an unknown type: %s", request->type);
	} else if (!request->numbered) {
		log_warning("a request without a number: %s", request->type);
	} else if (cancel) {
		request->payload_len = 0;
		if (!queue_add(request)) {
			log_warning("no place to give up what is done for %ld", request->id);
		}
	} else if (too_long) {
		d->refuse(request, "the request is longer than 10 MiB");
	} else if (!queue_add(request)) {
		d->refuse(request, "the driver has too many requests to do");
	}
}

/* False: oned is through with us. */
static bool take_line(const struct driver *d, struct line *line)
{
	struct line_request request;
	char ready[] = "INIT SUCCESS";

	line_parse(line->text, line->len, d->timed, &request);
	if (strcmp(request.type, "INIT") == 0) {
		reply_line(ready, strlen(ready));
	} else if (strcmp(request.type, "FINALIZE") == 0) {
		return false;
	} else if (*request.type) {
		take_request(d, &request, line->too_long);
	}
	return true;
}

/* What comes in, line by line, until there is no more. */
static void serve(const struct driver *d)
{
	struct line_reader reader;
	struct line line;
	size_t room;
	ssize_t n;

	line_reader_init(&reader, LINE_MOST);
	for (;;) {
		char *to = line_room(&reader, &room);

		if (!to) {
			poll(NULL, 0, MEMORY_MS);    /* requests that end give memory back */
			continue;
		}
		n = read(STDIN_FILENO, to, room);
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			continue;
		}
		if (n <= 0) {
			return;
		}
		line_take(&reader, (size_t)n);
		while (line_next(&reader, &line)) {
			if (!take_line(d, &line)) {
				return;
			}
		}
	}
}

int driver_run(const struct driver *d, int argc, char *argv[])
{
	char file[64], path[ONE_PATH_MAX];

	snprintf(file, sizeof(file), "%s.log", d->name);
	if (!one_path(path, ONE_LOG, file)) {
		snprintf(path, sizeof(path), "/dev/null");
	}
	own_standard_error(path);
	own_signals();
	if (!log_open(d->name, "-", LOG_KIND_INFO)) {
		return 1;
	}
	start_with(d, argc, argv);
	log_info("started");
	serve(d);
	log_info("ended");
	_exit(0);                    /* what is under way is nobody's any more: not even its threads are waited for */
}
