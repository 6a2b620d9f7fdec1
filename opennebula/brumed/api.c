/* SPDX-License-Identifier: Apache-2.0 */
/* The local API: who answers what. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "opennebula/brumed/actions.h"
#include "opennebula/brumed/api.h"
#include "opennebula/brumed/client.h"
#include "opennebula/brumed/console.h"
#include "opennebula/brumed/monitor.h"
#include "opennebula/brumed/proxy.h"
#include "opennebula/brumed/request.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/tm.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/log.h"

enum { CLIENTS_MAX = 512, BACKLOG = 128, BLOCK = 65536 };

static struct MHD_Daemon *server;

/* ---- answers ---- */

void reply_json(struct reply *reply, unsigned int status, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT);

	reply->status = status;
	buffer_text(&reply->body, text ? text : "{}");
	buffer_text(&reply->body, "\n");
	free(text);
	json_decref(json);
}

json_t *reply_text(const char *text)
{
	json_t *json = json_string(text);
	char *plain;

	if (json) {
		return json;
	}
	plain = memory_copy_text(text);
	for (char *p = plain; *p; p++) {
		if (*p & 0x80) {
			*p = '?';
		}
	}
	json = json_string(plain);
	free(plain);
	return json;
}

void reply_error(struct reply *reply, unsigned int status, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	reply_json(reply, status, json_pack("{s:o}", "error", reply_text(text)));
}

