/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulator where the processor of the build machine cannot be asked: ports, faults, segments, 16- and 32-bit
 * code, the memo, budgets. native_test.c does the rest.
 *
 * sources: vmm/emulate.c vmm/emu_access.c vmm/emu_string.c vmm/alu.c vmm/decode.c vmm/decode_table.c
 * sources: vmm/walk.c vmm/gmem.c vmm/bus.c
 */
#include "tests/unit/check.h"
#include "vmm/emulate.h"

#include <stdio.h>

enum { RAM = 0x40000, DEV = 0xd0000000, DEV_SIZE = 0x2000, PORT = 0x170, CODE = 0x8000 };
enum { CS_64 = 0x209b, CS_32 = 0x409b, CS_16 = 0x9b, DATA_32 = 0x4093, DATA_16 = 0x93 };
enum { TF = 1 << 8, DF = 1 << 10, IOPL3 = 3 << 12, RF = 1 << 16, ZF = 1 << 6 };
enum { UD = 6, SS = 12, GP = 13, PF = 14 };

/* Tables: linear 0 to 2 MiB is RAM, with a read-only page, a supervisor page and a hole; DEV stands at 1 GiB. */
enum { LINEAR_DEV = 0x40000000, LINEAR_DEV_READONLY = 0x40002000, LINEAR_READONLY = 0x20000, LINEAR_HOLE = 0x21000 };

static uint8_t ram[RAM], dev_bytes[DEV_SIZE];
static struct { uint64_t addr, value; uint8_t size; bool write; } seen[512];
static unsigned seen_count, state_reads;
static uint64_t port_answer;
static struct gmem mem;
static struct bus mmio, pio;
static struct vcpu_page page;
static struct vcpu_state state;
static struct emulator e;

static void note(const struct io_access *io)
{
	CHECK(seen_count < ARRAY_SIZE(seen));
	seen[seen_count].addr = io->addr;
	seen[seen_count].value = io->value;
	seen[seen_count].size = io->size;
	seen[seen_count++].write = io->write;
}

static void dev_access(void *arg, struct io_access *io)
{
	(void)arg;
	CHECK(io->addr + io->size <= DEV_SIZE);
	if (io->write) {
		memcpy(dev_bytes + io->addr, &io->value, io->size);
	} else {
		memcpy(&io->value, dev_bytes + io->addr, io->size);
	}
	note(io);
}

static void port_access(void *arg, struct io_access *io)
{
	(void)arg;
	if (!io->write) {
		io->value = port_answer++;
	}
	note(io);
}

static int get_state(void *arg, struct vcpu_state *out)
{
	(void)arg;
	state_reads++;
	*out = state;
	return OK;
}

static const struct emu_host host = { .get_state = get_state };

static void put8(uint64_t at, uint64_t v)
{
	memcpy(ram + at, &v, 8);
}

static void tables(void)
{
	put8(0x1000, 0x2000 | 7);
	put8(0x2000, 0x3000 | 7);
	put8(0x2008, 0x5000 | 7);
	put8(0x3000, 0x4000 | 7);
	for (unsigned i = 0; i < RAM / PAGE_SIZE; i++) {
		put8(0x4000 + i * 8, i << 12 | 7);
	}
	put8(0x4000 + (LINEAR_READONLY >> 12) * 8, LINEAR_READONLY | 5);
	put8(0x4000 + (LINEAR_HOLE >> 12) * 8, 0);
	put8(0x5000, 0x6000 | 7);
	put8(0x6000, DEV | 7);
	put8(0x6008, (DEV + 0x1000) | 7);
	put8(0x6010, DEV | 5);
}

