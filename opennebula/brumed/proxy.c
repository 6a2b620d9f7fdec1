/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that pass through. The node is asked by a thread of its own, so that either side's callbacks may wait for the other. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumed/client.h"
#include "opennebula/brumed/flow.h"
#include "opennebula/brumed/proxy.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/config.h"

enum { BLOCK = 65536, HEADERS_MAX = 32 };

struct proxy {
	struct node *node;               /* NULL: why says why */
	struct why why;
	enum client_kind kind;
	char *method, *path;
	char *asked[HEADERS_MAX + 1];    /* "Name: value", NULL behind the last */
	struct client_call call;         /* of the asking thread, until done; then why says why there is no answer */
	struct flow up, down;
	atomic_int users;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool headed;                     /* lock; the answer's head is here, or there is none. What follows changes no more */
	long status;                     /* lock; of the answer; 0: there is none */
	int64_t size;                    /* lock; of the answer's body; -1: not known */
	char *names[HEADERS_MAX], *values[HEADERS_MAX];
	size_t count;                    /* lock; of headers of the answer */
};

/* Other headers are about one connection, not about what is asked. */
static bool passes(const char *name)
{
	static const char *const pass[] = { "Content-Type", "Content-Range", "Accept-Ranges", "Range", "Accept", "Retry-After", "Allow",
					    "ETag", "Last-Modified" };

	for (size_t i = 0; i < ARRAY_SIZE(pass); i++) {
		if (strcasecmp(name, pass[i]) == 0) {
			return true;
		}
	}
	return strncasecmp(name, "X-", 2) == 0;
}

const char *proxy_path(const struct request *request)
{
	return strstr(request->uri, "/v1/");
}

static void drop(struct proxy *proxy)
{
	if (atomic_fetch_sub(&proxy->users, 1) > 1) {
		return;
	}
	for (size_t i = 0; i < HEADERS_MAX; i++) {
		free(proxy->asked[i]);
		free(proxy->names[i]);
		free(proxy->values[i]);
	}
	flow_free(&proxy->up);
	flow_free(&proxy->down);
	buffer_free(&proxy->call.answer);
	pthread_cond_destroy(&proxy->changed);
	pthread_mutex_destroy(&proxy->lock);
	free(proxy->method);
	free(proxy->path);
	free(proxy);
}

/* ---- the asking thread ---- */

static long on_read(void *context, char *to, size_t size)
{
	struct proxy *proxy = context;

	return flow_read(&proxy->up, to, size);
}

static void on_header(void *context, const char *name, const char *value)
{
	struct proxy *proxy = context;
	long size;

	pthread_mutex_lock(&proxy->lock);
	if (proxy->headed) {
		/* A trailer: the client has the head already. */
	} else if (strcasecmp(name, "Content-Length") == 0 && config_number(value, 0, INT64_MAX, &size)) {
		proxy->size = size;
	} else if (passes(name) && proxy->count < HEADERS_MAX) {
		proxy->names[proxy->count] = memory_copy_text(name);
		proxy->values[proxy->count++] = memory_copy_text(value);
	}
	pthread_mutex_unlock(&proxy->lock);
}

/* The first byte of the body is here, or the end of all. */
static void set_headed(struct proxy *proxy)
{
	pthread_mutex_lock(&proxy->lock);
	if (!proxy->headed) {
		proxy->headed = true;
		proxy->status = proxy->call.status;
	}
	pthread_cond_broadcast(&proxy->changed);
	pthread_mutex_unlock(&proxy->lock);
}

static bool on_write(void *context, const char *bytes, size_t len)
{
	struct proxy *proxy = context;

	set_headed(proxy);
	return flow_write(&proxy->down, bytes, len);
}

static void run(void *argument)
{
	struct proxy *proxy = argument;

	if (client_call(proxy->node, proxy->kind, &proxy->call)) {
		flow_end(&proxy->down);
	} else {
		flow_break(&proxy->down);
	}
	flow_break(&proxy->up);
	set_headed(proxy);
	drop(proxy);
}

/* ---- the client's side ---- */

struct header_walk {
	struct proxy *proxy;
	size_t count;
};

static enum MHD_Result add_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct header_walk *walk = context;
	struct buffer line = { 0 };

	(void)kind;
	if (passes(name) && walk->count < HEADERS_MAX) {
		buffer_printf(&line, "%s: %s", name, value ? value : "");
		walk->proxy->asked[walk->count++] = buffer_take(&line);
	}
	return MHD_YES;
}

