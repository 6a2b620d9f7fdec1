/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime of the guest payloads: see rt.h. ACPI 6.5 for tables, SDM 3A ch. 10 for the local APIC. */
#include "tests/guest/rt.h"

#define APIC_BASE 0xfee00000ull
enum { FADT = 0x50434146 };         /* "FACP" */

struct hvm_start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp;
};

struct idt_gate {
	uint16_t offset_low, selector;
	uint8_t ist, attr;
	uint16_t offset_mid;
	uint32_t offset_high, zero;
};

extern char stubs[];
static struct idt_gate idt[256];
static void (*handler[256])(struct trap *);
static const char *cmdline = "";
static uint16_t pm1a_port, pm_timer_port;
static uint8_t slp_typ;
static bool x2apic_mode;
bool is_intel;

void *memcpy(void *to, const void *from, size_t n)
{
	void *result = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return result;
}

void *memset(void *to, int byte, size_t n)
{
	void *result = to;

	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
	return result;
}

/* ---- output ---- */

void puts_raw(const char *s)
{
	for (; *s; s++) {
		while (!(inb(0x3fd) & 0x20)) {
			__asm__ volatile("pause");
		}
		outb(0x3f8, (uint8_t)*s);
	}
}

void print_u64(uint64_t v)
{
	char buf[21], *p = buf + sizeof(buf) - 1;

	*p = 0;
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	puts_raw(p);
}

