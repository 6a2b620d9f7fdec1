/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attack suite: groups of checks in one bare-metal guest (build/guest/attack.elf). Each check asserts what the
 * manuals say a processor or a device does, and prints one line:
 *
 *     ok GROUP/NAME
 *     not ok GROUP/NAME: got X, not Y
 *     skip GROUP/NAME: reason
 *
 * A trap that no check expects ends its group, not the suite. Nothing here asks which hypervisor or vendor it runs on.
 * The command line's groups=a,b,c chooses; without it all run. SDM: Intel's manual; APM: AMD's.
 */
#pragma once

#include "tests/guest/rt.h"

enum {
	AT_CPUS = 8,                 /* processors that are used, with the first                      */
	SEL_CODE64 = 0x08, SEL_DATA = 0x10, SEL_CODE32 = 0x18, SEL_CODE16 = 0x20, SEL_DATA16 = 0x28, SEL_SPARE = 0x50,
	SEL_USER_DATA = 0x3b, SEL_USER_CODE = 0x43, SEL_USER_CODE32 = 0x4b, SEL_TSS = 0x60,
	GDT_ENTRIES = 32,
	NONE = 0xff,                 /* no exception                                                  */
	VECTOR_RETURN = 0xf0,        /* a software interrupt that user code may raise                 */
};
enum { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC, MC, XM };

/* ---- results ---- */

extern const char *group_name;
void ok(const char *name, bool good);
void equal(const char *name, uint64_t got, uint64_t want);
void equal_of(const char *name, const char *part, uint64_t got, uint64_t want);      /* "NAME, PART"   */
void skip(const char *name, const char *why);
void note(const char *text, uint64_t value);         /* a comment line                                     */

/* Lines wait in memory while on; they come out at the end of the group at the latest. */
void hold_output(bool on);

/* Names with a number in it: "NAME number". */
const char *numbered(const char *name, uint64_t number);

/* ---- one processor ---- */

struct tss64 {
	uint32_t zero;
	uint64_t rsp[3], zero2, ist[7], zero3;
	uint16_t zero4, map;
	uint8_t bitmap[8193];
} __attribute__((packed));

struct cpu {
	uint64_t resume, resume_rsp;         /* by fixed offsets in FAULT: where the next fault goes on, 0: nowhere */
	uint64_t vector;                     /* what came, NONE: nothing                                   */
	uint64_t error, cr2, rip, rflags, dr6, count;
	uint64_t index, apic_id;
	void (*volatile fn)(void *);
	void *arg;
	volatile uint64_t irqs[256];         /* interrupts taken, by vector                                */
	volatile uint64_t alive;             /* counts the starts of this processor                        */
	struct tss64 tss;
	uint8_t stack[16384] __attribute__((aligned(16)));
	uint8_t spare_stack[8192] __attribute__((aligned(16)));
};
extern struct cpu cpus[AT_CPUS];
extern unsigned cpu_count;

static inline struct cpu *this_cpu(void)
{
	return (struct cpu *)(uintptr_t)rdmsr(0xc0000101);
}

/* ---- faults ---- */

struct out { uint64_t a, c, d; };
extern struct out out;               /* RAX, RCX, RDX after the last FAULT                                 */

/*
 * Runs instructions that may fault, with RAX, RCX, RDX loaded; the value is the exception's vector, or NONE. R8 to R11,
 * RBX, RSI and RDI are theirs. More about the fault is in this_cpu().
 */
#define FAULT(text, a, c, d)                                                                                              \
	({                                                                                                                \
		uint64_t a_ = (uint64_t)(a), c_ = (uint64_t)(c), d_ = (uint64_t)(d);                                       \
		__asm__ volatile("leaq 771f(%%rip), %%r8; movq %%r8, %%gs:0; movq %%rsp, %%gs:8; movq $0xff, %%gs:16\n\t"  \
				 text "\n771:\tmovq $0, %%gs:0"                                                           \
				 : "+a"(a_), "+c"(c_), "+d"(d_)                                                           \
				 : : "memory", "cc", "r8", "r9", "r10", "r11", "rbx", "rsi", "rdi");                      \
		out = (struct out){ a_, c_, d_ };                                                                         \
		this_cpu()->vector;                                                                                       \
	})

