/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices in the kernel: messages become vectors, and the end of the owner is the end of what the function does. Its configuration
 * space is a page of the test, and so are the entries of its MSI-X table.
 * sources: kernel/device.c arch/x86/dev/pci.c tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c kernel/event.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/device.h"

#include "arch/x86/cpu/features.h"
#include "arch/x86/dev/pci.h"
#include "arch/x86/entry/irq.h"
#include "arch/x86/mm/kmap.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

enum { COMMAND = 4 / 4, MSI = 0x50, MSIX = 0x60, EXPRESS = 0x70, FEATURES = 0x90, ENTRIES = 4, FREE_VECTOR = DEVICE_VECTOR_FIRST + 9 };
enum { MASTER = 1 << 2, MEMORY = 1 << 1, NO_INTX = 1 << 10 };

static _Alignas(PAGE_SIZE) uint32_t config[PAGE_SIZE / 4];
static _Alignas(PAGE_SIZE) uint32_t table[4 * ENTRIES];
static struct process *owner;
static struct event *event;
static uint32_t freed;                   /* what irq_free_messages() was told                     */
static bool no_vector;

volatile uint32_t *phys_registers(hpa_t pa)
{
	return (volatile uint32_t *)(uintptr_t)pa.v;
}

int irq_alloc_message(struct event *e)
{
	CHECK(e == event);
	return no_vector ? E_NOMEM : FREE_VECTOR;
}

void irq_free_messages(uint32_t mask)
{
	freed |= mask;
}

static struct device_setup fresh(void)
{
	fake_machine(1);
	fake_process(64);
	owner = fake_process(64);
	event = event_create(owner);
	memset(config, 0, sizeof(config));
	memset(table, 0xff, sizeof(table));
	freed = 0;
	no_vector = false;
	cpu_features.phys_bits = 52;
	cpus[0].apic_id = 5;
	config[0] = 0x10d38086;
	config[COMMAND] = 0xf9000000 | MEMORY | MASTER;      /* the status half: bits that a one clears */
	config[MSI / 4] = 5 | 1 << 23;                       /* 64 bits */
	config[MSIX / 4] = 0x11 | (ENTRIES - 1) << 16;
	config[EXPRESS / 4] = 0x10;
	config[EXPRESS / 4 + 1] = 1 << 28;
	config[FEATURES / 4] = 0x13 | 3 << 24;
	return (struct device_setup){ .function = (uintptr_t)config, .msix_table = (uintptr_t)table, .msi = MSI, .msix = MSIX,
				      .express = EXPRESS, .features = FEATURES };
}

static struct device *create(struct device_setup s)
{
	struct device *d = NULL;

	CHECK_EQ(device_create(owner, &s, &d), OK);
	return d;
}

TEST(a_device_begins_without_bus_mastering)
{
	struct device *d = create(fresh());

	CHECK_EQ(config[COMMAND], MEMORY);           /* and no bit of the status is written as one */
	CHECK(d->object.owner == owner);
	CHECK_EQ(object_count[OBJECT_DEVICE], 1);
	pci_set_master(&d->setup, true);
	CHECK_EQ(config[COMMAND], MEMORY | MASTER);
}

TEST(what_is_not_as_described_is_no_device)
{
	static const struct { const char *what; size_t field; uint64_t value; } rows[] = {
		{ "no MSI there", offsetof(struct device_setup, msi), MSIX },
		{ "no MSI-X there", offsetof(struct device_setup, msix), 0x44 },
		{ "in the header", offsetof(struct device_setup, express), 0x10 },
		{ "crooked", offsetof(struct device_setup, features), FEATURES + 2 },
	};
	struct device_setup s = fresh();
	struct device *d;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct device_setup t = s;

		((uint8_t *)&t)[rows[i].field] = (uint8_t)rows[i].value;
		CHECK_EQ(device_create(owner, &t, &d), E_PROTO);
	}
	config[0] = UINT32_MAX;
	CHECK_EQ(device_create(owner, &s, &d), E_NOENT);     /* nobody answers there */
	config[0] = 0x10d38086;
	s.msix_table += 2;
	CHECK_EQ(device_create(owner, &s, &d), E_PROTO);
	s.msix_table = UINT64_MAX - 15;   /* beyond all memory */
	CHECK_EQ(device_create(owner, &s, &d), E_PROTO);
	CHECK_EQ(config[COMMAND] & MASTER, MASTER);
	CHECK_EQ(object_count[OBJECT_DEVICE], 0);
}

