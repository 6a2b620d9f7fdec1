/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways of the actions: see one_actions.h. RUN, OFF, GONE: the VM runs, is off, is not there.
 *
 *   deploy    BEGIN --RUN--> success
 *                   --OFF--> CLEAR --GONE--> CREATE --> START --RUN--> success
 *   shutdown  BEGIN --RUN--> PRESS --> AWAIT_OFF --OFF--> CLEAR --GONE--> success
 *   cancel    BEGIN --> CLEAR --GONE--> success
 *   cleanup   BEGIN --> CLEAR --GONE--> DISKS --> success
 *   (AWAIT_OFF presses once more from time to time; the vmm knows whether the guest has heard it, and does so only if not.)
 *   reboot    BEGIN --RUN--> PRESS --> AWAIT_OFF --OFF--> AGAIN --RUN--> success
 *   reset     BEGIN --RUN--> RESETTING --it started once more--> success
 *   deploy that fails after CREATE: UNDO --GONE--> failure
 *
 * mgmt may die between any two lines. So a step is written down before anything is asked for in its name, and what it looks at first is
 * whether that has happened: a VM that is there was made, one that started once more than before was reset, and its button was pressed if
 * init counts one more press. Only what leaves no trace, or does no harm twice, is asked for again.
 */
#include "mgmt/one_actions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/platform.h"
#include "mgmt/vnc.h"

#define S 1000000000ull
#define GUEST_NS (180 * S)               /* that long a guest may take to go off                     */
#define AGAIN_NS (15 * S)                /* and so often it is asked, if it was not ready to hear it */
#define NODE_NS (60 * S)                 /* and the node for each step of anything else              */
#define RETRY_NS (S / 20)

enum { ASKED_MAX = 8 };                  /* commands that wait for init's answer, of all actions     */

/* What dies with mgmt. */
static struct live {
	uint32_t asked;              /* what it asked init for; 0: nothing                           */
	uint64_t retry_ns;           /* not before                                                   */
	uint64_t press_ns;           /* then the button is pressed once more; 0: never               */
	bool killed;                 /* in this step: init need not be told again                    */
	char *text;                  /* of the VM, deploy only                                       */
	uint32_t text_bytes;
	uint16_t vnc_port;           /* of the same; 0: none                                         */
	char vnc_password[ONE_PASSWORD_MAX];
} live[MGMT_ACTIONS];

static uint64_t now;

static struct live *live_of(const struct mgmt_action *a)
{
	return &live[a - one_table_action(0)];
}

static void drop(struct mgmt_action *a)
{
	struct live *l = live_of(a);

	platform_forget(l->asked);
	free(l->text);
	*l = (struct live){ 0 };
}

/* ---- ends ---- */

static void end(struct mgmt_action *a, enum one_state state)
{
	drop(a);
	one_table_set(a, state, now + ONE_KEEP_NS);
	platform_log("audit: %s one-%u: %s%s%s", one_kind_name(a->kind), (unsigned)a->vm, state == ONE_SUCCESS ? "SUCCESS" : "FAILURE",
		     a->info[0] ? ": " : "", a->info);
}

static void succeed(struct mgmt_action *a)
{
	a->info[0] = '\0';
	end(a, ONE_SUCCESS);
}

static void fail(struct mgmt_action *a, const char *why)
{
	snprintf(a->info, sizeof(a->info), "%s", why);
	end(a, ONE_FAILURE);
}

/* The same, of something: what did not work, and why. */
static void tell(struct mgmt_action *a, const char *what, const char *why)
{
	snprintf(a->info, sizeof(a->info), "%.60s: %.128s", what, why);
}

/* The next step, which has a time of its own. */
static void go(struct mgmt_action *a, enum one_step step)
{
	a->until_ns = now + (step == ONE_PRESS || step == ONE_AWAIT_OFF ? GUEST_NS : NODE_NS);
	__atomic_store_n(&a->step, step, __ATOMIC_RELEASE);
	live_of(a)->retry_ns = 0;
	live_of(a)->killed = false;
	live_of(a)->press_ns = step == ONE_AWAIT_OFF ? now + AGAIN_NS : 0;
}

/* It has failed, but what was made goes first. */
static void undo(struct mgmt_action *a, const char *why)
{
	tell(a, "the VM does not start", why);
	go(a, ONE_UNDO);
}

