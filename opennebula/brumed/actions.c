/* SPDX-License-Identifier: Apache-2.0 */
/* Actions: handed to the node under a key, repeated over lost connections, waited for, acknowledged. */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumed/actions.h"
#include "opennebula/brumed/client.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/sizes.h"
#include "opennebula/brumed/watch.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/config.h"
#include "opennebula/lib/log.h"

enum { KEY_MAX = 40, BACK_OFF_MIN_MS = 200, BACK_OFF_MAX_MS = 5000, LOOK_MS = 5000, VM_MAX = 0x7fffffff, ACKNOWLEDGE_TRIES = 3 };

struct action {
	struct node *node;
	enum action_kind kind;
	long vm;
	char key[KEY_MAX + 1];
	struct buffer body;              /* constant while the thread runs */

	/* under lock */
	unsigned int users;              /* requests that wait, and its thread */
	bool taken;                      /* the node has it */
	bool cancelled;
	bool done;
	bool success;
	bool nothing;                    /* the node was never asked: the same key may try again */
	bool told;                       /* a client has the result */
	int64_t drop_at;                 /* of work_now_ms; when done */
	struct buffer info;
	struct action *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct action *actions;           /* lock */

static void start_once(void)
{
	work_condition_init(&changed);
}

static void action_free(struct action *a)
{
	buffer_free(&a->body);
	buffer_free(&a->info);
	free(a);
}

/* Drops those that nobody needs any more. */
static void sweep_locked(void)
{
	for (struct action **at = &actions; *at;) {
		struct action *a = *at;

		if (a->users == 0 && a->done && (a->nothing || work_now_ms() >= a->drop_at)) {
			*at = a->next;
			action_free(a);
		} else {
			at = &a->next;
		}
	}
}

void actions_free(void)
{
	while (actions) {
		struct action *a = actions;

		actions = a->next;
		action_free(a);
	}
}

/* ---- the thread of an action ---- */

static void finish(struct action *a, bool success, bool nothing, const char *info)
{
	pthread_mutex_lock(&lock);
	a->done = true;
	a->success = success;
	a->nothing = nothing;
	a->drop_at = work_now_ms() + 1000 * settings.keep_s;
	buffer_text(&a->info, info);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	log_info("node %s: %s of VM %ld (%s): %s%s%s", a->node->name, action_words[a->kind], a->vm, a->key,
		 success ? "SUCCESS" : "FAILURE", *info ? ": " : "", info);
}

static bool is_cancelled(struct action *a)
{
	bool cancelled;

	pthread_mutex_lock(&lock);
	cancelled = a->cancelled;
	pthread_mutex_unlock(&lock);
	return cancelled;
}

static void ask_key(struct action *a, const char *method, struct client_call *call)
{
	char path[64 + KEY_MAX];

	snprintf(path, sizeof(path), "/v1/one/actions/%s", a->key);
	*call = (struct client_call){ .method = method, .path = path, .timeout_s = settings.request_s };
	client_call(a->node, CLIENT_REQUEST, call);
	if (call->status != 200 && call->status != 202) {
		client_explain(a->node, call);
	}
	call->path = NULL;
}

static void ask_action(struct action *a, struct client_call *call)
{
	char path[96], key[KEY_MAX + 16];
	const char *headers[] = { key, "Content-Type: application/xml", NULL };

	snprintf(path, sizeof(path), "/v1/one/vms/%ld/%s", a->vm, action_words[a->kind]);
	snprintf(key, sizeof(key), "X-Key: %s", a->key);
	*call = (struct client_call){ .method = "POST", .path = path, .headers = headers, .body = buffer_string(&a->body),
				      .len = a->body.len, .timeout_s = settings.request_s };
	client_call(a->node, CLIENT_REQUEST, call);
	if (call->status != 200 && call->status != 202) {
		client_explain(a->node, call);
	}
	call->path = NULL;
	call->headers = NULL;
}

/* Takes a 200 or 202. True: it was the result, and the action is done. */
static bool take_state(struct action *a, const struct client_call *call)
{
	json_t *json = json_loadb(buffer_string(&call->answer), call->answer.len, 0, NULL);
	const char *state = json_string_value(json_object_get(json, "state"));
	const char *status = json_string_value(json_object_get(json, "status"));
	const char *info = json_string_value(json_object_get(json, "info"));
	bool done = state && status && strcmp(state, "done") == 0;

	if (done) {
		finish(a, strcmp(status, "SUCCESS") == 0, false, info ? info : "");
	}
	json_decref(json);
	return done;
}

/* 503 and 507: it cannot take it now. */
static bool is_passing(long status)
{
	return status == 503 || status == 507;
}

/* Before a VM begins its disks get the sizes that its template wants. True: it is done, as it failed. *wait: it could not be tried. */
static bool grow_disks(struct action *a, struct client_call *call, bool *wait)
{
	struct sizes sizes;
	image_result result;

	if (a->kind != ACTION_DEPLOY || !sizes_parse(buffer_string(&a->body), a->body.len, &sizes) || sizes.vm != a->vm) {
		return false;
	}
	result = sizes_apply(a->node, &sizes, &call->why);
	*wait = result == 502 || result == 503;
	if (result != 0 && !*wait) {
		finish(a, false, false, call->why.text);
		return true;
	}
	return false;
}

/*
 * One round: hands the action over, or asks what became of it. True: it is done. *wait: not to ask at once again, as the node was not reached or had no
 * place.
 */
static bool round_trip(struct action *a, struct client_call *call, bool *wait)
{
	if (a->taken) {
		ask_key(a, "GET", call);
		if (call->status == 404) {
			/* The node began anew, and knows nothing of it: it is asked for once more. */
			a->taken = false;
			buffer_free(&call->answer);
		}
	}
	if (!a->taken) {
		*wait = false;
		if (grow_disks(a, call, wait)) {
			return true;
		}
		if (*wait) {
			return false;
		}
		ask_action(a, call);
	}
	*wait = call->status == 0 || is_passing(call->status);
	if (call->status == 200 || call->status == 202) {
		a->taken = true;
		return take_state(a, call);
	}
	if (call->hopeless || (call->status != 0 && !*wait)) {
		finish(a, false, call->hopeless, call->why.text);
		return true;
	}
	return false;
}

/* The time is over. */
static void give_up(struct action *a, const struct why *why, long seconds)
{
	struct client_call call;
	struct why text;

	if (is_cancelled(a)) {
		why_set(&text, "it was given up");
	} else if (*why->text) {
		why_set(&text, "%.400s (tried for %ld s)", why->text, seconds);
	} else {
		why_set(&text, "node %s: no result within %ld s", a->node->name, seconds);
	}
	if (a->taken) {
		ask_key(a, "DELETE", &call);
		buffer_free(&call.answer);
	}
	finish(a, false, !a->taken, text.text);
}

/* Until it is done or the time is over; or brumed ends, and the next one is asked with the same key. */
static void work_on(struct action *a)
{
	int64_t start = work_now_ms(), until = start + 1000 * settings.deadline_s[a->kind];
	int64_t patience = start + 1000 * settings.unreachable_s, back_off = BACK_OFF_MIN_MS;
	unsigned long seen = watch_count(a->node->watch);
	struct client_call call = { .status = 0 };
	bool done = false, wait;

	while (!work_stopping() && !is_cancelled(a) && work_now_ms() < until && (a->taken || work_now_ms() <= patience)) {
		done = round_trip(a, &call, &wait);
		buffer_free(&call.answer);
		if (done) {
			return;
		}
		if (wait) {
			work_sleep_ms(back_off);
			back_off = back_off * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : back_off * 2;
		} else {
			call.why.text[0] = 0;
			back_off = BACK_OFF_MIN_MS;
			watch_wait(a->node->watch, &seen, work_now_ms() + LOOK_MS < until ? work_now_ms() + LOOK_MS : until);
		}
	}
	if (!work_stopping()) {
		give_up(a, &call.why, (long)((work_now_ms() - start) / 1000));
	}
}

/* The node may forget the result when a client has it, or when nobody came for it. */
static void acknowledge(struct action *a)
{
	struct client_call call;
	bool asked = false;

	pthread_mutex_lock(&lock);
	while (a->done && !a->told && !a->nothing && work_now_ms() < a->drop_at && !work_stopping()) {
		work_wait(&changed, &lock, a->drop_at);
	}
	asked = a->done && a->taken && (a->told || !work_stopping());
	pthread_mutex_unlock(&lock);
	for (int i = 0; asked && i < ACKNOWLEDGE_TRIES; i++) {
		ask_key(a, "DELETE", &call);
		buffer_free(&call.answer);
		if (call.status != 0 || !work_sleep_ms(BACK_OFF_MAX_MS)) {
			break;
		}
	}
}

static void run(void *argument)
{
	struct action *a = argument;

	work_on(a);
	acknowledge(a);
	pthread_mutex_lock(&lock);
	a->users--;
	sweep_locked();
	pthread_mutex_unlock(&lock);
}

/* ---- requests ---- */

static bool key_ok(const char *key)
{
	size_t len = key ? strlen(key) : 0;

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)key[i]) && key[i] != '-') {
			return false;
		}
	}
	return len > 0 && len <= KEY_MAX;
}

