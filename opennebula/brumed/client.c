/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to nodes, by libcurl. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumed/client.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/log.h"

enum { ANSWER_MAX = 16 << 20, KEEP_IDLE_S = 90, LIFE_S = 3600, IDLE_MAX = 4, HEADER_MAX = 16384, BULK_QUEUE_S = 6 * 3600 };

/* How many connections of a kind a node may have at a time. */
static const unsigned int most[CLIENT_KINDS] = { [CLIENT_REQUEST] = 8, [CLIENT_WAIT] = 1, [CLIENT_BULK] = 4 };

/* A handle keeps its connection alive between requests. */
struct connection {
	CURL *curl;
	unsigned int generation;         /* of the node's entry that it was made by */
	struct connection *next;
	struct tls_check check;
	char error[CURL_ERROR_SIZE];
};

struct client_pool {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct connection *idle[CLIENT_KINDS];   /* lock */
	unsigned int busy[CLIENT_KINDS];         /* lock */
};

struct client_pool *client_pool_new(void)
{
	struct client_pool *pool = memory_new(sizeof(*pool));

	pthread_mutex_init(&pool->lock, NULL);
	work_condition_init(&pool->freed);
	return pool;
}

static void connection_free(struct connection *c)
{
	curl_easy_cleanup(c->curl);
	buffer_free(&c->check.described);
	free(c);
}

