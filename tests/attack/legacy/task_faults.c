/* SPDX-License-Identifier: Apache-2.0 */
/* Task switches that fail: in the old task, where nothing has happened yet, or in the new one. SDM 3A 8.3, table 8-1. */
#include "tests/attack/legacy/tasks.h"

enum { NT = 1 << 14, BUSY = 2, PAGE = SCRATCH + 0x8000, PF_W = 2, WP = 1 << 16, FAR_CALL = 7 };

static uint32_t here;

static void call_other(void)
{
	__asm__ volatile("movl $1f, %0; 1: lcall %1, $0" : "=m"(here) : "i"(SEL_OTHER) : "memory", "cc");
}

static void call_null(void)
{
	__asm__ volatile("lcall $0, $0" : : : "memory", "cc");
}

static void call_beyond(void)
{
	__asm__ volatile("lcall $0x1f8, $0" : : : "memory", "cc");
}

static void iret_nested(void)
{
	__asm__ volatile("pushfl; orl %0, (%%esp); popfl; iret" : : "i"(NT) : "memory", "cc");
}

static void refused(const char *name, void (*fn)(void), uint32_t vector, uint32_t error)
{
	uint8_t busy = access_of(SEL_OTHER) & BUSY;

	equal(name, attempt(fn), vector);
	/* Which access to the new TSS comes first is not said. */
	equal_of(name, "error", caught.error & ~(vector == PF && !error ? PF_W : 0u), error);
	equal_of(name, "nothing has changed", caught_tr == SEL_TSS && (access_of(SEL_OTHER) & BUSY) == busy && seen.count == 0 &&
	   (fn != call_other || caught.eip == here), true);
}

static void set_other(uint32_t limit, uint8_t access)
{
	prepare_other();
	gdt[SEL_OTHER / 8] = descriptor((uint32_t)(uintptr_t)&other, limit, access, 0);
}

static void bad_descriptors(void)
{
	set_other(103, TSS_32 | BUSY);
	refused("call of a busy task", call_other, GP, SEL_OTHER);
	set_other(103, TSS_32 & 0x7f);
	refused("call of an absent task", call_other, NP, SEL_OTHER);
	set_other(102, TSS_32);
	refused("call of a task that is too short", call_other, TS, SEL_OTHER);
	set_other(42, TSS_16);
	refused("call of a 16-bit task that is too short", call_other, TS, SEL_OTHER);
	refused("call of null", call_null, GP, 0);
	refused("call beyond the table", call_beyond, GP, 0x1f8);
	set_other(103, TSS_32);
	tss.link = SEL_OTHER;
	refused("iret to a task that is not busy", iret_nested, TS, SEL_OTHER);
	tss.link = SEL_DATA;
	refused("iret to what is no task", iret_nested, TS, SEL_DATA);
	tss.link = 0x1f8;
	refused("iret beyond the table", iret_nested, TS, 0x1f8);
	tss.link = SEL_OTHER | 4;
	refused("iret by the local table", iret_nested, TS, SEL_OTHER | 4);
	tss.link = 0;
}

/* ---- ring 3 ---- */

static void (*user_fn)(void);
static uint32_t user_stack[128];

static void as_user(void)
{
	__asm__ volatile("pushl %0; pushl %1; pushl $2; pushl %2; pushl %3; iret"
			 : : "i"(SEL_USER_DATA), "r"(user_stack + ARRAY_SIZE(user_stack)), "i"(SEL_USER_CODE), "m"(user_fn) : "memory");
}

static void call_spare(void)
{
	__asm__ volatile("lcall %0, $0; int %1" : : "i"(SEL_SPARE | 3), "i"(RETURN) : "memory", "cc");
}

static void call_other_user(void)
{
	__asm__ volatile("lcall %0, $0; int %1" : : "i"(SEL_OTHER), "i"(RETURN) : "memory", "cc");
}

