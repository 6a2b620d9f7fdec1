/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of mgmt: see control.h. A command is copied once, then checked; who breaks the ring's rules is not read any more. */
#include "init/control.h"

#include <stdio.h>
#include <string.h>

#include "init/create.h"
#include "init/log.h"
#include "init/mgmt.h"
#include "init/store.h"
#include "init/vm.h"
#include "init/volume.h"
#include "init/why.h"

static struct {
	struct channel_end command, answer;
	bool broken;
	struct mgmt_command now;     /* the one that is being done                                   */
	bool waits, answered;        /* it is not done yet: it will be answered, and then the next is taken */
	char text[MGMT_TEXT_MAX];
} control;

void control_reset(struct mgmt_exchange *exchange)
{
	create_cancel();
	volume_cancel();
	store_cancel();
	control.broken = control.waits = control.answered = false;
	channel_reader(&control.command, &exchange->command, exchange->command_data, MGMT_COMMANDS);
	channel_writer(&control.answer, &exchange->answer, exchange->answer_data, MGMT_ANSWERS);
}

/* There is room for it. result: OK or a value, or an error that why tells in words. */
static void answer(uint32_t number, int result, const char *why)
{
	struct mgmt_answer a = { .number = number, .result = result < 0 ? result : OK, .value = result < 0 ? 0 : (uint32_t)result };

	if (result < 0) {
		snprintf(a.why, sizeof(a.why), "%s", why);
	}
	channel_put(&control.answer, 0, &a, sizeof(a));
	channel_commit(&control.answer, sizeof(a));
}

/* ---- VMs ---- */

static int start_vm(struct vm *vm, const char **why)
{
	if (vm->phase == VM_ON) {
		return why_say(E_BUSY, why, "the VM runs already");
	}
	if (vm->phase == VM_DRAIN) {
		vm->start_again = true;
		return OK;
	}
	return vm_try_start(vm, why);
}

static int obey_vm(uint32_t op, struct vm *vm, const char **why)
{
	if (op == MGMT_VM_DELETE) {
		return vms_remove(vm, why);
	}
	if (op == MGMT_VM_START) {
		return start_vm(vm, why);
	}
	if (vm->phase != VM_ON && !(op == MGMT_VM_KILL && vm->phase == VM_DRAIN)) {
		return why_say(E_BUSY, why, "the VM does not run");
	}
	switch (op) {
	case MGMT_VM_STOP:  vm_press_power(vm); break;
	case MGMT_VM_STOP_AGAIN: vm_ask(vm, VMM_REQ_BUTTON_AGAIN); break;
	case MGMT_VM_KILL:  vm_kill(vm); break;
	case MGMT_VM_RESET: vm_reset(vm); break;
	}
	return OK;
}

static int find_vm(const struct mgmt_command *c, const char **why)
{
	struct vm *vm = vm_find(c->name);

	if (!vm) {
		return why_print(E_NOENT, why, "there is no VM %s", c->name);
	}
	return obey_vm(c->op, vm, why);
}

/* What took its time is answered when it is done. */
static void finished(int result, const char *why)
{
	answer(control.now.number, result, why);
	control.waits = false;
	control.answered = true;
	mgmt_look_again();
}

static int create_vm(const struct mgmt_command *c, const char **why)
{
	int r = create_begin(control.text, c->text_bytes, finished, why);

	control.waits = r == OK;
	return r;
}

static int create_volume(const struct mgmt_command *c, uint32_t space, const char **why)
{
	int r = store_find(c->name) >= 0 ? why_print(E_BUSY, why, "there is a disk %s", c->name) : volume_create(c, space, finished, why);

	control.waits = r == OK;
	return r;
}

static int make_disk(const struct mgmt_command *c, const char **why)
{
	int r = c->op == MGMT_DISK_CREATE ? store_create(c, finished, why) : store_resize(c, finished, why);

	control.waits = r == E_AGAIN;
	return r;
}

/* ---- all of them ---- */

static int obey(const struct mgmt_command *c, uint32_t space, const char **why)
{
	store_look(space);                   /* what mgmt closed before it asks for this */
	switch (c->op) {
	case MGMT_VM_START:
	case MGMT_VM_STOP:
	case MGMT_VM_STOP_AGAIN:
	case MGMT_VM_KILL:
	case MGMT_VM_RESET:
	case MGMT_VM_DELETE:     return find_vm(c, why);
	case MGMT_REFRESH:       mgmt_refresh(); return OK;
	case MGMT_VM_CREATE:     return create_vm(c, why);
	case MGMT_VOLUME_CREATE: return create_volume(c, space, why);
	case MGMT_VOLUME_SEAL:   return volume_seal(c->name, space, why);
	case MGMT_VOLUME_DELETE: return volume_delete(c->name, why);
	case MGMT_DISK_CREATE:
	case MGMT_DISK_RESIZE:   return make_disk(c, why);
	case MGMT_DISK_DELETE:   return store_delete(c->name, why);
	case MGMT_DISK_RENAME:   return store_rename(c->name, c->other, why);
	case MGMT_DISK_OPEN:     return store_open(c, space, why);
	case MGMT_DISK_SEAL:     return store_seal(c->name, c->size, why);
	default:                 return why_say(E_NOSYS, why, "this cannot be asked for");
	}
}

/* The next command with its text. False: there is none, or it breaks the rules. */
static bool take(struct mgmt_command *c)
{
	uint32_t avail = channel_avail(&control.command);

	if (!avail) {
		return false;
	}
	if (avail >= sizeof(*c)) {
		channel_get(&control.command, 0, c, sizeof(*c));
	}
	if (avail < sizeof(*c) || c->text_bytes > MGMT_TEXT_MAX || c->text_bytes > avail - sizeof(*c) ||
	    !memchr(c->name, '\0', sizeof(c->name)) || !memchr(c->other, '\0', sizeof(c->other))) {
		init_log("mgmt: a command that is none; no other one is taken until it starts again");
		control.broken = true;
		return false;
	}
	channel_get(&control.command, sizeof(*c), control.text, c->text_bytes);
	channel_skip(&control.command, (uint32_t)sizeof(*c) + c->text_bytes);
	return true;
}

/* At most one ring full each time: who keeps writing signals again. */
bool control_requests(uint32_t space)
{
	bool answered = control.answered;

	store_look(space);
	control.answered = false;
	for (unsigned i = 0; i < MGMT_COMMANDS / sizeof(control.now); i++) {
		const char *why = "";
		int r;

		if (control.waits || control.broken || channel_room(&control.answer) < sizeof(struct mgmt_answer) || !take(&control.now)) {
			break;
		}
		r = obey(&control.now, space, &why);
		if (!control.waits) {
			answer(control.now.number, r, why);
			answered = true;
		}
	}
	return answered;
}
