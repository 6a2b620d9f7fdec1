/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which card becomes the uplink of which switch, and what net finds when a card is handed over, the first time and after one that
 * died. Kernel, cards and memory are fakes.
 * sources: init/pci.c tests/fake/init_log.c
 */
#include "init/devices.h"
#include "init/inventory.h"
#include "init/log.h"
#include "init/machine.h"
#include "init/physical.h"
#include "init/program.h"
#include "lib/user/sys.h"
#include "net/ports.h"

#include <stdio.h>

static int fake_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot);
static int fake_create(uint32_t process, const struct device_setup *setup);
static int fake_bind(uint32_t device, uint32_t event, uint32_t first, uint32_t messages);
static int fake_grant(uint32_t process, uint32_t handle, uint32_t rights, uint32_t slot);
static int fake_zero(uint32_t region, char what);

#define sys_map(space, address, region, offset, size, prot) fake_map(space, address, region, offset, size, prot)
#define sys_device_create(machine, process, setup) fake_create(process, setup)
#define sys_device_bind(device, event, first, count) fake_bind(device, event, first, count)
#define sys_grant(process, handle, rights, slot) fake_grant(process, handle, rights, slot)
#define sys_region_reclaim(region) fake_zero(region, 'r')
#define sys_region_clean(region, size) fake_zero(region, 'c')
#define sys_close(handle) ((void)(handle))

#include "init/uplink.c"

#include "tests/fake/init_log.h"
#include "tests/unit/check.h"

enum { CARDS = 3, WAKE = 77, DEVICE = 88, PROCESS = 5, SPACE = 6, MAPS = 32, MEMORY_REGION = 500, BAR_REGION = 600 };

static struct pci_function cards[CARDS];
static char owned[CARDS][64], done[64];
static struct { uint64_t address, offset, size; uint32_t region, prot; } maps[MAPS];
static unsigned map_count, granted_slot, granted_rights, bound;
static struct device_setup told;
static int line_answer, wake_answer, create_answer;
static bool no_messages, silent;
struct memory memory;

static int fake_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	CHECK_EQ(space, SPACE);
	CHECK(map_count < MAPS && size);
	maps[map_count].address = address;
	maps[map_count].region = region;
	maps[map_count].offset = offset;
	maps[map_count].size = size;
	maps[map_count++].prot = prot;
	return OK;
}

static int fake_create(uint32_t process, const struct device_setup *setup)
{
	CHECK_EQ(process, PROCESS);
	told = *setup;
	return create_answer;
}

static int fake_bind(uint32_t device, uint32_t event, uint32_t first, uint32_t messages)
{
	CHECK_EQ(device, DEVICE);
	CHECK_EQ(event, WAKE);
	CHECK_EQ(first, 0);
	bound = messages;
	return no_messages ? E_NOMEM : OK;
}

static int fake_grant(uint32_t process, uint32_t handle, uint32_t rights, uint32_t slot)
{
	CHECK_EQ(process, PROCESS);
	CHECK_EQ(handle, DEVICE);
	granted_rights = rights;
	granted_slot = slot;
	return OK;
}

static int fake_zero(uint32_t region, char what)
{
	CHECK_EQ(region / 100, MEMORY_REGION / 100);
	strncat(done, &what, 1);
	return OK;
}

int memory_alloc(struct memory *m, const struct memory_order *order, uint64_t size, uint64_t align, enum memory_end end,
		 struct extent *out)
{
	(void)m, (void)order, (void)end;
	CHECK_EQ(align, PAGE_SIZE);
	*out = (struct extent){ .base = 0x7000000, .size = size, .handle = MEMORY_REGION };
	return OK;
}

/* The page at fe003000h belongs to somebody else. */
int physical_take(uint64_t base, uint64_t size, struct extent *out)
{
	if (base <= 0xfe003000 && base + size > 0xfe003000) {
		return E_NOENT;
	}
	*out = (struct extent){ .base = base, .size = size, .handle = BAR_REGION };
	return OK;
}

int machine_give_card_line(uint32_t number, uint8_t irq, uint32_t event)
{
	CHECK_EQ(irq, 11);
	CHECK_EQ(event, WAKE);
	CHECK(number < CONF_UPLINKS_MAX);
	return line_answer;
}

static uint32_t config_read(uint64_t function, uint32_t reg)
{
	return (uint32_t)function + reg;
}

const struct pci_ops devices_ops = { .read = config_read };

const struct pci_function *devices_at(uint16_t segment, uint8_t bus, uint8_t slot, uint8_t number)
{
	for (unsigned i = 0; i < CARDS; i++) {
		if (cards[i].segment == segment && cards[i].bus == bus && cards[i].slot == slot && cards[i].number == number) {
			return &cards[i];
		}
	}
	return NULL;
}

