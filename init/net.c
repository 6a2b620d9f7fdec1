/* SPDX-License-Identifier: Apache-2.0 */
/* init's side of the switch. Channels and pages outlive the program; what it wrote into them is never believed. */
#include "init/net.h"

#include <stdio.h>
#include <string.h>

#include "init/address.h"
#include "init/events.h"
#include "init/inventory.h"
#include "init/launch.h"
#include "init/log.h"
#include "init/server.h"
#include "init/uplink.h"
#include "init/vm.h"
#include "init/why.h"
#include "lib/user/sys.h"
#include "net/ports.h"

enum { NET_ARENA = 416 << 10, NET_ARENA_PER_CARD = 16 << 10, NET_ARENA_PER_UPLINK = 64 << 10 };

/* The last bytes of an address that the node chooses: number of the VM and card of it, from 1 on; or these. */
enum { ADDRESS_NODE = 0xff, ADDRESS_NODE_CARD = 1 };
enum { NETS_MAX = NET_PORTS_MAX + NET_UPLINKS_MAX };
_Static_assert((int)CONF_VMS_MAX <= (int)ADDRESS_NODE && CONF_NICS_MAX <= UINT8_MAX, "no VM's card has the address of the node's own port");

#define STATUS_BYTES ALIGN_UP((uint64_t)sizeof(struct net_status), (uint64_t)PAGE_SIZE)
#define ANSWERS_BYTES ALIGN_UP((uint64_t)sizeof(struct net_answers), (uint64_t)PAGE_SIZE)

static struct {
	struct extent pages;         /* struct net_status, then struct net_answers; size 0: no switch */
	uint32_t answer;             /* event, paid by init                                          */
	bool asked[CONF_VMS_MAX];    /* of which VMs the counters are wanted                         */
	bool asked_node, asked_any;
	uint8_t prefix[ADDRESS_PREFIX_BYTES];        /* of addresses that the node chooses           */
} net = { .prefix = ADDRESS_PREFIX_COMMON };

/* Who sits at the node's own port. */
static struct {
	const struct net_node_ops *ops;      /* NULL: nobody                                         */
	char net[CONF_NAME_MAX];
	uint8_t mac[6];
	struct extent channel;               /* size 0: none                                         */
} node;

static const struct server_kind kind;
static struct server server = { .kind = &kind, .start_ns = SERVER_NEVER };

static struct net_status *status(void)
{
	return (struct net_status *)INIT_NET_ADDR;
}

static struct net_answers *answers(void)
{
	return (struct net_answers *)(INIT_NET_ADDR + STATUS_BYTES);
}

static uint32_t port_of(const struct vm *vm, uint32_t card)
{
	return vm->number * CONF_NICS_MAX + card;
}

/* The node's own: behind those of the cards that there are or may be. */
static uint32_t node_port(void)
{
	return vm_room() * CONF_NICS_MAX;
}

static struct net_port *port_at(const struct vm *vm, uint32_t card)
{
	return &status()->port[port_of(vm, card)];
}

/* ---- the cards ---- */

/* Whether a port has a net by now: that of a card that there is, of an uplink, or the node's own; they are made in this order. */
static bool is_made(uint32_t port)
{
	static const uint8_t none[6];

	if (port == node_port()) {
		return node.channel.size;
	}
	return port / CONF_NICS_MAX < vm_count() && port % CONF_NICS_MAX < vm_get(port / CONF_NICS_MAX)->conf.nic_count &&
	       memcmp(status()->port[port].mac, none, sizeof(none)) != 0;
}

static const char *name_at(uint32_t port)
{
	return port == node_port() ? node.net : vm_get(port / CONF_NICS_MAX)->conf.nic[port % CONF_NICS_MAX].net;
}

/* Whether anybody hears that net. */
static bool is_net(uint32_t number)
{
	for (uint32_t port = 0; port <= node_port(); port++) {
		if (is_made(port) && status()->port[port].net == number) {
			return true;
		}
	}
	for (uint32_t i = 0; i < status()->uplink_count; i++) {
		if (status()->uplink[i].net == number) {
			return true;
		}
	}
	return false;
}

