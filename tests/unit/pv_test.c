/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux' paravirtual interface on three vCPUs with a page of memory: what is written where, and what is refused.
 * sources: arch/x86/vcpu/pv.c arch/x86/vcpu/irq.c arch/x86/vcpu/vapic.c
 */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/cpu.h"
#include "tests/unit/check.h"

#include <sys/syscall.h>
#include <unistd.h>

enum { CPUS = 3, STEAL = 0x140, EOI = 0x204, NOWHERE = 0x10000, IPI = 10, KICK = 5, YIELD = 11, ARCH_SET_GS_CODE = 0x1001 };

static uint8_t ram[4096];
static struct vm vm;
static struct vcpu v[CPUS];
static struct vcpu_page page[CPUS];
static struct thread thread;
static struct cpu cpu = { .self = &cpu };
static struct guest_mode mode;
static unsigned flushes, notified;

uint64_t clock_wall_ns(void) { return 0; }
uint64_t clock_tsc_khz(void) { return 1000000; }
uint64_t clock_ns(void) { return 0; }
uint64_t clock_ticks_to_ns(uint64_t ticks) { return ticks; }
void timer_set(struct timer *t, uint64_t deadline_ns) { (void)t; (void)deadline_ns; }
void timer_cancel(struct timer *t) { (void)t; }
void vcpu_notify(struct vcpu *to, uint32_t work) { to->work |= work; notified |= 1u << to->index; }

uint64_t vm_user_address(const struct vm *of, uint64_t gpa, uint64_t len)
{
	(void)of;
	return range_within(gpa, len, sizeof(ram)) ? (uintptr_t)ram + gpa : 0;
}

int vm_read(const struct vm *of, uint64_t gpa, void *buf, size_t len)
{
	uint64_t at = vm_user_address(of, gpa, len);

	return at ? (memcpy(buf, (void *)at, len), OK) : E_RANGE;
}

int vm_write(const struct vm *of, uint64_t gpa, const void *buf, size_t len)
{
	uint64_t at = vm_user_address(of, gpa, len);

	return at ? (memcpy((void *)at, buf, len), OK) : E_RANGE;
}

int user_exchange_byte(uint64_t addr, uint8_t *byte)
{
	uint8_t was = *(uint8_t *)addr;

	*(uint8_t *)addr = *byte;
	*byte = was;
	return OK;
}

static void ops_flush(struct vcpu *of) { (void)of; flushes++; }
static void ops_mode(const struct vcpu *of, struct guest_mode *m) { (void)of; *m = mode; }

static const struct vcpu_ops fake_ops = { .flush = ops_flush, .mode = ops_mode };
const struct vcpu_ops *vcpu_ops = &fake_ops;

static void fresh(void)
{
	memset(ram, 0, sizeof(ram));
	memset(&vm, 0, sizeof(vm));
	memset(v, 0, sizeof(v));
	memset(page, 0, sizeof(page));
	memset(&thread, 0, sizeof(thread));
	mode = (struct guest_mode){ .efer = EFER_LMA, .cs_attr = SEG_L };
	flushes = notified = 0;
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS_CODE, &cpu), 0);
	for (unsigned i = 0; i < CPUS; i++) {
		v[i].vm = &vm;
		v[i].index = i;
		v[i].page = &page[i];
		v[i].thread = &thread;
		page[i].kvm_features = ~0u;
		vapic_init(&v[i].vapic, i, i == 0);
		vapic_write(&v[i].vapic, APIC_SVR, 0x1ff);
		vm.vcpu[vm.vcpu_count++] = &v[i];
	}
}

static uint64_t word(unsigned at)
{
	uint64_t w;

	memcpy(&w, ram + at, sizeof(w));
	return w;
}

TEST(steal_time_is_the_threads_waiting)
{
	fresh();
	CHECK(!pv_write_steal(&v[0], STEAL | 3));
	CHECK(pv_write_steal(&v[0], STEAL | 1));
	CHECK_EQ(word(STEAL), 0);
	CHECK_EQ(word(STEAL + 8), 4);                    /* the version, even */
	pv_enter(&v[0]);
	CHECK_EQ(word(STEAL + 8), 4);                    /* nothing new */
	thread.waited_ns = 12345;
	pv_enter(&v[0]);
	CHECK_EQ(word(STEAL), 12345);
	CHECK_EQ(word(STEAL + 8), 8);
	CHECK(pv_write_steal(&v[0], NOWHERE | 1));       /* no harm */
	pv_leave(&v[0]);
	CHECK(pv_write_steal(&v[0], 0));
	pv_leave(&v[0]);
	CHECK_EQ(ram[STEAL + 16], 0);
}

