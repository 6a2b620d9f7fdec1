/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a VM in init: starts, ends, resets, what is fake_said about it. Kernel, launch and console are fakes.
 * sources: init/memory.c init/why.c tests/fake/init_log.c
 */
#include "lib/user/sys.h"

static uint64_t fake_clock(void);
static int fake_status(struct process_status *status);

#define sys_clock(tsc) fake_clock()
#define sys_process_status(process, status) fake_status(status)
#define sys_event_signal(event) (signalled = (event))
static uint32_t signalled;

#include "init/vm.h"

static struct vm fake_vms[1 + VMS_SPARE];
#undef INIT_VMS_ADDR
#define INIT_VMS_ADDR ((uint64_t)(uintptr_t)fake_vms)
#define sys_map(space, addr, region, offset, size, prot) OK

#include "init/vm.c"

#include <stdio.h>

#include "tests/fake/init_log.h"
#include "tests/unit/check.h"

struct memory memory;
void memory_give_back(struct extent *extent) { (void)!memory_free(&memory, extent); }

static uint64_t now;
static struct process_status process;
static struct vmm_control control;
static int launch_result;
static unsigned launches, undone, added, shown_off;
static bool drained, left_switch = true;
static const char *no_add;

static uint64_t fake_clock(void) { return now; }
static int fake_status(struct process_status *status) { *status = process; return OK; }
volatile struct vmm_control *launch_control(const struct vm *vm) { (void)vm; return &control; }
void launch_undo(struct vm *vm) { (void)vm; undone++; }
static bool has_disks;
static unsigned looked;
void disks_look(const struct vm *vm) { CHECK_EQ(vm->phase, VM_ON); looked++; }
void disks_let_go(struct vm *vm) { (void)vm; has_disks = false; }
void console_show_vm(const struct vm *vm) { shown_off += vm->phase == VM_OFF; }
void console_add_vm(const struct vm *vm) { (void)vm; added++; }
int net_check_vm(const struct conf_vm *conf, const char **why) { *why = "no"; return conf->nic_count ? E_BUSY : OK; }
void net_add_vm(struct vm *vm) { (void)vm; added++; }
bool launch_exchange_ram(struct vm *vm) { (void)vm; return false; }
uint32_t permille(uint64_t part, uint64_t whole) { return (uint32_t)(part * 1000 / whole); }
bool console_has_drained(const struct vm *vm) { (void)vm; return drained; }
void net_pull(const struct vm *vm) { (void)vm; }
bool net_has_left(const struct vm *vm) { (void)vm; return left_switch; }
void net_show_counters(const struct vm *vm) { (void)vm; }

int launch_vm(struct vm *vm, const char **why)
{
	vm->control_event = 77;
	launches++;
	memset(&control, 0, sizeof(control));
	memset(&process, 0, sizeof(process));
	*why = "because";
	return launch_result;
}

void child_describe_end(const struct process_status *status, char *text, size_t size)
{
	snprintf(text, size, "end %u", (unsigned)status->end);
}

static int take(uint32_t h, uint64_t n) { (void)h, (void)n; return 9; }
static int done(uint32_t h) { (void)h; return OK; }
static int merge(uint32_t a, uint32_t b) { (void)a, (void)b; return OK; }
static const struct region_ops ops = { .split = take, .merge = merge, .reclaim = done, .clean = take };

static struct vm *fresh(enum conf_reboot on_reboot)
{
	static struct conf_result config;

	memory_init(&memory, &ops);
	(void)!memory_add(&memory, (struct extent){ 0x100000, MIB(16), 1, true, 0 });
	config = (struct conf_result){ .vm_count = 1 };
	config.vm[0] = (struct conf_vm){ .name = "a", .memory = MIB(64), .vcpus = 1, .autostart = 1,
					 .on_reboot = on_reboot };
	now = 1000;
	launches = undone = 0;
	launch_result = OK;
	drained = true;
	ended_in_order = false;
	memset(fake_vms, 0, sizeof(fake_vms));
	vms_init(&config);
	vms_autostart();
	return vm_get(0);
}

