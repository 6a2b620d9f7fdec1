/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy device: virtio 1.2, 5.4. One queue, no configuration, no features. */
#pragma once

#include "vmm/virtio.h"

/* What a guest gets: VIRTIO_RNG_BURST bytes at once, VIRTIO_RNG_PER_SECOND for ever, VIRTIO_RNG_CHAIN for one request. */
enum { VIRTIO_RNG_BURST = 64 << 10, VIRTIO_RNG_PER_SECOND = 256 << 10, VIRTIO_RNG_CHAIN = 4096 };

/* Fills buf with len random bytes. False: the source has none now. */
typedef bool entropy_fn(void *buf, size_t len);

struct virtio_rng {
	struct virtio_device dev;
	uint64_t paid_ns;            /* vm_now() up to which bytes of allowance were counted         */
	uint32_t allowance;          /* bytes that may be given out now                              */
	/* Host side. */
	entropy_fn *entropy;
	struct vm_timer refill;      /* armed while a request waits for more allowance               */
};

/* Fills in the model's part of rng->dev; the caller joins it. */
void virtio_rng_init(struct virtio_rng *rng, entropy_fn *entropy);
