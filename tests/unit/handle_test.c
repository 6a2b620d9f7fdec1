/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handle tables and the link between handles and objects.
 * sources: tests/fake/machine.c kernel/arena.c kernel/process.c kernel/object.c kernel/handle.c kernel/event.c
 * sources: kernel/region.c kernel/space.c kernel/thread.c kernel/sched.c kernel/timer.c kernel/heap.c kernel/trace.c
 * sources: arch/x86/mm/pt.c arch/x86/mm/tlb.c
 */
#include "kernel/handle.h"
#include "kernel/arena.h"
#include "tests/fake/machine.h"
#include "tests/unit/check.h"

static struct process *a, *b;
static struct event *e;

static void fresh(void)
{
	fake_machine(1);
	a = fake_process(64);
	b = fake_process(64);
	e = event_create(a);
}

TEST(handles_are_found_with_type_and_rights)
{
	struct handle *h;

	fresh();
	CHECK_EQ(handle_add(a, &e->object, RIGHT_READ), 0);
	CHECK_EQ(handle_find(a, 0, 1 << OBJECT_EVENT, RIGHT_READ, &h), OK);
	CHECK(h->object == &e->object);
	CHECK_EQ(handle_find(a, 0, 1 << OBJECT_REGION | 1 << OBJECT_EVENT, RIGHT_READ, &h), OK);
	CHECK_EQ(handle_find(a, 0, 1 << OBJECT_EVENT, RIGHT_WRITE, &h), E_PERM);
	CHECK_EQ(handle_find(a, 0, 1 << OBJECT_REGION, 0, &h), E_INVAL);
	CHECK_EQ(handle_find(a, 1, 1 << OBJECT_EVENT, 0, &h), E_NOENT);
	CHECK_EQ(handle_find(b, 0, 1 << OBJECT_EVENT, 0, &h), E_NOENT);
	CHECK_EQ(handle_find(a, HANDLE_MAX, 1 << OBJECT_EVENT, 0, &h), E_NOENT);
	CHECK_EQ(handle_find(a, SELF, 1 << OBJECT_EVENT, 0, &h), E_NOENT);
	CHECK_EQ(handle_find(a, UINT64_MAX, 1 << OBJECT_EVENT, 0, &h), E_NOENT);
}

TEST(slots_are_chosen_lowest_first_and_can_be_named)
{
	fresh();
	CHECK_EQ(handle_add_at(a, 1, &e->object, 0), OK);
	CHECK_EQ(handle_add_at(a, 1, &e->object, 0), E_BUSY);
	CHECK_EQ(handle_add_at(a, HANDLE_MAX, &e->object, 0), E_RANGE);
	CHECK_EQ(handle_add(a, &e->object, 0), 0);
	CHECK_EQ(handle_add(a, &e->object, 0), 2);
	CHECK_EQ(handle_close(a, 0), OK);
	CHECK_EQ(handle_close(a, 0), E_NOENT);
	CHECK_EQ(handle_add(a, &e->object, 0), 0);
	CHECK_EQ(a->handles.count, 3);
}

TEST(a_full_table_refuses)
{
	fresh();
	for (int i = 0; i < HANDLE_MAX; i++) {
		CHECK_EQ(handle_add(a, &e->object, 0), i);
	}
	CHECK_EQ(handle_add(a, &e->object, 0), E_NOMEM);
	CHECK_EQ(a->handles.count, HANDLE_MAX);
}

TEST(the_end_of_an_object_clears_all_its_handles_everywhere)
{
	struct event *other;

	fresh();
	other = event_create(b);
	CHECK_EQ(handle_add(a, &e->object, RIGHT_ALL), 0);
	CHECK_EQ(handle_add(a, &other->object, RIGHT_ALL), 1);
	CHECK_EQ(handle_add(b, &e->object, RIGHT_READ), 0);
	CHECK_EQ(handle_add_at(b, 200, &e->object, RIGHT_READ), OK);
	object_destroy(&e->object);
	CHECK(!handle_slot(a, 0) && !handle_slot(b, 0) && !handle_slot(b, 200));
	CHECK(handle_slot(a, 1));
	CHECK_EQ(a->handles.count, 1);
	CHECK_EQ(b->handles.count, 0);
	CHECK_EQ(object_count[OBJECT_EVENT], 1);
}

TEST(all_handles_but_one_can_be_taken_back)
{
	fresh();
	CHECK_EQ(handle_add(a, &e->object, RIGHT_ALL), 0);
	CHECK_EQ(handle_add(b, &e->object, RIGHT_ALL), 0);
	handle_close_object(&e->object, handle_slot(a, 0));
	CHECK(handle_slot(a, 0) && !handle_slot(b, 0));
}
