/* SPDX-License-Identifier: Apache-2.0 */
/* The host's I/O APICs and the 8259 pair: see ioapic.h. */
#include "init/ioapic.h"

#include "init/physical.h"
#include "init/ports.h"

enum { IOAPIC_SELECT = 0x00, IOAPIC_WINDOW = 0x10 };             /* bytes */
enum { IOAPIC_VERSION = 1, IOAPIC_REDIRECTION = 0x10 };
enum { REDIR_ACTIVE_LOW = 1 << 13, REDIR_LEVEL = 1 << 15, REDIR_MASKED = 1 << 16 };
enum { PIC1 = 0x20, PIC2 = 0xa0, PIC_VECTOR = 0x20, IO_DELAY = 0x80 };

static struct {
	volatile uint8_t *page;         /* NULL: cannot be reached                                  */
	uint32_t first, count;          /* global interrupt numbers                                 */
} ioapics[ACPI_IOAPIC_MAX];

static uint32_t get(unsigned i, uint32_t reg)
{
	*(volatile uint32_t *)(ioapics[i].page + IOAPIC_SELECT) = reg;
	return *(volatile uint32_t *)(ioapics[i].page + IOAPIC_WINDOW);
}

static void set(unsigned i, uint32_t reg, uint32_t val)
{
	*(volatile uint32_t *)(ioapics[i].page + IOAPIC_SELECT) = reg;
	*(volatile uint32_t *)(ioapics[i].page + IOAPIC_WINDOW) = val;
}

static void pic_write(uint16_t port, uint8_t val)
{
	port_out8(port, val);
	port_out8(IO_DELAY, 0);
}

/* Vectors 20h to 2Fh stay theirs: even masked they can raise spurious interrupts 7 and 15. */
static void pic_disable(void)
{
	static const uint8_t words[][2] = {
		{ 0x11, 0x11 }, { PIC_VECTOR, PIC_VECTOR + 8 }, { 4, 2 }, { 1, 1 }, { 0xff, 0xff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		uint16_t command = i ? 1 : 0;

		pic_write((uint16_t)(PIC1 + command), words[i][0]);
		pic_write((uint16_t)(PIC2 + command), words[i][1]);
	}
}

void ioapic_init(const struct acpi_info *acpi)
{
	pic_disable();
	for (unsigned i = 0; i < acpi->ioapic_count; i++) {
		ioapics[i].page = physical_device(acpi->ioapic[i].base.v);
		if (!ioapics[i].page) {
			continue;
		}
		ioapics[i].first = acpi->ioapic[i].gsi_base;
		ioapics[i].count = (get(i, IOAPIC_VERSION) >> 16 & 0xff) + 1;
		for (uint32_t pin = 0; pin < ioapics[i].count; pin++) {
			set(i, IOAPIC_REDIRECTION + 2 * pin, REDIR_MASKED);
		}
	}
}

int ioapic_route_isa(const struct acpi_info *acpi, uint8_t irq, uint8_t vector, uint32_t apic_id, bool edge)
{
	const struct acpi_isa_irq *isa = &acpi->isa[irq % ACPI_ISA_IRQS];

	for (unsigned i = 0; i < ACPI_IOAPIC_MAX; i++) {
		uint32_t pin = isa->gsi - ioapics[i].first;
		uint32_t low = vector;

		if (pin >= ioapics[i].count || apic_id > 0xff) {
			continue;
		}
		low |= (isa->active_low ? (uint32_t)REDIR_ACTIVE_LOW : 0) | (isa->level && !edge ? (uint32_t)REDIR_LEVEL : 0);
		set(i, IOAPIC_REDIRECTION + 2 * pin + 1, apic_id << 24);
		set(i, IOAPIC_REDIRECTION + 2 * pin, low);
		return OK;
	}
	return E_NOENT;
}
