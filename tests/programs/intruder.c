/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vmm that is an enemy, for tests/system/intruder_test.py. It is linked over the real one: a VM whose name begins with
 * "intruder" gets this program, others the vmm. First the attacks that once worked, each with the answer that the kernel
 * owes; then, for some seconds, random system calls with random arguments by two threads, while two more run virtual
 * CPUs with random state and random code, and everybody writes into the pages shared with the kernel. It ends by
 * reporting "intruder done", or what it could do.
 */
#include <stdio.h>
#include <string.h>

#include "lib/user/reset.h"
#include "lib/user/sys.h"
#include "lib/user/user.h"
#include "vmm/launch.h"

enum { STACK = 16384, VCPUS = 2, GUEST_CODE = 0x1000, FUZZ_SECONDS = 8 };

#define PAGES_ADDR 0x20000000ull
#define FREE_ADDR  0x30000000ull

int __real_user_main(uint64_t argument);
int __wrap_user_main(uint64_t argument);

static const struct vmm_launch *launch = (const void *)VMM_LAUNCH_ADDR;
static struct vmm_control *control = (void *)VMM_CONTROL_ADDR;
static uint8_t stack[VCPUS + 2][STACK] __attribute__((aligned(16)));
static uint8_t buffer[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct vcpu_state state[VCPUS];
static uint32_t space, vcpu[VCPUS], event;
static volatile uint64_t calls, runs;

static uint64_t random_word(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static _Noreturn void finish(const char *text)
{
	snprintf(control->reason, sizeof(control->reason), "%s (%llu calls, %llu runs)", text, (unsigned long long)calls,
		 (unsigned long long)runs);
	__atomic_store_n(&control->state, VMM_FAILED, __ATOMIC_RELEASE);
	sys_event_signal(VMM_STATUS);
	sys_exit(0);
}

static void must_be(const char *what, int64_t got, int64_t want)
{
	char text[120];

	if (got != want) {
		snprintf(text, sizeof(text), "%s: got %lld, not %lld", what, (long long)got, (long long)want);
		finish(text);
	}
}

static void must(const char *what, int64_t got)
{
	must_be(what, got < 0 ? got : 0, 0);
}

/* ---- attacks with a known answer ---- */

/* Who may only signal an event must not lead its signals elsewhere, stop its timer or wait for it. */
static void steal_events(void)
{
	must_be("route the console's event", sys_event_route(VMM_CONSOLE_OUT, space, 0xfee00000, 0x40), E_PERM);
	must_be("route init's event", sys_event_route(VMM_STATUS, space, 0xfee00000, 0x40), E_PERM);
	must_be("timer on init's event", sys_event_timer(VMM_STATUS, 1), E_PERM);
	must_be("timer on the console's event", sys_event_timer(VMM_CONSOLE_OUT, 0), E_PERM);
	must_be("bind the console's event", sys_event_bind(VMM_CONSOLE_OUT, 1), E_PERM);
}

static void reach_beyond(void)
{
	static const uint64_t bad[] = {
		0, 8, USER_END - 8, USER_END, 1ull << 47, 0xffff800000000000, 0xffffffff80000000, 0xffffffff80100000, ~0ull - 7, ~0ull,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		const void *p = (const void *)bad[i];

		must_be("state to a bad address", sys_vcpu_get(vcpu[0], (void *)bad[i], sizeof(state[0])), E_FAULT);
		must_be("state from a bad address", sys_vcpu_set(vcpu[0], p, sizeof(state[0])), E_FAULT);
		if (bad[i] >= USER_END) {
			must_be("thread at a bad address", sys_thread_create(SELF, bad[i], 0, 0), E_INVAL);
			must_be("slot at a bad address", sys_vm_slot(space, 0x40000000, PAGE_SIZE, p), E_INVAL);
		}
	}
	must_be("program text overwritten", sys_vcpu_get(vcpu[0], (void *)0x400000, sizeof(state[0])), E_FAULT);
	must_be("own rights raised", sys_grant(VMM_SELF, VMM_SELF, RIGHT_ALL, 60), E_PERM);
	must_be("process in guest RAM", sys_call3(SYS_PROCESS_CREATE, VMM_RAM, 0, 0).value, E_PERM);
	must_be("guest RAM executable", sys_map(VMM_SPACE, FREE_ADDR, VMM_RAM, 0, PAGE_SIZE, PROT_R | PROT_X), E_PERM);
	must_be("set-up of the machine", sys_machine_setup(space, NULL), E_INVAL);
	must_be("ports of its own", sys_ports(space, VMM_SELF, 0x60), E_INVAL);
	must_be("an interrupt of its own", sys_vector_bind(space, VMM_STATUS, DEVICE_VECTOR_FIRST), E_INVAL);
	must_be("halt", sys_call3(SYS_HALT, space, 0, 0).value, E_INVAL);
	must_be("configuration space read", sys_pci_read(space, PCI_PORTS, 0), E_INVAL);
	must_be("configuration space written", sys_pci_write(space, PCI_PORTS, 4, 0), E_INVAL);
	must_be("a device of its own", sys_device_create(space, VMM_SELF, NULL), E_INVAL);
	must_be("bus mastering", sys_device_master(space, true), E_INVAL);
	must_be("messages of a device", sys_device_bind(space, VMM_STATUS, 0, 1), E_INVAL);
	must_be("guest RAM uncached", sys_map(VMM_SPACE, FREE_ADDR, VMM_RAM, 0, PAGE_SIZE, PROT_R | PROT_DEVICE), E_INVAL);
}

/* A state in which an NMI waits behind a shadow once was looked at for ever, with interrupts off. */
static void wait_behind_shadow(void)
{
	must("state", sys_vcpu_get(vcpu[0], &state[0], sizeof(state[0])));
	state[0].nmi_pending = 1;
	state[0].shadow = 1;
	state[0].cs.base = 0;
	state[0].rip = GUEST_CODE;
	must("state with NMI", sys_vcpu_set(vcpu[0], &state[0], sizeof(state[0])));
	sys_vcpu_kick(vcpu[0]);
	must_be("run with NMI", sys_vcpu_run(vcpu[0]), EXIT_KICKED);
	must("run with NMI", sys_vcpu_run(vcpu[0]));
}

/* Vector registers live through preemption, whatever the system call before it did with others' registers. */
static void lose_registers(void)
{
	for (unsigned i = 0; i < 40; i++) {
		uint64_t in = 0x0123456789abcdefull + i, out, until = sys_clock(NULL) + 1000000, now;

		must("state", sys_vcpu_get(vcpu[0], &state[0], sizeof(state[0])));
		__asm__ volatile("movq %0, %%xmm15" : : "r"(in) : "xmm15");
		do {
			/* SYS_CLOCK neither blocks nor runs a vCPU: it leaves xmm15 alone. */
			uint64_t nr = SYS_CLOCK;

			__asm__ volatile("syscall" : "=a"(now), "+r"(until) : "0"(nr) : "rcx", "r11", "rdx", "memory");
		} while (now < until);
		__asm__ volatile("movq %%xmm15, %0" : "=r"(out));
		must_be("xmm15 after preemption", (int64_t)out, (int64_t)in);
	}
}

/* ---- random ---- */

static uint64_t random_pointer(uint64_t *seed)
{
	static const uint64_t base[] = {
		(uint64_t)PAGES_ADDR, (uint64_t)PAGES_ADDR + PAGE_SIZE, VMM_RAM_ADDR, VMM_RAM_ADDR + GUEST_CODE, 0x400000, FREE_ADDR,
		VMM_LAUNCH_ADDR, USER_END - PAGE_SIZE, USER_END, 1ull << 47, 0xffff800000000000, 0xffffffff80000000, 0, ~0ull << 12,
	};
	uint64_t r = random_word(seed), at = r % 3 ? sys_pointer(buffer) : base[r / 3 % ARRAY_SIZE(base)];

	return at + (r >> 32 & 1 ? r >> 40 & 0xfff : 0);
}

static uint64_t random_argument(uint64_t *seed)
{
	uint64_t r = random_word(seed), small = random_word(seed);

	switch (r % 8) {
	case 0:
	case 1:
		return small % 64;
	case 2:
		return random_pointer(seed);
	case 3:
		return small % 64 * PAGE_SIZE;
	case 4:
		return 1ull << small % 64;
	case 5:
		return r & 256 ? SELF : ~0ull;
	case 6:
		return sizeof(struct vcpu_state) + (r & 256 ? 0 : small % 5 - 2);
	default:
		return small >> (r >> 8 & 63);
	}
}

static uint64_t random_handle(uint64_t *seed)
{
	uint64_t r = random_word(seed);

	return r % 8 ? r >> 8 & 63 : r % 16 ? SELF : r;
}

/* For ever in the kernel: threads cannot be ended one by one. Nothing of the stack is used, so all may have the same. */
static _Noreturn void sleep_for_ever(void)
{
	for (;;) {
		sys_event_wait(~0ull, NULL);
	}
}

/* Calls that would end or stop this process itself are bent a little; all others are taken as they come. */
static void random_call(uint64_t *seed, bool may_run)
{
	uint64_t a[6], nr = 1 + random_word(seed) % (SYS_COUNT + 2);

	for (unsigned i = 0; i < 6; i++) {
		a[i] = random_argument(seed);
	}
	a[0] = random_handle(seed);
	switch (nr) {
	case SYS_EVENT_WAIT:
		a[0] = sys_clock(NULL) + a[1] % 100000;
		break;
	case SYS_THREAD_CREATE:
		a[1] = a[1] % 8 ? USER_END + (a[2] >> 8) : (uint64_t)sleep_for_ever;
		a[2] = sys_pointer(buffer + sizeof(buffer) - 8);
		break;
	case SYS_VCPU_RUN:
		nr = may_run ? nr : SYS_VCPU_KICK;
		break;
	case SYS_CLOSE:
		a[0] = a[0] < VMM_FREE + 4 ? SYS_COUNT : a[0];   /* what everything else stands on stays */
		break;
	case SYS_MAP:
	case SYS_UNMAP:
		a[1] = a[0] == VMM_SPACE ? FREE_ADDR + (a[1] & 0xffff000) : a[1];
		break;
	default:
		break;
	}
	sys_call6((enum sys)nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	calls++;
}

static void scribble(uint64_t *seed)
{
	uint64_t r = random_word(seed);
	uint64_t *page = (uint64_t *)(PAGES_ADDR + (r & 1) * PAGE_SIZE);

	page[r >> 8 & (r & 2 ? 31 : 511)] = random_word(seed);
}

static void fuzz(void *argument)
{
	uint64_t seed = (uint64_t)argument, end = sys_clock(NULL) + FUZZ_SECONDS * 1000000000ull;
	bool first = seed & 1;

	while (!first || sys_clock(NULL) < end) {
		random_call(&seed, !first);
		if (seed % 4 == 0) {
			scribble(&seed);
		}
		if (first && seed % 8 == 0) {
			for (uint32_t h = VMM_FREE; h < VMM_FREE + 32; h++) {
				sys_vcpu_kick(h);
			}
		}
	}
	finish("intruder done");
}

/* Some of the state at random, mostly such that the kernel takes it. */
static void random_state(uint64_t *seed, struct vcpu_state *s)
{
	uint64_t *words = (uint64_t *)s, r = random_word(seed);

	for (unsigned n = (unsigned)(r % 6); n > 0; n--) {
		words[2 + random_word(seed) % (sizeof(*s) / 8 - 2)] = random_word(seed) >> (random_word(seed) & 63);
	}
	if (r & 0x100) {
		s->halted = r >> 9 & 3;
		s->nmi_pending = r >> 11 & 1;
		s->nmi_blocked = r >> 12 & 1;
		s->shadow = r >> 13 & 1;
		s->interrupt_pending = r >> 14 & 1;
		s->interrupt_vector = r >> 16 & 0xff;
	}
}

static void run_guest(void *argument)
{
	unsigned i = (unsigned)(uint64_t)argument;
	uint64_t seed = 0x9e3779b97f4a7c15ull * (i + 1) + (uint8_t)launch->conf.name[8];
	struct vcpu_state fresh;

	sys_vcpu_get(vcpu[i], &fresh, sizeof(fresh));
	for (;;) {
		if (random_word(&seed) % 4 == 0) {
			state[i] = fresh;
			state[i].cs.base = 0;
			state[i].rip = GUEST_CODE + seed % 0xf000;
			random_state(&seed, &state[i]);
			sys_vcpu_set(vcpu[i], &state[i], sizeof(state[i]));
		}
		*(volatile uint64_t *)(VMM_RAM_ADDR + random_word(&seed) % 0x10000) = random_word(&seed);
		sys_vcpu_run(vcpu[i]);
		runs++;
	}
}

static void prepare(void)
{
	uint64_t seed = 0x2545f4914f6cdd1dull;

	for (uint64_t at = 0; at < 0x10000; at += 8) {
		*(uint64_t *)(VMM_RAM_ADDR + at) = random_word(&seed);
	}
	*(uint8_t *)(VMM_RAM_ADDR + GUEST_CODE) = 0xe6;  /* OUT, of whatever value to whatever port */
	must("space", space = (uint32_t)sys_space_create());
	must("map", sys_map(space, 0, VMM_RAM, 0, 1 << 20, PROT_R | PROT_W | PROT_X));
	must("slot", sys_vm_slot(space, 0, 1 << 20, (void *)VMM_RAM_ADDR));
	for (unsigned i = 0; i < VCPUS; i++) {
		int r = sys_vcpu_create(space, i, (struct vcpu_page *)(PAGES_ADDR + i * PAGE_SIZE));

		must("vcpu", r);
		vcpu[i] = (uint32_t)r;
		must_be("run of a vcpu without state", sys_vcpu_run(vcpu[i]), EXIT_FAIL);
		must("state", sys_vcpu_get(vcpu[i], &state[i], sizeof(state[i])));
		vcpu_state_init(&state[i]);
		state[i].halted = i ? VCPU_WAITS_FOR_SIPI : VCPU_RUNS;
		must("state", sys_vcpu_set(vcpu[i], &state[i], sizeof(state[i])));
	}
	must("event", event = (uint32_t)sys_event_create(SELF));
	must("bind", sys_event_bind(event, 1));
}

int __wrap_user_main(uint64_t argument)
{
	if (strcmp(launch->conf.name, "port-user") == 0) {
		__asm__ volatile("inb $0x64, %%al" : : : "al");          /* the kernel ends us here */
	}
	if (strncmp(launch->conf.name, "intruder", 8) != 0) {
		return __real_user_main(argument);
	}
	prepare();
	steal_events();
	reach_beyond();
	wait_behind_shadow();
	must("thread", user_thread_start(run_guest, (void *)1ull, stack[1] + STACK));
	lose_registers();            /* with the other for company, so that there is preemption */
	must("thread", user_thread_start(run_guest, (void *)0ull, stack[0] + STACK));
	must("thread", user_thread_start(fuzz, (void *)0x1234567890ull, stack[VCPUS] + STACK));
	fuzz((void *)(0x9e3779b97f4a7c15ull * (uint8_t)launch->conf.name[8] | 1));
	return 0;
}
