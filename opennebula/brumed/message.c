/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to monitord. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "opennebula/brumed/message.h"
#include "opennebula/lib/encode.h"
#include "opennebula/lib/files.h"
#include "opennebula/lib/paths.h"

enum { SEND_MS = 5000, VERSION_MAX = 64 };

const char *const message_words[MESSAGE_KINDS] = { "SYSTEM_HOST", "MONITOR_HOST", "STATE_VM", "MONITOR_VM", "BEACON_HOST" };
const char *const message_paths[MESSAGE_KINDS] = { "/v1/one/monitor/system_host", "/v1/one/monitor/monitor_host",
						   "/v1/one/monitor/state_vm", "/v1/one/monitor/monitor_vm", NULL };

void message_format(struct buffer *to, enum message_kind kind, bool success, long host, int64_t time, const char *text)
{
	buffer_printf(to, "%s %s %ld %lld ", message_words[kind], success ? "SUCCESS" : "FAILURE", host, (long long)time);
	payload_encode(to, text, strlen(text));
}

void message_add_sync(struct buffer *text)
{
	buffer_text(text, "SYNC_STATE=yes\nMISSING_STATE=UNKNOWN\n");
}

void message_add_version(struct buffer *text)
{
	char path[ONE_PATH_MAX];
	struct buffer file = { 0 };
	struct why why;

	if (one_path(path, ONE_VAR, "remotes/VERSION") && file_read(path, VERSION_MAX, &file, &why)) {
		const char *version = buffer_string(&file);
		int len = (int)strspn(version, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-");

		if (len > 0) {
			buffer_printf(text, "%sVERSION=\"%.*s\"\n", text->len > 0 && text->at[text->len - 1] != '\n' ? "\n" : "", len, version);
		}
	}
	buffer_free(&file);
}

void message_add_element(struct buffer *xml, enum message_kind kind, const char *text)
{
	buffer_printf(xml, "<%s>", message_words[kind]);
	base64_encode(xml, text, strlen(text));
	buffer_printf(xml, "</%s>", message_words[kind]);
}

static bool wait_writable(int fd)
{
	struct pollfd p = { fd, POLLOUT, 0 };

	return poll(&p, 1, SEND_MS) == 1;
}

static bool connect_in_time(int fd, const struct addrinfo *to)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0) {
		return true;
	}
	if (errno != EINPROGRESS) {
		return false;
	}
	if (!wait_writable(fd)) {
		errno = ETIMEDOUT;
		return false;
	}
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	errno = error;
	return error == 0;
}

static bool send_all(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN && wait_writable(fd)) {
			continue;
		}
		if (n < 0) {
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* To the first address that takes it; errno says why the last did not. */
static bool send_to(const struct addrinfo *list, bool stream, const struct buffer *message)
{
	bool good = false;

	for (const struct addrinfo *a = list; a && !good; a = a->ai_next) {
		int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);

		if (fd < 0) {
			continue;
		}
		if (stream) {
			good = connect_in_time(fd, a) && send_all(fd, message->at, message->len);
		} else {
			good = sendto(fd, message->at, message->len, MSG_NOSIGNAL, a->ai_addr, a->ai_addrlen) >= 0;
		}
		close(fd);
	}
	return good;
}

bool message_is_stream(enum message_kind kind, const struct buffer *message)
{
	return kind == MESSAGE_STATE_VM || message->len > MESSAGE_DATAGRAM_MAX;
}

bool message_send(const char *address, long port, enum message_kind kind, const struct buffer *message, struct why *why)
{
	bool stream = message_is_stream(kind, message), good;
	struct addrinfo hints = { .ai_socktype = stream ? SOCK_STREAM : SOCK_DGRAM }, *list = NULL;
	char service[16];
	int error;

	snprintf(service, sizeof(service), "%ld", port);
	error = getaddrinfo(address, service, &hints, &list);
	if (error) {
		return why_set(why, "monitord at %s: %s", address, gai_strerror(error));
	}
	good = send_to(list, stream, message) || why_set(why, "monitord at %s port %ld: %s", address, port, strerror(errno));
	freeaddrinfo(list);
	return good;
}