/* The switch of that name as net knows it already, or a number that no other one has: like's, or one behind it. */
static uint32_t net_of(const char *name, uint32_t like)
{
	for (uint32_t port = 0; port <= node_port(); port++) {
		if (is_made(port) && strcmp(name_at(port), name) == 0) {
			return status()->port[port].net;
		}
	}
	for (uint32_t i = 0; i < status()->uplink_count; i++) {
		if (strcmp(uplink_net(i), name) == 0) {
			return status()->uplink[i].net;
		}
	}
	while (is_net(like)) {
		like = (like + 1) % NETS_MAX;        /* there are as many as ports and uplinks */
	}
	return like;
}

static bool is_configured(const uint8_t mac[6])
{
	for (uint32_t i = 0; i < vm_count(); i++) {
		for (uint32_t card = 0; card < vm_get(i)->conf.nic_count; card++) {
			if (memcmp(vm_get(i)->conf.nic[card].mac, mac, sizeof(vm_get(i)->conf.nic[card].mac)) == 0) {
				return true;
			}
		}
	}
	return false;
}

static void choose_prefix(void)
{
	const char *no_uuid = inventory()->no_uuid, *how = "by SMBIOS UUID";
	const uint8_t *p = net.prefix;

	if (!no_uuid) {
		address_prefix_of_uuid(inventory()->uuid, net.prefix);
	} else {
		how = address_prefix_draw(net.prefix) ? "random, others at the next boot: " : "the same on all such nodes: ";
	}
	init_log("net: addresses that it chooses begin with %02x:%02x:%02x:%02x (%s%s)", p[0], p[1], p[2], p[3], how, no_uuid ? no_uuid : "");
}

/* An address that no other port of the node gets from us, or has from the configuration. */
static void choose_mac(uint8_t mac[6], uint32_t number, uint32_t card)
{
	uint8_t own[6] = { [4] = (uint8_t)number, (uint8_t)card };

	memcpy(own, net.prefix, sizeof(net.prefix));
	while (is_configured(own)) {
		own[3]++;                    /* there are fewer cards than values of two bytes */
		own[2] = (uint8_t)(own[2] + !own[3]);
	}
	memcpy(mac, own, sizeof(own));
}

static void make_card(struct vm *vm, uint32_t card)
{
	static const uint8_t none[6];
	struct conf_nic *nic = &vm->conf.nic[card];
	struct net_port *port = port_at(vm, card);

	if (memcmp(nic->mac, none, sizeof(none)) == 0) {
		choose_mac(nic->mac, vm->number, card + 1);
	}
	port->vm = vm->number;
	port->net = net_of(nic->net, port_of(vm, card));
	memcpy(port->mac, nic->mac, sizeof(port->mac));
	if (memory_alloc(&memory, NULL, FRAMES_CHANNEL_BYTES, PAGE_SIZE, MEMORY_HIGH, &vm->nic[card]) < 0) {
		init_log("vm %s: no memory for its network card", vm->conf.name);
	}
}

static void make_node(void)
{
	struct net_port *port = &status()->port[node_port()];

	port->vm = CONF_VMS_MAX;
	port->net = net_of(node.net, node_port());
	choose_mac(node.mac, ADDRESS_NODE, ADDRESS_NODE_CARD);
	memcpy(port->mac, node.mac, sizeof(port->mac));
	if (node.ops && memory_alloc(&memory, NULL, FRAMES_CHANNEL_BYTES, PAGE_SIZE, MEMORY_HIGH, &node.channel) < 0) {
		init_log("the node itself has no network: no memory for its port");
	}
}