const char *request_header(const struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static void reply_done(struct reply *reply)
{
	reply_json(reply, 200, json_object());
}

static void on_nodes(struct request *request, struct reply *reply)
{
	(void)request;
	reply_json(reply, 200, nodes_json());
}

static void on_node(struct request *request, struct reply *reply)
{
	struct node *node = nodes_find(request->words[0]);

	if (!node) {
		reply_error(reply, 404, "there is no node '%s'", request->words[0]);
		return;
	}
	reply_json(reply, 200, node_json(node));
}

static void on_node_put(struct request *request, struct reply *reply)
{
	json_t *json = json_loadb(buffer_string(&request->body), request->body.len, 0, NULL);
	const char *address = json_string_value(json_object_get(json, "address"));
	json_t *port = json_object_get(json, "port");
	struct why why;

	if (!json_is_object(json) || (port && !json_is_integer(port))) {
		reply_error(reply, 400, "the body is {\"address\": \"...\", \"port\": 8443}");
	} else if (!nodes_put(request->words[0], address ? address : "", port ? (long)json_integer_value(port) : NODE_PORT, &why)) {
		reply_error(reply, 400, "%s", why.text);
	} else {
		reply_done(reply);
	}
	json_decref(json);
}

static void on_node_delete(struct request *request, struct reply *reply)
{
	struct why why;

	if (!nodes_find(request->words[0])) {
		reply_error(reply, 404, "there is no node '%s'", request->words[0]);
		return;
	}
	monitor_forget(request->words[0]);
	if (!nodes_remove(request->words[0], &why)) {
		reply_error(reply, 500, "%s", why.text);
		return;
	}
	reply_done(reply);
}

static void on_node_approve(struct request *request, struct reply *reply)
{
	json_t *json = json_loadb(buffer_string(&request->body), request->body.len, 0, NULL);
	const char *fingerprint = json_string_value(json_object_get(json, "fingerprint"));
	struct why why;

	if (!fingerprint) {
		reply_error(reply, 400, "the body is {\"fingerprint\": \"41:DD:...\"}");
	} else if (!nodes_approve(request->words[0], fingerprint, &why)) {
		reply_error(reply, 400, "%s", why.text);
	} else {
		reply_done(reply);
	}
	json_decref(json);
}

static void on_node_certificate(struct request *request, struct reply *reply)
{
	char fingerprint[FINGERPRINT_MAX];
	struct buffer described = { 0 };
	struct why why;
	struct node *node = nodes_get(request->words[0], &why);

	if (!node) {
		reply_error(reply, 400, "%s", why.text);
	} else if (!client_look(node, fingerprint, &described, &why)) {
		reply_error(reply, 502, "%s", why.text);
	} else {
		reply_json(reply, 200, json_pack("{s:s, s:s}", "fingerprint", fingerprint, "certificate", buffer_string(&described)));
	}
	buffer_free(&described);
}

/* ---- routes ---- */

struct route {
	const char *method, *pattern;    /* a word * stands for any, ** at the end for all that follows */
	request_handler *handler;        /* NULL: the proxy */
};

static const struct route routes[] = {
	{ "GET", "/nodes", on_nodes },
	{ "GET", "/nodes/*", on_node },
	{ "PUT", "/nodes/*", on_node_put },
	{ "DELETE", "/nodes/*", on_node_delete },
	{ "POST", "/nodes/*/approve", on_node_approve },
	{ "GET", "/nodes/*/certificate", on_node_certificate },
	{ "POST", "/nodes/*/actions/*/*", actions_answer },
	{ "DELETE", "/nodes/*/actions/*", actions_cancel },
	{ "POST", "/tm/*", tm_answer },
	{ "GET", "/monitor", monitor_answer_list },
	{ "POST", "/monitor/*/start", monitor_answer_start },
	{ "POST", "/monitor/*/stop", monitor_answer_stop },
	{ NULL, "/nodes/*/v1/**", NULL },
};

/* Whether path, which is cut into words, fits; sets words of it. */
static bool fits(const char *pattern, char *path, char *words[REQUEST_WORDS])
{
	size_t count = 0;

	for (;;) {
		pattern += *pattern == '/';
		path += *path == '/';
		if (strcmp(pattern, "**") == 0) {
			return *path != 0;
		}
		if (*pattern == '*') {
			size_t len = strcspn(path, "/");

			if (len == 0 || count == REQUEST_WORDS) {
				return false;
			}
			words[count++] = path;
			pattern++;
			path += len;
		}
		while (*pattern && *pattern != '/' && *pattern == *path) {
			pattern++;
			path++;
		}
		if ((*pattern && *pattern != '/') || (*path && *path != '/') || !*pattern != !*path) {
			return false;
		}
		if (!*pattern) {
			return true;
		}
	}
}

/* Ends each word at its slash. */
static void cut(char *words[REQUEST_WORDS])
{
	for (size_t i = 0; i < REQUEST_WORDS && words[i]; i++) {
		words[i][strcspn(words[i], "/")] = 0;
	}
}

static void find_route(struct request *request)
{
	request->path = memory_copy_text(request->uri);
	request->path[strcspn(request->path, "?")] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(routes) && !request->route; i++) {
		memset(request->words, 0, sizeof(request->words));
		if ((!routes[i].method || strcmp(routes[i].method, request->method) == 0) &&
		    fits(routes[i].pattern, request->path, request->words)) {
			request->route = &routes[i];
		}
	}
	cut(request->words);
}

/* ---- one request ---- */

static ssize_t on_more(void *context, uint64_t at, char *to, size_t size)
{
	const struct buffer *body = context;
	size_t left = body->len - (size_t)at;

	left = left < size ? left : size;
	memcpy(to, body->at + at, left);
	return (ssize_t)left;
}

static void on_free(void *context)
{
	buffer_free(context);
	free(context);
}

/*
 * The body comes from a function, so that it is sent behind the head, and the request is completed by the write that sends its last byte. Of a buffer
 * libmicrohttpd sends both at once and then waits until it may write nothing: a client that has its answer and leaves meanwhile looks like one that
 * never got it.
 */
static struct MHD_Response *response_of(struct reply *reply)
{
	struct buffer *body = memory_new(sizeof(*body));
	struct MHD_Response *response;

	*body = reply->body;
	reply->body = (struct buffer){ 0 };
	response = MHD_create_response_from_callback(body->len, BLOCK, on_more, body, on_free);
	if (!response) {
		on_free(body);
	}
	return response;
}

static enum MHD_Result send_reply(struct request *request, struct reply *reply)
{
	struct MHD_Response *response = response_of(reply);
	enum MHD_Result result;

