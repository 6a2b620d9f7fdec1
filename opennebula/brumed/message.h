/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to monitord: "TYPE SUCCESS HOST TIME base64(zlib(text))", without an end of line. Short ones are datagrams, others a TCP connection each.
 */
#pragma once

#include "opennebula/lib/memory.h"

enum message_kind {
	MESSAGE_SYSTEM_HOST,             /* what the host is; the only one that makes a failed host good */
	MESSAGE_MONITOR_HOST,            /* what it uses */
	MESSAGE_STATE_VM,                /* which VMs run; always by TCP */
	MESSAGE_MONITOR_VM,
	MESSAGE_BEACON_HOST,             /* that it lives */
	MESSAGE_KINDS
};

/* Longer ones go by TCP: they would not be one packet of an Ethernet. */
enum { MESSAGE_DATAGRAM_MAX = 1400 };

/* "SYSTEM_HOST" and so on, and the same in small letters as the node calls it. */
extern const char *const message_words[MESSAGE_KINDS];
extern const char *const message_paths[MESSAGE_KINDS];

/* Adds a message. time: seconds since 1970 or 0, which monitord always accepts. */
void message_format(struct buffer *to, enum message_kind kind, bool success, long host, int64_t time, const char *text);

/* Adds what asks monitord to believe that a list of VMs is whole; VMs that it lacks become UNKNOWN, never POWEROFF. */
void message_add_sync(struct buffer *text);

/*
 * Adds to what SYSTEM_HOST says the VERSION of the front-end's remotes, where it has one: `onehost sync` takes hosts that tell of another for hosts
 * whose files are old, and logs in to them.
 */
void message_add_version(struct buffer *text);

/* Adds an element of the answer to START_MONITOR: <SYSTEM_HOST>base64</SYSTEM_HOST>. */
void message_add_element(struct buffer *xml, enum message_kind kind, const char *text);

/* Whether a message goes by TCP, of which it is known whether monitord was there. */
bool message_is_stream(enum message_kind kind, const struct buffer *message);

/* Sends a message of that kind to address, a name or IP, and port. False with the reason. */
MUST_CHECK bool message_send(const char *address, long port, enum message_kind kind, const struct buffer *message, struct why *why);
