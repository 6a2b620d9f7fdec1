/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of the guest's local APIC against the SDM's chapter, with a clock of the test's own.
 * sources: arch/x86/vcpu/vapic.c
 */
#include "arch/x86/vcpu/vapic.h"
#include "arch/x86/time/clock.h"
#include "tests/unit/check.h"

static uint64_t now_ns, armed_ns;
static bool armed;
static unsigned raised;
static struct vapic l;

uint64_t clock_ns(void) { return now_ns; }
uint64_t clock_ticks_to_ns(uint64_t ticks) { return ticks; }
void vapic_raised(struct vapic *apic) { (void)apic; raised++; }

void timer_set(struct timer *t, uint64_t deadline_ns)
{
	(void)t;
	armed = true;
	armed_ns = deadline_ns;
}

void timer_cancel(struct timer *t)
{
	(void)t;
	armed = false;
}

static void fresh(void)
{
	memset(&l, 0, sizeof(l));
	now_ns = 1000000;
	armed = false;
	raised = 0;
	vapic_init(&l, 3, true);
	vapic_write(&l, APIC_SVR, 0x1ff);
}

static void fire(void)
{
	now_ns = armed_ns;
	armed = false;
	vapic_timer_fired(&l.timer);
}

TEST(interrupts_come_by_class_and_leave_by_eoi)
{
	fresh();
	CHECK(vapic_post(&l, 0x31, false));
	CHECK(vapic_post(&l, 0x45, false));
	CHECK_EQ(vapic_pending(&l), 0x45);
	vapic_accept(&l, 0x45);
	CHECK_EQ(vapic_ppr(&l), 0x40);
	CHECK_EQ(vapic_pending(&l), 0);
	CHECK(vapic_post(&l, 0x4f, false));
	CHECK_EQ(vapic_pending(&l), 0);          /* the same class waits */
	CHECK(vapic_post(&l, 0x50, false));
	CHECK_EQ(vapic_pending(&l), 0x50);       /* a higher one nests */
	vapic_accept(&l, 0x50);
	CHECK_EQ(vapic_write(&l, APIC_EOI, 0), VAPIC_EOI_EXIT);
	CHECK_EQ(l.eoi_vector, 0x50);
	CHECK_EQ(vapic_write(&l, APIC_EOI, 0), VAPIC_EOI_EXIT);
	CHECK_EQ(l.eoi_vector, 0x45);
	CHECK_EQ(vapic_pending(&l), 0x4f);
	vapic_accept(&l, 0x4f);
	vapic_write(&l, APIC_EOI, 0);
	CHECK_EQ(vapic_pending(&l), 0x31);
	vapic_accept(&l, 0x31);
	vapic_write(&l, APIC_EOI, 0);
	CHECK_EQ(vapic_write(&l, APIC_EOI, 0), VAPIC_DONE);
}

TEST(task_priority_holds_its_class_and_below)
{
	fresh();
	vapic_post(&l, 0x5f, false);
	vapic_write(&l, APIC_TPR, 0x50);
	CHECK_EQ(vapic_pending(&l), 0);
	CHECK_EQ(vapic_read(&l, APIC_PPR), 0x50);
	vapic_write(&l, APIC_TPR, 0x4f);
	CHECK_EQ(vapic_pending(&l), 0x5f);
}

TEST(a_delivery_given_up_is_pending_again)
{
	fresh();
	vapic_post(&l, 0x60, false);
	vapic_accept(&l, 0x60);
	vapic_return(&l, 0x60);
	CHECK_EQ(vapic_pending(&l), 0x60);
	CHECK_EQ(l.isr_top, 0);
	vapic_return(&l, 0x61);                  /* not in service: nothing */
	CHECK_EQ(vapic_pending(&l), 0x60);
}

TEST(trigger_mode_is_kept_per_vector)
{
	fresh();
	vapic_post(&l, 0x61, true);
	CHECK_EQ(vapic_read(&l, APIC_TMR + 3), 2);
	vapic_post(&l, 0x61, false);
	CHECK_EQ(vapic_read(&l, APIC_TMR + 3), 0);
}

TEST(illegal_vectors_and_registers_are_errors_that_a_write_latches)
{
	fresh();
	vapic_write(&l, APIC_LVT_ERROR, 0x70);
	CHECK(!vapic_post(&l, 15, false));
	CHECK_EQ(vapic_pending(&l), 0x70);
	CHECK_EQ(vapic_read(&l, APIC_ESR), 0);
	vapic_write(&l, APIC_ESR, 0);
	CHECK_EQ(vapic_read(&l, APIC_ESR), 1 << 6);
	(void)vapic_read(&l, 0x3a);
	vapic_write(&l, APIC_ESR, 0);
	CHECK_EQ(vapic_read(&l, APIC_ESR), 1 << 7);
	vapic_write(&l, APIC_ESR, 0);
	CHECK_EQ(vapic_read(&l, APIC_ESR), 0);
}

