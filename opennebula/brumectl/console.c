/* SPDX-License-Identifier: Apache-2.0 */
/* A VM's console on this terminal, by brumed's Upgrade. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "opennebula/brumectl/ctl.h"
#include "opennebula/brumectl/terminal.h"
#include "opennebula/lib/files.h"

enum { LEAVE = 0x1d, HEAD_MOST = 8192, PIECE = 4096, SWITCHING = 101 };

/* Byte by byte, so that nothing of what follows the head is taken. False: the connection ended. */
static bool read_head(int fd, char head[HEAD_MOST])
{
	size_t len = 0;

	while (len < HEAD_MOST - 1) {
		ssize_t n = read(fd, head + len, 1);

		if (n <= 0 && errno != EINTR) {
			return false;
		}
		len += n > 0;
		head[len] = '\0';
		if (len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0) {
			return true;
		}
	}
	return false;
}

/* What the refusal says: the body behind the head, until the connection ends or the words do. */
static enum ctl_status refused(int fd, long status)
{
	struct local_answer answer = { .status = status };
	struct buffer body = { 0 };
	char piece[PIECE];
	enum ctl_status result;
	ssize_t n = 1;

	while (n > 0 && body.len < PIECE && !memchr(body.at ? body.at : "", '}', body.len)) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0) {
			buffer_add(&body, piece, (size_t)n);
		}
	}
	answer.len = body.len;
	answer.body = buffer_take(&body);
	result = ctl_refused(&answer);
	local_answer_free(&answer);
	return result;
}

static enum ctl_status open_console(struct ctl *ctl, int *fd)
{
	char *path = CTL_PATH("/nodes/%s/v1/vms/%s/console", ctl->argv[0], ctl->argv[1]), head[HEAD_MOST];
	struct buffer request = { 0 };
	struct why why;
	bool sent;
	long status;

	*fd = local_connect(&why);
	if (*fd < 0) {
		free(path);
		return ctl_fail(CTL_UNREACHABLE, "%s", why.text);
	}
	buffer_printf(&request, "GET %s HTTP/1.1\r\nHost: brumed\r\nConnection: Upgrade\r\nUpgrade: brume-console\r\n\r\n", path);
	free(path);
	sent = file_write_all(*fd, request.at, request.len);
	buffer_free(&request);
	if (!sent || !read_head(*fd, head) || strlen(head) < 12) {
		return ctl_fail(CTL_UNREACHABLE, "brumed ended the connection");
	}
	status = strtol(head + 9, NULL, 10);
	return status == SWITCHING ? CTL_DONE : refused(*fd, status);
}

/* What was typed, up to the key that leaves. False: it was typed. */
static bool take_keys(int fd, bool *open, bool terminal)
{
	char piece[PIECE], *end;
	ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));

	if (n <= 0) {
		*open = n < 0 && errno == EINTR;
		return true;
	}
	end = terminal ? memchr(piece, LEAVE, (size_t)n) : NULL;
	return file_write_all(fd, piece, end ? (size_t)(end - piece) : (size_t)n) && !end;
}

/* Until one side ends. True: the user left. */
static bool carry(int fd)
{
	bool open = true, terminal = isatty(STDIN_FILENO);
	char piece[PIECE];

	for (;;) {
		struct pollfd fds[2] = { { fd, POLLIN, 0 }, { open ? STDIN_FILENO : -1, POLLIN, 0 } };

		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			return false;
		}
		if (fds[0].revents) {
			ssize_t n = read(fd, piece, sizeof(piece));

			if (n <= 0 || !file_write_all(STDOUT_FILENO, piece, (size_t)n)) {
				return false;
			}
		}
		if (fds[1].revents && !take_keys(fd, &open, terminal)) {
			return true;
		}
	}
}

enum ctl_status console_run(struct ctl *ctl)
{
	enum ctl_status status;
	bool left;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	status = open_console(ctl, &fd);
	if (status == CTL_DONE) {
		if (isatty(STDIN_FILENO)) {
			fprintf(stderr, "[the console of %s on %s; Ctrl-] leaves]\n", ctl->argv[1], ctl->argv[0]);
			/* Each byte goes to the VM as it is typed, Ctrl-C too. */
			terminal_set(cfmakeraw);
		}
		left = carry(fd);
		if (isatty(STDIN_FILENO)) {
			terminal_restore();
			fputs(left ? "\n" : "\n[the console has ended]\n", stderr);
		}
	}
	if (fd >= 0) {
		close(fd);
	}
	return status;
}
