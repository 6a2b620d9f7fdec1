/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: counting notifications. The bound thread receives the count from event_wait(); signals while nobody is bound
 * are counted too. All of it is the kernel lock's.
 */
#pragma once

#include "kernel/object.h"
#include "kernel/timer.h"
#include "lib/base.h"

struct event {
	struct object object;
	uint64_t count;              /* signals since the last wait that returned this event          */
	uint64_t key;                /* what the bound thread knows it by                             */
	struct thread *thread;       /* bound; NULL: nobody                                           */
	struct list in_thread;       /* thread.events                                                 */
	struct list in_pending;      /* thread.pending, while bound and count > 0                     */
	struct list refs;            /* struct event_ref.in_event                                     */
	struct timer timer;
	struct space *route;         /* guest that gets signals as messages; NULL: they are counted   */
	struct list in_route;        /* space.routes                                                  */
	uint64_t msi_address;
	uint32_t msi_data;
};

/*
 * Something that signals an event later (doorbell, death of a process, serial line). The event's end empties it:
 * ref->event is NULL then. Zero-initialized means empty.
 */
struct event_ref {
	struct event *event;
	struct list in_event;
};

/* Points ref to e (NULL: to nothing), leaving what it pointed to before. */
void event_ref_set(struct event_ref *ref, struct event *e);
/* Signals if it points to something. */
void event_ref_signal(struct event_ref *ref);

/* Any context with the kernel lock. */
void event_signal(struct event *e);

/* owner pays. NULL: its arena is empty. */
struct event *event_create(struct process *owner) MUST_CHECK;
void event_destroy(struct object *o);    /* of object_destroy() */

/* t receives e from now on under key (below 2^63); whoever was bound no longer does. */
void event_bind(struct event *e, struct thread *t, uint64_t key);
void event_unbind(struct event *e);

/* Signals become that message to the guest s from now on; s NULL: no longer. The end of s ends it. */
void event_set_route(struct event *e, struct space *s, uint64_t msi_address, uint32_t msi_data);

/* Takes the first pending event of t: true, its key and count. */
bool event_take(struct thread *t, uint64_t *key, uint64_t *count);
