/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task switches: what is read, written and loaded, and what each wrong table raises, in which task. The payload groups
 * "tasks" and "taskfaults" show the same on processors.
 * sources: vmm/task.c vmm/walk.c vmm/gmem.c
 */
#include "vmm/task.h"

#include "tests/unit/check.h"

enum {
	RAM = 0x10000, GDT = 0x1000, LDT = 0x2000, OLD = 0x3000, NEW = 0x3800, STACK = 0x5000, CODE_AT = 0x7000,
	SEL_CODE = 0x08, SEL_DATA = 0x10, SEL_OLD = 0x18, SEL_NEW = 0x20, SEL_USER_CODE = 0x2b, SEL_USER_DATA = 0x33, SEL_LDT = 0x38,
	SEL_SPARE = 0x40, GDT_LIMIT = 0x47,
	DB = 1, DF = 8, TS = 10, NP, SS, GP, PF, NT = 1 << 14, VM = 1 << 17, TSS_32 = 0x89, TSS_16 = 0x81, BUSY = 2,
	EXCEPTION = 3 << 8, NMI_EVENT = 0x202, INT_N = 4 << 8, HAS_ERROR = 1 << 11,
};

static uint8_t ram[RAM];
static struct gmem mem;
static struct vcpu_state s;
static struct exit_task t;

static void put(uint32_t at, uint64_t v, unsigned bytes)
{
	memcpy(ram + at, &v, bytes);
}

static uint32_t get(uint32_t at, unsigned bytes)
{
	uint32_t v = 0;

	memcpy(&v, ram + at, bytes);
	return v;
}