void print_hex(uint64_t v)
{
	char buf[19] = "0x";

	for (int i = 0; i < 16; i++) {
		buf[2 + i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
	}
	buf[18] = 0;
	puts_raw(buf);
}

void check(const char *name, bool ok)
{
	puts_raw(ok ? "ok " : "not ok ");
	puts_raw(name);
	puts_raw("\n");
}

/* ---- traps ---- */

void traps_load(void)
{
	struct { uint16_t limit; uint64_t base; } __attribute__((packed)) ptr = { sizeof(idt) - 1, (uint64_t)(uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(ptr));
}

void traps_init(void)
{
	is_intel = cpuid(0, 0).b == 0x756e6547;      /* "Genu" */
	for (unsigned v = 0; v < 256; v++) {
		uint64_t at = (uint64_t)(uintptr_t)stubs + 16ull * v;

		idt[v] = (struct idt_gate){ .offset_low = (uint16_t)at, .selector = 8, .attr = 0x8e,
					    .offset_mid = (uint16_t)(at >> 16), .offset_high = (uint32_t)(at >> 32) };
	}
	traps_load();
}

void trap_set(uint8_t vector, void (*fn)(struct trap *))
{
	handler[vector] = fn;
}

void (*trap_get(uint8_t vector))(struct trap *)
{
	return handler[vector];
}

void guest_trap(struct trap *t)
{
	uint64_t cr2;

	if (t->vector < 256 && handler[t->vector]) {
		handler[t->vector](t);
		return;
	}
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	puts_raw("not ok unexpected trap ");
	print_u64(t->vector);
	puts_raw(" error ");
	print_hex(t->error);
	puts_raw(" rip ");
	print_hex(t->rip);
	puts_raw(" cr2 ");
	print_hex(cr2);
	puts_raw("\n");
	guest_power_off();
}

/* ---- local APIC ---- */

uint32_t apic_read(uint32_t reg)
{
	return x2apic_mode ? (uint32_t)rdmsr(0x800 + (reg >> 4)) : mmio_read32(APIC_BASE + reg);
}

void apic_write(uint32_t reg, uint32_t v)
{
	if (x2apic_mode) {
		wrmsr(0x800 + (reg >> 4), v);
	} else {
		mmio_write32(APIC_BASE + reg, v);
	}
}

void apic_init(bool x2apic)
{
	uint64_t base = rdmsr(0x1b) | 0x800;

	x2apic_mode = x2apic;
	wrmsr(0x1b, x2apic ? base | 0x400 : base);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	for (uint32_t lvt = APIC_LVT_TIMER; lvt <= 0x370; lvt += 0x10) {
		apic_write(lvt, 0x10000);
	}
	apic_write(APIC_TPR, 0);
	apic_write(APIC_SVR, 0x1ff);
}

void apic_self_ipi(uint8_t vector)
{
	if (x2apic_mode) {
		wrmsr(0x830, 0x40000 | vector);
	} else {
		mmio_write32(APIC_BASE + APIC_ICR, 0x40000 | vector);
	}
}

/* ---- machine ---- */

bool option(const char *name, const char **value)
{
	for (const char *p = cmdline; *p; ) {
		const char *n = name;

		while (*p == ' ') {
			p++;
		}
		while (*n && *p == *n) {
			p++;
			n++;
		}
		if (!*n && (*p == 0 || *p == ' ' || *p == '=')) {
			if (value) {
				*value = *p == '=' ? p + 1 : p;
			}
			return true;
		}
		while (*p && *p != ' ') {
			p++;
		}
	}
	return false;
}

static uint32_t load32(uint64_t at)
{
	uint32_t v;

	memcpy(&v, (const void *)(uintptr_t)at, sizeof(v));
	return v;
}

static uint64_t load64(uint64_t at)
{
	return load32(at) | (uint64_t)load32(at + 4) << 32;
}

/* _S5_ is a package of constants: 08 '_S5_' 12 length count [0a] SLP_TYPa ... (ACPI 6.5, 7.4.2, 20.2.5). */
static uint8_t find_s5(uint64_t dsdt)
{
	const uint8_t *p = (const uint8_t *)(uintptr_t)dsdt;
	uint32_t size = load32(dsdt + 4);

	for (uint32_t i = 36; i + 10 < size; i++) {
		if (p[i] == '_' && p[i + 1] == 'S' && p[i + 2] == '5' && p[i + 3] == '_' && p[i + 4] == 0x12) {
			uint32_t at = i + 6 + (p[i + 5] >> 6) + 1;

			return p[at] == 0x0a ? p[at + 1] : p[at] == 1;
		}
	}
	return 0;
}

static void use_fadt(uint64_t fadt)
{
	pm1a_port = (uint16_t)load32(fadt + 64);
	pm_timer_port = (uint16_t)load32(fadt + 76);
	slp_typ = find_s5(load32(fadt + 4) > 148 && load64(fadt + 140) ? load64(fadt + 140) : load32(fadt + 40));
}

static uint64_t root_pointer;

uint64_t acpi_find(uint32_t signature)
{
	uint64_t rsdp = root_pointer;
	bool wide = *(const uint8_t *)(uintptr_t)(rsdp + 15) >= 2 && load64(rsdp + 24);
	uint64_t table = wide ? load64(rsdp + 24) : load32(rsdp + 16);
	uint32_t size = load32(table + 4);

	for (uint32_t at = 36; at + (wide ? 8 : 4) <= size; at += wide ? 8 : 4) {
		uint64_t t = wide ? load64(table + at) : load32(table + at);

		if (load32(t) == signature) {
			return t;
		}
	}
	return 0;
}

void guest_init(uint32_t start_info)
{
	const struct hvm_start_info *info = (const void *)(uintptr_t)start_info;

	traps_init();
	if (info->cmdline) {
		cmdline = (const char *)(uintptr_t)info->cmdline;
	}
	root_pointer = info->rsdp;
	if (root_pointer && acpi_find(FADT)) {
		use_fadt(acpi_find(FADT));
	}
}

uint32_t pm_timer(void)
{
	return inl(pm_timer_port);
}

_Noreturn void guest_power_off(void)
{
	if (pm1a_port) {
		outw(pm1a_port, (uint16_t)(0x2000 | slp_typ << 10));
	}
	for (;;) {
		__asm__ volatile("cli; hlt");
	}
}
