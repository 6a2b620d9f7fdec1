/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of lwIP's memory one TCP connection may have, so that those which stall leave some to all others: segments that wait to be
 * sent or acknowledged, and buffers that came and are not read. Connections that were closed count as long as lwIP has them.
 */
#pragma once

#include <lwip/tcp.h>

#include "lib/base.h"

enum {
	SHARE_SEND = 160,            /* segments that all together may have waiting                  */
	SHARE_SEND_FEW = 2,          /* that each may have in any case                               */
	SHARE_KEEP = 96,             /* buffers that lwIP itself may keep: out of order, or not taken by us */
};

/* Bytes that may be written to the connection now. */
size_t share_send_room(const struct tcp_pcb *pcb);

/* Whether lwIP may keep so many buffers more that we do not take. */
bool share_may_keep(unsigned buffers);
