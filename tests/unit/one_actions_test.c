/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenNebula's actions against an init and guests that are played here. Each runs undisturbed, and again and again with mgmt dying at
 * another point each time: what the front-end is told and what was done must not differ.
 * sources: mgmt/one_actions.c mgmt/one_table.c
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mgmt/one_actions.h"
#include "mgmt/platform.h"
#include "mgmt/vnc.h"
#include "tests/unit/check.h"

#define S 1000000000ull

enum { QUEUE = 16, ROUNDS = 2000 };

static struct node_status node;
static struct mgmt_status status;
static struct mgmt_one one;
static struct mgmt_disks disks;
static char last_log[256];
static uint64_t now;

/* What init was asked for and has done; its refusals to come; what a guest does with its power button. */
static struct {
	struct mgmt_command command[QUEUE];
	char text[MGMT_TEXT_MAX + 1];
	unsigned waiting;
	struct { uint32_t number; struct mgmt_answer answer; } answer[QUEUE];
	unsigned answers;
	uint32_t last, ids, forgotten;       /* numbers of commands, of VMs; the command whose answer nobody wants */
	unsigned did[MGMT_OPS], refuse_deletes, busy_disks;
	int start_result, create_result;
	bool deaf;                   /* the guest ignores the button,                                */
	unsigned hears;              /* until it is pressed again for that time; 0: for ever         */
	int drains;                  /* rounds that VM 0 takes from ENDED on; then it starts if restart      */
	bool restart;
} init;

const struct node_status *platform_node(void) { return &node; }
const struct mgmt_status *platform_status(void) { return &status; }
struct mgmt_one *platform_one(void) { return &one; }
uint64_t platform_now_ns(void) { return now; }
const struct mgmt_disks *platform_disks(void) { return &disks; }

void platform_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_log, sizeof(last_log), format, args);
	va_end(args);
}

int platform_ask(const struct mgmt_command *command, const char *text)
{
	if (init.waiting == QUEUE) {
		return E_AGAIN;
	}
	init.command[init.waiting] = *command;
	init.command[init.waiting++].number = ++init.last;
	if (command->text_bytes) {
		memcpy(init.text, text, command->text_bytes);
		init.text[command->text_bytes] = '\0';
	}
	return (int)init.last;
}

bool platform_answer(uint32_t number, struct mgmt_answer *answer)
{
	for (unsigned i = 0; i < init.answers; i++) {
		if (init.answer[i].number == number) {
			*answer = init.answer[i].answer;
			init.answer[i] = init.answer[--init.answers];
			return true;
		}
	}
	return false;
}

void platform_forget(uint32_t number) { init.forgotten = number ? number : init.forgotten; }

/* VNC: the port that is open for one-12, and one that is another VM's. */
static uint16_t vnc_is;
static char vnc_has[ONE_PASSWORD_MAX];

int vnc_open(const char *vm, uint16_t port, const char *password, const char **why)
{
	CHECK_STR(vm, "one-12");
	*why = "that port is another VM's";
	if (port == 5999) {
		return E_BUSY;
	}
	vnc_is = port;
	snprintf(vnc_has, sizeof(vnc_has), "%s", password);
	return OK;
}

void vnc_close(const char *vm)
{
	vnc_is = strcmp(vm, "one-12") == 0 ? 0 : vnc_is;
}

/* ---- init ---- */

static struct node_vm *vm0(void) { return &node.vm[0]; }

static void end_vm(bool restart)
{
	vm0()->state = NODE_VM_ENDED;
	init.drains = 2;
	init.restart = restart;
}

static int create(const struct mgmt_command *c)
{
	char want[64];

	snprintf(want, sizeof(want), "vm one-12\n\tmemory 64M\n");
	CHECK_STR(init.text, want);
	CHECK_EQ(c->text_bytes, strlen(want));
	if (init.create_result < 0) {
		return init.create_result;
	}
	CHECK_EQ(vm0()->state, NODE_VM_NONE);
	*vm0() = (struct node_vm){ .state = NODE_VM_STOPPED, .id = ++init.ids, .name = "one-12" };
	return OK;
}