static int make_pages(void)
{
	int r = memory_alloc(&memory, NULL, STATUS_BYTES + ANSWERS_BYTES, PAGE_SIZE, MEMORY_HIGH, &net.pages);

	if (r == OK) {
		r = sys_map(INIT_SPACE, INIT_NET_ADDR, net.pages.handle, 0, net.pages.size, PROT_R | PROT_W);
	}
	if (r == OK) {
		r = sys_event_create(SELF);
		net.answer = r >= 0 ? (uint32_t)r : 0;
	}
	return r < 0 ? r : sys_event_bind(net.answer, event_key(KEY_NET_ANSWER, 0));
}

void net_init(void)
{
	uint32_t cards = 0, uplinks = uplinks_init();
	int r;

	for (uint32_t i = 0; i < vm_count(); i++) {
		cards += vm_get(i)->conf.nic_count;
	}
	if (!cards && !uplinks && !node.ops) {
		return;
	}
	r = make_pages();
	if (r < 0) {
		init_log("the switch cannot run: error %d", r);
		memory_give_back(&net.pages);
		return;
	}
	choose_prefix();
	for (uint32_t i = 0; i < vm_count(); i++) {
		for (uint32_t card = 0; card < vm_get(i)->conf.nic_count; card++) {
			make_card(vm_get(i), card);
		}
	}
	status()->port_count = node_port() + 1;
	for (uint32_t i = 0; i < uplinks; i++) {
		status()->uplink[i].net = net_of(uplink_net(i), NET_PORTS_MAX + i);
		status()->uplink_count = i + 1;
	}
	make_node();
	status()->magic = NET_MAGIC;
	cards += (vm_room() - vm_count()) * CONF_NICS_MAX;
	server.arena = NET_ARENA + cards * (uint64_t)NET_ARENA_PER_CARD + uplinks * (uint64_t)NET_ARENA_PER_UPLINK;
	server_start(&server);
}

/* As in the configuration: the same address may be on another switch. */
static bool is_taken(const struct conf_nic *nic, const char **who)
{
	for (uint32_t i = 0; i < vm_count(); i++) {
		const struct conf_vm *vm = &vm_get(i)->conf;

		for (uint32_t card = 0; card < vm->nic_count; card++) {
			if (memcmp(vm->nic[card].mac, nic->mac, sizeof(nic->mac)) == 0 && strcmp(vm->nic[card].net, nic->net) == 0) {
				*who = vm->name;
				return true;
			}
		}
	}
	*who = "the node itself";
	return net.pages.size && memcmp(node.mac, nic->mac, sizeof(node.mac)) == 0 && strcmp(node.net, nic->net) == 0;
}

int net_check_vm(const struct conf_vm *conf, const char **why)
{
	static const uint8_t none[6];
	const char *who;

	for (uint32_t card = 0; card < conf->nic_count; card++) {
		const uint8_t *mac = conf->nic[card].mac;

		if (memcmp(mac, none, sizeof(none)) != 0 && is_taken(&conf->nic[card], &who)) {
			return why_print(E_BUSY, why, "the address %02x:%02x:%02x:%02x:%02x:%02x on switch %s is that of %s", mac[0], mac[1],
					 mac[2], mac[3], mac[4], mac[5], conf->nic[card].net, who);
		}
	}
	return OK;
}

void net_add_vm(struct vm *vm)
{
	for (uint32_t card = 0; net.pages.size && card < CONF_NICS_MAX; card++) {
		memset(port_at(vm, card)->mac, 0, sizeof(port_at(vm, card)->mac));     /* its number was another VM's */
	}
	for (uint32_t card = 0; net.pages.size && card < vm->conf.nic_count; card++) {
		const struct extent *e = &vm->nic[card];
		uint32_t port = port_of(vm, card);

		make_card(vm, card);
		if (server.runs && e->size &&
		    sys_map(server.child.space, NET_CHANNEL_ADDR(port), e->handle, 0, e->size, PROT_R | PROT_W) < 0) {
			init_log("vm %s: its card is cut off", vm->conf.name);
		}
	}
}

/* ---- VMs come and go ---- */

