/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vCPU's thread does with each exit; devices and emulator are fakes, the bus is real.
 * sources: vmm/bus.c vmm/counters.c lib/fmt.c lib/user/reset.c vmm/insn_exits.c vmm/decode.c vmm/decode_table.c
 */
#include "vmm/run.c"    /* for its static functions: the loop itself never ends */

#include <stdarg.h>

#include "tests/unit/check.h"

struct vm vm;

static struct vcpu_page page;
static const struct vmm_launch launch = { .tsc_khz = 2000000 };
static struct vm_vcpu *cpu = &vm.vcpu[0];
static struct io_access seen;
static uint64_t answer;
static enum emu_result emulated_as;
static unsigned ended, acked, eoi;
static char said[1024];

static unsigned waits, ways_given;

void vm_lock_wait(void) { waits++; }
void vm_lock_give_way(void) { ways_given++; }
bool balloon_memory_touch(uint64_t gpa) { (void)gpa; return false; }

void vm_finish(enum vmm_state state, const char *reason)
{
	(void)state;
	(void)reason;
	__builtin_trap();
}

void vm_unlock_work(void) {}
unsigned pic_ack(struct pic *pic) { (void)pic; acked++; return 0x30; }
void ioapic_eoi(struct ioapic *io, uint8_t vector) { (void)io; eoi = vector; }
int task_switch(const struct gmem *mem, const struct exit_task *t, struct vcpu_state *s) { (void)mem; (void)t; (void)s; return OK; }
enum emu_result emulate_mmio(struct emulator *e) { (void)e; return emulated_as; }
enum emu_result emulate_string_pio(struct emulator *e) { (void)e; return emulated_as; }

void emulate_describe(const struct emulator *e, char *line, size_t size)
{
	(void)e;
	fmt_print(line, size, "because");
}

void vm_end_because(enum vm_end end, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fmt_vprint(vm.reason, sizeof(vm.reason), fmt, args);
	va_end(args);
	vm.end = end;
	ended++;
}

void vm_log(const char *fmt, ...)
{
	size_t len = strlen(said);
	va_list args;

	va_start(args, fmt);
	len += fmt_vprint(said + len, sizeof(said) - len, fmt, args);
	va_end(args);
	CHECK(len < sizeof(said) - 1);
	strcat(said, "\n");
}

static void device(void *dev, struct io_access *io)
{
	(void)dev;
	seen = *io;
	io->value = answer;
}

static void setup(void)
{
	memset(&vm, 0, sizeof(vm));
	memset(&page, 0, sizeof(page));
	cpu->page = &page;
	vm.launch = &launch;
	ended = acked = eoi = 0;
	said[0] = '\0';
	CHECK_EQ(bus_add(&vm.pio, 0x100, 8, device, NULL, "device"), OK);
}

static void pio(uint16_t port, uint8_t size, bool in, uint32_t value)
{
	page.exit.pio.port = port;
	page.exit.pio.size = size;
	page.exit.pio.in = in;
	page.exit.pio.value = value;
	on_exit(cpu, EXIT_PIO);
}

TEST(out_reaches_the_device)
{
	setup();
	page.gpr[GPR_RAX] = 0x1122334455667788;
	pio(0x104, 2, false, 0xabcd);
	CHECK_EQ(seen.addr, 4);
	CHECK_EQ(seen.size, 2);
	CHECK(seen.write);
	CHECK_EQ(seen.value, 0xabcd);
	CHECK_EQ(page.gpr[GPR_RAX], 0x1122334455667788);
}

