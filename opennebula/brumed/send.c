/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: see send.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "opennebula/brumed/hash.h"
#include "opennebula/brumed/send.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/tm_path.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/log.h"

enum { PAUSE_MS = 1000 };

struct reading {
	int fd;
	int64_t at, end;
};

static long on_read(void *context, char *to, size_t size)
{
	struct reading *r = context;
	size_t left = (size_t)(r->end - r->at);
	ssize_t n = pread(r->fd, to, size < left ? size : left, (off_t)r->at);

	if (n <= 0) {
		return left == 0 ? 0 : -1;
	}
	r->at += n;
	return n;
}

/* What the node has of it. */
enum found { FOUND_NONE, FOUND_PART, FOUND_WHOLE, FOUND_OTHER };

static enum found look_at(const json_t *row, const struct send *what, int64_t *received)
{
	const char *state = json_string_value(json_object_get(row, "state"));
	const char *sha256 = json_string_value(json_object_get(row, "sha256"));

	if (!sha256 || strcasecmp(sha256, what->sha256) != 0) {
		return FOUND_OTHER;
	}
	*received = json_integer_value(json_object_get(row, "received"));
	return (state ? strcmp(state, "whole") == 0 : *received == what->size) ? FOUND_WHOLE : FOUND_PART;
}

/* False with the reason: the node did not say. */
static bool find(struct node *node, const struct send *what, enum found *found, int64_t *received, struct why *why)
{
	json_t *rows;
	char list[32];

	snprintf(list, sizeof(list), "/v1/%ss", what->kind);
	rows = client_list(node, list, why);
	*found = FOUND_NONE;
	*received = 0;
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const char *name = json_string_value(json_object_get(json_array_get(rows, i), "name"));

		if (name && strcmp(name, what->name) == 0) {
			*found = look_at(json_array_get(rows, i), what, received);
		}
	}
	json_decref(rows);
	return rows != NULL;
}

/* Sends what is missing, once. */
static void send_rest(struct node *node, const struct send *what, int fd, int64_t from, struct client_call *call)
{
	struct reading reading = { .fd = fd, .at = from, .end = what->size };
	char hash[HASH_TEXT_MAX + 16], range[96], path[TM_DISK_MAX + 16];
	const char *headers[] = { hash, range, NULL };

	snprintf(path, sizeof(path), "/v1/%ss/%s", what->kind, what->name);
	snprintf(hash, sizeof(hash), "X-SHA256: %s", what->sha256);
	snprintf(range, sizeof(range), "Content-Range: bytes %lld-%lld/%lld", (long long)from, (long long)what->size - 1,
		 (long long)what->size);
	if (from == 0) {
		headers[1] = NULL;
	}
	*call = (struct client_call){ .method = "PUT", .path = path, .headers = headers, .read = on_read,
				      .size = what->size - from, .context = &reading };
	client_call(node, CLIENT_BULK, call);
	client_explain(node, call);
	buffer_free(&call->answer);
	call->path = NULL;
	call->headers = NULL;
}

/* Whether another try makes sense; makes room where that is what lacks. */
static bool may_retry(struct node *node, const struct send *what, const struct client_call *call, int *tries)
{
	if (call->hopeless || work_stopping()) {
		return false;
	}
	if (call->status == 507) {
		return image_make_room(node, what->name);
	}
	(*tries)++;
	/* 409: somebody else sends it, or another part is wanted. */
	return (call->status == 0 || call->status == 409 || call->status == 503) && *tries < settings.transfer_tries && work_sleep_ms(PAUSE_MS);
}

image_result send_file(struct node *node, const struct send *what, int fd, struct why *why)
{
	int64_t received, before = -1;
	struct client_call call;
	enum found found;
	int tries = 0;

	for (;;) {
		if (!find(node, what, &found, &received, why)) {
			/* A node that was there a moment ago may be so again. */
			if (before < 0 || ++tries >= settings.transfer_tries || !work_sleep_ms(PAUSE_MS)) {
				return 502;
			}
			continue;
		}
		if (found == FOUND_WHOLE) {
			return 0;
		}
		if (found == FOUND_OTHER) {
			why_set(why, "node %s: %s %s has other content", node->name, what->kind, what->name);
			return 409;
		}
		if (received > before) {
			tries = 0;
		}
		before = received;
		received = received > 0 && received < what->size ? received : 0;
		log_info("node %s: sends %s %s from byte %lld of %lld", node->name, what->kind, what->name, (long long)received,
			 (long long)what->size);
		send_rest(node, what, fd, received, &call);
		if (call.status == 200 || call.status == 201) {
			return 0;
		}
		if (!may_retry(node, what, &call, &tries)) {
			*why = call.why;
			return call.status == 507 ? 507 : call.status == 0 ? 502 : 500;
		}
	}
}
