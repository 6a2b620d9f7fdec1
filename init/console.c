/* SPDX-License-Identifier: Apache-2.0 */
/* init's side of the console program. The shared pages outlive it; what it wrote into them is never believed. */
#include "init/console.h"

#include <string.h>

#include "console/node.h"
#include "init/counters.h"
#include "init/cpus.h"
#include "init/devices.h"
#include "init/events.h"
#include "init/inventory.h"
#include "init/keep.h"
#include "init/log.h"
#include "init/net.h"
#include "init/machine.h"
#include "init/mgmt.h"
#include "init/node.h"
#include "init/ram.h"
#include "init/server.h"
#include "init/video.h"
#include "init/vm.h"
#include "lib/user/sys.h"

enum { CONSOLE_ARENA = 192 << 10 };

_Static_assert((int)NODE_NODES_MAX == (int)NUMA_NODES_MAX, "all nodes are told");

#define STATUS_BYTES ALIGN_UP((uint64_t)sizeof(struct node_status), (uint64_t)PAGE_SIZE)
#define EXCHANGE_BYTES ALIGN_UP((uint64_t)sizeof(struct node_exchange), (uint64_t)PAGE_SIZE)

#define RELAYS_BYTES ALIGN_UP((uint64_t)sizeof(struct node_relays), (uint64_t)PAGE_SIZE)
#define RELAYS_AT (STATUS_BYTES + EXCHANGE_BYTES)

static struct {
	struct extent pages;         /* struct node_status, struct node_exchange, struct node_relays */
	uint32_t request;            /* event, paid by init                                          */
	struct channel_end command;
} console;

static const struct server_kind kind;
static struct server server = { .kind = &kind, .arena = CONSOLE_ARENA, .start_ns = SERVER_NEVER };

static struct node_status *status(void)
{
	return (struct node_status *)INIT_NODE_ADDR;
}

static struct node_exchange *exchange(void)
{
	return (struct node_exchange *)(INIT_NODE_ADDR + STATUS_BYTES);
}

static void show_memory(void)
{
	status()->ram_bytes = inventory()->ram_bytes;
	status()->free_bytes = memory.free_bytes;
	for (uint32_t i = 0; i < numa.node_count; i++) {
		status()->numa[i] = (struct node_numa){ numa.domain[i], cpus_of_node(i), memory.node_total[i], memory.node_free[i] };
	}
}

void console_show_vm(const struct vm *vm)
{
	static const uint32_t states[] = {
		[VM_OFF] = NODE_VM_STOPPED,
		[VM_ON] = NODE_VM_RUNNING,
		[VM_DRAIN] = NODE_VM_ENDED,
		[VM_NONE] = NODE_VM_NONE,
	};
	struct node_vm *to;

	if (!console.pages.size) {
		return;
	}
	to = &status()->vm[vm->number];
	memcpy(to->name, vm->conf.name, sizeof(to->name));
	to->memory = vm->conf.memory;
	to->vcpus = vm->conf.vcpus;
	to->weight = vm->conf.weight;
	to->cpus = vm->conf.cpus;
	memcpy(to->vcpu_cpus, vm->conf.vcpu_cpus, sizeof(to->vcpu_cpus));
	for (uint32_t i = 0; i < numa.node_count; i++) {
		to->node_memory[i] = ram_of_node(vm, i);
	}
	memcpy(to->note, vm->note, sizeof(to->note));
	to->generation = vm->generation;
	to->id = vm->id;
	to->starts = vm->starts;
	to->presses = vm->presses;
	__atomic_store_n(&to->state, states[vm->phase], __ATOMIC_RELEASE);     /* the generation before the state */
	console_wake();
	mgmt_wake();
}

void console_show_devices(void)
{
	if (console.pages.size) {
		status()->device_count = devices_show(status()->device, NODE_DEVICES_MAX);
	}
}

/* The pages as a new console wants to find them. */
static void reset_exchange(void)
{
	memset(exchange(), 0, offsetof(struct node_exchange, log_data));
	for (uint32_t i = 0; i < vm_count(); i++) {
		if (vm_get(i)->phase == VM_OFF) {        /* a new one will not touch its channel */
			exchange()->ack[i] = vm_get(i)->generation;
		}
	}
	channel_reader(&console.command, &exchange()->command, exchange()->command_data, NODE_COMMANDS);
	init_log_to(exchange());
}

