/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, volumes and metrics: see counter_routes.h. Prometheus' text format 0.0.4. */
#include "mgmt/counter_routes.h"

#include "console/node.h"
#include "mgmt/link.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"
#include "mgmt/session.h"

#define NS_PER_S 1000000000ull

/* The next VM that there is, from number i on; vm_count: none. */
static uint32_t next_vm(uint32_t i)
{
	const struct node_status *node = platform_node();

	while (i < node->vm_count && __atomic_load_n(&node->vm[i].state, __ATOMIC_ACQUIRE) == NODE_VM_NONE) {
		i++;
	}
	return i;
}

static uint32_t count_vms(void)
{
	uint32_t n = 0;

	for (uint32_t i = next_vm(0); i < platform_node()->vm_count; i = next_vm(i + 1)) {
		n++;
	}
	return n;
}

void counters_ask(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_REFRESH };
	int r = platform_ask(&command, NULL);

	if (r < 0) {
		exchange_refuse(e, 503, "too much is asked for at once");
		return;
	}
	e->asked = (uint32_t)r;
	e->waits = true;
}

void counters_end(struct exchange *e)
{
	if (e->asked) {
		platform_forget(e->asked);
		e->asked = 0;
	}
}

static bool has_come(struct exchange *e)
{
	struct mgmt_answer answer;

	if (!exchange_hear(e, &answer)) {
		return false;
	}
	e->status = 200;
	return true;
}

/* ---- the node's own counters, by name, for both forms ---- */

static const struct {
	const char *name, *help;
	const uint64_t *value;
} own[] = {
	{ "link_received_frames_total", "Frames that came to the node's port.", &link_counters.in_frames },
	{ "link_received_bytes_total", "Bytes of them.", &link_counters.in_bytes },
	{ "link_received_dropped_total", "Those that were nonsense or found no room.", &link_counters.in_dropped },
	{ "link_sent_frames_total", "Frames that the node sent.", &link_counters.out_frames },
	{ "link_sent_bytes_total", "Bytes of them.", &link_counters.out_bytes },
	{ "link_sent_dropped_total", "Those that found no room.", &link_counters.out_dropped },
	{ "connections_total", "Connections that were accepted.", &session_counters.accepted },
	{ "connections_refused_total", "Connections for which there was no place.", &session_counters.refused },
	{ "handshakes_total", "Clients that showed a good certificate.", &session_counters.handshakes },
	{ "handshake_failures_total", "Clients that did not.", &session_counters.handshake_failures },
	{ "requests_total", "HTTP requests.", &session_counters.requests },
	{ "timeouts_total", "Connections that took too long.", &session_counters.timeouts },
};

/* Of the cards of VMs. */
static const struct {
	const char *name, *help;
	size_t at;
} cards[] = {
	{ "sent_frames", "Frames that the card sent since the VM started.", offsetof(struct mgmt_nic, sent_frames) },
	{ "sent_bytes", "Bytes of them.", offsetof(struct mgmt_nic, sent_bytes) },
	{ "sent_dropped", "Those that were nonsense, or had another card's address.", offsetof(struct mgmt_nic, sent_dropped) },
	{ "received_frames", "Frames that came to the card.", offsetof(struct mgmt_nic, received_frames) },
	{ "received_bytes", "Bytes of them.", offsetof(struct mgmt_nic, received_bytes) },
	{ "received_dropped", "Those that the VM did not take in time.", offsetof(struct mgmt_nic, received_dropped) },
};

static uint64_t of_card(const struct mgmt_vm *vm, uint32_t card, size_t i)
{
	uint64_t value;

	__builtin_memcpy(&value, (const uint8_t *)&vm->nic[card] + cards[i].at, sizeof(value));
	return value;
}

/* Of the disks of VMs. */
static const struct {
	const char *name, *help;
	size_t at;
} disks[] = {
	{ "read_requests", "Requests by which the guest read of the disk since the VM started.", offsetof(struct disk_io, read_requests) },
	{ "read_bytes", "Bytes of them.", offsetof(struct disk_io, read_bytes) },
	{ "write_requests", "Requests by which the guest wrote to the disk.", offsetof(struct disk_io, write_requests) },
	{ "write_bytes", "Bytes of them.", offsetof(struct disk_io, write_bytes) },
};

