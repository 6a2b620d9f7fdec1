/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one VM of this process: what its threads share.
 *
 * Threads: one per vCPU (run.c) and the first thread, which waits for everything else (io.c). What device models own
 * belongs to the device lock. Nothing but vm_unlock() may block or make the process end while the lock is held:
 * models note what is to be done in vm.work, and vm_unlock() does it.
 */
#pragma once

#include "lib/base.h"
#include "lib/channel.h"
#include "vmm/acpi_pm.h"
#include "vmm/chipset.h"
#include "vmm/device.h"
#include "vmm/emulate.h"
#include "vmm/gmem.h"
#include "vmm/hpet.h"
#include "vmm/i8042.h"
#include "vmm/ioapic.h"
#include "vmm/launch.h"
#include "vmm/memmap.h"
#include "vmm/pci_host.h"
#include "vmm/pic.h"
#include "vmm/pit.h"
#include "vmm/platform.h"
#include "vmm/rtc.h"
#include "vmm/uart.h"
#include "vmm/virtio_console.h"

/* Bits of vm.work: what vm_unlock() has to do. */
enum vm_work {
	VM_WORK_TIMER = 1 << 0,      /* the earliest vm_timer changed                                */
	VM_WORK_OUTPUT = 1 << 1,     /* the console has something new to read                        */
	VM_WORK_END = 1 << 2,        /* vm.end was set                                               */
	VM_WORK_SWITCH = 1 << 3,     /* the switch sleeps and has something to do                    */
	VM_WORK_LINGER = 1 << 4,     /* the first thread is to look at the network cards again       */
};

struct vm_vcpu {
	struct vcpu_page *page;
	uint32_t handle;
	uint32_t id;                 /* also its APIC id                                             */
	struct emulator emulator;
};

/* What the operator's log may take: VM_LOG_BURST lines at once, VM_LOG_PER_SECOND for ever. */
enum { VM_LOG_BURST = 32, VM_LOG_PER_SECOND = 4 };

struct vm_log_rate {
	uint64_t second;             /* of vm_now()                                                  */
	uint32_t allowance, dropped; /* lines                                                        */
};

struct vm {
	/* Set before the threads start, constant then. */
	const struct vmm_launch *launch;
	struct vmm_control *control;
	uint32_t space, timer_event; /* handles                                                      */
	uint64_t start_ns;           /* SYS_CLOCK when the VM was created                            */
	struct gmem mem;
	struct memmap map;
	unsigned vcpu_count;
	struct vm_vcpu vcpu[PLATFORM_VCPUS_MAX];

	uint32_t locked;             /* the device lock                                              */
	uint32_t waiting;            /* threads that found it locked                                 */

	/* Owned by the device lock. */
	uint32_t work;               /* enum vm_work                                                 */
	enum vm_end end;
	char reason[160];
	struct bus pio, mmio;
	struct pic pic;
	struct ioapic ioapic;
	struct pit pit;
	struct rtc rtc;
	struct uart uart;
	struct acpi_pm pm;
	struct i8042 kbc;
	struct pci_host pci;
	struct hpet hpet;
	struct virtio_console console;       /* without a driver for ever, where there is none               */
	struct chipset chipset;
	struct channel_end from_vm, to_vm, log;
	struct vm_log_rate rate;
};

extern struct vm vm;

/* platform.c. */
void vm_lock_wait(void);
void vm_lock_give_way(void);
void vm_unlock_work(void);

/*
 * Who finds others waiting lets them go first, once: a vCPU that exits all the time may lose the CPU each time while it holds
 * the lock, and they would never get it.
 */
static inline void vm_lock(void)
{
	if (__builtin_expect(__atomic_load_n(&vm.waiting, __ATOMIC_RELAXED) != 0, 0)) {
		vm_lock_give_way();
	}
	if (__atomic_exchange_n(&vm.locked, 1, __ATOMIC_ACQUIRE)) {
		vm_lock_wait();
	}
}

/* Does what vm.work says. Ends the process when the guest ended. */
static inline void vm_unlock(void)
{
	if (vm.work) {
		vm_unlock_work();
	}
	__atomic_store_n(&vm.locked, 0, __ATOMIC_RELEASE);
}

/* As vm_request_end(), with the reason that the operator gets to see. Device lock held. */
void vm_end_because(enum vm_end end, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Tells init how the VM ended and ends the process. Any thread, lock held or not. */
_Noreturn void vm_finish(enum vmm_state state, const char *reason);

/* Joins the device models to the two buses. E_NOMEM, E_BUSY: the tables of the platform contradict each other. */
int vm_devices_init(void) MUST_CHECK;

/*
 * Joins a virtio device, whose model filled in the first part of dev, to the transport that the VM's configuration says.
 * dev outlives the VM. E_NOMEM: no free slot; E_INVAL: dev breaks its contract (vmm/virtio.h).
 */
struct virtio_device;
int vm_virtio_add(struct virtio_device *dev) MUST_CHECK;

/* virtio_devices.c: the virtio devices that the configuration names. */
int vm_virtio_init(void) MUST_CHECK;

/* The balloon, if the VM has one: wants an eighth of the memory more, or less; reports. Device lock held. */
void vm_balloon_step(bool more);
void vm_balloon_report(void);
/* init took or returned memory. */
void vm_balloon_answer(void);

/* How many of them are on their own memory-mapped transport. */
unsigned vm_virtio_mmio_count(void);

/* Binds the calling thread to processors; 0: to those that the kernel holds the whole VM to. */
void vm_bind(uint32_t cpus);

/* run.c: the body of a vCPU's thread; argument is its struct vm_vcpu. */
void vcpu_thread(void *argument);

/* The state after power-on: v of id 0 is the boot processor, the others wait for INIT and SIPI. v is not run yet. */
void vcpu_power_on(struct vm_vcpu *v);
extern const struct emu_host vcpu_emu_host;

/* counters.c: tells the operator what the vCPU has done. Device lock held, the vCPU is out of the guest. */
void vcpu_log_counters(const struct vm_vcpu *v);

/* io.c. */
int io_init(void) MUST_CHECK;
_Noreturn void io_loop(void);
extern const struct uart_backend io_uart_backend;
extern const struct virtio_console_backend io_console_backend;
