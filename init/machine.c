/* SPDX-License-Identifier: Apache-2.0 */
/* Bring-up of the machine: see machine.h. Until SYS_MACHINE_SETUP interrupts are off, and nothing here may wait. */
#include "init/machine.h"

#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include "init/acpi.h"
#include "init/bootinfo.h"
#include "init/calibrate.h"
#include "init/cpus.h"
#include "init/devices.h"
#include "init/inventory.h"
#include "init/ioapic.h"
#include "init/keep.h"
#include "init/log.h"
#include "init/multiboot.h"
#include "init/physical.h"
#include "init/power.h"
#include "init/rtc.h"
#include "init/video.h"
#include "lib/cpu_list.h"
#include "lib/user/sys.h"

enum { RSDP_OEM = 9, RSDP_OEM_BYTES = 6, CPUID1_ECX_HYPERVISOR = 1u << 31 };
enum { HOLES_MAX = 16, PANIC_SECONDS = 10, TCG_LEAF = 0x40000000, LINE_VECTOR = DEVICE_VECTOR_FIRST };

static struct acpi_info acpi;
static uint16_t line_port;               /* of the console's UART; 0: none */
static uint8_t line_irq;
static uint32_t boot_apic_id;
static uint8_t card_irq[DEVICE_LINES - 1];       /* by who has the line; 0: none */
static bool bochs_firmware;              /* by its name in the ACPI tables; QEMU's has the same */

static _Noreturn void refuse(const char *sentence)
{
	init_log("Brume cannot run here: %s", sentence);
	for (;;) {
		sys_halt(INIT_MACHINE);
	}
}

/* What is not in our hands is ring 0's: its image, the page in which CPUs start. */
static int read_boot_info(struct boot_info *boot, const struct init_info *info)
{
	struct boot_mem keep[HOLES_MAX];
	unsigned n = 0;
	uint64_t base, end;

	for (uint64_t at = 0; n < HOLES_MAX && physical_hole(at, &base, &end); at = end) {
		keep[n++] = (struct boot_mem){ base, end - base, BOOT_MEM_KERNEL };
	}
	return multiboot_parse(boot, info->loader_magic, info->loader_info, physical_read, NULL, keep, n);
}

static void log_boot_info(const struct boot_info *b)
{
	init_log("boot: command line \"%s\", %llu MiB of RAM", b->cmdline, (unsigned long long)(b->ram_bytes >> 20));
	for (uint32_t i = 0; i < b->module_count; i++) {
		init_log("boot: module %s, %llu bytes", b->module[i].name, (unsigned long long)b->module[i].size);
	}
	if (b->mem_dropped || b->module_dropped) {
		init_log("boot: %u stretches of memory and %u modules not used: too many or misplaced", (unsigned)b->mem_dropped,
			 (unsigned)b->module_dropped);
	}
}

static void log_tables(const struct acpi_info *a)
{
	static const char name[ACPI_TABLE_COUNT][5] = { "MADT", "FADT", "HPET", "MCFG", "SRAT", "SLIT", "DMAR", "IVRS" };
	char list[ACPI_TABLE_COUNT * sizeof(name[0]) + 1] = "";
	int n = 0;

	for (unsigned i = 0; i < ACPI_TABLE_COUNT; i++) {
		n += a->table[i].length ? snprintf(list + n, sizeof(list) - (size_t)n, " %s", name[i]) : 0;
	}
	init_log("acpi:%s; %u CPUs, %u IOAPICs, %s_S5_, %u tables refused", list, (unsigned)a->cpu_count,
		 (unsigned)a->ioapic_count, a->s5_found ? "" : "no ", (unsigned)a->refused);
}

static void read_nodes(void)
{
	numa_parse(&numa, &acpi, physical_read, NULL);
	if (numa.srat_why[0]) {
		init_log("acpi: SRAT ignored: %s; all memory counts as equally near", numa.srat_why);
	}
	if (numa.slit_why[0]) {
		init_log("acpi: SLIT ignored: %s; all nodes count as equally far", numa.slit_why);
	}
}

static void read_acpi(const struct boot_info *boot)
{
	uint8_t scanned[ACPI_RSDP_V2];
	const uint8_t *rsdp = boot->rsdp;
	size_t size = boot->rsdp_size;

	if (!size) {
		rsdp = scanned;
		size = acpi_scan_rsdp(scanned, physical_read, NULL);
	}
	bochs_firmware = size && memcmp(rsdp + RSDP_OEM, "BOCHS ", RSDP_OEM_BYTES) == 0;
	if (acpi_parse(&acpi, rsdp, size, physical_read, NULL) < 0) {
		init_log("acpi: no tables; no IOAPIC, no power-off");
	} else {
		log_tables(&acpi);
	}
	read_nodes();
	devices_read_tables(&acpi);
}

static void log_cpu(void)
{
	unsigned brand[13] = { 0 };

	for (unsigned i = 0; i < 3; i++) {
		unsigned *r = &brand[4 * i];

		(void)__get_cpuid(0x80000002 + i, &r[0], &r[1], &r[2], &r[3]);
	}
	init_log("cpu: %s", (const char *)brand);
}

/* Whether QEMU emulates this processor in software. */
static bool on_tcg(void)
{
	unsigned eax, name[3];

	__cpuid(TCG_LEAF, eax, name[0], name[1], name[2]);
	return memcmp(name, "TCGTCGTCGTCG", sizeof(name)) == 0;
}

/*
 * x2APIC wherever it is, except on QEMU's emulated CPU: with -icount QEMU exits ("Bad icount read") as soon as the
 * timer is programmed by an MSR.
 */