void client_pool_free(struct client_pool *pool)
{
	for (size_t kind = 0; kind < CLIENT_KINDS; kind++) {
		while (pool->idle[kind]) {
			struct connection *c = pool->idle[kind];

			pool->idle[kind] = c->next;
			connection_free(c);
		}
	}
	pthread_cond_destroy(&pool->freed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static struct connection *connection_new(unsigned int generation)
{
	struct connection *c = memory_new(sizeof(*c));

	c->curl = curl_easy_init();
	c->generation = generation;
	if (!c->curl) {
		free(c);
		return NULL;
	}
	return c;
}

static void free_place(struct client_pool *pool, enum client_kind kind)
{
	pthread_mutex_lock(&pool->lock);
	pool->busy[kind]--;
	pthread_cond_signal(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}

/* Takes an idle connection of that generation, and drops older ones. Waits for one while too many are busy. */
static struct connection *take(struct client_pool *pool, enum client_kind kind, unsigned int generation, int64_t until)
{
	struct connection *c = NULL;
	bool may;

	pthread_mutex_lock(&pool->lock);
	while (pool->busy[kind] >= most[kind] && !work_stopping() && work_now_ms() < until) {
		work_wait(&pool->freed, &pool->lock, until);
	}
	may = pool->busy[kind] < most[kind];
	pool->busy[kind] += may;
	while (may && !c && pool->idle[kind]) {
		c = pool->idle[kind];
		pool->idle[kind] = c->next;
		if (c->generation != generation) {
			connection_free(c);
			c = NULL;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	if (may && !c) {
		c = connection_new(generation);
		if (!c) {
			free_place(pool, kind);
		}
	}
	return c;
}

static void give_back(struct client_pool *pool, enum client_kind kind, struct connection *c, bool keep)
{
	unsigned int idle = 0;

	pthread_mutex_lock(&pool->lock);
	for (struct connection *i = pool->idle[kind]; i; i = i->next) {
		idle++;
	}
	if (keep && idle < IDLE_MAX) {
		c->next = pool->idle[kind];
		pool->idle[kind] = c;
		c = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	if (c) {
		connection_free(c);
	}
	free_place(pool, kind);
}

/* ---- what libcurl calls ---- */

struct run {
	struct node *node;
	struct client_call *call;
	struct connection *connection;
	bool given_up;                   /* by a callback of the caller */
	bool too_long;                   /* the answer */
	bool headed;                     /* the answer began */
};

static size_t on_body(char *bytes, size_t one, size_t len, void *context)
{
	struct run *run = context;
	struct client_call *call = run->call;

	(void)one;
	if (call->write) {
		run->given_up = !call->write(call->context, bytes, len);
		return run->given_up ? 0 : len;
	}
	run->too_long = call->answer.len + len > (call->limit ? call->limit : ANSWER_MAX);
	if (run->too_long) {
		return 0;
	}
	buffer_add(&call->answer, bytes, len);
	return len;
}

static size_t on_read(char *to, size_t one, size_t size, void *context)
{
	struct run *run = context;
	long n = run->call->read(run->call->context, to, one * size);

	run->given_up = n < 0;
	return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

static void take_header(struct run *run, char *line)
{
	char *value = strchr(line, ':');

	if (!value) {
		return;
	}
	*value++ = 0;
	value += strspn(value, " \t");
	value[strcspn(value, "\r\n")] = 0;
	if (strcasecmp(line, "X-Time") == 0) {
		run->call->time = strtoll(value, NULL, 10);
	}
	if (run->call->header) {
		run->call->header(run->call->context, line, value);
	}
}

static size_t on_header(char *bytes, size_t one, size_t len, void *context)
{
	struct run *run = context;
	char line[HEADER_MAX];

	(void)one;
	if (len >= sizeof(line)) {
		return 0;
	}
	memcpy(line, bytes, len);
	line[len] = 0;
	curl_easy_getinfo(run->connection->curl, CURLINFO_RESPONSE_CODE, &run->call->status);
	if (run->call->status >= 200) {
		if (!run->headed) {
			node_answered(run->node, run->connection->check.fingerprint);
		}
		run->headed = true;
		take_header(run, line);
	}
	return len;
}

/* Called about once a second: long waits end when brumed does. */
static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)context, (void)a, (void)b, (void)c, (void)d;
	return work_stopping();
}

/* ---- setting up ---- */

static void set_target(CURL *curl, const struct node_target *target, const char *path)
{
	bool v6 = strchr(target->address, ':') != NULL;
	struct buffer url = { 0 };

	buffer_printf(&url, "https://%s%s%s:%ld%s", v6 ? "[" : "", target->address, v6 ? "]" : "", target->port, path);
	curl_easy_setopt(curl, CURLOPT_URL, url.at);
	buffer_free(&url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, settings.connect_s);
	curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	/* A name server that says nothing is waited for no longer than that, neither is it at brumed's end. */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, (long)KEEP_IDLE_S);
	/* So that certificates that were changed, or have expired, come to count on connections that are never idle. */
	curl_easy_setopt(curl, CURLOPT_MAXLIFETIME_CONN, (long)LIFE_S);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
}

static void set_check(struct connection *c, struct node *node, const struct node_target *target)
{
	c->check = (struct tls_check){ .name = node->name, .address = target->address, .pin = target->pin };
	c->error[0] = 0;
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error);
	tls_set_up(c->curl, &c->check);
}

static void set_body(CURL *curl, struct run *run)
{
	struct client_call *call = run->call;

	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
	if (call->read) {
		curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(curl, CURLOPT_READDATA, run);
		curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->size);
	} else if (call->body || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body ? call->body : "");
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(call->body ? call->len : 0));
	}
	if (strcmp(call->method, "HEAD") == 0) {
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, run);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, run);
}

static void set_times(CURL *curl, const struct client_call *call)
{
	if (call->timeout_s > 0) {
		curl_easy_setopt(curl, CURLOPT_TIMEOUT, call->timeout_s);
	} else {
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, settings.stall_s);
	}
}

static struct curl_slist *header_list(const struct client_call *call)
{
	/* A long body waits until the node wants it: it could not say why it does not while it comes. */
	struct curl_slist *list = curl_slist_append(NULL, call->read ? "Expect: 100-continue" : "Expect:");

	for (size_t i = 0; call->headers && call->headers[i]; i++) {
		list = curl_slist_append(list, call->headers[i]);
	}
	/* libcurl's guess for a body in memory means nothing to a node. */
	return curl_slist_append(list, "Content-Type: application/octet-stream");
}

