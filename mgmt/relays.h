/* SPDX-License-Identifier: Apache-2.0 */
/* mgmt's ends of the relays of the program console (console/node.h): what a VM's console sends, from its scroll-back on, and what is typed. */
#pragma once

#include "lib/base.h"

enum relay_use { RELAY_CONSOLES, RELAY_VIEWERS, RELAY_USES };        /* for HTTP's consoles, for VNC viewers' */

enum { RELAYS_EACH = 8 };            /* relays of each use                                           */

/* Takes a relay for number vm of struct node_status. Returns its number. E_NOMEM: all are taken. */
int relay_open(int vm, enum relay_use use) MUST_CHECK;
void relay_close(int relay);

/* Bytes from the VM, and to it; how many were moved. */
size_t relay_read(int relay, uint8_t *to, size_t size);
size_t relay_write(int relay, const void *bytes, size_t len);

/* Bytes that are to be read of those that were sent before relay_open(); more than 0 as long as that is not known. */
uint32_t relay_backlog(int relay);

/* The VM was deleted, and all that it sent was read. */
bool relay_is_over(int relay);
