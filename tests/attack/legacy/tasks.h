/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks that tests switch to. */
#pragma once

#include "tests/attack/legacy/legacy.h"

/* What a task of task_entry was started with. */
struct seen {
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, eflags, cr0, cr3, tr, ldt, ds, fs, at_esp, count;
};
extern volatile struct seen seen;
extern void (*volatile in_task)(void);       /* called by it; then it returns                         */

extern struct tss other, handler;
extern struct tss16 narrow;
extern uint32_t other_stack[256], handler_stack[256];
extern char task_entry[], narrow_entry[];

/* Flat, ring 0, at task_entry; in_task does nothing. prepare_other(): &other as SEL_OTHER. */
void task_prepare(struct tss *t, uint16_t selector, uint32_t *stack_end);
void prepare_other(void);