/* Long transfers, and what waits, stay away from the connections of actions. */
static enum client_kind kind_of(const struct proxy *proxy)
{
	bool bulk = strcmp(proxy->method, "PUT") == 0 || strncmp(proxy->path, "/v1/images/", 11) == 0 ||
		    strncmp(proxy->path, "/v1/disks/", 10) == 0 || strncmp(proxy->path, "/v1/one/changes", 15) == 0;

	return bulk ? CLIENT_BULK : CLIENT_REQUEST;
}

static void set_call(struct proxy *proxy, struct request *request)
{
	const char *length = request_header(request, "Content-Length");
	long size;

	proxy->call = (struct client_call){
		.method = proxy->method, .path = proxy->path, .headers = (const char *const *)proxy->asked,
		.header = on_header, .write = on_write, .context = proxy,
	};
	if (length && config_number(length, 0, INT64_MAX, &size)) {
		proxy->call.size = size;
		proxy->call.read = size > 0 ? on_read : NULL;
	} else if (request_header(request, "Transfer-Encoding")) {
		proxy->call.size = -1;
		proxy->call.read = on_read;
	}
}

struct proxy *proxy_start(struct request *request)
{
	struct proxy *proxy = memory_new(sizeof(*proxy));
	struct header_walk walk = { proxy, 0 };

	pthread_mutex_init(&proxy->lock, NULL);
	work_condition_init(&proxy->changed);
	flow_init(&proxy->up);
	flow_init(&proxy->down);
	proxy->size = -1;
	atomic_store(&proxy->users, 1);
	proxy->method = memory_copy_text(request->method);
	proxy->path = memory_copy_text(proxy_path(request));
	proxy->kind = kind_of(proxy);
	proxy->node = nodes_get(request->words[0], &proxy->why);
	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, add_header, &walk);
	set_call(proxy, request);
	if (proxy->node) {
		atomic_fetch_add(&proxy->users, 1);
		if (!work_start(run, proxy)) {
			atomic_fetch_sub(&proxy->users, 1);
			proxy->node = NULL;
			why_set(&proxy->why, "too many requests");
		}
	}
	return proxy;
}

void proxy_take(struct proxy *proxy, const char *bytes, size_t len)
{
	/* Broken: the node has answered already, and wants no more of it. */
	if (proxy->node && !flow_write(&proxy->up, bytes, len)) {
		return;
	}
}

static ssize_t on_more(void *context, uint64_t position, char *to, size_t size)
{
	struct proxy *proxy = context;
	long n = flow_read(&proxy->down, to, size);

	(void)position;
	return n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM : n;
}

static void on_response_gone(void *context)
{
	struct proxy *proxy = context;

	flow_break(&proxy->down);
	drop(proxy);
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status, const char *why)
{
	struct reply reply = { 0 };
	struct MHD_Response *response;
	enum MHD_Result result;
	size_t len;

	reply_error(&reply, status, "%s", why);
	len = reply.body.len;
	response = MHD_create_response_from_buffer(len, buffer_take(&reply.body), MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

enum MHD_Result proxy_answer(struct proxy *proxy, struct MHD_Connection *connection)
{
	struct MHD_Response *response;
	enum MHD_Result result;
	long status;

	flow_end(&proxy->up);
	if (!proxy->node) {
		return refuse(connection, 400, proxy->why.text);
	}
	pthread_mutex_lock(&proxy->lock);
	while (!proxy->headed) {
		work_wait(&proxy->changed, &proxy->lock, INT64_MAX);
	}
	status = proxy->status;
	pthread_mutex_unlock(&proxy->lock);
	if (status == 0) {
		return refuse(connection, 502, proxy->call.why.text);
	}
	atomic_fetch_add(&proxy->users, 1);
	response = MHD_create_response_from_callback(proxy->size < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)proxy->size, BLOCK, on_more, proxy,
						     on_response_gone);
	for (size_t i = 0; i < proxy->count; i++) {
		MHD_add_response_header(response, proxy->names[i], proxy->values[i]);
	}
	result = MHD_queue_response(connection, (unsigned int)status, response);
	MHD_destroy_response(response);
	return result;
}

void proxy_leave(struct proxy *proxy)
{
	flow_break(&proxy->up);
	flow_break(&proxy->down);
	drop(proxy);
}