TEST(in_writes_rax_by_size)
{
	static const struct { uint8_t size; uint64_t rax; } row[] = {
		{ 1, 0x11223344556677a4 }, { 2, 0x112233445566a3a4 }, { 4, 0x00000000a1a2a3a4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		setup();
		answer = 0xffffffffa1a2a3a4;
		page.gpr[GPR_RAX] = 0x1122334455667788;
		pio(0x100, row[i].size, true, 0);
		CHECK_EQ(page.gpr[GPR_RAX], row[i].rax);
	}
}

TEST(in_from_nowhere_reads_ones)
{
	setup();
	pio(0x300, 4, true, 0);
	CHECK_EQ(page.gpr[GPR_RAX], 0xffffffff);
}

TEST(interrupt_controllers_are_asked)
{
	setup();
	on_exit(cpu, EXIT_EXTINT);
	CHECK_EQ(acked, 1);
	CHECK_EQ(page.extint_vector, 0x30);
	page.exit.eoi.vector = 0x51;
	on_exit(cpu, EXIT_EOI);
	CHECK_EQ(eoi, 0x51);
	on_exit(cpu, EXIT_KICKED);
	CHECK_EQ(ended, 0);
}

TEST(a_kick_asks_for_the_counters)
{
	setup();
	cpu->id = 1;
	page.guest_ticks = 2469135780;
	page.exits[EXIT_PIO] = 7;
	page.exits[EXIT_CPUID] = 12;
	on_exit(cpu, EXIT_KICKED);
	CHECK_STR(said, "vcpu 1: in the guest 1234 ms, exits: pio 7 cpuid 12\n");
}

/* All kinds have a name, and no line is longer than the console takes in one piece. */
TEST(counters_of_all_kinds_at_their_largest)
{
	unsigned kinds = 0, width = 0;

	setup();
	for (unsigned i = 0; i < EXIT_KIND_COUNT; i++) {
		page.exits[i] = UINT64_MAX;
	}
	page.guest_ticks = UINT64_MAX;
	vcpu_log_counters(cpu);
	for (const char *at = said; (at = strstr(at, " 18446744073709551615")) != NULL; at++) {
		kinds++;
	}
	CHECK_EQ(kinds, EXIT_KIND_COUNT);
	CHECK(!strstr(said, "null"));
	for (const char *at = said; *at; at++) {
		width = *at == '\n' ? 0 : width + 1;
		CHECK(width < 160);
	}
}

TEST(what_exits_is_told_to_the_kernel)
{
	setup();
	page.exit.inst_bytes = 16;
	memcpy(page.exit.inst, (const uint8_t[]){ 0x66, 0x0f, 0xa2 }, 3);
	on_exit(cpu, EXIT_DECODE);
	CHECK(page.dirty == DIRTY_INSN && page.insn.kind == INSN_CPUID && page.insn.length == 3);
	page.dirty = 0;
	page.exit.inst[2] = 0xa3;            /* it was, a moment ago */
	on_exit(cpu, EXIT_DECODE);
	CHECK(!page.dirty && !ended);
}

TEST(init_resets_the_machine_or_a_processor)
{
	setup();
	on_exit(cpu, EXIT_INIT);
	CHECK_EQ(vm.end, VM_END_RESET);
	CHECK_STR(vm.reason, "vcpu 0: reset by INIT");
	CHECK_EQ(ended, 1);
}

/* SDM 3A table 10-1, and 9.4.4 for the start-up IPI. */
TEST(states_of_init_and_startup)
{
	struct vcpu_state s;

	memset(&s, 0xff, sizeof(s));
	s.cr0 = 0x80000011;
	s.apic_base = 0xfee00800;
	vcpu_state_init(&s);
	CHECK_EQ(s.cr0, 0x10);
	CHECK_EQ(s.rip + s.cs.base, 0xfffffff0);
	CHECK_EQ(s.gpr[GPR_RAX] | s.cr2 | s.cr3 | s.cr4 | s.efer | s.dr[3], 0);
	CHECK_EQ(s.apic_base, 0xfee00800);
	CHECK_EQ(s.xcr0, ~0ull);
	CHECK_EQ(s.apic[0xf], 0xff);
	CHECK(s.apic[0x20] == 0 && s.halted == VCPU_WAITS_FOR_SIPI && !s.nmi_pending && !s.interrupt_pending);
	vcpu_state_startup(&s, 0x9a);
	CHECK(s.cs.selector == 0x9a00 && s.cs.base == 0x9a000 && s.rip == 0 && s.halted == VCPU_RUNS);
	s.cr0 = 0;                   /* of a vCPU that never ran */
	vcpu_state_init(&s);
	CHECK_EQ(s.cr0, 0x60000010);
}

TEST(ends_carry_their_reason)
{
	setup();
	page.rip = 0x1234;
	on_exit(cpu, EXIT_SHUTDOWN);
	CHECK_EQ(vm.end, VM_END_RESET);
	CHECK_STR(vm.reason, "vcpu 0: triple fault at 0x1234");
	page.exit.fail.code = 0x77;
	on_exit(cpu, EXIT_FAIL);
	CHECK_EQ(vm.end, VM_END_FAILED);
	CHECK(strstr(vm.reason, "0x77"));
	on_exit(cpu, E_FAULT);
	CHECK_EQ(vm.end, VM_END_FAILED);
	CHECK_EQ(ended, 3);
}

TEST(emulator_results)
{
	setup();
	emulated_as = EMU_DONE;
	on_exit(cpu, EXIT_MMIO);
	emulated_as = EMU_AGAIN;
	page.exit.pio.string = 1;
	on_exit(cpu, EXIT_PIO);
	CHECK_EQ(ended, 0);
	emulated_as = EMU_UNSUPPORTED;
	on_exit(cpu, EXIT_MMIO);
	CHECK_EQ(vm.end, VM_END_FAILED);
	CHECK_STR(vm.reason, "vcpu 0: because");
}

TEST(who_waits_for_the_device_lock_goes_first)
{
	setup();
	vm_lock();
	CHECK_EQ(waits + ways_given, 0);
	vm_lock();
	CHECK_EQ(waits, 1);
	vm_unlock();
	vm.waiting = 1;
	vm_lock();
	CHECK_EQ(ways_given, 1);
	CHECK_EQ(waits, 1);
	vm_unlock();
	vm.waiting = 0;
}
