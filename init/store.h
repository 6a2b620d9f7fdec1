/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that outlive the VMs that use them; mgmt/node.h tells what one is, lib/kept_disk.h what VMs leave in it. All of its layer's memory
 * is taken when it is made, in large pieces, so that no write of a guest can fail for want of it.
 *
 * Every function that can fail says in *why, in words for a user, what is wrong.
 */
#pragma once

#include "init/pieces.h"
#include "mgmt/node.h"

struct stored {
	struct pieces layer, states; /* none: it is read-only                                        */
	uint32_t volume;             /* number of the one that is its image, plus one; 0: none is    */
	uint32_t open;               /* windows of mgmt in which it is                               */
	uint64_t told, progress_ns;  /* of one that is partial: how much mgmt last told of, and when that changed */
};

/* Bytes of memory that the table of them takes; it is all zeros at first. The first part, struct mgmt_disks, is what mgmt sees. */
uint64_t store_table_bytes(void);

/* show: such memory; closed, sent: of mgmt_exchange, which is not believed. All stay. Before it there are no disks. */
void store_init(struct mgmt_disks *show, const uint32_t *closed, struct mgmt_progress *sent);

/* Called once for each wish that was OK: number of the disk, or an error, which why tells in words. */
typedef void store_done_fn(int result, const char *why);

/*
 * Both take memory; store_tick() zeroes it, some at a time, and then the disk is there, or larger. One at a time: not again before done, or
 * store_cancel(): nobody waits for it any more. A disk of that name that was made with the same words is done at once: its number comes back, and
 * done is not called. E_AGAIN: done will be.
 */
int store_create(const struct mgmt_command *wish, store_done_fn *done, const char **why) MUST_CHECK;
int store_resize(const struct mgmt_command *wish, store_done_fn *done, const char **why) MUST_CHECK;
void store_cancel(void);

int store_rename(const char *name, const char *to, const char **why) MUST_CHECK;
int store_delete(const char *name, const char **why) MUST_CHECK;

/* What mgmt sends to a disk is there: VMs may use it. used: bytes of its own blocks, which are not believed beyond what can be. */
int store_seal(const char *name, uint64_t used, const char **why) MUST_CHECK;

/* Number of the disk, below MGMT_DISKS; negative: there is none. */
int store_find(const char *name);

/* What is shown, and the memory of a disk that is there. */
const struct mgmt_disk *store_shown(int number);
const struct stored *store_get(int number);

/* ---- VMs ---- */

/* Whether a VM may start with it. read_only: it will not write, and needs no more than that. E_BUSY. */
int store_check(int number, const char **why) MUST_CHECK;

/* One more VM, or one less, runs with it. vm: the name of one that does; empty if none is left. */
void store_use(int number, int by, const char *vm);

/* What a vmm tells of how much it wrote, which is not believed beyond what can be. */
void store_set_used(int number, uint64_t bytes);

/* ---- mgmt ---- */

/* Maps the disk into space as mgmt/node.h says; what was open in the window is closed first. */
int store_open(const struct mgmt_command *wish, uint32_t space, const char **why) MUST_CHECK;

/* Closes what mgmt does not read any more. space: where it is mapped. */
void store_look(uint32_t space);

/* mgmt died, and its space with it: nothing is open. */
void store_close_all(void);

/* Goes on with what is being made, deletes what nobody goes on to send. Returns the next deadline. */
uint64_t store_tick(uint64_t now_ns);
