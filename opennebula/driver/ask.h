/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks brumed for a driver: again and again while it does not answer, with the same words and the same key, which brumed and the
 * node know, so that nothing is done twice.
 */
#pragma once

#include "opennebula/driver/queue.h"
#include "opennebula/lib/local.h"

enum { ASK_WAIT_S = 60 };

/* Seconds for which a brumed that does not answer is asked again. Once, before the first question. */
void ask_start(unsigned wait_s);

/*
 * One question for request r, as of local_call(). True: brumed answered, with any status. False: it did not until the deadline, or r was given
 * up; answer->body says so. The caller frees the answer in either case.
 */
bool ask(struct request *r, const char *method, const char *path, const char *const headers[], const struct buffer *body,
	 struct local_answer *answer);