/* ---- what went wrong ---- */

static void explain_time(struct connection *c, const struct node_target *target, struct why *why)
{
	curl_off_t connected = 0;

	curl_easy_getinfo(c->curl, CURLINFO_APPCONNECT_TIME_T, &connected);
	if (connected > 0) {
		why_set(why, "it did not answer in time");
	} else {
		why_set(why, "no connection to %s port %ld within %ld s", target->address, target->port, settings.connect_s);
	}
}

static void explain_lost(struct connection *c, CURLcode code, struct why *why)
{
	if (strstr(c->error, "protocol version") || strstr(c->error, "unsupported protocol")) {
		why_set(why, "it speaks no TLS that brumed does, which is 1.2 and newer");
	} else if (strstr(c->error, "alert") && !strstr(c->error, "handshake failure")) {
		why_set(why, "it refuses brumed's certificate %s: %s", settings.cert, c->error);
	} else if (strstr(c->error, "bad record mac")) {
		/* What a node of TLS 1.3 has to say against the certificate comes under keys that OpenSSL has left behind already. */
		why_set(why, "it refuses brumed's certificate %s: has it expired, is it not valid yet, or another authority's?", settings.cert);
	} else if (code == CURLE_SSL_CONNECT_ERROR) {
		why_set(why, "no TLS with it: %s", *c->error ? c->error : curl_easy_strerror(code));
	} else {
		why_set(why, "the connection was lost");
	}
}

static void explain_connect(struct connection *c, const struct node_target *target, struct why *why)
{
	long error = 0;

	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &error);
	if (error == ECONNREFUSED) {
		why_set(why, "connection refused at %s port %ld", target->address, target->port);
	} else {
		why_set(why, "no connection to %s port %ld: %s", target->address, target->port,
			error ? strerror((int)error) : "no way there");
	}
}

static void explain(struct connection *c, CURLcode code, const struct node_target *target, struct why *why)
{
	if (c->check.refused) {
		*why = c->check.why;
		return;
	}
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		why_set(why, "the name %s does not resolve", target->address);
		break;
	case CURLE_COULDNT_CONNECT:
		explain_connect(c, target, why);
		break;
	case CURLE_OPERATION_TIMEDOUT:
		explain_time(c, target, why);
		break;
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		why_set(why, "brumed's certificate %s, key or authority %s cannot be read: %s", settings.cert, settings.ca, c->error);
		break;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		explain_lost(c, code, why);
		break;
	default:
		why_set(why, "%s", *c->error ? c->error : curl_easy_strerror(code));
	}
}

static void set_failure(struct node *node, struct connection *c, CURLcode code, const struct node_target *target,
			struct run *run)
{
	struct client_call *call = run->call;
	struct why detail = { "" };
	curl_off_t connected = 0;
	long sent = 0;

	curl_easy_getinfo(c->curl, CURLINFO_APPCONNECT_TIME_T, &connected);
	curl_easy_getinfo(c->curl, CURLINFO_REQUEST_SIZE, &sent);
	call->unasked = sent == 0;
	call->hopeless = c->check.refused || code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE;
	explain(c, code, target, &detail);
	why_set(&call->why, "node %s: %s", node->name, run->too_long ? "its answer is longer than any that is right" : detail.text);
	if (!run->given_up && !work_stopping()) {
		node_failed(node, &call->why, c->check.fingerprint);
	}
}

static bool perform(struct node *node, struct connection *c, const struct node_target *target, struct client_call *call)
{
	struct curl_slist *headers = header_list(call);
	struct run run = { .node = node, .call = call, .connection = c };
	CURLcode code;

	curl_easy_reset(c->curl);
	set_target(c->curl, target, call->path);
	set_check(c, node, target);
	set_body(c->curl, &run);
	set_times(c->curl, call);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	code = curl_easy_perform(c->curl);
	if (code == CURLE_OK) {
		curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &call->status);
	} else {
		call->status = 0;
		set_failure(node, c, code, target, &run);
	}
	log_debug("node %s: %s %s: %ld %s", node->name, call->method, call->path, call->status, code == CURLE_OK ? "" : c->error);
	curl_slist_free_all(headers);
	return code == CURLE_OK;
}

