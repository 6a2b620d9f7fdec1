/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init's side of the switch where VMs come and go: which ports hear each other, and whose addresses are whose. The kernel, the program net
 * and the VMs are fakes.
 * sources: init/memory.c init/address.c init/why.c
 */
#include "lib/user/sys.h"

#define sys_event_create(process) 7
#define sys_event_bind(event, key) OK
#define sys_event_signal(event) OK
static int fake_grant(uint32_t process, uint32_t handle, uint32_t rights, uint32_t slot)
{
	(void)process, (void)handle, (void)rights, (void)slot;
	return OK;
}

#define sys_grant fake_grant
#define sys_clock(tsc) 0ull

#include "init/program.h"

static char fake_pages[128 << 10] __attribute__((aligned(4096)));
#undef INIT_NET_ADDR
#define INIT_NET_ADDR ((uint64_t)(uintptr_t)fake_pages)

#include "init/net.c"

#include "tests/unit/check.h"

enum { VMS = 66 };

struct memory memory;

static struct vm vms[VMS];
static uint32_t count;
static uint32_t uplinks;
static const struct net_node_ops no_ops;
static struct inventory machine = { .uuid = { 1, 2, 3 } };

const struct inventory *inventory(void) { return &machine; }
uint32_t vm_count(void) { return count; }
uint32_t vm_room(void) { return VMS; }
struct vm *vm_get(uint32_t number) { return &vms[number]; }
void vm_ask(struct vm *vm, enum vmm_request request) { (void)vm; (void)request; }
volatile struct vmm_control *launch_control(const struct vm *vm) { static struct vmm_control c; (void)vm; return &c; }
void init_log(const char *format, ...) { (void)format; }
void memory_give_back(struct extent *extent) { CHECK_EQ(memory_free(&memory, extent), OK); }
uint32_t uplinks_init(void) { return uplinks; }
uint32_t uplink_count(void) { return uplinks; }
const char *uplink_net(uint32_t number) { (void)number; return "wire"; }
uint64_t uplinks_pause_ns(void) { return 0; }
bool uplinks_answer(void) { return true; }
void server_start(struct server *s) { s->runs = true; }
void server_died(struct server *s) { (void)s; }
uint64_t server_tick(struct server *s, uint64_t now_ns) { (void)s; return now_ns; }
void server_wake(const struct server *s) { (void)s; }

void uplink_hand_over(uint32_t number, const struct child *child, uint32_t wake, struct net_uplink *to)
{
	(void)number, (void)child, (void)wake, (void)to;
}

int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	(void)space, (void)address, (void)region, (void)offset, (void)size, (void)prot;
	return OK;
}

int sys_unmap(uint32_t space, uint64_t address, uint64_t size)
{
	(void)space, (void)address, (void)size;
	return OK;
}

static int split(uint32_t region, uint64_t offset) { (void)region, (void)offset; return 9; }
static int one(uint32_t region) { (void)region; return OK; }
static int merge(uint32_t low, uint32_t high) { (void)low, (void)high; return OK; }
static int clean(uint32_t region, uint64_t size) { (void)region, (void)size; return OK; }
static const struct region_ops ops = { split, merge, one, clean };

static void set(uint32_t number, const char *first, const char *second)
{
	struct vm *vm = &vms[number];

	*vm = (struct vm){ .number = number };
	vm->conf.nic_count = second ? 2 : 1;
	snprintf(vm->conf.nic[0].net, CONF_NAME_MAX, "%s", first);
	if (second) {
		snprintf(vm->conf.nic[1].net, CONF_NAME_MAX, "%s", second);
	}
}

static void add(uint32_t number, const char *first, const char *second)
{
	set(number, first, second);
	count = number < count ? count : number + 1;
	net_add_vm(&vms[number]);
}

static void delete(uint32_t number)
{
	memory_give_back(&vms[number].nic[0]);
	memory_give_back(&vms[number].nic[1]);
	vms[number].conf = (struct conf_vm){ 0 };
	vms[number].phase = VM_NONE;
}

static uint32_t net_at(uint32_t vm, uint32_t card)
{
	return status()->port[vm * CONF_NICS_MAX + card].net;
}

