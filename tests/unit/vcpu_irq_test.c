/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who gets an interrupt message, and what is injected next, with a back end that only takes notes.
 * sources: arch/x86/vcpu/irq.c arch/x86/vcpu/vapic.c
 */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/space.h"
#include "tests/unit/check.h"

enum { CPUS = 3 };

static struct vm vm;
static struct space space;
static struct vcpu v[CPUS];
static struct vcpu_page page[CPUS];
static bool watching;

uint64_t clock_ns(void) { return 0; }
uint64_t clock_ticks_to_ns(uint64_t ticks) { return ticks; }
void timer_set(struct timer *t, uint64_t deadline_ns) { (void)t; (void)deadline_ns; }
void timer_cancel(struct timer *t) { (void)t; }
void vcpu_notify(struct vcpu *to, uint32_t work) { to->work |= work; }

static void update(struct vcpu *of)
{
	watching = of->nmi_blocked;
}

static const struct vcpu_ops fake_ops = { .update = update };
const struct vcpu_ops *vcpu_ops = &fake_ops;

static void fresh(void)
{
	memset(&vm, 0, sizeof(vm));
	memset(&space, 0, sizeof(space));
	memset(v, 0, sizeof(v));
	memset(page, 0, sizeof(page));
	space.vm = &vm;
	watching = false;
	for (unsigned i = 0; i < CPUS; i++) {
		v[i].vm = &vm;
		v[i].index = i;
		v[i].page = &page[i];
		v[i].rip = 0x1000;
		v[i].rflags = RFLAGS_IF;
		v[i].nmi_iret_rip = ~0ull;
		vapic_init(&v[i].vapic, i, i == 0);
		vapic_write(&v[i].vapic, APIC_SVR, 0x1ff);
		vm.vcpu[vm.vcpu_count++] = &v[i];
	}
}

static void send(unsigned from, uint32_t dest, uint32_t low)
{
	v[from].vapic.icr = (uint64_t)dest << 56 | low;
	irq_send_ipi(&v[from]);
}

