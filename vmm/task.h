/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware task switches of a guest, where the processor leaves them to the hypervisor (VT-x). SDM 3A 8 (tasks),
 * 3C 26.4.2 (what the processor has checked before it exits).
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"
#include "vmm/gmem.h"

/*
 * Carries out the switch t on s, the whole state of the vCPU as of the exit, and on guest memory. An exception on the way
 * is left in s, to be delivered in the task that s then is: the old one, unchanged, as long as the switch can be refused;
 * the new one after that.
 *   E_FAULT   an exception while a double fault was delivered: the processor shuts down
 *   E_RANGE   a descriptor table, a task state segment or a page table is not in RAM
 *   E_INVAL   t or s is none that a processor can have: long mode, no protected mode
 * After an error s is of no use.
 */
int task_switch(const struct gmem *mem, const struct exit_task *t, struct vcpu_state *s) MUST_CHECK;
