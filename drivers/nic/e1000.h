/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's gigabit family, for drivers/nic/ only: registers and what the 82540EM and the 82574L have in common. "8254x" is the
 * PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual, "82574" that controller's datasheet.
 */
#pragma once

#include "drivers/nic/nic.h"

/* Registers, all of 32 bits, in BAR 0: 8254x 13.4, 82574 10.2. */
enum e1000_register {
	E1000_CTRL = 0x0000, E1000_STATUS = 0x0008, E1000_EERD = 0x0014, E1000_CTRL_EXT = 0x0018, E1000_ICR = 0x00c0,
	E1000_EIAC = 0x00dc, E1000_ITR = 0x00c4, E1000_IMS = 0x00d0, E1000_IMC = 0x00d8, E1000_IVAR = 0x00e4, E1000_RCTL = 0x0100,
	E1000_TCTL = 0x0400, E1000_TIPG = 0x0410, E1000_RDBAL = 0x2800, E1000_RDBAH = 0x2804, E1000_RDLEN = 0x2808,
	E1000_RDH = 0x2810, E1000_RDT = 0x2818, E1000_RDTR = 0x2820, E1000_TDBAL = 0x3800, E1000_TDBAH = 0x3804,
	E1000_TDLEN = 0x3808, E1000_TDH = 0x3810, E1000_TDT = 0x3818, E1000_TXDCTL = 0x3828, E1000_RXCSUM = 0x5000,
	E1000_MTA = 0x5200, E1000_RAL = 0x5400, E1000_RAH = 0x5404,
};

enum {
	E1000_CTRL_MASTER_DISABLE = 1 << 2, E1000_CTRL_ASDE = 1 << 5, E1000_CTRL_SLU = 1 << 6, E1000_CTRL_RST = 1 << 26,
	E1000_CTRL_EXT_DRV_LOAD = 1 << 28,
	E1000_STATUS_LU = 1 << 1, E1000_STATUS_MASTER = 1 << 19,
	E1000_MTA_REGISTERS = 128,
};

/* Causes of interrupts. The last three are the 82574's, for MSI-X. */
enum {
	E1000_TXDW = 1 << 0, E1000_LSC = 1 << 2, E1000_RXDMT0 = 1 << 4, E1000_RXO = 1 << 6, E1000_RXT0 = 1 << 7,
	E1000_RXQ0 = 1 << 20, E1000_TXQ0 = 1 << 22, E1000_OTHER = 1 << 24,
};

uint32_t e1000_get(const struct nic *nic, enum e1000_register reg) MUST_CHECK;
void e1000_set(const struct nic *nic, enum e1000_register reg, uint32_t value);

/*
 * The steps of attaching; in between the drivers do what differs. eerd_done, eerd_shift: where the register has its bit that
 * says done, and the address. E_IO: there is no such card, or no address in it.
 */
int e1000_reset(struct nic *nic) MUST_CHECK;
int e1000_read_mac(struct nic *nic, uint32_t eerd_done, unsigned eerd_shift) MUST_CHECK;
void e1000_start(struct nic *nic);

/* The functions of struct nic_ops that are the same. */
void e1000_quiesce(struct nic *nic);
bool e1000_takes(const struct nic *nic, const struct frame_header *h) MUST_CHECK;
bool e1000_has_slots(const struct nic *nic) MUST_CHECK;
void e1000_transmit(struct nic *nic, unsigned slot, uint32_t offset, const struct frame_header *h);
void e1000_flush(struct nic *nic);
void e1000_reap(struct nic *nic);
int e1000_receive(struct nic *nic, struct nic_frame *f) MUST_CHECK;
void e1000_release(struct nic *nic, const struct nic_frame *f);
void e1000_acknowledge(struct nic *nic);

/* Allows these causes. False: there is a frame, or with transmit room, already. */
bool e1000_listen_to(struct nic *nic, uint32_t causes, bool transmit) MUST_CHECK;
