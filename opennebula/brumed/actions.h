/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions on VMs: POST /nodes/NAME/actions/ACTION/VMID with X-Key. Each is done by a thread that outlives its client; whoever asks with the same key
 * gets the same result, for settings.keep_s after it was there.
 *
 *	asked -> running (the node has the key) -> done -> told (a client has the result; the node forgets it)
 */
#pragma once

#include "opennebula/brumed/request.h"

struct action;

/* Blocks until the result: 200 {"status", "info"}; 400: the request is wrong. */
request_handler actions_answer;

/* DELETE /nodes/NAME/actions/KEY: gives it up. */
request_handler actions_cancel;

/* The answer of a request that has this action was written, or could not be. */
void actions_told(struct action *action, bool written);

/* After work_join. */
void actions_free(void);
