/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Task switches with any state, event and memory: struct input, then the guest's RAM with its tables. Whatever comes back,
 * it must be a state that a processor can be in.
 *
 * sources: vmm/task.c vmm/walk.c vmm/gmem.c
 */
#include "vmm/task.h"

#include <stdlib.h>
#include <string.h>

enum { RAM = 0x4000, GDT = 0x100, VM = 1 << 17, CODE = 0x18, PRESENT = 0x80 };

struct input {
	uint16_t selector, tr_selector, ldt_limit, gdt_limit;
	uint8_t source, length, paging, tr_type, cpl;
	uint32_t event, error, rflags, tr_base, tr_limit, ldt_base, cr3;
} __attribute__((packed));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint8_t ram[RAM];
static struct vcpu_state s;

static void require(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void set_state(const struct input *in)
{
	uint16_t code = (uint16_t)(0xc09b | (in->cpl & 3) << 5), other = (uint16_t)(0xc093 | (in->cpl & 3) << 5);

	memset(&s, 0, sizeof(s));
	s.cr0 = 1 | (in->paging & 1 ? 1ull << 31 : 0) | (in->paging & 2 ? 1 << 16 : 0);
	s.cr4 = (in->paging & 4 ? 0x10 : 0) | (in->paging & 8 ? 0x20 : 0) | (in->paging & 16 ? 0x300000 : 0);
	s.cr3 = in->cr3 & 0x3fff;
	s.rflags = in->rflags;
	s.cs = (struct vcpu_segment){ .limit = 0xffffffff, .selector = 8, .attr = code };
	s.es = s.ss = s.ds = s.fs = s.gs = (struct vcpu_segment){ .limit = 0xffffffff, .selector = 16, .attr = other };
	s.tr = (struct vcpu_segment){ .base = in->tr_base, .limit = in->tr_limit, .selector = in->tr_selector,
				      .attr = in->tr_type & 8 ? 0x8b : 0x83 };
	s.ldtr = (struct vcpu_segment){ .base = in->ldt_base, .limit = in->ldt_limit, .attr = in->paging & 32 ? 0x82 : 2 };
	s.gdtr = (struct vcpu_segment){ .base = GDT, .limit = in->gdt_limit };
}

static void check_state(const struct exit_task *t)
{
	unsigned cpl = s.ss.attr >> 5 & 3;

	require((s.rflags & ~0x3f7fd7ull) == 0 || s.tr.selector != t->selector || s.exception_pending);
	require(!s.exception_pending || s.exception_vector < 32);
	require(s.cr0 & 1 && s.cr3 >> 32 == 0);
	if (s.tr.selector != t->selector || !(s.cr0 & 8)) {
		return;              /* refused */
	}
	require((s.tr.attr & 0x97) == 0x83);
	if (s.rflags & VM) {
		require(s.cs.base == (uint64_t)s.cs.selector << 4 && s.ss.attr == 0xf3 && s.gs.limit == 0xffff);
		return;
	}
	require((s.cs.attr & (CODE | PRESENT)) == (CODE | PRESENT));
	require(cpl == (s.cs.selector & 3u));
	require(s.cs.attr & 4 ? (s.cs.attr >> 5 & 3u) <= cpl : (s.cs.attr >> 5 & 3u) == cpl);
	require(!(s.ss.attr & PRESENT) || ((s.ss.attr & 0x1b) == 0x13));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct gmem mem = { .slot = { { 0, RAM, ram } }, .count = 1, .beyond = ~0ull << 40 };
	struct input in = { 0 };
	struct exit_task t;
	int r;

	memset(ram, 0, sizeof(ram));
	memcpy(&in, data, len < sizeof(in) ? len : sizeof(in));
	if (len > sizeof(in)) {
		memcpy(ram, data + sizeof(in), len - sizeof(in) < RAM ? len - sizeof(in) : RAM);
	}
	set_state(&in);
	t = (struct exit_task){ .selector = in.selector, .source = in.source & 3, .length = in.length & 15, .event = in.event,
				.error = in.error };
	r = task_switch(&mem, &t, &s);
	require(r == OK || r == E_FAULT || r == E_RANGE);
	if (r == OK) {
		check_state(&t);
	}
	return 0;
}
