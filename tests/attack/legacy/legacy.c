/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime of the 32-bit part of the attack suite. See legacy.h. */
#include "tests/attack/legacy/legacy.h"

enum { CR0_PG = (int)0x80000000, CR4_PSE = 0x10, APIC = (int)0xfee00000, STUB = 32, PORT_BITMAP = 136 };

extern char stubs[];
void legacy_main(void);
void attempt_back(void);

volatile struct caught caught;
uint16_t caught_tr;
uint64_t idt[256] __attribute__((aligned(16)));
struct tss tss;
uint32_t stack_0[512];
static uint32_t main_cr3;

uint64_t gdt[32] __attribute__((aligned(16))) = {
	[SEL_CODE / 8] = 0x00cf9b000000ffff, [SEL_DATA / 8] = 0x00cf93000000ffff, [SEL_CODE16 / 8] = 0x00009b030000ffff,
	[SEL_DATA16 / 8] = 0x000093030000ffff, [SEL_USER_DATA / 8] = 0x00cff3000000ffff,
	[SEL_USER_CODE / 8] = 0x00cffb000000ffff,
};

static struct legacy_results *const results = (struct legacy_results *)LEGACY_RESULTS;

void *memset(void *to, int byte, size_t n)
{
	uint8_t *at = to;

	while (n--) {
		*at++ = (uint8_t)byte;
	}
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	const uint8_t *in = from;
	uint8_t *at = to;

	while (n--) {
		*at++ = *in++;
	}
	return to;
}

static struct legacy_check *check(const char *name, const char *part)
{
	struct legacy_check *c = &results->check[results->count < LEGACY_CHECKS - 1 ? results->count++ : LEGACY_CHECKS - 1];
	const char *const text[] = { name, part ? ", " : "", part ? part : "" };
	unsigned n = 0;

	for (unsigned t = 0; t < ARRAY_SIZE(text); t++) {
		for (const char *from = text[t]; *from && n < LEGACY_NAME - 1; from++) {
			c->name[n++] = *from;
		}
	}
	return c;
}

void equal_of(const char *name, const char *part, uint32_t got, uint32_t want)
{
	struct legacy_check *c = check(name, part);

	c->got = got;
	c->want = want;
}

void equal(const char *name, uint32_t got, uint32_t want)
{
	equal_of(name, NULL, got, want);
}

void ok(const char *name, bool good)
{
	equal(name, good, 1);
}

void skip(const char *name)
{
	check(name, NULL)->skipped = 1;
}

uint64_t descriptor(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags)
{
	return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
	       (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 | (uint64_t)(base >> 24) << 56;
}

uint64_t gate(uint16_t selector, uint32_t offset, uint8_t access, uint8_t count)
{
	return (offset & 0xffff) | (uint32_t)selector << 16 | (uint64_t)(count | access << 8) << 32 |
	       (uint64_t)(offset >> 16) << 48;
}

void set_gate(uint8_t vector, uint64_t g)
{
	idt[vector] = g;
}

void default_gate(uint8_t vector)
{
	uint8_t access = vector == RETURN ? INT_GATE | 0x60 : INT_GATE;

	idt[vector] = gate(SEL_CODE, (uint32_t)(uintptr_t)stubs + vector * STUB, access, 0);
}

/* The task register is the main one's again, whatever the attempt was in. */
void attempt_back(void)
{
	caught_tr = task_register();
	gdt[SEL_TSS / 8] = descriptor((uint32_t)(uintptr_t)&tss, sizeof(tss) - 1, TSS_32, 0);
	__asm__ volatile("ltr %w0; lldt %w1; clts" : : "r"(SEL_TSS), "r"(0));
	if (cr0() & (uint32_t)CR0_PG && cr3() != main_cr3) {
		set_cr3(main_cr3);
	}
	end_of_interrupt();
}

uint32_t *page_tables(uint32_t page)
{
	uint32_t *directory = (uint32_t *)page, *low = directory + 1024;

	for (uint32_t i = 0; i < 1024; i++) {
		directory[i] = i << 22 | 0x87;
		low[i] = i << 12 | 7;
	}
	directory[0] = (page + 4096) | 7;
	return low;
}

void paging(bool on, uint32_t directory)
{
	if (on) {
		main_cr3 = tss.cr3 = directory;
		set_cr4(cr4() | CR4_PSE);
		set_cr3(directory);
		set_cr0(cr0() | (uint32_t)CR0_PG);
	} else {
		set_cr0(cr0() & ~(uint32_t)CR0_PG);
	}
}

static volatile uint32_t *apic(uint32_t reg)
{
	return (volatile uint32_t *)((uint32_t)APIC + reg);
}

void self_ipi(uint32_t low)
{
	*apic(0x310) = *apic(0x20);
	*apic(0x300) = low;
	while (*apic(0x300) & 0x1000) {
	}
}

void end_of_interrupt(void)
{
	*apic(0xb0) = 0;
}

bool cpuid_bit(uint32_t leaf, char reg, unsigned bit)
{
	uint32_t a = leaf, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return (reg == 'b' ? b : reg == 'c' ? c : d) >> bit & 1;
}

static void tables(void)
{
	struct { uint16_t limit; uint32_t base; } __attribute__((packed)) p = { sizeof(idt) - 1, (uint32_t)(uintptr_t)idt };

	for (unsigned v = 0; v < 256; v++) {
		default_gate((uint8_t)v);
	}
	__asm__ volatile("lidt %0" : : "m"(p));
	tss.ss0 = SEL_DATA;
	tss.esp0 = (uint32_t)(uintptr_t)(stack_0 + ARRAY_SIZE(stack_0));
	tss.map = PORT_BITMAP;
	memset(tss.redirection, 0, sizeof(tss.redirection));
	memset(tss.bitmap, 0xff, sizeof(tss.bitmap));
	*apic(0xf0) = 0x1ff;
	attempt_back();
}

static void (*const groups[])(void) = {
	[LEGACY_TASKS] = group_tasks, [LEGACY_TASK_FAULTS] = group_task_faults, [LEGACY_V86] = group_v86,
	[LEGACY_SEGMENTS] = group_segments,
};

void legacy_main(void)
{
	tables();
	if (attempt(groups[results->group % ARRAY_SIZE(groups)]) != NONE) {
		equal("an exception that nobody expected", caught.vector, NONE);
		equal("an exception that nobody expected, error", caught.error, 0);
		equal("an exception that nobody expected, eip", caught.eip, 0);
	}
	results->done = LEGACY_DONE;
}