static void end(enum vmm_state state, const char *reason)
{
	process.end = PROCESS_EXITED;
	control.state = state;
	snprintf(control.reason, sizeof(control.reason), "%s", reason);
	vm_event(0);
}

TEST(starts_and_says_so)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	CHECK_EQ(launches, 1);
	CHECK_EQ(vm->phase, VM_ON);
	CHECK_EQ(vm->generation, 1);
	CHECK_STR(fake_said, "vm a: started, 64 MiB, 1 vCPU");
	CHECK(!vm_start(vm));
	CHECK(!vms_idle());
}

TEST(a_failed_start_leaves_it_off)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	vm_kill(vm);
	vms_tick(now);
	launch_result = E_NOMEM;
	CHECK(!vm_start(vm));
	CHECK_STR(fake_said, "vm a: not started: because (error -2)");
	CHECK_EQ(vm->phase, VM_OFF);
	CHECK_EQ(vm->generation, 1);
}

TEST(power_off_is_good_order)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	end(VMM_POWERED_OFF, "");
	CHECK_STR(fake_said, "vm a: powered off");
	CHECK_EQ(vm->phase, VM_DRAIN);
	CHECK_EQ(undone, 1);
	CHECK(!vms_idle());
	vms_tick(now);
	CHECK_EQ(vm->phase, VM_OFF);
	CHECK(vms_idle());
}

TEST(failure_and_kill_leave_the_node_on)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	end(VMM_FAILED, "triple fault");
	CHECK_STR(fake_said, "vm a: failed: triple fault");
	CHECK_STR(vm->note, "triple fault");
	vms_tick(now);
	CHECK(!vms_idle());
	vm_start(vm);
	vm_kill(vm);
	CHECK_STR(fake_said, "vm a: killed");
	vms_tick(now);
	CHECK(!vms_idle());
}

TEST(reset_starts_again_or_stays_off)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	now += 10 * QUICK_NS;
	end(VMM_RESET, "");
	CHECK_STR(fake_said, "vm a: reset, starts again");
	CHECK_EQ(launches, 1);
	vms_tick(now);
	CHECK_EQ(launches, 2);
	CHECK_EQ(vm->generation, 2);
	vm = fresh(CONF_REBOOT_STOP);
	end(VMM_RESET, "");
	vms_tick(now);
	CHECK_EQ(vm->phase, VM_OFF);
	CHECK(vms_idle());
}

TEST(quick_resets_come_to_an_end)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	for (int i = 1; i < QUICK_RESETS_MAX; i++) {
		end(VMM_RESET, "");
		vms_tick(now);
		CHECK_EQ(vm->phase, VM_ON);
	}
	end(VMM_RESET, "");
	vms_tick(now);
	CHECK_EQ(vm->phase, VM_OFF);
	CHECK(strstr(fake_said, "5 resets in a row"));
	CHECK(!vms_idle());
}

TEST(a_kill_while_it_is_about_to_restart_wins)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	drained = false;
	end(VMM_RESET, "");
	vm_kill(vm);
	drained = true;
	vms_tick(now);
	CHECK_EQ(vm->phase, VM_OFF);
	CHECK_EQ(launches, 1);
}

TEST(a_start_while_it_drains_is_kept)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	drained = false;
	end(VMM_POWERED_OFF, "");
	vm_start_soon(vm);
	CHECK_EQ(launches, 1);
	drained = true;
	left_switch = false;             /* and the switch has let go of its channels, too */
	vms_tick(now);
	CHECK_EQ(launches, 1);
	left_switch = true;
	vms_tick(now);
	CHECK_EQ(launches, 2);
	CHECK(!vms_idle());
	vm_start_soon(vm);
	CHECK_STR(fake_said, "vm a: runs already");
	CHECK_EQ(launches, 2);
}

