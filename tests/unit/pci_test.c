/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI: configuration space as a guest writes it, BARs that move and collide, INTx, MSI.
 * sources: vmm/pci.c vmm/pci_host.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/pci_host.h"
#include "vmm/platform.h"

#define WINDOW PLATFORM_PCI_WINDOW
#define WINDOW_END (PLATFORM_PCI_WINDOW + PLATFORM_PCI_WINDOW_SIZE)

enum { SLOT_A = 1, SLOT_B = 2, MSI_CAP = 0x40 };

/* Two functions: a has a 64-bit BAR of 32 KiB, MSI and INTx; b a 32-bit one of 4 KiB. Memory reads say whose it is and where. */
static struct pci_host host;
static struct pci_function a, b;
static unsigned moves;
static uint64_t written_at;

static void bar_a(void *dev, struct io_access *io)
{
	(void)dev;
	written_at = io->write ? io->addr : written_at;
	io->value = 0xaa000000 | io->addr;
}

static void bar_b(void *dev, struct io_access *io)
{
	(void)dev;
	io->value = 0xbb000000 | io->addr;
}

static void moved(struct pci_function *f)
{
	(void)f;
	moves++;
}

static const struct pci_ops ops = { .moved = moved };

static uint64_t config(unsigned slot, unsigned reg)
{
	return PLATFORM_ECAM + slot * 0x8000 + reg;
}

/* What the chipset passes on of port CF8h. */
static void select_register(uint32_t address)
{
	struct io_access io = { .size = 4, .write = true, .value = address };

	pci_host_address(&host, &io);
}

static void fresh(void)
{
	static const struct pci_identity id = {
		.vendor = 0x1234, .device = 0x5678, .class = 0x010203, .revision = 9, .subsystem_vendor = 0xaaaa, .subsystem = 0xbbbb,
	};

	fake_reset();
	CHECK_EQ(pci_host_init(&host, &fake.ports, &fake.mmio), OK);
	pci_function_init(&a, &id, &ops, NULL);
	pci_add_bar(&a, 0, 0x8000, true, bar_a, NULL);
	pci_add_msi(&a);
	pci_add_intx(&a);
	CHECK_EQ(pci_host_add(&host, &a), SLOT_A);
	pci_function_init(&b, &id, &ops, NULL);
	pci_add_bar(&b, 1, 0x1000, false, bar_b, NULL);
	pci_add_intx(&b);
	CHECK_EQ(pci_host_add(&host, &b), SLOT_B);
	moves = 0;
}

TEST(header_is_what_the_function_says)
{
	static const struct { unsigned reg, size; uint32_t want; } row[] = {
		{ 0x00, 4, 0x56781234 }, { 0x08, 4, 0x01020309 }, { 0x0b, 1, 0x01 }, { 0x0e, 1, 0 }, { 0x2c, 4, 0xbbbbaaaa },
		{ 0x34, 1, MSI_CAP }, { 0x06, 2, 0x0010 }, { 0x3d, 1, 1 }, { 0x3c, 1, 10 }, { 0x04, 2, 0x0002 },
	};

	fresh();
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(fake_read(config(SLOT_A, row[i].reg), row[i].size), row[i].want);
		select_register(0x80000000u | SLOT_A << 11 | (row[i].reg & 0xfc));
		CHECK_EQ(fake_in((uint16_t)(0xcfc + (row[i].reg & 3)), row[i].size), row[i].want);
	}
}

/* All of configuration space is written with ones, zeroes and ones again: what may not change does not. */
TEST(read_only_bits_stay)
{
	for (unsigned size = 1; size <= 8; size *= 2) {
		fresh();
		for (unsigned reg = 0; reg < 0x1000; reg += size) {
			fake_write(config(SLOT_A, reg), size, UINT64_MAX);
		}
		CHECK_EQ(fake_read32(config(SLOT_A, 0x00)), 0x56781234);
		CHECK_EQ(fake_read32(config(SLOT_A, 0x04)), 0x00100406);
		CHECK_EQ(fake_read32(config(SLOT_A, 0x08)), 0x01020309);
		CHECK_EQ(fake_read32(config(SLOT_A, 0x10)), 0xffff800c);
		CHECK_EQ(fake_read32(config(SLOT_A, 0x14)), 0xffffffff);
		CHECK_EQ(fake_read32(config(SLOT_A, 0x18)), 0);
		CHECK_EQ(fake_read32(config(SLOT_A, 0x3c)), 0x1ff);
		CHECK_EQ(fake_read32(config(SLOT_A, MSI_CAP)), 0x01810005);
		CHECK_EQ(fake_read32(config(SLOT_A, 0x100)), 0);
	}
}