static void set_up(uint16_t cs_attr)
{
	memset(ram, 0, sizeof(ram));
	memset(&page, 0, sizeof(page));
	memset(&state, 0, sizeof(state));
	memset(&mmio, 0, sizeof(mmio));
	memset(&pio, 0, sizeof(pio));
	for (unsigned i = 0; i < DEV_SIZE; i++) {
		dev_bytes[i] = (uint8_t)(i * 7 + 1);
	}
	seen_count = state_reads = 0;
	port_answer = 0x11111111;
	tables();
	mem = (struct gmem){ .slot = { { 0, RAM, ram } }, .count = 1 };
	CHECK_EQ(bus_add(&mmio, DEV, DEV_SIZE, dev_access, NULL, "dev"), OK);
	CHECK_EQ(bus_add(&pio, PORT, 4, port_access, NULL, "port"), OK);
	page.rip = CODE;
	page.rflags = 2;
	page.exit.kind = EXIT_MMIO;
	page.exit.cs_attr = cs_attr;
	page.exit.cr0 = cs_attr == CS_64 ? 0x80010001 : 1;
	page.exit.cr3 = 0x1000;
	page.exit.cr4 = 0x20;
	page.exit.efer = cs_attr == CS_64 ? 0xd00 : 0;
	state.es = state.ss = state.ds = state.fs = state.gs =
		(struct vcpu_segment){ .limit = cs_attr == CS_16 ? 0xffff : 0xffffffff, .attr = cs_attr == CS_16 ? DATA_16 : DATA_32 };
	emulate_init(&e, &page, &mem, &mmio, &pio, &host, NULL);
}

#define CODE_BYTES(...) \
	do { \
		static const uint8_t bytes_[] = { __VA_ARGS__ }; \
		memset(page.exit.inst, 0x90, sizeof(page.exit.inst)); \
		memcpy(page.exit.inst, bytes_, sizeof(bytes_)); \
		page.exit.inst_bytes = 15; \
	} while (0)

static enum emu_result access_at(uint64_t at, bool write)
{
	page.exit.mmio.gpa = at;
	page.exit.mmio.write = write;
	return emulate_mmio(&e);
}

static enum emu_result string_port(bool in)
{
	page.exit.kind = EXIT_PIO;
	page.exit.pio.port = PORT;
	page.exit.pio.in = in;
	page.exit.pio.string = 1;
	page.gpr[GPR_RDX] = PORT;
	return emulate_string_pio(&e);
}

TEST(plain_store_takes_the_address_of_the_exit)
{
	set_up(CS_64);
	CODE_BYTES(0x89, 0x07);                  /* mov %eax, (%rdi) */
	page.gpr[GPR_RAX] = 0x1122334455667788;
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	CHECK_EQ(seen_count, 1);
	CHECK_EQ(seen[0].addr, 0x10);
	CHECK_EQ(seen[0].value, 0x55667788);
	CHECK_EQ(seen[0].size, 4);
	CHECK_EQ(page.rip, CODE + 2);
	CHECK_EQ(page.dirty, DIRTY_RIP);
	CHECK_EQ(state_reads, 0);
}

TEST(loads_extend_as_the_processor_does)
{
	set_up(CS_64);
	page.gpr[GPR_RAX] = ~0ull;
	CODE_BYTES(0x8b, 0x07);                  /* mov (%rdi), %eax */
	CHECK_EQ(access_at(DEV + 4, false), EMU_DONE);
	CHECK_EQ(page.gpr[GPR_RAX], 0x322b241d);
	page.gpr[GPR_RAX] = ~0ull;
	CODE_BYTES(0x8a, 0x27);                  /* mov (%rdi), %ah */
	CHECK_EQ(access_at(DEV + 4, false), EMU_DONE);
	CHECK_EQ(page.gpr[GPR_RAX], 0xffffffffffff1dff);
}

/* The register was written long ago: the memo must not remember values, only bytes. */
TEST(memo_hits_only_on_equal_bytes_and_mode)
{
	set_up(CS_64);
	CODE_BYTES(0x89, 0x07);
	for (unsigned i = 0; i < 3; i++) {
		page.rip = CODE;
		CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	}
	CHECK_EQ(e.misses, 1);
	page.rip = CODE;
	CODE_BYTES(0x89, 0x0f);                  /* the code changed: mov %ecx, (%rdi) */
	page.gpr[GPR_RCX] = 77;
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	CHECK_EQ(e.misses, 2);
	CHECK_EQ(seen[3].value, 77);
	page.rip = CODE;
	page.exit.cs_attr = CS_32;               /* same bytes, other mode */
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	CHECK_EQ(e.misses, 3);
	page.rip = CODE;
	page.exit.inst_bytes = 1;                /* fewer bytes are valid than the memo's instruction has */
	memcpy(ram + CODE, "\x89\x17", 2);
	page.exit.cs_attr = CS_64;
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	CHECK_EQ(seen[5].value, page.gpr[GPR_RDX] & 0xffffffff);
}

