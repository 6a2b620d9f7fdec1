/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the routes under /v1/node and /v1/vms, (docs/management.md). */
#pragma once

#include "mgmt/exchange.h"

/* Number of the VM that the path names, or -1 after a refusal. */
int node_find_vm(struct exchange *e);

void node_get(struct exchange *e);
/* The last lines of the node's log, as text. */
void node_get_log(struct exchange *e);

void node_get_vms(struct exchange *e);
void node_get_vm(struct exchange *e);
void node_create_vm(struct exchange *e);
void node_start_vm(struct exchange *e);
void node_stop_vm(struct exchange *e);
void node_kill_vm(struct exchange *e);
void node_reset_vm(struct exchange *e);
void node_delete_vm(struct exchange *e);

/* Of all these: init's answer, and the end of the exchange. */
void node_poll(struct exchange *e);
void node_end(struct exchange *e);
