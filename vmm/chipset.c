/* SPDX-License-Identifier: Apache-2.0 */
/* The one-byte ports of a PC chipset. Intel ICH9 13.7.2 (port 92h), 13.7.5 (CF9h). */
#include "vmm/chipset.h"
#include "vmm/pci_host.h"
#include "vmm/platform.h"

enum { PORT_SYSTEM_A = 0x92 };
enum { A_FAST_RESET = 1 << 0, A_FAST_A20 = 1 << 1 };
enum { RESET_GO = 1 << 2, RESET_KEPT = 0x0a };

/* What a guest writes to learn that it got somewhere, or only to spend a microsecond. Low byte at the first port. */
static void latch_access(uint8_t *latch, struct io_access *io)
{
	if (io->write) {
		*latch = (uint8_t)io->value;
	} else {
		io->value = *latch;
	}
}

static void post_access(void *dev, struct io_access *io)
{
	struct chipset *c = dev;

	latch_access(&c->post, io);
}

static void delay_access(void *dev, struct io_access *io)
{
	struct chipset *c = dev;

	latch_access(&c->delay, io);
}

/* A20 is always open; its bit is kept for those who look. Fast reset acts on the rising bit. */
static void control_access(void *dev, struct io_access *io)
{
	struct chipset *c = dev;
	uint8_t before = c->control;

	latch_access(&c->control, io);
	if (c->control & ~before & A_FAST_RESET) {
		vm_request_end(VM_END_RESET);
	}
}

/* Byte CF9h resets, hard or soft alike. All else there is PCI's. */
static void reset_access(void *dev, struct io_access *io)
{
	struct chipset *c = dev;
	uint8_t val = (uint8_t)io->value;

	if (io->addr != PORT_RESET - PORT_PCI_ADDRESS || io->size != 1) {
		pci_host_address(c->pci, io);
	} else if (!io->write) {
		io->value = c->reset;
	} else {
		c->reset = val & RESET_KEPT;
		if (val & RESET_GO) {
			vm_request_end(VM_END_RESET);
		}
	}
}

int chipset_init(struct chipset *chipset, struct bus *ports, struct pci_host *pci)
{
	static const struct {
		uint16_t port, size;
		io_fn *fn;
		const char *name;
	} range[] = {
		{ PORT_POST, 1, post_access, "post" },
		{ PORT_SYSTEM_A, 1, control_access, "port92" },
		{ PORT_IO_DELAY, 1, delay_access, "delay" },
		{ PORT_PCI_ADDRESS, 4, reset_access, "reset" },
	};
	int r = OK;

	*chipset = (struct chipset){ .control = A_FAST_A20, .pci = pci };
	for (size_t i = 0; i < ARRAY_SIZE(range) && r == OK; i++) {
		r = bus_add(ports, range[i].port, range[i].size, range[i].fn, chipset, range[i].name);
	}
	return r;
}
