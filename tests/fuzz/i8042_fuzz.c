/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to the keyboard controller and the chipset's one-byte ports.
 * sources: vmm/i8042.c vmm/chipset.c vmm/pci_host.c vmm/pci.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "vmm/chipset.h"
#include "vmm/i8042.h"
#include "vmm/pci_host.h"

static struct i8042 kbc;
static struct chipset chipset;
static struct pci_host pci;
static struct bus unused;    /* its memory; the fuzzer drives the ports */

static int init(void)
{
	int r = i8042_init(&kbc, &fake.ports);

	unused = (struct bus){ 0 };
	r = r == OK ? pci_host_init(&pci, &fake.ports, &unused) : r;
	return r == OK ? chipset_init(&chipset, &fake.ports, &pci) : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ .init = init }, data, len);
}