TEST(addresses_of_functions_and_registers)
{
	fresh();
	cpu_features.phys_bits = 40;
	CHECK(pci_is_good(0xb0008000, 0xffc));
	CHECK(!pci_is_good(0xb0008000, 0x1000));
	CHECK(!pci_is_good(0xb0008000, 2));
	CHECK(!pci_is_good(0xb0008010, 0));
	CHECK(!pci_is_good(1ull << 40, 0));
	CHECK(pci_is_good(PCI_PORTS | 0xffff00, 0xfc));
	CHECK(!pci_is_good(PCI_PORTS | 0xffff00, 0x100));
	CHECK(!pci_is_good(PCI_PORTS | 0xffff80, 0));
	CHECK(!pci_is_good(PCI_PORTS | 0x1000000, 0));
}

TEST(messages_of_msix)
{
	struct device *d = create(fresh());

	CHECK_EQ(device_bind(d, event, 1, 2), OK);
	CHECK_EQ(table[0], UINT32_MAX);
	CHECK_EQ(table[4], 0xfee05000);
	CHECK_EQ(table[5], 0);
	CHECK_EQ(table[6], FREE_VECTOR);
	CHECK_EQ(table[7], 0);
	CHECK_EQ(table[8], 0xfee05000);
	CHECK_EQ(table[12], UINT32_MAX);
	CHECK_EQ(config[MSIX / 4] >> 30, 2);         /* on, not masked */
	CHECK_EQ(config[COMMAND], MEMORY | NO_INTX);
	CHECK_EQ(device_bind(d, event, 3, 2), E_NOENT);
	CHECK_EQ(device_bind(d, event, 0, 0), E_NOENT);
	CHECK_EQ(device_bind(d, event, UINT32_MAX, 2), E_NOENT);
	CHECK_EQ(freed, 1u << 9);
	no_vector = true;
	CHECK_EQ(device_bind(d, event, 0, 1), E_NOMEM);
}

TEST(the_message_of_msi)
{
	struct device_setup s = fresh();
	struct device *d;

	s.msix = 0;
	d = create(s);
	config[MSI / 4] |= 5 << 20;                  /* the firmware let it send 32 */
	CHECK_EQ(device_bind(d, event, 0, 2), E_NOENT);
	CHECK_EQ(device_bind(d, event, 0, 1), OK);
	CHECK_EQ(config[MSI / 4], 5 | 1 << 23 | 1 << 16);
	CHECK_EQ(config[MSI / 4 + 1], 0xfee05000);
	CHECK_EQ(config[MSI / 4 + 2], 0);
	CHECK_EQ(config[MSI / 4 + 3], FREE_VECTOR);
	config[MSI / 4] &= ~(1u << 23);
	CHECK_EQ(device_bind(d, event, 0, 1), OK);
	CHECK_EQ(config[MSI / 4 + 2], FREE_VECTOR);
	s.msi = 0;
	CHECK_EQ(device_bind(create(s), event, 0, 1), E_NOENT);
}

TEST(the_end_of_the_owner_silences_the_function)
{
	struct device *d = create(fresh());

	CHECK_EQ(device_bind(d, event, 0, ENTRIES), OK);
	pci_set_master(&d->setup, true);
	config[MSI / 4] |= 1 << 16;
	process_end(owner, PROCESS_FAULTED, 0);
	while (!list_empty(&owner->objects)) {
		object_destroy(list_first(&owner->objects, struct object, in_owner));
	}
	CHECK_EQ(config[COMMAND], MEMORY | NO_INTX);
	CHECK_EQ(config[MSIX / 4] >> 30, 1);         /* off, and masked */
	CHECK_EQ(config[MSI / 4] & 1 << 16, 0);
	CHECK_EQ(config[EXPRESS / 4 + 2], 1 << 15);  /* the reset of the function */
	CHECK_EQ(config[FEATURES / 4 + 1], 0);
	CHECK_EQ(freed, 1u << 9);
	CHECK_EQ(object_count[OBJECT_DEVICE], 0);
}

TEST(resets_of_functions)
{
	struct device_setup s = fresh();

	config[EXPRESS / 4 + 1] = 0;                 /* PCI Express without that reset: the other kind */
	object_destroy(&create(s)->object);
	CHECK_EQ(config[EXPRESS / 4 + 2], 0);
	CHECK_EQ(config[FEATURES / 4 + 1], 1);

	s = fresh();
	config[EXPRESS / 4 + 1] = 0;
	config[FEATURES / 4] &= ~(2u << 24);         /* none: its next driver resets it */
	object_destroy(&create(s)->object);
	CHECK_EQ(config[FEATURES / 4 + 1], 0);
	CHECK_EQ(config[COMMAND], MEMORY | NO_INTX);
}
