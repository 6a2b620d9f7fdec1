/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What joins the device models to the core of the vmm. Beside the functions here the core supplies those of
 * vmm/device.h that reach out of the models: vm_now, vm_wall_seconds, vm_msi, vm_extint, vm_eoi_bitmap,
 * vm_request_end and vm_log. Context everywhere: device lock held.
 */
#pragma once

#include "vmm/device.h"

struct pic;
struct ioapic;

/* Joins vm_irq() to both interrupt controllers; call once, after their init and before the first vm_irq(). */
void vm_irq_init(struct pic *pic, struct ioapic *ioapic);

/*
 * Legacy replacement of the HPET: while on, what the PIT and the RTC drive is lost, and vm_irq_legacy() drives their lines
 * (GSI_PIT, GSI_RTC) instead.
 */
void vm_irq_replace(bool on);
void vm_irq_legacy(unsigned gsi, bool level);

/* Deadline of the first armed vm_timer in vm_now() time; UINT64_MAX: none is armed. */
uint64_t vm_timer_next(void);

/*
 * Runs the timers whose deadline is at or before now_ns, earliest first. Bounded: when models arm timers in the
 * past faster than they run, the rest stays armed and vm_timer_next() says so.
 */
void vm_timers_run(uint64_t now_ns);

/*
 * Supplied by the core: vm_timer_next() has become earlier than it was, so whoever sleeps until then must look
 * again. Never called from within vm_timers_run().
 */
void vm_timer_wake(void);

/*
 * Supplied by the core: has fn(arg) called by the first thread, with the device lock held, each time event was signalled.
 * Only before the vCPUs run. E_NOMEM: more than VM_WATCHES_MAX; else errors of SYS_EVENT_BIND.
 */
enum { VM_WATCHES_MAX = 48 };
int vm_watch(uint32_t event, void (*fn)(void *arg), void *arg) MUST_CHECK;

/*
 * Supplied by the core: a guest's write to the address, of any size and value, signals event (of vm_watch()) and is
 * finished in the kernel. E_NOMEM: the kernel keeps no more of them. Removing what is not there does nothing.
 */
int vm_doorbell_add(uint64_t gpa, uint32_t event) MUST_CHECK;
void vm_doorbell_remove(uint64_t gpa);
