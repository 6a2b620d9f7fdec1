/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware task switches that succeed: by CALL, JMP, IRET and gates, between 32-bit, 16-bit and V86 tasks. SDM 3A 8. */
#include "tests/attack/legacy/tasks.h"

#include "tests/attack/legacy/legacy.h"

enum { NT = 1 << 14, TS_FLAG = 8, BUSY = 2, TF = 0x100, VM = 1 << 17 };

struct tss other, handler;
struct tss16 narrow;
uint32_t other_stack[256], handler_stack[256];
static uint16_t narrow_stack[128];
volatile struct seen seen;
void (*volatile in_task)(void);

/* The body of every 32-bit task: notes what it was started with, does what the test wants, goes back, and again. */
__asm__(".text\n"
	".globl task_entry\n"
	"task_entry:\n\t"
	"movl %eax, seen; movl %ecx, seen + 4; movl %edx, seen + 8; movl %ebx, seen + 12; movl %esp, seen + 16\n\t"
	"movl %ebp, seen + 20; movl %esi, seen + 24; movl %edi, seen + 28\n\t"
	"pushfl; popl seen + 32\n\t"
	"movl %cr0, %eax; movl %eax, seen + 36; movl %cr3, %eax; movl %eax, seen + 40\n\t"
	"xorl %eax, %eax; str %ax; movl %eax, seen + 44; sldt %ax; movl %eax, seen + 48\n\t"
	"movl %ds, %eax; movl %eax, seen + 52; movl %fs, %eax; movl %eax, seen + 56\n\t"
	"movl (%esp), %eax; movl %eax, seen + 60\n\t"
	"incl seen + 64\n\t"
	"call *in_task\n\t"
	"iret\n\t"
	"jmp task_entry\n");

/* One of a 16-bit task, on a 16-bit stack: 30000h is the base of its code. */
__asm__(".code16\n"
	".globl narrow_entry\n"
	"narrow_entry:\n\t"
	"movw %sp, %bp; movw %ss:(%bp), %bx\n\t"
	"incw %cx\n\t"
	"iretw\n\t"
	"jmp narrow_entry\n"
	".code32\n");

static void nothing(void)
{
}

void task_prepare(struct tss *t, uint16_t selector, uint32_t *stack_end)
{
	memset(t, 0, sizeof(*t));
	t->eip = (uint32_t)(uintptr_t)task_entry;
	t->eflags = 2;
	t->esp = (uint32_t)(uintptr_t)stack_end - 16;
	t->es = t->ss = t->ds = t->fs = t->gs = SEL_DATA;
	t->cs = SEL_CODE;
	t->cr3 = cr3();
	t->ss0 = SEL_DATA;
	t->esp0 = (uint32_t)(uintptr_t)(stack_0 + ARRAY_SIZE(stack_0));
	t->map = sizeof(*t);
	gdt[selector / 8] = descriptor((uint32_t)(uintptr_t)t, sizeof(*t) - 1, TSS_32, 0);
	in_task = nothing;
	seen.count = 0;
}

void prepare_other(void)
{
	task_prepare(&other, SEL_OTHER, other_stack + ARRAY_SIZE(other_stack));
}

static void prepare_handler(void)
{
	task_prepare(&handler, SEL_HANDLER, handler_stack + ARRAY_SIZE(handler_stack));
}

static void prepare_narrow(void)
{
	memset(&narrow, 0, sizeof(narrow));
	narrow.ip = (uint16_t)((uint32_t)(uintptr_t)narrow_entry - LEGACY_IMAGE);
	narrow.flags = 2;
	narrow.sp = (uint16_t)((uint32_t)(uintptr_t)(narrow_stack + ARRAY_SIZE(narrow_stack) - 8) - LEGACY_IMAGE);
	narrow.es = narrow.ss = narrow.ds = SEL_DATA16;
	narrow.cs = SEL_CODE16;
	narrow.ax = 0x1234;
	gdt[SEL_TSS16 / 8] = descriptor((uint32_t)(uintptr_t)&narrow, sizeof(narrow) - 1, TSS_16, 0);
}

/* ---- call, jump, return ---- */

static uint32_t inside[4];

