/* SPDX-License-Identifier: Apache-2.0 */
/* Names of nodes: those of OpenNebula's hosts. */
#pragma once

#include "lib/base.h"

enum { NODE_NAME_MAX = 253 };

/* Letters, digits, - . _ and neither of these first; up to NODE_NAME_MAX. */
bool node_name_ok(const char *name);