static int delete_disk(const struct mgmt_command *c)
{
	if (init.busy_disks) {
		init.busy_disks--;
		return E_BUSY;
	}
	for (unsigned i = 0; i < MGMT_DISKS; i++) {
		if (disks.disk[i].exists && strcmp(disks.disk[i].name, c->name) == 0) {
			disks.disk[i].exists = 0;
			return OK;
		}
	}
	return E_NOENT;
}

static int obey_vm(const struct mgmt_command *c)
{
	bool runs = vm0()->state == NODE_VM_RUNNING;

	if (vm0()->state == NODE_VM_NONE || strcmp(c->name, vm0()->name) != 0) {
		return E_NOENT;
	}
	switch (c->op) {
	case MGMT_VM_START:
		if (vm0()->state != NODE_VM_STOPPED || init.start_result < 0) {
			return runs ? E_BUSY : init.start_result;
		}
		vm0()->state = NODE_VM_RUNNING;
		vm0()->starts++;
		return OK;
	case MGMT_VM_STOP:
		vm0()->presses += runs;
		if (runs && !init.deaf) {
			end_vm(false);
		}
		return runs ? OK : E_BUSY;
	case MGMT_VM_STOP_AGAIN:
		if (runs && init.hears && init.did[c->op] + 1 == init.hears) {
			end_vm(false);
		}
		return runs ? OK : E_BUSY;
	case MGMT_VM_KILL:
		if (runs) {
			end_vm(false);
		}
		init.restart = false;
		return runs || vm0()->state == NODE_VM_ENDED ? OK : E_BUSY;
	case MGMT_VM_RESET:
		if (runs) {
			end_vm(true);
		}
		return runs ? OK : E_BUSY;
	case MGMT_VM_DELETE:
		if (vm0()->state != NODE_VM_STOPPED || init.refuse_deletes) {
			init.refuse_deletes -= init.refuse_deletes != 0;
			return vm0()->state != NODE_VM_STOPPED ? E_BUSY : E_AGAIN;
		}
		vm0()->state = NODE_VM_NONE;
		return OK;
	}
	return E_NOSYS;
}

/* One command, if there is any. */
static bool obey(void)
{
	struct mgmt_command c = init.command[0];
	int r;

	if (!init.waiting) {
		return false;
	}
	memmove(&init.command[0], &init.command[1], --init.waiting * sizeof(c));
	r = c.op == MGMT_VM_CREATE ? create(&c) : c.op == MGMT_DISK_DELETE ? delete_disk(&c) : obey_vm(&c);
	init.did[c.op] += r == OK;
	init.answer[init.answers].number = c.number;
	init.answer[init.answers].answer = (struct mgmt_answer){ .number = c.number, .result = r };
	snprintf(init.answer[init.answers].answer.why, MGMT_WHY, "because of %d", r);
	init.answers++;
	return true;
}

static void drain(void)
{
	if (vm0()->state == NODE_VM_ENDED && --init.drains == 0) {
		vm0()->state = init.restart ? NODE_VM_RUNNING : NODE_VM_STOPPED;
		vm0()->starts += init.restart;
	}
}

/* ---- the front-end ---- */

static uint16_t wanted_port;

static struct mgmt_action *ask(enum one_kind kind, const char *key)
{
	struct one_vm vm = { .id = 12, .datastore = 102, .text = "vm one-12\n\tmemory 64M\n", .vnc = wanted_port, .vnc_port = wanted_port,
			     .vnc_password = "secret" };
	struct mgmt_action *a = one_table_find(key);
	const char *why;

	vm.text_bytes = (uint32_t)strlen(vm.text);
	return a || one_actions_begin(kind, key, &vm, &a, &why) == OK ? a : NULL;
}

static void add_disk(unsigned i, const char *name)
{
	disks.disk[i] = (struct mgmt_disk){ .exists = 1 };
	snprintf(disks.disk[i].name, sizeof(disks.disk[i].name), "%s", name);
}

