/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exit with any registers, mode, segments, code and memory through the emulator. The input is struct input; what
 * follows it is the guest's RAM, page tables included.
 *
 * sources: vmm/emulate.c vmm/emu_access.c vmm/emu_string.c vmm/alu.c vmm/decode.c vmm/decode_table.c
 * sources: vmm/walk.c vmm/gmem.c vmm/bus.c
 */
#include "vmm/emulate.h"

#include <stdlib.h>
#include <string.h>

enum { RAM = 0x6000, CALLS = 20, ACCESSES_MAX = EMU_REP_BUDGET * 32, FLAGS_CHANGED = 0x108d5 };

struct input {
	uint8_t string, in, write, fetch_walk, cpl, mode, paging, inst_bytes;
	uint8_t inst[16];
	uint64_t gpr[GPR_COUNT], rip, rflags, gpa, cr3;
	struct { uint32_t base, limit; uint16_t attr; } __attribute__((packed)) segment[6];
} __attribute__((packed));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct input input;
static uint8_t ram[RAM];
static struct vcpu_page page;
static struct emulator emulator;
static struct bus mmio, pio;
static unsigned accesses;

static void require(bool ok)
{
	if (!ok) {
		abort();
	}
}

static void access_any(void *dev, struct io_access *io)
{
	(void)dev;
	require(io->size == 1 || io->size == 2 || io->size == 4 || io->size == 8);
	accesses++;
	if (!io->write) {
		io->value = io->addr * 0x0101010101010101ull;
	}
}

static int get_state(void *arg, struct vcpu_state *out)
{
	struct vcpu_segment *to[] = { &out->es, &out->cs, &out->ss, &out->ds, &out->fs, &out->gs };

	(void)arg;
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
		to[i]->base = input.segment[i].base;
		to[i]->limit = input.segment[i].limit;
		to[i]->attr = input.segment[i].attr;
	}
	return input.paging & 0x80 ? E_IO : OK;
}

static const struct emu_host host = { .get_state = get_state };

static void set_up_page(void)
{
	static const uint64_t cr0[4] = { 0, 1, 0x80000001, 0x80010001 };
	struct vcpu_exit *x = &page.exit;

	memset(&page, 0, sizeof(page));
	memcpy(page.gpr, input.gpr, sizeof(page.gpr));
	page.rip = input.rip;
	page.rflags = input.rflags;
	x->kind = input.string & 1 ? EXIT_PIO : EXIT_MMIO;
	if (x->kind == EXIT_PIO) {
		x->pio.port = (uint16_t)input.gpr[GPR_RDX];
		x->pio.in = input.in & 1;
		x->pio.string = 1;
	} else {
		x->mmio.gpa = input.gpa;
		x->mmio.write = input.write & 1;
		x->mmio.fetch = input.fetch_walk & 1;
		x->mmio.walk = input.fetch_walk >> 1 & 1;
	}
	memcpy(x->inst, input.inst, sizeof(x->inst));
	x->inst_bytes = input.inst_bytes % 17;
	x->cpl = input.cpl & 3;
	x->cs_attr = (uint16_t)(input.mode << 13);
	x->efer = input.mode & 4 ? 0xd00 : 0;
	x->cr0 = cr0[input.paging & 3];
	x->cr3 = input.cr3;
	x->cr4 = (input.paging & 4 ? 0x20 : 0) | (input.paging & 8 ? 0x10 : 0) | (input.paging & 16 ? 0x1000 : 0) |
		 (input.paging & 32 ? 0x300000 : 0);
	x->cs_base = input.segment[1].base;
}

/* A fault leaves rip where it was; whatever comes back, only what an instruction may change has changed. */
static void check_result(enum emu_result r, uint64_t rip, uint64_t rflags)
{
	char line[256];

	require(r <= EMU_UNSUPPORTED);
	require((page.dirty & ~3u) == 0);
	require(((page.rflags ^ rflags) & ~(uint64_t)FLAGS_CHANGED) == 0);
	require(page.rflags == rflags || page.dirty & DIRTY_RFLAGS);
	require(page.rip == rip || page.dirty & DIRTY_RIP);
	require(accesses <= ACCESSES_MAX);
	if (r == EMU_EXCEPTION && emulator.fault.vector != 1) {
		require(page.rip == rip && emulator.fault.vector < 32);
	}
	if (r == EMU_UNSUPPORTED) {
		require(emulator.why != NULL);
		emulate_describe(&emulator, line, sizeof(line));
		require(strlen(line) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct gmem mem = { .slot = { { 0, RAM, ram } }, .count = 1 };

	memset(ram, 0, sizeof(ram));
	memset(&input, 0, sizeof(input));
	memcpy(&input, data, len < sizeof(input) ? len : sizeof(input));
	if (len > sizeof(input)) {
		size_t rest = len - sizeof(input);

		memcpy(ram, data + sizeof(input), rest < RAM ? rest : RAM);
	}
	memset(&mmio, 0, sizeof(mmio));
	memset(&pio, 0, sizeof(pio));
	require(bus_add(&mmio, RAM + 0x1000, UINT64_MAX - RAM - 0x1000, access_any, NULL, "all") == OK);
	require(bus_add(&pio, 0x100, 0xff00, access_any, NULL, "ports") == OK);
	set_up_page();
	emulate_init(&emulator, &page, &mem, &mmio, &pio, &host, NULL);
	for (unsigned i = 0; i < CALLS; i++) {
		uint64_t rip = page.rip, rflags = page.rflags;
		enum emu_result r;

		accesses = 0;
		page.dirty = 0;
		r = input.string & 1 ? emulate_string_pio(&emulator) : emulate_mmio(&emulator);
		check_result(r, rip, rflags);
		if (r != EMU_AGAIN && i > 0) {
			break;
		}
	}
	return 0;
}