static void note_busy(void)
{
	inside[0] = access_of(SEL_TSS) & BUSY;
	inside[1] = access_of(SEL_OTHER) & BUSY;
	inside[2] = other.link;
	inside[3] = tss.eip;
}

static void call(void)
{
	uint32_t after, a = 0x11111111, b = 0x22222222, c = 0x33333333, d = 0x44444444, si = 0x55555555, di = 0x66666666;

	prepare_other();
	in_task = note_busy;
	other.eax = 0xa1a2a3a4;
	other.edi = 0xd1d2d3d4;
	other.fs = 0;
	other.eflags = 2 | 0x8d5;
	set_cr0(cr0() & ~(uint32_t)TS_FLAG);
	__asm__ volatile("lcall %7, $0; 1: movl $1b, %6"
			 : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(si), "+D"(di), "=m"(after) : "i"(SEL_OTHER) : "memory", "cc");
	equal("call, the task ran", seen.count, 1);
	equal("call, its eax", seen.eax, 0xa1a2a3a4);
	equal("call, its edi", seen.edi, 0xd1d2d3d4);
	equal("call, its esp", seen.esp, (uint32_t)(uintptr_t)(other_stack + ARRAY_SIZE(other_stack)) - 16);
	equal("call, its flags, with NT", seen.eflags & 0x4dff, NT | 2 | 0x8d5);
	equal("call, cr0.ts in it", seen.cr0 & TS_FLAG, TS_FLAG);
	equal("call, its task register", seen.tr, SEL_OTHER);
	equal("call, its null fs", seen.fs, 0);
	equal("call, its ds", seen.ds, SEL_DATA);
	equal("call, the caller stays busy", inside[0], BUSY);
	equal("call, it is busy", inside[1], BUSY);
	equal("call, it links back", inside[2], SEL_TSS);
	equal("call, the caller's eip", inside[3], after);
	ok("call, registers came back", a == 0x11111111 && b == 0x22222222 && c == 0x33333333 && d == 0x44444444 &&
	   si == 0x55555555 && di == 0x66666666);
	equal("iret, its NT is gone", other.eflags & NT, 0);
	equal("iret, it is not busy", access_of(SEL_OTHER) & BUSY, 0);
	equal("iret, the caller is still busy", access_of(SEL_TSS) & BUSY, BUSY);
	equal("iret, the task register", task_register(), SEL_TSS);
	equal("iret, the caller's cs was kept", tss.cs, SEL_CODE);
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_OTHER) : "memory", "cc");
	equal("call again, it goes on behind its iret", seen.count, 2);
}

static void jump_back(void)
{
	inside[0] = access_of(SEL_TSS) & BUSY;
	inside[1] = access_of(SEL_OTHER) & BUSY;
	__asm__ volatile("ljmp %0, $0" : : "i"(SEL_TSS) : "memory", "cc");
}

static void jump(void)
{
	prepare_other();
	in_task = jump_back;
	other.link = 0x1234;
	__asm__ volatile("ljmp %0, $0" : : "i"(SEL_OTHER) : "memory", "cc");
	equal("jmp, the task ran", seen.count, 1);
	equal("jmp, no NT", seen.eflags & NT, 0);
	equal("jmp, the old task is not busy", inside[0], 0);
	equal("jmp, the new one is", inside[1], BUSY);
	equal("jmp, no link", other.link, 0x1234);
	equal("jmp back, busy again", access_of(SEL_TSS) & BUSY, BUSY);
	equal("jmp back, the other is not", access_of(SEL_OTHER) & BUSY, 0);
	prepare_other();
	other.eflags = 2 | NT;
	other.link = SEL_TSS;
	in_task = nothing;
	gdt[SEL_SPARE / 8] = gate(SEL_OTHER, 0, TASK_GATE, 0);
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_SPARE) : "memory", "cc");
	equal("call by a task gate", seen.count, 1);
	equal("call by a task gate, task register", seen.tr, SEL_OTHER);
	in_task = jump_back;
	__asm__ volatile("ljmp %0, $0" : : "i"(SEL_SPARE) : "memory", "cc");
	equal("jmp by a task gate", seen.count, 2);
}

/* ---- gates in the interrupt table ---- */

static uint32_t at_fault, times;