TEST(bytes_are_fetched_when_the_exit_has_too_few)
{
	set_up(CS_64);
	page.rip = 0x8fff;                       /* the second byte is on the next page */
	page.gpr[GPR_RAX] = 5;
	memcpy(ram + 0x8fff, "\x89\x07", 2);
	page.exit.inst_bytes = 1;
	page.exit.inst[0] = 0x89;
	CHECK_EQ(access_at(DEV + 8, true), EMU_DONE);
	CHECK_EQ(page.rip, 0x9001);
	CHECK_EQ(seen[0].value, 5);
	/* The instruction ends with its page; the page behind is not there. */
	page.rip = LINEAR_HOLE - 2;
	memcpy(ram + LINEAR_HOLE - 2, "\x89\x07", 2);
	page.exit.inst_bytes = 0;
	CHECK_EQ(access_at(DEV + 8, true), EMU_DONE);
	/* And where it goes on in the hole, the fetch faults there. */
	page.rip = LINEAR_HOLE - 1;
	ram[LINEAR_HOLE - 1] = 0x89;
	CHECK_EQ(access_at(DEV + 8, true), EMU_EXCEPTION);
	CHECK_EQ(e.fault.vector, PF);
	CHECK_EQ(e.fault.cr2, LINEAR_HOLE);
	CHECK_EQ(e.fault.error, PF_FETCH);
}

TEST(read_modify_write_needs_the_right_to_write)
{
	set_up(CS_64);
	CODE_BYTES(0x83, 0x0f, 0x01);            /* orl $1, (%rdi) */
	page.gpr[GPR_RDI] = LINEAR_DEV_READONLY + 4;
	CHECK_EQ(access_at(DEV + 4, false), EMU_EXCEPTION);
	CHECK_EQ(e.fault.vector, PF);
	CHECK_EQ(e.fault.error, PF_PRESENT | PF_WRITE);
	CHECK_EQ(e.fault.cr2, LINEAR_DEV_READONLY + 4);
	CHECK_EQ(seen_count, 0);
	CHECK_EQ(page.dirty, 0);
	page.gpr[GPR_RDI] = LINEAR_DEV + 4;
	CHECK_EQ(access_at(DEV + 4, false), EMU_DONE);
	CHECK_EQ(seen_count, 2);
	CHECK_EQ(seen[1].value, 0x322b241d | 1);
}

TEST(access_across_pages_of_a_device)
{
	set_up(CS_64);
	CODE_BYTES(0x48, 0x8b, 0x07);            /* mov (%rdi), %rax */
	page.gpr[GPR_RDI] = LINEAR_DEV + 0xffd;
	CHECK_EQ(access_at(DEV + 0x1000, false), EMU_DONE);
	for (unsigned i = 0; i < 8; i++) {
		CHECK_EQ(page.gpr[GPR_RAX] >> 8 * i & 0xff, (uint8_t)((0xffd + i) * 7 + 1));
	}
}

TEST(rep_movs_from_device_to_ram)
{
	set_up(CS_64);
	CODE_BYTES(0xf3, 0xa5);                  /* rep movsl */
	page.gpr[GPR_RSI] = LINEAR_DEV + 0xf00;
	page.gpr[GPR_RDI] = 0x9003;
	page.gpr[GPR_RCX] = 100;
	CHECK_EQ(access_at(DEV + 0xf00, false), EMU_AGAIN);
	CHECK_EQ(page.gpr[GPR_RCX], 100 - EMU_REP_BUDGET);
	CHECK_EQ(page.gpr[GPR_RSI], LINEAR_DEV + 0xf00 + 4 * EMU_REP_BUDGET);
	CHECK_EQ(page.rip, CODE);
	CHECK_EQ(access_at(DEV + 0x1000, false), EMU_DONE);
	CHECK_EQ(page.gpr[GPR_RCX], 0);
	CHECK_EQ(page.rip, CODE + 2);
	CHECK_MEM(ram + 0x9003, dev_bytes + 0xf00, 400);
}