/* The VM of a deploy runs. */
static void deployed(struct mgmt_action *a, const struct node_vm *vm)
{
	struct mgmt_one_vm *v = one_table_vm(a->vm);

	v = v ? v : one_table_add_vm(a->vm);
	if (v) {
		v->datastore = a->datastore;
		v->node_id = vm->id;
	}
	succeed(a);
}

/* ---- asking init ---- */

static unsigned count_asked(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MGMT_ACTIONS; i++) {
		n += live[i].asked != 0;
	}
	return n;
}

/* Where there is no room for it now, the step is done again soon, and asks again. */
static void ask(struct mgmt_action *a, const struct mgmt_command *command, const char *text)
{
	struct live *l = live_of(a);
	int r = count_asked() < ASKED_MAX ? platform_ask(command, text) : E_AGAIN;

	l->asked = r > 0 ? (uint32_t)r : 0;
	l->retry_ns = r > 0 ? 0 : now + RETRY_NS;
}

static void ask_vm(struct mgmt_action *a, enum mgmt_op op)
{
	struct mgmt_command command = { .op = op };
	char name[CONF_NAME_MAX];

	one_vm_name(a->vm, name);
	memcpy(command.name, name, sizeof(name));
	ask(a, &command, NULL);
}

/* ---- the steps, as the VM is now; vm: NULL if there is none ---- */

static void begin(struct mgmt_action *a, const struct node_vm *vm, uint32_t state)
{
	bool power = a->kind == ONE_SHUTDOWN || a->kind == ONE_REBOOT;

	if (state == NODE_VM_ENDED && a->kind != ONE_CANCEL && a->kind != ONE_CLEANUP) {
		return;                                          /* whether it starts again is to be seen */
	}
	if (a->kind == ONE_DEPLOY) {
		if (state == NODE_VM_RUNNING) {
			deployed(a, vm);
		} else {
			go(a, ONE_CLEAR);
		}
	} else if (state == NODE_VM_RUNNING && (power || a->kind == ONE_RESET)) {
		a->starts = vm->starts;
		a->presses = vm->presses;
		go(a, power ? ONE_PRESS : ONE_RESETTING);
	} else if (a->kind == ONE_REBOOT || a->kind == ONE_RESET) {
		fail(a, vm ? "the VM is off" : "there is no such VM on this node");
	} else {
		go(a, ONE_CLEAR);
	}
}

static void press(struct mgmt_action *a, const struct node_vm *vm, uint32_t state)
{
	if (state == NODE_VM_RUNNING && vm->starts == a->starts && vm->presses == a->presses) {
		ask_vm(a, MGMT_VM_STOP);
	} else {
		go(a, ONE_AWAIT_OFF);
	}
}

static void await_off(struct mgmt_action *a, const struct node_vm *vm, uint32_t state)
{
	if (a->kind == ONE_SHUTDOWN && (!vm || state == NODE_VM_STOPPED)) {
		go(a, ONE_CLEAR);
	} else if (!vm) {
		fail(a, "the VM was deleted");
	} else if (a->kind == ONE_REBOOT && (state == NODE_VM_STOPPED || vm->starts != a->starts)) {
		go(a, ONE_AGAIN);
	} else if (state == NODE_VM_RUNNING && vm->starts == a->starts && now >= live_of(a)->press_ns) {
		live_of(a)->press_ns = now + AGAIN_NS;
		ask_vm(a, MGMT_VM_STOP_AGAIN);
	}
}

static void again(struct mgmt_action *a, const struct node_vm *vm, uint32_t state)
{
	if (!vm) {
		fail(a, "the VM was deleted");
	} else if (vm->starts != a->starts) {
		succeed(a);
	} else if (state == NODE_VM_STOPPED) {
		ask_vm(a, MGMT_VM_START);
	}
}

static void resetting(struct mgmt_action *a, const struct node_vm *vm, uint32_t state)
{
	if (vm && vm->starts != a->starts) {
		succeed(a);
	} else if (state == NODE_VM_RUNNING) {
		ask_vm(a, MGMT_VM_RESET);
	} else if (!vm || state == NODE_VM_STOPPED) {
		tell(a, "the VM did not start again", vm ? vm->note : "it was deleted");
		end(a, ONE_FAILURE);
	}
}

static void close_console(uint32_t vm)
{
	char name[CONF_NAME_MAX];

	one_vm_name(vm, name);
	vnc_close(name);
}

