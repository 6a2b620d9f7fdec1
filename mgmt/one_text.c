/* SPDX-License-Identifier: Apache-2.0 */
/* What was read of a request, as a VM's text: see one_plan.h. The grammar is that of docs/configuration.md. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/one_plan.h"

/* ---- the text ---- */

static void put(struct one_vm *vm, const char *format, ...) PRINTF_LIKE(2, 3);

/* Sets text_bytes beyond what text holds if there is no room; so it stays. */
static void put(struct one_vm *vm, const char *format, ...)
{
	size_t room = sizeof(vm->text) - (vm->text_bytes < sizeof(vm->text) ? vm->text_bytes : sizeof(vm->text));
	va_list args;
	int n;

	if (!room) {
		return;
	}
	va_start(args, format);
	n = vsnprintf(vm->text + vm->text_bytes, room, format, args);
	va_end(args);
	vm->text_bytes = n < 0 || (size_t)n >= room ? (uint32_t)sizeof(vm->text) : vm->text_bytes + (uint32_t)n;
}

/* In double quotes, so that nothing in it ends the value, the line, or begins a comment. It holds printable ASCII only. */
static void put_quoted(struct one_vm *vm, const char *value)
{
	for (; *value; value++) {
		put(vm, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
	}
}

/* ---- disks ---- */

/*
 * A guest calls its disks vda, vdb and so on in the order in which they stand: those for data by the prefix of TARGET and its letters, then CD-ROMs,
 * but for those that fill a letter that is left out, then the context.
 */
static int compare_disks(const void *left, const void *right)
{
	const struct one_disk *a = left, *b = right;
	size_t la = strlen(a->target), lb = strlen(b->target);

	if (a->context != b->context) {
		return a->context ? 1 : -1;
	}
	if (a->cdrom != b->cdrom) {
		return a->cdrom ? 1 : -1;
	}
	if (a->bus != b->bus) {
		return a->bus < b->bus ? -1 : 1;
	}
	if (la != lb) {
		return la < lb ? -1 : 1;
	}
	if (strcmp(a->target, b->target) != 0) {
		return strcmp(a->target, b->target);
	}
	return a->id < b->id ? -1 : a->id > b->id;
}

/* By its letter; -1: it has none, or several. */
static int place_of(const struct one_disk *disk)
{
	return strlen(disk->target) == 3 ? disk->target[2] - 'a' : -1;
}

static void arrange_disks(struct one_plan *p)
{
	struct one_disk sorted[ONE_DISKS_MAX + 1];
	uint32_t data = 0, next = 0, filler;

	qsort(p->disk, p->disk_count, sizeof(p->disk[0]), compare_disks);
	memcpy(sorted, p->disk, sizeof(sorted));
	while (data < p->disk_count && !sorted[data].cdrom && !sorted[data].context) {
		data++;
	}
	filler = data;
	for (uint32_t i = 0; i < data; i++) {
		while (filler < p->disk_count && sorted[filler].cdrom && place_of(&sorted[i]) > (int)next) {
			p->disk[next++] = sorted[filler++];
		}
		p->disk[next++] = sorted[i];
	}
	while (filler < p->disk_count) {
		p->disk[next++] = sorted[filler++];
	}
}

static void name_disk(struct one_vm *vm, const char *format, ...) PRINTF_LIKE(2, 3);
static void name_disk(struct one_vm *vm, const char *format, ...)
{
	va_list args;

	if (vm->disk_count < ONE_DISKS_MAX) {
		va_start(args, format);
		vsnprintf(vm->disk[vm->disk_count++], sizeof(vm->disk[0]), format, args);
		va_end(args);
	}
}

static void name_disks(const struct one_plan *p, struct one_vm *vm)
{
	name_disk(vm, "one-%u-%u-kernel", p->datastore, p->id);
	name_disk(vm, "one-%u-%u-initrd", p->datastore, p->id);
	for (uint32_t i = 0; i < p->disk_count; i++) {
		if (p->disk[i].id != UINT32_MAX) {
			name_disk(vm, "one-%u-%u-disk.%u", p->datastore, p->id, p->disk[i].id);
		}
	}
}

static void check_disks(struct one_plan *p)
{
	if (p->disk_count > CONF_DISKS_MAX) {
		one_plan_refuse(p, "DISK: more than %d disks, the context among them", CONF_DISKS_MAX);
	}
	for (uint32_t i = 0; i < p->disk_count; i++) {
		if (p->disk[i].id == UINT32_MAX) {
			one_plan_refuse(p, "%s: one has no DISK_ID", p->disk[i].context ? "CONTEXT" : "DISK");
		}
		for (uint32_t k = 0; k < i; k++) {
			if (p->disk[k].id == p->disk[i].id) {
				one_plan_refuse(p, "DISK: two have the DISK_ID %u", p->disk[i].id);
			}
		}
	}
}

static void put_disks(const struct one_plan *p, struct one_vm *vm)
{
	for (uint32_t i = 0; i < p->disk_count; i++) {
		put(vm, "disk one-%u-%u-disk.%u%s\n", p->datastore, p->id, p->disk[i].id, p->disk[i].read_only ? " ro" : "");
	}
}

/* ---- the command line ---- */

/* sda1 of OS/ROOT: the number of the disk with that TARGET; the digits begin at *rest. -1: none. */
static int root_disk(const struct one_plan *p, const char *root, const char **rest)
{
	for (uint32_t i = 0; i < p->disk_count; i++) {
		size_t len = strlen(p->disk[i].target);

		if (len && strncmp(root, p->disk[i].target, len) == 0 && strspn(root + len, "0123456789") == strlen(root + len)) {
			*rest = root + len;
			return (int)i;
		}
	}
	return -1;
}

static void put_cmdline(struct one_plan *p, struct one_vm *vm)
{
	const char *root = strncmp(p->root, "/dev/", 5) == 0 ? p->root + 5 : p->root, *rest = "";
	char first[ONE_ROOT_MAX + 16] = "";
	int disk = root_disk(p, root, &rest);

	if (disk >= 0) {
		snprintf(first, sizeof(first), "root=/dev/vd%c%s ", 'a' + disk, rest);
	} else if (*root) {
		snprintf(first, sizeof(first), "root=%s%s ", strchr(root, '=') ? "" : "/dev/", root);
	}
	if (strlen(first) + strlen(p->cmdline) >= CONF_CMDLINE_MAX) {
		one_plan_refuse(p, "OS/KERNEL_CMD: with OS/ROOT longer than %d bytes", CONF_CMDLINE_MAX - 1);
	}
	if (*first || *p->cmdline) {
		put(vm, "cmdline \"");
		put_quoted(vm, first);
		put_quoted(vm, p->cmdline);
		put(vm, "\"\n");
	}
}

/* ---- processors ---- */

static void put_list(struct one_vm *vm, uint32_t mask)
{
	const char *comma = "";

	for (unsigned cpu = 0; cpu < CONF_CPUS_MAX; cpu++) {
		if (mask & 1u << cpu) {
			put(vm, "%s%u", comma, cpu);
			comma = ",";
		}
	}
	put(vm, "\n");
}

static uint32_t mask_of(const struct one_node *n)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < n->cpu_count; i++) {
		mask |= 1u << n->cpu[i];
	}
	return mask;
}

