/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of the transfer manager that a VMM driver has to do itself, by brumed:
 *
 *	CONTEXT brume /var/lib/one/vms/2/context.sh rack1:/var/lib/one/datastores/102/2/disk.3 2 102
 */
#pragma once

#include "opennebula/driver/queue.h"
#include "opennebula/lib/memory.h"

/* How a line ended. */
enum transfer_result {
	TRANSFER_DONE,
	TRANSFER_IN_USE,                 /* a running VM has it already */
	TRANSFER_FAILED,
	TRANSFER_LOST,                   /* brumed did not answer; or the request was given up */
};

/*
 * One line as path and body of a request to brumed's API, which are added. False with the reason: it is none, or another driver's. The line is
 * changed.
 */
MUST_CHECK bool transfer_parse(char *line, struct buffer *path, struct buffer *body, struct why *why);

/* The line that undoes one, added to undo; nothing for one that leaves nothing behind. */
void transfer_undo(const char *line, struct buffer *undo);

/* Does lines, one by one, until one fails; their roll-back is added to undo, last line first, unless undo is NULL. */
enum transfer_result transfer_run(struct request *r, const char *lines, struct buffer *undo, struct why *why);

/* Does all lines, also after one that failed, while brumed answers. False with the first reason if one failed. */
bool transfer_run_all(struct request *r, const char *lines, struct why *why);