static void reset(bool runs)
{
	static const char *const names[] = { "one-102-12-disk.0", "one-102-12-kernel", "one-102-1-kernel", "one-10-12-disk.0", "one-102-123-disk.0" };

	memset(&node, 0, sizeof(node));
	memset(&one, 0, sizeof(one));
	memset(&init, 0, sizeof(init));
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		add_disk(i, names[i]);
	}
	node.vm_count = 2;
	node.vm[1] = (struct node_vm){ .name = "other", .state = NODE_VM_RUNNING, .id = 1 };
	vm0()->state = NODE_VM_NONE;
	status.configured = 1;
	init.ids = 1;
	now = S;
	vnc_is = wanted_port = 0;
	one_actions_init(now);
	if (runs) {
		*vm0() = (struct node_vm){ .name = "one-12", .state = NODE_VM_RUNNING, .id = ++init.ids, .starts = 1 };
		*one_table_add_vm(12) = (struct mgmt_one_vm){ .used = 1, .vm = 12, .datastore = 102, .node_id = init.ids };
	}
}

/* Steps of the whole: mgmt, a command of init's, what becomes of the VM. mgmt dies after step number death. Returns how many steps it took. */
static unsigned run(enum one_kind kind, unsigned death)
{
	struct mgmt_action *a = ask(kind, "key-1");
	unsigned steps = 0;

	for (int i = 0; i < ROUNDS && a && a->state == ONE_RUNS; i++) {
		for (int part = 0; part < 3; part++) {
			if (part == 0) {
				one_actions_run(now);
			} else if (part == 1) {
				obey();
			} else {
				drain();
			}
			if (++steps == death) {
				init.waiting = init.answers = 0;
				one_actions_init(now);
				a = ask(kind, "key-1");
			}
		}
		now += S / 10;
	}
	CHECK(a && a->state != ONE_RUNS);
	return steps;
}

static const struct { enum one_kind kind; bool runs, stays; unsigned creates, starts, presses, resets; } row[] = {
	{ ONE_DEPLOY, false, true, 1, 1, 0, 0 },  { ONE_DEPLOY, true, true, 0, 0, 0, 0 },   { ONE_SHUTDOWN, true, false, 0, 0, 1, 0 },
	{ ONE_SHUTDOWN, false, false, 0, 0, 0, 0 }, { ONE_CANCEL, true, false, 0, 0, 0, 0 }, { ONE_CANCEL, false, false, 0, 0, 0, 0 },
	{ ONE_CLEANUP, true, false, 0, 0, 0, 0 }, { ONE_REBOOT, true, true, 0, 1, 1, 0 },   { ONE_RESET, true, true, 0, 0, 0, 1 },
};

TEST(each_action_is_done_once_wherever_mgmt_dies)
{
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		bool off = row[i].runs && !row[i].stays && row[i].kind != ONE_CLEANUP;
		unsigned last = 1;

		for (unsigned death = 0; death <= last; death++) {
			unsigned steps;

			reset(row[i].runs);
			init.refuse_deletes = 2;
			steps = run(row[i].kind, death);
			last = death ? last : steps;
			CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
			CHECK_EQ(vm0()->state, row[i].stays ? NODE_VM_RUNNING : NODE_VM_NONE);
			CHECK_EQ(init.did[MGMT_VM_CREATE], row[i].creates);
			CHECK_EQ(init.did[MGMT_VM_START], row[i].starts);
			CHECK_EQ(init.did[MGMT_VM_STOP], row[i].presses);
			CHECK_EQ(init.did[MGMT_VM_RESET], row[i].resets);
			CHECK_EQ(one_table_vm(12) != NULL, row[i].stays || off);
			CHECK(!one_table_vm(12) || one_vm_went_off(one_table_vm(12)) == off);
			CHECK(!row[i].stays || one_table_vm(12)->node_id == vm0()->id);
			CHECK_EQ(node.vm[1].state, NODE_VM_RUNNING);
			CHECK_EQ(init.did[MGMT_DISK_DELETE], row[i].kind == ONE_CLEANUP ? 2 : 0);
			CHECK_EQ(disks.disk[0].exists + disks.disk[1].exists, row[i].kind == ONE_CLEANUP ? 0 : 2);
		}
	}
}

