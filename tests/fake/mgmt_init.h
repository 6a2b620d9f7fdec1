/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init as mgmt knows it, made up: it answers each command the second time that it is asked for the answer. Volumes are memory of the host,
 * FAKE_VOLUME_BYTES of them in all, and in nobody's use; VMs are those of fake_init_node.
 */
#pragma once

#include "console/node.h"
#include "mgmt/node.h"

#define FAKE_VOLUME_BYTES (64ull << 20)

extern struct node_status *fake_init_node;

/* All volumes are gone, and nothing is asked for. */
void fake_init_reset(void);