TEST(accesses_that_hit_nobody)
{
	fresh();
	CHECK_EQ(fake_read32(config(3, 0)), 0xffffffff);             /* empty slot     */
	CHECK_EQ(fake_read32(config(SLOT_A, 0x1000)), 0xffffffff);   /* function 1     */
	CHECK_EQ(fake_read(config(SLOT_A, 0xffe), 4), 0xffffffff);   /* over the end   */
	CHECK_EQ(fake_read(config(SLOT_A, 0xfe), 4), 0);             /* over the first 256 */
	select_register(0x80010000u | SLOT_A << 11);                 /* bus 1          */
	CHECK_EQ(fake_in(0xcfc, 4), 0xffffffff);
}

TEST(bars_are_placed_sized_and_moved)
{
	fresh();
	CHECK_EQ(fake_read32(config(SLOT_A, 0x10)), WINDOW | 0xc);
	CHECK_EQ(fake_read32(config(SLOT_B, 0x14)), WINDOW + 0x8000);
	CHECK_EQ(fake_read32(WINDOW + 0x123 * 4), 0xaa000000 | 0x123 * 4);
	CHECK_EQ(fake_read32(WINDOW + 0x8010), 0xbb000010);

	fake_write32(config(SLOT_A, 0x10), 0xffffffff);
	fake_write32(config(SLOT_A, 0x14), 0xffffffff);
	CHECK_EQ(fake_read32(config(SLOT_A, 0x10)), 0xffff800c);
	CHECK_EQ(fake_read32(config(SLOT_A, 0x14)), 0xffffffff);
	CHECK_EQ(fake_read32(WINDOW), 0xffffffff);
	CHECK_EQ(fake_read32(WINDOW + 0x8010), 0xbb000010);

	fake_write32(config(SLOT_A, 0x14), 0);
	fake_write32(config(SLOT_A, 0x10), WINDOW + 0x123456);
	CHECK_EQ(fake_read32(config(SLOT_A, 0x10)), (WINDOW + 0x120000) | 0xc);
	CHECK_EQ(fake_read32(WINDOW + 0x120040), 0xaa000040);
	CHECK(moves >= 2);

	fake_write(config(SLOT_A, 0x04), 2, 0);                      /* decoding off and on */
	CHECK_EQ(fake_read32(WINDOW + 0x120040), 0xffffffff);
	fake_write(config(SLOT_A, 0x04), 2, PCI_COMMAND_MEMORY);
	CHECK_EQ(fake_read32(WINDOW + 0x120040), 0xaa000040);
}

/* Over RAM, over other devices, over the end of the window, above 4 GiB: no access gets there, and none is taken from others. */
TEST(bars_outside_of_the_window_answer_nowhere)
{
	static const uint64_t at[] = {
		0, 0x100000, WINDOW - 0x8000, WINDOW_END, PLATFORM_ECAM, PLATFORM_IOAPIC & ~0x7fffull, PLATFORM_LAPIC & ~0x7fffull,
		0x100000000, WINDOW + 0x100000000, 0xffffffffffff8000,
	};

	for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
		fresh();
		fake_write32(config(SLOT_A, 0x10), (uint32_t)at[i]);
		fake_write32(config(SLOT_A, 0x14), (uint32_t)(at[i] >> 32));
		CHECK_EQ(a.bar[0].base, UINT64_MAX);
		CHECK_EQ(fake_read32(WINDOW), 0xffffffff);
		CHECK_EQ(fake_read32(config(SLOT_B, 0)), 0x56781234);
	}
}

TEST(of_bars_that_overlap_the_lower_slot_answers)
{
	fresh();
	CHECK_EQ(fake_read32(WINDOW + 0x8010), 0xbb000010);          /* remembered as the last one */
	fake_write32(config(SLOT_B, 0x14), WINDOW + 0x1000);
	CHECK_EQ(fake_read32(WINDOW + 0x1010), 0xaa001010);
	CHECK_EQ(b.bar[1].base, UINT64_MAX);
	fake_write32(config(SLOT_A, 0x10), WINDOW + 0x10000);
	CHECK_EQ(fake_read32(WINDOW + 0x1010), 0xbb000010);
	fake_write32(config(SLOT_A, 0x10), WINDOW);
	CHECK_EQ(fake_read32(WINDOW + 0x1010), 0xaa001010);
}