const struct pci_function *devices_free_card(void)
{
	for (unsigned i = 0; i < CARDS; i++) {
		if (!owned[i][0] && !cards[i].why && cards[i].device == NIC_82574L) {
			return &cards[i];
		}
	}
	return NULL;
}

void devices_set_owner(const struct pci_function *f, const char *owner)
{
	snprintf(owned[f - cards], sizeof(owned[0]), "%s", owner);
}

bool devices_answers(const struct pci_function *f) { return !silent || f != &cards[1]; }

int devices_wake(const struct pci_function *f)
{
	(void)f;
	return wake_answer;
}

/* Three cards at 00:01.0, 00:02.0, 00:03.0; the last one has no driver. */
static void fresh(void)
{
	memset(cards, 0, sizeof(cards));
	memset(owned, 0, sizeof(owned));
	memset(maps, 0, sizeof(maps));
	memset(&told, 0, sizeof(told));
	fake_logged[0] = done[0] = '\0';
	map_count = granted_slot = granted_rights = bound = 0;
	line_answer = wake_answer = OK;
	create_answer = DEVICE;
	no_messages = silent = false;
	count = line_count = 0;
	for (unsigned i = 0; i < CARDS; i++) {
		cards[i] = (struct pci_function){ .where = 0x1000 * (i + 1), .slot = (uint8_t)(i + 1), .vendor = NIC_VENDOR_INTEL,
						  .device = i == CARDS - 1 ? 0x1533 : NIC_82574L, .kind = 0x200, .revision = 7, .pin = 1,
						  .line = 11, .bar = { { 0xf0000000 + i * 0x100000, 0x20000 } } };
	}
}

static const struct conf_result *config(unsigned lines_wanted, const struct conf_uplink *from)
{
	static struct conf_result r;

	memset(&r, 0, sizeof(r));
	r.uplink_count = lines_wanted;
	memcpy(r.uplink, from, lines_wanted * sizeof(*from));
	return &r;
}

static struct net_uplink hand_over(uint32_t number)
{
	const struct child child = { .process = PROCESS, .space = SPACE };
	struct net_uplink to = { .net = 9 };

	map_count = 0;
	uplink_hand_over(number, &child, WAKE, &to);
	CHECK_EQ(to.net, 9);
	return to;
}

TEST(without_a_line_the_first_card_is_the_way_out_of_default)
{
	fresh();
	cards[0].why = "it is broken";
	uplinks_configure(NULL);
	CHECK_EQ(uplinks_init(), 1);
	CHECK_STR(uplink_net(0), "default");
	CHECK(uplinks[0].card == &cards[1]);
	CHECK_STR(owned[1], "net, uplink of default");
	CHECK_STR(fake_logged, "switch default: its uplink is the network card at 0000:00:02.0\n");

	fresh();
	cards[0].why = cards[1].why = "they are broken";
	uplinks_configure(NULL);
	CHECK_EQ(uplinks_init(), 0);
	CHECK_STR(fake_logged, "");                       /* nobody asked for one */
	CHECK(uplinks_answer());
	CHECK_EQ(uplinks_pause_ns(), 0);
}

TEST(cards_that_are_named_are_not_taken_by_others)
{
	static const struct conf_uplink want[] = {
		{ .net = "default", .card = CONF_UPLINK_AUTO },
		{ .net = "dmz", .card = CONF_UPLINK_NONE },
		{ .net = "lab", .card = CONF_UPLINK_PCI, .slot = 1 },
	};

	fresh();
	uplinks_configure(config(3, want));
	CHECK_EQ(uplinks_init(), 2);
	CHECK_STR(uplink_net(0), "lab");
	CHECK(uplinks[0].card == &cards[0]);
	CHECK_STR(uplink_net(1), "default");
	CHECK(uplinks[1].card == &cards[1]);
	CHECK(uplinks_answer());
	silent = true;
	CHECK(!uplinks_answer());
}

TEST(what_cannot_be_an_uplink_is_told)
{
	static const struct conf_uplink want[] = {
		{ .net = "a", .card = CONF_UPLINK_PCI, .slot = 3 },
		{ .net = "b", .card = CONF_UPLINK_PCI, .slot = 9 },
		{ .net = "c", .card = CONF_UPLINK_PCI, .slot = 2 },
	};

	fresh();
	cards[1].why = "its list of capabilities is broken";
	uplinks_configure(config(3, want));
	CHECK_EQ(uplinks_init(), 0);
	CHECK_STR(fake_logged,
		  "switch a has no way out: of the network card that shall be its uplink: no driver knows it\n"
		  "switch b has no way out: of the network card that shall be its uplink: there is none\n"
		  "switch c has no way out: of the network card that shall be its uplink: its list of capabilities is broken\n");
}

