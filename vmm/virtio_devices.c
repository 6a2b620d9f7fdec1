/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio devices of the VM: which there are, and on which transport. */
#include "lib/user/sys.h"
#include "vmm/entropy.h"
#include "vmm/hooks.h"
#include "vmm/virtio_pci.h"
#include "vmm/virtio_rng.h"
#include "vmm/vm.h"

enum { DEVICES_MAX = 16 };

/* Owned by the device lock. */
static struct virtio_pci on_pci[DEVICES_MAX];
static unsigned pci_count;
static struct virtio_rng rng;

static void *translate(void *arg, uint64_t addr, uint64_t len)
{
	return gmem_pointer(arg, addr, len);
}

static const struct ring_memory guest_memory = { translate, &vm.mem };

/* An event for the device's doorbell; 0: there is none, then notifications come as accesses. */
static uint32_t make_doorbell(void (*fn)(void *arg), void *arg)
{
	int event = sys_event_create(SELF);

	return event > 0 && vm_watch((uint32_t)event, fn, arg) == OK ? (uint32_t)event : 0;
}

int vm_virtio_add(struct virtio_device *dev)
{
	struct virtio_pci *p = &on_pci[pci_count];

	if (!dev->memory) {
		dev->memory = &guest_memory;
	}
	if (pci_count == DEVICES_MAX) {
		return E_NOMEM;
	}
	pci_count++;
	return virtio_pci_init(p, dev, &vm.pci, make_doorbell(virtio_pci_doorbell, p));
}

unsigned vm_virtio_mmio_count(void)
{
	return 0;
}

int vm_virtio_init(void)
{
	const struct conf_vm *conf = &vm.launch->conf;
	int r = OK;

	if (conf->rng && entropy_exists()) {
		virtio_rng_init(&rng, entropy_fill);
		r = vm_virtio_add(&rng.dev);
	}
	return r;
}
