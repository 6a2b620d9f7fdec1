/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory balloon with statistics: virtio 1.2, 5.5. Pages that the guest gives up are emptied at once and counted; it finds
 * them zeroed when it takes them back. Of a driver that says before it uses a page again (MUST_TELL_HOST), a backend is told
 * of each page, too: it may take their memory away meanwhile.
 */
#pragma once

#include "vmm/gmem.h"
#include "vmm/virtio.h"

enum { BALLOON_STATS = 10 };         /* kinds of statistics, 5.5.6.3                                */

/* Device lock held; every page is one of RAM. */
struct virtio_balloon_backend {
	void (*inflated)(uint32_t page);
	bool (*deflated)(uint32_t page);     /* false: its memory is not here; virtio_balloon_resume() when it is    */
	void (*reset)(void);                 /* all pages are the guest's again                      */
};

struct virtio_balloon_config {
	uint32_t wanted, actual;     /* pages of 4 KiB: asked for by us, given up as the driver says */
};

struct virtio_balloon {
	struct virtio_device dev;
	struct virtio_balloon_config config;
	uint64_t inflated, deflated; /* pages that passed the queues since the reset                 */
	uint32_t at;                 /* pages of the first chain of the inflate queue that are done  */
	uint32_t deflate_at;         /* the same of the deflate queue                                */
	uint64_t stat[BALLOON_STATS];/* bytes or counts, as last told; UINT64_MAX: not               */
	bool holds_stats;            /* the driver's buffer for statistics is here                   */
	bool report;                 /* tell the operator when new ones come                         */
	bool asked;                  /* tell him when the guest is where it was wanted               */
	/* Host side. */
	const struct gmem *mem;
	const struct virtio_balloon_backend *backend;        /* or NULL                              */
	uint32_t max;                /* most pages that may be wanted                                */
	uint16_t stats_id, stats_slots;      /* of that buffer's chain                               */
};

/* Fills in the model's part of b->dev; the caller joins it. mem and backend (or NULL) outlive it. */
void virtio_balloon_init(struct virtio_balloon *b, const struct gmem *mem, const struct virtio_balloon_backend *backend);

/* Goes on with pages that the backend did not have. */
void virtio_balloon_resume(struct virtio_balloon *b);

/* Wants the guest to give up pages more (or fewer) pages than now, at most three quarters of its memory. */
void virtio_balloon_want(struct virtio_balloon *b, int64_t pages);

/* Tells the operator how it stands, with statistics that the guest makes now. */
void virtio_balloon_report(struct virtio_balloon *b);
