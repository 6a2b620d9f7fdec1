/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/vms/NAME/console with "Upgrade: brume-console": after the answer 101 the connection carries what the VM's console sends, from
 * its scroll-back on, and what is typed.
 */
#pragma once

#include "mgmt/exchange.h"

void console_open(struct exchange *e);
void console_close(struct exchange *e);

/* Bytes from the VM, and to it; how many were moved. */
size_t console_read(struct exchange *e, uint8_t *to, size_t size);
size_t console_write(struct exchange *e, const uint8_t *bytes, size_t len);

/* The VM was deleted, and all that it sent was read. */
bool console_is_over(struct exchange *e);
