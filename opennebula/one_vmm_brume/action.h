/* SPDX-License-Identifier: Apache-2.0 */
/* The actions of oned's VMM protocol on Brume's nodes. */
#pragma once

#include "opennebula/driver/queue.h"

/* Whether there is a request of this type. */
bool action_knows(const char *type);

/* Does one request and answers it, unless it was given up. Runs in a thread of its own. */
void action_work(struct request *r);

/* Answers FAILURE to one that is not done. */
void action_refuse(const struct line_request *line, const char *why);
