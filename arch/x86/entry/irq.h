/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts, exceptions and the ways back to user mode. SDM 3A ch. 6. */
#pragma once

#include "arch/x86/entry/frame.h"
#include "lib/base.h"

enum { IRQ_FIRST = 0x20, IRQ_LAST = 0xef, VECTOR_POSTED = 0xfc, VECTOR_KICK = 0xfd };

/* Builds the IDT, on the boot CPU. */
void irq_init(void);
/* Loads it on this CPU, where SYSENTER becomes a fault. */
void irq_load(void);

/* fn runs with IF=0 on the CPU's stack under the kernel lock, after lapic_eoi(). vector: IRQ_FIRST..IRQ_LAST. */
void irq_register(uint8_t vector, void (*fn)(void));

struct event;

/* vector: DEVICE_VECTOR_FIRST and on; e's end unbinds it. */
void irq_bind(uint8_t vector, struct event *e);

/* A vector for messages, bound to e: it, or E_NOMEM. Mask: bit n is DEVICE_VECTOR_FIRST + n. */
int irq_alloc_message(struct event *e) MUST_CHECK;
void irq_free_messages(uint32_t mask);

bool irq_is_bound(uint8_t vector);

struct cpu;

/* Another CPU leaves the guest, user mode or idle and looks around: at need_resched, its queue, TLB epochs, vCPU's work. */
void irq_kick(struct cpu *c);

/* The vector's handler runs as if the CPU had taken the interrupt here. IF=0. */
void irq_take(uint8_t vector);

/* All other CPUs halt for ever, wherever they are. Any context. */
void irq_stop_others(void);

/* MSRs of SYSCALL on this CPU. */
void syscall_init(void);

/*
 * Loads f (frame of the current thread) and goes to user mode: by SYSRET if it was entered so and rip is canonical, else
 * by IRET. fpu and address space are already the thread's. IF=0.
 */
_Noreturn void user_return(struct trap_frame *f);

/* Abandons the stack: fn runs on top of this CPU's kernel stack. */
_Noreturn void stack_reset(uint64_t stack_top, void (*fn)(void));