static void int_80(void)
{
	__asm__ volatile("int $0x80; int %0" : : "i"(RETURN) : "memory", "cc");
}

static void privileges(void)
{
	prepare_other();
	user_fn = call_other_user;
	refused("ring 3 calls a task of ring 0", as_user, GP, SEL_OTHER);
	gdt[SEL_SPARE / 8] = gate(SEL_OTHER, 0, TASK_GATE, 0);
	user_fn = call_spare;
	refused("ring 3 calls by a gate of ring 0", as_user, GP, SEL_SPARE);
	set_gate(0x80, gate(SEL_OTHER, 0, TASK_GATE, 0));
	user_fn = int_80;
	refused("ring 3 and a task gate of ring 0 in the idt", as_user, GP, 0x80 * 8 + 2);
	set_gate(0x80, gate(SEL_OTHER, 0, TASK_GATE | 0x60, 0));
	equal("ring 3 and one of ring 3", attempt(as_user), RETURN);
	equal("ring 3 and one of ring 3, ran", seen.count, 1);
	equal("ring 3 and one of ring 3, back", caught.cs, SEL_USER_CODE);
	prepare_other();
	gdt[SEL_SPARE / 8] = gate(SEL_OTHER, 0, TASK_GATE | 0x60, 0);
	user_fn = call_spare;
	equal("ring 3 calls by a gate of ring 3", attempt(as_user), RETURN);
	equal("ring 3 calls by a gate of ring 3, ran", seen.count, 1);
	set_other(103, TSS_32 | 0x60);
	user_fn = call_other_user;
	equal("ring 3 calls a task of ring 3", attempt(as_user), RETURN);
	equal("ring 3 calls a task of ring 3, ran", seen.count, 1);
	default_gate(0x80);
}

/* ---- pages ---- */

static uint32_t cr2(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr2, %0" : "=r"(v));
	return v;
}

/* The other TSS at an address in the scratch pages, which begin with the tables. */
static void tss_at(uint32_t at)
{
	prepare_other();
	memcpy((void *)at, &other, 104);
	gdt[SEL_OTHER / 8] = descriptor(at, 103, TSS_32, 0);
}

static void pages(void)
{
	uint32_t *low = page_tables(SCRATCH), old = SCRATCH + 0xa000;

	paging(true, SCRATCH);
	set_cr0(cr0() | WP);
	tss_at(PAGE + 0x100);
	low[PAGE >> 12] = 0;
	set_cr3(SCRATCH);
	refused("the new tss is not mapped", call_other, PF, 0);
	equal("the new tss is not mapped, address", cr2() & ~0xfffu, PAGE);
	low[PAGE >> 12] = PAGE | 7;
	set_cr3(SCRATCH);
	tss_at(PAGE + 0x1000 - 40);
	low[(PAGE >> 12) + 1] = 0;
	set_cr3(SCRATCH);
	refused("half of the new tss is not mapped", call_other, PF, 0);
	equal("half of the new tss is not mapped, address", cr2() & ~0xfffu, PAGE + 0x1000);
	low[(PAGE >> 12) + 1] = (PAGE + 0x1000) | 7;
	set_cr3(SCRATCH);
	call_other();
	equal("a tss over two pages", seen.count, 1);
	prepare_other();
	gdt[SEL_TSS / 8] = descriptor(old, 103, TSS_32, 0);
	__asm__ volatile("ltr %w0" : : "r"(SEL_TSS));
	low[old >> 12] = old | 5;
	set_cr3(SCRATCH);
	refused("the old tss is read-only", call_other, PF, 1 | PF_W);
	set_cr0(cr0() & ~(uint32_t)WP);
	paging(false, 0);
}

/* ---- in the new task ---- */

static void in_new(const char *name, uint32_t vector, uint32_t error)
{
	equal(name, attempt(call_other), vector);
	equal_of(name, "error", caught.error, error);
	equal_of(name, "at its first instruction", caught.eip, other.eip);
	equal_of(name, "task register", caught_tr, SEL_OTHER);
}

