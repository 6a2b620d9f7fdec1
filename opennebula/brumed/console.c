/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles: bytes between a local client and a node. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "opennebula/brumed/client.h"
#include "opennebula/brumed/console.h"
#include "opennebula/brumed/proxy.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/config.h"

enum { HEAD_MAX = 16384, ERROR_MAX = 65536, POLL_MS = 500, LAST_MS = 3000, PIECE = 16384 };

struct console {
	struct client_link *link;
	curl_socket_t node;
	int client;
	struct MHD_UpgradeResponseHandle *handle;
	struct buffer to_client, to_node;
	bool client_ended;               /* it says no more */
};

bool console_wanted(const struct request *request)
{
	const char *upgrade = request_header(request, "Upgrade");

	return strcmp(request->method, "GET") == 0 && upgrade && strcmp(upgrade, "brume-console") == 0;
}

/* ---- the node's answer ---- */

static bool wait_node(curl_socket_t fd, short events, int64_t until)
{
	struct pollfd p = { fd, events, 0 };

	while (work_now_ms() < until && !work_stopping()) {
		if (poll(&p, 1, POLL_MS) > 0) {
			return true;
		}
	}
	return false;
}

static bool send_all(struct client_link *link, curl_socket_t fd, const struct buffer *text, int64_t until)
{
	size_t at = 0, n;

	while (at < text->len) {
		CURLcode code = curl_easy_send(link->curl, text->at + at, text->len - at, &n);

		if (code == CURLE_OK) {
			at += n;
		} else if (code != CURLE_AGAIN || !wait_node(fd, POLLOUT, until)) {
			return false;
		}
	}
	return true;
}

/* Reads until there is an empty line; returns the offset behind it, or 0. */
static size_t read_head(struct client_link *link, curl_socket_t fd, struct buffer *head, int64_t until)
{
	char piece[1024];
	size_t n;

	while (head->len < HEAD_MAX) {
		CURLcode code = curl_easy_recv(link->curl, piece, sizeof(piece), &n);
		const char *end;

		if (code == CURLE_AGAIN && wait_node(fd, POLLIN, until)) {
			continue;
		}
		if (code != CURLE_OK || n == 0) {
			return 0;
		}
		buffer_add(head, piece, n);
		end = memmem(head->at, head->len, "\r\n\r\n", 4);
		if (end) {
			return (size_t)(end - head->at) + 4;
		}
	}
	return 0;
}

/* The rest of an answer that is no 101. */
static void read_rest(struct client_link *link, curl_socket_t fd, struct buffer *head, size_t from, int64_t until)
{
	const char *length = strcasestr(head->at, "\r\nContent-Length:");
	size_t want = length ? strtoul(length + 17, NULL, 10) : 0, n;
	char piece[1024];

	while (want < ERROR_MAX && head->len - from < want) {
		CURLcode code = curl_easy_recv(link->curl, piece, sizeof(piece), &n);

		if (code == CURLE_AGAIN && wait_node(fd, POLLIN, until)) {
			continue;
		}
		if (code != CURLE_OK || n == 0) {
			return;
		}
		buffer_add(head, piece, n);
	}
}

/* ---- both ways ---- */

static bool move_from_node(struct console *r)
{
	char piece[PIECE];
	size_t n;

	while (r->to_client.len < PIECE) {
		CURLcode code = curl_easy_recv(r->link->curl, piece, sizeof(piece), &n);

		if (code == CURLE_AGAIN) {
			return true;
		}
		if (code != CURLE_OK || n == 0) {
			return false;
		}
		buffer_add(&r->to_client, piece, n);
	}
	return true;
}

static void cut_front(struct buffer *b, size_t n)
{
	memmove(b->at, b->at + n, b->len - n);
	b->len -= n;
}

static bool move_to_client(struct console *r)
{
	ssize_t n;

	if (r->to_client.len == 0) {
		return true;
	}
	n = send(r->client, r->to_client.at, r->to_client.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR;
	}
	cut_front(&r->to_client, (size_t)n);
	return true;
}

static bool move_from_client(struct console *r)
{
	char piece[PIECE];
	ssize_t n;

	if (r->to_node.len > 0) {
		return true;
	}
	n = recv(r->client, piece, sizeof(piece), MSG_DONTWAIT);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR;
	}
	buffer_add(&r->to_node, piece, (size_t)n);
	r->client_ended = n == 0;
	return n > 0;
}

static bool move_to_node(struct console *r)
{
	CURLcode code;
	size_t n;

	if (r->to_node.len == 0) {
		return true;
	}
	code = curl_easy_send(r->link->curl, r->to_node.at, r->to_node.len, &n);
	if (code == CURLE_OK) {
		cut_front(&r->to_node, n);
	}
	return code == CURLE_OK || code == CURLE_AGAIN;
}

/* Waits for what can go on. */
static void wait_both(const struct console *r)
{
	struct pollfd p[2] = {
		{ r->node, (short)((r->to_client.len < PIECE ? POLLIN : 0) | (r->to_node.len ? POLLOUT : 0)), 0 },
		{ r->client, (short)((r->to_node.len == 0 ? POLLIN : 0) | (r->to_client.len ? POLLOUT : 0)), 0 },
	};

	poll(p, 2, POLL_MS);
}