static void describe(unsigned selector, uint32_t base, uint32_t limit, uint8_t access, uint8_t flags)
{
	put(GDT + (selector & ~7u), (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)access << 40 |
	    (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 | (uint64_t)(base >> 24) << 56, 8);
}

static uint8_t access_of(unsigned selector)
{
	return ram[GDT + (selector & ~7u) + 5];
}

static struct vcpu_segment flat(uint16_t selector, uint16_t attr)
{
	return (struct vcpu_segment){ .limit = 0xffffffff, .selector = selector, .attr = attr };
}

static void new_word(unsigned offset, uint32_t v)
{
	put(NEW + offset, v, 4);
}

static void new_selectors(uint16_t code, uint16_t data)
{
	static const uint8_t at[] = { 72, 80, 84, 88, 92 };

	for (unsigned i = 0; i < sizeof(at); i++) {
		new_word(at[i], data);
	}
	new_word(76, code);
}

static void setup(void)
{
	memset(ram, 0, sizeof(ram));
	mem = (struct gmem){ .slot = { { 0, RAM, ram } }, .count = 1 };
	describe(SEL_CODE, 0, 0xfffff, 0x9a, 0xc);
	describe(SEL_DATA, 0, 0xfffff, 0x92, 0xc);
	describe(SEL_OLD, OLD, 103, TSS_32 | BUSY, 0);
	describe(SEL_NEW, NEW, 103, TSS_32, 0);
	describe(SEL_USER_CODE, 0, 0xfffff, 0xfa, 0xc);
	describe(SEL_USER_DATA, 0, 0xfffff, 0xf2, 0xc);
	describe(SEL_LDT, LDT, 15, 0x82, 0);
	memset(&s, 0, sizeof(s));
	s.cr0 = 0x11;
	s.dr7 = 0x40f;
	s.rip = 0x1234;
	s.rflags = 0x202;
	s.cs = flat(SEL_CODE, 0xc09b);
	s.es = s.ss = s.ds = s.fs = s.gs = flat(SEL_DATA, 0xc093);
	s.tr = (struct vcpu_segment){ .base = OLD, .limit = 103, .selector = SEL_OLD, .attr = TSS_32 | BUSY };
	s.gdtr = (struct vcpu_segment){ .base = GDT, .limit = GDT_LIMIT };
	for (unsigned i = 0; i < 8; i++) {
		s.gpr[i] = 0xffffffff00000000 | 0x10101010u * (i + 1);
		new_word(40 + 4 * i, 0xa0a0a000 + i);
	}
	new_word(32, CODE_AT);
	new_word(36, 0x46);
	new_word(56, STACK);
	new_selectors(SEL_CODE, SEL_DATA);
	t = (struct exit_task){ .selector = SEL_NEW, .source = TASK_CALL, .length = 7 };
}

static int go(void)
{
	return task_switch(&mem, &t, &s);
}

TEST(call_saves_the_old_task_and_loads_the_new_one)
{
	setup();
	CHECK_EQ(go(), OK);
	CHECK(!s.exception_pending);
	CHECK_EQ(get(OLD + 32, 4), 0x123b);
	CHECK_EQ(get(OLD + 36, 4), 0x202);
	CHECK_EQ(get(OLD + 40 + 4 * GPR_RDI, 4), 0x80808080);
	CHECK_EQ(get(OLD + 76, 2), SEL_CODE);
	CHECK_EQ(get(NEW, 2), SEL_OLD);
	CHECK_EQ(access_of(SEL_OLD), TSS_32 | BUSY);
	CHECK_EQ(access_of(SEL_NEW), TSS_32 | BUSY);
	CHECK_EQ(access_of(SEL_CODE), 0x9b);
	CHECK_EQ(s.rip, CODE_AT);
	CHECK_EQ(s.rflags, 0x46 | NT);
	CHECK_EQ(s.gpr[GPR_RAX], 0xa0a0a000);
	CHECK_EQ(s.tr.selector, SEL_NEW);
	CHECK_EQ(s.tr.attr, TSS_32 | BUSY);
	CHECK_EQ(s.cr0, 0x19);
	CHECK_EQ(s.dr7, 0x40a);
	CHECK_EQ(s.cs.limit, 0xffffffff);
	CHECK_EQ(s.ss.attr, 0xc093);
}

TEST(jump_frees_the_old_task_and_iret_ends_the_nesting)
{
	setup();
	t.source = TASK_JMP;
	put(NEW, 0x5555, 2);
	CHECK_EQ(go(), OK);
	CHECK_EQ(access_of(SEL_OLD), TSS_32);
	CHECK_EQ(s.rflags, 0x46);
	CHECK_EQ(get(NEW, 2), 0x5555);
	setup();
	describe(SEL_NEW, NEW, 103, TSS_32 | BUSY, 0);
	t.source = TASK_IRET;
	s.rflags |= NT;
	s.nmi_blocked = 1;
	new_word(36, 2 | NT);
	CHECK_EQ(go(), OK);
	CHECK_EQ(access_of(SEL_OLD), TSS_32);
	CHECK_EQ(access_of(SEL_NEW), TSS_32 | BUSY);
	CHECK_EQ(get(OLD + 36, 4), 0x202);
	CHECK_EQ(s.rflags, 2 | NT);
	CHECK_EQ(s.nmi_blocked, 0);
}

TEST(gates_save_the_eip_that_comes_next)
{
	static const struct { uint32_t event; uint32_t eip; bool blocked; } row[] = {
		{ 0x61, 0x1234, false }, { NMI_EVENT, 0x1234, true }, { EXCEPTION | 6, 0x1234, false }, { INT_N | 0x80, 0x123b, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		setup();
		t.source = TASK_GATE;
		t.event = row[i].event;
		CHECK_EQ(go(), OK);
		CHECK_EQ(get(OLD + 32, 4), row[i].eip);
		CHECK_EQ(s.nmi_blocked, row[i].blocked);
		CHECK_EQ(s.gpr[GPR_RSP], STACK);
	}
}

TEST(an_error_code_goes_onto_the_new_stack)
{
	setup();
	t.source = TASK_GATE;
	t.event = EXCEPTION | HAS_ERROR | GP;
	t.error = 0x1f8;
	CHECK_EQ(go(), OK);
	CHECK_EQ(s.gpr[GPR_RSP], STACK - 4);
	CHECK_EQ(get(STACK - 4, 4), 0x1f8);
	setup();
	new_word(56, 2);
	describe(SEL_SPARE, 0, 0, 0x92, 4);          /* one byte */
	new_word(80, SEL_SPARE);
	t.source = TASK_GATE;
	t.event = EXCEPTION | HAS_ERROR | PF;
	CHECK_EQ(go(), OK);
	CHECK_EQ(s.exception_vector, DF);            /* #SS while #PF was delivered */
	CHECK_EQ(s.tr.selector, SEL_NEW);
}

TEST(a_16_bit_task_has_short_words)
{
	setup();
	describe(SEL_NEW, NEW, 43, TSS_16, 0);
	memset(ram + NEW, 0, 104);
	put(NEW + 14, 0x7000, 2);
	put(NEW + 18, 0xbeef, 2);
	for (unsigned at = 34; at < 42; at += 2) {
		put(NEW + at, at == 36 ? SEL_CODE : SEL_DATA, 2);
	}
	CHECK_EQ(go(), OK);
	CHECK(!s.exception_pending);
	CHECK_EQ(s.rip, 0x7000);
	CHECK_EQ(s.gpr[GPR_RAX], 0xbeef);
	CHECK_EQ(s.fs.selector, 0);
	CHECK_EQ(s.fs.attr & 0x80, 0);
	/* And back: 16-bit words are saved, nothing behind them. */
	t = (struct exit_task){ .selector = SEL_OLD, .source = TASK_IRET, .length = 1 };
	put(NEW + 42, 0x7777, 2);
	CHECK_EQ(go(), OK);
	CHECK_EQ(get(NEW + 14, 2), 0x7001);
	CHECK_EQ(get(NEW + 42, 2), 0x7777);
	CHECK_EQ(s.rip, 0x123b);
	CHECK_EQ(s.tr.selector, SEL_OLD);
}

TEST(paging_and_local_tables_are_the_new_tasks)
{
	setup();
	/* 4 MiB pages; the new table is at c000h. */
	put(0xb000, 0x83, 4);
	put(0xc000, 0x83, 4);
	s.cr0 |= 1ull << 31;
	s.cr4 = 0x10;
	s.cr3 = 0xb000;
	new_word(28, 0xc000);
	new_word(96, SEL_LDT);
	new_word(88, 0x0c);
	put(LDT + 8, 0x00cf92000000ffff, 8);
	CHECK_EQ(go(), OK);
	CHECK(!s.exception_pending);
	CHECK_EQ(s.cr3, 0xc000);
	CHECK_EQ(s.ldtr.base, LDT);
	CHECK_EQ(s.fs.selector, 0x0c);
	CHECK_EQ(s.fs.attr & 0x80, 0x80);
	CHECK_EQ(get(0xc000, 4) & 0x20, 0x20);
}

TEST(a_v86_task_has_its_segments_at_once)
{
	setup();
	new_word(36, VM | 2);
	new_selectors(0x1234, 0x2000);
	CHECK_EQ(go(), OK);
	CHECK(!s.exception_pending);
	CHECK_EQ(s.cs.base, 0x12340);
	CHECK_EQ(s.gs.base, 0x20000);
	CHECK_EQ(s.ss.attr, 0xf3);
	CHECK_EQ(s.cs.limit, 0xffff);
	setup();
	new_word(36, VM | 2);
	new_word(32, 0x10000);
	CHECK_EQ(go(), OK);
	CHECK_EQ(s.exception_vector, GP);
}

TEST(what_refuses_a_switch_changes_nothing)
{
	static const struct {
		const char *what;
		uint8_t source, access;
		uint16_t selector, limit;
		uint8_t vector;
		uint32_t error;
	} row[] = {
		{ "busy", TASK_CALL, TSS_32 | BUSY, SEL_NEW, 103, GP, SEL_NEW },
		{ "not busy", TASK_IRET, TSS_32, SEL_NEW, 103, TS, SEL_NEW },
		{ "absent", TASK_JMP, TSS_32 & 0x7f, SEL_NEW, 103, NP, SEL_NEW },
		{ "short", TASK_CALL, TSS_32, SEL_NEW, 102, TS, SEL_NEW },
		{ "short 16-bit", TASK_CALL, TSS_16, SEL_NEW, 42, TS, SEL_NEW },
		{ "an ldt", TASK_CALL, 0x82, SEL_NEW, 103, GP, SEL_NEW },
		{ "local", TASK_CALL, TSS_32, SEL_NEW | 4, 103, GP, SEL_NEW | 4 },
		{ "null", TASK_CALL, TSS_32, 3, 103, GP, 0 },
		{ "beyond", TASK_CALL, TSS_32, GDT_LIMIT + 1, 103, GP, GDT_LIMIT + 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		static uint8_t before[RAM];
		struct vcpu_state old;

		setup();
		describe(SEL_NEW, NEW, row[i].limit, row[i].access, 0);
		t.source = row[i].source;
		t.selector = row[i].selector;
		memcpy(before, ram, RAM);
		old = s;
		CHECK_EQ(go(), OK);
		CHECK(s.exception_pending && s.exception_has_error);
		CHECK_EQ(s.exception_vector, row[i].vector);
		CHECK_EQ(s.exception_error, row[i].error);
		CHECK(memcmp(before, ram, RAM) == 0 && s.rip == old.rip && s.tr.selector == old.tr.selector && s.cr0 == old.cr0);
	}
}

TEST(what_is_wrong_in_the_new_task_is_its_own)
{
	static const struct {
		const char *what;
		uint8_t at;
		uint16_t value;
		uint8_t spare, vector;
		uint32_t error;
	} row[] = {
		{ "ldt that is data", 96, SEL_DATA, 0, TS, SEL_DATA },
		{ "ldt in an ldt", 96, SEL_LDT | 4, 0, TS, SEL_LDT | 4 },
		{ "ldt absent", 96, SEL_SPARE, 0x02, TS, SEL_SPARE },
		{ "cs null", 76, 1, 0, TS, 0 },
		{ "cs data", 76, SEL_DATA, 0, TS, SEL_DATA },
		{ "cs of another ring", 76, SEL_CODE | 3, 0, TS, SEL_CODE },
		{ "cs absent", 76, SEL_SPARE, 0x1a, NP, SEL_SPARE },
		{ "ss null", 80, 0, 0, TS, 0 },
		{ "ss code", 80, SEL_CODE, 0, TS, SEL_CODE },
		{ "ss of another ring", 80, SEL_USER_DATA, 0, TS, SEL_USER_DATA & ~3 },
		{ "ss absent", 80, SEL_SPARE, 0x12, SS, SEL_SPARE },
		{ "ds beyond", 84, 0x1f8, 0, TS, 0x1f8 },
		{ "ds system", 84, SEL_LDT, 0, TS, SEL_LDT },
		{ "es only to execute", 72, SEL_SPARE, 0x98, TS, SEL_SPARE },
		{ "gs absent", 92, SEL_SPARE, 0x12, NP, SEL_SPARE },
		{ "local without an ldt", 88, 0x0c, 0, TS, 0x0c },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		setup();
		describe(SEL_SPARE, 0, 0xfffff, row[i].spare, 0xc);
		new_word(row[i].at, row[i].value);
		CHECK_EQ(go(), OK);
		CHECK(s.exception_pending);
		CHECK_EQ(s.exception_vector, row[i].vector);
		CHECK_EQ(s.exception_error, row[i].error);
		CHECK_EQ(s.rip, CODE_AT);
		CHECK_EQ(s.tr.selector, SEL_NEW);
		CHECK(s.cs.attr & 8);
	}
}

TEST(pages_that_are_missing_refuse_the_switch)
{
	setup();
	s.cr0 |= 1ull << 31;
	s.cr3 = 0xb000;
	put(0xb000, 0xc007, 4);
	for (uint32_t i = 0; i < 16; i++) {
		put(0xc000 + 4 * i, i << 12 | 7, 4);
	}
	describe(SEL_NEW, 0x4fc0, 103, TSS_32, 0);
	put(0xc000 + 4 * 5, 0, 4);
	CHECK_EQ(go(), OK);
	CHECK_EQ(s.exception_vector, PF);
	CHECK_EQ(s.exception_error, 0);
	CHECK_EQ(s.cr2, 0x5000);
	CHECK_EQ(s.rip, 0x1234);
	CHECK_EQ(access_of(SEL_NEW), TSS_32);
}

TEST(exceptions_on_the_way_of_others_add_up)
{
	setup();
	describe(SEL_NEW, NEW, 103, TSS_32 & 0x7f, 0);
	t = (struct exit_task){ .selector = SEL_NEW, .source = TASK_GATE, .event = EXCEPTION | HAS_ERROR | GP };
	CHECK_EQ(go(), OK);
	CHECK_EQ(s.exception_vector, DF);
	CHECK_EQ(s.exception_error, 0);
	t.event = EXCEPTION | 3;
	CHECK_EQ(go(), OK);
	CHECK_EQ(s.exception_vector, NP);
	CHECK_EQ(s.exception_error, SEL_NEW | 1);    /* something from outside */
	t.event = EXCEPTION | HAS_ERROR | DF;
	CHECK_EQ(go(), E_FAULT);
}

TEST(the_trap_flag_is_a_debug_exception)
{
	setup();
	new_word(100, 1);
	CHECK_EQ(go(), OK);
	CHECK(s.exception_pending && !s.exception_has_error);
	CHECK_EQ(s.exception_vector, DB);
	CHECK_EQ(s.dr6, 1 << 15);
	CHECK_EQ(s.rip, CODE_AT);
}

TEST(a_new_eip_beyond_its_segment)
{
	setup();
	describe(SEL_SPARE, 0, CODE_AT - 1, 0x9a, 4);
	new_word(76, SEL_SPARE);
	CHECK_EQ(go(), OK);
	CHECK_EQ(s.exception_vector, GP);
	CHECK_EQ(s.exception_error, 0);
}

TEST(what_is_not_in_ram_or_cannot_be_is_an_error)
{
	setup();
	describe(SEL_NEW, RAM - 50, 103, TSS_32, 0);
	CHECK_EQ(go(), E_RANGE);
	setup();
	s.gdtr.base = 0xfee00000;
	CHECK_EQ(go(), E_RANGE);
	setup();
	s.efer = 0x400;
	CHECK_EQ(go(), E_INVAL);
	setup();
	s.cr0 = 0;
	CHECK_EQ(go(), E_INVAL);
}
