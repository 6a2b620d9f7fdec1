/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init as mgmt knows it, made up: it answers each command the second time that it is asked for the answer. Volumes are memory of the host,
 * FAKE_VOLUME_BYTES of them in all, and in nobody's use; so are disks, as if VMs had changed some blocks of each; VMs are those of
 * fake_init_node.
 */
#pragma once

#include "console/node.h"
#include "mgmt/node.h"

#define FAKE_VOLUME_BYTES (64ull << 20)

extern struct node_status *fake_init_node;

/* What platform_status() tells, to be changed. */
struct mgmt_status *fake_status(void);

/* Of a disk with a layer the blocks with these numbers, as far as it has them, are its own, full of FAKE_OWN_BYTE, and all zeros. */
enum { FAKE_OWN_BLOCK = 1, FAKE_OWN_BYTE = 0x42, FAKE_ZERO_BLOCK = 3 };

/* Disks that are open. */
unsigned fake_init_open(void);

/* All volumes and disks are gone, and nothing is asked for. */
void fake_init_reset(void);
