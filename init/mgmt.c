/* SPDX-License-Identifier: Apache-2.0 */
/* init's side of mgmt. The pages outlive the program; what it wrote into them is never believed. */
#include "mgmt/node.h"

#include <string.h>

#include "console/node.h"
#include "init/console.h"
#include "init/control.h"
#include "init/cpus.h"
#include "init/disk.h"
#include "init/events.h"
#include "init/inventory.h"
#include "init/launch.h"
#include "init/log.h"
#include "init/mgmt.h"
#include "init/net.h"
#include "init/rtc.h"
#include "init/server.h"
#include "init/store.h"
#include "init/vm.h"
#include "init/volume.h"
#include "lib/user/sys.h"

enum {
	MGMT_ARENA = 288 << 10,
	ARENA_VOLUME = 2 * PAGE_SIZE + PIECES_MAX * 128,      /* its upper tables and records         */
	ARENA_WINDOW = 12 * PAGE_SIZE,   /* upper tables of image, layer and states, and records        */
	LINE_MAX = 232,
};

#define STATUS_BYTES ALIGN_UP((uint64_t)sizeof(struct mgmt_status), (uint64_t)PAGE_SIZE)
#define EXCHANGE_BYTES ALIGN_UP((uint64_t)sizeof(struct mgmt_exchange), (uint64_t)PAGE_SIZE)
#define DISKS_BYTES ALIGN_UP((uint64_t)sizeof(struct mgmt_disks), (uint64_t)PAGE_SIZE)
#define VOLUMES_BYTES ALIGN_UP((uint64_t)sizeof(struct mgmt_volumes), (uint64_t)PAGE_SIZE)

static struct {
	struct conf_node node;
	struct extent pages;         /* struct mgmt_status, then struct mgmt_exchange; size 0: no mgmt */
	struct extent volumes;       /* struct mgmt_volumes                                          */
	struct extent disks;         /* struct mgmt_disks, and what stands behind it                 */
	uint32_t request;            /* event, paid by init                                          */
	struct channel_end log;
} mgmt;

static const struct server_kind kind;
static struct server server = { .kind = &kind, .start_ns = SERVER_NEVER };

static const char *const module_names[MGMT_MODULES] = MGMT_MODULE_NAMES;

static struct mgmt_status *status(void)
{
	return (struct mgmt_status *)INIT_MGMT_ADDR;
}

static struct mgmt_exchange *exchange(void)
{
	return (struct mgmt_exchange *)(INIT_MGMT_ADDR + STATUS_BYTES);
}

static struct mgmt_volumes *volumes(void)
{
	return (struct mgmt_volumes *)INIT_VOLUMES_ADDR;
}

static const struct net_node_ops net_ops;

void mgmt_configure(const struct conf_node *node)
{
	mgmt.node = *node;
	if (node->address_mode != CONF_ADDRESS_NONE) {
		net_reserve_node(&net_ops, node->net);
	}
}

/* The pages as a new mgmt wants to find them. */
static void reset_exchange(void)
{
	memset(exchange(), 0, offsetof(struct mgmt_exchange, progress));
	channel_reader(&mgmt.log, &exchange()->log, exchange()->log_data, MGMT_LOG);
	control_reset(exchange());
}

static int make_pages(void)
{
	int r = memory_alloc(&memory, NULL, STATUS_BYTES + EXCHANGE_BYTES, PAGE_SIZE, MEMORY_HIGH, &mgmt.pages);

	if (r == OK) {
		r = sys_map(INIT_SPACE, INIT_MGMT_ADDR, mgmt.pages.handle, 0, mgmt.pages.size, PROT_R | PROT_W);
	}
	if (r == OK) {
		r = memory_alloc(&memory, NULL, VOLUMES_BYTES, PAGE_SIZE, MEMORY_HIGH, &mgmt.volumes);
	}
	if (r == OK) {
		r = sys_map(INIT_SPACE, INIT_VOLUMES_ADDR, mgmt.volumes.handle, 0, mgmt.volumes.size, PROT_R | PROT_W);
	}
	if (r == OK) {
		r = memory_alloc(&memory, NULL, store_table_bytes(), PAGE_SIZE, MEMORY_HIGH, &mgmt.disks);
	}
	if (r == OK) {
		r = sys_map(INIT_SPACE, INIT_DISKS_ADDR, mgmt.disks.handle, 0, mgmt.disks.size, PROT_R | PROT_W);
	}
	if (r == OK) {
		r = sys_event_create(SELF);
		mgmt.request = r >= 0 ? (uint32_t)r : 0;
	}
	return r < 0 ? r : sys_event_bind(mgmt.request, event_key(KEY_MGMT_REQUEST, 0));
}

