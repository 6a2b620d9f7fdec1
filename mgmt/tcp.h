/* SPDX-License-Identifier: Apache-2.0 */
/* TCP connections of lwIP as streams. After link_init(); the same thread as all of lwIP. */
#pragma once

#include "mgmt/stream.h"

/* Listens on all addresses. E_NOMEM. */
int tcp_listen_on(uint16_t port) MUST_CHECK;

/* The next connection that has come. NULL: none. */
struct stream *tcp_next(void);

/* Half-open connections beyond a number of them are dropped, the oldest first. Once per round. */
void tcp_trim(void);