/* With the VMs below vms_there, which are set already. */
static void boot(uint32_t uplinks_there, uint32_t vms_there)
{
	memset(fake_pages, 0, sizeof(fake_pages));
	memory_init(&memory, &ops);
	CHECK_EQ(memory_add(&memory, (struct extent){ MIB(16), MIB(64), 1, true, 0 }), OK);
	server.runs = false;
	uplinks = uplinks_there;
	count = vms_there;
	net_reserve_node(&no_ops, "node");
	net_init();
	CHECK(sizeof(fake_pages) >= STATUS_BYTES + ANSWERS_BYTES);
}

static void fresh(uint32_t uplinks_there)
{
	set(0, "red", NULL);
	set(1, "red", "blue");
	boot(uplinks_there, 2);
}

TEST(cards_of_one_switch_hear_each_other)
{
	fresh(1);
	CHECK_EQ(net_at(0, 0), net_at(1, 0));
	CHECK(net_at(1, 1) != net_at(1, 0));
	add(2, "blue", "wire");
	CHECK_EQ(net_at(2, 0), net_at(1, 1));
	CHECK_EQ(net_at(2, 1), status()->uplink[0].net);
	add(3, "node", "green");
	CHECK_EQ(net_at(3, 0), status()->port[node_port()].net);
	add(4, "green", "green");
	CHECK_EQ(net_at(4, 0), net_at(3, 1));
	CHECK_EQ(net_at(4, 1), net_at(3, 1));
}

TEST(who_comes_after_a_deleted_vm_is_on_no_switch_but_its_own)
{
	fresh(0);
	delete(0);                           /* the switch `red` was known by its port */
	add(0, "green", "red");
	CHECK(net_at(0, 0) != net_at(1, 0));
	CHECK(net_at(0, 0) != net_at(1, 1));
	CHECK(net_at(0, 0) != status()->port[node_port()].net);
	CHECK_EQ(net_at(0, 1), net_at(1, 0));
	add(2, "green", "blue");
	CHECK_EQ(net_at(2, 0), net_at(0, 0));
	CHECK_EQ(net_at(2, 1), net_at(1, 1));
	delete(1);
	add(1, "new", "newer");
	CHECK(net_at(1, 0) != net_at(1, 1));
	for (uint32_t card = 0; card < 2; card++) {
		for (uint32_t other = 0; other < 2; other++) {
			CHECK(net_at(1, card) != net_at(0, other));
			CHECK(net_at(1, card) != net_at(2, other));
		}
	}
}

TEST(addresses_stay_different)
{
	fresh(0);
	delete(0);
	add(0, "red", "red");
	CHECK(memcmp(vms[0].conf.nic[0].mac, vms[1].conf.nic[0].mac, 6) != 0);
	CHECK(memcmp(vms[0].conf.nic[0].mac, vms[0].conf.nic[1].mac, 6) != 0);
	CHECK_MEM(status()->port[0].mac, vms[0].conf.nic[0].mac, 6);
}

TEST(addresses_begin_with_what_the_machine_is)
{
	uint8_t prefix[ADDRESS_PREFIX_BYTES], own[6];

	address_prefix_of_uuid(machine.uuid, prefix);
	fresh(0);
	add(5, "a", "b");
	net_node_mac(own);
	CHECK_MEM(own, prefix, sizeof(prefix));
	CHECK_MEM(own + 4, "\xff\x01", 2);
	CHECK_MEM(status()->port[node_port()].mac, own, 6);
	CHECK_MEM(vms[5].conf.nic[1].mac, prefix, sizeof(prefix));
	CHECK_MEM(vms[5].conf.nic[1].mac + 4, "\x05\x02", 2);
	CHECK_MEM(vms[0].conf.nic[0].mac + 4, "\0\x01", 2);
}

TEST(addresses_that_are_configured_are_taken)
{
	uint8_t prefix[ADDRESS_PREFIX_BYTES], own[6];
	struct conf_nic *nic = vms[0].conf.nic;

	address_prefix_of_uuid(machine.uuid, prefix);
	set(0, "a", "a");
	memcpy(nic[0].mac, prefix, sizeof(prefix));
	memcpy(nic[0].mac + 4, "\xff\x01", 2);                 /* the node's own */
	memcpy(nic[1].mac, prefix, sizeof(prefix));
	memcpy(nic[1].mac + 4, "\x01\x01", 2);                 /* the next VM's */
	set(1, "a", NULL);
	boot(0, 2);
	net_node_mac(own);
	CHECK(memcmp(own, nic[0].mac, 6) != 0);
	CHECK_MEM(own + 4, "\xff\x01", 2);
	CHECK(memcmp(vms[1].conf.nic[0].mac, nic[1].mac, 6) != 0);
	CHECK_MEM(vms[1].conf.nic[0].mac + 4, "\x01\x01", 2);
	CHECK_MEM(status()->port[0].mac, nic[0].mac, 6);
}