TEST(software_disable_masks_and_takes_nothing)
{
	fresh();
	vapic_write(&l, APIC_LVT_TIMER, 0x40);
	vapic_write(&l, APIC_SVR, 0xff);
	CHECK_EQ(vapic_read(&l, APIC_LVT_TIMER), 0x10040);
	CHECK(!vapic_post(&l, 0x40, false));
	vapic_write(&l, APIC_LVT_TIMER, 0x40);
	CHECK_EQ(vapic_read(&l, APIC_LVT_TIMER), 0x10040);
}

TEST(one_shot_counts_down_and_fires_once)
{
	fresh();
	vapic_write(&l, APIC_TIMER_DIVIDE, 0xb);        /* by 1 */
	vapic_write(&l, APIC_LVT_TIMER, 0x40);
	vapic_write(&l, APIC_TIMER_INIT, 5000);
	CHECK(armed);
	CHECK_EQ(armed_ns, now_ns + 5000);
	now_ns += 2000;
	CHECK_EQ(vapic_read(&l, APIC_TIMER_COUNT), 3000);
	fire();
	CHECK_EQ(vapic_pending(&l), 0x40);
	CHECK_EQ(raised, 1);
	CHECK(!armed);
	CHECK_EQ(vapic_read(&l, APIC_TIMER_COUNT), 0);
}

