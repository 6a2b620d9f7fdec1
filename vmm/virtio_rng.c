/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy device. virtio 1.2, 5.4. A request may be answered short (5.4.6.2), and is, beyond VIRTIO_RNG_CHAIN bytes. */
#include "vmm/virtio_rng.h"

#include "vmm/ticks.h"

enum { REFILL_NS = 20000000 };       /* how long a request waits when the allowance is used up       */

static struct virtio_rng *of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_rng, dev);
}

/* Whole bytes that time has paid for since, no more than the burst. */
static void collect_allowance(struct virtio_rng *rng)
{
	uint64_t now = vm_now();
	uint64_t earned = ns_to_ticks(now, VIRTIO_RNG_PER_SECOND) - ns_to_ticks(rng->paid_ns, VIRTIO_RNG_PER_SECOND);

	rng->paid_ns = now;
	rng->allowance = earned < VIRTIO_RNG_BURST - rng->allowance ? rng->allowance + (uint32_t)earned : VIRTIO_RNG_BURST;
}

/* Fewer bytes than asked where the source or the allowance ends. */
static int fill(struct virtio_device *dev, unsigned queue, const struct ring_chain *chain)
{
	struct virtio_rng *rng = of(dev);
	uint8_t bytes[VIRTIO_RNG_CHAIN];
	uint32_t n = chain->in_bytes < sizeof(bytes) ? chain->in_bytes : (uint32_t)sizeof(bytes);

	(void)queue;
	if (!rng->allowance || !rng->entropy(bytes, n)) {
		vm_timer_set(&rng->refill, vm_now() + REFILL_NS);
		return E_AGAIN;
	}
	n = n < rng->allowance ? n : rng->allowance;
	rng->allowance -= n;
	return (int)ring_chain_write(chain, 0, bytes, n);
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	collect_allowance(of(dev));
	virtio_serve(dev, queue, fill);
}

static void refill(void *arg)
{
	virtio_notify(arg, 0);
}

static void reset(struct virtio_device *dev)
{
	vm_timer_cancel(&of(dev)->refill);
}

static const struct virtio_ops ops = { .notify = notify, .reset = reset };

void virtio_rng_init(struct virtio_rng *rng, entropy_fn *entropy)
{
	*rng = (struct virtio_rng){
		.dev = { .name = "rng", .type = VIRTIO_RNG, .ops = &ops, .queue_count = 1, .queue[0] = { .size_max = 64 } },
		.allowance = VIRTIO_RNG_BURST, .paid_ns = vm_now(), .entropy = entropy,
		.refill = { .fn = refill, .arg = &rng->dev },
	};
}