/* As many as differ in the byte by which the node looks for another one. */
TEST(an_address_is_found_however_many_are_configured)
{
	uint8_t prefix[ADDRESS_PREFIX_BYTES], *mac;

	address_prefix_of_uuid(machine.uuid, prefix);
	for (uint32_t i = 0; i < 64; i++) {
		set(i, "a", "a");
		vms[i].conf.nic_count = CONF_NICS_MAX;
		for (uint32_t card = 0; card < CONF_NICS_MAX; card++) {
			mac = vms[i].conf.nic[card].mac;
			memcpy(mac, prefix, sizeof(prefix));
			memcpy(vms[i].conf.nic[card].net, "a", 2);
			mac[3] = (uint8_t)(i * CONF_NICS_MAX + card);
			mac[4] = 64;
			mac[5] = 1;
		}
	}
	set(64, "a", NULL);
	boot(0, 65);
	mac = vms[64].conf.nic[0].mac;
	CHECK_MEM(mac + 4, "\x40\x01", 2);
	CHECK(memcmp(mac, prefix, 2) == 0 && mac[2] == (uint8_t)(prefix[2] + 1));
	memset(vms, 0, sizeof(vms));
}

TEST(the_node_s_channel_is_free_when_the_switch_says_so)
{
	fresh(0);
	CHECK_EQ(net_connect_node(1, 2, 3), OK);
	net_pull_node();
	CHECK(!net_has_left_node());
	answers()->ack[node_port()] = status()->port[node_port()].generation;
	CHECK(net_has_left_node());
	CHECK_EQ(net_connect_node(1, 2, 3), OK);
	net_pull_node();
	CHECK(!net_has_left_node());
	server.runs = false;
	CHECK(net_has_left_node());
}

TEST(a_vm_that_comes_later_gets_nobodys_address)
{
	struct conf_vm conf = { .nic_count = 2, .nic = { { .net = "red" }, { .net = "node" } } };
	const char *why;

	fresh(0);
	snprintf(vms[0].conf.name, sizeof(vms[0].conf.name), "web");
	CHECK_EQ(net_check_vm(&conf, &why), OK);     /* init chooses */
	memcpy(conf.nic[0].mac, "\x02\1\2\3\4\5", 6);
	CHECK_EQ(net_check_vm(&conf, &why), OK);
	memcpy(vms[0].conf.nic[0].mac, conf.nic[0].mac, 6);
	CHECK_EQ(net_check_vm(&conf, &why), E_BUSY);
	CHECK_STR(why, "the address 02:01:02:03:04:05 on switch red is that of web");
	conf.nic[0].net[0] = 'x';                    /* another switch */
	CHECK_EQ(net_check_vm(&conf, &why), OK);
	net_node_mac(conf.nic[1].mac);
	CHECK_EQ(net_check_vm(&conf, &why), E_BUSY);
	CHECK(strstr(why, "on switch node is that of the node itself"));
	conf.nic_count = 1;
	CHECK_EQ(net_check_vm(&conf, &why), OK);
}

TEST(without_uuid_addresses_are_drawn_or_common)
{
	static const uint8_t common[] = ADDRESS_PREFIX_COMMON;
	uint8_t own[6], prefix[ADDRESS_PREFIX_BYTES];

	machine.no_uuid = "it has none";
	memcpy(net.prefix, common, sizeof(common));
	fresh(0);
	net_node_mac(own);
	CHECK_EQ(own[0], 2);
	CHECK_EQ(memcmp(own, common, sizeof(common)) == 0, !address_prefix_draw(prefix));
	machine.no_uuid = NULL;
}

TEST(a_deleted_vm_gives_its_channels_back)
{
	uint64_t free;

	fresh(0);
	free = memory.free_bytes;
	add(3, "red", "blue");
	CHECK(memory.free_bytes < free);
	delete(3);
	CHECK_EQ(memory.free_bytes, free);
}
