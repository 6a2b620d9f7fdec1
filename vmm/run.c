/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a vCPU: run the guest until the kernel wants something of us, do it, run again. */
#include "lib/fmt.h"
#include "lib/user/reset.h"
#include "lib/user/sys.h"
#include "vmm/balloon_memory.h"
#include "vmm/insn_exits.h"
#include "vmm/task.h"
#include "vmm/vm.h"

/* Results of IN as the processor writes them: 8 and 16 bits are merged, 32 bits clear the upper half. */
static void set_rax(struct vcpu_page *page, unsigned size, uint64_t value)
{
	uint64_t *rax = &page->gpr[GPR_RAX];

	if (size == 1) {
		*rax = (*rax & ~0xffull) | (value & 0xff);
	} else if (size == 2) {
		*rax = (*rax & ~0xffffull) | (value & 0xffff);
	} else {
		*rax = (uint32_t)value;
	}
}

/* The whole state: for what is rare. NULL: not to be had. */
static struct vcpu_state *take_state(struct vm_vcpu *v)
{
	v->emulator.state_valid = false;
	return sys_vcpu_get(v->handle, &v->emulator.state, sizeof(v->emulator.state)) < 0 ? NULL : &v->emulator.state;
}

/* s, changed, goes back; NULL is an error as well. */
static void give_state(struct vm_vcpu *v, const struct vcpu_state *s, const char *what)
{
	if (!s || sys_vcpu_set(v->handle, s, sizeof(*s)) < 0) {
		vm_end_because(VM_END_FAILED, "vcpu %u: no state for %s", v->id, what);
	}
}

/* What firmware leaves in MTRRdefType of every processor: MTRRs on, no ranges, write-back (SDM 3A 12.11.2.1, 12.11.8). INIT leaves it alone. */
enum { MTRR_ON_WRITE_BACK = 0x806 };

void vcpu_power_on(struct vm_vcpu *v)
{
	struct vcpu_state *s = take_state(v);

	if (s) {
		vcpu_state_init(s);
		s->mtrr_def = MTRR_ON_WRITE_BACK;
		s->halted = v->id ? VCPU_WAITS_FOR_SIPI : VCPU_RUNS;
	}
	give_state(v, s, "power-on");
}

/* For the boot processor it is a reset of the machine. */
static void on_init(struct vm_vcpu *v)
{
	struct vcpu_state *s = v->id ? take_state(v) : NULL;

	if (v->id == 0) {
		vm_end_because(VM_END_RESET, "vcpu %u: reset by INIT", v->id);
		return;
	}
	if (s) {
		vcpu_state_init(s);
	}
	give_state(v, s, "INIT");
}

static void on_sipi(struct vm_vcpu *v)
{
	struct vcpu_state *s = take_state(v);

	if (s) {
		vcpu_state_startup(s, (uint8_t)v->page->exit.sipi.vector);
	}
	give_state(v, s, "a start-up IPI");
}

/* What an emulated instruction raised. */
static void inject(struct vm_vcpu *v, const struct emu_fault *fault)
{
	struct vcpu_state *s = take_state(v);

	if (!s) {
		give_state(v, s, "an exception");
		return;
	}
	s->exception_pending = 1;
	s->exception_vector = fault->vector;
	s->exception_has_error = fault->has_error;
	s->exception_error = fault->error;
	if (fault->vector == 14) {
		s->cr2 = fault->cr2;
	}
	if (fault->vector == 1) {
		s->dr6 |= fault->dr6;
	}
	give_state(v, s, "an exception");
}

static int get_state(void *arg, struct vcpu_state *out)
{
	struct vm_vcpu *v = arg;

	return sys_vcpu_get(v->handle, out, sizeof(*out));
}

const struct emu_host vcpu_emu_host = { .get_state = get_state };

static void emulated(struct vm_vcpu *v, enum emu_result result)
{
	char line[128];

	switch (result) {
	case EMU_DONE:
	case EMU_AGAIN:
		return;
	case EMU_EXCEPTION:
		inject(v, &v->emulator.fault);
		return;
	case EMU_UNSUPPORTED:
		break;
	}
	emulate_describe(&v->emulator, line, sizeof(line));
	vm_end_because(VM_END_FAILED, "vcpu %u: %s", v->id, line);
}

/* No answer: what left the guest is no longer there, and the processor looks again. */
static void on_decode(struct vcpu_page *page)
{
	const struct vcpu_exit *e = &page->exit;

	if (insn_exits(&page->insn, e->inst, e->inst_bytes, decode_mode(e->cs_attr, e->efer))) {
		page->dirty |= DIRTY_INSN;
	}
}