/* net is told after all else, and lets go when the number is even. */
static void set_plugged(const struct vm *vm, bool plugged)
{
	for (uint32_t card = 0; net.pages.size && card < vm->conf.nic_count; card++) {
		struct net_port *port = port_at(vm, card);

		if ((port->generation & 1) != plugged && vm->nic[card].size) {
			__atomic_store_n(&port->generation, port->generation + 1, __ATOMIC_RELEASE);
		}
	}
	server_wake(&server);
}

/* A channel, empty, into a process that does not run yet. */
static int map_channel(const struct extent *e, uint32_t space, uint64_t addr)
{
	struct frames_channel *channel = (struct frames_channel *)INIT_WINDOW_ADDR;
	int r = sys_map(INIT_SPACE, INIT_WINDOW_ADDR, e->handle, 0, PAGE_SIZE, PROT_R | PROT_W);

	if (r < 0) {
		return r;
	}
	_Static_assert(offsetof(struct frames_channel, from_vm_data) <= PAGE_SIZE, "the counts lie in the first page");
	memset(channel, 0, offsetof(struct frames_channel, from_vm_data));
	channel->magic = FRAMES_MAGIC;
	r = sys_unmap(INIT_SPACE, INIT_WINDOW_ADDR, PAGE_SIZE);
	return r < 0 ? r : sys_map(space, addr, e->handle, 0, e->size, PROT_R | PROT_W);
}

/* The vmm makes an interrupt of its guest of it, and the switch signals it. */
static int make_sent_event(struct vm *vm, uint32_t card)
{
	int r = sys_event_create(vm->child.process);

	if (r < 0) {
		return r;
	}
	vm->sent_event[card] = (uint32_t)r;
	return sys_grant(vm->child.process, vm->sent_event[card], RIGHT_READ | RIGHT_WRITE, VMM_NIC_SENT + card);
}

int net_map(struct vm *vm)
{
	int r = OK;

	for (uint32_t card = 0; r == OK && card < vm->conf.nic_count; card++) {
		r = vm->nic[card].size ? map_channel(&vm->nic[card], vm->child.space, VMM_NIC_ADDR(card)) : E_NOMEM;
		if (r == OK) {
			r = make_sent_event(vm, card);
		}
	}
	return r;
}

static int grant_events(const struct vm *vm)
{
	int r = sys_grant(vm->child.process, server.wake, RIGHT_WRITE, VMM_NET_OUT);

	if (r == OK) {
		r = sys_grant(server.child.process, vm->net_event, RIGHT_WRITE, NET_VM_IN + vm->number);
	}
	for (uint32_t card = 0; r == OK && card < vm->conf.nic_count; card++) {
		r = sys_grant(server.child.process, vm->sent_event[card], RIGHT_WRITE, NET_VM_SENT + port_of(vm, card));
	}
	return r;
}

void net_connect(const struct vm *vm)
{
	bool up = vm->conf.nic_count && server.runs && grant_events(vm) == OK;

	launch_control(vm)->net_up = up;
	set_plugged(vm, true);
}

void net_pull(const struct vm *vm)
{
	set_plugged(vm, false);
}

static bool has_left(uint32_t port)
{
	return !server.runs || __atomic_load_n(&answers()->ack[port], __ATOMIC_ACQUIRE) == status()->port[port].generation;
}

bool net_has_left(const struct vm *vm)
{
	for (uint32_t card = 0; card < vm->conf.nic_count; card++) {
		if (!has_left(port_of(vm, card))) {
			return false;
		}
	}
	return true;
}

/* ---- the node's own port ---- */

void net_reserve_node(const struct net_node_ops *ops, const char *name)
{
	node.ops = ops;
	snprintf(node.net, sizeof(node.net), "%s", name);
}

void net_node_mac(uint8_t mac[6])
{
	memcpy(mac, node.mac, sizeof(node.mac));
}