TEST(divider_encodings)
{
	static const struct { uint32_t reg; unsigned by; } row[] = {
		{ 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 }, { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		vapic_write(&l, APIC_TIMER_DIVIDE, row[i].reg);
		vapic_write(&l, APIC_LVT_TIMER, 0x40);
		vapic_write(&l, APIC_TIMER_INIT, 1000);
		CHECK_EQ(armed_ns - now_ns, 1000 * row[i].by);
	}
}

TEST(periodic_has_a_floor_and_does_not_catch_up)
{
	fresh();
	vapic_write(&l, APIC_TIMER_DIVIDE, 0xb);
	vapic_write(&l, APIC_LVT_TIMER, 0x20040);
	vapic_write(&l, APIC_TIMER_INIT, 1);
	CHECK_EQ(armed_ns - now_ns, 100000);
	fire();
	CHECK(armed);
	CHECK_EQ(armed_ns - now_ns, 100000);
	vapic_accept(&l, 0x40);
	now_ns += 10000000;
	armed = false;
	vapic_timer_fired(&l.timer);
	CHECK_EQ(armed_ns - now_ns, 100000);
}

TEST(ticks_that_the_guest_does_not_take_are_rare)
{
	fresh();
	vapic_write(&l, APIC_TIMER_DIVIDE, 0xb);
	vapic_write(&l, APIC_LVT_TIMER, 0x20040);
	vapic_write(&l, APIC_TIMER_INIT, 200000);
	fire();
	CHECK_EQ(armed_ns - now_ns, 200000);
	fire();
	CHECK_EQ(armed_ns - now_ns, 10000000);           /* the one before is still there */
	vapic_accept(&l, 0x40);
	fire();
	CHECK_EQ(armed_ns - now_ns, 200000);
	vapic_accept(&l, 0x40);
	vapic_write(&l, APIC_LVT_TIMER, 0x30040);
	fire();
	CHECK_EQ(armed_ns - now_ns, 10000000);           /* masked */
	vapic_write(&l, APIC_LVT_TIMER, 0x20040);
	vapic_write(&l, APIC_TIMER_INIT, 20000000);
	fire();
	fire();
	CHECK_EQ(armed_ns - now_ns, 20000000);           /* slow ones keep their pace */
}

TEST(deadline_mode_fires_at_the_guests_tsc)
{
	fresh();
	vapic_write(&l, APIC_LVT_TIMER, 0x40040);
	vapic_write_deadline(&l, rdtsc() + 1000000000);
	CHECK(armed);
	CHECK(armed_ns - now_ns > 500000000 && armed_ns - now_ns <= 1000000000);
	vapic_write(&l, APIC_TIMER_INIT, 100);          /* ignored in this mode */
	CHECK(l.tsc_deadline != 0);
	fire();
	CHECK_EQ(l.tsc_deadline, 0);
	CHECK_EQ(vapic_pending(&l), 0x40);
	vapic_write_deadline(&l, 1);                     /* in the past: at once */
	CHECK_EQ(armed_ns, now_ns);
	vapic_write_deadline(&l, 0);
	CHECK(!armed);
	vapic_write_deadline(&l, rdtsc() + 1000000000);
	vapic_write(&l, APIC_LVT_TIMER, 0x40);          /* leaving the mode disarms */
	CHECK(!armed);
	CHECK_EQ(l.tsc_deadline, 0);
}

TEST(destinations)
{
	fresh();
	CHECK(vapic_matches(&l, 3, false));
	CHECK(!vapic_matches(&l, 2, false));
	CHECK(vapic_matches(&l, 0xff, false));
	vapic_write(&l, APIC_LDR, 0x04000000);
	CHECK(vapic_matches(&l, 0x06, true));
	CHECK(!vapic_matches(&l, 0x02, true));
	vapic_write(&l, APIC_DFR, 0);                   /* cluster */
	vapic_write(&l, APIC_LDR, 0x24000000);
	CHECK(vapic_matches(&l, 0x2c, true));
	CHECK(!vapic_matches(&l, 0x14, true));
	CHECK(vapic_write_base(&l, l.base | APIC_BASE_X2APIC));
	CHECK(vapic_matches(&l, 0x00000008, true));
	CHECK(!vapic_matches(&l, 0x00010008, true));
}

TEST(x2apic_faults_where_the_manual_says)
{
	uint64_t val;

	fresh();
	CHECK(vapic_write_base(&l, l.base | APIC_BASE_X2APIC));
	CHECK(vapic_read_x2(&l, APIC_ID, &val));
	CHECK_EQ(val, 3);
	CHECK(!vapic_read_x2(&l, APIC_DFR, &val));
	CHECK(!vapic_read_x2(&l, APIC_ICR2, &val));
	CHECK(!vapic_read_x2(&l, APIC_EOI, &val));
	CHECK(!vapic_read_x2(&l, APIC_SELF_IPI, &val));
	CHECK_EQ(vapic_write_x2(&l, APIC_ID, 1), VAPIC_FAULT);
	CHECK_EQ(vapic_write_x2(&l, APIC_EOI, 1), VAPIC_FAULT);
	CHECK_EQ(vapic_write_x2(&l, APIC_TPR, 1ull << 32), VAPIC_FAULT);
	CHECK_EQ(vapic_write_x2(&l, APIC_LVT_LINT0, 0x16700), VAPIC_DONE);    /* what is read-only is no fault */
	CHECK_EQ(vapic_write_x2(&l, APIC_LVT_LINT0, 0x5700), VAPIC_DONE);
	CHECK_EQ(l.reg[APIC_LVT_LINT0], 0x700);
	CHECK_EQ(vapic_write_x2(&l, APIC_LVT_ERROR, 0x11010), VAPIC_DONE);
	CHECK_EQ(vapic_write_x2(&l, APIC_LVT_ERROR, 0x14010), VAPIC_FAULT);
	CHECK_EQ(vapic_write_x2(&l, APIC_SELF_IPI, 0x41), VAPIC_SEND);
	CHECK_EQ(l.icr, 0x40041);
	CHECK_EQ(vapic_write_x2(&l, APIC_ICR, 0x500000041), VAPIC_SEND);
	CHECK_EQ(l.icr, 0x500000041);
}

TEST(apic_base_transitions)
{
	fresh();
	CHECK(vapic_write_base(&l, l.base | APIC_BASE_X2APIC));
	CHECK(!vapic_write_base(&l, l.base & ~(uint64_t)APIC_BASE_X2APIC));
	CHECK(vapic_write_base(&l, APIC_BASE_DEFAULT));
	CHECK(!vapic_on(&l));
	CHECK(!vapic_write_base(&l, APIC_BASE_DEFAULT | APIC_BASE_X2APIC));
	CHECK(!vapic_write_base(&l, APIC_BASE_DEFAULT | APIC_BASE_ENABLE | APIC_BASE_X2APIC));
	CHECK(vapic_write_base(&l, APIC_BASE_DEFAULT | APIC_BASE_ENABLE));
	CHECK(!vapic_write_base(&l, APIC_BASE_DEFAULT | 1));
}

TEST(pic_line_reaches_the_cpu_through_lint0_or_a_dead_apic)
{
	fresh();
	CHECK(!vapic_takes_extint(&l));
	vapic_write(&l, APIC_LVT_LINT0, 0x700);
	CHECK(vapic_takes_extint(&l));
	vapic_write(&l, APIC_LVT_LINT0, 0x10700);
	CHECK(!vapic_takes_extint(&l));
	vapic_write_base(&l, APIC_BASE_DEFAULT);
	CHECK(vapic_takes_extint(&l));
}

TEST(state_goes_out_and_comes_back)
{
	uint32_t regs[APIC_REGS], again[APIC_REGS];

	fresh();
	vapic_write(&l, APIC_TPR, 0x20);
	vapic_write(&l, APIC_LVT_LINT0, 0x700);
	vapic_post(&l, 0x81, true);
	vapic_post(&l, 0x91, false);
	vapic_accept(&l, 0x91);
	vapic_save(&l, regs);
	vapic_reset(&l);
	CHECK_EQ(vapic_restore(&l, regs, APIC_BASE_DEFAULT | APIC_BASE_ENABLE, 0), OK);
	vapic_save(&l, again);
	CHECK_MEM(regs, again, sizeof(regs));
	CHECK_EQ(l.isr_top, 0x91);
	CHECK_EQ(vapic_restore(&l, regs, APIC_BASE_DEFAULT | APIC_BASE_X2APIC, 0), E_INVAL);
	memset(regs, 0xff, sizeof(regs));                /* nonsense does no harm */
	CHECK_EQ(vapic_restore(&l, regs, APIC_BASE_DEFAULT | APIC_BASE_ENABLE, 0), OK);
	CHECK_EQ(vapic_read(&l, APIC_IRR) & 0xffff, 0);
}
