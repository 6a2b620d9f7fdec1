/* SPDX-License-Identifier: Apache-2.0 */
/* Actions and changes over HTTP: see one_routes.h. */
#include "mgmt/one_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/node.h"
#include "mgmt/one_actions.h"
#include "mgmt/platform.h"
#include "mgmt/random.h"

#define WAIT_NS (20 * 1000000000ull)

enum { WAITING_MAX = 8 };                /* of the sessions: the others' requests are answered meanwhile */

static struct {
	struct exchange *waiting[WAITING_MAX];   /* for a change, the oldest first                   */
	uint32_t waiting_count;
	uint64_t seen;               /* the VMs as they were, in one number                          */
} one;

/* ---- an action ---- */

static void put_action(struct text *t, const struct mgmt_action *a)
{
	char name[CONF_NAME_MAX];

	one_vm_name(a->vm, name);
	json_open(t, NULL, '{');
	json_string(t, "key", a->key);
	json_string(t, "action", one_kind_name(a->kind));
	json_number(t, "vm", a->vm);
	json_string(t, "state", a->state == ONE_RUNS ? "running" : "done");
	json_string(t, "status", a->state == ONE_RUNS ? "" : a->state == ONE_SUCCESS ? "SUCCESS" : "FAILURE");
	json_string(t, "info", a->state == ONE_RUNS ? "" : a->state == ONE_SUCCESS ? name : a->info);
	json_close(t, '}');
}

static void tell_action(struct exchange *e, const struct mgmt_action *a)
{
	e->status = a->state == ONE_RUNS ? 202 : 200;
	put_action(&e->reply, a);
	text_append(&e->reply, "\n", 1);
}

/* The word behind /v1/one/vms/N/. */
static enum one_kind kind_of(const struct exchange *e)
{
	const char *word = strrchr(e->route->path, '/') + 1;
	uint32_t kind = 0;

	while (kind < ONE_KINDS - 1 && strcmp(word, one_kind_name(kind)) != 0) {
		kind++;
	}
	return (enum one_kind)kind;
}

/* The VM's number in the path, or -1. From then on the exchange is called by the VM's name, which is what the log shows. */
static int64_t take_number(struct exchange *e)
{
	char name[CONF_NAME_MAX];
	int n = snprintf(name, sizeof(name), "one-%s", e->name);
	int64_t vm = n < (int)sizeof(name) ? one_vm_number(name) : -1;

	if (vm >= 0) {
		memcpy(e->name, name, sizeof(name));
	}
	return vm;
}

/* What there is under this key, which must be this. NULL: nothing, or it was refused. */
static struct mgmt_action *find_again(struct exchange *e)
{
	struct mgmt_action *a = one_table_find(e->request->field[FIELD_KEY]);

	if (a && (a->kind != (uint32_t)kind_of(e) || a->vm != one_vm_number(e->name))) {
		exchange_refuse(e, 409, "another action has this key");
		return NULL;
	}
	if (!a && one_table_is_buried(e->request->field[FIELD_KEY], platform_now_ns())) {
		exchange_refuse(e, 409, "the action of this key was acknowledged or given up");
	}
	return a;
}

void one_action_begin(struct exchange *e)
{
	if (!one_key_is_good(e->request->field[FIELD_KEY])) {
		exchange_refuse(e, 400, "a header X-Key is needed: 1 to 40 letters, digits and -");
	} else if (take_number(e) < 0) {
		exchange_refuse(e, 404, "there is no such VM");
	} else if (!find_again(e) && !e->status &&
		   one_request_begin(&e->one, &platform_status()->node, kind_of(e) == ONE_DEPLOY) < 0) {
		exchange_refuse(e, 503, "no memory for the request");
	}
}

static void refuse(struct exchange *e, unsigned status, const char *why)
{
	char words[MGMT_WHY];

	snprintf(words, sizeof(words), "refused: %s", why);
	exchange_audit(e, one_kind_name(kind_of(e)), words);
	exchange_refuse(e, status, why);
}

void one_action_data(struct exchange *e, const uint8_t *bytes, size_t len)
{
	const char *why = "";

	if (e->one && one_request_data(e->one, bytes, len, &why) < 0) {
		refuse(e, 400, why);
		e->close = true;                                 /* the rest of it is not waited for */
	}
}

/* What the request tells, if it can be believed. */
static bool read_request(struct exchange *e, struct one_vm *vm)
{
	const char *why = "";
	char name[CONF_NAME_MAX];

	if (one_request_end(e->one, vm, &why) < 0) {
		refuse(e, 400, why);
		return false;
	}
	one_vm_name(vm->id, name);
	if (vm->id != one_vm_number(e->name)) {
		refuse(e, 400, "the request is about another VM");
		return false;
	}
	if (vm->deploy_id[0] && strcmp(vm->deploy_id, name) != 0) {
		refuse(e, 400, "the VM has another deploy id than this node gave it");
		return false;
	}
	return true;
}

