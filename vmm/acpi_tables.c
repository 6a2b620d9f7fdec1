/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables of the guest (ACPI 6.5, 5.2). Fixed hardware, not hardware-reduced: the power button, the PM timer and
 * soft-off are the fixed registers of acpi_pm, so that they need no AML method.
 */
#include "vmm/acpi_tables.h"

#include <string.h>

#include "vmm/acpi_dsdt.h"
#include "vmm/aml.h"
#include "vmm/hpet.h"
#include "vmm/platform.h"

struct sdt_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;            /* of the first 20 bytes                                        */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));

struct facs {
	char signature[4];
	uint32_t length, hardware_signature, waking_vector, global_lock, flags;
	uint64_t x_waking_vector;
	uint8_t version, reserved[31];
} __attribute__((packed));

enum gas_space { GAS_MEMORY = 0, GAS_IO = 1 };
enum gas_access { GAS_BYTE = 1, GAS_WORD = 2, GAS_DWORD = 3 };

struct gas {
	uint8_t space, bits, offset, access;
	uint64_t address;
} __attribute__((packed));

enum fadt_boot_arch { BOOT_LEGACY_DEVICES = 1 << 0, BOOT_NO_VGA = 1 << 2, BOOT_NO_ASPM = 1 << 4 };

/* No PWR_BUTTON bit: the button is the fixed one. SLP_BUTTON set: there is no sleep button. */
enum fadt_flags {
	FADT_WBINVD = 1 << 0, FADT_PROC_C1 = 1 << 2, FADT_SLP_BUTTON = 1 << 5, FADT_FIX_RTC = 1 << 6,
	FADT_TMR_VAL_EXT = 1 << 8, FADT_RESET_REG = 1 << 10, FADT_HEADLESS = 1 << 12,
};

struct fadt {
	struct sdt_header h;
	uint32_t facs, dsdt;
	uint8_t reserved0, pm_profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios, pstate;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_len, pm1_control_len, pm2_control_len, pm_timer_len, gpe0_len, gpe1_len, gpe1_base, cst;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_arch;
	uint8_t reserved1;
	uint32_t flags;
	struct gas reset;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor;
	uint64_t x_facs, x_dsdt;
	struct gas x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control, x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct gas sleep_control, sleep_status;
	char hypervisor[8];
} __attribute__((packed));

struct madt {
	struct sdt_header h;
	uint32_t local_apic, flags;
} __attribute__((packed));

struct madt_local_apic { uint8_t type, len, uid, id; uint32_t flags; } __attribute__((packed));
struct madt_ioapic { uint8_t type, len, id, reserved; uint32_t address, gsi_base; } __attribute__((packed));
struct madt_override { uint8_t type, len, bus, source; uint32_t gsi; uint16_t flags; } __attribute__((packed));
struct madt_nmi { uint8_t type, len, uid; uint16_t flags; uint8_t lint; } __attribute__((packed));

enum { MADT_LOCAL_APIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_NMI = 4 };
enum { MADT_PCAT = 1, MADT_ENABLED = 1, MADT_ALL_CPUS = 0xff, MADT_ACTIVE_HIGH_LEVEL = 0x0d };

struct mcfg {
	struct sdt_header h;
	uint64_t reserved;
	uint64_t base;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint32_t reserved1;
} __attribute__((packed));

struct hpet_table {
	struct sdt_header h;
	uint32_t block_id;
	struct gas base;
	uint8_t number;
	uint16_t min_tick;
	uint8_t protection;
} __attribute__((packed));

_Static_assert(sizeof(struct mcfg) == 60, "PCI Firmware 3.3, 4.1.2");
_Static_assert(sizeof(struct hpet_table) == 56, "IA-PC HPET 1.0a, 3.2.4");
_Static_assert(sizeof(struct sdt_header) == 36, "ACPI 6.5, 5.2.6");
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 6.5, 5.2.5.3");
_Static_assert(sizeof(struct facs) == 64, "ACPI 6.5, 5.2.10");
_Static_assert(sizeof(struct fadt) == 276, "ACPI 6.5, 5.2.9");
_Static_assert(sizeof(struct madt) == 44, "ACPI 6.5, 5.2.12");

/* The tables under construction: bytes [0, len) of a buffer that will stand at guest-physical address at. */
struct tables {
	struct aml out;
	uint64_t at;
};

static uint8_t checksum(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return (uint8_t)-sum;
}

static bool overflowed(const struct tables *t)
{
	return t->out.len > t->out.size;
}

static uint64_t here(const struct tables *t)
{
	return t->at + t->out.len;
}