TEST(messages_reach_those_they_name)
{
	static const struct { const char *what; uint32_t dest, low; unsigned reached; } row[] = {
		{ "physical",       1,    0x00041, 1 << 1 },
		{ "nobody",         9,    0x00041, 0 },
		{ "self",           0,    0x40041, 1 << 0 },
		{ "all",            0,    0x80041, 7 },
		{ "all but self",   0,    0xc0041, 6 },
		{ "broadcast",      0xff, 0x00041, 7 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		unsigned reached = 0;

		fresh();
		send(0, row[i].dest, row[i].low);
		for (unsigned c = 0; c < CPUS; c++) {
			reached |= (unsigned)(vapic_pending(&v[c].vapic) == 0x41) << c;
		}
		CHECK_EQ(reached, row[i].reached);
	}
}

TEST(init_and_start_up_are_work_for_their_vcpu)
{
	fresh();
	send(0, 1, 0x04500);
	CHECK_EQ(v[1].work, WORK_INIT);
	CHECK_EQ(v[0].work, 0);
	v[1].work = 0;
	send(0, 1, 0x08500);                             /* de-assertion: nothing */
	CHECK_EQ(v[1].work, 0);
	send(0, 1, 0x04699);
	CHECK_EQ(v[1].work, WORK_SIPI);
	CHECK_EQ(v[1].sipi_vector, 0x99);
}

TEST(lowest_priority_takes_the_least_busy_and_goes_round)
{
	fresh();
	vapic_write(&v[0].vapic, APIC_TPR, 0x80);
	vm_msi(&space, 0xfee00000 | 0xff << 12, 0x151);
	vm_msi(&space, 0xfee00000 | 0xff << 12, 0x152);
	CHECK_EQ(vapic_pending(&v[0].vapic), 0);
	CHECK_EQ(vapic_pending(&v[1].vapic), 0x51);
	CHECK_EQ(vapic_pending(&v[2].vapic), 0x52);
}

TEST(an_msi_outside_of_its_range_is_memory)
{
	fresh();
	vm_msi(&space, 0xfed00000, 0x41);
	vm_msi(&space, 0xfee01000, 0x41);
	CHECK_EQ(vapic_pending(&v[0].vapic), 0);
	CHECK_EQ(vapic_pending(&v[1].vapic), 0x41);
}

TEST(a_pending_vector_is_offered_and_booked_when_taken)
{
	fresh();
	vapic_post(&v[0].vapic, 0x41, false);
	CHECK(!irq_choose(&v[0]));
	CHECK_EQ(v[0].virq, 0x41);
	irq_taken(&v[0]);
	CHECK_EQ(v[0].virq, 0);
	CHECK_EQ(v[0].vapic.isr_top, 0x41);
	CHECK(v[0].work & WORK_IRQ);
}

TEST(nmis_wait_for_the_return_of_the_one_before)
{
	fresh();
	v[0].nmi_pending = true;
	irq_choose(&v[0]);
	CHECK(v[0].event.valid);
	CHECK_EQ(v[0].event.type, EVENT_NMI);
	CHECK(watching);
	v[0].event.valid = false;
	v[0].nmi_pending = true;
	irq_choose(&v[0]);
	CHECK(!v[0].event.valid);
	v[0].nmi_blocked = false;                        /* at the IRET, which has not finished */
	v[0].nmi_iret_rip = v[0].rip;
	irq_choose(&v[0]);
	CHECK(!v[0].event.valid);
	CHECK(v[0].window);
	CHECK(v[0].work & WORK_IRQ);
	v[0].rip += 2;
	irq_choose(&v[0]);
	CHECK(v[0].event.valid);
}

TEST(an_nmi_does_not_break_into_a_shadow)
{
	fresh();
	v[0].nmi_pending = true;
	v[0].shadow = 1;
	irq_choose(&v[0]);
	CHECK(!v[0].event.valid);
}

TEST(the_pic_is_asked_when_the_guest_is_ready)
{
	fresh();
	vapic_write(&v[0].vapic, APIC_LVT_LINT0, 0x700);
	v[0].vapic.extint = true;
	v[0].rflags = 0;
	CHECK(!irq_choose(&v[0]));
	CHECK(v[0].window);
	v[0].rflags = RFLAGS_IF;
	v[0].shadow = 1;
	CHECK(!irq_choose(&v[0]));
	CHECK(v[0].window);
	v[0].shadow = 0;
	CHECK(irq_choose(&v[0]));
	page[0].extint_vector = 0x08;
	v[0].vapic.extint = false;
	CHECK(!irq_choose(&v[0]));
	CHECK(v[0].event.valid);
	CHECK_EQ(v[0].event.type, EVENT_INTERRUPT);
	CHECK_EQ(v[0].event.vector, 0x08);
}

TEST(a_spurious_answer_of_the_pic_injects_nothing)
{
	fresh();
	vapic_write(&v[0].vapic, APIC_LVT_LINT0, 0x700);
	v[0].vapic.extint = true;
	CHECK(irq_choose(&v[0]));
	page[0].extint_vector = 256;
	v[0].vapic.extint = false;
	CHECK(!irq_choose(&v[0]));
	CHECK(!v[0].event.valid);
}

TEST(halt_ends_by_what_can_be_delivered)
{
	fresh();
	CHECK(!irq_wakes(&v[0]));
	vapic_post(&v[0].vapic, 0x41, false);
	CHECK(irq_wakes(&v[0]));
	v[0].rflags = 0;
	CHECK(!irq_wakes(&v[0]));
	v[0].nmi_pending = true;
	CHECK(irq_wakes(&v[0]));
	v[0].nmi_blocked = true;
	CHECK(!irq_wakes(&v[0]));
}

TEST(exceptions_merge_as_the_manual_says)
{
	static const struct { const char *what; uint8_t first, second, want; } row[] = {
		{ "benign after benign",             1,  17, 17 },
		{ "contributory after contributory", 13, 11, 8 },
		{ "page fault after page fault",     14, 14, 8 },
		{ "contributory after page fault",   14, 13, 8 },
		{ "page fault after contributory",   13, 14, 14 },
		{ "benign after contributory",       13, 1,  1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		irq_raise(&v[0], row[i].first, false, 0);
		irq_raise(&v[0], row[i].second, false, 0);
		CHECK(v[0].event.valid);
		CHECK_EQ(v[0].event.vector, row[i].want);
	}
}

TEST(an_interrupted_interrupt_goes_back_when_an_exception_comes_first)
{
	fresh();
	vapic_post(&v[0].vapic, 0x41, false);
	irq_choose(&v[0]);
	irq_taken(&v[0]);
	v[0].event = (struct vcpu_event){ .valid = true, .type = EVENT_INTERRUPT, .vector = 0x41 };
	irq_raise(&v[0], 1, false, 0);
	CHECK_EQ(v[0].event.vector, 1);
	CHECK_EQ(vapic_pending(&v[0].vapic), 0x41);
	CHECK_EQ(v[0].vapic.isr_top, 0);
}