TEST(what_net_finds)
{
	struct net_uplink to;

	fresh();
	cards[0].msix = 0xa0;
	cards[0].messages = 5;
	cards[0].bar[3] = (struct pci_bar){ 0xf8000000, 0x4000 };
	cards[0].msix_table = 0xf8001040;
	uplinks_configure(NULL);
	CHECK_EQ(uplinks_init(), 1);
	to = hand_over(0);
	CHECK_STR(to.name, "default");
	CHECK_STR(to.place, "0000:00:01.0");
	CHECK_EQ(to.config[0x40] | to.config[0x41] << 8, 0x1040);
	CHECK_EQ(to.host.vendor, NIC_VENDOR_INTEL);
	CHECK_EQ(to.host.revision, 7);
	CHECK_EQ(to.host.interrupts, 5);
	CHECK_EQ(to.host.handle, NET_DEVICE);
	CHECK_EQ(to.host.dma_phys, 0x7000000);
	CHECK(to.host.dma_size >= NIC_DMA_BYTES);
	CHECK_EQ((uintptr_t)to.host.bar[0], NET_BAR_ADDR(0, 0));
	CHECK_EQ(to.host.bar_size[0], 0x20000);
	CHECK(!to.host.bar[1]);
	CHECK_EQ(granted_slot, NET_DEVICE);
	CHECK_EQ(granted_rights, RIGHT_READ | RIGHT_WRITE);  /* not DESTROY, which chooses interrupts */
	CHECK_EQ(told.msix_table, 0xf8001040);
	CHECK_EQ(done[0], 0);                        /* the memory is clean as it comes */

	/* Memory, registers 0, registers 3 without their second page, which holds the table. */
	CHECK_EQ(map_count, 4);
	CHECK_EQ(maps[0].prot, PROT_R | PROT_W);
	CHECK_EQ(maps[1].prot, PROT_R | PROT_W | PROT_DEVICE);
	CHECK_EQ(maps[2].offset, 0);
	CHECK_EQ(maps[2].size, 0x1000);
	CHECK_EQ(maps[3].offset, 0x2000);
	CHECK_EQ(maps[3].size, 0x2000);
	CHECK_EQ(maps[3].address, NET_BAR_ADDR(0, 3) + 0x2000);
}

TEST(registers_that_hold_only_the_table_are_not_there)
{
	struct net_uplink to;

	fresh();
	cards[0].msix = 0xa0;
	cards[0].messages = 3;
	cards[0].bar[1] = (struct pci_bar){ 0xf8000000, 0x1000 };
	cards[0].msix_table = 0xf8000000;
	cards[0].bar[2] = (struct pci_bar){ 0xfe003000, 0x1000 };      /* shares its page */
	cards[0].bar[4] = (struct pci_bar){ 0xfd000100, 0x100 };
	uplinks_configure(NULL);
	CHECK_EQ(uplinks_init(), 1);
	to = hand_over(0);
	CHECK(!to.host.bar[1] && !to.host.bar[2]);
	CHECK_EQ(to.host.bar_size[1] | to.host.bar_size[2], 0);
	CHECK_EQ((uintptr_t)to.host.bar[4], NET_BAR_ADDR(0, 4) + 0x100);
	CHECK_EQ(to.host.bar_size[4], 0x100);
}

TEST(interrupts)
{
	struct net_uplink to;

	fresh();
	uplinks_configure(NULL);
	cards[0].messages = 0;
	CHECK_EQ(uplinks_init(), 1);
	to = hand_over(0);
	CHECK_EQ(bound, 0);
	CHECK_EQ(to.host.interrupts, 0);
	CHECK(!strstr(fake_logged, "polled"));
	cards[0].msi = 0x50;
	CHECK_EQ(hand_over(0).host.interrupts, 1);
	cards[0].msix = 0x60;
	cards[0].messages = 2048;
	CHECK_EQ(hand_over(0).host.interrupts, 8);
	no_messages = true;
	line_answer = E_BUSY;
	CHECK_EQ(hand_over(0).host.interrupts, 0);
	CHECK(strstr(fake_logged, "switch default: its uplink cannot interrupt and is polled\n"));
}

TEST(the_next_net_finds_nothing_of_the_one_before)
{
	fresh();
	uplinks_configure(NULL);
	CHECK_EQ(uplinks_init(), 1);
	CHECK_EQ(uplinks_pause_ns(), 100000000);
	hand_over(0);
	CHECK_EQ(hand_over(0).host.vendor, NIC_VENDOR_INTEL);
	CHECK_STR(done, "rc");
	CHECK(strstr(fake_logged, "switch default: its uplink at 0000:00:01.0 was silent, and is handed out again\n"));
	wake_answer = E_IO;
	CHECK_EQ(hand_over(0).host.vendor, 0);
	CHECK(strstr(fake_logged, "cannot be used: error -6\n"));
	wake_answer = OK;
	create_answer = E_PROTO;
	CHECK_EQ(hand_over(0).host.vendor, 0);
	create_answer = DEVICE;
	CHECK_EQ(hand_over(0).host.vendor, NIC_VENDOR_INTEL);
}
