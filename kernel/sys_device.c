/* SPDX-License-Identifier: Apache-2.0 */
/* System calls about PCI functions. */
#include "arch/x86/dev/pci.h"
#include "arch/x86/entry/uaccess.h"
#include "kernel/device.h"
#include "kernel/syscall.h"

int64_t sys_pci_config(const struct call *c)
{
	if (!pci_is_good(c->arg[1], c->arg[2])) {
		return E_INVAL;
	}
	if (!c->arg[4]) {
		return pci_read(c->arg[1], (uint32_t)c->arg[2]);
	}
	pci_write(c->arg[1], (uint32_t)c->arg[2], (uint32_t)c->arg[3]);
	return OK;
}

int64_t sys_device_create(const struct call *c)
{
	struct device_setup setup;
	struct device *d = NULL;
	int r = copy_from_user(&setup, c->arg[2], sizeof(setup));

	if (r == OK) {
		r = device_create(c->with.process, &setup, &d);
	}
	return r < 0 ? r : sys_give(c, &d->object, RIGHT_ALL);
}

int64_t sys_device_read(const struct call *c)
{
	uint64_t function = c->on.device->setup.function;

	return pci_is_good(function, c->arg[1]) ? (int64_t)pci_read(function, (uint32_t)c->arg[1]) : E_INVAL;
}

int64_t sys_device_master(const struct call *c)
{
	pci_set_master(&c->on.device->setup, c->arg[1]);
	return OK;
}

int64_t sys_device_bind(const struct call *c)
{
	return device_bind(c->on.device, c->with.event, (uint32_t)c->arg[2], (uint32_t)c->arg[3]);
}
