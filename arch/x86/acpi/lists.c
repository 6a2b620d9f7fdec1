/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables that are lists of entries: MADT (5.2.12), SRAT (5.2.16), MCFG, DMAR, IVRS. See acpi.h. */
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
		info->cpu[info->cpu_count] = (struct acpi_cpu){ apic_id, 0 };
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

static void set_cpu_node(struct acpi_info *info, uint32_t apic_id, uint32_t node)
{
	for (uint32_t i = 0; i < info->cpu_count && i < ACPI_CPU_MAX; i++) {
		if (info->cpu[i].apic_id == apic_id) {
			info->cpu[i].node = node;
		}
	}
}

static void add_node_memory(struct acpi_info *info, const struct srat_memory *m)
{
	uint64_t end;

	if (!(m->flags & SRAT_ENABLED) || !m->length || __builtin_add_overflow(m->base, m->length, &end)) {
		return;
	}
	if (info->node_mem_count < ACPI_NODE_MEM_MAX) {
		info->node_mem[info->node_mem_count++] = (struct acpi_node_mem){ m->base, m->length, m->node };
	}
}

static void srat_entry(struct acpi_parser *p, const struct acpi_table *t, uint64_t off, struct acpi_entry e)
{
	union {
		struct srat_lapic lapic;
		struct srat_memory memory;
		struct srat_x2apic x2apic;
	} s;

	switch (e.type) {
	case SRAT_LAPIC:
		if (entry_as(p, t, off, e, &s.lapic, sizeof(s.lapic)) && (s.lapic.flags & SRAT_ENABLED)) {
			set_cpu_node(p->info, s.lapic.apic_id,
				     s.lapic.node_low | (uint32_t)s.lapic.node_high[0] << 8 |
					     (uint32_t)s.lapic.node_high[1] << 16 | (uint32_t)s.lapic.node_high[2] << 24);
		}
		break;
	case SRAT_X2APIC:
		if (entry_as(p, t, off, e, &s.x2apic, sizeof(s.x2apic)) && (s.x2apic.flags & SRAT_ENABLED)) {
			set_cpu_node(p->info, s.x2apic.apic_id, s.x2apic.node);
		}
		break;
	case SRAT_MEMORY:
		if (entry_as(p, t, off, e, &s.memory, sizeof(s.memory))) {
			add_node_memory(p->info, &s.memory);
		}
		break;
	default:
		break;
	}
}

/* How many different nodes the memory entries name. */
static uint32_t count_nodes(const struct acpi_info *info)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < info->node_mem_count; i++) {
		uint32_t j = 0;

		while (j < i && info->node_mem[j].node != info->node_mem[i].node) {
			j++;
		}
		count += j == i;
	}
	return count ? count : 1;
}

void acpi_parse_srat(struct acpi_parser *p)
{
	const struct acpi_table *t = &p->info->table[ACPI_SRAT];
	struct acpi_entry e;

	for (uint64_t off = sizeof(struct acpi_header) + 12; next_entry(p, t, off, &e); off += e.length) {
		srat_entry(p, t, off, e);
	}
	p->info->node_count = count_nodes(p->info);
}

static void parse_mcfg(struct acpi_parser *p)
{
	struct acpi_info *info = p->info;
	struct mcfg_entry m;

	for (uint64_t off = sizeof(struct acpi_header) + 8; info->ecam_count < ACPI_ECAM_MAX; off += sizeof(m)) {
		if (!acpi_get(p, &info->table[ACPI_MCFG], off, &m, sizeof(m))) {
			return;
		}
		if (m.base && m.first <= m.last) {
			info->ecam[info->ecam_count++] = (struct acpi_ecam){ hpa(m.base), m.segment, m.first, m.last };
		}
	}
}

/*
 * Remapping units: entries of type 0 in DMAR (VT-d 8.2; type and length of 16 bits each), of type 10h, 11h or 40h in
 * IVRS (AMD IOMMU 5.2.2; type, flags, length). A unit that IVRS lists in several forms counts once, as its type 10h.
 */
static uint32_t count_units(struct acpi_parser *p, enum acpi_table_id id, uint8_t wanted)
{
	uint64_t off = sizeof(struct acpi_header) + 12;
	const struct acpi_table *t = &p->info->table[id];
	uint32_t count = 0;
	uint8_t head[4];

	while (acpi_get(p, t, off, head, sizeof(head))) {
		uint32_t length = (uint32_t)head[2] | (uint32_t)head[3] << 8;

		if (length < sizeof(head) || !range_within(off, length, t->length)) {
			break;
		}
		count += head[0] == wanted && (id == ACPI_IVRS || !head[1]);
		off += length;
	}
	return count;
}

void acpi_parse_devices(struct acpi_parser *p)
{
	struct hpet_table h;

	if (acpi_get(p, &p->info->table[ACPI_HPET], sizeof(struct acpi_header), &h, sizeof(h)) && h.base.space == 0) {
		p->info->hpet = hpa(h.base.address);
	}
	parse_mcfg(p);
	p->info->iommu_count = count_units(p, ACPI_DMAR, 0) + count_units(p, ACPI_IVRS, 0x10);
}