static void on_pio(struct vm_vcpu *v)
{
	const struct vcpu_exit *e = &v->page->exit;
	struct io_access io = {
		.addr = e->pio.port, .value = e->pio.value, .size = e->pio.size, .write = !e->pio.in,
	};

	if (e->pio.string) {
		emulated(v, emulate_string_pio(&v->emulator));
		return;
	}
	bus_access(&vm.pio, &io);
	if (!io.write) {
		set_rax(v->page, io.size, io.value);
	}
}

static void on_mmio(struct vm_vcpu *v)
{
	enum emu_result r;

	if (balloon_memory_touch(v->page->exit.mmio.gpa)) {
		return;
	}
	r = emulate_mmio(&v->emulator);
	if (r != EMU_DONE) {
		emulated(v, r);
	}
}

/* rip as the exit left it: for messages only. */
static unsigned long long rip_of(const struct vm_vcpu *v)
{
	return v->page->rip;
}

/* Of a vCPU that the kernel gave up. */
static void log_registers(struct vm_vcpu *v)
{
	const struct vcpu_state *s = take_state(v);

	if (!s) {
		return;
	}
	vm_log("vcpu %u: rip %#llx rflags %#llx rsp %#llx cs %04x base %#llx attr %04x, ss %04x attr %04x", v->id,
	       (unsigned long long)s->rip, (unsigned long long)s->rflags, (unsigned long long)s->gpr[GPR_RSP],
	       (unsigned)s->cs.selector, (unsigned long long)s->cs.base, (unsigned)s->cs.attr, (unsigned)s->ss.selector,
	       (unsigned)s->ss.attr);
	vm_log("vcpu %u: cr0 %#llx cr2 %#llx cr3 %#llx cr4 %#llx efer %#llx", v->id, (unsigned long long)s->cr0,
	       (unsigned long long)s->cr2, (unsigned long long)s->cr3, (unsigned long long)s->cr4,
	       (unsigned long long)s->efer);
}

static void on_fail(struct vm_vcpu *v)
{
	const struct vcpu_exit *e = &v->page->exit;

	log_registers(v);
	vm_end_because(VM_END_FAILED, "vcpu %u at %#llx: %.*s (code %#llx info %#llx %#llx)", v->id, rip_of(v), EXIT_WHY_MAX,
		       e->why, (unsigned long long)e->fail.code, (unsigned long long)e->fail.info1,
		       (unsigned long long)e->fail.info2);
}

static void on_task(struct vm_vcpu *v)
{
	struct vcpu_state *s = take_state(v);
	const struct exit_task t = v->page->exit.task;
	int r = s ? task_switch(&vm.mem, &t, s) : OK;

	if (r == E_FAULT) {
		vm_end_because(VM_END_RESET, "vcpu %u: triple fault at %#llx", v->id, rip_of(v));
	} else if (r < 0) {
		vm_end_because(VM_END_FAILED, "vcpu %u at %#llx: switch to task %#x: error %d", v->id, rip_of(v),
			       (unsigned)t.selector, r);
	} else {
		give_state(v, s, "a task switch");
	}
}

static void on_exit(struct vm_vcpu *v, int kind)
{
	switch (kind) {
	case EXIT_PIO:
		on_pio(v);
		break;
	case EXIT_MMIO:
		on_mmio(v);
		break;
	case EXIT_EOI:
		ioapic_eoi(&vm.ioapic, (uint8_t)v->page->exit.eoi.vector);
		break;
	case EXIT_EXTINT:
		v->page->extint_vector = pic_ack(&vm.pic);
		break;
	case EXIT_KICKED:                /* io.c kicks for this only */
		vcpu_log_counters(v);
		break;
	case EXIT_SHUTDOWN:
		vm_end_because(VM_END_RESET, "vcpu %u: triple fault at %#llx", v->id, rip_of(v));
		break;
	case EXIT_DECODE:
		on_decode(v->page);
		break;
	case EXIT_INIT:
		on_init(v);
		break;
	case EXIT_SIPI:
		on_sipi(v);
		break;
	case EXIT_TASK:
		on_task(v);
		break;
	case EXIT_FAIL:
		on_fail(v);
		break;
	default:
		vm_end_because(VM_END_FAILED, "vcpu %u at %#llx: the kernel returned %d", v->id, rip_of(v), kind);
		break;
	}
}

void vm_bind(uint32_t cpus)
{
	if (cpus && sys_process_cpus(SELF, cpus, 0) < 0) {
		vm_finish(VMM_FAILED, "its processors are not there");
	}
}

void vcpu_thread(void *argument)
{
	struct vm_vcpu *v = argument;
	const struct conf_vm *conf = &vm.launch->conf;

	vm_bind(conf->vcpu_cpus[v->id] ? conf->vcpu_cpus[v->id] : conf->cpus);
	for (;;) {
		int kind = sys_vcpu_run(v->handle);

		vm_lock();
		on_exit(v, kind);
		vm_unlock();
	}
}
