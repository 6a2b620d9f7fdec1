/* SPDX-License-Identifier: Apache-2.0 */
/* Which frames belong together: both directions between the same two addresses and ports. */
#pragma once

#include "lib/base.h"

/* Bytes from a frame's beginning that tell it: Ethernet, IPv6 without extensions, ports. */
enum { NET_FLOW_BYTES = 14 + 40 + 4 };

/*
 * A number, well mixed in its low bits, that is the same for a flow's frames in both directions. Frames that are neither
 * IPv4 without options nor IPv6 get some number. Any bytes will do.
 */
uint32_t net_flow(const uint8_t frame[NET_FLOW_BYTES]) MUST_CHECK;
