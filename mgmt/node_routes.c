/* SPDX-License-Identifier: Apache-2.0 */
/* The node and its VMs: what is told of them, and what may be done with them. */
#include "mgmt/node_routes.h"

#include <string.h>

#include "console/node.h"
#include "mgmt/clock.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"

enum { VM_NONE = -1 };

static const char *state_name(uint32_t state)
{
	switch (state) {
	case NODE_VM_RUNNING: return "running";
	case NODE_VM_ENDED:   return "ending";
	default:              return "stopped";
	}
}

static uint32_t state_of(const struct node_vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);
}

static void put_vm(struct text *t, const struct node_vm *vm)
{
	json_open(t, NULL, '{');
	json_string(t, "name", vm->name);
	json_string(t, "state", state_name(state_of(vm)));
	json_number(t, "memory_bytes", vm->memory);
	json_number(t, "vcpus", vm->vcpus);
	json_number(t, "weight", vm->weight);
	json_number(t, "starts", vm->starts);
	json_string(t, "last_end", vm->note);
	json_close(t, '}');
}

static uint32_t count_vms(const struct node_status *node)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < node->vm_count; i++) {
		n += state_of(&node->vm[i]) != NODE_VM_NONE;
	}
	return n;
}

static uint32_t count_running(const struct node_status *node)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < node->vm_count; i++) {
		n += state_of(&node->vm[i]) == NODE_VM_RUNNING;
	}
	return n;
}

int node_find_vm(struct exchange *e)
{
	const struct node_status *node = platform_node();

	for (uint32_t i = 0; i < node->vm_count; i++) {
		if (state_of(&node->vm[i]) != NODE_VM_NONE && strcmp(node->vm[i].name, e->name) == 0) {
			return (int)i;
		}
	}
	exchange_refuse(e, 404, "there is no such VM");
	return VM_NONE;
}

void node_get(struct exchange *e)
{
	const struct node_status *node = platform_node();
	struct text *t = &e->reply;

	json_open(t, NULL, '{');
	json_string(t, "version", NODE_VERSION);
	json_number(t, "ram_bytes", node->ram_bytes);
	json_number(t, "free_bytes", node->free_bytes);
	json_number(t, "uptime_ms", platform_now_ns() / 1000000);
	json_number(t, "time", clock_wall_ns() / 1000000000);
	json_number(t, "vms", count_vms(node));
	json_number(t, "vms_running", count_running(node));
	json_open(t, "numa_nodes", '[');
	for (uint32_t i = 0; i < node->numa_count && i < NODE_NODES_MAX; i++) {
		json_open(t, NULL, '{');
		json_number(t, "id", node->numa[i].id);
		json_number(t, "total_bytes", node->numa[i].total_bytes);
		json_number(t, "free_bytes", node->numa[i].free_bytes);
		json_close(t, '}');
	}
	json_close(t, ']');
	json_close(t, '}');
	text_append(t, "\n", 1);
}

void node_get_log(struct exchange *e)
{
	static char lines[JOURNAL_BYTES];

	e->type = "text/plain; charset=us-ascii";
	text_append(&e->reply, lines, journal_take(&platform_status()->journal, lines));
}

void node_get_vms(struct exchange *e)
{
	const struct node_status *node = platform_node();

	json_open(&e->reply, NULL, '[');
	for (uint32_t i = 0; i < node->vm_count; i++) {
		if (state_of(&node->vm[i]) != NODE_VM_NONE) {
			put_vm(&e->reply, &node->vm[i]);
		}
	}
	json_close(&e->reply, ']');
	text_append(&e->reply, "\n", 1);
}

void node_get_vm(struct exchange *e)
{
	int vm = node_find_vm(e);

	if (vm != VM_NONE) {
		put_vm(&e->reply, &platform_node()->vm[vm]);
		text_append(&e->reply, "\n", 1);
	}
}

/* ---- changes ---- */

static void ask(struct exchange *e, const char *what, const struct mgmt_command *command, const char *text)
{
	int r = platform_ask(command, text);

	if (r < 0) {
		exchange_audit(e, what, "too much is asked for at once");
		exchange_refuse(e, 503, "too much is asked for at once");
		return;
	}
	e->asked = (uint32_t)r;
	e->what = what;
	e->awaited = command->op == MGMT_VM_CREATE ? 201 : 200;
	e->waits = true;
}

static void command(struct exchange *e, const char *what, uint32_t op)
{
	struct mgmt_command command = { .op = op };

	if (node_find_vm(e) != VM_NONE) {
		memcpy(command.name, e->name, strlen(e->name) + 1);      /* it is a VM's: not too long */
		ask(e, what, &command, NULL);
	}
}

void node_poll(struct exchange *e)
{
	if (!exchange_hear_change(e)) {
		return;
	}
	e->status = (unsigned)e->awaited;
	json_open(&e->reply, NULL, '{');
	json_string(&e->reply, "vm", e->name);
	json_string(&e->reply, "done", e->what);
	json_close(&e->reply, '}');
	text_append(&e->reply, "\n", 1);
}

/* The first word behind `vm`, for the log; init has it read and says what is wrong. */
static void name_created(struct exchange *e)
{
	const char *at = e->body.at ? strstr(e->body.at, "vm ") : NULL;
	size_t n;

	at = at ? at + 3 + strspn(at + 3, " \t") : "";
	n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	n = n < CONF_NAME_MAX ? n : CONF_NAME_MAX - 1;
	memcpy(e->name, at, n);
	e->name[n] = '\0';
}

void node_create_vm(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_VM_CREATE, .text_bytes = (uint32_t)e->body.len };

	name_created(e);
	ask(e, "create", &command, e->body.at);
}

void node_end(struct exchange *e)
{
	if (e->asked) {
		exchange_audit(e, e->what, "the client left before the answer");
		platform_forget(e->asked);
		e->asked = 0;
	}
}

void node_start_vm(struct exchange *e)
{
	command(e, "start", MGMT_VM_START);
}

void node_stop_vm(struct exchange *e)
{
	command(e, "stop", MGMT_VM_STOP);
}

void node_kill_vm(struct exchange *e)
{
	command(e, "kill", MGMT_VM_KILL);
}

void node_reset_vm(struct exchange *e)
{
	command(e, "reset", MGMT_VM_RESET);
}

void node_delete_vm(struct exchange *e)
{
	command(e, "delete", MGMT_VM_DELETE);
}
