/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of guest RAM on their way to the node and back. init is the test, which follows when it likes.
 */
#include "lib/user/sys.h"

static unsigned signals;
#define sys_event_signal(event) (signals += (event) == VMM_STATUS)

#include "vmm/balloon_memory.c"

#include "tests/unit/check.h"

enum { PAGES = 4 };

struct vm vm;

static struct vmm_launch launch;
static struct vmm_control control;
static unsigned mapped;
static int map_result;

int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	CHECK(space == 7 && region == VMM_RAM + 1 && address == MIB(2) && !offset && size == PAGES * PAGE_SIZE);
	CHECK_EQ(prot, PROT_R | PROT_W | PROT_X);
	mapped++;
	return map_result;
}

void vm_end_because(enum vm_end end, const char *fmt, ...)
{
	(void)fmt;
	vm.end = end;
}

static void fresh(void)
{
	launch = (struct vmm_launch){ .ram_count = 2, .ram = { { 0, MIB(2) }, { MIB(2), PAGES * PAGE_SIZE } } };
	control = (struct vmm_control){ 0 };
	vm = (struct vm){ .launch = &launch, .control = &control, .space = 7 };
	memset(inside, 0, sizeof(inside));
	wanted = signals = mapped = 0;
	map_result = OK;
	balloon_memory_init();
}

static void fill(void)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		CHECK_EQ(control.given_up, 0);
		inflated(MIB(2) / PAGE_SIZE + i);
	}
	inflated(5);                                         /* of another piece, which is not full */
	inflated(0xffffffff);
}

TEST(a_full_piece_goes_and_comes_back_when_a_page_is_wanted)
{
	fresh();
	fill();
	CHECK_EQ(control.given_up, 2);
	CHECK_EQ(vm.mem.away, 2);
	CHECK_EQ(signals, 1);
	control.taken = 2;
	CHECK(!balloon_memory_answer());
	CHECK(deflated(5));
	CHECK(!deflated(MIB(2) / PAGE_SIZE + 1));
	CHECK_EQ(control.given_up, 0);
	CHECK_EQ(signals, 2);
	CHECK(!balloon_memory_answer());                     /* init has not returned it */
	CHECK_EQ(vm.mem.away, 2);
	control.taken = 0;
	CHECK(balloon_memory_answer());
	CHECK_EQ(mapped, 1);
	CHECK_EQ(vm.mem.away, 0);
	CHECK(deflated(MIB(2) / PAGE_SIZE + 1));
	CHECK_EQ(inside[1], PAGES - 1);
}

TEST(what_is_wanted_before_init_took_it_comes_back_afterwards)
{
	fresh();
	fill();
	CHECK(!deflated(MIB(2) / PAGE_SIZE));
	CHECK_EQ(control.given_up, 2);                       /* the bit stays until init has followed */
	CHECK(!balloon_memory_answer());
	CHECK_EQ(control.given_up, 2);
	control.taken = 2;
	CHECK(!balloon_memory_answer());
	CHECK_EQ(control.given_up, 0);
	control.taken = 0;
	CHECK(balloon_memory_answer());
	CHECK_EQ(mapped, 1);
}

TEST(a_touch_brings_a_piece_back)
{
	fresh();
	CHECK(!balloon_memory_touch(MIB(2)));
	fill();
	control.taken = 2;
	CHECK(!balloon_memory_touch(MIB(1)));
	CHECK(!balloon_memory_touch(MIB(2) + PAGES * PAGE_SIZE));
	CHECK(balloon_memory_touch(MIB(2) + 5));
	CHECK(balloon_memory_touch(MIB(2) + 5));
	CHECK_EQ(control.given_up, 0);
	CHECK_EQ(signals, 2);
	control.taken = 0;
	CHECK(balloon_memory_answer());
	CHECK(!balloon_memory_touch(MIB(2) + 5));
}

TEST(a_driver_that_starts_anew_has_all_memory)
{
	fresh();
	fill();
	control.taken = 2;
	reset();
	CHECK_EQ(control.given_up, 0);
	control.taken = 0;
	CHECK(balloon_memory_answer());
	CHECK_EQ(inside[1], 0);
}

TEST(memory_that_cannot_be_mapped_ends_the_vm)
{
	fresh();
	fill();
	control.taken = 2;
	CHECK(balloon_memory_touch(MIB(2)));
	control.taken = 0;
	map_result = E_NOMEM;
	CHECK(!balloon_memory_answer());
	CHECK_EQ(vm.end, VM_END_FAILED);
}