/* The port of its screen, if it has one. */
static int open_console(uint32_t vm, const char **why)
{
	const struct mgmt_one_vm *v = one_table_vm(vm);
	char name[CONF_NAME_MAX];

	one_vm_name(vm, name);
	return v && v->vnc_port ? vnc_open(name, (uint16_t)v->vnc_port, v->vnc_password, why) : OK;
}

static void begin_create(struct mgmt_action *a)
{
	const struct live *l = live_of(a);
	struct mgmt_one_vm *v = one_table_add_vm(a->vm);

	if (!v) {
		fail(a, "the node keeps no more VMs");
		return;
	}
	memcpy(v->vnc_password, l->vnc_password, sizeof(l->vnc_password));
	v->vnc_port = l->vnc_port;
	go(a, ONE_CREATE);
}

/* The VM is no more. */
static void cleared(struct mgmt_action *a)
{
	close_console(a->vm);
	if (a->kind == ONE_DEPLOY && a->step == ONE_CLEAR) {
		begin_create(a);
		return;
	}
	if (a->step == ONE_UNDO || a->kind == ONE_CLEANUP) {
		one_table_forget_vm(a->vm);
	}
	if (a->step == ONE_UNDO) {
		end(a, ONE_FAILURE);
	} else if (a->kind == ONE_CLEANUP) {
		go(a, ONE_DISKS);
	} else {
		succeed(a);
	}
}

static void clear(struct mgmt_action *a, const struct node_vm *vm, uint32_t state)
{
	bool may_kill = a->kind == ONE_CANCEL || a->kind == ONE_CLEANUP || a->step == ONE_UNDO;

	if (!vm) {
		cleared(a);
	} else if (state == NODE_VM_STOPPED) {
		ask_vm(a, MGMT_VM_DELETE);
	} else if (may_kill) {
		if (state == NODE_VM_RUNNING || !live_of(a)->killed) {
			ask_vm(a, MGMT_VM_KILL);                 /* once it ended, that keeps it from starting again */
		}
	} else if (state == NODE_VM_RUNNING && a->kind == ONE_DEPLOY) {
		deployed(a, vm);
	} else if (state == NODE_VM_RUNNING) {
		fail(a, "the VM went off and was started again by somebody else");
	}
}

static void create(struct mgmt_action *a, const struct node_vm *vm)
{
	struct live *l = live_of(a);
	struct mgmt_command command = { .op = MGMT_VM_CREATE, .text_bytes = l->text_bytes };

	if (vm) {
		go(a, ONE_START);
	} else {
		ask(a, &command, l->text);
	}
}

static void start(struct mgmt_action *a, const struct node_vm *vm, uint32_t state)
{
	const char *why = "";

	if (!vm) {
		undo(a, "the VM was deleted");
	} else if (vm->starts) {
		deployed(a, vm);
	} else if (open_console(a->vm, &why) < 0) {
		undo(a, why);
	} else if (state == NODE_VM_STOPPED) {
		ask_vm(a, MGMT_VM_START);
	}
}

/* One of its disks after the other, until there is none that is called so. */
static void delete_disks(struct mgmt_action *a)
{
	struct mgmt_command command = { .op = MGMT_DISK_DELETE };
	const struct mgmt_disks *disks = platform_disks();
	char prefix[CONF_NAME_MAX + 12];
	size_t len = (size_t)snprintf(prefix, sizeof(prefix), "one-%u-%u-", (unsigned)a->datastore, (unsigned)a->vm);

	for (uint32_t i = 0; i < MGMT_DISKS; i++) {
		const struct mgmt_disk *d = &disks->disk[i];

		if (__atomic_load_n(&d->exists, __ATOMIC_ACQUIRE) && strncmp(d->name, prefix, len) == 0) {
			memcpy(command.name, d->name, sizeof(command.name));
			ask(a, &command, NULL);
			return;
		}
	}
	succeed(a);
}

