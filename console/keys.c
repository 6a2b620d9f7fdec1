/* SPDX-License-Identifier: Apache-2.0 */
/* The keys after Ctrl-]; docs/console.md lists them. */
#include <string.h>

#include "console/mux.h"
#include "lib/cpu_list.h"
#include "lib/fmt.h"

static void help(struct mux *m)
{
	static const char *const lines[] = {
		"[brume] Ctrl-] and then",
		"[brume]   ?  these lines                 l  list of the VMs",
		"[brume]   n  next VM, N  the one before  1 to 9  that VM",
		"[brume]   p  power button of this VM     k  kill this VM at once",
		"[brume]   s  start this VM               i  the node: version, memory",
		"[brume]   -  take memory of this VM      +  give it back",
		"[brume]   c  counters of node and VM     t  last records of the trace",
		"[brume]   d  devices of the machine      Ctrl-]  the key itself",
		"[brume]   q  power off the node",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		screen_line(&m->screen, lines[i], strlen(lines[i]));
	}
}

static const char *state_name(enum node_vm_state state)
{
	switch (state) {
	case NODE_VM_RUNNING: return "running";
	case NODE_VM_ENDED:   return "ending";
	default:              return "off";
	}
}

static bool is_there(const struct mux *m, int number)
{
	return mux_state(m, number) != NODE_VM_NONE;
}

/* Where a VM runs, if it may not run everywhere, and of which nodes its memory is, if there are several. */
static void print_place(struct mux *m, const struct node_vm *vm)
{
	char list[CPU_LIST_TEXT], text[256];
	size_t len = 0;

	if (vm->cpus) {
		len += fmt_print(text, sizeof(text), ", cpus %s", cpu_list_print(vm->cpus, list));
	}
	for (uint32_t i = 0; m->status->numa_count > 1 && i < m->status->numa_count; i++) {
		if (vm->node_memory[i] && len < sizeof(text)) {
			len += fmt_print(text + len, sizeof(text) - len, ", %llu MiB of node %u",
					 (unsigned long long)(vm->node_memory[i] >> 20), (unsigned)m->status->numa[i].id);
		}
	}
	if (len) {
		screen_print(&m->screen, "[brume]     %s: %s", vm->name, text + 2);
	}
}

static void print_vcpus(struct mux *m, const struct node_vm *vm)
{
	char list[CPU_LIST_TEXT], text[CONF_VCPUS_MAX * (CPU_LIST_TEXT + 16)];
	size_t len = 0;

	for (unsigned i = 0; i < CONF_VCPUS_MAX; i++) {
		if (vm->vcpu_cpus[i]) {
			len += fmt_print(text + len, sizeof(text) - len, ", vcpu %u on %s", i, cpu_list_print(vm->vcpu_cpus[i], list));
		}
	}
	if (len) {
		screen_print(&m->screen, "[brume]     %s: %s", vm->name, text + 2);
	}
}

static void list(struct mux *m)
{
	int count = 0;

	for (int i = 0; i < mux_count(m); i++) {
		const struct node_vm *vm = &m->status->vm[i];

		if (!is_there(m, i)) {
			continue;
		}
		count++;
		screen_print(&m->screen, "[brume] %c%2d %-16.31s %-7s %6llu MiB %u vCPU weight %u %.63s",
			     i == m->selected ? '*' : ' ', i + 1, vm->name, state_name(mux_state(m, i)),
			     (unsigned long long)(vm->memory >> 20), (unsigned)vm->vcpus, (unsigned)vm->weight, vm->note);
		print_place(m, vm);
		print_vcpus(m, vm);
	}
	if (!count) {
		screen_print(&m->screen, "[brume] no VM is configured");
	}
}

static void info(struct mux *m)
{
	int running = 0, count = 0;
	char list[CPU_LIST_TEXT];

	for (int i = 0; i < mux_count(m); i++) {
		running += mux_state(m, i) == NODE_VM_RUNNING;
		count += is_there(m, i);
	}
	screen_print(&m->screen, "[brume] version " NODE_VERSION ", %llu KiB of RAM, %llu KiB free, %d VMs, %d running",
		     (unsigned long long)(m->status->ram_bytes >> 10), (unsigned long long)(m->status->free_bytes >> 10),
		     count, running);
	for (uint32_t i = 0; m->status->numa_count > 1 && i < m->status->numa_count; i++) {
		const struct node_numa *n = &m->status->numa[i];

		screen_print(&m->screen, "[brume] node %u: cpus %s, %llu KiB of RAM, %llu KiB free", (unsigned)n->id,
			     cpu_list_print(n->cpus, list), (unsigned long long)(n->total_bytes >> 10),
			     (unsigned long long)(n->free_bytes >> 10));
	}
}

/* Without an IOMMU a device, and so its driver, reaches all memory: the operator shall know. */
static void devices(struct mux *m)
{
	uint32_t count = m->status->device_count;

	screen_print(&m->screen, "[brume] %u PCI functions; drivers are trusted with all memory", (unsigned)count);
	for (uint32_t i = 0; i < count && i < NODE_DEVICES_MAX; i++) {
		const struct node_device *d = &m->status->device[i];

		screen_print(&m->screen, "[brume] %.15s %04x:%04x class %04x %.41s", d->place, (unsigned)d->vendor, (unsigned)d->device,
			     (unsigned)d->kind, d->owner[0] ? d->owner : "-");
	}
}

static void command(struct mux *m, enum node_op op)
{
	struct node_command c = { .op = op, .vm = (uint32_t)m->selected };

	if ((m->selected < 0 || !is_there(m, m->selected)) && op < NODE_COUNTERS) {
		screen_print(&m->screen, "[brume] no VM is on the screen");
		return;
	}
	if (!channel_write_all(&m->command, &c, sizeof(c))) {
		screen_print(&m->screen, "[brume] init does not answer");
		return;
	}
	m->signal_init = true;
}

/* The next VM in that direction, around the end. */
static void move(struct mux *m, int by)
{
	int count = mux_count(m), to = m->selected < 0 ? (by > 0 ? count - 1 : 0) : m->selected;

	for (int i = 0; i < count; i++) {
		to = (to + count + by) % count;
		if (is_there(m, to)) {
			mux_select(m, to);
			return;
		}
	}
}

static void by_number(struct mux *m, int number)
{
	if (number >= mux_count(m) || !is_there(m, number)) {
		screen_print(&m->screen, "[brume] there is no VM %d (Ctrl-] l lists them)", number + 1);
		return;
	}
	mux_select(m, number);
}

void mux_key(struct mux *m, uint8_t key)
{
	switch (key) {
	case '?':  help(m); break;
	case 'l':  list(m); break;
	case 'n':  move(m, 1); break;
	case 'N':  move(m, -1); break;
	case 'i':  info(m); break;
	case 'd':  devices(m); break;
	case 'p':  command(m, NODE_POWER_BUTTON); break;
	case 'k':  command(m, NODE_KILL); break;
	case 's':  command(m, NODE_START); break;
	case '-':  command(m, NODE_TAKE_MEMORY); break;
	case '+':  command(m, NODE_GIVE_MEMORY); break;
	case 'c':  command(m, NODE_COUNTERS); break;
	case 't':  command(m, NODE_TRACE); break;
	case 'q':  command(m, NODE_POWER_OFF); break;
	case 0x1d: mux_type(m, &key, 1); break;
	default:
		if (key >= '1' && key <= '9') {
			by_number(m, key - '1');
		} else {
			screen_print(&m->screen, "[brume] no such key (Ctrl-] ? for keys)");
		}
		break;
	}
}
