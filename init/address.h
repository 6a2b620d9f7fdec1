/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MAC addresses that the node chooses: 02, three bytes by which nodes on one wire differ, and two that tell cards of one node
 * apart. The first byte says: of one station, locally administered (IEEE 802-2014, 8.4). And UUIDs of VMs that were given none.
 */
#pragma once

#include "lib/base.h"

enum { ADDRESS_PREFIX_BYTES = 4 };

/* The prefix where there is nothing by which machines differ. */
#define ADDRESS_PREFIX_COMMON { 0x02, 0x62, 0x72, 0x00 }

/* By a UUID of the machine: always the same for one, for two of them with a probability of 1 in 2^24. */
void address_prefix_of_uuid(const uint8_t uuid[16], uint8_t prefix[ADDRESS_PREFIX_BYTES]);

/* Another one each time, by the processor's RDRAND (SDM 1, 7.3.17). False, and prefix untouched: it has none, or that gives nothing. */
bool address_prefix_draw(uint8_t prefix[ADDRESS_PREFIX_BYTES]) MUST_CHECK;

/*
 * Of the VM of that name on the machine with that UUID (all zeros: it has none): always the same for both, in the order in which a
 * UUID is written. Version 8 (RFC 9562, 5.8).
 */
void address_vm_uuid(const uint8_t machine[16], const char *name, uint8_t uuid[16]);
