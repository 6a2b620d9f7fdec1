/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments of every shape in 32- and 16-bit protected mode, call gates, rings 1 and 2, SYSENTER; with instructions that the
 * processor does and those that a hypervisor does. SDM 3A 5.
 */
#include "tests/attack/legacy/legacy.h"

enum {
	SEL_A = SEL_SPARE, SEL_B = SEL_SPARE + 8, SEL_C = SEL_SPARE + 16, SEL_D = SEL_SPARE + 24, SEL_E = SEL_SPARE + 32,
	DATA_DOWN = 0x97, DATA_READ = 0x91, CODE_ONLY = 0x99, CONFORMING = 0x9f, IOPL_SHIFT = 12, DF_FLAG = 0x400,
	MSR_SYSENTER_CS = 0x174, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

static uint32_t at, value;
static uint32_t version;             /* of the IOAPIC: what its window reads                          */

/* ---- accesses through FS and ES ---- */

static void load_fs(void)
{
	__asm__ volatile("movl %1, %%fs; movl %2, %%ecx; movl %%fs:(%%ecx), %%eax; movl %%eax, %0"
			 : "=m"(value) : "r"(SEL_A), "m"(at) : "eax", "ecx", "memory");
}

static void store_fs(void)
{
	__asm__ volatile("movl %0, %%fs; movl %1, %%ecx; movl %%ecx, %%fs:(%%ecx)" : : "r"(SEL_A), "m"(at) : "ecx", "memory");
}

static void ins_es(void)
{
	__asm__ volatile("pushl %%es; movl %0, %%es; movl %1, %%edi; movl $4, %%ecx; cld; rep insb; popl %%es"
			 : : "r"(SEL_A), "m"(at), "d"(SCRATCH_PORT) : "ecx", "edi", "memory");
}

static void push_ss(void)
{
	__asm__ volatile("movl %%esp, %%ebx; movl %0, %%ss; movl %1, %%esp; pushl $0x77; movl $0x10, %%eax; movl %%eax, %%ss;"
			 "movl %%ebx, %%esp" : : "r"(SEL_A), "m"(at) : "eax", "ebx", "memory");
}

static uint32_t through(void (*fn)(void), uint32_t where)
{
	at = where;
	return attempt(fn);
}

static void define(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags)
{
	gdt[SEL_A / 8] = descriptor(base, limit, access, flags);
}

static void expand_down(void)
{
	define(SCRATCH - 0x1000, 0xfff, DATA_DOWN, D);
	equal("expand-down, below", through(load_fs, 0xfff), GP);
	equal("expand-down, error", caught.error, 0);
	equal("expand-down, first", through(load_fs, 0x1000), NONE);
	equal("expand-down, last", through(load_fs, 0xfffffffc), NONE);
	equal("expand-down, rep insb below", through(ins_es, 0xffe), GP);
	equal("expand-down, rep insb inside", through(ins_es, 0x1000), NONE);
	define(SCRATCH - 0x1000, 0xfff, DATA_DOWN, 0);
	equal("16-bit expand-down, last", through(load_fs, 0xfffc), NONE);
	equal("16-bit expand-down, over the end", through(load_fs, 0xfffd), GP);
	equal("16-bit expand-down, behind", through(load_fs, 0x10000), GP);
	equal("16-bit expand-down, rep insb over the end", through(ins_es, 0xfffe), GP);
	equal("16-bit expand-down, rep insb, how far", caught.ecx, 2);
	define(SCRATCH - 0x1000, 0xfff, DATA_DOWN, D);
	equal("expand-down stack, push inside", through(push_ss, 0x1100), NONE);
	define(0, 0, DATA_DOWN, G | D);
	equal("expand-down, a device inside", through(load_fs, (uint32_t)IOAPIC + 0x10), NONE);
	equal("expand-down, the device", value, version);
	define(0, 0xfec00, DATA_DOWN, G | D);
	equal("expand-down, a device below", through(load_fs, (uint32_t)IOAPIC + 0x10), GP);
}

static void limits(void)
{
	define((uint32_t)IOAPIC, 0x13, DATA_0, D);
	equal("a segment on a device", through(load_fs, 0x10), NONE);
	equal("a segment on a device, what was read", value, version);
	equal("a segment on a device, over its end", through(load_fs, 0x11), GP);
	define((uint32_t)IOAPIC - 0x10000, 0xfffff, DATA_0, G | D);
	equal("a base below a device", through(load_fs, 0x10010), NONE);
	equal("a base below a device, what was read", value, version);
	define(0xffff0000, 0xfffff, DATA_0, G | D);
	equal("over 4 GiB to a device", through(load_fs, (uint32_t)IOAPIC + 0x10010), NONE);
	equal("over 4 GiB to a device, what was read", value, version);
	define(0, 0xfffff, DATA_READ, G | D);
	equal("a read-only segment, read on a device", through(load_fs, (uint32_t)IOAPIC + 0x10), NONE);
	equal("a read-only segment, write on a device", through(store_fs, (uint32_t)IOAPIC), GP);
	equal("a read-only segment, rep insb", through(ins_es, SCRATCH), GP);
	define(0, 0xfffff, CODE_ONLY, G | D);
	equal("a code segment that cannot be read", through(load_fs, (uint32_t)IOAPIC), GP);
	define(0, 0xfffff, CODE_0, G | D);
	equal("one that can, on a device", through(load_fs, (uint32_t)IOAPIC + 0x10), NONE);
	define(0, 0xfffff, DATA_0 & 0x7f, G | D);
	equal("an absent segment", through(load_fs, 0), NP);
	define(SCRATCH, 0xfff, DATA_0, D);
	equal("rep insb over the limit", through(ins_es, 0xffe), GP);
	equal("rep insb over the limit, how far", caught.ecx << 16 | (caught.edi & 0xffff), 2 << 16 | 0x1000);
	gdt[SEL_A / 8] = 0;
	equal("a null descriptor", through(load_fs, 0), GP);
}

/* ---- rings ---- */

static uint32_t ring, ring_flags;
static const char *ring_code;
static uint32_t ring_stack[256], inner_stack[64];

static void go_ring(void)
{
	uint32_t code = ring ? SEL_C | ring : SEL_CODE, data = SEL_D | ring;

	gdt[SEL_C / 8] = descriptor(0, 0xfffff, (uint8_t)(CODE_0 | ring << 5), G | D);
	gdt[SEL_D / 8] = descriptor(0, 0xfffff, (uint8_t)(DATA_0 | ring << 5), G | D);
	__asm__ volatile("pushl %0; pushl %1; pushl %2; pushl %3; pushl %4; movl %0, %%eax; movl %%eax, %%ds; movl %%eax, %%es;"
			 "movl $0x3ff, %%edx; movl $0x1b, %%ecx; movl $0x40000000, %%eax; movl $0xfec00010, %%edi; iret"
			 : : "r"(data), "r"(ring_stack + ARRAY_SIZE(ring_stack)), "r"(ring_flags | 2), "r"(code), "m"(ring_code)
			 : "eax", "memory");
}

/* Code that ends by INT: RETURN when it came through. */
#define CODE(name, text)                                                                                                  \
	__asm__(".globl r_" #name "\nr_" #name ":\n\t" text "\n\tint $0xf0\n");                                           \
	extern const char r_##name[]
CODE(cpuid, "xorl %ecx, %ecx; cpuid");
CODE(in, "inb %dx, %al");
CODE(insb, "subl $16, %esp; movl %esp, %edi; movl $3, %ecx; rep insb");
CODE(device, "movl (%edi), %eax");
CODE(rdmsr, "rdmsr");
CODE(hlt, "hlt");
CODE(cr, "movl %cr0, %eax");
CODE(clts, "clts");
CODE(rdpmc, "rdpmc");
CODE(cli, "cli");
CODE(call, "pushl $0x1111; pushl $0x2222; lcall $0xa3, $0; movl %esp, %ebp");
CODE(call_16, "pushw $0x3333; lcall $0xa3, $0; movl %esp, %ebp");
CODE(call_plain, "lcall $0xa3, $0");
CODE(bound, "pushl $5; pushl $1; movl $9, %eax; boundl %eax, (%esp)");
CODE(into, "movb $0x7f, %al; incb %al; into");
CODE(sysenter, "movl %esp, %ecx; movl $1f, %edx; sysenter; 1: nop");

static uint32_t in_ring(uint32_t number, const char *code, uint32_t flags)
{
	ring = number;
	ring_code = code;
	ring_flags = flags;
	return attempt(go_ring);
}

static void rings(void)
{
	static const char *const names[] = { "", "ring 1", "ring 2", "ring 3" };

	tss.bitmap[SCRATCH_PORT / 8] = 0xff;
	for (uint32_t r = 1; r <= 3; r++) {
		const char *name = names[r];

		equal_of(name, "cpuid", in_ring(r, r_cpuid, 0), RETURN);
		equal_of(name, "port by iopl", in_ring(r, r_in, r << IOPL_SHIFT), RETURN);
		equal_of(name, "port closed", in_ring(r, r_in, (r - 1) << IOPL_SHIFT), GP);
		equal_of(name, "rep insb by iopl", in_ring(r, r_insb, r << IOPL_SHIFT), RETURN);
		equal_of(name, "rep insb closed", in_ring(r, r_insb, (r - 1) << IOPL_SHIFT), GP);
		tss.bitmap[SCRATCH_PORT / 8] = 0x7f;
		equal_of(name, "port by the bitmap", in_ring(r, r_in, 0), RETURN);
		equal_of(name, "rep insb by the bitmap", in_ring(r, r_insb, 0), RETURN);
		tss.bitmap[SCRATCH_PORT / 8] = 0xff;
		equal_of(name, "a device", in_ring(r, r_device, 0), RETURN);
		equal_of(name, "what was read", caught.eax, version);
		equal_of(name, "rdmsr", in_ring(r, r_rdmsr, 0), GP);
		equal_of(name, "hlt", in_ring(r, r_hlt, 0), GP);
		equal_of(name, "mov from cr0", in_ring(r, r_cr, 0), GP);
		equal_of(name, "clts", in_ring(r, r_clts, 0), GP);
		equal_of(name, "rdpmc", in_ring(r, r_rdpmc, 0), GP);
		equal_of(name, "cli by iopl", in_ring(r, r_cli, r << IOPL_SHIFT), RETURN);
		equal_of(name, "cli", in_ring(r, r_cli, (r - 1) << IOPL_SHIFT), GP);
		equal_of(name, "stack of the way out", caught.ss, SEL_D | r);
	}
	equal("bound", in_ring(3, r_bound, 0), BR);
	set_gate(OF, idt[OF] | 3ull << 45);
	equal("into", in_ring(3, r_into, 0), OF);
	default_gate(OF);
}

/* Pages of rings 0 to 2 on a device: rights by CPL, not by the ring of the segment. */
static void ring_pages(void)
{
	uint32_t *low = page_tables(SCRATCH), device = SCRATCH + 0x8000;

	(void)low;
	((uint32_t *)SCRATCH)[(uint32_t)IOAPIC >> 22] &= ~4u;
	low[device >> 12] = (uint32_t)IOAPIC | 3;
	paging(true, SCRATCH);
	equal("ring 1 on a supervisor's page", in_ring(1, r_device, 0), RETURN);
	equal("ring 2 on a supervisor's page", in_ring(2, r_device, 0), RETURN);
	equal("ring 3 on a supervisor's page", in_ring(3, r_device, 0), PF);
	equal("ring 3 on a supervisor's page, error", caught.error, 5);
	paging(false, 0);
}

/* ---- call gates: SEL_GATE_ at a0h ---- */

enum { SEL_GATE_ = 0xa0 };

__asm__(".globl inner, inner_16, inner_plain\n"
	"inner: movl 12(%esp), %esi; movl 8(%esp), %edi; xorl %ecx, %ecx; movl $0x40000000, %eax; cpuid; movl %cs, %ebx;"
	"movl %ss, %ecx; lret $8\n"
	"inner_16: movl %esp, %ebx; movzwl 4(%esp), %esi; movw %cs, %bx; lretw $2\n"
	"inner_plain: movl %cs, %ebx; movl $0x3ff, %edx; inb %dx, %al; lret\n");
extern const char inner[], inner_16[], inner_plain[];

static void set_call_gate(uint16_t selector, const char *to, uint8_t access, uint8_t count)
{
	gdt[SEL_GATE_ / 8] = gate(selector, (uint32_t)(uintptr_t)to, access, count);
}

static void call_gates(void)
{
	uint8_t open = CALL_GATE | 0x60;

	set_call_gate(SEL_CODE, inner, open, 2);
	equal("call gate", in_ring(3, r_call, 0), RETURN);
	equal("call gate, parameters", caught.esi << 16 | caught.edi, 0x11112222);
	equal("call gate, inner cs and ss", caught.ebx << 16 | caught.ecx, (uint32_t)SEL_CODE << 16 | SEL_DATA);
	equal("call gate, outer stack without them", caught.ebp, (uint32_t)(uintptr_t)(ring_stack + ARRAY_SIZE(ring_stack)));
	gdt[SEL_B / 8] = descriptor(0, 0xfffff, CODE_0, G | D);
	set_call_gate(SEL_CODE, inner_plain, open, 0);
	equal("call gate, a port inside", in_ring(3, r_call_plain, 0), RETURN);
	equal("call gate from ring 0", in_ring(0, r_call_plain, 0), RETURN);
	equal("call gate from ring 1", in_ring(1, r_call_plain, 0), RETURN);
	gdt[SEL_B / 8] = descriptor(0, 0xfffff, CONFORMING, G | D);
	set_call_gate(SEL_B, inner_plain, open, 0);
	equal("call gate to conforming code, a port", in_ring(3, r_call_plain, 0), GP);
	equal("call gate to conforming code with iopl 3", in_ring(3, r_call_plain, 3 << IOPL_SHIFT), RETURN);
	equal("call gate to conforming code, its cs", caught.ebx, SEL_B | 3);
	set_call_gate(SEL_CODE, inner, CALL_GATE, 0);
	equal("call gate of ring 0", in_ring(3, r_call_plain, 0), GP);
	equal("call gate of ring 0, error", caught.error, SEL_GATE_);
	set_call_gate(SEL_CODE, inner, open & 0x7f, 0);
	equal("absent call gate", in_ring(3, r_call_plain, 0), NP);
	set_call_gate(0, inner, open, 0);
	equal("call gate to null", in_ring(3, r_call_plain, 0), GP);
	equal("call gate to null, error", caught.error, 0);
	set_call_gate(0x1f8, inner, open, 0);
	equal("call gate beyond the table", in_ring(3, r_call_plain, 0), GP);
	equal("call gate beyond the table, error", caught.error, 0x1f8);
	set_call_gate(SEL_DATA, inner, open, 0);
	equal("call gate to data", in_ring(3, r_call_plain, 0), GP);
	gdt[SEL_B / 8] = descriptor(0, 0xfffff, CODE_0 | 0x20, G | D);
	gdt[SEL_E / 8] = descriptor(0, 0xfffff, DATA_0 | 0x20, G | D);
	set_call_gate(SEL_B, r_cpuid, open, 0);
	tss.ss1 = SEL_E | 1;
	tss.esp1 = (uint32_t)(uintptr_t)inner_stack + sizeof(inner_stack);
	equal("call gate to ring 1", in_ring(3, r_call_plain, 0), RETURN);
	equal("call gate to ring 1, cs and ss", caught.cs << 16 | caught.ss, (uint32_t)(SEL_B | 1) << 16 | SEL_E | 1);
	tss.ss1 = SEL_USER_DATA;
	equal("call gate to ring 1 with a stack of ring 3", in_ring(3, r_call_plain, 0), TS);
	equal("call gate to ring 1 with a stack of ring 3, error", caught.error, SEL_USER_DATA & ~3u);
	gdt[SEL_E / 8] = descriptor(0, 0xfffff, (DATA_0 | 0x20) & 0x7f, G | D);
	tss.ss1 = SEL_E | 1;
	equal("call gate to ring 1 with an absent stack", in_ring(3, r_call_plain, 0), SS);
	equal("call gate to ring 1 with an absent stack, error", caught.error, SEL_E);
}

/* Exceptions go by a gate to a task here, since ring 0 has no stack. */
static void sysenter(void)
{
	if (!cpuid_bit(1, 'd', 11)) {
		skip("sysenter");
		return;
	}
	__asm__ volatile("wrmsr" : : "c"(MSR_SYSENTER_CS), "a"(SEL_CODE), "d"(0));
	__asm__ volatile("wrmsr" : : "c"(MSR_SYSENTER_ESP), "a"(stack_0 + ARRAY_SIZE(stack_0)), "d"(0));
	__asm__ volatile("wrmsr" : : "c"(MSR_SYSENTER_EIP), "a"(r_cpuid), "d"(0));
	equal("sysenter", in_ring(3, r_sysenter, 0x200), RETURN);
	equal("sysenter, cs", caught.cs, SEL_CODE);
	equal("sysenter, if", caught.eflags & 0x200, 0);
	__asm__ volatile("wrmsr" : : "c"(MSR_SYSENTER_CS), "a"(0), "d"(0));
	equal("sysenter without a cs", in_ring(3, r_sysenter, 0), GP);
}

/* ---- 16-bit code ---- */

/* Ring 3 with a 16-bit stack, so that the way back has one of ring 0. Bases are those of the image and of SCRATCH. */
#define CODE16(name, text)                                                                                                \
	__asm__(".code16\n.globl n_" #name "\nn_" #name ":\n\t" text "\n\tint $0xf0\n.code32\n");                         \
	extern const char n_##name[]
CODE16(cpuid, "movl $0x40000000, %eax; xorl %ecx, %ecx; cpuid");
CODE16(push, "pushw $0x1234; pushl $0x56789abc; movw %sp, %ax");
CODE16(outs, "movw $0xffff, %si; movw $2, %cx; rep outsb; inb %dx, %al");
CODE16(ins, "movw $0xfffe, %di; movw $4, %cx; rep insb");
CODE16(device, "movl %fs:0x10, %eax; movl $0x10, %ebx; movw %fs:(%ebx), %cx");
CODE16(push_device, "pushl %fs:0x10; movw %sp, %bx; popl %eax");
CODE16(string, "movw $0xfffc, %di; movw $0x10, %si; movw $1, %cx; rep movsl %fs:(%si), %es:(%di)");
CODE16(enter, "enter $8, $0; movw %sp, %ax; leave");

static const char *code_16;
static uint32_t sp_16;

static void go_16(void)
{
	gdt[SEL_A / 8] = descriptor(LEGACY_IMAGE, 0xffff, 0xfb, 0);
	gdt[SEL_B / 8] = descriptor(SCRATCH, 0xffff, 0xf3, 0);
	gdt[SEL_C / 8] = descriptor((uint32_t)IOAPIC, 0xfff, 0xf3, 0);
	__asm__ volatile("pushl %0; pushl %1; pushl $0x3002; pushl %2; pushl %3; movl %0, %%eax; movl %%eax, %%ds; movl %%eax, %%es;"
			 "movl %4, %%eax; movl %%eax, %%fs; movl $0x3ff, %%edx; movl $0xeeee0000, %%ebx; xorl %%eax, %%eax; iret"
			 : : "i"(SEL_B | 3), "m"(sp_16), "i"(SEL_A | 3), "r"((uint32_t)(uintptr_t)code_16 - LEGACY_IMAGE),
			   "i"(SEL_C | 3) : "eax", "memory");
}

static uint32_t in_16(const char *code, uint32_t sp)
{
	code_16 = code;
	sp_16 = sp;
	return attempt(go_16);
}

static void sixteen(void)
{
	volatile uint8_t *data = (volatile uint8_t *)SCRATCH;

	equal("16-bit code, cpuid", in_16(n_cpuid, 0x100), RETURN);
	equal("16-bit code, push wraps", in_16(n_push, 2), RETURN);
	equal("16-bit code, push wraps, sp", caught.eax & 0xffff, 0xfffc);
	equal("16-bit code, push wraps, what is there", *(volatile uint32_t *)(SCRATCH + 0xfffc), 0x56789abc);
	data[0xffff] = 0x41;
	data[0] = 0x42;
	equal("16-bit code, rep outsb wraps", in_16(n_outs, 0x100), RETURN);
	equal("16-bit code, rep outsb wraps, last byte and si", (caught.eax & 0xff) << 16 | (caught.esi & 0xffff), 0x420001);
	equal("16-bit code, rep insb wraps", in_16(n_ins, 0x100), RETURN);
	equal("16-bit code, rep insb wraps, where", (uint32_t)(data[0xfffe] << 24 | data[0xffff] << 16 | data[0] << 8 | data[1]), 0x42424242);
	equal("16-bit code, rep insb wraps, di", caught.edi & 0xffff, 2);
	equal("16-bit code, a device", in_16(n_device, 0x100), RETURN);
	equal("16-bit code, a device, what was read", caught.eax, version);
	equal("16-bit code, push of a device wraps", in_16(n_push_device, 2) == RETURN || caught.vector == SS, 1);
	equal("16-bit code, push of a device", in_16(n_push_device, 0), RETURN);
	equal("16-bit code, push of a device, what came back", caught.eax, version);
	equal("16-bit code, push of a device, sp", caught.ebx, 0xeeeefffc);
	equal("16-bit code, movs from a device", in_16(n_string, 0x100), RETURN);
	equal("16-bit code, movs from a device, di", caught.edi & 0xffff, 0);
	equal("16-bit code, movs from a device, what came", *(volatile uint32_t *)(SCRATCH + 0xfffc), version);
	equal("16-bit code, enter", in_16(n_enter, 0x100), RETURN);
	equal("16-bit code, enter, sp", caught.eax & 0xffff, 0x100 - 10);
}

void group_segments(void)
{
	*(volatile uint32_t *)IOAPIC = 1;
	version = *(volatile uint32_t *)((uint32_t)IOAPIC + 0x10);
	expand_down();
	limits();
	*(volatile uint32_t *)IOAPIC = 1;    /* where limits are not checked, it was written */
	rings();
	ring_pages();
	call_gates();
	sysenter();
	sixteen();
}