TEST(a_deploy_that_cannot_be_leaves_nothing_and_says_why)
{
	for (int fails = 0; fails < 2; fails++) {
		unsigned last = 1;

		for (unsigned death = 0; death <= last; death++) {
			unsigned steps;

			reset(false);
			*(fails ? &init.start_result : &init.create_result) = E_NOMEM;
			steps = run(ONE_DEPLOY, death);
			last = death ? last : steps;
			CHECK_EQ(one_table_find("key-1")->state, ONE_FAILURE);
			CHECK_STR(one_table_find("key-1")->info, fails ? "the VM does not start: because of -2" : "the VM cannot be made: because of -2");
			CHECK_EQ(vm0()->state, NODE_VM_NONE);
			CHECK(!one_table_vm(12));
		}
	}
}

TEST(a_vm_that_went_off_before_its_deploy_was_told_is_off)
{
	reset(false);
	CHECK(ask(ONE_DEPLOY, "key-1"));
	for (int i = 0; i < 9 && vm0()->state != NODE_VM_RUNNING; i++) {
		one_actions_run(now);
		obey();
	}
	CHECK_EQ(vm0()->state, NODE_VM_RUNNING);
	vm0()->state = NODE_VM_STOPPED;
	init.waiting = init.answers = 0;
	one_actions_init(now);
	CHECK_EQ(one_table_find("key-1")->state, ONE_RUNS);
	one_actions_run(now);
	CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
	CHECK_EQ(init.did[MGMT_VM_START], 1);
	CHECK(one_vm_went_off(one_table_vm(12)));
}

TEST(a_screen_is_opened_with_the_vm_and_closed_with_it)
{
	unsigned last = 1;

	for (unsigned death = 0; death <= last; death++) {
		unsigned steps;

		reset(false);
		wanted_port = 5912;
		steps = run(ONE_DEPLOY, death);
		last = death ? last : steps;
		CHECK_EQ(vnc_is, 5912);
		CHECK_STR(vnc_has, "secret");
		CHECK(ask(ONE_CANCEL, "key-2"));
		for (int i = 0; i < 9; i++) {
			one_actions_run(now += S / 10);
			obey();
			drain();
		}
		CHECK_EQ(one_table_find("key-2")->state, ONE_SUCCESS);
		CHECK_EQ(vnc_is, 0);
	}
	reset(false);
	wanted_port = 5999;
	run(ONE_DEPLOY, 0);
	CHECK_STR(one_table_find("key-1")->info, "the VM does not start: that port is another VM's");
	CHECK_EQ(vm0()->state, NODE_VM_NONE);
}

TEST(an_old_vm_that_is_off_is_made_anew)
{
	reset(true);
	vm0()->state = NODE_VM_STOPPED;
	CHECK(one_vm_went_off(one_table_vm(12)));
	run(ONE_DEPLOY, 0);
	CHECK_EQ(vm0()->id, 3);
	CHECK_EQ(init.did[MGMT_VM_DELETE], 1);
	CHECK_EQ(vm0()->state, NODE_VM_RUNNING);
	CHECK(!one_vm_went_off(one_table_vm(12)));
}

TEST(a_guest_that_ignores_its_button_runs_on)
{
	uint64_t start;

	reset(true);
	init.deaf = true;
	start = now;
	run(ONE_SHUTDOWN, 4);
	CHECK(now >= start + 180 * S && now < start + 182 * S);
	CHECK_EQ(one_table_find("key-1")->state, ONE_FAILURE);
	CHECK_STR(one_table_find("key-1")->info, "the guest did not go off within 180 s; it runs on");
	CHECK_EQ(vm0()->state, NODE_VM_RUNNING);
	CHECK_EQ(vm0()->presses, 1);
	CHECK_EQ(init.did[MGMT_VM_STOP_AGAIN], 12);  /* each 15 s, and by the mgmt that came after */
}