TEST(a_console_that_does_not_answer_is_not_waited_for)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);
	uint64_t next;

	drained = false;
	end(VMM_POWERED_OFF, "");
	next = vms_tick(now);
	CHECK_EQ(next, now + DRAIN_NS);
	CHECK_EQ(vm->phase, VM_DRAIN);
	CHECK(!vm_start(vm));
	vms_tick(next);
	CHECK_EQ(vm->phase, VM_OFF);
}

TEST(a_vmm_that_does_not_end_is_killed)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	control.state = VMM_FAILED;
	vm_event(0);
	CHECK_EQ(vm->phase, VM_ON);
	CHECK_EQ(vms_tick(now), now + FINAL_NS);
	vms_tick(now + FINAL_NS);
	CHECK_EQ(vm->phase, VM_OFF);
}

TEST(a_dead_vmm_is_a_failure_whatever_it_claimed)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	control.state = VMM_POWERED_OFF;
	process.end = PROCESS_FAULTED;
	vm_event(0);
	CHECK(strstr(fake_said, "vm a: failed: its vmm ended: end 2") == fake_said);
	vms_tick(now);
	CHECK_EQ(vm->phase, VM_OFF);
	CHECK(!vms_idle());
}

TEST(a_reason_without_end_is_cut)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	process.end = PROCESS_EXITED;
	control.state = VMM_FAILED;
	memset(control.reason, 'x', sizeof(control.reason));
	vm_event(0);
	CHECK_EQ(strlen(fake_said), strlen("vm a: failed: ") + sizeof(control.reason) - 1);
	CHECK_EQ(strlen(vm->note), sizeof(vm->note) - 1);
}

TEST(power_button_is_a_request)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	vm_press_power(vm);
	CHECK_EQ(control.request, VMM_REQ_POWER_BUTTON);
	CHECK_EQ(signalled, 77);
	vm_kill(vm);
	vms_tick(now);
	control.request = 0;
	vm_press_power(vm);
	CHECK_EQ(control.request, 0);
}

TEST(a_reset_by_the_operator)
{
	struct vm *vm = fresh(CONF_REBOOT_STOP);

	shown_off = 0;
	vm_reset(vm);
	CHECK_STR(fake_said, "vm a: reset by the operator");
	CHECK_EQ(vm->phase, VM_DRAIN);
	CHECK_EQ(undone, 1);
	vms_tick(now);
	CHECK_EQ(vm->phase, VM_ON);
	CHECK_EQ(launches, 2);
	CHECK_EQ(shown_off, 0);          /* not for a moment: a front-end would take it for its end */
	vm_reset(vm);
	launch_result = E_NOMEM;
	vms_tick(now);
	CHECK_EQ(vm->phase, VM_OFF);
	CHECK(shown_off);
	launch_result = OK;
	CHECK(vm_start(vm));
	vm_kill(vm);
	vms_tick(now);
	vm_reset(vm);
	CHECK_EQ(vm->phase, VM_OFF);
}

TEST(counters_are_told_and_asked_for)
{
	struct vm *vm = fresh(CONF_REBOOT_RESTART);

	vm_press_power(vm);
	now += 8000000000;
	process.cpu_ns = 1000000000;
	vm_show_counters(vm);
	CHECK_STR(fake_said, "vm a: CPU time 1000 ms, 12.5 % of the 8000 ms since its start");
	CHECK_EQ(control.request, VMM_REQ_POWER_BUTTON | VMM_REQ_COUNTERS);      /* the first one is not lost */
	vm_kill(vm);
	vms_tick(now);
	control.request = 0;
	vm_show_counters(vm);
	CHECK_STR(fake_said, "vm a: does not run");
	CHECK_EQ(control.request, 0);
}

