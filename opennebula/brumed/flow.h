/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from one thread to another, with little room between them: who is faster waits. */
#pragma once

#include <pthread.h>

#include "lib/base.h"

enum { FLOW_ROOM = 256 << 10 };

struct flow {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char *room;                      /* lock; FLOW_ROOM bytes, from the first write on */
	size_t first, len;               /* lock; of what is in it, around the end */
	bool ended;                      /* lock; nothing more will be written */
	bool broken;                     /* lock; nobody reads or nobody will finish writing */
};

void flow_init(struct flow *flow);
void flow_free(struct flow *flow);

/* Waits for room. False: broken. */
MUST_CHECK bool flow_write(struct flow *flow, const char *bytes, size_t len);

/* Waits for bytes, and takes up to size. 0: the end; -1: broken, or brumed ends. */
long flow_read(struct flow *flow, char *to, size_t size);

/* All was written. */
void flow_end(struct flow *flow);

/* Either side gives up. */
void flow_break(struct flow *flow);