/* The same at CPL 3 with these RFLAGS; the instructions may use no stack but that of user_stack. NONE: they came through. */
#define FAULT_USER(text, a, c, d, flags)                                                                                  \
	({                                                                                                                \
		user_flags = (flags);                                                                                     \
		FAULT("pushq $0x3b; leaq user_stack+4096(%%rip), %%r8; pushq %%r8; pushq user_flags(%%rip); pushq $0x43;" \
		      "leaq 772f(%%rip), %%r8; pushq %%r8; iretq\n772:\t" text "\n\tint $0xf0", a, c, d);                 \
	})

extern uint64_t user_flags;
extern uint8_t user_stack[4096];

/* Leaves the group: something went wrong that the rest depends on. */
_Noreturn void abandon(const char *why);

/* ---- tables ---- */

extern uint64_t gdt[GDT_ENTRIES];
struct gate { uint64_t low, high; };
struct gate *idt_gate(uint8_t vector);

/* Identity tables of the first 4 GiB with the U bit set or not on the payload's own pages. */
void image_user(bool user);

/*
 * A window of 512 pages at WINDOW with a page table of its own. window_map returns the page's address and flushes it.
 * flags: those of an entry (1 present, 2 write, 4 user, 1 << 63 no execute, ...)
 */
#define WINDOW 0x8000000000ull
uint64_t window_map(unsigned page, uint64_t physical, uint64_t flags);
extern uint64_t window_table[512], window_directory[512], window_pointers[512];
extern uint64_t *top_table;

/* ---- control registers ---- */

#define READ_CR(n) ({ uint64_t v_; __asm__ volatile("movq %%cr" #n ", %0" : "=r"(v_)); v_; })
#define WRITE_CR(n, v) __asm__ volatile("movq %0, %%cr" #n : : "r"((uint64_t)(v)) : "memory")
static inline void invlpg(uint64_t at) { __asm__ volatile("invlpg (%0)" : : "r"(at) : "memory"); }

/* ---- other processors ---- */

/* Starts all of them (INIT, SIPI) into their loop, once. */
void cpus_start(void);
/* Starts one at page (a multiple of 4096 below 1 MiB) by INIT and SIPI; the code there is the caller's. */
void cpu_sipi(unsigned cpu, uint32_t page);
void cpu_restart(unsigned cpu);                      /* into its loop again                                */
void cpu_call(unsigned cpu, void (*fn)(void *), void *arg);      /* begins; the processor halts with IF=1 between calls */
bool cpu_done(unsigned cpu);                         /* waits, false: it takes too long                    */

/* Waits until *what is value, or about two seconds have passed. */
bool wait_for(volatile uint64_t *what, uint64_t value);

/* ---- local APIC ---- */

void x2apic_all(bool on);            /* every processor's mode, through "off" where that is the only way    */
extern bool in_x2apic;
void icr(uint32_t dest, uint32_t low);           /* dest as an id; low half of the ICR                         */
void irq_sink(uint8_t vector);       /* counts in cpus[].irqs and ends the interrupt                        */
/* Lets interrupts in until *count is n at least, or ms milliseconds have passed: false. */
bool irqs_reach(const volatile uint64_t *count, uint64_t n, uint64_t ms);

uint64_t rnd(void);

/* Milliseconds of the TSC, by the ACPI timer; measured once. */
uint64_t tsc_per_ms(void);

/* Processor-independent: CPUID bit test. */
static inline bool has(uint32_t leaf, uint32_t sub, char reg, unsigned bit)
{
	struct cpuid r = cpuid(leaf, sub);

	return (reg == 'a' ? r.a : reg == 'b' ? r.b : reg == 'c' ? r.c : r.d) >> bit & 1;
}

/* ---- groups ---- */

void group_ports(void);
void group_msr(void);
void group_control(void);
void group_illegal(void);
void group_shadows(void);
void group_events(void);
void group_xapic(void);
void group_x2apic(void);
void group_timer(void);
void group_debug(void);
void group_starts(void);
void group_posts(void);
void group_code(void);
void group_paging(void);
void group_processors(void);
void group_pci(void);
void group_virtio(void);
void group_drivers(void);
void group_real(void);
void group_encodings(void);
void group_msix(void);
void group_nmi(void);
void group_hpet(void);
void group_hpetforms(void);
void group_clocks(void);
void group_tasks(void);
void group_taskfaults(void);
void group_v86(void);
void group_segments(void);
void group_many(void);