/* Virtual CPUs from number `first` on. */
static void put_node(struct one_plan *p, struct one_vm *vm, const struct one_node *n, uint32_t first)
{
	if (p->pins && n->cpu_count < n->count) {
		one_plan_refuse(p, "NUMA_NODE/CPUS: fewer processors than TOTAL_CPUS says");
		return;
	}
	for (uint32_t i = 0; i < n->count; i++) {
		put(vm, "vcpu %u cpus ", first + i);
		put_list(vm, p->pins ? 1u << n->cpu[i] : mask_of(n));
	}
}

static void put_cpus(struct one_plan *p, struct one_vm *vm)
{
	uint32_t all = 0, first = 0;

	for (uint32_t i = 0; i < p->node_count; i++) {
		all |= p->numa[i].count ? mask_of(&p->numa[i]) : 0;
	}
	if (!all) {
		return;
	}
	put(vm, "cpus ");
	put_list(vm, all);
	for (uint32_t i = 0; i < p->node_count; i++) {
		if (p->numa[i].cpu_count) {
			put_node(p, vm, &p->numa[i], first);
		}
		first += p->numa[i].count;
	}
	if (first > (p->vcpus ? p->vcpus : 1)) {
		one_plan_refuse(p, "NUMA_NODE/TOTAL_CPUS: more than VCPU says");
	}
}

/* ---- cards ---- */

static const struct conf_bridge *find_bridge(const struct conf_node *node, const char *name)
{
	for (uint32_t i = 0; i < node->bridge_count && i < CONF_BRIDGES_MAX && *name; i++) {
		if (strcmp(node->bridge[i].name, name) == 0) {
			return &node->bridge[i];
		}
	}
	return NULL;
}

/* Without any line of the node's all bridges are the switch `default`, but for one VM that tells two of them apart. */
static const char *switch_of(struct one_plan *p, const struct one_nic *nic)
{
	const struct conf_bridge *b = find_bridge(p->node, nic->bridge);

	b = b ? b : find_bridge(p->node, nic->phydev);
	b = b ? b : find_bridge(p->node, "*");
	if (b) {
		return b->net;
	}
	if (p->node->bridge_count) {
		one_plan_refuse(p, "NIC/BRIDGE=%s: the node's configuration has no `node bridge` line for it", nic->bridge);
	} else if (strcmp(nic->bridge, p->nic[0].bridge) != 0) {
		one_plan_refuse(p, "NIC/BRIDGE=%s and %s would be one network: the node's configuration has no `node bridge` lines", p->nic[0].bridge,
				nic->bridge);
	}
	return "default";
}