static void over_ud2(void)
{
	times++;
	at_fault = tss.eip;
	tss.eip += 2;
}

static void over_load(void)
{
	times++;
	at_fault = tss.eip;
	tss.eip += 2;
	inside[0] = seen.at_esp;     /* the error code */
}

static void count(void)
{
	times++;
	at_fault = tss.eip;
	end_of_interrupt();
}

static void by_exceptions(void)
{
	uint32_t want;

	prepare_handler();
	set_gate(UD, gate(SEL_HANDLER, 0, TASK_GATE, 0));
	in_task = over_ud2;
	times = 0;
	__asm__ volatile("movl $1f, %0; 1: ud2" : "=m"(want) : : "memory", "cc");
	equal("#UD by a task gate", times, 1);
	equal("#UD, eip of the instruction", at_fault, want);
	equal("#UD, NT", seen.eflags & NT, NT);
	default_gate(UD);
	prepare_handler();
	set_gate(0x80, gate(SEL_HANDLER, 0, TASK_GATE, 0));
	in_task = count;
	times = 0;
	__asm__ volatile("int $0x80; 1: movl $1b, %0" : "=m"(want) : : "memory", "cc");
	equal("int n by a task gate", times, 1);
	equal("int n, eip behind it", at_fault, want);
	set_gate(BP, gate(SEL_HANDLER, 0, TASK_GATE, 0));
	__asm__ volatile("int3; 1: movl $1b, %0" : "=m"(want) : : "memory", "cc");
	equal("int3 by a task gate", times, 2);
	equal("int3, eip behind it", at_fault, want);
	default_gate(BP);
	default_gate(0x80);
	prepare_handler();
	set_gate(GP, gate(SEL_HANDLER, 0, TASK_GATE, 0));
	in_task = over_load;
	times = 0;
	__asm__ volatile("movl $0x1f8, %%eax; movl $1f, %0; 1: movl %%eax, %%es" : "=m"(want) : : "eax", "memory", "cc");
	equal("#GP by a task gate", times, 1);
	equal("#GP, eip of the instruction", at_fault, want);
	equal("#GP, its error is on the new stack", inside[0], 0x1f8);
	equal("#GP, esp below it", seen.esp, (uint32_t)(uintptr_t)(handler_stack + ARRAY_SIZE(handler_stack)) - 20);
	default_gate(GP);
}

static void by_interrupts(void)
{
	uint32_t want;

	prepare_handler();
	set_gate(IPI, gate(SEL_HANDLER, 0, TASK_GATE, 0));
	in_task = count;
	times = 0;
	self_ipi(0x4000 | IPI);
	__asm__ volatile("sti; nop; 1: nop; nop; cli; movl $1b, %0" : "=m"(want) : : "memory", "cc");
	equal("an interrupt by a task gate", times, 1);
	equal("interrupt, eip behind the shadow", at_fault, want);
	equal("interrupt, if is the new task's", seen.eflags & 0x200, 0);
	for (unsigned i = 0; i < 50; i++) {
		self_ipi(0x4000 | IPI);
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	}
	equal("fifty more, out of halts", times, 51);
	default_gate(IPI);
}

static void nmi_again(void)
{
	if (++times == 1) {
		self_ipi(0x4400);
		for (unsigned i = 0; i < 20; i++) {
			__asm__ volatile("xorl %%eax, %%eax; cpuid" : : : "eax", "ebx", "ecx", "edx", "memory");
		}
		inside[0] = times;
	}
}

static void by_nmi(void)
{
	prepare_handler();
	set_gate(NMI, gate(SEL_HANDLER, 0, TASK_GATE, 0));
	in_task = nmi_again;
	times = 0;
	self_ipi(0x4400);
	for (unsigned i = 0; i < 50; i++) {
		__asm__ volatile("xorl %%eax, %%eax; cpuid" : : : "eax", "ebx", "ecx", "edx", "memory");
	}
	equal("nmi by a task gate, the second waits for iret", inside[0], 1);
	equal("and then comes", times, 2);
	default_gate(NMI);
}

static void double_fault(void)
{
	__asm__ volatile("movl $0x1f8, %%eax; movl %%eax, %%es" : : : "eax", "memory");
}

