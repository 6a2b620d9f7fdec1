/* SPDX-License-Identifier: Apache-2.0 */
/* The core's side of vmm/device.h: clock, interrupts out, log, end of the VM, and the device lock. */
#include <stdarg.h>
#include <string.h>

#include "lib/fmt.h"
#include "lib/user/sys.h"
#include "vmm/hooks.h"
#include "vmm/vm.h"

enum { LOG_LINE_MAX = 256 };
enum { NS_PER_SECOND = 1000000000 };

struct vm vm;

/* ---- the device lock ---- */

/* The holder never sleeps, so giving the CPU away once is nearly always enough. */
void vm_lock_wait(void)
{
	__atomic_fetch_add(&vm.waiting, 1, __ATOMIC_RELAXED);
	do {
		sys_yield();
	} while (__atomic_exchange_n(&vm.locked, 1, __ATOMIC_ACQUIRE));
	__atomic_fetch_sub(&vm.waiting, 1, __ATOMIC_RELAXED);
}

void vm_lock_give_way(void)
{
	sys_yield();
}

static void arm_timer(void)
{
	uint64_t next = vm_timer_next();

	/* An error would mean that our own event is gone; then the VM's timers stand still, and nothing else can be done. */
	(void)sys_event_timer(vm.timer_event, next == UINT64_MAX ? 0 : vm.start_ns + next);
}

static _Noreturn void finish_end(void)
{
	static const enum vmm_state state[] = {
		[VM_END_POWEROFF] = VMM_POWERED_OFF, [VM_END_RESET] = VMM_RESET, [VM_END_FAILED] = VMM_FAILED,
	};

	vm_finish(state[vm.end], vm.reason);
}

void vm_unlock_work(void)
{
	uint32_t work = vm.work;

	vm.work = 0;
	if (work & VM_WORK_TIMER) {
		arm_timer();
	}
	if (work & VM_WORK_OUTPUT) {
		sys_event_signal(VMM_CONSOLE_OUT);
	}
	if (work & VM_WORK_LINGER) {
		sys_event_signal(vm.timer_event);
	}
	if (work & VM_WORK_SWITCH) {
		sys_event_signal(VMM_NET_OUT);
	}
	if (work & VM_WORK_END) {
		finish_end();
	}
}

/* ---- clock ---- */

uint64_t vm_now(void)
{
	return sys_clock(NULL) - vm.start_ns;
}

uint64_t vm_wall_seconds(void)
{
	return (vm.launch->wall_ns + (sys_clock(NULL) - vm.launch->launch_ns)) / NS_PER_SECOND;
}

void vm_timer_wake(void)
{
	vm.work |= VM_WORK_TIMER;
}

/* ---- interrupts: messages to nobody are lost as on a PC, so results are not looked at ---- */

void vm_msi(uint64_t address, uint32_t data)
{
	(void)sys_vm_msi(vm.space, address, data);
}

void vm_extint(bool level)
{
	(void)sys_vcpu_extint(vm.vcpu[0].handle, level);
}

void vm_eoi_bitmap(const uint64_t bitmap[4])
{
	for (unsigned i = 0; i < vm.vcpu_count; i++) {
		for (unsigned word = 0; word < 4; word++) {
			__atomic_store_n(&vm.vcpu[i].page->eoi_exit_bitmap[word], bitmap[word], __ATOMIC_RELAXED);
		}
	}
}

/* ---- doorbells ---- */

int vm_doorbell_add(uint64_t gpa, uint32_t event)
{
	return sys_vm_doorbell(vm.space, DOORBELL_MMIO | DOORBELL_ANY_VALUE, gpa, 0, event);
}

/* The call wants an event in any case; the one that every VM has will do. */
void vm_doorbell_remove(uint64_t gpa)
{
	(void)sys_vm_doorbell(vm.space, DOORBELL_MMIO | DOORBELL_REMOVE, gpa, 0, vm.timer_event);
}

/* ---- log ---- */

/* True when a line may be written now. */
static bool log_allowed(struct vm_log_rate *rate)
{
	uint64_t second = vm_now() / NS_PER_SECOND;
	uint64_t more = (second - rate->second) * VM_LOG_PER_SECOND + rate->allowance;

	rate->second = second;
	rate->allowance = more < VM_LOG_BURST ? (uint32_t)more : VM_LOG_BURST;
	if (!rate->allowance) {
		rate->dropped++;
		return false;
	}
	rate->allowance--;
	return true;
}

/* The console puts the VM's name in front. */
static void log_line(const char *text)
{
	char line[LOG_LINE_MAX + 1];
	size_t len = strnlen(text, LOG_LINE_MAX);

	memcpy(line, text, len);
	line[len++] = '\n';
	if (channel_write_all(&vm.log, line, (uint32_t)len)) {
		vm.work |= VM_WORK_OUTPUT;
	} else {
		vm.rate.dropped++;
	}
}

void vm_log(const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list args;

	if (!log_allowed(&vm.rate)) {
		return;
	}
	if (vm.rate.dropped) {
		fmt_print(text, sizeof(text), "%u messages were dropped", vm.rate.dropped);
		vm.rate.dropped = 0;
		log_line(text);
	}
	va_start(args, fmt);
	fmt_vprint(text, sizeof(text), fmt, args);
	va_end(args);
	log_line(text);
}

/* ---- end of the VM ---- */

void vm_end_because(enum vm_end end, const char *fmt, ...)
{
	va_list args;

	if (vm.work & VM_WORK_END) {
		return;
	}
	va_start(args, fmt);
	fmt_vprint(vm.reason, sizeof(vm.reason), fmt, args);
	va_end(args);
	/* init tells the reason of a failure; why a guest was reset is for us to say. */
	if (end == VM_END_RESET) {
		vm_log("%s", vm.reason);
	}
	vm.end = end;
	vm.work |= VM_WORK_END;
}

void vm_request_end(enum vm_end end)
{
	static const char *const reason[] = {
		[VM_END_POWEROFF] = "the guest powered off", [VM_END_RESET] = "the guest reset",
		[VM_END_FAILED] = "a device model gave up",
	};

	vm_end_because(end, "%s", reason[end]);
}

void vm_finish(enum vmm_state state, const char *reason)
{
	struct vmm_control *control = vm.control;

	fmt_print(control->reason, sizeof(control->reason), "%s", reason);
	__atomic_store_n(&control->state, (uint32_t)state, __ATOMIC_RELEASE);    /* the reason before the state */
	sys_event_signal(VMM_STATUS);
	sys_exit(state == VMM_FAILED);
}
