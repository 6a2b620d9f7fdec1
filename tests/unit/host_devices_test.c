/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How init reaches the PCI functions of the machine, and who is told to have them. The machine has a card at 00:01.0 and one without
 * a driver at 00:02.0, seen by ports or at B0000000h.
 * sources: init/pci.c tests/fake/init_log.c
 */
#include "init/log.h"
#include "init/physical.h"
#include "lib/user/sys.h"

#include <stdio.h>

static int64_t fake_read(uint64_t function, uint32_t reg);
static int fake_write(uint64_t function, uint32_t reg, uint32_t value);

#define sys_pci_read(machine, function, reg) fake_read(function, reg)
#define sys_pci_write(machine, function, reg, value) fake_write(function, reg, value)

#include "init/devices.c"

#include "tests/fake/init_log.h"
#include "tests/unit/check.h"

enum { CARDS = 2, WORDS = PCI_HEADER_WORDS };
#define ECAM 0xb0000000ull

static uint32_t card[CARDS][WORDS];
static uint8_t mcfg[44 + 16];
static struct acpi_info acpi;
static bool ram_there, by_ports;

static uint32_t *word(uint64_t function, uint32_t reg)
{
	uint64_t number = function & PCI_PORTS ? (function - PCI_PORTS) >> 11 : (function - ECAM) >> 15;
	bool first = function & PCI_PORTS ? (function - PCI_PORTS) % 2048 == 0 : function % 0x8000 == 0;

	by_ports = function & PCI_PORTS;
	return first && number >= 1 && number <= CARDS && reg < 4 * WORDS ? &card[number - 1][reg / 4] : NULL;
}

static int64_t fake_read(uint64_t function, uint32_t reg)
{
	const uint32_t *w = word(function, reg);

	return w ? *w : UINT32_MAX;
}

static int fake_write(uint64_t function, uint32_t reg, uint32_t value)
{
	uint32_t *w = word(function, reg);

	if (w && reg < PCI_BAR) {
		*w = value;
	}
	return OK;
}

bool physical_read(void *ctx, uint64_t addr, void *buf, size_t len)
{
	(void)ctx;
	memcpy(buf, mcfg + addr, len);
	return true;
}

int physical_take(uint64_t base, uint64_t size, struct extent *out)
{
	(void)out;
	CHECK_EQ(base, ECAM);
	CHECK_EQ(size, 256 << 20);
	return ram_there ? E_NOENT : OK;
}

static void fresh(bool has_mcfg)
{
	const uint64_t base = ECAM;

	memset(&pci, 0, sizeof(pci));
	memset(owners, 0, sizeof(owners));
	memset(card, 0, sizeof(card));
	fake_logged[0] = '\0';
	ram_there = false;
	for (unsigned i = 0; i < CARDS; i++) {
		card[i][0] = (i == 0 ? (uint32_t)NIC_82574L : 0x1533) << 16 | NIC_VENDOR_INTEL;
		card[i][1] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
		card[i][2] = 0x02000000;
	}
	memcpy(mcfg + 44, &base, sizeof(base));
	mcfg[44 + 11] = 255;
	acpi.table[ACPI_MCFG] = (struct acpi_table){ hpa(0), has_mcfg ? sizeof(mcfg) : 0 };
}

static void boot(void)
{
	devices_read_tables(&acpi);
	devices_init();
}

TEST(what_the_log_says_of_a_machine)
{
	fresh(true);
	boot();
	CHECK(!by_ports);
	CHECK_STR(fake_logged, "pci: 0000:00:01.0: network card 8086:10d3, e1000e (82574L)\n"
			  "pci: 0000:00:02.0: network card 8086:1533, no driver\n"
			  "pci: 2 functions on 1 bus, by MCFG; no IOMMU: drivers are trusted with all memory\n");
	CHECK_EQ(card[1][1] & PCI_COMMAND_MASTER, 0);        /* silent, though nobody will use it */
}

TEST(registers_where_ram_is_are_not_believed)
{
	fresh(true);
	ram_there = true;
	boot();
	CHECK(by_ports);
	CHECK(strstr(fake_logged, "pci: segment 0 at 0xb0000000 is not used: that is no free address"));
	CHECK(strstr(fake_logged, "pci: 2 functions on 1 bus, by ports;"));
	fresh(false);
	boot();
	CHECK(by_ports);
	fresh(true);
	mcfg[44] = 1;
	boot();
	CHECK(by_ports);
	CHECK(strstr(fake_logged, "acpi: MCFG ignored: an entry makes no sense\n"));
}

TEST(an_iommu_is_told_of_and_not_used)
{
	fresh(true);
	acpi.table[ACPI_DMAR].length = 48;
	boot();
	acpi.table[ACPI_DMAR].length = 0;
	CHECK(strstr(fake_logged, "the IOMMU is not used yet: drivers are trusted with all memory\n"));
}

TEST(cards_and_their_owners)
{
	static struct node_device shown[3];
	const struct pci_function *f;

	fresh(true);
	boot();
	f = devices_free_card();
	CHECK(f && f == devices_at(0, 0, 1, 0));
	CHECK(!devices_at(0, 0, 3, 0));
	devices_set_owner(f, "net, uplink of a-switch-with-a-very-long-name-indeed");
	CHECK(!devices_free_card());
	CHECK_EQ(devices_show(shown, 1), 2);
	CHECK_STR(shown[0].place, "0000:00:01.0");
	CHECK_EQ(shown[0].device, NIC_82574L);
	CHECK_EQ(shown[0].kind, 0x200);
	CHECK_STR(shown[0].owner, "net, uplink of a-switch-with-a-very-long-");
	CHECK_STR(shown[1].place, "");
	devices_set_owner(f, NULL);
	CHECK(devices_free_card() == f);
}

TEST(a_card_is_handed_out_only_when_it_is_silent)
{
	const struct pci_function *f;

	fresh(true);
	boot();
	f = devices_free_card();
	CHECK(devices_answers(f));
	CHECK_EQ(devices_wake(f), OK);
	CHECK_EQ(card[0][1], PCI_COMMAND_MEMORY);
	card[0][1] |= PCI_COMMAND_MASTER;
	CHECK_EQ(devices_wake(f), E_IO);
	card[0][1] = 0;
	card[0][0] = UINT32_MAX;
	CHECK(!devices_answers(f));
	CHECK_EQ(devices_wake(f), E_IO);
}
