/* SPDX-License-Identifier: Apache-2.0 */
/* Texts for monitord: see one_monitor.h. */
#include "mgmt/one_monitor.h"

#include <mbedtls/base64.h>
#include <stdio.h>
#include <string.h>

#include "console/node.h"
#include "mgmt/clock.h"
#include "mgmt/link.h"
#include "mgmt/node.h"
#include "mgmt/one_cpu.h"
#include "mgmt/one_table.h"
#include "mgmt/platform.h"

#define S           1000000000ull
#define APART_NS    (10 * S)             /* between two samples */
#define NUMBER(n)   ((unsigned long long)(n))

#define VM_COST     MIB(9)               /* of a VM with 8 processors, 4 cards and a context, beside its memory */
#define VM_TABLES   32768                /* bytes of memory for one of its page tables               */
#define VM_USUAL    MIB(256)             /* no smaller VMs are expected in great number              */

enum { KIB_SHIFT = 10, MIB_SHIFT = 20, MONITOR_MAX = 2048 };

/* ---- shares of processors ---- */

struct sample {
	uint64_t uptime_ns;          /* 0: not taken yet                                             */
	uint64_t idle_ns;
	struct { uint32_t id, starts; uint64_t cpu_ns; } vm[CONF_VMS_MAX];
};

static struct sample older, newer;
static const struct sample at_boot;

void one_monitor_sample(void)
{
	const struct mgmt_status *s = platform_status();

	if (newer.uptime_ns && s->uptime_ns < newer.uptime_ns + APART_NS) {
		return;
	}
	older = newer;
	newer = (struct sample){ .uptime_ns = s->uptime_ns, .idle_ns = s->idle_ns };
	for (uint32_t i = 0; i < CONF_VMS_MAX; i++) {
		const struct node_vm *vm = &platform_node()->vm[i];

		newer.vm[i].id = vm->id;
		newer.vm[i].starts = vm->starts;
		newer.vm[i].cpu_ns = s->vm[i].cpu_ns;
	}
}

/* What part of is used in hundredths of a processor's time; beyond that time does not count. */
static uint64_t percent(uint64_t used_ns, uint64_t time_ns)
{
	return time_ns ? (used_ns * 100 + time_ns / 2) / time_ns : 0;
}

/* Of all processors together, 100 each; since boot where there is no sample yet. */
static uint64_t used_cpu(void)
{
	const struct mgmt_status *s = platform_status();
	const struct sample *from = older.uptime_ns ? &older : &newer;
	uint64_t time, idle;

	if (s->uptime_ns < from->uptime_ns + S) {
		from = &at_boot;
	}
	time = s->uptime_ns - from->uptime_ns;
	idle = s->idle_ns - from->idle_ns;
	return time * s->cpus > idle ? percent(time * s->cpus - idle, time) : 0;
}

/* Of VM number i, or -1: it is not known yet. */
static int64_t vm_cpu(uint32_t i)
{
	const struct mgmt_status *s = platform_status();
	const struct node_vm *vm = &platform_node()->vm[i];
	const struct sample *from = older.uptime_ns ? &older : &newer;
	uint64_t before = from->vm[i].id == vm->id && from->vm[i].starts == vm->starts ? from->vm[i].cpu_ns : 0;

	if (!from->uptime_ns || s->uptime_ns < from->uptime_ns + S || s->vm[i].cpu_ns < before) {
		return -1;
	}
	return (int64_t)percent(s->vm[i].cpu_ns - before, s->uptime_ns - from->uptime_ns);
}

/* ---- memory ---- */

static uint64_t vm_memory(const struct node_vm *vm)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < NODE_NODES_MAX && one_vm_state(vm) == NODE_VM_RUNNING; i++) {
		bytes += vm->node_memory[i];
	}
	return bytes;
}

static uint64_t used_memory(void)
{
	const struct node_status *node = platform_node();
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < node->vm_count && i < CONF_VMS_MAX; i++) {
		bytes += vm_memory(&node->vm[i]);
	}
	return bytes;
}

/* How many more VMs a front-end can describe. */
static uint32_t vms_to_come(void)
{
	const struct node_status *node = platform_node();
	uint32_t left = MGMT_ONE_VMS;

	for (uint32_t i = 0; i < node->vm_count && i < CONF_VMS_MAX; i++) {
		left -= left && one_vm_state(&node->vm[i]) != NODE_VM_NONE && node->vm[i].id > platform_status()->configured;
	}
	return left;
}

