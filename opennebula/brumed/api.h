/* SPDX-License-Identifier: Apache-2.0 */
/* brumed's local API: HTTP over its Unix socket, a thread per client (docs/brumed.md). */
#pragma once

#include "lib/base.h"
#include "opennebula/lib/memory.h"

/* Makes the socket; before brumed leaves its terminal, so that the reason is seen. -1 with the reason. */
int api_listen(struct why *why);

/* Begins to answer. False with the reason. */
MUST_CHECK bool api_start(int fd, struct why *why);

/* After work_stop: waits for the requests that are answered, and removes the socket. */
void api_stop(void);
