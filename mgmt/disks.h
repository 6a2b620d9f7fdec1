/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes under /v1/disks (docs/driver-protocol.md): disks that outlive VMs. init has them; what one holds is seen here only while somebody
 * fetches it, and then no VM writes to it.
 */
#pragma once

#include "mgmt/exchange.h"

enum { DISK_TEXT_MAX = 512 };        /* bytes of a request's body                                    */

void disks_ask(struct exchange *e);
void disks_poll(struct exchange *e);

void disk_create(struct exchange *e);
void disk_resize(struct exchange *e);
void disk_rename(struct exchange *e);
void disk_delete(struct exchange *e);
void disk_poll(struct exchange *e);

void disk_get(struct exchange *e);
void disk_get_poll(struct exchange *e);
void disk_more(struct exchange *e);

void disk_end(struct exchange *e);

struct mgmt_command;

/* What a new disk is to be, of its lines, into image, size and flags of the command. False: *why says what is wrong with them. */
bool disk_words(const char *text, struct mgmt_command *command, const char **why);
