/* SPDX-License-Identifier: Apache-2.0 */
/* The 82574L: where it differs from its elder relative. 82574 datasheet, 7.4 (interrupts) and 10.2 (registers). */
#include "drivers/nic/e1000.h"

#include "drivers/nic/ids.h"

enum { EERD_DONE = 1 << 1, EERD_SHIFT = 2, MASTER_TRIES = 100, MASTER_US = 1000 };

/* All causes of MSI-X are the one vector: 10.2.4.9, four bits for each, the highest of which says that it counts. */
enum { IVAR_RXQ0 = 0x8, IVAR_TXQ0 = 0x800, IVAR_OTHER = 0x80000 };
enum { TXDCTL_COUNT_DESC = 1 << 22 };        /* has to be set, 10.2.7.6 */

static bool matches(uint16_t vendor, uint16_t device)
{
	return vendor == NIC_VENDOR_INTEL && device == NIC_82574L;
}

/* What is under way on PCI Express ends before the reset: 82574 5.2.3. */
static void stop_bus_master(struct nic *nic)
{
	e1000_set(nic, E1000_CTRL, e1000_get(nic, E1000_CTRL) | E1000_CTRL_MASTER_DISABLE);
	for (unsigned tries = 0; tries < MASTER_TRIES && (e1000_get(nic, E1000_STATUS) & E1000_STATUS_MASTER); tries++) {
		nic_wait_us(MASTER_US);
	}
}

static int attach(struct nic *nic)
{
	int r;

	stop_bus_master(nic);
	r = e1000_reset(nic);
	if (r == OK) {
		r = e1000_read_mac(nic, EERD_DONE, EERD_SHIFT);
	}
	if (r < 0) {
		return r;
	}
	nic->features = NIC_CSUM | NIC_TSO4 | NIC_TSO6 | NIC_CSUM_IN;
	e1000_set(nic, E1000_CTRL_EXT, e1000_get(nic, E1000_CTRL_EXT) | E1000_CTRL_EXT_DRV_LOAD);
	if (nic->host.interrupts) {
		e1000_set(nic, E1000_IVAR, IVAR_RXQ0 | IVAR_TXQ0 | IVAR_OTHER);
		e1000_set(nic, E1000_EIAC, E1000_RXQ0 | E1000_TXQ0 | E1000_OTHER);
	}
	e1000_set(nic, E1000_TXDCTL, e1000_get(nic, E1000_TXDCTL) | TXDCTL_COUNT_DESC);
	e1000_start(nic);
	return OK;
}

static void quiesce(struct nic *nic)
{
	stop_bus_master(nic);
	e1000_quiesce(nic);
}

static bool listen(struct nic *nic, bool transmit)
{
	uint32_t causes = E1000_RXT0 | E1000_RXDMT0 | E1000_RXO | E1000_LSC | (transmit ? E1000_TXDW : 0);

	if (nic->host.interrupts) {                      /* with MSI alone those above count, with MSI-X these */
		causes |= E1000_RXQ0 | E1000_OTHER | (transmit ? E1000_TXQ0 : 0);
	}
	return e1000_listen_to(nic, causes, transmit);
}

const struct nic_ops nic_e1000e = {
	.name = "e1000e", .matches = matches, .attach = attach, .quiesce = quiesce, .takes = e1000_takes,
	.has_slots = e1000_has_slots, .transmit = e1000_transmit, .flush = e1000_flush, .reap = e1000_reap,
	.receive = e1000_receive, .release = e1000_release, .acknowledge = e1000_acknowledge, .listen = listen,
};