void one_action_answer(struct exchange *e)
{
	static struct one_vm vm;
	struct mgmt_action *a = find_again(e);
	const char *why = "";
	int r;

	if (e->status) {
		return;
	}
	if (a) {
		tell_action(e, a);
		return;
	}
	memset(&vm, 0, sizeof(vm));
	if (!e->one) {
		exchange_refuse(e, 503, "the action was forgotten while it was asked for again");
		return;
	}
	if (!read_request(e, &vm)) {
		return;
	}
	r = one_actions_begin(kind_of(e), e->request->field[FIELD_KEY], &vm, &a, &why);
	if (r < 0) {
		refuse(e, exchange_status(r), why);
		return;
	}
	exchange_audit(e, one_kind_name(a->kind), "begun");
	one_actions_run(platform_now_ns());
	tell_action(e, a);
}

void one_action_end(struct exchange *e)
{
	one_request_free(e->one);
	e->one = NULL;
}

/* ---- those that are kept ---- */

void one_get_actions(struct exchange *e)
{
	json_open(&e->reply, NULL, '[');
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		if (one_table_action(i)->state != ONE_NONE) {
			put_action(&e->reply, one_table_action(i));
		}
	}
	json_close(&e->reply, ']');
	text_append(&e->reply, "\n", 1);
}

void one_get_action(struct exchange *e)
{
	const struct mgmt_action *a = one_table_find(e->name);

	if (!a) {
		exchange_refuse(e, 404, "there is no action with this key");
		return;
	}
	put_action(&e->reply, a);
	text_append(&e->reply, "\n", 1);
}

void one_delete_action(struct exchange *e)
{
	struct mgmt_action *a = one_table_find(e->name);

	one_table_bury(e->name, platform_now_ns());
	if (a) {
		if (a->state == ONE_RUNS) {
			exchange_audit(e, one_kind_name(a->kind), "given up");
		}
		one_actions_forget(a);
	}
	json_open(&e->reply, NULL, '{');
	json_bool(&e->reply, "forgotten", a != NULL);
	json_close(&e->reply, '}');
	text_append(&e->reply, "\n", 1);
}

/* ---- changes ---- */

static void tell_change(struct exchange *e)
{
	char boot[17];

	snprintf(boot, sizeof(boot), "%016llx", (unsigned long long)platform_one()->boot);
	e->waits = false;
	e->status = 200;
	json_open(&e->reply, NULL, '{');
	json_number(&e->reply, "change", one_table_change());
	json_string(&e->reply, "boot", boot);
	json_close(&e->reply, '}');
	text_append(&e->reply, "\n", 1);
}

void one_changes_end(struct exchange *e)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < one.waiting_count; i++) {
		if (one.waiting[i] != e) {
			one.waiting[kept++] = one.waiting[i];
		}
	}
	one.waiting_count = kept;
}

void one_changes_poll(struct exchange *e)
{
	if (one_table_change() != e->since || platform_now_ns() >= e->until_ns) {
		one_changes_end(e);
		tell_change(e);
	}
}

void one_changes_answer(struct exchange *e)
{
	const char *text = e->request->field[FIELD_SINCE];
	char *end;

	e->since = (uint32_t)strtoul(text, &end, 10);
	if (!text[0] || *end || e->since != one_table_change()) {
		tell_change(e);
		return;
	}
	if (one.waiting_count == WAITING_MAX) {
		one.waiting[0]->until_ns = 0;                    /* who waits longest is answered sooner */
		one_changes_end(one.waiting[0]);
	}
	e->until_ns = platform_now_ns() + WAIT_NS;
	e->waits = true;
	one.waiting[one.waiting_count++] = e;
}

/* ---- the loop ---- */

/* Which VMs there are and run, in one number: FNV-1a over what a change of it would change. */
static uint64_t look_at_vms(void)
{
	const struct node_status *node = platform_node();
	uint64_t sum = 0xcbf29ce484222325;

	for (uint32_t i = 0; i < node->vm_count && i < CONF_VMS_MAX; i++) {
		const struct node_vm *vm = &node->vm[i];
		uint32_t words[] = { one_vm_state(vm), vm->id, vm->starts };

		for (unsigned k = 0; k < ARRAY_SIZE(words); k++) {
			sum = (sum ^ words[k]) * 0x100000001b3;
		}
	}
	return sum;
}

void one_init(uint64_t now_ns)
{
	struct mgmt_one *table = platform_one();

	one.waiting_count = 0;
	one.seen = look_at_vms();
	if (!table->boot && random_fill(&table->boot, sizeof(table->boot)) < 0) {
		table->boot = platform_status()->wall_ns;
	}
	one_actions_init(now_ns);
}

uint64_t one_run(uint64_t now_ns)
{
	uint64_t next = one_actions_run(now_ns), seen = look_at_vms();

	if (seen != one.seen) {
		one.seen = seen;
		one_table_changed();
	}
	for (uint32_t i = 0; i < one.waiting_count; i++) {
		next = one.waiting[i]->until_ns < next ? one.waiting[i]->until_ns : next;
	}
	return next;
}
