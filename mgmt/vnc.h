/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serial consoles of VMs as screens of 80 x 25 characters for VNC viewers (RFC 6143), each VM's on a TCP port of its own that is open only
 * after somebody asked for it. Not encrypted, by the protocol's nature.
 *
 * What is open stands in struct mgmt_exchange, so that a mgmt that was started again opens it again. It goes with its VM: when a VM that was
 * there is deleted, or by vnc_close().
 */
#pragma once

#include "mgmt/stream.h"

enum {
	VNC_PORT_MIN = 5900,         /* what OpenNebula gives to VM 0                                */
	VNC_PORTS = 64,              /* VMs that may have one                                        */
	VNC_VIEWERS = 8,             /* on all ports together                                        */
	VNC_VIEWERS_PER_VM = 4,
	VNC_PASSWORD_MAX = 64,       /* bytes with the NUL; the protocol uses the first 8            */
};

/*
 * Opens vm's console on a port of the node from VNC_PORT_MIN on. password "": none is asked for. The VM need not be there yet. A VM that has
 * one open gets this port and password in place of those: viewers stay if both are the same, else they are cut off.
 * *why: a sentence for users, when it fails. E_INVAL: name, port or password that cannot be; E_BUSY: the port is another VM's; E_NOMEM.
 */
int vnc_open(const char *vm, uint16_t port, const char *password, const char **why) MUST_CHECK;

/* Closes it and cuts its viewers off. Nothing happens if there is none. */
void vnc_close(const char *vm);

/* What is open for vm, or 0. */
uint16_t vnc_port(const char *vm);

/* ---- for the program's loop ---- */

/* Once, after link_init(): opens again what was open. */
void vnc_init(void);

/* A connection to one of these ports has come; takes the stream over. */
void vnc_accept(struct stream *stream, uint64_t now_ns);

/* One round over all viewers. Returns when to call again even if nothing moves: now_ns when something is left to do. */
uint64_t vnc_run(uint64_t now_ns);
