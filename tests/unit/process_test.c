/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a process in pieces, with a second CPU that takes its time to flush.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: tests/fake/syscalls.c kernel/syscall.c kernel/sys_process.c kernel/sys_memory.c kernel/sys_event.c arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "arch/x86/mm/tlb.h"
#include "kernel/syscall.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

static int64_t call(enum sys nr, uint64_t handle)
{
	struct trap_frame f = { .rax = nr, .rdi = handle };

	return syscall_dispatch(&f);
}

TEST(a_half_destroyed_process_gives_nothing_away)
{
	uint64_t handle;
	struct process *init;
	struct region *arena, *ram;
	struct process *p;
	struct handle *found;
	struct thread *t;
	int h;

	fake_machine(2);
	init = fake_process(64);
	t = thread_create(init, 0x400000, 0, 0);
	cpus[0].current = t;
	arena = fake_region(init, 32, true);
	ram = fake_region(init, 2, true);
	handle = (uint64_t)handle_add(init, &arena->object, RIGHT_ALL);
	h = (int)call(SYS_PROCESS_CREATE, handle);
	CHECK(h > 0);
	CHECK_EQ(handle_find(init, (uint64_t)h, 1 << OBJECT_PROCESS, 0, &found), OK);
	p = container_of(found->object, struct process, object);
	CHECK_EQ(space_map(p->space, 0x400000, ram, 0, 2 * PAGE_SIZE, PROT_R), 2 * PAGE_SIZE);
	CHECK_EQ(space_unmap(p->space, 0x400000, 2 * PAGE_SIZE), 2 * PAGE_SIZE);
	handle = (uint64_t)h;
	CHECK_EQ(call(SYS_PROCESS_DESTROY, handle), E_AGAIN);          /* tables wait for the other CPU */
	CHECK(call(SYS_PROCESS_SPACE, handle) < 0);                    /* the space is gone already */
	CHECK(call(SYS_THREAD_CREATE, handle) < 0);
	fake_become_cpu(1);
	tlb_cpu_pass();
	fake_become_cpu(0);
	for (unsigned i = 0; i < 3 && call(SYS_PROCESS_DESTROY, handle) == E_AGAIN; i++) {
		fake_become_cpu(1);
		tlb_cpu_pass();
		fake_become_cpu(0);
	}
	CHECK(!arena->arena_of);
	CHECK_EQ(arena->cleaned, 0);
}