TEST(rep_stops_where_it_faults)
{
	set_up(CS_64);
	CODE_BYTES(0xf3, 0xa4);                  /* rep movsb */
	page.gpr[GPR_RSI] = LINEAR_DEV;
	page.gpr[GPR_RDI] = LINEAR_READONLY - 3;
	page.gpr[GPR_RCX] = 10;
	CHECK_EQ(access_at(DEV, false), EMU_EXCEPTION);
	CHECK_EQ(e.fault.vector, PF);
	CHECK_EQ(e.fault.cr2, LINEAR_READONLY);
	CHECK_EQ(e.fault.error, PF_PRESENT | PF_WRITE);
	CHECK_EQ(page.gpr[GPR_RCX], 7);
	CHECK_EQ(page.gpr[GPR_RSI], LINEAR_DEV + 3);
	CHECK_EQ(page.rip, CODE);
	CHECK_EQ(seen_count, 3);
}

TEST(ins_and_outs)
{
	set_up(CS_64);
	CODE_BYTES(0xf3, 0x66, 0x6d);            /* rep insw */
	page.gpr[GPR_RDI] = 0x9000;
	page.gpr[GPR_RCX] = 3;
	CHECK_EQ(string_port(true), EMU_DONE);
	CHECK_MEM(ram + 0x9000, "\x11\x11\x12\x11\x13\x11\0", 7);
	CHECK_EQ(page.gpr[GPR_RDI], 0x9006);
	CODE_BYTES(0x6f);                        /* outsl */
	page.gpr[GPR_RSI] = 0x9000;
	CHECK_EQ(string_port(false), EMU_DONE);
	CHECK_EQ(seen[3].value, 0x11121111);
	CHECK_EQ(seen[3].size, 4);
	CHECK(seen[3].write);
	CHECK_EQ(page.gpr[GPR_RSI], 0x9004);
	page.rflags |= DF;
	CODE_BYTES(0x6e);
	CHECK_EQ(string_port(false), EMU_DONE);
	CHECK_EQ(page.gpr[GPR_RSI], 0x9003);
}

/* A port that was read cannot be unread. */
TEST(ins_checks_its_destination_first)
{
	set_up(CS_64);
	CODE_BYTES(0x6c);
	page.gpr[GPR_RDI] = LINEAR_HOLE + 1;
	CHECK_EQ(string_port(true), EMU_EXCEPTION);
	CHECK_EQ(e.fault.cr2, LINEAR_HOLE + 1);
	CHECK_EQ(seen_count, 0);
}

TEST(repeat_of_nothing_does_nothing)
{
	set_up(CS_64);
	CODE_BYTES(0xf3, 0x6c);
	page.gpr[GPR_RDI] = LINEAR_HOLE;
	CHECK_EQ(string_port(true), EMU_DONE);
	CHECK_EQ(page.rip, CODE + 2);
	CHECK_EQ(seen_count, 0);
}

TEST(code_that_changed_after_the_exit)
{
	set_up(CS_64);
	CODE_BYTES(0x89, 0x07);
	CHECK_EQ(string_port(true), EMU_UNSUPPORTED);
	CHECK(e.why != NULL);
	CODE_BYTES(0x6e);                        /* an OUT where the exit said IN */
	CHECK_EQ(string_port(true), EMU_UNSUPPORTED);
	/* A user program whose other thread swaps a load for OUTS gets no port. */
	page.exit.kind = EXIT_MMIO;
	page.exit.cpl = 3;
	CHECK_EQ(access_at(DEV, false), EMU_EXCEPTION);
	CHECK_EQ(e.fault.vector, GP);
	CHECK_EQ(seen_count, 0);
	page.rflags |= IOPL3;
	page.gpr[GPR_RSI] = 0x9000;
	page.gpr[GPR_RDX] = PORT;
	CHECK_EQ(access_at(DEV, false), EMU_DONE);
	CHECK_EQ(seen_count, 1);
}

