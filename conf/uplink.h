/* SPDX-License-Identifier: Apache-2.0 */
/* The ways out of the node's switches: lines "node uplink". docs/configuration.md is the grammar. */
#pragma once

#include "conf/words.h"

/* p->value is the value of a line of that kind. */
void conf_add_uplink(struct parser *p);
