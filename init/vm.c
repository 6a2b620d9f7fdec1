/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the VMs; vm.h draws it. */
#include "init/vm.h"

#include <string.h>

#include "init/console.h"
#include "init/counters.h"
#include "init/disk.h"
#include "init/inventory.h"
#include "init/launch.h"
#include "init/log.h"
#include "init/net.h"
#include "init/why.h"
#include "lib/channel.h"
#include "lib/user/sys.h"

#define NONE UINT64_MAX
#define DRAIN_NS (1000000000ull)         /* that long a console may take for the last words of a VM      */
#define FINAL_NS (3 * 1000000000ull)     /* that long a vmm may take from its final state to its end     */
#define QUICK_NS (2 * 1000000000ull)     /* a reset that soon after the start is suspicious              */

enum { QUICK_RESETS_MAX = 5, REASON_MAX = sizeof(((struct vmm_control *)0)->reason) };

static struct vm *vms;
static uint32_t count, room, last_id;
static uint64_t changes;
static bool ended_in_order;

/* As much memory as the configured VMs need: few nodes have as many as there could be. */
static bool take_memory(uint32_t vm_count)
{
	uint64_t bytes = ALIGN_UP(vm_count * (uint64_t)sizeof(*vms), (uint64_t)PAGE_SIZE);
	struct extent extent;

	vms = (struct vm *)INIT_VMS_ADDR;
	return !vm_count || (memory_alloc(&memory, NULL, bytes, PAGE_SIZE, MEMORY_HIGH, &extent) == OK &&
			     sys_map(INIT_SPACE, INIT_VMS_ADDR, extent.handle, 0, bytes, PROT_R | PROT_W) == OK);
}

static struct vm *make(uint32_t number, const struct conf_vm *conf)
{
	struct vm *vm = &vms[number];

	*vm = (struct vm){ .conf = *conf, .number = number, .id = ++last_id, .generation = vm->generation, .deadline_ns = NONE };
	if (memory_alloc(&memory, NULL, CONSOLE_CHANNEL_BYTES, PAGE_SIZE, MEMORY_HIGH, &vm->channel) < 0) {
		init_log("vm %s: no memory for its console", vm->conf.name);
	}
	return vm;
}

void vms_init(const struct conf_result *config)
{
	uint32_t spare, wanted;

	if (!config) {
		return;
	}
	spare = config->node.address_mode == CONF_ADDRESS_NONE ? 0 : VMS_SPARE;
	wanted = config->vm_count + spare < CONF_VMS_MAX ? config->vm_count + spare : CONF_VMS_MAX;
	if (!take_memory(wanted)) {
		return;
	}
	room = wanted;
	count = 0;
	for (; count < config->vm_count; count++) {
		make(count, &config->vm[count]);
	}
}

static void set_phase(struct vm *vm, enum vm_phase phase, uint64_t deadline_ns)
{
	vm->phase = phase;
	vm->deadline_ns = deadline_ns;
	changes++;
	console_show_vm(vm);
}

static uint32_t free_number(void)
{
	uint32_t i = 0;

	while (i < count && vms[i].phase != VM_NONE) {
		i++;
	}
	return i;
}

int vms_add(const struct conf_vm *conf, const char **why)
{
	uint32_t number = free_number();
	struct vm *vm;
	int r;

	if (vm_find(conf->name)) {
		return why_say(E_BUSY, why, "there is a VM of that name");
	}
	if (number == room) {
		return why_say(E_NOMEM, why, "no room for more VMs");
	}
	r = net_check_vm(conf, why);
	if (r < 0) {
		return r;
	}
	count += number == count;
	vm = make(number, conf);
	net_add_vm(vm);
	console_add_vm(vm);
	return (int)number;
}

/* Whoever still looks into its channels would find nothing there. */
int vms_remove(struct vm *vm, const char **why)
{
	*why = "the VM runs";
	if (vm->phase != VM_OFF) {
		return E_BUSY;
	}
	*why = "console or switch have not let go of the VM yet";
	if (vm->generation && !(console_has_drained(vm) && net_has_left(vm))) {
		return E_AGAIN;
	}
	init_log("vm %s: deleted", vm->conf.name);
	set_phase(vm, VM_NONE, NONE);
	memory_give_back(&vm->channel);
	for (uint32_t card = 0; card < CONF_NICS_MAX; card++) {
		memory_give_back(&vm->nic[card]);
	}
	vm->conf = (struct conf_vm){ 0 };
	return OK;
}

uint32_t vm_count(void)
{
	return count;
}

uint32_t vm_room(void)
{
	return room;
}

struct vm *vm_get(uint32_t number)
{
	return &vms[number];
}

struct vm *vm_find(const char *name)
{
	for (uint32_t i = 0; i < count; i++) {
		if (vms[i].phase != VM_NONE && strcmp(vms[i].conf.name, name) == 0) {
			return &vms[i];
		}
	}
	return NULL;
}