static int kind_of(const char *word)
{
	for (int i = 0; i < ACTION_KINDS; i++) {
		if (strcmp(word, action_words[i]) == 0) {
			return i;
		}
	}
	return -1;
}

static struct action *find_locked(const struct node *node, const char *key)
{
	for (struct action *a = actions; a; a = a->next) {
		if (a->node == node && strcmp(a->key, key) == 0 && !(a->done && a->nothing)) {
			return a;
		}
	}
	return NULL;
}

/* One more; its thread begins. NULL: there is no place. */
static struct action *begin_locked(struct node *node, enum action_kind kind, long vm, const char *key, struct buffer *body)
{
	struct action *a = memory_new(sizeof(*a));

	a->node = node;
	a->kind = kind;
	a->vm = vm;
	snprintf(a->key, sizeof(a->key), "%s", key);
	a->body = *body;
	*body = (struct buffer){ 0 };
	a->users = 1;
	if (!work_start(run, a)) {
		action_free(a);
		return NULL;
	}
	a->next = actions;
	actions = a;
	return a;
}

/* Joins the action of that key or begins one, waits, and says what came of it. */
static void wait_for(struct request *request, struct reply *reply, struct node *node, enum action_kind kind, long vm, const char *key)
{
	struct action *a;
	json_t *json = NULL;

	pthread_mutex_lock(&lock);
	sweep_locked();
	a = find_locked(node, key);
	if (a && (a->kind != kind || a->vm != vm)) {
		pthread_mutex_unlock(&lock);
		reply_error(reply, 409, "key %s belongs to another action", key);
		return;
	}
	if (!a) {
		a = begin_locked(node, kind, vm, key, &request->body);
	}
	if (a) {
		a->users++;
		request->action = a;
	}
	while (a && !a->done && !work_stopping()) {
		work_wait(&changed, &lock, INT64_MAX);
	}
	if (a && a->done) {
		json = json_pack("{s:s, s:o}", "status", a->success ? "SUCCESS" : "FAILURE", "info", reply_text(buffer_string(&a->info)));
	}
	pthread_mutex_unlock(&lock);
	if (json) {
		reply_json(reply, 200, json);
	} else {
		reply_error(reply, 503, a ? "brumed ends" : "brumed has no place for another action");
	}
}

