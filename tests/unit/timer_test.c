/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of the VM.
 * sources: vmm/bus.c tests/fake/platform.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/hooks.h"

static char order[16];
static struct vm_timer a, b, c;

static void note(void *arg)
{
	strncat(order, arg, sizeof(order) - strlen(order) - 1);
}

static void fresh(void)
{
	fake_reset();
	order[0] = 0;
	a = (struct vm_timer){ .fn = note, .arg = "a" };
	b = (struct vm_timer){ .fn = note, .arg = "b" };
	c = (struct vm_timer){ .fn = note, .arg = "c" };
}

TEST(run_in_order_of_deadlines_and_once)
{
	fresh();
	CHECK_EQ(vm_timer_next(), UINT64_MAX);
	vm_timer_set(&b, 20);
	vm_timer_set(&c, 20);
	vm_timer_set(&a, 10);
	CHECK_EQ(vm_timer_next(), 10);
	vm_timers_run(19);
	CHECK_STR(order, "a");
	vm_timers_run(20);
	CHECK_STR(order, "abc");
	vm_timers_run(1000);
	CHECK_STR(order, "abc");
	CHECK_EQ(vm_timer_next(), UINT64_MAX);
}

TEST(set_again_moves_and_cancel_removes)
{
	fresh();
	vm_timer_set(&a, 10);
	vm_timer_set(&b, 20);
	vm_timer_set(&a, 30);
	vm_timer_cancel(&b);
	vm_timer_cancel(&b);
	vm_timer_cancel(&c);
	CHECK_EQ(vm_timer_next(), 30);
	vm_timers_run(100);
	CHECK_STR(order, "a");
}

TEST(wakes_only_when_the_first_deadline_moves_forward)
{
	fresh();
	vm_timer_set(&b, 20);
	CHECK_EQ(fake.wakes, 1);
	vm_timer_set(&c, 30);
	CHECK_EQ(fake.wakes, 1);
	vm_timer_set(&a, 10);
	CHECK_EQ(fake.wakes, 2);
}

static void again(void *arg)
{
	strcpy(order, "ran");
	vm_timer_set(arg, 0);
}

TEST(a_timer_that_is_always_due_does_not_hold_the_caller)
{
	fresh();
	a = (struct vm_timer){ .fn = again, .arg = &a };
	vm_timer_set(&a, 0);
	fake.wakes = 0;
	vm_timers_run(5);
	CHECK_STR(order, "ran");
	CHECK_EQ(vm_timer_next(), 0);
	CHECK_EQ(fake.wakes, 0);
}
