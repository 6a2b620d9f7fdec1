/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What STATE_VM says. oned writes each VM of a message to its database and, within 30 s of a VM's begin or end, to the VM's log that it does not believe
 * it. So a message has what is new, and that once more when those 30 s are over; from time to time, the whole list. Nothing is said of a VM that the
 * node does not tell of. One thread's.
 */
#pragma once

#include "opennebula/lib/memory.h"

/* Longer than oned does not believe a state. */
enum { STATES_AGAIN_MS = 35000 };

/* What monitord was told last. All zero: nothing yet. */
struct states {
	struct state *row;
	size_t count, room;
};

/* Adds those lines of text, the node's list, that are to be said at a time of work_now_ms; whole: all that are about a VM. */
void states_choose(const struct states *states, const char *text, int64_t now_ms, bool whole, struct buffer *to);

/* monitord took what states_choose() gave for the same text and time. */
void states_said(struct states *states, const char *text, int64_t now_ms);

/* monitord knows nothing any more: all is new. */
void states_forget(struct states *states);