static void leave_df(void)
{
	times++;
	inside[0] = seen.at_esp;
	inside[1] = handler.link;
	__asm__ volatile("int %0" : : "i"(RETURN));
}

static void by_double_fault(void)
{
	prepare_handler();
	set_gate(DF, gate(SEL_HANDLER, 0, TASK_GATE, 0));
	in_task = leave_df;
	times = 0;
	idt[GP] = 0;
	equal("#DF by a task gate", attempt(double_fault), RETURN);
	equal("#DF, ran", times, 1);
	equal("#DF, error of 0", inside[0], 0);
	equal("#DF, link", inside[1], SEL_TSS);
	default_gate(GP);
	default_gate(DF);
}

/* ---- other kinds of task ---- */

static void narrow_task(void)
{
	uint32_t after;

	prepare_narrow();
	narrow_stack[ARRAY_SIZE(narrow_stack) - 8] = 0x5aa5;
	__asm__ volatile("lcall %1, $0; 1: movl $1b, %0" : "=m"(after) : "i"(SEL_TSS16) : "memory", "cc");
	equal("16-bit task ran", narrow.cx, 1);
	equal("16-bit task, its stack", narrow.bx, 0x5aa5);
	equal("16-bit task, ax kept", narrow.ax, 0x1234);
	equal("16-bit task, link", narrow.link, SEL_TSS);
	equal("16-bit task, cs saved", narrow.cs, SEL_CODE16);
	equal("16-bit task, NT saved clear", narrow.flags & NT, 0);
	equal("16-bit task, not busy", access_of(SEL_TSS16) & BUSY, 0);
	equal("16-bit task, the caller's eip", tss.eip, after);
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_TSS16) : "memory", "cc");
	equal("16-bit task again", narrow.cx, 2);
	prepare_narrow();
	set_gate(0x80, gate(SEL_TSS16, 0, TASK_GATE, 0));
	__asm__ volatile("int $0x80" : : : "memory", "cc");
	equal("16-bit task by a gate in the idt", narrow.cx, 1);
	default_gate(0x80);
}

static void local_table(void)
{
	static uint64_t ldt[4];

	prepare_other();
	ldt[1] = descriptor(SCRATCH, 0xfff, DATA_0, D);
	gdt[SEL_LDT / 8] = descriptor((uint32_t)(uintptr_t)ldt, sizeof(ldt) - 1, LDT_SYSTEM, 0);
	other.ldt = SEL_LDT;
	other.fs = 0x0c;
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_OTHER) : "memory", "cc");
	equal("a task with an ldt", seen.ldt, SEL_LDT);
	equal("a task with an ldt, a segment of it", seen.fs, 0x0c);
	__asm__ volatile("xorl %%eax, %%eax; sldt %%ax; movl %%eax, %0" : "=m"(inside[0]) : : "eax");
	equal("no ldt after its return", inside[0], 0);
}

static void user_back(void)
{
	__asm__ volatile("movl %%cs, %%eax; movl %%eax, %0; int %1" : "=m"(inside[0]) : "i"(RETURN) : "eax", "memory");
}

static void call_other(void)
{
	__asm__ volatile("lcall %0, $0" : : "i"(SEL_OTHER) : "memory", "cc");
}

static void user_task(void)
{
	prepare_other();
	other.cs = SEL_USER_CODE;
	other.ss = other.ds = other.es = other.fs = other.gs = SEL_USER_DATA;
	other.eip = (uint32_t)(uintptr_t)user_back;
	equal("a task of ring 3", attempt(call_other), RETURN);
	equal("a task of ring 3, cs", inside[0], SEL_USER_CODE);
	equal("a task of ring 3, ss on the way back", caught.ss, SEL_USER_DATA);
}

/* V86 code: a task whose flags have VM. It reads its segments' bases and halts, which is a #GP there. */
__asm__(".code16\n"
	".globl v86_task\n"
	"v86_task:\n\t"
	"movw %ds:0, %ax; movw %fs:2, %bx; movw %cs, %cx\n\t"
	"hlt\n"
	".code32\n");
extern char v86_task[];