bool client_call(struct node *node, enum client_kind kind, struct client_call *call)
{
	struct node_target target = node_target(node);
	/* Long transfers queue up; who asks something short wants to know soon. */
	int64_t patience = 1000 * (kind == CLIENT_BULK ? BULK_QUEUE_S : settings.request_s);
	struct connection *c = take(node->pool, kind, target.generation, work_now_ms() + patience);
	bool good;

	call->status = 0;
	if (!c) {
		call->unasked = true;
		return why_set(&call->why, "node %s: too much else is asked of it", node->name);
	}
	good = perform(node, c, &target, call);
	give_back(node->pool, kind, c, good);
	return good;
}

void client_explain(struct node *node, struct client_call *call)
{
	json_t *json;
	const char *error;

	if (call->status == 0) {
		return;
	}
	json = json_loadb(buffer_string(&call->answer), call->answer.len, 0, NULL);
	error = json_string_value(json_object_get(json, "error"));
	if (error) {
		why_set(&call->why, "node %s: %s", node->name, error);
	} else {
		why_set(&call->why, "node %s: it answered %ld to %s %s", node->name, call->status, call->method, call->path);
	}
	json_decref(json);
}

/* ---- connections of others ---- */

/* A handle that has just connected, or has not. */
static struct client_link *open_link(struct node *node, const struct node_target *target, bool look, struct why *why)
{
	struct connection *c = connection_new(target->generation);
	struct client_link *link;
	struct why detail = { "" };
	CURLcode code;

	if (!c) {
		why_set(why, "libcurl does not start");
		return NULL;
	}
	set_target(c->curl, target, "/");
	c->check = (struct tls_check){ .name = node->name, .address = target->address, .pin = target->pin, .look = look };
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->error);
	tls_set_up(c->curl, &c->check);
	curl_easy_setopt(c->curl, CURLOPT_CONNECT_ONLY, 1L);
	code = curl_easy_perform(c->curl);
	if (code != CURLE_OK) {
		explain(c, code, target, &detail);
		why_set(why, "node %s: %s", node->name, detail.text);
	}
	link = memory_new(sizeof(*link));
	*link = (struct client_link){ .curl = c->curl, .connection = c };
	if (code != CURLE_OK && !look) {
		client_close(link);
		return NULL;
	}
	return link;
}

json_t *client_list(struct node *node, const char *path, struct why *why)
{
	struct client_call call = { .method = "GET", .path = path, .timeout_s = settings.request_s };
	json_t *array = NULL;

	if (client_call(node, CLIENT_REQUEST, &call) && call.status == 200) {
		array = json_loadb(buffer_string(&call.answer), call.answer.len, 0, NULL);
	}
	if (!json_is_array(array)) {
		json_decref(array);
		array = NULL;
		client_explain(node, &call);
		*why = call.why;
	}
	buffer_free(&call.answer);
	return array;
}

struct client_link *client_connect(struct node *node, struct why *why)
{
	struct node_target target = node_target(node);

	return open_link(node, &target, false, why);
}

void client_close(struct client_link *link)
{
	connection_free(link->connection);
	free(link);
}

bool client_look(struct node *node, char fingerprint[FINGERPRINT_MAX], struct buffer *described, struct why *why)
{
	struct node_target target = node_target(node);
	struct client_link *link = open_link(node, &target, true, why);
	struct tls_check *check = link ? &link->connection->check : NULL;
	bool shown = check && *check->fingerprint;

	if (shown) {
		snprintf(fingerprint, FINGERPRINT_MAX, "%s", check->fingerprint);
		*described = check->described;
		check->described = (struct buffer){ 0 };
	}
	if (link) {
		client_close(link);
	}
	return shown;
}
