/* SPDX-License-Identifier: Apache-2.0 */
/* The host's local APIC, by MSRs (x2APIC, preferred) or by MMIO. SDM 3A 11. A guest's is arch/x86/vcpu/vapic.h. */
#pragma once

#include "lib/base.h"

enum { VECTOR_SPURIOUS = 0xff };

/*
 * On each CPU, after mm_init: mode (logged; want_x2apic counts where CPU and firmware leave a choice), spurious vector, all
 * local interrupts masked, LINT1 = NMI, TPR 0.
 */
void lapic_init(bool want_x2apic);

/* The mode of all CPUs: the first one's. */
bool lapic_is_x2apic(void);

/* Acknowledges the interrupt in service. */
void lapic_eoi(void);

uint32_t lapic_id(void);

/* What an interrupt command says beside its vector (SDM 3A 11.6.1); OTHERS: to all but this CPU, whatever the identifier. */
enum { LAPIC_NMI = 4 << 8, LAPIC_INIT = 5 << 8, LAPIC_STARTUP = 6 << 8, LAPIC_OTHERS = 3 << 18 };

/* Sends a vector, or one of the above with what belongs to it. IF=0. Lost where xAPIC mode cannot say the identifier. */
void lapic_send(uint32_t apic_id, uint32_t what);

/* Timer for arch/x86/time: one-shot at bus clock / 1, or TSC deadline. */
void lapic_timer_setup(uint8_t vector, bool tsc_deadline);
void lapic_timer_count(uint32_t count);     /* starts one shot; 0 stops                          */
uint32_t lapic_timer_remaining(void);