int net_map_node(uint32_t space, uint64_t addr)
{
	return node.channel.size ? map_channel(&node.channel, space, addr) : E_NOMEM;
}

static void set_node_plugged(bool plugged)
{
	struct net_port *port = &status()->port[node_port()];

	if (node.channel.size && (port->generation & 1) != plugged) {
		__atomic_store_n(&port->generation, port->generation + 1, __ATOMIC_RELEASE);
		server_wake(&server);
	}
}

int net_connect_node(uint32_t process, uint32_t in, uint32_t out_slot)
{
	int r = node.channel.size && server.runs ? OK : E_NOENT;

	if (r == OK) {
		r = sys_grant(process, server.wake, RIGHT_WRITE, out_slot);
	}
	if (r == OK) {
		r = sys_grant(server.child.process, in, RIGHT_WRITE, NET_NODE_IN);
	}
	if (r == OK) {
		set_node_plugged(true);
	}
	return r;
}

void net_pull_node(void)
{
	if (net.pages.size) {
		set_node_plugged(false);
	}
}

bool net_has_left_node(void)
{
	return has_left(node_port());
}

/* ---- the program ---- */

static int map_pages(void)
{
	uint32_t space = server.child.space;
	int r = sys_map(space, NET_STATUS_ADDR, net.pages.handle, 0, STATUS_BYTES, PROT_R);

	if (r == OK) {
		r = sys_map(space, NET_ANSWERS_ADDR, net.pages.handle, STATUS_BYTES, ANSWERS_BYTES, PROT_R | PROT_W);
	}
	if (r == OK && node.channel.size) {
		r = sys_map(space, NET_CHANNEL_ADDR(node_port()), node.channel.handle, 0, node.channel.size, PROT_R | PROT_W);
	}
	for (uint32_t i = 0; i < vm_count(); i++) {
		for (uint32_t card = 0; r == OK && card < vm_get(i)->conf.nic_count; card++) {
			const struct extent *e = &vm_get(i)->nic[card];

			if (e->size) {
				r = sys_map(space, NET_CHANNEL_ADDR(port_of(vm_get(i), card)), e->handle, 0, e->size,
					    PROT_R | PROT_W);
			}
		}
	}
	return r;
}

static int prepare(const char **why)
{
	uint32_t process = server.child.process;
	int r = map_pages();

	*why = "its memory cannot be mapped";
	if (r == OK) {
		*why = "its handles cannot be given";
		r = sys_grant(process, server.wake, RIGHT_READ | RIGHT_WRITE, NET_WAKE);
	}
	if (r == OK) {
		r = sys_grant(process, net.answer, RIGHT_WRITE, NET_ANSWER);
	}
	for (uint32_t i = 0; r == OK && i < status()->uplink_count; i++) {
		uplink_hand_over(i, &server.child, server.wake, &status()->uplink[i]);
	}
	return r;
}

/* Tells the VMs that their link is there, or gone. */
static void set_links(bool up)
{
	for (uint32_t i = 0; i < vm_count(); i++) {
		struct vm *vm = vm_get(i);

		if (vm->phase == VM_ON && vm->conf.nic_count) {
			launch_control(vm)->net_up = up && grant_events(vm) == OK;
			vm_ask(vm, VMM_REQ_LINK);
		}
	}
	if (node.ops) {
		node.ops->link(up);
	}
}

static void started(void)
{
	set_links(true);
}

static void ended(void)
{
	set_links(false);
}

static const struct server_kind kind = {
	.program = "net",
	.title = "the switch",
	.death = KEY_NET,
	.prepare = prepare,
	.ready = uplinks_answer,
	.started = started,
	.ended = ended,
};

void net_died(void)
{
	uint64_t now = sys_clock(NULL);

	server_died(&server);
	if (server.start_ns != SERVER_NEVER && server.start_ns < now + uplinks_pause_ns()) {
		server.start_ns = now + uplinks_pause_ns();
	}
}

uint64_t net_tick(uint64_t now_ns)
{
	return server_tick(&server, now_ns);
}

