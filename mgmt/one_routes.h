/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the routes under /v1/one but those of the monitor's texts (docs/driver-protocol.md). */
#pragma once

#include "mgmt/exchange.h"

void one_action_begin(struct exchange *e);
void one_action_data(struct exchange *e, const uint8_t *bytes, size_t len);
void one_action_answer(struct exchange *e);
void one_action_end(struct exchange *e);

void one_get_actions(struct exchange *e);
void one_get_action(struct exchange *e);
void one_delete_action(struct exchange *e);

void one_changes_answer(struct exchange *e);
void one_changes_poll(struct exchange *e);
void one_changes_end(struct exchange *e);

/* A new mgmt: takes the table over, and the number of this start of the node. */
void one_init(uint64_t now_ns);

/*
 * Actions go on, and it is seen what became of VMs. To be called before the sessions' round. Returns when to call again even if nothing comes: for
 * actions, and for those that wait for a change.
 */
uint64_t one_run(uint64_t now_ns);