static bool want_x2apic(const struct boot_info *boot)
{
	char mode[8];

	if (boot_option(boot->cmdline, "apic", mode, sizeof(mode))) {
		return mode[1] == '2';
	}
	return !on_tcg();
}

/*
 * Guests' APICs in the CPU wherever it can, except on Bochs (its firmware, and no hypervisor says that it is there): what it
 * tells of a delivery that meets a missing page is of another event (docs/hardware.md).
 */
static bool want_apicv(const struct boot_info *boot)
{
	unsigned eax, ebx, ecx = 0, edx;
	char word[8] = "auto";

	boot_option(boot->cmdline, "apicv", word, sizeof(word));
	(void)__get_cpuid(1, &eax, &ebx, &ecx, &edx);
	return strcmp(word, "on") == 0 || (strcmp(word, "auto") == 0 && (!bochs_firmware || (ecx & CPUID1_ECX_HYPERVISOR)));
}

/* The option console=, as ring 0 reads it too. */
static void route_line(const struct boot_info *boot, uint32_t apic_id)
{
	static const struct { uint16_t port; uint8_t irq; } com[] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };
	char word[8] = "com1";
	unsigned number;

	boot_option(boot->cmdline, "console", word, sizeof(word));
	number = (unsigned)(uint8_t)word[3] - '1';
	if (number >= ARRAY_SIZE(com)) {
		return;
	}
	line_port = com[number].port;
	line_irq = com[number].irq;
	if (ioapic_route_isa(&acpi, com[number].irq, LINE_VECTOR, apic_id, false) < 0) {
		init_log("serial: no interrupt line %u", com[number].irq);
	}
}

static void set_up_kernel(struct boot_info *boot)
{
	struct machine_setup m = { 0 };
	const char *sentence = calibrate(&acpi, &m);
	char word[8];
	int64_t apic_id;

	if (sentence) {
		refuse(sentence);
	}
	m.flags |= want_x2apic(boot) ? MACHINE_X2APIC : 0;
	m.flags |= want_apicv(boot) ? MACHINE_APICV : 0;
	m.flags |= acpi.reset_is_port ? MACHINE_RESET_PORT : 0;
	m.flags |= boot_option(boot->cmdline, "trace", word, sizeof(word)) ? MACHINE_TRACE : 0;
	m.reset = acpi.reset;
	m.reset_value = acpi.reset_value;
	m.panic_seconds = boot_option_u32(boot->cmdline, "panic", PANIC_SECONDS);
	m.panic_log = keep_report(boot);
	m.wall_ns = rtc_wall_ns();
	apic_id = sys_machine_setup(INIT_MACHINE, &m);
	if (apic_id < 0) {
		refuse(apic_id == E_IO ? "The timer of the local APIC stands still." : "What the firmware tells of this machine makes no sense.");
	}
	inventory_set_clock(m.wall_ns - sys_clock(NULL));
	boot_apic_id = (uint32_t)apic_id;
	cpus_init((uint32_t)apic_id);
	route_line(boot, (uint32_t)apic_id);
}

static void log_nodes(void)
{
	char list[CPU_LIST_TEXT];

	for (uint32_t i = 0; numa.node_count > 1 && i < numa.node_count; i++) {
		init_log("node %u: processors %s, %llu MiB of RAM", (unsigned)numa.domain[i],
			 cpu_list_print(cpus_of_node(i), list), (unsigned long long)(memory.node_total[i] >> 20));
	}
}

void machine_init(void)
{
	static struct boot_info boot;
	const struct init_info *info = (const struct init_info *)INIT_INFO_ADDR;
	int r;

	if (inventory_init(info) < 0) {
		refuse("This image is broken: kernel and init do not fit together.");
	}
	r = read_boot_info(&boot, info);
	log_boot_info(&boot);
	log_cpu();
	read_acpi(&boot);
	inventory_read_uuid(&boot.smbios);
	ioapic_init(&acpi);
	set_up_kernel(&boot);
	if (r < 0) {
		refuse("The loader gave no usable memory map.");
	}
	inventory_take(&boot);
	devices_init();
	video_take(&boot.video);
	cpus_start(acpi.apic_id, acpi.cpu_count < ACPI_CPU_MAX ? acpi.cpu_count : ACPI_CPU_MAX,
		   boot_option_u32(boot.cmdline, "cpus", ACPI_CPU_MAX));
	if (cpus_online > 1 && on_tcg()) {
		init_log("cpu: QEMU emulates several processors safely only with -accel tcg,thread=single or with -icount");
	}
	log_nodes();
}

uint16_t machine_line(void)
{
	return line_port;
}

int machine_give_line(uint32_t process, uint32_t event)
{
	int r = line_port ? sys_ports(INIT_MACHINE, process, line_port) : OK;

	return r == OK && line_port ? sys_vector_bind(INIT_MACHINE, event, LINE_VECTOR) : r;
}

int machine_give_card_line(uint32_t number, uint8_t irq, uint32_t event)
{
	uint8_t vector = (uint8_t)(LINE_VECTOR + 1 + number);

	if (number >= ARRAY_SIZE(card_irq) || irq == 0 || irq >= ACPI_ISA_IRQS || (line_port && irq == line_irq)) {
		return E_NOENT;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(card_irq); i++) {
		if (i != number && card_irq[i] == irq) {
			return E_BUSY;
		}
	}
	if (ioapic_route_isa(&acpi, irq, vector, boot_apic_id, true) < 0) {
		return E_NOENT;
	}
	card_irq[number] = irq;
	return sys_vector_bind(INIT_MACHINE, event, vector);
}

void machine_power_off(void)
{
	power_off(&acpi);
}