/* OpenNebula lets pass what any rule of any group of the card allows. */
static void check_groups(struct one_plan *p, const struct one_nic *nic)
{
	bool in = !nic->group_count, out = in;
	char names[64] = "";
	size_t len = 0;

	for (uint32_t g = 0; g < nic->group_count; g++) {
		for (uint32_t i = 0; i < p->rule_count && i < ONE_RULES_MAX; i++) {
			const struct one_rule *rule = &p->rule[i];
			bool all = rule->group == nic->group[g] && rule->all && !rule->narrow;

			in = in || (all && rule->in);
			out = out || (all && rule->out);
		}
		if (len < sizeof(names) - 12) {
			len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%u", g ? "," : "", nic->group[g]);
		}
	}
	if (!in || !out) {
		one_plan_refuse(p, "NIC/SECURITY_GROUPS=%s: do not allow all packets %s, and the node's switch does not filter yet", names,
				in ? "out" : "in");
	}
}

static void check_mac(struct one_plan *p, uint32_t number)
{
	const struct one_nic *n = &p->nic[number];

	for (uint32_t i = 0; i < number; i++) {
		if (n->has_mac && p->nic[i].has_mac && memcmp(n->mac, p->nic[i].mac, sizeof(n->mac)) == 0) {
			one_plan_refuse(p, "NIC/MAC: two cards have the same");
		}
	}
}

static void put_nics(struct one_plan *p, struct one_vm *vm)
{
	if (p->nic_count > CONF_NICS_MAX) {
		one_plan_refuse(p, "NIC: more than %d cards", CONF_NICS_MAX);
		return;
	}
	for (uint32_t i = 0; i < p->nic_count; i++) {
		const struct one_nic *n = &p->nic[i];

		check_groups(p, n);
		check_mac(p, i);
		put(vm, "nic switch %s", switch_of(p, n));
		if (n->has_mac) {
			put(vm, " mac %02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5]);
		}
		put(vm, "\n");
	}
}

/* ---- all ---- */

static void check_machine(struct one_plan *p)
{
	if (!p->kernel) {
		one_plan_refuse(p, "booting from a disk needs firmware, which this node does not have yet: give OS/KERNEL");
	}
	if (!p->memory_mb) {
		one_plan_refuse(p, "there is no MEMORY");
	}
	if (p->memory_max_mb && p->memory_max_mb != p->memory_mb) {
		one_plan_refuse(p, "MEMORY_MAX: memory is not plugged while a VM runs; it must be as MEMORY");
	}
	if (p->vcpus_max && p->vcpus_max != (p->vcpus ? p->vcpus : 1)) {
		one_plan_refuse(p, "VCPU_MAX: CPUs are not plugged while a VM runs; it must be as VCPU");
	}
	if (p->vnc && !p->vnc_port) {
		one_plan_refuse(p, "GRAPHICS: there is no PORT");
	}
}

static void put_vm(struct one_plan *p, struct one_vm *vm)
{
	put(vm, "vm one-%u\nmemory %lluM\nvcpus %u\nweight %u\n", p->id, (unsigned long long)p->memory_mb, p->vcpus ? p->vcpus : 1,
	    p->weight ? p->weight : 100);
	put(vm, "kernel one-%u-%u-kernel\n", p->datastore, p->id);
	if (p->initrd) {
		put(vm, "initrd one-%u-%u-initrd\n", p->datastore, p->id);
	}
	if (*p->uuid) {
		put(vm, "uuid %s\n", p->uuid);
	}
	put_cmdline(p, vm);
	put_cpus(p, vm);
	put_disks(p, vm);
	put_nics(p, vm);
	put(vm, "on-reboot restart\nautostart no\n");
	if (vm->text_bytes >= sizeof(vm->text)) {
		one_plan_refuse(p, "the VM's text would be longer than %u bytes", (unsigned)sizeof(vm->text) - 1);
	}
}

int one_plan_write(struct one_plan *p, struct one_vm *vm)
{
	if (p->id == UINT32_MAX || p->datastore == UINT32_MAX) {
		snprintf(p->why, sizeof(p->why), "%s", p->id == UINT32_MAX ? "there is no VM/ID" : "there is no DS_ID in a HISTORY");
		return E_PROTO;
	}
	arrange_disks(p);
	vm->id = p->id;
	vm->datastore = p->datastore;
	memcpy(vm->deploy_id, p->deploy_id, sizeof(vm->deploy_id));
	name_disks(p, vm);
	if (!p->deploy) {
		return OK;
	}
	check_machine(p);
	check_disks(p);
	if (!p->why[0]) {
		put_vm(p, vm);
	}
	if (p->why[0]) {
		vm->text_bytes = 0;
		return E_INVAL;
	}
	vm->vnc = p->vnc;
	vm->vnc_port = (uint16_t)p->vnc_port;
	memcpy(vm->vnc_password, p->vnc_password, sizeof(vm->vnc_password));
	return OK;
}
