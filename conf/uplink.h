/* SPDX-License-Identifier: Apache-2.0 */
/* The node's switches: lines "node uplink", their ways out, and "node bridge", their names in OpenNebula. docs/configuration.md is the grammar. */
#pragma once

#include "conf/words.h"

/* p->value is the value of a line of that kind. */
void conf_add_uplink(struct parser *p);
void conf_add_bridge(struct parser *p);