static void step(struct mgmt_action *a)
{
	const struct node_vm *vm = one_node_vm(a->vm);
	uint32_t state = vm ? one_vm_state(vm) : (uint32_t)NODE_VM_NONE;

	switch (a->step) {
	case ONE_BEGIN:     begin(a, vm, state); break;
	case ONE_PRESS:     press(a, vm, state); break;
	case ONE_AWAIT_OFF: await_off(a, vm, state); break;
	case ONE_AGAIN:     again(a, vm, state); break;
	case ONE_RESETTING: resetting(a, vm, state); break;
	case ONE_CLEAR:
	case ONE_UNDO:      clear(a, vm, state); break;
	case ONE_CREATE:    create(a, vm); break;
	case ONE_START:     start(a, vm, state); break;
	case ONE_DISKS:     delete_disks(a); break;
	}
}

/* ---- what init answered ---- */

static const char *const asked_for[ONE_STEPS] = {
	[ONE_BEGIN] = "the VM's last end is not dealt with", [ONE_PRESS] = "the VM's power button cannot be pressed",
	[ONE_AWAIT_OFF] = "the VM's power button cannot be pressed", [ONE_CLEAR] = "the VM cannot be deleted",
	[ONE_CREATE] = "the VM cannot be made", [ONE_START] = "the VM does not start", [ONE_AGAIN] = "the VM does not start again",
	[ONE_RESETTING] = "the VM cannot be reset", [ONE_DISKS] = "the VM's disks cannot be deleted", [ONE_UNDO] = "the VM cannot be deleted",
};

/* Init may refuse for a moment, or because it has happened already: the step looks again. */
static bool may_be_retried(const struct mgmt_action *a, int result)
{
	const struct node_vm *vm = one_node_vm(a->vm);

	switch (a->step) {
	case ONE_CLEAR:
	case ONE_UNDO:
	case ONE_AWAIT_OFF: return true;
	case ONE_PRESS: return result == E_BUSY || result == E_AGAIN;
	case ONE_DISKS: return result == E_NOENT || result == E_BUSY || result == E_AGAIN;
	case ONE_AGAIN:
	case ONE_START: return result == E_AGAIN || (vm && one_vm_state(vm) != NODE_VM_STOPPED);
	default:        return result == E_AGAIN;
	}
}

static void answered(struct mgmt_action *a, const struct mgmt_answer *answer)
{
	if (answer->result >= 0) {
		live_of(a)->killed = true;
	} else if (may_be_retried(a, answer->result)) {
		live_of(a)->retry_ns = now + RETRY_NS;
		if (a->step == ONE_DISKS) {
			snprintf(a->info, sizeof(a->info), "%s", answer->why);   /* somebody reads one: that ends */
		}
	} else if (a->step == ONE_START) {
		undo(a, answer->why);
	} else {
		if (a->step == ONE_CREATE) {
			one_table_forget_vm(a->vm);
		}
		tell(a, asked_for[a->step], answer->why);
		end(a, ONE_FAILURE);
	}
}

static void too_late(struct mgmt_action *a)
{
	static const char too_slow[] = "the node did not get it done within 60 s";

	if (a->step == ONE_AWAIT_OFF || a->step == ONE_PRESS) {
		fail(a, "the guest did not go off within 180 s; it runs on");
	} else if (a->info[0]) {
		end(a, ONE_FAILURE);
	} else if (a->step == ONE_CREATE || a->step == ONE_START) {
		undo(a, too_slow);
	} else {
		tell(a, asked_for[a->step], too_slow);
		end(a, ONE_FAILURE);
	}
}

/* One step. True: it may go on at once. */
static bool proceed(struct mgmt_action *a)
{
	struct live *l = live_of(a);
	struct mgmt_answer answer;
	uint32_t before = a->step;

	if (l->asked) {
		if (!platform_answer(l->asked, &answer)) {
			return false;
		}
		l->asked = 0;
		answered(a, &answer);
		return a->state == ONE_RUNS && !l->retry_ns;
	}
	if (now >= a->until_ns) {
		too_late(a);
		return false;
	}
	if (now < l->retry_ns) {
		return false;
	}
	l->retry_ns = 0;
	step(a);
	return a->state == ONE_RUNS && a->step != before;
}

static uint64_t deadline(const struct mgmt_action *a)
{
	const struct live *l = live_of(a);
	uint64_t next;

	if (l->asked) {
		return UINT64_MAX;               /* init's answer comes first */
	}
	next = l->retry_ns && l->retry_ns < a->until_ns ? l->retry_ns : a->until_ns;

	return a->step == ONE_AWAIT_OFF && l->press_ns < next ? l->press_ns : next;
}

