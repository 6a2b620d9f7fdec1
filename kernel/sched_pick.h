/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the scheduler, apart from the machine: what sched.c and its test share. */
#pragma once

struct cpu;
struct thread;

/* Charges the current thread and puts it back if it is still running; nobody is current then. */
void sched_put_current(struct cpu *c);

/* Takes the thread that should run next and makes it current. NULL: nothing to run. */
struct thread *sched_pick(struct cpu *c);
