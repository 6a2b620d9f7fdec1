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

/* mgmt/disk_put.c */
void disk_put_begin(struct exchange *e);
void disk_put_data(struct exchange *e, const uint8_t *bytes, size_t len);
void disk_put_answer(struct exchange *e);
void disk_put_poll(struct exchange *e);

void disk_end(struct exchange *e);

struct mgmt_command;
struct mgmt_disk;
struct kept_disk;

/* The disk of that name; NULL: there is none. */
const struct mgmt_disk *disk_find(const char *name);

/* Answers with the disk's row of the list. */
void disk_reply(struct exchange *e, unsigned status);

/* Asks init for that with the request's disk, and waits for it; `what` is for the log, status for disk_poll(). Else it was refused. */
void disk_ask(struct exchange *e, const char *what, int status, struct mgmt_command *command);

/* The same for opening it in a window, which it has until disk_let_go(). flags: as of MGMT_DISK_OPEN. */
void disk_open(struct exchange *e, const char *what, uint32_t flags);
void disk_let_go(struct exchange *e);

/* What was opened. */
void disk_content(const struct exchange *e, const struct mgmt_disk *d, struct kept_disk *content);

/* What a new disk is to be, of its lines, into image, size and flags of the command. False: *why says what is wrong with them. */
bool disk_words(const char *text, struct mgmt_command *command, const char **why);