TEST(who_is_off_the_cpu_is_marked_and_flushes_when_back)
{
	fresh();
	CHECK(pv_write_steal(&v[0], STEAL | 1));
	pv_leave(&v[0]);
	CHECK_EQ(ram[STEAL + 16], 1);
	pv_enter(&v[0]);
	CHECK_EQ(ram[STEAL + 16], 0);
	CHECK_EQ(flushes, 0);
	pv_leave(&v[0]);
	ram[STEAL + 16] |= 2;
	pv_enter(&v[0]);
	CHECK_EQ(ram[STEAL + 16], 0);
	CHECK_EQ(flushes, 1);
}

TEST(the_eoi_bit_stands_for_one_interrupt_alone)
{
	fresh();
	CHECK(!pv_write_eoi(&v[0], EOI | 3));
	CHECK(pv_write_eoi(&v[0], EOI | 1));
	pv_eoi_choose(&v[0]);
	CHECK_EQ(ram[EOI], 0);                           /* nothing pends */
	vapic_post(&v[0].vapic, 0x51, false);
	pv_eoi_choose(&v[0]);
	CHECK(ram[EOI] == 1 && v[0].eoi_armed);
	vapic_accept(&v[0].vapic, 0x51);
	pv_eoi_look(&v[0]);
	CHECK_EQ(v[0].vapic.isr_top, 0x51);              /* in service still */
	vapic_post(&v[0].vapic, 0x31, false);
	pv_eoi_choose(&v[0]);
	CHECK(ram[EOI] == 0 && !v[0].eoi_armed);         /* one behind it */
	vapic_write(&v[0].vapic, APIC_EOI, 0);
	vapic_accept(&v[0].vapic, 0x31);
	pv_eoi_choose(&v[0]);
	CHECK_EQ(ram[EOI], 1);
	ram[EOI] = 0;                                    /* the guest */
	pv_eoi_look(&v[0]);
	CHECK_EQ(v[0].vapic.isr_top, 0);
	CHECK(v[0].work & WORK_IRQ);
}

TEST(what_the_ioapic_must_hear_has_no_eoi_bit)
{
	fresh();
	page[0].eoi_exit_bitmap[0x51 >> 6] = 1ull << (0x51 & 63);
	CHECK(pv_write_eoi(&v[0], EOI | 1));
	vapic_post(&v[0].vapic, 0x51, true);
	pv_eoi_choose(&v[0]);
	CHECK_EQ(ram[EOI], 0);
	CHECK(pv_write_eoi(&v[0], NOWHERE | 1));
	page[0].eoi_exit_bitmap[1] = 0;
	pv_eoi_choose(&v[0]);
	CHECK(!v[0].eoi_armed);
}

static int64_t call(uint64_t nr, uint64_t b, uint64_t c, uint64_t d, uint64_t s)
{
	page[0].gpr[GPR_RAX] = nr;
	page[0].gpr[GPR_RBX] = b;
	page[0].gpr[GPR_RCX] = c;
	page[0].gpr[GPR_RDX] = d;
	page[0].gpr[GPR_RSI] = s;
	return pv_hypercall(&v[0]);
}

TEST(interrupts_go_to_those_in_the_map)
{
	static const struct { const char *what; uint64_t b, c, d, s; bool wide; int64_t want; unsigned reached; } row[] = {
		{ "two of three",    6, 0, 0, 0x51, true, 2, 6 },
		{ "high word",       0, 1, (uint64_t)-64, 0x51, true, 1, 1 },
		{ "high word of 32", 0, 2, (uint64_t)-32, 0x51, false, 1, 2 },
		{ "32 bits only",    ~0ull << 32, 0, (uint64_t)-32, 0x51, false, 0, 0 },
		{ "first above all", ~0ull, ~0ull, 3, 0x51, true, 0, 0 },
		{ "INIT",            1, 0, 0, 0x500, true, -22, 0 },
		{ "shorthand",       1, 0, 0, 0x40051, true, -22, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		mode.cs_attr = row[i].wide ? SEG_L : SEG_D;
		CHECK_EQ(call(IPI, row[i].b, row[i].c, row[i].d, row[i].s), row[i].want);
		CHECK_EQ(notified, row[i].reached);
	}
}

TEST(calls_obey_features_and_rings)
{
	fresh();
	CHECK_EQ(call(KICK, 0, 2, 0, 0), 0);
	CHECK(v[2].unhalted && irq_wakes(&v[2]) && !v[1].unhalted);
	CHECK_EQ(call(YIELD, 0, 0, 0, 0), 0);
	CHECK(v[0].yields && cpu.need_resched);
	CHECK_EQ(call(9, 0, 0, 0, 0), -1000);
	CHECK_EQ(call(~0ull, 0, 0, 0, 0), -1000);
	mode.cpl = 3;
	CHECK_EQ(call(KICK, 0, 1, 0, 0), -1);
	page[0].kvm_features = 0;
	mode.cpl = 0;
	CHECK_EQ(call(KICK, 0, 1, 0, 0), -1000);
	CHECK(!v[1].unhalted);
}