/*
 * What VMs could have yet. OpenNebula takes from TOTALMEMORY what its templates say and nothing else, so what VMs cost beside that is kept back
 * here, for as many as it may place before it is told again. Whole MiB.
 */
static uint64_t memory_for_vms(void)
{
	uint64_t bytes = platform_node()->free_bytes, left = vms_to_come(), usual = bytes / VM_USUAL + 1;
	uint64_t costs = (left < usual ? left : usual) * VM_COST + bytes / VM_TABLES;

	return left && bytes > costs ? (bytes - costs) & ~(MIB(1) - 1) : 0;
}

static bool exists(const struct mgmt_disk *disk)
{
	return __atomic_load_n(&disk->exists, __ATOMIC_ACQUIRE);
}

/* By images, and by what is set aside for disks. */
static uint64_t used_by_volumes(void)
{
	const struct mgmt_volumes *volumes = platform_volumes();
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < MGMT_VOLUMES; i++) {
		bytes += volumes->volume[i].state != MGMT_VOLUME_NONE ? volumes->volume[i].size : 0;
	}
	for (uint32_t i = 0; i < MGMT_DISKS; i++) {
		const struct mgmt_disk *d = &platform_disks()->disk[i];

		bytes += exists(d) && !(d->flags & MGMT_DISK_READ_ONLY) ? d->size : 0;
	}
	return bytes;
}

/* ---- the host ---- */

static void put_cores(struct text *t, const struct node_numa *numa)
{
	for (uint32_t cpu = 0; cpu < 32; cpu++) {
		if (numa->cpus >> cpu & 1) {
			text_printf(t, "CORE = [ NODE_ID=\"%u\", ID=\"%u\", CPUS=\"%u\" ]\n", (unsigned)numa->id, (unsigned)cpu, (unsigned)cpu);
		}
	}
}

static uint32_t numa_count(void)
{
	uint32_t count = platform_node()->numa_count;

	return count < NODE_NODES_MAX ? count : NODE_NODES_MAX;
}

/* Nodes from the nearest on: its own, then the others. */
static void put_nodes(struct text *t)
{
	const struct node_status *node = platform_node();

	for (uint32_t i = 0; i < numa_count(); i++) {
		put_cores(t, &node->numa[i]);
		text_printf(t, "MEMORY_NODE = [ NODE_ID=\"%u\", TOTAL=\"%llu\", DISTANCE=\"%u", (unsigned)node->numa[i].id,
			    NUMBER(node->numa[i].total_bytes >> KIB_SHIFT), (unsigned)node->numa[i].id);
		for (uint32_t k = 0; k < numa_count(); k++) {
			if (k != i) {
				text_printf(t, " %u", (unsigned)node->numa[k].id);
			}
		}
		text_printf(t, "\" ]\n");
	}
}

/* VMs that are not OpenNebula's. Never as one-N: it would take them for its own. */
static void put_wilds(struct text *t)
{
	const struct node_status *node = platform_node();

	for (uint32_t i = 0; i < node->vm_count && i < CONF_VMS_MAX; i++) {
		const struct node_vm *vm = &node->vm[i];

		if (one_vm_state(vm) != NODE_VM_NONE && one_vm_number(vm->name) < 0) {
			text_printf(t, "VM = [ ID=\"-1\", DEPLOY_ID=\"%.31s\", VM_NAME=\"%.31s\" ]\n", vm->name, vm->name);
		}
	}
}

void one_put_system_host(struct text *t)
{
	uint64_t free_bytes = platform_volumes()->free_bytes, used = used_by_volumes();
	struct one_cpu cpu;

	one_cpu_describe(one_cpuid, &cpu);
	text_printf(t, "HYPERVISOR=brume\nARCH=x86_64\nHOSTNAME=\"%.31s\"\nMODELNAME=\"%s\"\nCPUSPEED=%u\n", platform_status()->node.name,
		    cpu.brand, platform_cpu_mhz());
	text_printf(t, "TOTALCPU=%u\nTOTALMEMORY=%llu\nBRUME_VERSION=\"%s\"\n", (unsigned)platform_status()->cpus * 100,
		    NUMBER((used_memory() + memory_for_vms()) >> KIB_SHIFT), NODE_VERSION);
	text_printf(t, "DS_LOCATION_TOTAL_MB=%llu\nDS_LOCATION_FREE_MB=%llu\nDS_LOCATION_USED_MB=%llu\n",
		    NUMBER((free_bytes + used) >> MIB_SHIFT), NUMBER(free_bytes >> MIB_SHIFT), NUMBER(used >> MIB_SHIFT));
	text_printf(t, "KVM_CPU_MODEL=\"%s\"\n", cpu.model);
	text_printf(t, "KVM_CPU_FEATURES=\"");
	text_append(t, cpu.features, strlen(cpu.features));
	text_append(t, "\"\n", 2);
	put_nodes(t);
	put_wilds(t);
}

