/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and killing a VM over and over. The first round builds page tables that stay, so counting starts after it. */
#include "init/cycle.h"

#include <stdlib.h>
#include <string.h>

#include "init/inventory.h"
#include "init/log.h"
#include "init/node.h"
#include "init/vm.h"
#include "lib/user/sys.h"

#define NONE UINT64_MAX
/* How long the VM may run: each time a little longer, up to 16 steps, so that it dies at different places. */
#define RUN_NS(round) (5000000ull + (round) % 16 * 4000000ull)

/* All of one size: compared as a whole. */
struct counters {
	uint64_t free_bytes, arena_free;
	uint64_t extents, handles, objects;
	uint64_t processes, threads, spaces, regions, vcpus, events;
};

static struct {
	struct vm *vm;               /* NULL: no cycles                                              */
	bool started;                /* it was, and has not been seen off since                      */
	unsigned wanted, done;
	uint64_t kill_ns;
	struct counters before;
} cycle;

static struct counters count(void)
{
	struct process_status self = { 0 };
	struct machine_stats machine = { 0 };

	memory_compact(&memory);
	if (sys_process_status(INIT_SELF, &self) < 0 || sys_stats(INIT_MACHINE, &machine, sizeof(machine)) < 0) {
		init_log("cycle: the kernel does not tell its counters");
	}
	return (struct counters){
		.free_bytes = memory.free_bytes, .arena_free = self.arena_free, .extents = memory.count,
		.handles = self.handles, .objects = self.objects, .processes = machine.processes,
		.threads = machine.threads, .spaces = machine.spaces, .regions = machine.regions,
		.vcpus = machine.vcpus, .events = machine.events,
	};
}

static void show(const char *when, const struct counters *c)
{
	init_log("cycle: %s: %llu KiB free in %u extents, init: %llu arena pages free, %u handles, %u objects", when,
		 (unsigned long long)(c->free_bytes >> 10), (unsigned)c->extents, (unsigned long long)c->arena_free,
		 (unsigned)c->handles, (unsigned)c->objects);
	init_log("cycle: %s: %u processes, %u threads, %u spaces, %u regions, %u vCPUs, %u events", when,
		 (unsigned)c->processes, (unsigned)c->threads, (unsigned)c->spaces, (unsigned)c->regions, (unsigned)c->vcpus,
		 (unsigned)c->events);
}

bool cycle_init(void)
{
	char option[64];
	char *comma;

	if (!boot_option(inventory()->cmdline, "brume.cycle", option, sizeof(option))) {
		return false;
	}
	comma = strrchr(option, ',');
	if (comma) {
		*comma = '\0';
		cycle.wanted = (unsigned)strtoul(comma + 1, NULL, 10);
	}
	cycle.vm = vm_find(option);
	if (!cycle.vm || !cycle.wanted) {
		init_log("brume.cycle=VM,N: no such VM, or no number");
		cycle.vm = NULL;
		return false;
	}
	cycle.kill_ns = NONE;
	return true;
}

static void finish(const char *verdict)
{
	init_log("cycle: vm %s, %u times: %s", cycle.vm->conf.name, cycle.wanted, verdict);
	cycle.vm = NULL;
	node_power_off("cycles are done");
}

/* One round ended: the VM is off and all is back. */
static void next_round(uint64_t now_ns)
{
	struct counters now;

	if (cycle.done == 1) {
		cycle.before = count();
		show("before", &cycle.before);
	}
	if (cycle.done == cycle.wanted + 1) {
		now = count();
		show("after", &now);
		finish(memcmp(&now, &cycle.before, sizeof(now)) == 0 ? "counters are equal" : "counters differ");
		return;
	}
	if (!vm_start(cycle.vm)) {
		finish("it does not start");
		return;
	}
	cycle.started = true;
	cycle.kill_ns = now_ns + RUN_NS(cycle.done);
}

uint64_t cycle_tick(uint64_t now_ns)
{
	if (!cycle.vm) {
		return NONE;
	}
	if (cycle.vm->phase == VM_ON && now_ns >= cycle.kill_ns) {
		vm_kill(cycle.vm);
		cycle.kill_ns = NONE;
	}
	if (cycle.vm->phase == VM_OFF) {
		cycle.done += cycle.started;             /* killed, or it ended by itself */
		next_round(now_ns);
	}
	return cycle.kill_ns;
}
