/* SPDX-License-Identifier: Apache-2.0 */
/* Linux' paravirtual clock: pages that the guest names by MSR 4b564d01h, 12h (time) and 4b564d00h, 11h (wall clock). */
#pragma once

#include "lib/base.h"

struct vcpu;

/* Writes the page named by v->kvm_system_time, if switched on. Again after the guest's TSC was moved. */
void kvmclock_update(struct vcpu *v);

/* Writes the wall clock at v->kvm_wall_clock: the time at which the guest's clock was zero. */
void kvmclock_write_wall(struct vcpu *v);

/* Nanoseconds of ticks of this machine's TSC. */
uint64_t clock_ticks_to_ns(uint64_t ticks);
