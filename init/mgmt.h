/* SPDX-License-Identifier: Apache-2.0 */
/* init's side of mgmt: starts it again when it dies, gives it its place in the network, does what it asks for. */
#pragma once

#include "conf/result.h"
#include "lib/base.h"

/* What the configuration says of the node. Before mgmt_init(). */
void mgmt_configure(const struct conf_node *node);

/* Starts the program where the configuration gives the node an address. Errors are logged. After net_init(). */
void mgmt_init(void);

/* The console runs, anew. */
void mgmt_connect_console(void);

/* The program died; it asks for something. */
void mgmt_died(void);
void mgmt_requests(void);

/* Starts the program again when it is time. Returns the next deadline. */
uint64_t mgmt_tick(uint64_t now_ns);

/* Writes what is counted anew, where it can read it. */
void mgmt_refresh(void);

/* Something that it asked for is done: mgmt_requests() is called soon. */
void mgmt_look_again(void);

/* Something changed that it watches. */
void mgmt_wake(void);