TEST(non_canonical_addresses)
{
	set_up(CS_64);
	CODE_BYTES(0xa4);
	page.gpr[GPR_RSI] = 1ull << 47;
	page.gpr[GPR_RDI] = 0x9000;
	CHECK_EQ(access_at(DEV, false), EMU_EXCEPTION);
	CHECK_EQ(e.fault.vector, GP);
	CHECK(e.fault.has_error);
	CODE_BYTES(0xff, 0x37);                  /* push (%rdi) */
	page.gpr[GPR_RSP] = 1ull << 63;
	CHECK_EQ(access_at(DEV + 8, false), EMU_EXCEPTION);
	CHECK_EQ(e.fault.vector, SS);
	CHECK_EQ(page.gpr[GPR_RSP], 1ull << 63);
}

TEST(push_and_pop)
{
	set_up(CS_64);
	CODE_BYTES(0xff, 0x37);                  /* push (%rdi) */
	page.gpr[GPR_RSP] = 0x9008;
	CHECK_EQ(access_at(DEV + 8, false), EMU_DONE);
	CHECK_EQ(page.gpr[GPR_RSP], 0x9000);
	CHECK_MEM(ram + 0x9000, dev_bytes + 8, 8);
	CODE_BYTES(0x8f, 0x07);                  /* pop (%rdi) */
	CHECK_EQ(access_at(DEV + 0x18, true), EMU_DONE);
	CHECK_EQ(page.gpr[GPR_RSP], 0x9008);
	CHECK_MEM(dev_bytes + 0x18, ram + 0x9000, 8);
	/* The stack itself in a device: the operand is elsewhere, so the exit's address is not its. */
	CODE_BYTES(0xff, 0x37);
	put8(0x9100, 0x0102030405060708);
	page.gpr[GPR_RDI] = 0x9100;
	page.gpr[GPR_RSP] = LINEAR_DEV + 0x48;
	CHECK_EQ(access_at(DEV + 0x40, true), EMU_DONE);
	CHECK_MEM(dev_bytes + 0x40, ram + 0x9100, 8);
}

TEST(fs_base_in_64_bit_code)
{
	set_up(CS_64);
	CODE_BYTES(0x64, 0xa5);                  /* movsl %fs:(%rsi), (%rdi) */
	state.fs.base = LINEAR_DEV;
	state.ds.base = state.es.base = 0xdead0000;      /* counts for nothing here */
	page.gpr[GPR_RSI] = 0x20;
	page.gpr[GPR_RDI] = 0x9000;
	CHECK_EQ(access_at(DEV + 0x20, false), EMU_DONE);
	CHECK_MEM(ram + 0x9000, dev_bytes + 0x20, 4);
	CHECK_EQ(state_reads, 1);
}

TEST(real_mode)
{
	set_up(CS_16);
	page.exit.cr0 = 0;
	page.rip = 0xfffe;
	state.ds.base = 0x8000;
	state.es.base = DEV;                     /* "unreal": no 16-bit program gets there otherwise */
	CODE_BYTES(0xf3, 0xa4);                  /* rep movsb */
	memcpy(ram + 0x8010, "hello", 5);
	page.gpr[GPR_RSI] = 0xffff0010;          /* upper halves do not count and stay */
	page.gpr[GPR_RDI] = 0x77770040;
	page.gpr[GPR_RCX] = 0x99990005;
	CHECK_EQ(access_at(DEV + 0x40, true), EMU_DONE);
	CHECK_MEM(dev_bytes + 0x40, "hello", 5);
	CHECK_EQ(page.gpr[GPR_RSI], 0xffff0015);
	CHECK_EQ(page.gpr[GPR_RDI], 0x77770045);
	CHECK_EQ(page.gpr[GPR_RCX], 0x99990000);
	CHECK_EQ(page.rip, 0x10000);             /* where the fetch meets the limit */
	/* Behind the limit. */
	CODE_BYTES(0xad);                        /* lodsw */
	page.gpr[GPR_RSI] = 0xffff;
	CHECK_EQ(access_at(DEV, false), EMU_EXCEPTION);
	CHECK_EQ(e.fault.vector, GP);
	/* A segment base in the middle of a page: the exit's address is compared with the linear one, not the offset. */
	state.ds.base = DEV + 0x0f8;
	CODE_BYTES(0xc6, 0x06, 0x08, 0x0f, 0x5a);        /* movb $0x5a, 0xf08 */
	CHECK_EQ(access_at(DEV + 0x1000, true), EMU_DONE);
	CHECK_EQ(dev_bytes[0x1000], 0x5a);
}

