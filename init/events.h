/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of the events that init's one thread waits for: kind and number. */
#pragma once

#include "lib/base.h"

enum event_kind { KEY_CONF, KEY_CONSOLE, KEY_REQUEST, KEY_VM, KEY_NET, KEY_NET_ANSWER, KEY_MGMT, KEY_MGMT_REQUEST };

static inline uint64_t event_key(enum event_kind kind, uint32_t number)
{
	return (uint64_t)kind << 32 | number;
}
