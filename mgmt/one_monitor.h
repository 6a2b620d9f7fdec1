/* SPDX-License-Identifier: Apache-2.0 */
/* What a front-end sends to OpenNebula's monitord about a node (docs/driver-protocol.md, Watching): template text. */
#pragma once

#include "mgmt/exchange.h"

/* The route /v1/one/monitor/KIND: has init count anew, and answers. */
void one_monitor_ask(struct exchange *e);
void one_monitor_poll(struct exchange *e);
void one_monitor_end(struct exchange *e);

/* The texts by themselves, appended to t, from what init told last. */
void one_put_system_host(struct text *t);
void one_put_monitor_host(struct text *t);
void one_put_state_vm(struct text *t);
void one_put_monitor_vm(struct text *t);

/* Remembers what is counted, if the last time is long enough ago: shares of processors are told since then. */
void one_monitor_sample(void);
