/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that need 32-bit protected mode without long mode: hardware tasks, virtual-8086 mode, 16-bit segments, gates. This
 * image (legacy.ld) is copied to 30000h and run by the second processor of the attack suite, which was started there;
 * legacy.c of the suite prints what it found. Nothing here writes to the console.
 *
 * Memory: 30000h this image; 40000h to 5ffffh scratch pages; 60000h results.
 */
#pragma once

#include "tests/attack/legacy_results.h"

enum {
	SEL_CODE = 0x08, SEL_DATA = 0x10, SEL_CODE16 = 0x18, SEL_DATA16 = 0x20, SEL_USER_DATA = 0x2b, SEL_USER_CODE = 0x33,
	SEL_TSS = 0x38, SEL_OTHER = 0x40, SEL_TSS16 = 0x48, SEL_GATE = 0x50, SEL_LDT = 0x58, SEL_HANDLER = 0x60, SEL_V86 = 0x68,
	SEL_SPARE = 0x70,            /* and on to 0xf8                                               */
	SCRATCH = 0x40000,           /* pages that tests use as they like                            */
	SCRATCH_PORT = 0x3ff,        /* the UART's scratch register                                  */
	IOAPIC = (int)0xfec00000,
	NONE = 0xff,                 /* no exception                                                 */
	RETURN = 0xf0,               /* the vector by which user code comes back                     */
	IPI = 0x61,
};
enum { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF };

/* Access bytes of descriptors. */
enum { TSS_32 = 0x89, TSS_16 = 0x81, LDT_SYSTEM = 0x82, TASK_GATE = 0x85, CALL_GATE = 0x8c, CALL_GATE_16 = 0x84, CODE_0 = 0x9b,
       DATA_0 = 0x93, INT_GATE = 0x8e };
enum { G = 8, D = 4 };               /* bits 52-55 of a descriptor: granularity, default size         */

struct tss {
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, map;
	uint8_t redirection[32];     /* of INT n in V86 mode                                         */
	uint8_t bitmap[129];         /* ports 0 to 3FFh, and the byte of ones                        */
} __attribute__((packed));

struct tss16 {
	uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt;
};

/* The last exception or interrupt that attempt() came back with. esp, ss and the segments: of outer rings only. */
struct caught {
	uint32_t vector, gs, fs, es, ds, edi, esi, ebp, esp_, ebx, edx, ecx, eax, error, eip, cs, eflags, esp, ss;
	uint32_t v86_es, v86_ds, v86_fs, v86_gs;
};
extern volatile struct caught caught;
extern uint16_t caught_tr;           /* the task register then                                        */

extern uint64_t gdt[32], idt[256];
extern struct tss tss;               /* of the processor while no test has its own                    */
extern uint32_t stack_0[512];        /* where the CPU goes from outer rings                           */

/* A check: name, what was found, what should be. */
void equal(const char *name, uint32_t got, uint32_t want);
void equal_of(const char *name, const char *part, uint32_t got, uint32_t want);      /* "name, part"  */
void ok(const char *name, bool good);
void skip(const char *name);

/*
 * Calls fn(); NONE if it returns, else the vector of the exception or interrupt that ended it, with caught filled: the
 * way back is a jump, so fn may be in any ring, mode or task that has the flat GDT. TR is then what it was.
 */
uint32_t attempt(void (*fn)(void));

/* descriptor(): limit as it stands in it, with flags G and D. gate(): offset and selector. */
uint64_t descriptor(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags);
uint64_t gate(uint16_t selector, uint32_t offset, uint8_t access, uint8_t count);
void set_gate(uint8_t vector, uint64_t g);
void default_gate(uint8_t vector);   /* to the handler behind attempt() again                         */
static inline uint8_t access_of(unsigned selector) { return (uint8_t)(gdt[selector / 8] >> 40); }

/* Paging with 4 MiB pages that are what they are, in a directory at the page; the first 4 MiB by 4 KiB pages behind it. */
uint32_t *page_tables(uint32_t page);        /* the 4 KiB entries                                     */
void paging(bool on, uint32_t directory);

void self_ipi(uint32_t low);         /* low half of the ICR                                           */
void end_of_interrupt(void);
bool cpuid_bit(uint32_t leaf, char reg, unsigned bit);
void *memset(void *to, int byte, size_t n);
void *memcpy(void *to, const void *from, size_t n);

static inline uint32_t cr0(void) { uint32_t v; __asm__ volatile("movl %%cr0, %0" : "=r"(v)); return v; }
static inline void set_cr0(uint32_t v) { __asm__ volatile("movl %0, %%cr0" : : "r"(v) : "memory"); }
static inline uint32_t cr3(void) { uint32_t v; __asm__ volatile("movl %%cr3, %0" : "=r"(v)); return v; }
static inline void set_cr3(uint32_t v) { __asm__ volatile("movl %0, %%cr3" : : "r"(v) : "memory"); }
static inline uint32_t cr4(void) { uint32_t v; __asm__ volatile("movl %%cr4, %0" : "=r"(v)); return v; }
static inline void set_cr4(uint32_t v) { __asm__ volatile("movl %0, %%cr4" : : "r"(v) : "memory"); }
static inline uint32_t eflags(void) { uint32_t v; __asm__ volatile("pushfl; popl %0" : "=r"(v)); return v; }
static inline uint16_t task_register(void) { uint16_t v; __asm__ volatile("str %0" : "=r"(v)); return v; }

void group_tasks(void);
void group_task_faults(void);
void group_v86(void);
void group_segments(void);