/* ---- counters ---- */

void net_show_counters(const struct vm *vm)
{
	if (server.runs && (!vm || vm->conf.nic_count)) {
		*(vm ? &net.asked[vm->number] : &net.asked_node) = true;
		net.asked_any = true;
		__atomic_store_n(&status()->counters_wanted, status()->counters_wanted + 1, __ATOMIC_RELEASE);
		server_wake(&server);
	}
}

static void log_counters(const char *what, const char *sent, const char *received, struct net_counters c)
{
	init_log("%s: %s %llu frames, %llu KiB, %llu dropped; %s %llu frames, %llu KiB, %llu dropped", what, sent,
		 (unsigned long long)c.in_frames, (unsigned long long)(c.in_bytes >> 10), (unsigned long long)c.in_dropped, received,
		 (unsigned long long)c.out_frames, (unsigned long long)(c.out_bytes >> 10), (unsigned long long)c.out_dropped);
}

struct net_counters net_counters_of(const struct vm *vm, uint32_t card)
{
	return server.runs && vm->starts ? answers()->counters[port_of(vm, card)] : (struct net_counters){ 0 };
}

static void log_card(const struct vm *vm, uint32_t card)
{
	char what[CONF_NAME_MAX + 32];

	snprintf(what, sizeof(what), "vm %s: nic %u", vm->conf.name, (unsigned)card);
	log_counters(what, "sent", "received", answers()->counters[port_of(vm, card)]);
}

/* The node's own port and the wires: what came over one is "in" for the switch, as what a VM sends. */
static void log_node(void)
{
	char what[CONF_NAME_MAX + 32];

	for (uint32_t i = 0; i < status()->uplink_count; i++) {
		snprintf(what, sizeof(what), "switch %s: uplink", uplink_net(i));
		log_counters(what, "received", "sent", answers()->counters[status()->port_count + i]);
	}
	if (node.channel.size) {
		log_counters("node: its own port", "sent", "received", answers()->counters[node_port()]);
	}
}

/* ---- what becomes of the uplinks ---- */

/* Nothing of it is believed but that it may be printed. */
static void log_uplink(uint32_t i, struct net_uplink_answer a)
{
	a.broken[sizeof(a.broken) - 1] = '\0';
	for (char *c = a.broken; *c; c++) {
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	}
	if (a.broken[0]) {
		init_log("switch %s: its uplink does not work: %s", uplink_net(i), a.broken);
	} else {
		init_log("switch %s: the link of its uplink %02x:%02x:%02x:%02x:%02x:%02x is %s", uplink_net(i), a.mac[0], a.mac[1], a.mac[2],
			 a.mac[3], a.mac[4], a.mac[5], a.link == 1 ? "up" : "down");
	}
}

static void follow_uplinks(void)
{
	static uint32_t changes[NET_UPLINKS_MAX];

	for (uint32_t i = 0; i < status()->uplink_count; i++) {
		uint32_t now = __atomic_load_n(&answers()->uplink[i].changes, __ATOMIC_ACQUIRE);

		if (now != changes[i]) {
			changes[i] = now;
			log_uplink(i, answers()->uplink[i]);
		}
	}
}

/* Acknowledgements are looked at by those who wait for them; here are the counters, and the uplinks. */
void net_answered(void)
{
	follow_uplinks();
	if (!net.asked_any || __atomic_load_n(&answers()->counters_shown, __ATOMIC_ACQUIRE) != status()->counters_wanted) {
		return;
	}
	for (uint32_t i = 0; i < vm_count(); i++) {
		for (uint32_t card = 0; net.asked[i] && card < vm_get(i)->conf.nic_count; card++) {
			log_card(vm_get(i), card);
		}
		net.asked[i] = false;
	}
	if (net.asked_node) {
		log_node();
	}
	init_log("net: woken %llu times", (unsigned long long)answers()->woken);
	net.asked_any = net.asked_node = false;
}