static uint64_t of_disk(const struct mgmt_vm *vm, uint32_t disk, size_t i)
{
	uint64_t value;

	__builtin_memcpy(&value, (const uint8_t *)&vm->disk_io[disk] + disks[i].at, sizeof(value));
	return value;
}

static uint32_t count_disks(const struct mgmt_vm *vm)
{
	return vm->disk_count < CONF_DISKS_MAX ? vm->disk_count : CONF_DISKS_MAX;
}

static void put_disks(struct text *t, const struct mgmt_vm *vm)
{
	json_open(t, "disks", '[');
	for (uint32_t disk = 0; disk < count_disks(vm); disk++) {
		json_open(t, NULL, '{');
		for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
			json_number(t, disks[i].name, of_disk(vm, disk, i));
		}
		json_close(t, '}');
	}
	json_close(t, ']');
}

static uint32_t count_cards(const struct mgmt_vm *vm)
{
	return vm->nic_count < CONF_NICS_MAX ? vm->nic_count : CONF_NICS_MAX;
}

static void put_cards(struct text *t, const struct mgmt_vm *vm)
{
	json_open(t, "nics", '[');
	for (uint32_t card = 0; card < count_cards(vm); card++) {
		json_open(t, NULL, '{');
		for (size_t i = 0; i < ARRAY_SIZE(cards); i++) {
			json_number(t, cards[i].name, of_card(vm, card, i));
		}
		json_close(t, '}');
	}
	json_close(t, ']');
}

void counters_poll(struct exchange *e)
{
	const struct mgmt_status *s = platform_status();
	const struct node_status *node = platform_node();
	struct text *t = &e->reply;

	if (!has_come(e)) {
		return;
	}
	json_open(t, NULL, '{');
	json_number(t, "uptime_ns", s->uptime_ns);
	json_number(t, "cpus", s->cpus);
	json_number(t, "cpu_idle_ns", s->idle_ns);
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		json_number(t, own[i].name, *own[i].value);
	}
	json_open(t, "vms", '[');
	for (uint32_t i = next_vm(0); i < node->vm_count; i = next_vm(i + 1)) {
		json_open(t, NULL, '{');
		json_string(t, "name", node->vm[i].name);
		json_number(t, "cpu_ns", s->vm[i].cpu_ns);
		put_cards(t, &s->vm[i]);
		put_disks(t, &s->vm[i]);
		json_close(t, '}');
	}
	json_close(t, ']');
	json_close(t, '}');
	text_append(t, "\n", 1);
}

/* ---- metrics ---- */

static void describe(struct text *t, const char *name, const char *kind, const char *help)
{
	text_printf(t, "# HELP brume_%s %s\n# TYPE brume_%s %s\n", name, help, name, kind);
}

static void put(struct text *t, const char *name, const char *kind, const char *help, uint64_t value)
{
	describe(t, name, kind, help);
	text_printf(t, "brume_%s %llu\n", name, (unsigned long long)value);
}

static void put_seconds(struct text *t, uint64_t ns)
{
	text_printf(t, " %llu.%03llu\n", (unsigned long long)(ns / NS_PER_S), (unsigned long long)(ns / 1000000 % 1000));
}

static void put_node(struct text *t)
{
	const struct mgmt_status *s = platform_status();
	const struct node_status *node = platform_node();

	describe(t, "uptime_seconds", "gauge", "Time since the node came up.");
	text_printf(t, "brume_uptime_seconds");
	put_seconds(t, s->uptime_ns);
	put(t, "cpus", "gauge", "Processors that run.", s->cpus);
	describe(t, "cpu_idle_seconds_total", "counter", "Time that processors had nothing to do, all together.");
	text_printf(t, "brume_cpu_idle_seconds_total");
	put_seconds(t, s->idle_ns);
	put(t, "memory_bytes", "gauge", "RAM of the node.", node->ram_bytes);
	put(t, "memory_free_bytes", "gauge", "RAM that no VM and nothing else has.", node->free_bytes);
	put(t, "vms", "gauge", "VMs that the node knows.", count_vms());
	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		put(t, own[i].name, "counter", own[i].help, *own[i].value);
	}
}

