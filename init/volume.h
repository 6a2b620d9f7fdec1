/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes: content in RAM that mgmt fills and VMs use; mgmt/node.h draws their life. Their memory is whole pieces of 2 MiB, taken
 * when they are made, so that tables for them are small wherever they are mapped. What init needs itself stays free.
 *
 * Every function that can fail says in *why, in words for a user, what is wrong.
 */
#pragma once

#include "init/memory.h"
#include "init/pieces.h"
#include "mgmt/node.h"

#define VOLUME_RESERVE MIB(32)           /* free memory that volumes leave: for servers that start again, and small VMs */
#define VOLUME_MAX (1ull << 39)          /* bytes of one                                                 */
#define VOLUME_IDLE_NS (3600 * 1000000000ull)

/* Bit n of all: volume n. */
struct volume_set {
	uint64_t bits[MGMT_VOLUMES / 64];
};

struct volume {
	struct pieces memory;
	uint64_t told, progress_ns;  /* of a new one: how much mgmt last told of, and when that changed */
};

/* show: what mgmt sees; progress: of mgmt_exchange, which is not believed. Both stay. */
void volumes_init(struct mgmt_volumes *show, struct mgmt_progress *progress);

/* Called once for each volume_create() that was OK: number of the volume, or an error, which why tells in words. */
typedef void volume_done_fn(int result, const char *why);

/*
 * Takes the memory; volumes_tick() zeroes it, some at a time, and then maps it into space, mgmt's. One at a time: not again before
 * done, or volume_cancel(): nobody waits for it any more.
 */
int volume_create(const struct mgmt_command *wish, uint32_t space, volume_done_fn *done, const char **why) MUST_CHECK;
void volume_cancel(void);

/* Number of the volume, below MGMT_VOLUMES; negative: there is none. */
int volume_find(const char *name);

int volume_seal(const char *name, uint32_t space, const char **why) MUST_CHECK;
int volume_delete(const char *name, const char **why) MUST_CHECK;

/* Whether a volume or a disk may be called that. */
bool volume_good_name(const char *name);

/* Free memory that volumes and disks may still take. */
uint64_t volumes_free_bytes(void);

/* A new mgmt: maps all that there are. */
int volumes_map(uint32_t space) MUST_CHECK;

/* Takes over what mgmt tells of its progress: it may only grow. */
void volumes_look(void);

/* What is shown, and the memory of a volume that is there. */
const struct mgmt_volume *volume_shown(int number);
const struct volume *volume_get(int number);

/* A VM that starts, or has ended, uses these. */
void volumes_hold(const struct volume_set *used);
void volumes_release(const struct volume_set *used);

/* by 1, or -1: there is one more disk, or one less, that stands on a volume. */
void volume_hold_for_disk(int number, int by);

/* Goes on with a new one, deletes what nobody finishes. Returns the next deadline. */
uint64_t volumes_tick(uint64_t now_ns);
