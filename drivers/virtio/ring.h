/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtqueues, the device's side: split and packed rings with indirect descriptors and suppressed notifications.
 * virtio 1.2, 2.7 and 2.8. Freestanding: knows nothing of a VMM, nor of a transport.
 *
 * The other side may write anything anywhere at any time. Cursors are private, a descriptor is copied once and then
 * checked, and what comes out is a list of pieces of memory that were looked up by the caller's own function. An error
 * is the driver's fault and final: the ring is broken until ring_init(), and r->why says what it was in words; the
 * device tells the driver by DEVICE_NEEDS_RESET.
 *
 * A ring belongs to one thread at a time. Work in batches:
 *
 *     ring_mute(r);
 *     do {
 *         while (budget-- && ring_pop(r, &chain) > 0) { ...; ring_use(r, &chain, written); }
 *         if (ring_publish(r)) { interrupt }
 *     } while (budget && ring_listen(r));
 *
 * The budget is not for decoration: a driver on another CPU, or a ring that overlaps itself, never runs empty.
 */
#pragma once

#include "lib/base.h"

enum {
	RING_SIZE_MAX = 1024,        /* descriptors; split: a power of two, packed: any              */
	RING_SEGMENTS_MAX = 512,     /* pieces of a chain                                            */
	RING_BYTES_MAX = 512 << 20,  /* bytes of a chain, in either direction                        */
};

/* Features that change the ring, by bit number; virtio 1.2, 6. */
enum ring_feature {
	RING_F_INDIRECT_DESC = 28, RING_F_EVENT_IDX = 29, RING_F_RING_PACKED = 34, RING_F_IN_ORDER = 35,
};
#define RING_FEATURES (1ull << RING_F_INDIRECT_DESC | 1ull << RING_F_EVENT_IDX | 1ull << RING_F_RING_PACKED | \
		       1ull << RING_F_IN_ORDER)

/* What a device offers: RING_FEATURES. A variable, so that a test can make devices that offer less. */
extern const uint64_t ring_features;

/*
 * Where [addr, addr + len) of the driver's memory stands for us; NULL: not all of it is memory. len is above 0, addr may
 * be anything. What was returned is used until the ring's next ring_init() or ring_stop().
 */
typedef void *ring_translate_fn(void *arg, uint64_t addr, uint64_t len);

struct ring_memory {
	ring_translate_fn *translate;
	void *arg;
};

/* What the driver chose; all of it is checked. */
struct ring_setup {
	uint64_t desc, driver, device;       /* addresses of the three areas                         */
	uint64_t features;                   /* that were negotiated                                 */
	uint32_t size;                       /* descriptors                                          */
};

struct ring {
	const struct ring_memory *memory;
	volatile uint8_t *desc, *driver, *device;
	uint16_t size;               /* 0: stopped                                                   */
	bool packed, event_idx, indirect;
	int error;                   /* below 0: broken                                              */
	const char *why;             /* of error, in words                                           */

	/* Cursors. Split: free-running. Packed: a slot, and its wrap bit. */
	uint16_t next_avail, next_used;
	bool avail_wrap, used_wrap;
	bool muted;                  /* as the driver was told last                                  */
	uint16_t taken;              /* not yet published; split: chains, packed: slots              */
	uint16_t staged;             /* of these, used                                               */
	uint16_t first_flags;        /* packed: of the first staged descriptor                       */
};

struct ring_segment {
	uint8_t *base;
	uint32_t len;                /* above 0                                                      */
};

/* A chain of descriptors: first what the device reads ("out"), then what it writes ("in"). */
struct ring_chain {
	uint16_t id;                 /* of ring_use()                                                */
	uint16_t slots;              /* descriptors that it took in the ring                         */
	uint16_t out_count, in_count;
	uint32_t out_bytes, in_bytes;
	struct ring_segment segment[RING_SEGMENTS_MAX];
};

/*
 * Starts a ring at its beginning; forgets what was before. memory outlives the ring. E_INVAL: size or alignment is not
 * allowed; E_RANGE: an area is not memory. Then the ring is stopped.
 */
int ring_init(struct ring *r, const struct ring_memory *memory, const struct ring_setup *setup) MUST_CHECK;

/* Stopped rings have no chains and swallow everything else. Zeroed memory is a stopped ring. */
void ring_stop(struct ring *r);

/*
 * Takes the next chain: 1. 0: there is none, or the ring is stopped or was broken before. E_PROTO: the driver broke the
 * format; E_RANGE: a piece is not memory, or the chain is too long. Every chain that was taken goes back by
 * ring_use(), in any order, or by ring_untake().
 */
int ring_pop(struct ring *r, struct ring_chain *chain) MUST_CHECK;

/* Puts back the chain that was taken last and is not used; in reverse order, several. */
void ring_untake(struct ring *r, const struct ring_chain *chain);

/* Marks a chain as used, with the bytes written into its "in" part. The driver sees nothing before ring_publish(). */
void ring_use(struct ring *r, const struct ring_chain *chain, uint32_t written);

/* Shows the driver all used chains at once. True: it wants an interrupt for that. */
bool ring_publish(struct ring *r) MUST_CHECK;

/* True: the driver wants an interrupt for the last slots descriptors that it was shown, at most the ring's size, even now. */
bool ring_wishes(const struct ring *r, uint16_t slots) MUST_CHECK;

/* Asks the driver not to notify; a hint. */
void ring_mute(struct ring *r);

/* Asks the driver to notify when it adds a chain. True: there is one already, take it instead of sleeping. */
bool ring_listen(struct ring *r) MUST_CHECK;

/*
 * The same for who took chains, put them back because they did not suffice, and waits for more than those: slots is the
 * sum of their slots. True: there is a chain behind them now.
 */
bool ring_listen_behind(struct ring *r, uint16_t slots) MUST_CHECK;

/* Marks the ring as broken, for errors that the device finds in a chain's content. why: a constant. */
void ring_break(struct ring *r, int error, const char *why);

/* Copies up to len bytes from the "out" part, from byte offset at on, or into the "in" part. Returns the bytes copied. */
uint32_t ring_chain_read(const struct ring_chain *chain, uint32_t at, void *to, uint32_t len);
uint32_t ring_chain_write(const struct ring_chain *chain, uint32_t at, const void *from, uint32_t len);
