/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MSI-X of a PCI function: table, pending bits, masks. PCI Local Bus 3.0, 6.8.2. Context: device lock held.
 */
#pragma once

#include "vmm/pci.h"

enum { MSIX_VECTORS_MAX = 32, MSIX_ENTRY = 16 /* bytes of the table for a vector */, MSIX_PBA_BYTES = 8 };

struct msix {
	/* Guest state. */
	uint32_t entry[MSIX_VECTORS_MAX][4]; /* address low and high, data, vector control           */
	uint32_t pending;            /* bit per vector                                               */
	/* Host side. */
	struct pci_function *f;
	unsigned count;              /* vectors: 1 to MSIX_VECTORS_MAX                               */
	unsigned cap;                /* where the capability is                                      */
};

/*
 * Gives f the capability: count vectors, their table and pending bits at these offsets (multiples of 8) of BAR bar. The
 * owner of the BAR passes accesses on, and calls msix_config_written() from its hook.
 */
void msix_init(struct msix *x, struct pci_function *f, unsigned count, unsigned bar, uint32_t table, uint32_t pba);

/* Accesses with addr relative to the table or the pending bits; any size at any offset, beyond the end reads zero. */
void msix_table_access(struct msix *x, struct io_access *io);
void msix_pba_access(struct msix *x, struct io_access *io);

/* Messages that were held back may go now. */
void msix_config_written(struct msix *x);

/* MSI-X is on: the function must not use INTx. */
bool msix_enabled(const struct msix *x);

/* Sends vector's message, or notes it as pending while it is masked. Vectors that do not exist are ignored. */
void msix_send(struct msix *x, unsigned vector);

/* The message that msix_send() would send now. E_NOENT: none, it is masked or off. */
int msix_message(const struct msix *x, unsigned vector, uint64_t *address, uint32_t *data) MUST_CHECK;