static void new_data(void)
{
	prepare_other();
	other.ds = 0x1f8;
	in_new("a new ds beyond the table", TS, 0x1f8);
	prepare_other();
	other.es = SEL_TSS;
	in_new("a new es that is a tss", TS, SEL_TSS);
	prepare_other();
	gdt[SEL_SPARE / 8] = descriptor(0, 0xfffff, 0x99, G | D);
	other.fs = SEL_SPARE;
	in_new("a new fs that cannot be read", TS, SEL_SPARE);
	prepare_other();
	gdt[SEL_SPARE / 8] = descriptor(0, 0xfffff, DATA_0 & 0x7f, G | D);
	other.gs = SEL_SPARE;
	in_new("a new gs that is absent", NP, SEL_SPARE);
	prepare_other();
	other.cs = SEL_USER_CODE;
	other.ss = SEL_USER_DATA;
	other.ds = SEL_DATA;
	in_new("a new ds of ring 0 in ring 3", TS, SEL_DATA);
	prepare_other();
	gdt[SEL_SPARE / 8] = descriptor(0, 0x1000, CODE_0, D);
	other.cs = SEL_SPARE;
	in_new("a new eip beyond the new cs", GP, 0);
}

/* The fault comes before there is a stack, so a task takes it. */
static uint32_t fault_error, fault_link, fault_eip;

static void take(void)
{
	fault_error = seen.at_esp;
	fault_link = handler.link;
	fault_eip = other.eip;
	__asm__ volatile("int %0" : : "i"(RETURN));
}

static void by_task(const char *name, uint8_t vector, uint32_t error)
{
	task_prepare(&handler, SEL_HANDLER, handler_stack + ARRAY_SIZE(handler_stack));
	in_task = take;
	fault_error = fault_link = ~0u;
	set_gate(vector, gate(SEL_HANDLER, 0, TASK_GATE, 0));
	equal(name, attempt(call_other), RETURN);
	equal_of(name, "error", fault_error, error);
	equal_of(name, "link", fault_link, SEL_OTHER);
	equal_of(name, "at its first instruction", fault_eip, (uint32_t)(uintptr_t)task_entry);
	default_gate(vector);
}

static void new_code_and_stack(void)
{
	prepare_other();
	other.ldt = SEL_DATA;
	by_task("a new ldt that is none", TS, SEL_DATA);
	prepare_other();
	other.cs = SEL_DATA;
	by_task("a new cs that is data", TS, SEL_DATA);
	prepare_other();
	other.cs = 0;
	by_task("a new cs of null", TS, 0);
	prepare_other();
	gdt[SEL_SPARE / 8] = descriptor(0, 0xfffff, CODE_0 & 0x7f, G | D);
	other.cs = SEL_SPARE;
	by_task("a new cs that is absent", NP, SEL_SPARE);
	prepare_other();
	other.cs = SEL_USER_CODE & ~3u;
	by_task("a new cs of another ring", TS, SEL_USER_CODE & ~3u);
	prepare_other();
	other.ss = 0;
	by_task("a new ss of null", TS, 0);
	prepare_other();
	other.ss = SEL_CODE;
	by_task("a new ss that is code", TS, SEL_CODE);
	prepare_other();
	other.ss = SEL_USER_DATA;
	by_task("a new ss of another ring", TS, SEL_USER_DATA & ~3u);
	prepare_other();
	gdt[SEL_SPARE / 8] = descriptor(0, 0xfffff, DATA_0 & 0x7f, G | D);
	other.ss = SEL_SPARE;
	by_task("a new ss that is absent", SS, SEL_SPARE);
}

void group_task_faults(void)
{
	bad_descriptors();
	privileges();
	pages();
	new_data();
	new_code_and_stack();
}
