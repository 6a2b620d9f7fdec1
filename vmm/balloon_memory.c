/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of guest RAM on their way to the node and back: see balloon_memory.h. */
#include "vmm/balloon_memory.h"

#include <string.h>

#include "lib/user/sys.h"
#include "vmm/vm.h"

static const struct vmm_ram *piece;      /* those of the launch page                             */
static uint32_t inside[VMM_RAM_MAX];     /* pages of each that are in the balloon, as the guest counts */
static uint64_t wanted;                  /* pieces that shall come back                          */

void balloon_memory_init(void)
{
	piece = vm.launch->ram;
	vm.mem.piece = piece;
}

/* Its number, or -1. */
static int piece_of(uint64_t gpa)
{
	for (uint32_t i = 0; i < vm.launch->ram_count; i++) {
		if (gpa - piece[i].gpa < piece[i].size) {
			return (int)i;
		}
	}
	return -1;
}

/* A bit of ours changes only when init has followed the last change. */
static bool change(unsigned i, bool given_up)
{
	uint64_t ours = vm.control->given_up, bit = 1ull << i;

	if ((ours ^ __atomic_load_n(&vm.control->taken, __ATOMIC_ACQUIRE)) & bit || !(ours & bit) != given_up) {
		return false;
	}
	__atomic_store_n(&vm.control->given_up, ours ^ bit, __ATOMIC_RELEASE);
	sys_event_signal(VMM_STATUS);
	return true;
}

static void inflated(uint32_t page)
{
	int i = piece_of((uint64_t)page << PAGE_SHIFT);

	if (i < 0 || ++inside[i] < piece[i].size >> PAGE_SHIFT || vm.mem.away >> i & 1) {
		return;
	}
	if (change((unsigned)i, true)) {
		vm.mem.away |= 1ull << i;
		wanted &= ~(1ull << i);
	}
}

static bool is_away(int i)
{
	return i >= 0 && vm.mem.away >> i & 1;
}

static void want(int i)
{
	wanted |= 1ull << i;
	(void)change((unsigned)i, false);
}

static bool deflated(uint32_t page)
{
	int i = piece_of((uint64_t)page << PAGE_SHIFT);

	if (is_away(i)) {
		want(i);
		return false;
	}
	if (i >= 0 && inside[i]) {
		inside[i]--;
	}
	return true;
}

static void reset(void)
{
	memset(inside, 0, sizeof(inside));
	for (uint32_t i = 0; i < vm.launch->ram_count; i++) {
		if (is_away((int)i)) {
			want((int)i);
		}
	}
}

const struct virtio_balloon_backend balloon_memory = { .inflated = inflated, .deflated = deflated, .reset = reset };

static void map(unsigned i)
{
	int r = sys_map(vm.space, piece[i].gpa, VMM_RAM + i, 0, piece[i].size, PROT_R | PROT_W | PROT_X);

	if (r < 0) {
		vm_end_because(VM_END_FAILED, "balloon: memory at %#llx cannot be mapped again: error %d",
			       (unsigned long long)piece[i].gpa, r);
		return;
	}
	vm.mem.away &= ~(1ull << i);
	wanted &= ~(1ull << i);
}

bool balloon_memory_answer(void)
{
	uint64_t taken = __atomic_load_n(&vm.control->taken, __ATOMIC_ACQUIRE), before = vm.mem.away;

	for (uint64_t left = before; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		bool ours = vm.control->given_up >> i & 1;

		if (ours && wanted >> i & 1) {
			(void)change(i, false);
		} else if (!ours && !(taken >> i & 1)) {
			map(i);
		}
	}
	return vm.mem.away != before;
}

bool balloon_memory_touch(uint64_t gpa)
{
	int i = vm.mem.away ? piece_of(gpa) : -1;

	if (!is_away(i)) {
		return false;
	}
	want(i);
	return true;
}
