/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections of lwIP as streams. After link_init(); the same thread as all of lwIP. */
#pragma once

#include "mgmt/stream.h"

/* Listens on all addresses. E_NOMEM, which it also is when somebody listens there already. */
int tcp_listen_on(uint16_t port) MUST_CHECK;

/* Listens there no more; connections that have come stay. */
void tcp_leave(uint16_t port);

/* The next connection that has come. NULL: none. */
struct stream *tcp_next(void);

/* Half-open connections beyond a number of them are dropped, the oldest first. After each frame, so that each finds a place. */
void tcp_trim(void);
