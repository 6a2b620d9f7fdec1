/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of system calls of init and of its children: the kernel may refuse, never break. At the end everything
 * but init is destroyed and nothing may be left.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: tests/fake/syscalls.c kernel/syscall.c kernel/sys_process.c kernel/sys_memory.c kernel/sys_event.c arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/arena.h"
#include "kernel/sched.h"
#include "kernel/syscall.h"
#include "tests/fake/machine.h"

#include <stdlib.h>

enum { STEPS = 400, RAM_PAGES = 96, CALLS = SYS_VM_SLOT };
#define FOREVER (1ull << 60)             /* no machine runs so long */

/* What an argument byte means beyond 0..31, which stand for themselves (handles, rights). */
static const uint64_t value[] = {
	0x1000, 0x2000, 0x10000, 0x20000, 0x40000, 0x400000, 0x600000, 0x401000, 0x3ff000, 0x10000000, 0x60000, 0x5000,
	SELF, HANDLE_MAX, HANDLE_MAX - 1, 100, 10000, 1000000, 1, 0, ~0ull, ~0xfffull, 1ull << 63, USER_END,
	USER_END - 0x1000, GUEST_END, GUEST_END - 0x2000, 0xfff, 0x1001, 0x123456789, 0x7fffffffffffffff, 0x8000000000000000,
};

static struct process *init;

static void must(bool truth)
{
	if (!truth) {
		abort();
	}
}

static void boot(void)
{
	fake_machine(1);
	process_init = NULL;
	init = fake_process(256);
	must(handle_add(init, &init->object, RIGHT_ALL) == 0);
	must(handle_add(init, &init->space->object, RIGHT_ALL) == 1);
	for (int i = 0; i < 4; i++) {
		struct region *r = fake_region(init, RAM_PAGES, i & 1);

		r->kind = i == 3 ? REGION_PHYSICAL : REGION_RAM;
		must(handle_add(init, &r->object, RIGHT_ALL) == 2 + i);
	}
	must(thread_create(init, 0x400000, 0, 0) != NULL);
}

/* Somebody to make the next call, as far as waiting for a timer helps. */
static struct thread *next_thread(void)
{
	struct cpu *c = &cpus[0];

	for (int i = 0; i < 4 && (!c->current || c->need_resched); i++) {
		sched_put_current(c);
		if (!sched_pick(c) && fake_armed_ns < FOREVER) {
			fake_now_ns = fake_armed_ns > fake_now_ns ? fake_armed_ns : fake_now_ns;
			fake_armed_ns = UINT64_MAX;
			timer_interrupt();
		}
	}
	return c->current;
}

static void make_call(unsigned nr, const uint64_t arg[6])
{
	jmp_buf blocked;

	fake_blocks = &blocked;
	if (setjmp(blocked) == 0) {
		struct trap_frame f = { .rax = nr, .rdi = arg[0], .rsi = arg[1], .rdx = arg[2], .r10 = arg[3], .r8 = arg[4],
					.r9 = arg[5] };
		int64_t r = syscall_dispatch(&f);

		must(r >= E_NOSYS);
	} else {
		sched_put_current(&cpus[0]);
	}
	fake_blocks = NULL;
	fake_become_cpu(0);          /* with the kernel lock again */
	fake_now_ns += 1000;
}

static void finish(void)
{
	for (uint32_t h = 0; h < HANDLE_MAX; h++) {
		struct handle *s = handle_slot(init, h);

		if (s && s->object->type == OBJECT_PROCESS && s->object != &init->object) {
			struct process *p = container_of(s->object, struct process, object);

			/* A process may run, may have ended, may own handles to all others. */
			if (cpus[0].current && cpus[0].current->process == p) {
				process_end(p, PROCESS_KILLED, 0);
				sched_put_current(&cpus[0]);
			}
			while (process_destroy(p) == E_AGAIN) {
			}
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	boot();
	for (size_t i = 0; i + 7 <= len && i < 7 * STEPS; i += 7) {
		struct thread *t = next_thread();
		unsigned nr = data[i] % CALLS;
		uint64_t arg[6];

		if (!t) {
			break;
		}
		for (unsigned j = 0; j < 6; j++) {
			uint8_t b = data[i + 1 + j];

			arg[j] = b < 32 ? b : value[b % ARRAY_SIZE(value)];
		}
		if (nr != SYS_EXIT || t->process != init) {
			make_call(nr, arg);
		}
	}
	finish();
	must(init->arena->retired == 0);
	return 0;
}