void one_put_monitor_host(struct text *t)
{
	const struct node_status *node = platform_node();
	uint64_t all = platform_status()->cpus * 100ull, used = used_cpu();

	used = used < all ? used : all;
	text_printf(t, "USEDCPU=%llu\nFREECPU=%llu\n", NUMBER(used), NUMBER(all - used));
	text_printf(t, "USEDMEMORY=%llu\nFREEMEMORY=%llu\n", NUMBER(used_memory() >> KIB_SHIFT),
		    NUMBER(memory_for_vms() >> KIB_SHIFT));
	text_printf(t, "NETRX=%llu\nNETTX=%llu\n", NUMBER(link_counters.in_bytes), NUMBER(link_counters.out_bytes));
	for (uint32_t i = 0; i < numa_count(); i++) {
		const struct node_numa *n = &node->numa[i];

		text_printf(t, "MEMORY_NODE = [ NODE_ID=\"%u\", FREE=\"%llu\", USED=\"%llu\" ]\n", (unsigned)n->id,
			    NUMBER(n->free_bytes >> KIB_SHIFT), NUMBER((n->total_bytes - n->free_bytes) >> KIB_SHIFT));
	}
}

/* ---- VMs ---- */

/* OpenNebula's number of the node's VM number i if it has one, or -1. */
static int64_t number_of(uint32_t i)
{
	const struct node_vm *vm = &platform_node()->vm[i];
	int64_t number = one_vm_state(vm) == NODE_VM_NONE ? -1 : one_vm_number(vm->name);

	return number >= 0 && one_node_vm((uint32_t)number) == vm ? number : -1;
}

static void put_state(struct text *t, uint32_t vm, const char *state)
{
	text_printf(t, "VM = [ ID=\"%u\", DEPLOY_ID=\"one-%u\", STATE=\"%s\" ]\n", (unsigned)vm, (unsigned)vm, state);
}

/* A VM that has ended and may start again is not off yet; one that nobody saw run is nothing. */
void one_put_state_vm(struct text *t)
{
	const struct node_status *node = platform_node();

	for (uint32_t i = 0; i < node->vm_count && i < CONF_VMS_MAX; i++) {
		int64_t number = number_of(i);
		uint32_t state = one_vm_state(&node->vm[i]);

		if (number >= 0 && (state == NODE_VM_RUNNING || state == NODE_VM_ENDED || one_vm_comes_back((uint32_t)number))) {
			put_state(t, (uint32_t)number, "RUNNING");
		}
	}
	for (uint32_t i = 0; i < MGMT_ONE_VMS; i++) {
		const struct mgmt_one_vm *kept = &platform_one()->vm[i];

		if (kept->used && one_vm_went_off(kept)) {
			put_state(t, kept->vm, "POWEROFF");
		}
	}
}

/* What its disks hold beyond their images, in MiB. */
static void put_disks(struct text *t, uint32_t vm)
{
	const struct mgmt_one_vm *kept = one_table_vm(vm);
	char prefix[CONF_NAME_MAX + 16];
	int len = snprintf(prefix, sizeof(prefix), "one-%u-%u-disk.", kept ? (unsigned)kept->datastore : 0, (unsigned)vm);

	for (uint32_t i = 0; kept && i < MGMT_DISKS; i++) {
		const struct mgmt_disk *d = &platform_disks()->disk[i];
		const char *digits = d->name + len;

		if (exists(d) && strncmp(d->name, prefix, (size_t)len) == 0 && digits[0] && strspn(digits, "0123456789") == strlen(digits)) {
			text_printf(t, "DISK_SIZE=[ID=%.9s,SIZE=%llu]\n", digits, NUMBER((d->used + MIB(1) - 1) >> MIB_SHIFT));
		}
	}
}