TEST(events_of_unknown_vms_are_nothing)
{
	fresh(CONF_REBOOT_RESTART);
	vm_event(1);
	vm_event(UINT32_MAX);
	CHECK(vm_find("a") == vm_get(0));
	CHECK(vm_find("b") == NULL);
}

static int add(unsigned number)
{
	struct conf_vm conf = { .memory = MIB(64), .vcpus = 1 };

	snprintf(conf.name, sizeof(conf.name), "x%u", number);
	return vms_add(&conf, &no_add);
}

static void managed(void)
{
	static struct conf_result config;

	fresh(CONF_REBOOT_STOP);
	config.node.address_mode = CONF_ADDRESS_DHCP;
	memset(fake_vms, 0, sizeof(fake_vms));
	vms_init(&config);
	added = 0;
}

TEST(vms_are_added_on_a_managed_node_up_to_a_number)
{
	fresh(CONF_REBOOT_STOP);
	CHECK_EQ(add(0), E_NOMEM);
	managed();
	CHECK_EQ(vm_room(), VMS_SPARE);
	for (unsigned i = 0; i < VMS_SPARE; i++) {
		CHECK_EQ(add(i), i);
		CHECK_EQ(add(i), E_BUSY);
	}
	CHECK_STR(no_add, "there is a VM of that name");
	CHECK_EQ(added, 2 * VMS_SPARE);
	CHECK_EQ(vm_count(), VMS_SPARE);
	CHECK(vm_find("x0") && vm_find("x0")->phase == VM_OFF);
	CHECK_EQ(add(VMS_SPARE), E_NOMEM);
	CHECK_STR(no_add, "no room for more VMs");
	managed();
	CHECK_EQ(vms_add(&(struct conf_vm){ .name = "x", .nic_count = 1 }, &no_add), E_BUSY);
	CHECK_STR(no_add, "no");
	CHECK(!vm_find("x"));
}

TEST(a_vm_that_is_deleted_gives_all_back_and_its_number_to_another)
{
	const char *why;
	uint64_t free;
	struct vm *vm;
	uint32_t id;

	managed();
	free = memory.free_bytes;
	CHECK_EQ(add(0), 0);
	CHECK_EQ(add(1), 1);
	vm = vm_find("x0");
	id = vm->id;
	CHECK(vm_start(vm));
	CHECK_EQ(vms_remove(vm, &why), E_BUSY);
	CHECK_STR(why, "the VM runs");
	vm_kill(vm);
	drained = false;
	CHECK_EQ(vms_remove(vm, &why), E_BUSY);
	vms_tick(now + DRAIN_NS);            /* the console does not answer in time */
	CHECK_EQ(vm->phase, VM_OFF);
	CHECK_EQ(vms_remove(vm, &why), E_AGAIN);
	CHECK_STR(why, "console or switch have not let go of the VM yet");
	drained = true;
	CHECK_EQ(vms_remove(vm, &why), OK);
	CHECK_STR(fake_said, "vm x0: deleted");
	CHECK_EQ(memory.free_bytes, free - CONSOLE_CHANNEL_BYTES);
	CHECK(!vm_find("x0"));
	CHECK(!vm_find(""));
	CHECK_EQ(vm_count(), 2);
	vm_event(0);                         /* late */
	CHECK_EQ(add(2), 0);
	CHECK(vm_find("x2") == vm);
	CHECK(vm->id > id);
	CHECK_EQ(vm->generation, 1);         /* counts on */
	CHECK_EQ(vm->starts, 0);
	CHECK(vm_start(vm));
	CHECK_EQ(vm->generation, 2);
	CHECK_EQ(vms_remove(vm_find("x1"), &why), OK);
	vm_kill(vm);
	vms_tick(now);
	CHECK_EQ(vms_remove(vm, &why), OK);
	CHECK_EQ(memory.free_bytes, free);
	ended_in_order = true;
	CHECK(vms_idle());
}