TEST(a_guest_that_was_not_ready_for_its_button_is_asked_again_wherever_mgmt_dies)
{
	static const enum one_kind kinds[] = { ONE_SHUTDOWN, ONE_REBOOT };

	for (unsigned i = 0; i < 2; i++) {
		unsigned last = 1;

		for (unsigned death = 0; death <= last; death += death < 20 ? 1 : 31) {
			uint64_t start;
			unsigned steps;

			reset(true);
			init.deaf = true;
			init.hears = 2;
			start = now;
			steps = run(kinds[i], death);
			last = death ? last : steps;
			CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
			CHECK_EQ(vm0()->presses, 1);
			CHECK_EQ(init.did[MGMT_VM_STOP_AGAIN], 2);
			CHECK(now < start + 32 * S);
		}
	}
}

TEST(a_guest_that_goes_off_at_the_last_moment_is_off)
{
	reset(true);
	init.deaf = true;
	CHECK(ask(ONE_SHUTDOWN, "key-1"));
	for (int i = 0; i < 9; i++) {
		one_actions_run(now);
		obey();
	}
	now += 179 * S;
	end_vm(false);
	init.refuse_deletes = 30;
	run(ONE_SHUTDOWN, 0);
	CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
	CHECK_EQ(vm0()->state, NODE_VM_NONE);
}

TEST(a_waiting_shutdown_gives_way_to_cancel_and_to_its_acknowledgement)
{
	struct mgmt_action *a;
	const char *why;
	struct one_vm vm = { .id = 12 };

	reset(true);
	init.deaf = true;
	CHECK(ask(ONE_SHUTDOWN, "a"));
	for (int i = 0; i < 5; i++) {
		one_actions_run(now);
		obey();
	}
	CHECK_EQ(one_actions_begin(ONE_REBOOT, "b", &vm, &a, &why), E_BUSY);
	CHECK_STR(why, "another action goes on with this VM: shutdown");
	run(ONE_CANCEL, 0);
	CHECK_EQ(one_table_find("a")->state, ONE_FAILURE);
	CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
	reset(true);
	init.deaf = true;
	CHECK(ask(ONE_SHUTDOWN, "a"));
	one_actions_run(now);
	one_actions_forget(one_table_find("a"));
	CHECK(!one_table_find("a") && !one_table_running(12));
	CHECK_EQ(init.forgotten, 1);
	run(ONE_RESET, 0);
	CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
}

TEST(what_init_has_not_answered_is_given_up_too)
{
	reset(true);
	CHECK(ask(ONE_SHUTDOWN, "a"));
	one_actions_run(now);
	CHECK_EQ(init.waiting, 1);
	run(ONE_CANCEL, 0);
	CHECK_EQ(init.forgotten, 1);
	CHECK_EQ(one_table_find("a")->state, ONE_FAILURE);
	CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
}

TEST(a_guest_may_be_quicker_than_its_button)
{
	reset(true);
	CHECK(ask(ONE_SHUTDOWN, "key-1"));
	one_actions_run(now);
	end_vm(false);                       /* before init presses it */
	run(ONE_SHUTDOWN, 0);
	CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
	CHECK_EQ(vm0()->state, NODE_VM_NONE);
	CHECK_EQ(vm0()->presses, 0);
}

TEST(between_two_lives_of_a_guest_its_next_one_is_waited_for)
{
	static const enum one_kind kinds[] = { ONE_SHUTDOWN, ONE_REBOOT, ONE_RESET, ONE_DEPLOY };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		reset(true);
		end_vm(true);                /* the guest resets itself */
		run(kinds[i], 0);
		CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
		CHECK_EQ(vm0()->state, kinds[i] == ONE_SHUTDOWN ? NODE_VM_NONE : NODE_VM_RUNNING);
		CHECK_EQ(init.did[MGMT_VM_STOP], i < 2);
		CHECK_EQ(init.did[MGMT_VM_RESET], kinds[i] == ONE_RESET);
	}
}

TEST(a_deploy_that_is_given_up_while_init_makes_its_vm_leaves_none)
{
	struct mgmt_action *a;

	reset(false);
	a = ask(ONE_DEPLOY, "a");
	one_actions_run(now);
	CHECK(a->step == ONE_CREATE && init.waiting == 1);
	one_actions_forget(a);
	run(ONE_CANCEL, 0);
	CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
	while (obey()) {
	}
	CHECK_EQ(init.did[MGMT_VM_CREATE], 1);
	CHECK_EQ(vm0()->state, NODE_VM_NONE);
}

