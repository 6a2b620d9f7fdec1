/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the bare-metal guest payloads share: serial output, traps, local APIC, power-off. They run alike under
 * Brume, QEMU and KVM: ports and tables come from ACPI, nothing is assumed but a PC.
 */
#pragma once

#include "lib/base.h"

/* ---- instructions ---- */
static inline void outb(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outw(uint16_t port, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port)); }
static inline void outl(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port)); }
static inline uint8_t inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint16_t inw(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint32_t inl(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}
static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
struct cpuid { uint32_t a, b, c, d; };
static inline struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
	return r;
}

/* To the hypervisor, in the registers of Linux' KVM interface: by VMCALL on Intel, else by VMMCALL. */
extern bool is_intel;                /* set by traps_init */
static inline int64_t hypercall(uint64_t nr, uint64_t b, uint64_t c, uint64_t d, uint64_t s)
{
	if (is_intel) {
		__asm__ volatile("vmcall" : "+a"(nr) : "b"(b), "c"(c), "d"(d), "S"(s) : "memory");
	} else {
		__asm__ volatile("vmmcall" : "+a"(nr) : "b"(b), "c"(c), "d"(d), "S"(s) : "memory");
	}
	return (int64_t)nr;
}
static inline uint32_t mmio_read32(uint64_t addr) { return *(volatile uint32_t *)(uintptr_t)addr; }
static inline void mmio_write32(uint64_t addr, uint32_t v) { *(volatile uint32_t *)(uintptr_t)addr = v; }

/* ---- output on COM1 ---- */
void puts_raw(const char *s);
void print_u64(uint64_t v);
void print_hex(uint64_t v);

/* "ok NAME" or "not ok NAME", one line. */
void check(const char *name, bool ok);

/* ---- traps ---- */
struct trap {
	uint64_t rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* Loads an IDT whose traps call handlers set here; a trap without handler prints itself and powers off. */
void traps_init(void);
void trap_set(uint8_t vector, void (*fn)(struct trap *));
void (*trap_get(uint8_t vector))(struct trap *);
void traps_load(void);               /* the same IDT on another processor */

/* ---- local APIC ---- */
enum {
	APIC_ID = 0x20, APIC_TPR = 0x80, APIC_EOI = 0xb0, APIC_SVR = 0xf0, APIC_ICR = 0x300, APIC_ICR_HIGH = 0x310,
	APIC_LVT_TIMER = 0x320, APIC_LVT_LINT0 = 0x350, APIC_TIMER_INIT = 0x380, APIC_TIMER_NOW = 0x390, APIC_TIMER_DIV = 0x3e0,
};
void apic_init(bool x2apic);         /* enabled, spurious vector FFh, all LVTs masked; leaving x2APIC is not possible */
uint32_t apic_read(uint32_t reg);
void apic_write(uint32_t reg, uint32_t v);
void apic_self_ipi(uint8_t vector);  /* by ICR, in either mode */

/* ---- machine ---- */
/* Word of the command line: true when it stands there, alone or before '='; *value then points behind '='. */
bool option(const char *name, const char **value);
void guest_init(uint32_t start_info);        /* command line and ACPI; first thing in main() */
_Noreturn void guest_power_off(void);        /* ACPI S5; halts for ever if that is not there  */
uint64_t acpi_find(uint32_t signature);      /* address of the table, 0: none                 */
uint32_t pm_timer(void);                     /* 3579545 Hz, 24 bits at least                  */

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);

int main(uint32_t start_info);
void guest_trap(struct trap *t);
