/* SPDX-License-Identifier: Apache-2.0 */
/* A large amount of memory as a few regions, which stand behind each other in a space: taken, zeroed step by step, mapped, given back. */
#pragma once

#include "init/memory.h"

enum { PIECES_MAX = 8, PIECE_LARGE = 2 << 20 };      /* what large pages map: tables stay small             */

struct pieces {
	uint32_t count;
	struct extent piece[PIECES_MAX];
};

/* Where the zeroing of them is: piece, and offset in it. */
struct pieces_clean {
	unsigned piece;
	uint64_t offset;
};

/*
 * Adds memory that may be unclean, of any node. bytes, align: PAGE_SIZE or PIECE_LARGE, bytes whole ones of them. E_NOMEM: there is no such
 * memory, or in too many regions; nothing was added.
 */
int pieces_take(struct pieces *p, uint64_t bytes, uint64_t align) MUST_CHECK;

void pieces_give_back(struct pieces *p);

uint64_t pieces_bytes(const struct pieces *p);

/* Zeroes some more. E_AGAIN: not all of it is zeroed yet. */
int pieces_clean_some(const struct pieces *p, struct pieces_clean *at) MUST_CHECK;

/* Only when all is clean. On an error none of it is mapped, but for what cannot be unmapped again, which is logged. */
int pieces_map(const struct pieces *p, uint32_t space, uint64_t address, uint32_t prot) MUST_CHECK;
int pieces_unmap(const struct pieces *p, uint32_t space, uint64_t address) MUST_CHECK;