static void align(struct tables *t, size_t to)
{
	static const uint8_t zero[64];

	aml_bytes(&t->out, zero, ALIGN_UP(t->out.len, to) - t->out.len);
}

static struct sdt_header header(const char *signature, uint8_t revision)
{
	struct sdt_header h = { .revision = revision, .oem_revision = 1, .creator_revision = 1 };

	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem_id, "BRUME ", sizeof(h.oem_id));
	memcpy(h.oem_table_id, "BRUMEVM ", sizeof(h.oem_table_id));
	memcpy(h.creator_id, "BRUM", sizeof(h.creator_id));
	return h;
}

/* Fills in length and checksum of the table that began at offset start. */
static void finish(struct tables *t, size_t start)
{
	uint32_t len = (uint32_t)(t->out.len - start);
	uint8_t *table = t->out.buf + start;

	if (overflowed(t)) {
		return;
	}
	memcpy(table + offsetof(struct sdt_header, length), &len, sizeof(len));
	table[offsetof(struct sdt_header, checksum)] = 0;
	table[offsetof(struct sdt_header, checksum)] = checksum(table, len);
}

static uint64_t add_dsdt(struct tables *t, const struct acpi_platform *platform)
{
	struct sdt_header h = header("DSDT", 2);
	uint64_t at = here(t);
	size_t start = t->out.len;

	aml_bytes(&t->out, &h, sizeof(h));
	acpi_dsdt_body(&t->out, platform);
	finish(t, start);
	return at;
}

static uint64_t add_facs(struct tables *t)
{
	struct facs f = { .signature = "FACS", .length = sizeof(f), .version = 2 };
	uint64_t at;

	align(t, 64);
	at = here(t);
	aml_bytes(&t->out, &f, sizeof(f));
	return at;
}

static struct gas port(uint16_t at, uint8_t bytes, enum gas_access access)
{
	return (struct gas){ .space = GAS_IO, .bits = (uint8_t)(bytes * 8), .access = (uint8_t)access, .address = at };
}

static uint64_t add_fadt(struct tables *t, uint64_t facs, uint64_t dsdt)
{
	struct fadt f = {
		.h = header("FACP", 6), .minor = 5,
		.facs = (uint32_t)facs, .dsdt = (uint32_t)dsdt, .x_dsdt = dsdt,
		.sci = GSI_SCI,
		.pm1a_event = PORT_PM1A_EVT, .pm1_event_len = PM1A_EVT_LEN,
		.pm1a_control = PORT_PM1A_CNT, .pm1_control_len = PM1A_CNT_LEN,
		.pm_timer = PORT_PM_TIMER, .pm_timer_len = PM_TIMER_LEN,
		.gpe0 = PORT_GPE0, .gpe0_len = GPE0_LEN,
		.x_pm1a_event = port(PORT_PM1A_EVT, PM1A_EVT_LEN, GAS_WORD),
		.x_pm1a_control = port(PORT_PM1A_CNT, PM1A_CNT_LEN, GAS_WORD),
		.x_pm_timer = port(PORT_PM_TIMER, PM_TIMER_LEN, GAS_DWORD),
		.x_gpe0 = port(PORT_GPE0, GPE0_LEN, GAS_BYTE),
		.c2_latency = 0xffff, .c3_latency = 0xffff,      /* no C2, no C3                         */
		.boot_arch = BOOT_LEGACY_DEVICES | BOOT_NO_VGA | BOOT_NO_ASPM,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC | FADT_TMR_VAL_EXT |
			 FADT_RESET_REG | FADT_HEADLESS,
		.reset = port(PORT_RESET, 1, GAS_BYTE), .reset_value = RESET_VALUE,
		.hypervisor = "BrumeVMM",
	};
	uint64_t at = here(t);
	size_t start = t->out.len;

	aml_bytes(&t->out, &f, sizeof(f));
	finish(t, start);
	return at;
}

static void add_interrupt_lines(struct aml *a)
{
	struct madt_ioapic io = {
		.type = MADT_IOAPIC, .len = sizeof(io), .id = PLATFORM_IOAPIC_ID, .address = (uint32_t)PLATFORM_IOAPIC,
	};
	struct madt_override pit = {
		.type = MADT_OVERRIDE, .len = sizeof(pit), .source = GSI_PIT, .gsi = IOAPIC_PIN_PIT,
	};
	struct madt_override sci = {
		.type = MADT_OVERRIDE, .len = sizeof(sci), .source = GSI_SCI, .gsi = GSI_SCI, .flags = MADT_ACTIVE_HIGH_LEVEL,
	};
	struct madt_nmi nmi = { .type = MADT_NMI, .len = sizeof(nmi), .uid = MADT_ALL_CPUS, .lint = 1 };

	aml_bytes(a, &io, sizeof(io));
	aml_bytes(a, &pit, sizeof(pit));
	aml_bytes(a, &sci, sizeof(sci));
	aml_bytes(a, &nmi, sizeof(nmi));
}