TEST(segments_of_32_bit_code)
{
	static const struct {
		const char *what;
		struct vcpu_segment ds;
		uint32_t offset;
		int vector;              /* 0: goes through */
	} row[] = {
		{ "flat", { .limit = 0xffffffff, .attr = DATA_32 }, DEV + 4, 0 },
		{ "base", { .base = DEV, .limit = 0xff, .attr = DATA_32 }, 4, 0 },
		{ "base that wraps", { .base = 0xf0000000, .limit = 0xffffffff, .attr = DATA_32 }, 0xe0000004, 0 },
		{ "last bytes", { .base = DEV, .limit = 7, .attr = DATA_32 }, 4, 0 },
		{ "behind the limit", { .base = DEV, .limit = 6, .attr = DATA_32 }, 4, GP },
		{ "expand-down, below", { .base = DEV, .limit = 0xff, .attr = DATA_32 | 4 }, 4, GP },
		{ "expand-down, inside", { .base = DEV, .limit = 0xff, .attr = DATA_32 | 4 }, 0x104, 0 },
		{ "expand-down, 16-bit top", { .base = DEV - 0x10000, .limit = 0xff, .attr = DATA_16 | 4 }, 0x10004, GP },
		{ "read-only", { .limit = 0xffffffff, .attr = 0x4091 }, DEV + 4, GP },
		{ "code", { .limit = 0xffffffff, .attr = CS_32 }, DEV + 4, GP },
		{ "null", { .limit = 0, .attr = 0 }, DEV + 4, GP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		set_up(CS_32);
		state.ds = row[i].ds;
		printf("# %s\n", row[i].what);
		CODE_BYTES(0x87, 0x07);          /* xchg %eax, (%edi), seen as a read: everything is checked again */
		page.gpr[GPR_RDI] = row[i].offset;
		CHECK_EQ(access_at(DEV + 5, false), row[i].vector ? EMU_EXCEPTION : EMU_DONE);
		CHECK(!row[i].vector || e.fault.vector == row[i].vector);
	}
}

TEST(flags_of_the_instruction_itself)
{
	set_up(CS_64);
	CODE_BYTES(0x89, 0x07);
	page.rflags |= RF;
	CHECK_EQ(access_at(DEV + 4, true), EMU_DONE);
	CHECK_EQ(page.rflags, 2);
	CHECK_EQ(page.dirty, DIRTY_RIP | DIRTY_RFLAGS);
	page.rip = CODE;
	page.rflags |= TF;
	CHECK_EQ(access_at(DEV + 4, true), EMU_EXCEPTION);
	CHECK_EQ(e.fault.vector, 1);
	CHECK_EQ(e.fault.dr6, 1 << 14);
	CHECK_EQ(page.rip, CODE + 2);
	/* Single step stops a REP between its elements. */
	page.rip = CODE;
	CODE_BYTES(0xf3, 0xaa);
	page.gpr[GPR_RDI] = LINEAR_DEV;
	page.gpr[GPR_RCX] = 2;
	CHECK_EQ(access_at(DEV, true), EMU_EXCEPTION);
	CHECK_EQ(page.rip, CODE);
	CHECK_EQ(page.gpr[GPR_RCX], 1);
	CHECK_EQ(access_at(DEV + 1, true), EMU_EXCEPTION);
	CHECK_EQ(page.rip, CODE + 2);
}

TEST(scas_ends_on_the_flag)
{
	set_up(CS_64);
	CODE_BYTES(0xf2, 0xae);                  /* repne scasb */
	page.gpr[GPR_RDI] = LINEAR_DEV;
	page.gpr[GPR_RCX] = 40;
	page.gpr[GPR_RAX] = dev_bytes[9];
	CHECK_EQ(access_at(DEV, false), EMU_DONE);
	CHECK_EQ(page.gpr[GPR_RCX], 30);
	CHECK(page.rflags & ZF);
}

TEST(what_cannot_be_done_names_its_reason)
{
	static const struct {
		const char *what;
		uint8_t bytes[8];
		uint8_t walk, fetch, cpl;
		int want, vector;
		const char *why;
	} row[] = {
		{ "page walk", { 0x89, 0x07 }, 1, 0, 0, EMU_UNSUPPORTED, 0, "page table" },
		{ "fetch", { 0x89, 0x07 }, 0, 1, 0, EMU_UNSUPPORTED, 0, "fetch" },
		{ "fetch by a user", { 0x89, 0x07 }, 0, 1, 3, EMU_EXCEPTION, UD, "fetch" },
		{ "vector move", { 0x0f, 0x6f, 0x07 }, 0, 0, 0, EMU_UNSUPPORTED, 0, "vector" },
		{ "vector move by a user", { 0x0f, 0x6f, 0x07 }, 0, 0, 3, EMU_EXCEPTION, UD, "vector" },
		{ "unknown", { 0xf4 }, 0, 0, 0, EMU_UNSUPPORTED, 0, "table" },
		{ "register form", { 0x89, 0xc0 }, 0, 0, 0, EMU_UNSUPPORTED, 0, "memory operand" },
		{ "LOCK where it may not stand", { 0xf0, 0x89, 0x07 }, 0, 0, 0, EMU_EXCEPTION, UD, NULL },
		{ "too long", { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66 }, 0, 0, 0, EMU_EXCEPTION, GP, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		char line[200];

		set_up(CS_64);
		printf("# %s\n", row[i].what);
		memset(page.exit.inst, row[i].vector == GP ? 0x66 : 0x90, sizeof(page.exit.inst));
		memcpy(page.exit.inst, row[i].bytes, sizeof(row[i].bytes));
		page.exit.inst_bytes = 15;
		page.exit.mmio.walk = row[i].walk;
		page.exit.mmio.fetch = row[i].fetch;
		page.exit.cpl = row[i].cpl;
		CHECK_EQ(access_at(DEV + 4, true), row[i].want);
		CHECK(!row[i].vector || e.fault.vector == row[i].vector);
		emulate_describe(&e, line, sizeof(line));
		CHECK(!row[i].why || strstr(line, row[i].why));
		CHECK_EQ(e.why != NULL, row[i].why != NULL);
		CHECK_EQ(seen_count, 0);
		CHECK_EQ(page.dirty, 0);
	}
}

TEST(description_holds_what_is_needed_to_find_it)
{
	char line[200], small[8];

	set_up(CS_64);
	CODE_BYTES(0x0f, 0x6f, 0x07);
	CHECK_EQ(access_at(DEV + 4, true), EMU_UNSUPPORTED);
	emulate_describe(&e, line, sizeof(line));
	CHECK(strstr(line, "rip 0x8000 address 0xd0000004 bytes 0f 6f 07 90") != NULL);
	emulate_describe(&e, small, sizeof(small));
	CHECK_EQ(strlen(small), 7);
}

/* The kernel asks for what it will carry out: nothing happens here then. */
TEST(a_plain_mov_is_told_to_the_kernel)
{
	set_up(CS_64);
	CODE_BYTES(0x89, 0x47, 0x10);
	page.exit.mmio.asks = MMIO_ANSWER;
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	CHECK_EQ(page.dirty, DIRTY_INSN);
	CHECK_EQ(page.rip, CODE);
	CHECK_EQ(seen_count, 0);
	CHECK(page.insn.length == 3 && page.insn.size == 4 && page.insn.write && page.insn.reg == GPR_RAX);
	page.exit.mmio.asks = MMIO_ASKS_NOTHING;
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	CHECK_EQ(seen_count, 1);
	page.rip = CODE;                     /* known here, but not there */
	page.dirty = 0;
	page.exit.mmio.asks = MMIO_MUST_ANSWER;
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	CHECK_EQ(page.dirty, DIRTY_INSN);
}

TEST(other_instructions_are_emulated_unless_only_the_kernel_can)
{
	set_up(CS_64);
	CODE_BYTES(0x09, 0x47, 0x10);        /* or [rdi+0x10], eax */
	page.exit.mmio.asks = MMIO_ANSWER;
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_DONE);
	CHECK_EQ(seen_count, 2);
	CHECK(page.dirty & DIRTY_RIP && !(page.dirty & DIRTY_INSN));
	page.exit.mmio.asks = MMIO_MUST_ANSWER;
	page.rip = CODE;
	CHECK_EQ(access_at(DEV + 0x10, true), EMU_UNSUPPORTED);
}