static void put_vms(struct text *t)
{
	const struct mgmt_status *s = platform_status();
	const struct node_status *node = platform_node();

	describe(t, "vm_running", "gauge", "1 while the VM runs.");
	for (uint32_t i = next_vm(0); i < node->vm_count; i = next_vm(i + 1)) {
		text_printf(t, "brume_vm_running{vm=\"%.31s\"} %d\n", node->vm[i].name, node->vm[i].state == NODE_VM_RUNNING);
	}
	describe(t, "vm_cpu_seconds_total", "counter", "Processor time of the VM since its start, its devices included.");
	for (uint32_t i = next_vm(0); i < node->vm_count; i = next_vm(i + 1)) {
		text_printf(t, "brume_vm_cpu_seconds_total{vm=\"%.31s\"}", node->vm[i].name);
		put_seconds(t, s->vm[i].cpu_ns);
	}
	describe(t, "vm_memory_configured_bytes", "gauge", "RAM of the VM when it runs.");
	for (uint32_t i = next_vm(0); i < node->vm_count; i = next_vm(i + 1)) {
		text_printf(t, "brume_vm_memory_configured_bytes{vm=\"%.31s\"} %llu\n", node->vm[i].name,
			    (unsigned long long)node->vm[i].memory);
	}
}

static void put_all_cards(struct text *t)
{
	const struct node_status *node = platform_node();

	for (size_t k = 0; k < ARRAY_SIZE(cards); k++) {
		text_printf(t, "# HELP brume_vm_nic_%s_total %s\n# TYPE brume_vm_nic_%s_total counter\n", cards[k].name, cards[k].help,
			    cards[k].name);
		for (uint32_t i = next_vm(0); i < node->vm_count; i = next_vm(i + 1)) {
			const struct mgmt_vm *vm = &platform_status()->vm[i];

			for (uint32_t card = 0; card < count_cards(vm); card++) {
				text_printf(t, "brume_vm_nic_%s_total{vm=\"%.31s\",nic=\"%u\"} %llu\n", cards[k].name, node->vm[i].name,
					    (unsigned)card, (unsigned long long)of_card(vm, card, k));
			}
		}
	}
}

static void put_all_disks(struct text *t)
{
	const struct node_status *node = platform_node();

	for (size_t k = 0; k < ARRAY_SIZE(disks); k++) {
		text_printf(t, "# HELP brume_vm_disk_%s_total %s\n# TYPE brume_vm_disk_%s_total counter\n", disks[k].name, disks[k].help,
			    disks[k].name);
		for (uint32_t i = next_vm(0); i < node->vm_count; i = next_vm(i + 1)) {
			const struct mgmt_vm *vm = &platform_status()->vm[i];

			for (uint32_t disk = 0; disk < count_disks(vm); disk++) {
				text_printf(t, "brume_vm_disk_%s_total{vm=\"%.31s\",disk=\"%u\"} %llu\n", disks[k].name, node->vm[i].name,
					    (unsigned)disk, (unsigned long long)of_disk(vm, disk, k));
			}
		}
	}
}

void metrics_poll(struct exchange *e)
{
	if (has_come(e)) {
		e->type = "text/plain; version=0.0.4";
		put_node(&e->reply);
		put_vms(&e->reply);
		put_all_cards(&e->reply);
		put_all_disks(&e->reply);
	}
}

/* ---- volumes: the disks of the VMs ---- */

static void put_disk(struct text *t, const char *vm, uint32_t number, const struct conf_disk *disk)
{
	json_open(t, NULL, '{');
	json_string(t, "vm", vm);
	json_number(t, "disk", number);
	json_string(t, "image", disk->module);
	json_bool(t, "read_only", disk->read_only != 0);
	json_number(t, "room_bytes", disk->room);
	json_close(t, '}');
}

void volumes_poll(struct exchange *e)
{
	const struct node_status *node = platform_node();

	if (!has_come(e)) {
		return;
	}
	json_open(&e->reply, NULL, '[');
	for (uint32_t i = next_vm(0); i < node->vm_count; i = next_vm(i + 1)) {
		const struct mgmt_vm *vm = &platform_status()->vm[i];

		for (uint32_t k = 0; k < vm->disk_count && k < CONF_DISKS_MAX; k++) {
			put_disk(&e->reply, node->vm[i].name, k, &vm->disk[k]);
		}
	}
	json_close(&e->reply, ']');
	text_append(&e->reply, "\n", 1);
}
