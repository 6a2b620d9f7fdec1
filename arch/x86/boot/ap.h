/* SPDX-License-Identifier: Apache-2.0 */
/* Starting further processors. SDM 3A 9.4. */
#pragma once

#include "lib/base.h"

struct region;

/*
 * Starts the processor of that APIC id with r, CPU_REGION_SIZE of RAM that nobody uses, as its memory for ever, also when it does
 * not come up. Returns its number, or
 *   E_BUSY    it runs already                  E_NOMEM     CPU_MAX run, or no memory for kernel tables
 *   E_INVAL   r is not such a region           E_AGAIN     some CPU may still write to r
 *   E_TIMEOUT it did not start                 E_IO        it lacks what the others have, or its time stamp counter differs
 * Kernel lock held. Takes milliseconds: at boot only.
 */
int cpu_start(uint32_t apic_id, struct region *r) MUST_CHECK;