void actions_answer(struct request *request, struct reply *reply)
{
	const char *key = request_header(request, "X-Key");
	int kind = kind_of(request->words[1]);
	struct node *node;
	struct why why;
	long vm;

	pthread_once(&once, start_once);
	if (kind < 0) {
		reply_error(reply, 404, "there is no action '%s'", request->words[1]);
	} else if (!config_number(request->words[2], 0, VM_MAX, &vm)) {
		reply_error(reply, 400, "'%s' is no number of a VM", request->words[2]);
	} else if (!key_ok(key)) {
		reply_error(reply, 400, "X-Key: 1 to %d letters, digits and -", KEY_MAX);
	} else if (!(node = nodes_get(request->words[0], &why))) {
		reply_error(reply, 400, "%s", why.text);
	} else {
		wait_for(request, reply, node, (enum action_kind)kind, vm, key);
	}
}

void actions_told(struct action *action, bool written)
{
	pthread_mutex_lock(&lock);
	action->users--;
	action->told = action->told || (written && action->done);
	pthread_cond_broadcast(&changed);
	sweep_locked();
	pthread_mutex_unlock(&lock);
}

/* The node is told by the action's thread; where brumed knows of none, at once. */
void actions_cancel(struct request *request, struct reply *reply)
{
	struct action lost = { .node = nodes_find(request->words[0]) }, *a;
	struct client_call call;

	pthread_once(&once, start_once);
	if (!lost.node || !key_ok(request->words[1])) {
		reply_error(reply, 404, "there is no such node, or no such key");
		return;
	}
	pthread_mutex_lock(&lock);
	a = find_locked(lost.node, request->words[1]);
	if (a) {
		a->cancelled = true;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
	snprintf(lost.key, sizeof(lost.key), "%s", request->words[1]);
	ask_key(&lost, "DELETE", &call);
	if (call.status == 0) {
		reply_error(reply, 502, "%s", call.why.text);
	} else {
		reply_json(reply, 200, json_object());
	}
	buffer_free(&call.answer);
	watch_tell(lost.node->watch);
}
