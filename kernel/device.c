/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: see device.h. */
#include "kernel/device.h"

#include "arch/x86/dev/pci.h"
#include "arch/x86/entry/irq.h"

int device_create(struct process *owner, const struct device_setup *setup, struct device **out)
{
	struct device *d;

	if (!pci_is_good(setup->function, 0)) {
		return E_PROTO;
	}
	if (!pci_is_there(setup->function)) {
		return E_NOENT;
	}
	if (!pci_is_as_described(setup)) {
		return E_PROTO;
	}
	d = object_create(OBJECT_DEVICE, owner, sizeof(*d));
	if (!d) {
		return E_NOMEM;
	}
	d->setup = *setup;
	pci_set_master(&d->setup, false);
	*out = d;
	return OK;
}

void device_destroy(struct object *o)
{
	struct device *d = container_of(o, struct device, object);

	pci_quiesce(&d->setup);
	irq_free_messages(d->vectors);
}

int device_bind(struct device *d, struct event *e, uint32_t first, uint32_t count)
{
	int vector = irq_alloc_message(e), r;

	if (vector < 0) {
		return vector;
	}
	r = pci_bind(&d->setup, first, count, (uint8_t)vector);
	if (r < 0) {
		irq_free_messages(1u << (vector - DEVICE_VECTOR_FIRST));
	} else {
		d->vectors |= 1u << (vector - DEVICE_VECTOR_FIRST);
	}
	return r;
}