static void v86(void)
{
	prepare_other();
	*(volatile uint32_t *)SCRATCH = 0xbbbbaaaa;
	other.eflags = VM | 2;
	other.cs = LEGACY_IMAGE >> 4;
	other.eip = (uint32_t)(uintptr_t)v86_task - LEGACY_IMAGE;
	other.ds = other.fs = SCRATCH >> 4;
	other.es = other.gs = 0xffff;
	other.ss = 0x5000;
	other.esp = 0x100;
	equal("a task of V86 mode, halt", attempt(call_other), GP);
	equal("a task of V86 mode, ds", caught.eax & 0xffff, 0xaaaa);
	equal("a task of V86 mode, fs", caught.ebx & 0xffff, 0xbbbb);
	equal("a task of V86 mode, cs", caught.ecx & 0xffff, LEGACY_IMAGE >> 4);
	equal("a task of V86 mode, flags, with NT", caught.eflags & (VM | NT), VM | NT);
	equal("a task of V86 mode, es on the way out", caught.v86_es & 0xffff, 0xffff);
	equal("a task of V86 mode, ss on the way out", caught.ss & 0xffff, 0x5000);
}

/* ---- paging and debugging ---- */

static void read_scratch(void)
{
	inside[0] = *(volatile uint32_t *)(SCRATCH + 0x8000);
}

static void other_tables(void)
{
	uint32_t first = SCRATCH, second = SCRATCH + 0x2000, *low;

	(void)page_tables(first);
	low = page_tables(second);
	*(volatile uint32_t *)(SCRATCH + 0x8000) = 0x11;
	*(volatile uint32_t *)(SCRATCH + 0x9000) = 0x22;
	low[(SCRATCH + 0x8000) >> 12] = (SCRATCH + 0x9000) | 7;
	paging(true, first);
	prepare_other();
	other.cr3 = second;
	in_task = read_scratch;
	call_other();
	equal("cr3 of the task", seen.cr3, second);
	equal("cr3 of the task, its page", inside[0], 0x22);
	equal("the caller's cr3", cr3(), first);
	read_scratch();
	equal("the caller's page", inside[0], 0x11);
	inside[1] = 0;
	ok("the new tables were walked", low[(SCRATCH + 0x8000) >> 12] & 0x20);
	for (unsigned i = 0; i < 100; i++) {
		call_other();
		read_scratch();
		inside[1] += inside[0] != 0x11;
	}
	equal("a hundred switches", seen.count + inside[1], 101);
	paging(false, 0);
}

static uint32_t dr6(void)
{
	uint32_t v;

	__asm__ volatile("movl %%dr6, %0" : "=r"(v));
	return v;
}

static void debugging(void)
{
	uint32_t dr7;

	prepare_other();
	other.trap = 1;
	__asm__ volatile("movl %0, %%dr6" : : "r"(0xffff0ff0));
	equal("the T flag, #DB", attempt(call_other), DB);
	equal("T, dr6.bt", dr6() & 0xe00f, 0x8000);
	equal("T, before the first instruction", caught.eip, (uint32_t)(uintptr_t)task_entry);
	prepare_other();
	other.eflags |= TF;
	__asm__ volatile("movl %0, %%dr6" : : "r"(0xffff0ff0));
	equal("TF of the new task, #DB", attempt(call_other), DB);
	equal("TF, dr6.bs", dr6() & 0xe00f, 0x4000);
	equal("TF, behind the first instruction", caught.eip, (uint32_t)(uintptr_t)task_entry + 5);
	prepare_other();
	/* Breakpoints 0 local and 1 global, on an address that nobody touches. */
	__asm__ volatile("movl %0, %%dr0; movl %0, %%dr1; movl %1, %%dr7" : : "r"(SCRATCH + 0xf000), "r"(0xff0409));
	call_other();
	__asm__ volatile("movl %%dr7, %0" : "=r"(dr7));
	equal("local breakpoints end, global ones stay", dr7 & 0xff, 0x8);
	__asm__ volatile("movl %0, %%dr7; movl %1, %%dr6" : : "r"(0x400), "r"(0xffff0ff0));
}

void group_tasks(void)
{
	call();
	jump();
	by_exceptions();
	by_interrupts();
	by_nmi();
	by_double_fault();
	narrow_task();
	local_table();
	user_task();
	v86();
	other_tables();
	debugging();
}