/* The lines of PCI are level-triggered, which is not what ISA lines are unless it is said. */
static void add_pci_lines(struct aml *a)
{
	static const uint8_t line[] = PLATFORM_PCI_LINES;

	for (unsigned i = 0; i < ARRAY_SIZE(line); i++) {
		struct madt_override o = {
			.type = MADT_OVERRIDE, .len = sizeof(o), .source = line[i], .gsi = line[i],
			.flags = MADT_ACTIVE_HIGH_LEVEL,
		};

		aml_bytes(a, &o, sizeof(o));
	}
}

static uint64_t add_madt(struct tables *t, unsigned vcpus)
{
	struct madt m = { .h = header("APIC", 5), .local_apic = (uint32_t)PLATFORM_LAPIC, .flags = MADT_PCAT };
	uint64_t at = here(t);
	size_t start = t->out.len;

	aml_bytes(&t->out, &m, sizeof(m));
	for (unsigned i = 0; i < vcpus; i++) {
		struct madt_local_apic l = {
			.type = MADT_LOCAL_APIC, .len = sizeof(l), .uid = (uint8_t)i, .id = (uint8_t)i, .flags = MADT_ENABLED,
		};

		aml_bytes(&t->out, &l, sizeof(l));
	}
	add_interrupt_lines(&t->out);
	add_pci_lines(&t->out);
	finish(t, start);
	return at;
}

static uint64_t add_mcfg(struct tables *t)
{
	struct mcfg m = { .h = header("MCFG", 1), .base = PLATFORM_ECAM };
	uint64_t at = here(t);
	size_t start = t->out.len;

	aml_bytes(&t->out, &m, sizeof(m));
	finish(t, start);
	return at;
}

static uint64_t add_hpet(struct tables *t)
{
	struct hpet_table p = {
		.h = header("HPET", 1), .block_id = (uint32_t)HPET_CAPABILITIES, .min_tick = HPET_MIN_TICK,
		.base = { .space = GAS_MEMORY, .bits = 64, .address = PLATFORM_HPET },
	};
	uint64_t at = here(t);
	size_t start = t->out.len;

	aml_bytes(&t->out, &p, sizeof(p));
	finish(t, start);
	return at;
}

enum { SDT_MAX = 4 };

static uint64_t add_xsdt(struct tables *t, const uint64_t entry[SDT_MAX], unsigned count)
{
	struct sdt_header h = header("XSDT", 1);
	uint64_t at;
	size_t start;

	align(t, 8);
	at = here(t);
	start = t->out.len;
	aml_bytes(&t->out, &h, sizeof(h));
	aml_bytes(&t->out, entry, count * sizeof(entry[0]));
	finish(t, start);
	return at;
}

static struct rsdp make_rsdp(uint64_t xsdt)
{
	struct rsdp r = { .revision = 2, .length = sizeof(r), .xsdt = xsdt };

	memcpy(r.signature, "RSD PTR ", sizeof(r.signature));
	memcpy(r.oem_id, "BRUME ", sizeof(r.oem_id));
	r.checksum = checksum((const uint8_t *)&r, offsetof(struct rsdp, length));
	r.extended_checksum = checksum((const uint8_t *)&r, sizeof(r));
	return r;
}

int acpi_tables_build(uint8_t *buf, size_t size, uint64_t at, const struct acpi_platform *platform)
{
	struct tables t = { .out = { .buf = buf, .size = size, .len = sizeof(struct rsdp) }, .at = at };
	uint64_t table[SDT_MAX], facs;
	unsigned count = 0;
	struct rsdp r;

	if (!platform->vcpus || platform->vcpus > PLATFORM_VCPUS_MAX || platform->virtio_mmio > VIRTIO_MMIO_MAX ||
	    (at & 63) || at >= PLATFORM_HIGH - ACPI_TABLES_MAX) {
		return E_INVAL;
	}
	facs = add_facs(&t);
	table[count++] = add_fadt(&t, facs, add_dsdt(&t, platform));
	table[count++] = add_madt(&t, platform->vcpus);
	table[count++] = add_mcfg(&t);
	if (platform->hpet) {
		table[count++] = add_hpet(&t);
	}
	r = make_rsdp(add_xsdt(&t, table, count));
	if (overflowed(&t) || t.out.len > ACPI_TABLES_MAX) {
		return E_NOMEM;
	}
	memcpy(buf, &r, sizeof(r));
	return (int)t.out.len;
}