/*
 * What the client typed last reaches the node before the connection ends. With bytes of the node's that nobody has read that would be a
 * reset, which overtakes them: so they are read until the node has seen the end.
 */
static void say_last(struct console *r)
{
	int64_t until = work_now_ms() + LAST_MS;
	char piece[PIECE];
	CURLcode code;
	size_t n;

	while (r->to_node.len > 0 && move_to_node(r) && r->to_node.len > 0) {
		if (!wait_node(r->node, POLLOUT, until)) {
			return;
		}
	}
	shutdown(r->node, SHUT_WR);
	do {
		code = curl_easy_recv(r->link->curl, piece, sizeof(piece), &n);
	} while ((code == CURLE_OK && n > 0 && work_now_ms() < until) || (code == CURLE_AGAIN && wait_node(r->node, POLLIN, until)));
}

static void drop(struct console *r)
{
	client_close(r->link);
	buffer_free(&r->to_client);
	buffer_free(&r->to_node);
	free(r);
}

void console_leave(struct request *request)
{
	if (request->console) {
		drop(request->console);
	}
}

static void run(void *argument)
{
	struct console *r = argument;

	while (!work_stopping() && move_from_client(r) && move_to_node(r) && move_from_node(r) && move_to_client(r)) {
		wait_both(r);
	}
	/* What the node said last still goes out, if the client takes it at once. */
	move_to_client(r);
	if (r->client_ended) {
		say_last(r);
	}
	MHD_upgrade_action(r->handle, MHD_UPGRADE_ACTION_CLOSE);
	drop(r);
}

static void on_upgraded(void *context, struct MHD_Connection *connection, void *state, const char *extra, size_t extra_len,
			MHD_socket client, struct MHD_UpgradeResponseHandle *handle)
{
	struct console *r = context;
	struct request *request = state;

	(void)connection;
	request->console = NULL;
	r->client = client;
	r->handle = handle;
	buffer_add(&r->to_node, extra, extra_len);
	if (!work_start(run, r)) {
		run(r);
	}
}

static enum MHD_Result upgrade(struct request *request, struct client_link *link, curl_socket_t fd, const char *early, size_t len)
{
	struct console *r = memory_new(sizeof(*r));
	struct MHD_Response *response;
	enum MHD_Result result;

	request->console = r;
	r->link = link;
	r->node = fd;
	buffer_add(&r->to_client, early, len);
	response = MHD_create_response_for_upgrade(on_upgraded, r);
	MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, request_header(request, "Upgrade"));
	result = MHD_queue_response(request->connection, MHD_HTTP_SWITCHING_PROTOCOLS, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_text(struct request *request, unsigned int status, const char *text, size_t len)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct request *request, unsigned int status, const char *why)
{
	struct reply reply = { 0 };
	enum MHD_Result result;

	reply_error(&reply, status, "%s", why);
	result = send_text(request, status, reply.body.at, reply.body.len);
	buffer_free(&reply.body);
	return result;
}

/* Asks the node; the link is upgraded, or closed here. */
static enum MHD_Result ask(struct request *request, struct node *node, struct client_link *link)
{
	int64_t until = work_now_ms() + 1000 * settings.request_s;
	curl_socket_t fd = CURL_SOCKET_BAD;
	struct buffer text = { 0 }, head = { 0 };
	enum MHD_Result result;
	struct why why;
	size_t from;
	long status;

	curl_easy_getinfo(link->curl, CURLINFO_ACTIVESOCKET, &fd);
	buffer_printf(&text, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", proxy_path(request), node->name,
		      request_header(request, "Upgrade"));
	from = send_all(link, fd, &text, until) ? read_head(link, fd, &head, until) : 0;
	buffer_free(&text);
	status = from > 12 && strncmp(head.at, "HTTP/1.", 7) == 0 ? strtol(head.at + 9, NULL, 10) : 0;
	if (status == MHD_HTTP_SWITCHING_PROTOCOLS) {
		result = upgrade(request, link, fd, head.at + from, head.len - from);
		buffer_free(&head);
		return result;
	}
	if (status >= 200 && status <= 599) {
		read_rest(link, fd, &head, from, until);
		result = send_text(request, (unsigned int)status, head.at + from, head.len - from);
	} else {
		why_set(&why, "node %s: the connection was lost", node->name);
		result = refuse(request, 502, why.text);
	}
	client_close(link);
	buffer_free(&head);
	return result;
}

enum MHD_Result console_answer(struct request *request)
{
	struct client_link *link;
	struct why why;
	struct node *node = nodes_get(request->words[0], &why);

	if (!node) {
		return refuse(request, 400, why.text);
	}
	link = client_connect(node, &why);
	if (!link) {
		node_failed(node, &why, "");
		return refuse(request, 502, why.text);
	}
	return ask(request, node, link);
}
