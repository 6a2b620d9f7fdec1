/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PCI functions of the machine: which there are, what they can do, where their registers are. PCI Local Bus 3.0, chapter 6;
 * PCIe 5.0, 7.2 and 7.5; PCI Firmware 3.2, 4.1.2 (MCFG). Pure: configuration space is reached by callbacks. Nothing that a function
 * says is believed: lists that loop, bridges that lead back and registers that make no sense are refused, and a sentence says why.
 *
 * Only network cards are looked at closer than by reading; whatever else there is goes on as the firmware left it.
 */
#pragma once

#include "init/acpi.h"
#include "kernel/abi.h"

enum {
	PCI_SEGMENTS_MAX = 4, PCI_BUSES = 256, PCI_SLOTS = 32, PCI_FUNCTIONS = 8,
	PCI_FUNCTIONS_MAX = 512,     /* that are remembered; more are counted                        */
	PCI_OTHERS_MAX = 448,        /* of them, so many before others than bridges and network cards are left out */
	PCI_BARS = 6, PCI_HEADER_WORDS = 16, PCI_CONFIG_BYTES = 256, PCI_PLACE_TEXT = 16,
};

enum pci_register {
	PCI_ID = 0, PCI_COMMAND = 4, PCI_CLASS = 8, PCI_HEADER = 0xc, PCI_BAR = 0x10, PCI_BUS_NUMBERS = 0x18, PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT = 0x3c,
};

enum { PCI_COMMAND_PORTS = 1 << 0, PCI_COMMAND_MEMORY = 1 << 1, PCI_COMMAND_MASTER = 1 << 2, PCI_COMMAND_NO_INTX = 1 << 10 };
enum { PCI_CLASS_NETWORK = 0x02, PCI_CLASS_BRIDGE = 0x0604 };

/* Configuration space in 32-bit registers; function as in SYS_PCI_CONFIG. */
struct pci_ops {
	uint32_t (*read)(uint64_t function, uint32_t reg);
	void (*write)(uint64_t function, uint32_t reg, uint32_t value);
};

/* Buses [first, last], of a segment that may have others in another entry. */
struct pci_segment {
	uint64_t base;               /* host-physical, of bus 0; PCI_PORTS: by ports                 */
	uint16_t number;
	uint8_t first, last;
};

/* Memory; size 0: none, or ports. */
struct pci_bar {
	uint64_t base, size;
};

struct pci_function {
	uint64_t where;              /* as in SYS_PCI_CONFIG                                         */
	uint16_t segment;
	uint8_t bus, slot, number;
	uint8_t revision, pin, line; /* pin 0: no INTx                                               */
	uint16_t vendor, device;
	uint32_t kind;               /* class << 8 | subclass                                        */
	uint8_t below, below_last;   /* of a bridge that makes sense: the buses behind it; 0: none   */
	uint8_t msi, msix, express, features;        /* capabilities; 0: it has none                 */
	uint32_t messages;           /* of MSI-X                                                     */
	uint64_t msix_table;
	struct pci_bar bar[PCI_BARS];
	uint32_t header[PCI_HEADER_WORDS];   /* as it was found, for pci_restore()                   */
	const char *why;             /* it cannot be used, because; NULL: it can        */
};

struct pci {
	unsigned segment_count, function_count, bus_count;
	unsigned dropped;            /* functions beyond PCI_FUNCTIONS_MAX                           */
	unsigned dropped_segments;   /* entries of the MCFG beyond PCI_SEGMENTS_MAX                  */
	struct pci_segment segment[PCI_SEGMENTS_MAX];
	struct pci_function function[PCI_FUNCTIONS_MAX];
	const char *mcfg_why;        /* the MCFG is ignored, because; NULL: it is not, or is not there */
};

/* The segments that the MCFG tells of, into an empty *pci. A table that makes no sense is ignored as a whole. */
void pci_parse_mcfg(struct pci *pci, const struct acpi_info *acpi, acpi_read_fn *read, void *ctx);

/*
 * Finds all functions on the buses of pci->segment. All numbers are tried: servers have several root buses, which no bridge leads to
 * and only AML tells of. Network cards are read whole, and from then on their bus
 * mastering is off: the firmware may have left them running.
 */
void pci_scan(struct pci *pci, const struct pci_ops *ops);

/* True: a network card. */
bool pci_is_network(const struct pci_function *f);

/*
 * Puts back what the end of a former owner took: its addresses, where it was reset, and its interrupt line. It decodes its memory
 * then, and bridges let it through; its bus mastering is off.
 */
void pci_restore(const struct pci *pci, const struct pci_function *f, const struct pci_ops *ops);

/* Its first PCI_CONFIG_BYTES bytes. */
void pci_copy_config(const struct pci_function *f, const struct pci_ops *ops, uint8_t config[PCI_CONFIG_BYTES]);

/* "0000:00:02.0" */
void pci_print_place(const struct pci_function *f, char text[PCI_PLACE_TEXT]);
