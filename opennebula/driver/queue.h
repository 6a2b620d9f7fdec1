/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of oned on their way: those of one id (a VM, a host) one after the other as they came, those of others beside them, each in a
 * thread, and never more threads than said. Any thread may call anything here.
 *
 * A request that is given up (DRIVER_CANCEL) goes on in its thread, which finds out by itself; nobody waits for its answer.
 * What is asked for next with that id begins when the thread has either found out or has told where it waits
 * (queue_commit()), so that this can be undone first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "opennebula/driver/line.h"

enum {
	QUEUE_THREADS = 128,         /* at most, if the driver's arguments do not say */
	QUEUE_WAITING = 1024,        /* requests that are held at a time */
	QUEUE_KEY = 33,              /* 32 hexadecimal digits */
	QUEUE_HOST = 256,
};

/* Bytes of payload of all requests that are held. */
#define QUEUE_BYTES ((size_t)64 << 20)

struct request {
	struct request *next;        /* the queue's */
	char type[LINE_TYPE];
	long id;
	char *payload;               /* its own, NUL-terminated */
	size_t len;
	char key[QUEUE_KEY];         /* queue_commit()'s: the name of what is done, for everybody after us */
	char host[QUEUE_HOST];       /* queue_commit()'s; in a DRIVER_CANCEL: of what is to be given up, or "" */
	char cancels[QUEUE_KEY];     /* in a DRIVER_CANCEL: its key */
	bool running, given_up, finished;    /* the queue's */
};

/* Does one request; runs in a thread of its own and may take its time. */
typedef void queue_work(struct request *r);

/*
 * work: who does requests; threads: at most so many at a time, 1 to 1024, and a few more for what gives up. Once, before
 * anything else here.
 */
void queue_start(queue_work *work, unsigned threads);

/*
 * Takes a request over. False: there are too many, or no memory; then nothing happened. A request of type DRIVER_CANCEL drops
 * what waits with its id and gives up what runs.
 */
bool queue_add(const struct line_request *line);

/*
 * Says that host is about to be asked to do r, under r->key, which is random and new. False: r was given up, and nobody is to
 * be asked.
 */
bool queue_commit(struct request *r, const char *host);

/*
 * Says that the host has answered: from here on what comes next with r's id waits again until r is done. False: r was given up in
 * the meantime, the next one may be at work, and r has nothing to do any more.
 */
bool queue_return(struct request *r);

/* Waits, and false as soon as r is given up. */
bool queue_pause(struct request *r, unsigned ms);

/* Says that r is about to be answered, after which it cannot be given up. False: it was, and nobody wants the answer. */
bool queue_finish(struct request *r);

/* Waits until nothing is held. For tests. */
void queue_drain(void);
