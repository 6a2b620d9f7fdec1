/* SPDX-License-Identifier: Apache-2.0 */
/* The first thread after start: what the user types, what init asks for, and the VM's timers. */
#include "lib/user/sys.h"
#include "vmm/backends.h"
#include "vmm/hooks.h"
#include "vmm/vm.h"

enum io_key { KEY_CONSOLE, KEY_CONTROL, KEY_TIMER, KEY_WATCH };

/* What vm_watch() was told; KEY_WATCH + index is the key. Constant once the vCPUs run. */
static struct {
	void (*fn)(void *arg);
	void *arg;
} watch[VM_WATCHES_MAX];
static unsigned watches;

/* How often the first thread had something to do, and how often of these it had slept. Owned by the device lock. */
static struct {
	uint64_t turns, woken;
} io;

/* Bytes from the console that the guest's FIFO had no room for. Owned by the device lock. */
static struct {
	uint8_t buf[64];
	uint32_t at, len;
} typed;

/* The virtio console, where the VM has one and its driver is there; else, or before, the serial port. */
static uint32_t receive(const uint8_t *buf, uint32_t len)
{
	return (uint32_t)(virtio_is_live(&vm.console.dev) ? virtio_console_receive(&vm.console, buf, len)
							  : uart_receive(&vm.uart, buf, len));
}

static void pump_typed(void)
{
	for (;;) {
		if (typed.at == typed.len) {
			typed.at = 0;
			typed.len = channel_read(&vm.to_vm, typed.buf, sizeof(typed.buf));
		}
		if (!typed.len) {
			return;
		}
		typed.at += receive(typed.buf + typed.at, typed.len - typed.at);
		if (typed.at < typed.len) {
			return;
		}
	}
}

static void guest_has_room(void *arg)
{
	(void)arg;
	pump_typed();
}

/*
 * A guest writes its console byte by byte, each an exit. Waking the console for each would be six times the switches, so
 * it hears of output this much after the first byte that it has not read, or when the ring becomes half full.
 */
enum { OUTPUT_DELAY_NS = 500000 };

static void output_due(void *arg)
{
	(void)arg;
	vm.work |= VM_WORK_OUTPUT;
}

static struct vm_timer output_timer = { .fn = output_due };

/*
 * The console sleeps only when it has read everything, so a signal is due only if what was there before this write
 * has all been read. The fence orders our publishing of the bytes before our look at the reader's count; the console
 * publishes its count before it looks for bytes a last time.
 */
static size_t send(void *arg, const uint8_t *buf, size_t len)
{
	uint32_t n = channel_write(&vm.from_vm, buf, (uint32_t)len), room, half = vm.from_vm.size / 2;

	(void)arg;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	room = channel_room(&vm.from_vm);
	if (room < half && room + n >= half) {
		vm.work |= VM_WORK_OUTPUT;
	} else if (n && !output_timer.armed && room + n >= vm.from_vm.size) {
		vm_timer_set(&output_timer, vm_now() + OUTPUT_DELAY_NS);
	}
	return n;
}

const struct uart_backend io_uart_backend = { .send = send, .room = guest_has_room };
const struct virtio_console_backend io_console_backend = { .send = send, .room = guest_has_room };

/* The console signals both for what it typed and for what it took out of from_vm. */
static void on_console(void)
{
	pump_typed();
	uart_send_ready(&vm.uart);
	virtio_console_send_ready(&vm.console);
}

static void on_control(void)
{
	uint32_t request = __atomic_exchange_n(&vm.control->request, 0, __ATOMIC_ACQ_REL);

	if (request & VMM_REQ_POWER_BUTTON) {
		acpi_pm_power_button(&vm.pm);
	}
	if ((request & VMM_REQ_BUTTON_AGAIN) && acpi_pm_power_button_again(&vm.pm)) {
		vm_log("the guest has not gone off: its power button once more");
	}
	if (request & VMM_REQ_STOP) {
		vm_end_because(VM_END_POWEROFF, "stopped by the operator");
	}
	if (request & VMM_REQ_LINK) {
		vm_nics_link();
	}
	if (request & (VMM_REQ_BALLOON_UP | VMM_REQ_BALLOON_DOWN)) {
		vm_balloon_step(request & VMM_REQ_BALLOON_UP);
	}
	vm_balloon_answer();
	if (request & VMM_REQ_COUNTERS) {
		vm_balloon_report();
		vm_nics_report();
		vm_log("devices: served %llu times, woken %llu times", (unsigned long long)io.turns, (unsigned long long)io.woken);
	}
	/* Each vCPU answers for itself: its counters are whole while it is out of the guest. */
	for (unsigned i = 0; i < vm.vcpu_count && (request & VMM_REQ_COUNTERS); i++) {
		(void)sys_vcpu_kick(vm.vcpu[i].handle);
	}
}

static void on_timer(void)
{
	vm_timers_run(vm_now());
	vm.work |= VM_WORK_TIMER;
}

/* Errors of the calls: a handle that init should have filled is missing, or the arena is too small. */
int io_init(void)
{
	int r = sys_event_create(SELF);

	if (r < 0) {
		return r;
	}
	vm.timer_event = (uint32_t)r;
	if ((r = sys_event_bind(vm.timer_event, KEY_TIMER)) < 0 || (r = sys_event_bind(VMM_CONSOLE_IN, KEY_CONSOLE)) < 0) {
		return r;
	}
	return sys_event_bind(VMM_CONTROL, KEY_CONTROL);
}

int vm_watch(uint32_t event, void (*fn)(void *arg), void *arg)
{
	int r = watches == VM_WATCHES_MAX ? E_NOMEM : sys_event_bind(event, KEY_WATCH + watches);

	if (r == OK) {
		watch[watches].fn = fn;
		watch[watches++].arg = arg;
	}
	return r;
}

static void on_key(int64_t key)
{
	if (key >= KEY_WATCH && key < KEY_WATCH + (int64_t)watches) {
		watch[key - KEY_WATCH].fn(watch[key - KEY_WATCH].arg);
	} else {
		vm_end_because(VM_END_FAILED, "waiting for events failed: %d", (int)key);
	}
}

/* While a card lingers the guest gets the CPU before we look again. */
void io_loop(void)
{
	bool lingers = false;

	for (;;) {
		int64_t key = sys_event_wait(lingers ? 0 : UINT64_MAX, NULL);

		vm_lock();
		io.turns++;
		io.woken += !lingers;
		(void)vm_nics_linger(lingers);
		switch (key) {
		case E_TIMEOUT:
			break;
		case KEY_CONSOLE:
			on_console();
			break;
		case KEY_CONTROL:
			on_control();
			break;
		case KEY_TIMER:
			on_timer();
			break;
		default:
			on_key(key);
			break;
		}
		lingers = vm_nics_linger(false);
		vm.work &= ~(uint32_t)VM_WORK_LINGER;
		vm_unlock();
		if (lingers) {
			sys_yield();
		}
	}
}