uint64_t vms_changes(void)
{
	return changes;
}

static void set_note(struct vm *vm, const char *note)
{
	size_t len = strnlen(note, sizeof(vm->note) - 1);

	memcpy(vm->note, note, len);
	vm->note[len] = '\0';
	console_show_vm(vm);
}

int vm_try_start(struct vm *vm, const char **why)
{
	int r = E_NOMEM;

	*why = "it has no console channel";
	vm->start_again = false;
	vm->started_ns = sys_clock(NULL);
	if (vm->channel.size) {
		r = launch_vm(vm, why);
	}
	if (r < 0) {
		set_note(vm, "not started");
		return r;
	}
	vm->generation++;
	vm->starts++;
	vm->waits = false;
	vm->note[0] = '\0';
	set_phase(vm, VM_ON, NONE);
	init_log("vm %s: started, %llu MiB, %u vCPU%s", vm->conf.name, (unsigned long long)(vm->conf.memory >> 20),
		 (unsigned)vm->conf.vcpus, vm->conf.vcpus == 1 ? "" : "s");
	return OK;
}

bool vm_start(struct vm *vm)
{
	const char *why;
	int r;

	if (vm->phase != VM_OFF) {
		return false;
	}
	r = vm_try_start(vm, &why);
	if (r < 0) {
		init_log("vm %s: not started: %s (error %d)", vm->conf.name, why, r);
	}
	return r == OK;
}

void vm_start_soon(struct vm *vm)
{
	if (vm->phase == VM_ON) {
		init_log("vm %s: runs already", vm->conf.name);
	} else if (vm->phase == VM_DRAIN) {
		vm->start_again = true;
	} else {
		vm_start(vm);
	}
}

void vms_autostart(void)
{
	for (uint32_t i = 0; i < count; i++) {
		if (vms[i].conf.autostart) {
			vm_start(&vms[i]);
		}
	}
}

void vm_ask(struct vm *vm, enum vmm_request request)
{
	__atomic_fetch_or(&launch_control(vm)->request, (uint32_t)request, __ATOMIC_RELEASE);
	sys_event_signal(vm->control_event);
}

void vm_press_power(struct vm *vm)
{
	if (vm->phase != VM_ON) {
		return;
	}
	init_log("vm %s: power button", vm->conf.name);
	vm->presses++;
	console_show_vm(vm);
	vm_ask(vm, VMM_REQ_POWER_BUTTON);
}

void vm_ask_balloon(struct vm *vm, bool take)
{
	if (vm->phase != VM_ON || !vm->conf.balloon) {
		init_log("vm %s: %s", vm->conf.name, vm->conf.balloon ? "does not run" : "has no balloon (balloon yes)");
		return;
	}
	vm_ask(vm, take ? VMM_REQ_BALLOON_UP : VMM_REQ_BALLOON_DOWN);
}

void vm_show_counters(struct vm *vm)
{
	struct process_status status = { 0 };
	uint64_t up_ns = sys_clock(NULL) - vm->started_ns;
	uint32_t share;

	if (vm->phase != VM_ON || sys_process_status(vm->child.process, &status) < 0) {
		init_log("vm %s: does not run", vm->conf.name);
		return;
	}
	share = permille(status.cpu_ns, up_ns);
	init_log("vm %s: CPU time %llu ms, %u.%u %% of the %llu ms since its start", vm->conf.name,
		 (unsigned long long)(status.cpu_ns / 1000000), (unsigned)share / 10, (unsigned)share % 10,
		 (unsigned long long)(up_ns / 1000000));
	vm_ask(vm, VMM_REQ_COUNTERS);
	net_show_counters(vm);
}

/* One that starts again keeps its disks meanwhile: nobody else gets in between. */
static void begin_drain(struct vm *vm)
{
	net_pull(vm);
	disks_look(vm);
	launch_undo(vm);
	if (!vm->start_again) {
		disks_let_go(vm);
	}
	set_phase(vm, VM_DRAIN, sys_clock(NULL) + DRAIN_NS);
}

void vm_kill(struct vm *vm)
{
	if (vm->phase == VM_ON) {
		vm->start_again = false;
		init_log("vm %s: killed", vm->conf.name);
		set_note(vm, "killed");
		begin_drain(vm);
	} else if (vm->phase == VM_DRAIN) {
		vm->start_again = false;
		disks_let_go(vm);
	}
}

void vm_reset(struct vm *vm)
{
	if (vm->phase == VM_ON) {
		init_log("vm %s: reset by the operator", vm->conf.name);
		set_note(vm, "reset");
		vm->start_again = true;
		begin_drain(vm);
	}
}