TEST(power_actions_need_a_vm_that_runs)
{
	reset(false);
	run(ONE_REBOOT, 0);
	CHECK_STR(one_table_find("key-1")->info, "there is no such VM on this node");
	reset(true);
	vm0()->state = NODE_VM_STOPPED;
	run(ONE_RESET, 0);
	CHECK_STR(one_table_find("key-1")->info, "the VM is off");
	CHECK_EQ(init.did[MGMT_VM_START], 0);
}

TEST(a_vm_of_the_configuration_is_not_opennebulas)
{
	struct one_vm vm = { .id = 12, .text = "x", .text_bytes = 1 };
	struct mgmt_action *a;
	const char *why;

	reset(true);
	vm0()->id = 1;
	CHECK(!one_node_vm(12) && one_vm_is_nodes(12));
	for (uint32_t kind = 0; kind < ONE_KINDS; kind++) {
		CHECK_EQ(one_actions_begin((enum one_kind)kind, "b", &vm, &a, &why), E_INVAL);
	}
	CHECK_STR(why, "the VM of that name belongs to the node's own configuration");
}

TEST(results_are_kept_until_acknowledged_or_old_and_places_are_64)
{
	struct one_vm vm = { .id = 0, .text = "x", .text_bytes = 1 };
	struct mgmt_action *a;
	const char *why;
	char key[8];

	reset(false);
	one.order = UINT32_MAX - 9;          /* the oldest goes, also over its end */
	for (uint32_t i = 0; i < MGMT_ACTIONS + 1; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		vm.id = i;
		CHECK_EQ(one_actions_begin(ONE_CANCEL, key, &vm, &a, &why), OK);
		one_actions_run(now);
		CHECK_EQ(a->state, ONE_SUCCESS);
	}
	CHECK(!one_table_find("k0") && one_table_find("k1") && one_table_find("k64"));
	CHECK_EQ(one_actions_run(now), now + ONE_KEEP_NS);
	now += ONE_KEEP_NS;
	one_actions_run(now);
	CHECK(!one_table_find("k1") && !one_table_find("k64"));
	for (uint32_t i = 0; i < MGMT_ACTIONS + 1; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		vm.id = i;
		CHECK_EQ(one_actions_begin(ONE_DEPLOY, key, &vm, &a, &why), i < MGMT_ACTIONS ? OK : E_NOMEM);
	}
	one_actions_init(now);
	CHECK(!one_table_find("k0"));
}

TEST(a_key_that_was_given_up_stays_so_for_a_while_over_the_death_of_mgmt)
{
	char key[16];

	reset(false);
	one_table_bury("a", now);
	one_table_bury("a", now);
	one_actions_init(now);
	CHECK(one_table_is_buried("a", now + ONE_GONE_NS - 1) && !one_table_is_buried("a", now + ONE_GONE_NS));
	CHECK(!one_table_is_buried("ab", now) && !one_table_is_buried("", now));
	one_table_bury("no key", now);
	CHECK(!one_table_is_buried("no key", now));
	for (int i = 0; i < MGMT_ACTIONS; i++) {
		CHECK(one_table_is_buried("a", now));
		snprintf(key, sizeof(key), "k%d", i);
		one_table_bury(key, now);
	}
	CHECK(!one_table_is_buried("a", now) && one_table_is_buried("k0", now));
	one.gone[3].until_ns = UINT64_MAX;
	one_actions_init(now);
	CHECK(!one_table_is_buried(one.gone[3].key, now));
}

TEST(a_disk_that_is_read_meanwhile_goes_when_that_ends)
{
	for (int ends = 0; ends < 2; ends++) {
		reset(true);
		init.busy_disks = ends ? 5 : ROUNDS;
		run(ONE_CLEANUP, 0);
		CHECK_EQ(one_table_find("key-1")->state, ends ? ONE_SUCCESS : ONE_FAILURE);
		CHECK_STR(one_table_find("key-1")->info, ends ? "" : "because of -7");
		CHECK_EQ(disks.disk[0].exists, ends ? 0 : 1);
	}
}