bool console_init(void)
{
	int r = memory_alloc(&memory, NULL, RELAYS_AT + RELAYS_BYTES, PAGE_SIZE, MEMORY_HIGH, &console.pages);

	if (r == OK) {
		r = sys_map(INIT_SPACE, INIT_NODE_ADDR, console.pages.handle, 0, console.pages.size, PROT_R | PROT_W);
	}
	if (r == OK) {
		r = sys_event_create(SELF);
		console.request = r >= 0 ? (uint32_t)r : 0;
	}
	if (r >= 0) {
		r = sys_event_bind(console.request, event_key(KEY_REQUEST, 0));
	}
	if (r < 0) {
		init_log("the console cannot run: error %d", r);
		memory_give_back(&console.pages);
		return false;
	}
	show_memory();
	status()->video = video_screen.mode;
	memcpy(status()->report, keep_panic(), strlen(keep_panic()));
	status()->numa_count = numa.node_count;
	status()->vm_count = vm_count();
	for (uint32_t i = 0; i < vm_count(); i++) {
		console_show_vm(vm_get(i));
	}
	status()->magic = NODE_MAGIC;
	reset_exchange();
	return true;
}

static int map_pages(void)
{
	uint32_t space = server.child.space;
	int r = sys_map(space, CONSOLE_STATUS_ADDR, console.pages.handle, 0, STATUS_BYTES, PROT_R);

	if (r == OK) {
		r = sys_map(space, CONSOLE_EXCHANGE_ADDR, console.pages.handle, STATUS_BYTES, EXCHANGE_BYTES, PROT_R | PROT_W);
	}
	if (r == OK) {
		r = sys_map(space, CONSOLE_RELAY_ADDR, console.pages.handle, RELAYS_AT, RELAYS_BYTES, PROT_R | PROT_W);
	}
	if (r == OK && video_screen.memory.size) {
		r = sys_map(space, CONSOLE_VIDEO_ADDR, video_screen.memory.handle, 0, video_screen.memory.size, PROT_R | PROT_W);
	}
	for (uint32_t i = 0; r == OK && i < vm_count(); i++) {
		const struct extent *channel = &vm_get(i)->channel;

		if (channel->size) {
			r = sys_map(space, CONSOLE_CHANNEL_ADDR(i), channel->handle, 0, channel->size, PROT_R | PROT_W);
		}
	}
	return r;
}

int console_share(uint32_t space, uint64_t status_at, uint64_t relays_at)
{
	int r = console.pages.size ? OK : E_NOENT;

	if (r == OK) {
		r = sys_map(space, status_at, console.pages.handle, 0, STATUS_BYTES, PROT_R);
	}
	if (r == OK) {
		r = sys_map(space, relays_at, console.pages.handle, RELAYS_AT, RELAYS_BYTES, PROT_R | PROT_W);
	}
	return r;
}

int console_connect_relays(uint32_t process, uint32_t in, uint32_t out_slot)
{
	int r = server.runs ? sys_grant(process, server.wake, RIGHT_WRITE, out_slot) : E_NOENT;

	return r == OK ? sys_grant(server.child.process, in, RIGHT_WRITE, CONSOLE_RELAY) : r;
}

static int give_handles(void)
{
	uint32_t process = server.child.process;
	int r = sys_grant(process, server.wake, RIGHT_READ | RIGHT_WRITE, CONSOLE_WAKE);

	if (r == OK) {
		r = machine_give_line(process, server.wake);
	}
	if (r == OK) {
		/* The kernel no longer prints what is said while the console starts, perhaps on another processor. */
		__atomic_store_n(&exchange()->attached, 1, __ATOMIC_RELEASE);
		r = sys_grant(process, console.request, RIGHT_WRITE, CONSOLE_REQUEST);
	}
	return r;
}

