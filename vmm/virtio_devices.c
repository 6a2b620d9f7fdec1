/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio devices of the VM: which there are, and on which transport. */
#include "lib/user/sys.h"
#include "vmm/backends.h"
#include "vmm/balloon_memory.h"
#include "vmm/entropy.h"
#include "vmm/hooks.h"
#include "vmm/virtio_balloon.h"
#include "vmm/virtio_mmio.h"
#include "vmm/virtio_pci.h"
#include "vmm/virtio_rng.h"
#include "vmm/vm.h"

enum { DEVICES_MAX = 16 };

/* Owned by the device lock. */
static struct virtio_pci on_pci[DEVICES_MAX];
static struct virtio_mmio on_mmio[VIRTIO_MMIO_MAX];
static unsigned pci_count, mmio_count;
static struct virtio_rng rng;
static struct virtio_balloon balloon;

static void *translate(void *arg, uint64_t addr, uint64_t len)
{
	return gmem_pointer(arg, addr, len);
}

static const struct ring_memory guest_memory = { translate, &vm.mem };

/* An event for the device's doorbell; 0: there is none, then notifications come as accesses. */
static uint32_t make_doorbell(const struct virtio_device *dev, void (*fn)(void *arg), void *arg)
{
	int event = dev->at_once ? 0 : sys_event_create(SELF);

	return event > 0 && vm_watch((uint32_t)event, fn, arg) == OK ? (uint32_t)event : 0;
}

static int add_on_pci(struct virtio_device *dev)
{
	struct virtio_pci *p = &on_pci[pci_count];

	if (pci_count == DEVICES_MAX) {
		return E_NOMEM;
	}
	pci_count++;
	return virtio_pci_init(p, dev, &vm.pci, make_doorbell(dev, virtio_pci_doorbell, p));
}

static int add_on_mmio(struct virtio_device *dev)
{
	struct virtio_mmio *m = &on_mmio[mmio_count];
	uint64_t base = PLATFORM_VIRTIO_MMIO + mmio_count * PLATFORM_VIRTIO_MMIO_SIZE;

	if (mmio_count == VIRTIO_MMIO_MAX) {
		return E_NOMEM;
	}
	return virtio_mmio_init(m, dev, &vm.mmio, base, GSI_VIRTIO_MMIO + mmio_count++,
				make_doorbell(dev, virtio_mmio_doorbell, m));
}

int vm_virtio_add(struct virtio_device *dev)
{
	if (!dev->memory) {
		dev->memory = &guest_memory;
	}
	return vm.launch->conf.bus == CONF_BUS_MMIO ? add_on_mmio(dev) : add_on_pci(dev);
}

unsigned vm_virtio_mmio_count(void)
{
	return mmio_count;
}

void vm_balloon_step(bool more)
{
	int64_t step = (int64_t)(vm.launch->conf.memory / PAGE_SIZE / 8);

	if (vm.launch->conf.balloon) {
		virtio_balloon_want(&balloon, more ? step : -step);
	}
}

void vm_balloon_answer(void)
{
	if (vm.launch->conf.balloon && balloon_memory_answer()) {
		virtio_balloon_resume(&balloon);
	}
}

void vm_balloon_report(void)
{
	if (vm.launch->conf.balloon) {
		virtio_balloon_report(&balloon);
	}
}

int vm_virtio_init(void)
{
	const struct conf_vm *conf = &vm.launch->conf;
	int r = OK;

	if (conf->rng && entropy_exists()) {
		virtio_rng_init(&rng, entropy_fill);
		r = vm_virtio_add(&rng.dev);
	}
	if (r == OK && conf->console == CONF_CONSOLE_VIRTIO) {
		virtio_console_init(&vm.console, &io_console_backend, NULL);
		r = vm_virtio_add(&vm.console.dev);
	}
	if (r == OK && conf->balloon) {
		balloon_memory_init();
		virtio_balloon_init(&balloon, &vm.mem, &balloon_memory);
		r = vm_virtio_add(&balloon.dev);
	}
	if (r == OK) {
		r = vm_disks_init();
	}
	if (r == OK) {
		r = vm_nics_init();
	}
	return r;
}