uint64_t one_actions_run(uint64_t now_ns)
{
	uint64_t next = one_table_expire(now_ns), due;

	now = now_ns;
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		struct mgmt_action *a = one_table_action(i);

		if (a->state != ONE_RUNS) {
			continue;
		}
		while (proceed(a)) {
		}
		due = a->state == ONE_RUNS ? deadline(a) : now_ns;
		next = due < next ? due : next;
	}
	return next;
}

/* ---- begin and end ---- */

/* What init has been asked to make, and has not made yet, is deleted right after: nobody would find it. */
static void take_back(struct mgmt_action *a)
{
	uint32_t asked = live_of(a)->asked;

	if (a->state == ONE_RUNS && a->step == ONE_CREATE && asked) {
		ask_vm(a, MGMT_VM_DELETE);
		platform_forget(asked);
	}
}

void one_actions_forget(struct mgmt_action *action)
{
	take_back(action);
	drop(action);
	one_table_set(action, ONE_NONE, 0);
}

static bool gives_way(const struct mgmt_action *old, enum one_kind kind)
{
	return (kind == ONE_CANCEL || kind == ONE_CLEANUP) && (old->step == ONE_PRESS || old->step == ONE_AWAIT_OFF);
}

/* Whether it may begin, as far as others are concerned. */
static int make_way(enum one_kind kind, uint32_t vm, const char **why)
{
	struct mgmt_action *old = one_table_running(vm);
	static char words[64];

	if (one_vm_is_nodes(vm)) {
		*why = "the VM of that name belongs to the node's own configuration";
		return E_INVAL;
	}
	if (old && !gives_way(old, kind)) {
		snprintf(words, sizeof(words), "another action goes on with this VM: %s", one_kind_name(old->kind));
		*why = words;
		return E_BUSY;
	}
	if (old) {
		fail(old, "it was given up: the VM's power is taken away");
	}
	return OK;
}

/* It says autostart no: the start is asked for by itself, so that its answer is heard. E_INVAL, E_NOMEM. */
static int copy_text(const struct one_vm *vm, char **text)
{
	if (!vm->text_bytes || vm->text_bytes > MGMT_TEXT_MAX) {
		return E_INVAL;
	}
	*text = malloc(vm->text_bytes);
	if (!*text) {
		return E_NOMEM;
	}
	memcpy(*text, vm->text, vm->text_bytes);
	return OK;
}

static struct mgmt_action *add(enum one_kind kind, const char *key, const struct one_vm *vm)
{
	struct mgmt_action *a = one_table_add();

	if (a) {
		drop(a);
		a->kind = kind;
		a->vm = vm->id;
		a->datastore = vm->datastore;
		memcpy(a->key, key, strlen(key) + 1);
		one_table_set(a, ONE_RUNS, now + NODE_NS);
	}
	return a;
}

int one_actions_begin(enum one_kind kind, const char *key, const struct one_vm *vm, struct mgmt_action **action, const char **why)
{
	char *text = NULL;
	int r;

	now = platform_now_ns();
	r = make_way(kind, vm->id, why);
	if (r == OK && kind == ONE_DEPLOY) {
		*why = "no memory for the VM's description, or it is too long";
		r = copy_text(vm, &text);
	}
	if (r < 0) {
		return r;
	}
	*why = "64 actions go on already";
	*action = add(kind, key, vm);
	if (!*action) {
		free(text);
		return E_NOMEM;
	}
	live_of(*action)->text = text;
	live_of(*action)->text_bytes = text ? vm->text_bytes : 0;
	if (vm->vnc) {
		live_of(*action)->vnc_port = vm->vnc_port;
		memcpy(live_of(*action)->vnc_password, vm->vnc_password, sizeof(vm->vnc_password));
	}
	return OK;
}

void one_actions_init(uint64_t now_ns)
{
	now = now_ns;
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		free(live[i].text);
		live[i] = (struct live){ 0 };
	}
	one_table_load(now_ns);
	for (uint32_t i = 0; i < MGMT_ACTIONS; i++) {
		struct mgmt_action *a = one_table_action(i);
		bool deploy = a->state == ONE_RUNS && a->kind == ONE_DEPLOY;

		/* Its text is lost; nothing was made of it yet. */
		if (deploy && (a->step <= ONE_CLEAR || (a->step == ONE_CREATE && !one_node_vm(a->vm)))) {
			one_actions_forget(a);
		}
	}
}