void console_add_vm(const struct vm *vm)
{
	const struct extent *e = &vm->channel;

	if (server.runs && e->size &&
	    sys_map(server.child.space, CONSOLE_CHANNEL_ADDR(vm->number), e->handle, 0, e->size, PROT_R | PROT_W) < 0) {
		init_log("vm %s: its console is cut off", vm->conf.name);
	}
	console_show_vm(vm);
	if (console.pages.size) {
		__atomic_store_n(&status()->vm_count, vm_count(), __ATOMIC_RELEASE);     /* after all that is told of it */
	}
}

static int connect(const struct vm *vm)
{
	int r = sys_grant(vm->child.process, server.wake, RIGHT_WRITE, VMM_CONSOLE_OUT);

	if (r == OK) {
		r = sys_grant(server.child.process, vm->input_event, RIGHT_WRITE, CONSOLE_VM_IN + vm->number);
	}
	return r;
}

int console_connect(const struct vm *vm)
{
	return server.runs ? connect(vm) : E_NOENT;
}

static void connect_all(void)
{
	for (uint32_t i = 0; i < vm_count(); i++) {
		if (vm_get(i)->phase == VM_ON && connect(vm_get(i)) < 0) {
			init_log("vm %s: its console is cut off", vm_get(i)->conf.name);
		}
	}
}

/* Connected before it runs: it tells a VM of typed bytes once only. */
static int prepare(const char **why)
{
	int r = map_pages();

	*why = "its memory cannot be mapped";
	if (r == OK) {
		*why = "its handles cannot be given";
		r = give_handles();
	}
	if (r == OK) {
		connect_all();
	}
	return r;
}

static uint64_t argument(void)
{
	return machine_line();
}

static const struct server_kind kind = {
	.program = "console",
	.title = "the console",
	.death = KEY_CONSOLE,
	.prepare = prepare,
	.argument = argument,
	.started = mgmt_connect_console,
	.ended = reset_exchange,
};

void console_start(void)
{
	if (console.pages.size) {
		server_start(&server);
	}
}

void console_wake(void)
{
	server_wake(&server);
}

bool console_has_drained(const struct vm *vm)
{
	return !server.runs || __atomic_load_n(&exchange()->ack[vm->number], __ATOMIC_ACQUIRE) == vm->generation;
}

void console_died(void)
{
	server_died(&server);
}

uint64_t console_tick(uint64_t now_ns)
{
	if (console.pages.size) {
		show_memory();
	}
	return server_tick(&server, now_ns);
}

static void obey_for_node(uint32_t op)
{
	switch (op) {
	case NODE_POWER_OFF: node_power_off("asked for at the console"); break;
	case NODE_COUNTERS:
		counters_show_node();
		net_show_counters(NULL);
		break;
	case NODE_TRACE:     counters_show_trace(); break;
	}
}

static void obey_for_vm(uint32_t op, struct vm *vm)
{
	switch (op) {
	case NODE_START:        vm_start_soon(vm); break;
	case NODE_POWER_BUTTON: vm_press_power(vm); break;
	case NODE_KILL:         vm_kill(vm); break;
	case NODE_TAKE_MEMORY:  vm_ask_balloon(vm, true); break;
	case NODE_GIVE_MEMORY:  vm_ask_balloon(vm, false); break;
	case NODE_COUNTERS:     vm_show_counters(vm); break;
	}
}

/* At most one ring of commands per wake-up; there is no more in it anyway unless somebody keeps writing. */
void console_requests(void)
{
	struct node_command command;

	for (unsigned i = 0; server.runs && i < NODE_COMMANDS / sizeof(command); i++) {
		if (channel_avail(&console.command) < sizeof(command)) {
			break;
		}
		channel_read(&console.command, &command, sizeof(command));
		obey_for_node(command.op);
		if (command.vm < vm_count()) {
			obey_for_vm(command.op, vm_get(command.vm));
		}
	}
}

void console_flush(void)
{
	if (console.pages.size) {
		__atomic_store_n(&status()->stopping, 1, __ATOMIC_RELEASE);
		console_wake();
	}
}

bool console_flushed(void)
{
	return !server.runs || __atomic_load_n(&exchange()->flushed, __ATOMIC_ACQUIRE);
}