TEST(a_disk_that_somebody_else_deletes_is_gone)
{
	reset(true);
	vm0()->state = NODE_VM_NONE;
	CHECK(ask(ONE_CLEANUP, "key-1"));
	one_actions_run(now);
	CHECK_EQ(init.command[0].op, MGMT_DISK_DELETE);
	disks.disk[0].exists = 0;
	run(ONE_CLEANUP, 0);
	CHECK_EQ(one_table_find("key-1")->state, ONE_SUCCESS);
	CHECK_EQ(disks.disk[1].exists, 0);
}

TEST(of_the_vms_that_are_known_one_that_is_no_more_makes_room)
{
	struct one_vm vm = { .id = 500, .text = "x", .text_bytes = 1 };
	struct mgmt_action *a;
	const char *why;

	reset(true);
	for (uint32_t i = 1; i < MGMT_ONE_VMS; i++) {
		CHECK(one_table_add_vm(499 + i));
	}
	CHECK_EQ(one_actions_begin(ONE_DEPLOY, "a", &vm, &a, &why), OK);
	CHECK(one_table_add_vm(9000));
	CHECK(one_table_vm(12) && one_table_vm(500) && !one_table_vm(501) && one_table_vm(502));
}

TEST(what_a_broken_mgmt_wrote_is_thrown_away)
{
	static const struct mgmt_action good = { .state = ONE_SUCCESS, .kind = ONE_RESET, .vm = 12, .key = "good" };
	struct mgmt_action *a = one.action;

	reset(true);
	for (int i = 0; i < 9; i++) {
		a[i] = good;
		snprintf(a[i].key, sizeof(a[i].key), "k%d", i);
	}
	a[0].state = ONE_STATES;
	a[1].kind = ONE_KINDS;
	a[2].step = ONE_STEPS;
	a[3].key[0] = '/';
	memset(a[4].key, 'x', sizeof(a[4].key));
	memset(a[5].info, 'x', sizeof(a[5].info));
	a[6].until_ns = UINT64_MAX;
	a[7].vm = UINT32_MAX;
	a[10] = a[8];
	a[11] = a[12] = (struct mgmt_action){ .state = ONE_RUNS, .kind = ONE_SHUTDOWN, .vm = 5, .key = "r", .until_ns = now };
	a[12].key[0] = 's';
	one.vm[1] = (struct mgmt_one_vm){ .used = 1, .vm = 12 };
	one.vm[2] = (struct mgmt_one_vm){ .used = 7, .vm = 13 };
	one.vm[3] = (struct mgmt_one_vm){ .used = 1, .vm = 14, .vnc_port = 70000 };
	one.vm[4] = (struct mgmt_one_vm){ .used = 1, .vm = 15 };
	one_actions_init(now);
	for (int i = 0; i < 13; i++) {
		CHECK_EQ(a[i].state != ONE_NONE, i == 8 || i == 11);
	}
	CHECK_EQ(one_table_vm(12)->node_id, 2);
	CHECK(!one_table_vm(13) && !one_table_vm(14) && one_table_vm(15));
	CHECK(one.vm[1].used == 0);
}

TEST(names_and_keys_are_exact)
{
	static const struct { const char *name; int64_t vm; } names[] = {
		{ "one-0", 0 }, { "one-12", 12 }, { "one-999999999", 999999999 }, { "one-2147483647", INT32_MAX }, { "one-2147483648", -1 }, { "one-99999999999", -1 }, { "one-", -1 }, { "one-01", -1 },
		{ "one-1x", -1 }, { "One-1", -1 }, { "one--1", -1 }, { "on", -1 }, { "", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CHECK_EQ(one_vm_number(names[i].name), names[i].vm);
	}
	CHECK(one_key_is_good("a") && one_key_is_good("5f0c-AZ") && one_key_is_good("0123456789012345678901234567890123456789"));
	CHECK(!one_key_is_good("") && !one_key_is_good("a b") && !one_key_is_good("01234567890123456789012345678901234567890"));
}