TEST(accesses_over_the_end_of_a_bar_are_split)
{
	fresh();
	CHECK_EQ(fake_read(WINDOW + 0x7ffe, 4), 0x0100fffe);         /* two bytes of each */
	CHECK_EQ(fake_read(WINDOW + 0x8ffe, 4), 0xfffffffe);
	fake_write(WINDOW + 0x7ffe, 4, 0);
	CHECK_EQ(written_at, 0x7fff);
}

TEST(intx_is_a_level_shared_by_slots_and_can_be_disabled)
{
	fresh();
	pci_interrupt(&a, true);
	CHECK(fake.irq[10]);
	CHECK_EQ(fake_read(config(SLOT_A, 0x06), 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
	fake_write(config(SLOT_A, 0x04), 2, PCI_COMMAND_NO_INTX);
	CHECK(!fake.irq[10]);
	CHECK_EQ(fake_read(config(SLOT_A, 0x06), 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
	fake_write(config(SLOT_A, 0x04), 2, 0);
	CHECK(fake.irq[10]);
	pci_interrupt(&b, true);
	CHECK(fake.irq[5]);
	pci_interrupt(&a, false);
	CHECK(!fake.irq[10] && fake.irq[5]);
	/* Slots 1 and 5 share a wire: it falls when both let go. */
	pci_host_intx(&host, 1, true);
	pci_host_intx(&host, 5, true);
	pci_host_intx(&host, 1, false);
	CHECK(fake.irq[10]);
	pci_host_intx(&host, 5, false);
	CHECK(!fake.irq[10]);
}

static void enable_msi(uint32_t mask)
{
	fake_write(config(SLOT_A, 0x04), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	fake_write32(config(SLOT_A, MSI_CAP + 4), 0xfee01000);
	fake_write32(config(SLOT_A, MSI_CAP + 8), 0);
	fake_write(config(SLOT_A, MSI_CAP + 12), 2, 0x4041);
	fake_write32(config(SLOT_A, MSI_CAP + 16), mask);
	fake_write(config(SLOT_A, MSI_CAP + 2), 2, 1);
}

TEST(msi_takes_the_place_of_the_line)
{
	fresh();
	enable_msi(0);
	pci_interrupt(&a, true);
	CHECK_EQ(fake.msis, 1);
	CHECK_EQ(fake.msi.address, 0xfee01000);
	CHECK_EQ(fake.msi.data, 0x4041);
	CHECK(!fake.irq[10]);
	pci_interrupt(&a, true);
	CHECK_EQ(fake.msis, 1);
	pci_interrupt(&a, false);
	pci_interrupt(&a, true);
	CHECK_EQ(fake.msis, 2);
}

TEST(a_masked_message_waits)
{
	fresh();
	enable_msi(1);
	pci_interrupt(&a, true);
	CHECK_EQ(fake.msis, 0);
	CHECK_EQ(fake_read32(config(SLOT_A, MSI_CAP + 20)), 1);
	fake_write32(config(SLOT_A, MSI_CAP + 16), 0);
	CHECK_EQ(fake.msis, 1);
	CHECK_EQ(fake_read32(config(SLOT_A, MSI_CAP + 20)), 0);
	/* No bus master, no message. */
	fake_write(config(SLOT_A, 0x04), 2, 0);
	pci_interrupt(&a, false);
	pci_interrupt(&a, true);
	CHECK_EQ(fake.msis, 1);
	fake_write(config(SLOT_A, 0x04), 2, PCI_COMMAND_MASTER);
	CHECK_EQ(fake.msis, 2);
}

TEST(slots_and_window_end)
{
	static struct pci_function more[PCI_SLOTS];
	static const struct pci_identity id = { .vendor = 1 };

	fresh();
	pci_function_init(&more[0], &id, &ops, NULL);
	pci_add_bar(&more[0], 0, PLATFORM_PCI_WINDOW_SIZE, true, bar_a, NULL);
	CHECK_EQ(pci_host_add(&host, &more[0]), E_NOMEM);
	for (unsigned i = 3; i < PCI_SLOTS; i++) {
		pci_function_init(&more[i], &id, &ops, NULL);
		CHECK_EQ(pci_host_add(&host, &more[i]), i);
	}
	pci_function_init(&more[1], &id, &ops, NULL);
	CHECK_EQ(pci_host_add(&host, &more[1]), E_NOMEM);
}
