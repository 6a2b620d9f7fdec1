/* SPDX-License-Identifier: Apache-2.0 */
/* MADT (ACPI 6.5, 5.2.12) and HPET (IA-PC HPET 1.0a, 3.2.4). See acpi.h. */
#include "arch/x86/acpi/parser.h"
#include "arch/x86/acpi/tables.h"

enum { APIC_ID_NONE = 0xffffffff };

/* The head of the entry at off; false at the end or where lengths make no sense. */
static bool next_entry(const struct acpi_parser *p, const struct acpi_table *t, uint64_t off, struct acpi_entry *e)
{
	return acpi_get(p, t, off, e, sizeof(*e)) && e->length >= sizeof(*e) && range_within(off, e->length, t->length);
}

/* The entry into a structure; false when it is shorter than that. */
static bool entry_as(const struct acpi_parser *p, const struct acpi_table *t, uint64_t off, struct acpi_entry e, void *buf,
		     size_t size)
{
	return e.length >= size && acpi_get(p, t, off, buf, size);
}

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t flags)
{
	if (!(flags & MADT_CPU_ENABLED) || apic_id == APIC_ID_NONE) {
		return;
	}
	if (info->cpu_count < ACPI_CPU_MAX) {
		info->cpu[info->cpu_count] = apic_id;
	}
	info->cpu_count++;
}

static void add_ioapic(struct acpi_info *info, const struct madt_ioapic *m)
{
	if (info->ioapic_count < ACPI_IOAPIC_MAX && m->address) {
		info->ioapic[info->ioapic_count++] = (struct acpi_ioapic){ hpa(m->address), m->gsi, m->id };
	}
}

static void add_override(struct acpi_info *info, const struct madt_override *m)
{
	if (m->bus == 0 && m->irq < ACPI_ISA_IRQS) {
		info->isa[m->irq] = (struct acpi_isa_irq){ m->gsi, (m->flags & 3) == 3, (m->flags >> 2 & 3) == 3 };
	}
}

static void madt_entry(struct acpi_parser *p, const struct acpi_table *t, uint64_t off, struct acpi_entry e)
{
	union {
		struct madt_lapic lapic;
		struct madt_ioapic ioapic;
		struct madt_override over;
		struct madt_address address;
		struct madt_x2apic x2apic;
	} m;

	switch (e.type) {
	case MADT_LAPIC:
		if (entry_as(p, t, off, e, &m.lapic, sizeof(m.lapic)) && m.lapic.apic_id != 0xff) {
			add_cpu(p->info, m.lapic.apic_id, m.lapic.flags);
		}
		break;
	case MADT_X2APIC:
		if (entry_as(p, t, off, e, &m.x2apic, sizeof(m.x2apic))) {
			add_cpu(p->info, m.x2apic.apic_id, m.x2apic.flags);
		}
		break;
	case MADT_IOAPIC:
		if (entry_as(p, t, off, e, &m.ioapic, sizeof(m.ioapic))) {
			add_ioapic(p->info, &m.ioapic);
		}
		break;
	case MADT_OVERRIDE:
		if (entry_as(p, t, off, e, &m.over, sizeof(m.over))) {
			add_override(p->info, &m.over);
		}
		break;
	case MADT_LAPIC_ADDRESS:
		if (entry_as(p, t, off, e, &m.address, sizeof(m.address))) {
			p->info->lapic_base = m.address.address;
		}
		break;
	default:
		break;
	}
}

void acpi_parse_madt(struct acpi_parser *p)
{
	const struct acpi_table *t = &p->info->table[ACPI_MADT];
	uint64_t off = sizeof(struct acpi_header);
	struct acpi_entry e;
	uint32_t base;

	if (!acpi_get(p, t, off, &base, sizeof(base))) {
		return;
	}
	p->info->lapic_base = base;
	for (off += 8; next_entry(p, t, off, &e); off += e.length) {
		madt_entry(p, t, off, e);
	}
}

void acpi_parse_hpet(struct acpi_parser *p)
{
	struct hpet_table h;

	if (acpi_get(p, &p->info->table[ACPI_HPET], sizeof(struct acpi_header), &h, sizeof(h)) && h.base.space == 0) {
		p->info->hpet = hpa(h.base.address);
	}
}
