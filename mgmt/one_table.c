/* SPDX-License-Identifier: Apache-2.0 */
/* Actions and VMs of a front-end: see one_table.h. */
#include "mgmt/one_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/platform.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
static const char prefix[] = "one-";

const char *one_kind_name(uint32_t kind)
{
	static const char *const names[ONE_KINDS] = { "deploy", "shutdown", "cancel", "cleanup", "reboot", "reset" };

	return kind < ONE_KINDS ? names[kind] : NULL;
}

bool one_key_is_good(const char *key)
{
	size_t len = strnlen(key, MGMT_ACTION_KEY);

	return len && len < MGMT_ACTION_KEY && strspn(key, letters) == len;
}

void one_vm_name(uint32_t vm, char name[CONF_NAME_MAX])
{
	snprintf(name, CONF_NAME_MAX, "%s%u", prefix, (unsigned)vm);
}

int64_t one_vm_number(const char *name)
{
	const char *digits = name + sizeof(prefix) - 1;
	size_t len;
	long number;

	if (strncmp(name, prefix, sizeof(prefix) - 1) != 0) {
		return -1;
	}
	len = strspn(digits, "0123456789");
	if (!len || len > 10 || digits[len] || (digits[0] == '0' && len > 1)) {
		return -1;
	}
	number = strtol(digits, NULL, 10);
	return number <= ONE_VM_MAX ? number : -1;
}

uint32_t one_vm_state(const struct node_vm *vm)
{
	return __atomic_load_n(&vm->state, __ATOMIC_ACQUIRE);
}

static const struct node_vm *find_node_vm(uint32_t number)
{
	const struct node_status *node = platform_node();
	char name[CONF_NAME_MAX];

	one_vm_name(number, name);
	for (uint32_t i = 0; i < node->vm_count && i < CONF_VMS_MAX; i++) {
		if (one_vm_state(&node->vm[i]) != NODE_VM_NONE && strcmp(node->vm[i].name, name) == 0) {
			return &node->vm[i];
		}
	}
	return NULL;
}

static bool is_configured(const struct node_vm *vm)
{
	return vm->id <= platform_status()->configured;
}

const struct node_vm *one_node_vm(uint32_t vm)
{
	const struct node_vm *found = find_node_vm(vm);

	return found && !is_configured(found) ? found : NULL;
}

bool one_vm_is_nodes(uint32_t vm)
{
	const struct node_vm *found = find_node_vm(vm);

	return found && is_configured(found);
}

/* ---- actions ---- */

struct mgmt_action *one_table_action(uint32_t i)
{
	return &platform_one()->action[i];
}

struct mgmt_action *one_table_find(const char *key)
{
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		struct mgmt_action *a = one_table_action(i);

		if (a->state != ONE_NONE && strcmp(a->key, key) == 0) {
			return a;
		}
	}
	return NULL;
}

struct mgmt_action *one_table_running(uint32_t vm)
{
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		struct mgmt_action *a = one_table_action(i);

		if (a->state == ONE_RUNS && a->vm == vm) {
			return a;
		}
	}
	return NULL;
}

static struct mgmt_action *find_place(void)
{
	struct mgmt_action *oldest = NULL;

	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		struct mgmt_action *a = one_table_action(i);

		if (a->state == ONE_NONE) {
			return a;
		}
		if (a->state != ONE_RUNS && (!oldest || (int32_t)(a->order - oldest->order) < 0)) {
			oldest = a;
		}
	}
	return oldest;
}

struct mgmt_action *one_table_add(void)
{
	struct mgmt_action *a = find_place();

	if (a) {
		__atomic_store_n(&a->state, ONE_NONE, __ATOMIC_RELEASE);
		*a = (struct mgmt_action){ .order = ++platform_one()->order };
	}
	return a;
}

void one_table_set(struct mgmt_action *action, enum one_state state, uint64_t until_ns)
{
	action->until_ns = until_ns;
	__atomic_store_n(&action->state, state, __ATOMIC_RELEASE);
	if (state != ONE_RUNS) {
		one_table_changed();
	}
}

uint64_t one_table_expire(uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		struct mgmt_action *a = one_table_action(i);

		if (a->state == ONE_NONE || a->state == ONE_RUNS) {
			continue;
		}
		if (now_ns >= a->until_ns) {
			one_table_set(a, ONE_NONE, 0);
		} else {
			next = a->until_ns < next ? a->until_ns : next;
		}
	}
	return next;
}

bool one_table_is_buried(const char *key, uint64_t now_ns)
{
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		const struct mgmt_gone *g = &platform_one()->gone[i];

		if (now_ns < g->until_ns && strncmp(g->key, key, sizeof(g->key)) == 0) {
			return true;
		}
	}
	return false;
}

void one_table_bury(const char *key, uint64_t now_ns)
{
	struct mgmt_gone *g;

	if (!one_key_is_good(key) || one_table_is_buried(key, now_ns)) {
		return;
	}
	g = &platform_one()->gone[platform_one()->gone_next++ % MGMT_ACTIONS];
	*g = (struct mgmt_gone){ .until_ns = now_ns + ONE_GONE_NS };
	memcpy(g->key, key, strlen(key) + 1);
}