	if (!response) {
		return MHD_NO;
	}

	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type ? reply->type : "application/json");
	result = MHD_queue_response(request->connection, reply->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result begin(struct request *request)
{
	request->begun = true;
	find_route(request);
	if (request->route && !request->route->handler && !console_wanted(request)) {
		request->proxy = proxy_start(request);
	}
	return MHD_YES;
}

static void take_body(struct request *request, const char *bytes, size_t len)
{
	if (request->proxy) {
		proxy_take(request->proxy, bytes, len);
	} else if (request->body.len + len > REQUEST_BODY_MAX) {
		request->too_long = true;
	} else {
		buffer_add(&request->body, bytes, len);
	}
}

static enum MHD_Result answer(struct request *request)
{
	struct reply reply = { 0 };

	if (request->proxy) {
		return proxy_answer(request->proxy, request->connection);
	}
	if (request->too_long) {
		reply_error(&reply, 413, "the body is too long");
	} else if (!request->route) {
		reply_error(&reply, 404, "there is no %s %s", request->method, request->path);
	} else if (!request->route->handler) {
		return console_answer(request);
	} else {
		request->route->handler(request, &reply);
	}
	if (work_stopping() && reply.status >= 500) {
		/* It failed because brumed ends: who asked sees a broken connection, and asks the next one. */
		buffer_free(&reply.body);
		return MHD_NO;
	}
	return send_reply(request, &reply);
}

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
	struct request *request = memory_new(sizeof(*request));

	(void)context;
	request->connection = connection;
	request->uri = memory_copy_text(uri);
	return request;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *bytes, size_t *len, void **state)
{
	struct request *request = *state;

	(void)context, (void)connection, (void)url, (void)version;
	if (!request->begun) {
		request->method = method;
		return begin(request);
	}
	if (*len > 0) {
		take_body(request, bytes, *len);
		*len = 0;
		return MHD_YES;
	}
	return answer(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
			 enum MHD_RequestTerminationCode code)
{
	struct request *request = *state;

	(void)context, (void)connection;
	if (!request) {
		return;
	}
	if (request->proxy) {
		proxy_leave(request->proxy);
	}
	if (request->action) {
		actions_told(request->action, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	}
	console_leave(request);
	buffer_free(&request->body);
	free(request->path);
	free(request->uri);
	free(request);
	*state = NULL;
}

/* ---- the socket ---- */

/* Owner and group may use it. */
static void set_rights(const char *path)
{
	struct group room, *group = NULL;
	char names[8192];

	if (strcmp(settings.group, "-") == 0) {
		return;
	}
	if (getgrnam_r(settings.group, &room, names, sizeof(names), &group) != 0 || !group) {
		log_warning("there is no group %s: only brumed's own user can use %s", settings.group, path);
	} else if (chown(path, (uid_t)-1, group->gr_gid) < 0) {
		log_warning("%s cannot be given to group %s: %s", path, settings.group, strerror(errno));
	} else if (chmod(path, 0660) < 0) {
		log_warning("%s: %s", path, strerror(errno));
	}
}

int api_listen(struct why *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(settings.socket);
	mode_t mask;
	int fd = -1, bound;

	if (len >= sizeof(address.sun_path)) {
		why_set(why, "%s: a socket's path has 107 letters at most", settings.socket);
		return -1;
	}
	memcpy(address.sun_path, settings.socket, len + 1);
	unlink(settings.socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mask = umask(0177);
	bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound < 0 || listen(fd, BACKLOG) < 0) {
		why_set(why, "%s: %s", settings.socket, strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	set_rights(settings.socket);
	return fd;
}

bool api_start(int fd, struct why *why)
{
	server = MHD_start_daemon(MHD_USE_POLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_ALLOW_UPGRADE, 0, NULL, NULL,
				  on_request, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL,
				  MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_CONNECTION_LIMIT,
				  (unsigned int)CLIENTS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_END);
	return server || why_set(why, "the local API does not start");
}

void api_stop(void)
{
	MHD_stop_daemon(server);
	unlink(settings.socket);
}
