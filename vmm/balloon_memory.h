/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the balloon holds goes back to the node, in the pieces that guest RAM is made of (vmm_launch.ram):
 *
 *   HERE --all pages in the balloon--> GOING --init took it--> AWAY --a page is wanted--> COMING --init returned it--> HERE
 *
 * A piece that is not HERE is no memory for devices (gmem.away). Context everywhere: device lock held.
 */
#pragma once

#include "vmm/virtio_balloon.h"

extern const struct virtio_balloon_backend balloon_memory;

/* Before the vCPUs run: which pieces there are. */
void balloon_memory_init(void);

/* init changed control.taken. True: some piece is here again. */
bool balloon_memory_answer(void);

/*
 * The guest touched gpa, where nothing is mapped. True: it is in a piece that is not here, and was asked for again; the guest tries
 * until it has come.
 */
bool balloon_memory_touch(uint64_t gpa);