/* ---- VMs ---- */

struct mgmt_one_vm *one_table_vm(uint32_t vm)
{
	for (uint32_t i = 0; i < MGMT_ONE_VMS; i++) {
		struct mgmt_one_vm *v = &platform_one()->vm[i];

		if (v->used && v->vm == vm) {
			return v;
		}
	}
	return NULL;
}

struct mgmt_one_vm *one_table_add_vm(uint32_t vm)
{
	struct mgmt_one_vm *v = one_table_vm(vm);

	for (uint32_t i = 0; !v && i < MGMT_ONE_VMS; i++) {
		v = platform_one()->vm[i].used ? NULL : &platform_one()->vm[i];
	}
	for (uint32_t i = 0; !v && i < MGMT_ONE_VMS; i++) {
		struct mgmt_one_vm *other = &platform_one()->vm[i];

		v = one_node_vm(other->vm) || one_table_running(other->vm) ? NULL : other;
	}
	if (v) {
		__atomic_store_n(&v->used, 0, __ATOMIC_RELEASE);
		*v = (struct mgmt_one_vm){ .vm = vm };
		__atomic_store_n(&v->used, 1, __ATOMIC_RELEASE);
	}
	return v;
}

void one_table_forget_vm(uint32_t vm)
{
	struct mgmt_one_vm *v = one_table_vm(vm);

	if (v) {
		__atomic_store_n(&v->used, 0, __ATOMIC_RELEASE);
	}
}

bool one_vm_comes_back(uint32_t vm)
{
	const struct mgmt_action *a = one_table_running(vm);

	return a && (a->kind == ONE_REBOOT || a->kind == ONE_RESET) && a->step != ONE_BEGIN;
}

/* Whether OpenNebula still has anything of it here: what is moved elsewhere, or deleted, loses its disks first. */
static bool has_disks(const struct mgmt_one_vm *vm)
{
	const struct mgmt_disks *disks = platform_disks();
	char start[CONF_NAME_MAX];
	size_t len = (size_t)snprintf(start, sizeof(start), "%s%u-%u-", prefix, (unsigned)vm->datastore, (unsigned)vm->vm);

	for (uint32_t i = 0; i < MGMT_DISKS; i++) {
		if (__atomic_load_n(&disks->disk[i].exists, __ATOMIC_ACQUIRE) && strncmp(disks->disk[i].name, start, len) == 0) {
			return true;
		}
	}
	return false;
}

bool one_vm_went_off(const struct mgmt_one_vm *vm)
{
	const struct mgmt_action *a = one_table_running(vm->vm);
	const struct node_vm *there = one_node_vm(vm->vm);

	if (!vm->node_id || one_vm_comes_back(vm->vm) || (a && a->kind == ONE_DEPLOY)) {
		return false;
	}
	return there ? there->id == vm->node_id && one_vm_state(there) == NODE_VM_STOPPED : has_disks(vm);
}

/* ---- changes, and a new mgmt ---- */

void one_table_changed(void)
{
	platform_one()->change++;
}

uint32_t one_table_change(void)
{
	return platform_one()->change;
}

/* Whether an action may be what a mgmt wrote; none before number i has its key, or goes on with the same VM. */
static bool action_is_good(uint32_t i, uint64_t now_ns)
{
	const struct mgmt_action *a = one_table_action(i);

	if (a->state >= ONE_STATES || a->kind >= ONE_KINDS || a->step >= ONE_STEPS || a->vm > ONE_VM_MAX || !one_key_is_good(a->key) ||
	    !memchr(a->info, '\0', sizeof(a->info)) || a->until_ns > now_ns + ONE_KEEP_NS) {
		return false;
	}
	for (uint32_t k = 0; k < i; k++) {
		const struct mgmt_action *other = one_table_action(k);

		if (other->state != ONE_NONE && (strcmp(other->key, a->key) == 0 ||
						 (other->state == ONE_RUNS && a->state == ONE_RUNS && other->vm == a->vm))) {
			return false;
		}
	}
	return true;
}

static bool vm_is_good(uint32_t i)
{
	const struct mgmt_one_vm *v = &platform_one()->vm[i];

	if (v->used != 1 || v->vm > ONE_VM_MAX || v->vnc_port > UINT16_MAX || !memchr(v->vnc_password, '\0', sizeof(v->vnc_password))) {
		return false;
	}
	for (uint32_t k = 0; k < i; k++) {
		if (platform_one()->vm[k].used && platform_one()->vm[k].vm == v->vm) {
			return false;
		}
	}
	return true;
}

void one_table_load(uint64_t now_ns)
{
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		if (one_table_action(i)->state != ONE_NONE && !action_is_good(i, now_ns)) {
			one_table_action(i)->state = ONE_NONE;
		}
	}
	for (uint32_t i = 0; i < MGMT_ONE_VMS; i++) {
		if (platform_one()->vm[i].used && !vm_is_good(i)) {
			platform_one()->vm[i].used = 0;
		}
	}
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		if (platform_one()->gone[i].until_ns > now_ns + ONE_GONE_NS) {
			platform_one()->gone[i].until_ns = 0;
		}
	}
	one_table_changed();
}