/* What its cards have taken and sent since it started. */
static void put_cards(struct text *t, const struct mgmt_vm *vm)
{
	uint64_t received = 0, sent = 0;

	for (uint32_t i = 0; i < vm->nic_count && i < CONF_NICS_MAX; i++) {
		received += vm->nic[i].received_bytes;
		sent += vm->nic[i].sent_bytes;
	}
	if (vm->nic_count) {
		text_printf(t, "NETRX=\"%llu\"\nNETTX=\"%llu\"\n", NUMBER(received), NUMBER(sent));
	}
}

/* What its guest has read and written since it started, of all disks together. */
static void put_disk_io(struct text *t, const struct mgmt_vm *vm)
{
	struct disk_io sum = { 0 };

	for (uint32_t i = 0; i < vm->disk_count && i < CONF_DISKS_MAX; i++) {
		sum.read_requests += vm->disk_io[i].read_requests;
		sum.read_bytes += vm->disk_io[i].read_bytes;
		sum.write_requests += vm->disk_io[i].write_requests;
		sum.write_bytes += vm->disk_io[i].write_bytes;
	}
	if (vm->disk_count) {
		text_printf(t, "DISKRDBYTES=\"%llu\"\nDISKWRBYTES=\"%llu\"\n", NUMBER(sum.read_bytes), NUMBER(sum.write_bytes));
		text_printf(t, "DISKRDIOPS=\"%llu\"\nDISKWRIOPS=\"%llu\"\n", NUMBER(sum.read_requests), NUMBER(sum.write_requests));
	}
}

static void put_numbers(struct text *t, uint32_t i, uint32_t vm)
{
	int64_t cpu = vm_cpu(i);

	if (cpu >= 0) {
		text_printf(t, "CPU=\"%lld\"\n", (long long)cpu);
	}
	text_printf(t, "MEMORY=\"%llu\"\n", NUMBER(vm_memory(&platform_node()->vm[i]) >> KIB_SHIFT));
	put_cards(t, &platform_status()->vm[i]);
	put_disk_io(t, &platform_status()->vm[i]);
	put_disks(t, vm);
}

void one_put_monitor_vm(struct text *t)
{
	const struct node_status *node = platform_node();

	for (uint32_t i = 0; i < node->vm_count && i < CONF_VMS_MAX; i++) {
		int64_t number = number_of(i);
		uint8_t coded[MONITOR_MAX];
		struct text numbers = { 0 };
		size_t len = 0;

		if (number < 0 || one_vm_state(&node->vm[i]) != NODE_VM_RUNNING) {
			continue;
		}
		put_numbers(&numbers, i, (uint32_t)number);
		if (!numbers.failed &&
		    mbedtls_base64_encode(coded, sizeof(coded), &len, (const uint8_t *)numbers.at, numbers.len) == 0) {
			text_printf(t, "VM = [ ID=\"%lld\", DEPLOY_ID=\"one-%lld\", MONITOR=\"", (long long)number, (long long)number);
			text_append(t, (const char *)coded, len);
			text_append(t, "\" ]\n", 4);
		}
		text_free(&numbers);
	}
}

/* ---- the route ---- */

static const struct {
	const char *kind;
	void (*put)(struct text *t);
} kinds[] = {
	{ "system_host", one_put_system_host },
	{ "monitor_host", one_put_monitor_host },
	{ "state_vm", one_put_state_vm },
	{ "monitor_vm", one_put_monitor_vm },
};

void one_monitor_ask(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_REFRESH };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].kind, e->name) != 0) {
			continue;
		}
		r = platform_node()->magic == NODE_MAGIC ? platform_ask(&command, NULL) : E_AGAIN;
		if (r < 0) {
			exchange_refuse(e, 503, "it cannot be told at the moment");
			return;
		}
		e->asked = (uint32_t)r;
		e->awaited = (int)i;
		e->waits = true;
		return;
	}
	exchange_refuse(e, 404, "there is no such message");
}

void one_monitor_poll(struct exchange *e)
{
	struct mgmt_answer answer;

	if (!exchange_hear(e, &answer)) {
		return;
	}
	e->status = 200;
	e->type = "text/plain";
	one_monitor_sample();
	kinds[e->awaited].put(&e->reply);
	text_printf(&e->headers, "X-Time: %llu\r\n", NUMBER(clock_is_set() ? clock_wall_ns() / S : 0));
}

void one_monitor_end(struct exchange *e)
{
	if (e->asked) {
		platform_forget(e->asked);
		e->asked = 0;
	}
}
