/* SPDX-License-Identifier: Apache-2.0 */
/* All state of a vCPU as one record (kernel/abi.h). */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"

struct vcpu;

/*
 * v is out of the guest, and a thread in user mode made the call, so the vector registers hold the thread's state and
 * v->xsave the guest's. s: all of it is written.
 */
void state_get(struct vcpu *v, struct vcpu_state *s);

/*
 * Replaces v's state. Nothing is changed on error.
 *   E_PROTO   version or size       E_INVAL   a value that no CPU of this VM can have
 * s may be changed: what is corrected (fixed bits, LMA) is corrected in it.
 */
int state_set(struct vcpu *v, struct vcpu_state *s) MUST_CHECK;

/* The checks of state_set alone; pure. */
int state_check(struct vcpu_state *s, uint64_t cr4_allowed, uint64_t efer_allowed, uint64_t xcr0_allowed) MUST_CHECK;
