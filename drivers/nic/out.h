/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory for frames that are sent: each stands in one piece, pieces follow each other round and round, and a piece is
 * free when all that are older are. Cards may finish frames in any order.
 */
#pragma once

#include "lib/base.h"

enum { NIC_OUT_FRAMES = 256, NIC_OUT_ALIGN = 64 };

#define NIC_OUT_FULL UINT32_MAX

struct nic_out {
	uint32_t size;               /* bytes                                                        */
	unsigned slots;              /* at most NIC_OUT_FRAMES                                       */
	uint32_t head, tail;         /* the next free byte, the oldest in use; equal: none is in use */
	unsigned first, count;       /* slots in use                                                 */
	uint64_t gone;               /* frames that have gone                                        */
	struct {
		uint32_t end;        /* of its bytes                                                 */
		bool busy;
	} frame[NIC_OUT_FRAMES];
};

/* Offset at which a frame of len bytes may stand, or NIC_OUT_FULL. */
uint32_t nic_out_room(const struct nic_out *out, uint32_t len) MUST_CHECK;

/* Takes that place; returns its slot. */
unsigned nic_out_take(struct nic_out *out, uint32_t offset, uint32_t len);

/* The frame of a slot has gone. False: there is none. */
bool nic_out_done(struct nic_out *out, unsigned slot) MUST_CHECK;
