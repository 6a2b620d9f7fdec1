/* SPDX-License-Identifier: Apache-2.0 */
/* The node's port for programs that have none: its counters. */
#include "mgmt/link.h"

struct link_counters link_counters;