/* The guest reset itself. Not again and again without getting anywhere. */
static void after_reset(struct vm *vm)
{
	bool quick = sys_clock(NULL) - vm->started_ns < QUICK_NS;

	vm->quick_resets = quick ? vm->quick_resets + 1 : 0;
	if (vm->conf.on_reboot == CONF_REBOOT_STOP) {
		init_log("vm %s: reset, stays off", vm->conf.name);
		set_note(vm, "reset");
		ended_in_order = true;
	} else if (vm->quick_resets >= QUICK_RESETS_MAX) {
		init_log("vm %s: failed: %d resets in a row, each within 2 s of the start", vm->conf.name, QUICK_RESETS_MAX);
		set_note(vm, "too many resets");
		vm->quick_resets = 0;
	} else {
		init_log("vm %s: reset, starts again", vm->conf.name);
		vm->start_again = true;
	}
}

/* The vmm's own words, which may be anything; init_log() filters the bytes. */
static void copy_reason(const struct vm *vm, char reason[REASON_MAX])
{
	volatile const char *from = launch_control(vm)->reason;
	size_t i = 0;

	for (; i < REASON_MAX - 1; i++) {
		reason[i] = from[i];
		if (!reason[i]) {
			break;
		}
	}
	reason[i] = '\0';
}

static void after_failure(struct vm *vm, const struct process_status *status, uint32_t state)
{
	char reason[REASON_MAX] = "", end[128];

	child_describe_end(status, end, sizeof(end));
	copy_reason(vm, reason);
	if (status->end == PROCESS_EXITED && state == VMM_FAILED && reason[0]) {
		init_log("vm %s: failed: %s", vm->conf.name, reason);
		set_note(vm, reason);
	} else {
		init_log("vm %s: failed: its vmm ended: %s%s%s", vm->conf.name, end, reason[0] ? ": " : "", reason);
		set_note(vm, end);
	}
}

static void ended(struct vm *vm, const struct process_status *status)
{
	uint32_t state = launch_control(vm)->state;

	if (status->end == PROCESS_EXITED && state == VMM_POWERED_OFF) {
		init_log("vm %s: powered off", vm->conf.name);
		set_note(vm, "powered off");
		ended_in_order = true;
	} else if (status->end == PROCESS_EXITED && state == VMM_RESET) {
		after_reset(vm);
	} else {
		after_failure(vm, status, state);
	}
	begin_drain(vm);
}

/* The vmm's own word; it is only shown. */
static void log_first_run(uint64_t run_ns)
{
	static bool logged;

	if (!logged) {
		logged = true;
		init_log("first guest instruction %llu us after the loader", (unsigned long long)(run_ns / 1000));
	}
}

/* Memory between the guest's balloon and the node. */
static void exchange_ram(struct vm *vm)
{
	bool waited = vm->waits;

	if (launch_exchange_ram(vm)) {
		console_show_vm(vm);
	}
	if (vm->waits && !waited) {
		init_log("vm %s: the memory that it gave up is not free any more; the guest waits for it", vm->conf.name);
	}
}

void vm_event(uint32_t number)
{
	struct process_status status = { 0 };
	struct vm *vm;

	if (number >= count || vms[number].phase != VM_ON) {
		return;
	}
	vm = &vms[number];
	if (sys_process_status(vm->child.process, &status) < 0) {
		return;
	}
	if (status.end != PROCESS_RUNS) {
		ended(vm, &status);
	} else if (launch_control(vm)->state == VMM_RUNNING) {
		log_first_run(launch_control(vm)->run_ns);
		exchange_ram(vm);
	} else if (launch_control(vm)->state >= VMM_POWERED_OFF && vm->deadline_ns == NONE) {
		vm->deadline_ns = sys_clock(NULL) + FINAL_NS;
	}
}

/* A VM that starts again is not shown as off in between: who watches it would take that for its end. */
static void after_drain(struct vm *vm)
{
	if (!vm->start_again) {
		set_phase(vm, VM_OFF, NONE);
		disks_let_go(vm);
		return;
	}
	vm->phase = VM_OFF;
	vm->deadline_ns = NONE;
	changes++;
	disks_let_go(vm);
	vm_start(vm);
}

static void tick(struct vm *vm, uint64_t now_ns)
{
	if (vm->phase == VM_ON && now_ns >= vm->deadline_ns) {
		init_log("vm %s: its vmm does not end", vm->conf.name);
		vm_kill(vm);
	}
	if (vm->phase == VM_ON && vm->waits) {
		exchange_ram(vm);
	}
	if (vm->phase == VM_DRAIN && ((console_has_drained(vm) && net_has_left(vm)) || now_ns >= vm->deadline_ns)) {
		after_drain(vm);
	}
}

uint64_t vms_tick(uint64_t now_ns)
{
	uint64_t next = NONE;

	for (uint32_t i = 0; i < count; i++) {
		tick(&vms[i], now_ns);
		next = vms[i].deadline_ns < next ? vms[i].deadline_ns : next;
	}
	return next;
}

bool vms_idle(void)
{
	for (uint32_t i = 0; i < count; i++) {
		if (vms[i].phase == VM_ON || vms[i].phase == VM_DRAIN) {
			return false;
		}
	}
	return ended_in_order;
}
