/* SPDX-License-Identifier: Apache-2.0 */
/* What mgmt asks for (mgmt/node.h: enum mgmt_op) is done and answered here: one thing after the other, each checked first. */
#pragma once

#include "mgmt/node.h"

/* The rings as a new mgmt finds them: empty. Who was not answered yet will not be. */
void control_reset(struct mgmt_exchange *exchange);

/* Does what there is to do. space: mgmt's. Returns whether anything was answered. */
bool control_requests(uint32_t space);
