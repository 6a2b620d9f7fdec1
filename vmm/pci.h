/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PCI function: configuration space with a mask of what a guest may write, memory BARs, capabilities, INTx and MSI.
 * PCI Local Bus 3.0, chapter 6. MSI-X is in vmm/msix.h, the bus in vmm/pci_host.h.
 *
 * A guest may write any byte of configuration space by any width at any time. What it writes is masked byte by byte, so a
 * function's hooks only ever see values that the registers can hold. Context everywhere: device lock held.
 */
#pragma once

#include "vmm/device.h"

enum { PCI_CONFIG_SIZE = 256, PCI_BARS = 6 };

/* Registers of a type 0 header. */
enum pci_register {
	PCI_VENDOR = 0x00, PCI_DEVICE = 0x02, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_REVISION = 0x08, PCI_CLASS = 0x09,
	PCI_HEADER_TYPE = 0x0e, PCI_BAR0 = 0x10, PCI_SUBSYSTEM_VENDOR = 0x2c, PCI_SUBSYSTEM = 0x2e, PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c, PCI_INTERRUPT_PIN = 0x3d, PCI_HEADER_END = 0x40,
};

enum pci_command { PCI_COMMAND_MEMORY = 1 << 1, PCI_COMMAND_MASTER = 1 << 2, PCI_COMMAND_NO_INTX = 1 << 10 };
enum pci_status { PCI_STATUS_INTX = 1 << 3, PCI_STATUS_CAPABILITIES = 1 << 4 };
enum pci_capability { PCI_CAP_MSI = 0x05, PCI_CAP_VENDOR = 0x09, PCI_CAP_MSIX = 0x11 };

/* A memory BAR; size 0: none. */
struct pci_bar {
	uint64_t size;               /* power of two, at least 16                                    */
	uint64_t base;               /* where it answers now; UINT64_MAX: nowhere                    */
	uint64_t next;               /* where it will: of pci_host_map()                             */
	bool wide;                   /* 64 bits: takes the next BAR's register too                   */
	io_fn *fn;
	void *dev;
};

struct pci_host;
struct pci_function;

/* Hooks of a kind of function; each is optional. */
struct pci_ops {
	/* Bytes [at, at + len) of config are about to be read. */
	void (*config_reads)(struct pci_function *f, unsigned at, unsigned len);
	/* Bytes [at, at + len) were written, as far as they are writable. */
	void (*config_written)(struct pci_function *f, unsigned at, unsigned len);
	/* A BAR's base changed. When one goes from one place to another this comes twice, with nowhere in between. */
	void (*moved)(struct pci_function *f);
};

struct pci_function {
	/* Guest state. */
	uint8_t config[PCI_CONFIG_SIZE];
	bool intx;                   /* the function asserts its interrupt                           */
	/* Host side. */
	uint8_t writable[PCI_CONFIG_SIZE];   /* bits that a guest may change                         */
	struct pci_bar bar[PCI_BARS];
	const struct pci_ops *ops;
	void *dev;                   /* for the hooks                                                */
	struct pci_host *host;       /* set by pci_host_add()                                        */
	unsigned slot;
	uint8_t caps_end;            /* where the next capability goes                               */
	uint8_t last_cap;            /* 0: none yet                                                  */
	uint8_t msi;                 /* where that capability is; 0: none                            */
};

struct pci_identity {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class;              /* class, subclass, interface: 24 bits                          */
	uint8_t revision;
};

/* An empty function without BARs, capabilities, interrupt. ops outlives it. */
void pci_function_init(struct pci_function *f, const struct pci_identity *id, const struct pci_ops *ops, void *dev);

/* Memory BAR index, prefetchable where wide. fn gets addresses relative to it. Contract: see struct pci_bar. */
void pci_add_bar(struct pci_function *f, unsigned index, uint64_t size, bool wide, io_fn *fn, void *dev);

/*
 * Appends a capability of len bytes (with its id and link), zeroed and read-only; returns where it is. There is room for
 * PCI_CONFIG_SIZE - PCI_HEADER_END bytes in all: what a function has is a matter of its code.
 */
unsigned pci_add_capability(struct pci_function *f, enum pci_capability id, unsigned len);

/* The function has an INTA# pin. */
void pci_add_intx(struct pci_function *f);

/* MSI with one vector, 64-bit address, mask and pending bit (6.8.1). */
void pci_add_msi(struct pci_function *f);

uint32_t pci_get(const struct pci_function *f, unsigned at, unsigned len);
void pci_put(struct pci_function *f, unsigned at, unsigned len, uint32_t value);

/* The guest's accesses: any at and any len up to 8; beyond PCI_CONFIG_SIZE there are zeroes. */
uint64_t pci_config_read(struct pci_function *f, unsigned at, unsigned len);
void pci_config_write(struct pci_function *f, unsigned at, unsigned len, uint64_t value);

/* Whether bytes [at, at + len) share one with the size bytes from reg on. */
static inline bool pci_touches(unsigned at, unsigned len, unsigned reg, unsigned size)
{
	return at < reg + size && reg < at + len;
}

/* Where the guest put the BAR, whether it is decoded or not. */
uint64_t pci_bar_address(const struct pci_function *f, unsigned index);

/*
 * The function's one interrupt cause: level while it is there. MSI, where enabled, sends a message as it comes;
 * else INTx, unless the guest disabled that.
 */
void pci_interrupt(struct pci_function *f, bool level);

/* The message of MSI (6.8.1) or MSI-X reaches memory only from a bus master. */
bool pci_is_master(const struct pci_function *f);