static void tell_modules(void)
{
	for (unsigned i = 0; i < MGMT_MODULES; i++) {
		const struct content *module = inventory_module(module_names[i]);

		if (module && module->length > MGMT_MODULE_MAX) {
			init_log("mgmt: the module %s is larger than %d KiB", module_names[i], MGMT_MODULE_MAX >> 10);
		} else if (module) {
			status()->module_bytes[i] = module->length;
		}
	}
}

static uint64_t largest_module(void)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < inventory()->module_count; i++) {
		bytes = inventory()->module[i].size > bytes ? inventory()->module[i].size : bytes;
	}
	return bytes;
}

/*
 * Enough to map all volumes that there can be: they are made of large pages, a table for each GiB. As much for the disks that it reads;
 * where one of them stands on a boot module, that needs a table for each 2 MiB.
 */
static uint64_t arena_bytes(void)
{
	return MGMT_ARENA + ALIGN_UP(MGMT_VOLUMES * (uint64_t)ARENA_VOLUME, (uint64_t)PAGE_SIZE) + MGMT_WINDOWS * ARENA_WINDOW +
	       (2 * (inventory()->ram_bytes / GIB(1) + 1) + largest_module() / MIB(2)) * PAGE_SIZE;
}

void mgmt_init(void)
{
	int r;

	if (mgmt.node.address_mode == CONF_ADDRESS_NONE) {
		return;
	}
	r = make_pages();
	if (r < 0) {
		init_log("mgmt cannot run: error %d", r);
		memory_give_back(&mgmt.disks);
		memory_give_back(&mgmt.volumes);
		memory_give_back(&mgmt.pages);
		return;
	}
	init_log_keep(&status()->journal);
	status()->node = mgmt.node;
	status()->wall_ns = inventory()->wall_ns;
	status()->build_s = rtc_build_seconds();
	status()->configured = vm_count();
	net_node_mac(status()->mac);
	tell_modules();
	status()->magic = MGMT_MAGIC;
	volumes_init(volumes(), exchange()->progress);
	store_init((struct mgmt_disks *)INIT_DISKS_ADDR, exchange()->closed, exchange()->sent);
	reset_exchange();
	server.arena = arena_bytes();
	server_start(&server);
}

/* ---- the program ---- */

static int map_modules(uint32_t space)
{
	int r = OK;

	for (unsigned i = 0; r == OK && i < MGMT_MODULES; i++) {
		if (status()->module_bytes[i]) {
			const struct content *module = inventory_module(module_names[i]);

			r = sys_map(space, MGMT_MODULE_ADDR(i), module->handle, 0, module->size, PROT_R);
		}
	}
	return r;
}

static int map_pages(uint32_t space)
{
	int r = console_share(space, MGMT_NODE_ADDR, MGMT_RELAYS_ADDR);

	if (r == OK) {
		r = sys_map(space, MGMT_STATUS_ADDR, mgmt.pages.handle, 0, STATUS_BYTES, PROT_R);
	}
	if (r == OK) {
		r = sys_map(space, MGMT_EXCHANGE_ADDR, mgmt.pages.handle, STATUS_BYTES, EXCHANGE_BYTES, PROT_R | PROT_W);
	}
	if (r == OK) {
		r = sys_map(space, MGMT_VOLUMES_ADDR, mgmt.volumes.handle, 0, VOLUMES_BYTES, PROT_R);
	}
	if (r == OK) {
		r = sys_map(space, MGMT_DISKS_ADDR, mgmt.disks.handle, 0, DISKS_BYTES, PROT_R);
	}
	if (r == OK) {
		r = net_map_node(space, MGMT_CHANNEL_ADDR);
	}
	if (r == OK) {
		r = volumes_map(space);
	}
	return r == OK ? map_modules(space) : r;
}

static int prepare(const char **why)
{
	uint32_t process = server.child.process;
	int r = map_pages(server.child.space);

	*why = "its memory cannot be mapped";
	if (r == OK) {
		*why = "its handles cannot be given";
		r = sys_grant(process, server.wake, RIGHT_READ | RIGHT_WRITE, MGMT_WAKE);
	}
	if (r == OK) {
		r = sys_grant(process, mgmt.request, RIGHT_WRITE, MGMT_REQUEST);
	}
	status()->starts++;
	return r;
}

