/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes on a node, by one request per node that waits there (GET /v1/one/changes). It is asked while somebody waits here, and a
 * minute longer.
 */
#pragma once

#include "lib/base.h"

struct node;
struct watch;

struct watch *watch_new(struct node *node);
/* After work_join. */
void watch_free(struct watch *watch);

/* The number of changes seen so far. */
unsigned long watch_count(struct watch *watch);

/*
 * Waits until there are more than *seen, or until the time of work_now_ms; sets *seen. True: there are. A connection that was lost and is back is a
 * change, too, as anything may have happened.
 */
bool watch_wait(struct watch *watch, unsigned long *seen, int64_t until_ms);

/* Counts a change that brumed made itself. */
void watch_tell(struct watch *watch);
