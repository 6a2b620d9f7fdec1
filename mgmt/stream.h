/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of one connection, both ways, that nobody waits for: TCP of lwIP on a node, a socket in the test harness. */
#pragma once

#include "lib/base.h"

struct stream;

struct stream_ops {
	/* Returns bytes, at least 1; 0: the peer will send no more; E_AGAIN: none now; E_IO: the connection is broken. */
	int (*read)(struct stream *s, void *to, size_t size);

	/* Returns bytes taken, at least 1; E_AGAIN: no room now; E_IO: broken. */
	int (*write)(struct stream *s, const void *bytes, size_t len);

	/* Ends it; s must not be used again. What was written is still sent. */
	void (*close)(struct stream *s);

	/* The client has shown who it is: others go first when there is no room. */
	void (*favour)(struct stream *s);
};

/* The first member of what implements it. */
struct stream {
	const struct stream_ops *ops;
	char peer[48];               /* address, for people                                          */
	uint64_t origin;             /* who it is when connections are counted: an IPv4 address, the first 64 bits of an IPv6 one */
	uint16_t port;               /* of ours, that was connected to                               */
};
