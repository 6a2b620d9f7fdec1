/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of a node (node.h). */
#include "opennebula/one_vmm_brume/node.h"

#include <jansson.h>
#include <string.h>

#include "opennebula/driver/ask.h"
#include "opennebula/driver/reply.h"
#include "opennebula/lib/log.h"

/* The path of something of a host, which may have any name. */
static void path_of(struct buffer *path, const char *host)
{
	buffer_text(path, "/nodes/");
	local_escape(path, host);
}

/* Whether the node says that it was done; else why. */
static enum node_result read_result(const struct local_answer *answer, struct why *why)
{
	json_t *json = json_loadb(answer->body, answer->len, 0, NULL);
	const char *status = json_string_value(json_object_get(json, "status"));
	const char *info = json_string_value(json_object_get(json, "info"));
	enum node_result result = answer->status < 500 ? NODE_REFUSED : NODE_LOST;

	if (answer->status == 200 && status) {
		result = strcmp(status, "SUCCESS") == 0 ? NODE_DONE : NODE_REFUSED;
		why_set(why, "%s", info && *info ? info : "the node does not say why");
	} else {
		local_answer_error(answer, why);
	}
	json_decref(json);
	return result;
}

static enum node_result act_once(struct request *r, const char *host, const char *action, const struct buffer *xml, struct why *why)
{
	const char *headers[] = { NULL, "Content-Type: application/xml", NULL };
	struct buffer path = { 0 }, key = { 0 };
	struct local_answer answer = { 0 };
	enum node_result result = NODE_LOST;

	if (!queue_commit(r, host)) {
		why_set(why, "given up");
		return NODE_GIVEN_UP;
	}
	buffer_printf(&key, "X-Key: %s", r->key);
	headers[0] = key.at;
	path_of(&path, host);
	buffer_printf(&path, "/actions/%s/%ld", action, r->id);
	if (ask(r, "POST", path.at, headers, xml, &answer)) {
		result = read_result(&answer, why);
	} else {
		local_answer_error(&answer, why);
	}
	local_answer_free(&answer);
	buffer_free(&path);
	buffer_free(&key);
	return queue_return(r) ? result : NODE_LOST;
}

void node_give_up(struct request *r, const char *host, const char *key)
{
	struct buffer path = { 0 };
	struct local_answer answer = { 0 };

	path_of(&path, host);
	buffer_text(&path, "/actions/");
	local_escape(&path, key);
	ask(r, "DELETE", path.at, NULL, NULL, &answer);
	log_info("%s %ld on %s: %s given up (%ld)", r->type, r->id, host, key, answer.status);
	local_answer_free(&answer);
	buffer_free(&path);
}

/* Gives up what goes on with this VM on its node and is not ours. Whether there was anything. */
static bool give_up_others(struct request *r, const char *host)
{
	struct buffer path = { 0 };
	struct local_answer answer = { 0 };
	json_t *list, *one;
	bool found = false;
	size_t i;

	path_of(&path, host);
	buffer_text(&path, "/v1/one/actions");
	ask(r, "GET", path.at, NULL, NULL, &answer);
	list = answer.status == 200 ? json_loadb(answer.body, answer.len, 0, NULL) : NULL;
	json_array_foreach(list, i, one) {
		const char *key = json_string_value(json_object_get(one, "key"));
		const char *state = json_string_value(json_object_get(one, "state"));
		json_t *vm = json_object_get(one, "vm");

		if (key && state && json_is_integer(vm) && json_integer_value(vm) == r->id && strcmp(state, "running") == 0 &&
		    strcmp(key, r->key) != 0) {
			node_give_up(r, host, key);
			found = true;
		}
	}
	json_decref(list);
	local_answer_free(&answer);
	buffer_free(&path);
	return found;
}

enum node_result node_act(struct request *r, const char *host, const char *action, const struct buffer *xml, struct why *why)
{
	enum node_result result = act_once(r, host, action, xml, why);

	if (result == NODE_REFUSED && give_up_others(r, host)) {
		reply_log('W', r->id, "%s still did what an earlier driver had asked; it was given up for %s", host, action);
		result = act_once(r, host, action, xml, why);
	}
	return result;
}
