/* SPDX-License-Identifier: Apache-2.0 */
/* What mgmt asks of the place that it runs in: the program's main.c on a node, the test harness on a host. */
#pragma once

#include "lib/base.h"

/* Nanoseconds since boot; never goes back. */
uint64_t platform_now_ns(void);

/* One line for the node's log, without its end. Text that a client chose has been filtered. */
void platform_log(const char *format, ...) PRINTF_LIKE(1, 2);

struct node_status;
struct node_relays;
struct mgmt_status;
struct mgmt_wish;

/* What init tells of the node and its VMs; changes under the reader (console/node.h says in which order). */
const struct node_status *platform_node(void);

/* What it tells mgmt alone (mgmt/node.h). */
const struct mgmt_status *platform_status(void);

/* Asks init to do something with a VM, enum node_op, or else, enum mgmt_op. E_AGAIN: it has not dealt with what it was asked before. */
int platform_command(uint32_t op, uint32_t vm) MUST_CHECK;

/* Consoles of VMs (console/node.h), and the console program is to look at them. */
struct node_relays *platform_relays(void);
void platform_signal_console(void);

/* For the next command about image i. */
void platform_wish(uint32_t i, const struct mgmt_wish *wish);

/* The bytes of image i; to be written only while it is being filled. */
void *platform_image(int i);

/*
 * Asks init to make a VM out of a text in the configuration's grammar. E_BUSY: it has not answered the one before; E_INVAL: too long.
 * platform_created(): E_AGAIN until it has answered, then OK or its error, and a sentence. platform_create_forget(): nobody asks any more.
 */
int platform_create(const char *text, size_t len) MUST_CHECK;
int platform_created(const char **message) MUST_CHECK;
void platform_create_forget(void);
