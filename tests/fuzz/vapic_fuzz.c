/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of register accesses, messages and ticks on the guest's local APIC. Each step is six bytes: operation,
 * register, value.
 *
 * sources: arch/x86/vcpu/vapic.c
 */
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vapic.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { STEP = 6, OPS = 10 };

static uint64_t now_ns;
static bool armed;
static struct vapic l;

uint64_t clock_ns(void) { return now_ns; }
uint64_t clock_ticks_to_ns(uint64_t ticks) { return ticks; }
void vapic_raised(struct vapic *apic) { (void)apic; }
void timer_cancel(struct timer *t) { (void)t; armed = false; }

void timer_set(struct timer *t, uint64_t deadline_ns)
{
	(void)t;
	(void)deadline_ns;
	armed = true;
}

static void require(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void step(const uint8_t *b)
{
	uint32_t val, regs[APIC_REGS];
	uint64_t out;

	memcpy(&val, b + 2, sizeof(val));
	now_ns += val & 0xffff;
	switch (b[0] % OPS) {
	case 0: (void)vapic_read(&l, b[1]); break;
	case 1: (void)vapic_write(&l, b[1], val); break;
	case 2: (void)vapic_read_x2(&l, b[1], &out); break;
	case 3: (void)vapic_write_x2(&l, b[1], (uint64_t)b[1] << 56 | val); break;
	case 4: (void)vapic_write_base(&l, val & 0xfffffd00); break;
	case 5: (void)vapic_post(&l, b[1], val & 1); break;
	case 6: vapic_write_deadline(&l, rdtsc() + val); break;
	case 7:
		if (armed) {
			armed = false;
			vapic_timer_fired(&l.timer);
		}
		break;
	case 8:
		if (vapic_pending(&l)) {
			vapic_accept(&l, vapic_pending(&l));
		}
		break;
	default:
		vapic_save(&l, regs);
		regs[b[1] % APIC_REGS] = val;
		if (vapic_restore(&l, regs, l.base, 0) == OK) {
			vapic_timer_start(&l);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	memset(&l, 0, sizeof(l));
	armed = false;
	now_ns = 1;
	vapic_init(&l, 0, true);
	for (; len >= STEP; data += STEP, len -= STEP) {
		step(data);
		/* What the loop of the vCPU relies on. */
		require(vapic_pending(&l) == 0 || vapic_pending(&l) >= 16);
		require(!l.isr_top || (l.isr[l.isr_top >> 6] >> (l.isr_top & 63) & 1));
		require(l.reg[APIC_TPR] <= 0xff && (armed || l.period_ns == 0));
	}
	return 0;
}
