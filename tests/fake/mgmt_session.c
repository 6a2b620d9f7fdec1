/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of sessions for programs that have none. */
#include "mgmt/session.h"

struct session_counters session_counters;
