/* SPDX-License-Identifier: Apache-2.0 */
/* Between the local APICs of a VM and the events of one vCPU: who gets a message, and what is injected next. */
#pragma once

#include "lib/base.h"

struct vapic;
struct vcpu;

/* Routes the message in l's ICR (SDM 3A 11.6.1) after its vCPU wrote it. */
void irq_send_ipi(struct vcpu *v);

/*
 * Brings v->event, v->virq and v->window up to date with all that is pending. Called before entry when WORK_IRQ is set.
 * Returns true when the vmm must fetch the PIC's vector first (EXIT_EXTINT).
 */
bool irq_choose(struct vcpu *v);

/* Is there anything that ends HLT. */
bool irq_wakes(const struct vcpu *v);

/* An exception that the exit's instruction raises; merges with an interrupted event (SDM 3A table 6-5). */
void irq_raise(struct vcpu *v, uint8_t vector, bool has_error, uint32_t error);

/* After a run: books the virtual interrupt that the CPU took. */
void irq_taken(struct vcpu *v);
