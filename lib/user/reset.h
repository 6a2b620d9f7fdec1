/* SPDX-License-Identifier: Apache-2.0 */
/* States of a vCPU that its monitor brings it into: after power-on or INIT, and by a start-up IPI. SDM 3A 9.4.4, 10.1.1. */
#pragma once

#include "kernel/abi.h"

/*
 * s, a vCPU's present state, becomes what INIT leaves (SDM 3A table 10-1): it waits for its start-up IPI, at the reset vector.
 * Vector registers, time and most MSRs stay. Of the state of a new vCPU it makes that after power-on.
 */
void vcpu_state_init(struct vcpu_state *s);

/* The same vCPU, now started by an IPI of that vector. */
void vcpu_state_startup(struct vcpu_state *s, uint8_t vector);

/* vcpu_state.halted. */
enum { VCPU_RUNS = 0, VCPU_IN_HLT = 1, VCPU_WAITS_FOR_SIPI = 2 };