/* Its net_up says which time this is: it must see each going, even if the switch is back before it looks. */
static void set_link(bool up)
{
	uint32_t now, next;

	if (!mgmt.pages.size) {
		return;                          /* the switch runs before mgmt does */
	}
	now = status()->net_up;
	up = up && server.runs && net_connect_node(server.child.process, server.wake, MGMT_NET_OUT) == OK;
	next = up ? (now + 1) | 1 : (now + 1) & ~1u;
	if (up || (now & 1)) {
		__atomic_store_n(&status()->net_up, next, __ATOMIC_RELEASE);
		server_wake(&server);
	}
}

static const struct net_node_ops net_ops = { .link = set_link };

void mgmt_connect_console(void)
{
	if (server.runs && console_connect_relays(server.child.process, server.wake, MGMT_CONSOLE_OUT) < 0) {
		init_log("mgmt: consoles are cut off");
	}
}

static void started(void)
{
	mgmt_connect_console();
	set_link(true);
}

static void ended(void)
{
	net_pull_node();
	status()->net_up += status()->net_up & 1;
	volumes_look();
	store_close_all();
	reset_exchange();
}

static const struct server_kind kind = {
	.program = "mgmt",
	.title = "mgmt",
	.death = KEY_MGMT,
	.prepare = prepare,
	.ready = net_has_left_node,
	.started = started,
	.ended = ended,
};

/* ---- what it asks for ---- */

/* Lines of text; a longer one comes in pieces. Bounded by what the ring holds. */
static void take_lines(void)
{
	char line[LINE_MAX];
	uint32_t n = 0;

	for (uint32_t left = channel_avail(&mgmt.log); left; left--) {
		channel_read(&mgmt.log, &line[n], 1);
		if (line[n] == '\n' || n == sizeof(line) - 2) {
			line[line[n] == '\n' ? n : n + 1] = '\0';
			init_log("mgmt: %s", line);
			n = 0;
		} else {
			n++;
		}
	}
}

static void show_cards(const struct vm *vm, struct mgmt_vm *to)
{
	to->nic_count = vm->conf.nic_count;
	for (uint32_t card = 0; card < vm->conf.nic_count; card++) {
		struct net_counters c = net_counters_of(vm, card);

		to->nic[card] = (struct mgmt_nic){ .sent_frames = c.in_frames, .sent_bytes = c.in_bytes, .sent_dropped = c.in_dropped,
						   .received_frames = c.out_frames, .received_bytes = c.out_bytes,
						   .received_dropped = c.out_dropped };
	}
}

/* As its vmm wrote it: nothing depends on it. */
static void show_disk_io(const struct vm *vm, struct mgmt_vm *to)
{
	memset(to->disk_io, 0, sizeof(to->disk_io));
	for (uint32_t i = 0; vm->phase == VM_ON && i < vm->conf.disk_count; i++) {
		const volatile struct disk_io *io = &launch_control(vm)->disk_io[i];

		to->disk_io[i] = (struct disk_io){ .read_requests = io->read_requests, .read_bytes = io->read_bytes,
							.write_requests = io->write_requests, .write_bytes = io->write_bytes };
	}
}

void mgmt_refresh(void)
{
	struct machine_stats machine = { 0 };

	if (sys_stats(INIT_MACHINE, &machine, sizeof(machine)) >= 0) {
		status()->uptime_ns = machine.uptime_ns;
		status()->idle_ns = machine.idle_ns;
		status()->cpus = cpus_online;
	}
	for (uint32_t i = 0; i < vm_count(); i++) {
		const struct vm *vm = vm_get(i);
		struct process_status process = { 0 };
		struct mgmt_vm *to = &status()->vm[i];

		if (vm->phase == VM_ON) {
			disks_look(vm);
		}
		to->cpu_ns = vm->phase == VM_ON && sys_process_status(vm->child.process, &process) == OK ? process.cpu_ns : 0;
		memcpy(to->disk, vm->conf.disk, sizeof(to->disk));
		to->disk_count = vm->conf.disk_count;
		show_disk_io(vm, to);
		show_cards(vm, to);
	}
}

/* Its last words count; what it asked for and could not wait for does not. */
void mgmt_died(void)
{
	take_lines();
	server_died(&server);
}

void mgmt_requests(void)
{
	if (!server.runs) {
		return;
	}
	take_lines();
	volumes_look();
	if (control_requests(server.child.space)) {
		server_wake(&server);
	}
}

void mgmt_wake(void)
{
	if (server.runs) {
		server_wake(&server);
	}
}

void mgmt_look_again(void)
{
	sys_event_signal(mgmt.request);
}

uint64_t mgmt_tick(uint64_t now_ns)
{
	uint64_t next = volumes_tick(now_ns), disks = store_tick(now_ns), start = server_tick(&server, now_ns);

	next = disks < next ? disks : next;
	return next < start ? next : start;
}
