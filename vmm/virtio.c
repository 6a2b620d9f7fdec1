/* SPDX-License-Identifier: Apache-2.0 */
/* What all virtio devices share, whatever the transport. virtio 1.2, chapter 2 and 3.1. */
#include "vmm/virtio.h"

#include <string.h>

#include "vmm/device.h"

enum { STATUS_WRITABLE = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK | VIRTIO_FAILED };

struct ring_chain virtio_chain;

#define TELL_NS 10000000000ull          /* between two lines about the same device                      */
enum { AGAIN_NS = 1000 };            /* later than now, so that one run of the timers never serves twice */
enum { SERVE_BATCH = 64 };           /* chains that virtio_serve() takes in one go                   */

/* ---- reset ---- */

static void reset_queue(struct virtio_queue *q)
{
	ring_stop(&q->ring);
	q->desc = q->driver = q->device = 0;
	q->size = q->size_max;
	q->vector = VIRTIO_NO_VECTOR;
	q->enabled = false;
}

static void reset(struct virtio_device *dev)
{
	dev->accepted = 0;
	dev->offered_select = dev->accepted_select = 0;
	dev->queue_select = 0;
	dev->config_vector = VIRTIO_NO_VECTOR;
	dev->status = 0;
	dev->isr = 0;
	dev->again = 0;
	vm_timer_cancel(&dev->again_timer);
	for (unsigned i = 0; i < dev->queue_count; i++) {
		reset_queue(&dev->queue[i]);
	}
}

/* What a batch left over is taken up again here, after others had their turn at the lock. */
static void notify_again(void *arg)
{
	struct virtio_device *dev = arg;
	uint32_t queues = dev->again;

	dev->again = 0;
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (queues >> i & 1) {
			virtio_notify(dev, i);
		}
	}
}

int virtio_init(struct virtio_device *dev, const struct virtio_transport *transport, void *slot)
{
	_Static_assert(VIRTIO_QUEUES_MAX <= 32, "a bit each in dev->again");
	if (!dev->queue_count || dev->queue_count > VIRTIO_QUEUES_MAX || !dev->ops || !dev->ops->notify || !dev->memory) {
		return E_INVAL;
	}
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (dev->queue[i].size_max > RING_SIZE_MAX) {
			return E_INVAL;
		}
		if (!dev->queue[i].size_max) {
			dev->queue[i].size_max = VIRTIO_QUEUE_SIZE;
		}
	}
	dev->offered |= VIRTIO_F_VERSION_1 | ring_features;
	dev->transport = transport;
	dev->slot = slot;
	dev->again_timer = (struct vm_timer){ .fn = notify_again, .arg = dev };
	reset(dev);
	return OK;
}

/* ---- what the driver is told ---- */

bool virtio_is_live(const struct virtio_device *dev)
{
	return (dev->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET | VIRTIO_FAILED)) == VIRTIO_DRIVER_OK;
}

void virtio_interrupt(struct virtio_device *dev, unsigned queue)
{
	if (dev->status & VIRTIO_DRIVER_OK) {
		dev->queue[queue].interrupts++;
		dev->transport->interrupt(dev, dev->queue[queue].vector, VIRTIO_ISR_QUEUE);
	}
}

static void config_interrupt(struct virtio_device *dev)
{
	if (dev->status & VIRTIO_DRIVER_OK) {
		dev->transport->interrupt(dev, dev->config_vector, VIRTIO_ISR_CONFIG);
	}
}

void virtio_config_changed(struct virtio_device *dev)
{
	dev->generation++;
	config_interrupt(dev);
}

void virtio_needs_reset(struct virtio_device *dev, const char *why)
{
	if (dev->status & VIRTIO_NEEDS_RESET) {
		return;
	}
	/* A driver that breaks its device in a loop shall not fill the operator's screen. */
	if (!dev->told_ns || vm_now() - dev->told_ns > TELL_NS) {
		dev->told_ns = vm_now() | 1;
		vm_log("virtio %s: %s: it rests until its driver resets it", dev->name, why);
	}
	dev->status |= VIRTIO_NEEDS_RESET;
	for (unsigned i = 0; i < dev->queue_count; i++) {
		ring_stop(&dev->queue[i].ring);
	}
	config_interrupt(dev);
}

bool virtio_queue_show(struct virtio_device *dev, unsigned queue, bool *wanted)
{
	struct ring *r = &dev->queue[queue].ring;

	*wanted = ring_publish(r);
	if (r->error < 0) {
		virtio_needs_reset(dev, r->why);
	}
	return virtio_is_live(dev);
}

bool virtio_queue_done(struct virtio_device *dev, unsigned queue)
{
	bool wanted, live = virtio_queue_show(dev, queue, &wanted);

	if (wanted) {
		virtio_interrupt(dev, queue);
	}
	return live;
}

int virtio_queue_msi(const struct virtio_device *dev, unsigned queue, uint64_t *address, uint32_t *data)
{
	return dev->transport->message(dev, dev->queue[queue].vector, address, data);
}

/* ---- device status, 2.1 and 3.1.1 ---- */

/* The driver's choice is only taken with what the rings cannot do without. */
static bool features_fit(const struct virtio_device *dev)
{
	return (dev->accepted & VIRTIO_F_VERSION_1) && !(dev->accepted & ~dev->offered);
}

static void stop(struct virtio_device *dev)
{
	bool live = dev->status & VIRTIO_DRIVER_OK;

	reset(dev);
	dev->transport->queues_changed(dev);
	if (live && dev->ops->reset) {
		dev->ops->reset(dev);
	}
}

void virtio_write_status(struct virtio_device *dev, uint8_t value)
{
	uint8_t added = (uint8_t)(value & STATUS_WRITABLE & ~dev->status);

	if (!value) {
		stop(dev);
		return;
	}
	/* FEATURES_OK stays clear when we cannot agree: the driver reads it back (3.1.1, step 6). */
	if ((added & VIRTIO_FEATURES_OK) && !features_fit(dev)) {
		added &= (uint8_t)~VIRTIO_FEATURES_OK;
	}
	if ((added & VIRTIO_DRIVER_OK) && !((dev->status | added) & VIRTIO_FEATURES_OK)) {
		added &= (uint8_t)~VIRTIO_DRIVER_OK;
	}
	dev->status |= added;
	if (added & VIRTIO_DRIVER_OK) {
		dev->transport->queues_changed(dev);
		if (dev->ops->ready && virtio_is_live(dev)) {
			dev->ops->ready(dev);
		}
	}
}

/* ---- features, 2.2 ---- */

static uint32_t word(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> select * 32) : 0;
}

uint32_t virtio_read_offered(const struct virtio_device *dev)
{
	return word(dev->offered, dev->offered_select);
}

uint32_t virtio_read_accepted(const struct virtio_device *dev)
{
	return word(dev->accepted, dev->accepted_select);
}

void virtio_write_accepted(struct virtio_device *dev, uint32_t value)
{
	unsigned shift = dev->accepted_select * 32 & 63;

	if (dev->accepted_select < 2 && !(dev->status & VIRTIO_FEATURES_OK)) {
		dev->accepted = (dev->accepted & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
	}
}

/* ---- queues ---- */

struct virtio_queue *virtio_selected(struct virtio_device *dev)
{
	return dev->queue_select < dev->queue_count ? &dev->queue[dev->queue_select] : NULL;
}

void virtio_set_queue_size(struct virtio_device *dev, uint16_t size)
{
	struct virtio_queue *q = virtio_selected(dev);

	if (q && !q->enabled && size && size <= q->size_max) {
		q->size = size;
	}
}

static uint64_t *area(struct virtio_queue *q, enum virtio_area which)
{
	return which == VIRTIO_AREA_DESC ? &q->desc : which == VIRTIO_AREA_DRIVER ? &q->driver : &q->device;
}

uint32_t virtio_read_area(struct virtio_device *dev, enum virtio_area which, unsigned half)
{
	struct virtio_queue *q = virtio_selected(dev);

	return q ? (uint32_t)(*area(q, which) >> half * 32) : 0;
}

void virtio_write_area(struct virtio_device *dev, enum virtio_area which, unsigned half, uint32_t value)
{
	struct virtio_queue *q = virtio_selected(dev);

	if (q && !q->enabled) {
		uint64_t *a = area(q, which);

		*a = (*a & ~(0xffffffffull << half * 32)) | (uint64_t)value << half * 32;
	}
}

void virtio_disable_queue(struct virtio_device *dev)
{
	struct virtio_queue *q = virtio_selected(dev);

	if (q && q->enabled) {
		ring_stop(&q->ring);
		q->enabled = false;
		dev->transport->queues_changed(dev);
	}
}

void virtio_enable_queue(struct virtio_device *dev)
{
	struct virtio_queue *q = virtio_selected(dev);
	struct ring_setup setup;

	if (!q || q->enabled || (dev->status & (VIRTIO_FEATURES_OK | VIRTIO_NEEDS_RESET)) != VIRTIO_FEATURES_OK) {
		return;
	}
	setup = (struct ring_setup){
		.desc = q->desc, .driver = q->driver, .device = q->device, .features = dev->accepted, .size = q->size,
	};
	if (ring_init(&q->ring, dev->memory, &setup) < 0) {
		virtio_needs_reset(dev, "a queue outside of memory, or misplaced");
		return;
	}
	q->enabled = true;
	dev->transport->queues_changed(dev);
}

void virtio_notify(struct virtio_device *dev, unsigned queue)
{
	if (queue < dev->queue_count && dev->queue[queue].enabled && virtio_is_live(dev)) {
		dev->ops->notify(dev, queue);
	}
}

void virtio_notify_again(struct virtio_device *dev, unsigned queue)
{
	dev->again |= 1u << queue;
	vm_timer_set(&dev->again_timer, vm_now() + AGAIN_NS);
}

/* One chain; false: the device cannot go on now. */
static bool serve_chain(struct virtio_device *dev, unsigned queue, virtio_chain_fn *serve)
{
	struct ring *r = &dev->queue[queue].ring;
	int written = serve(dev, queue, &virtio_chain);

	if (written == E_AGAIN) {
		ring_untake(r, &virtio_chain);
	} else if (written < 0) {
		ring_break(r, written, "a request that the device does not have");
	} else {
		ring_use(r, &virtio_chain, (uint32_t)written);
	}
	return written >= 0;
}

void virtio_serve(struct virtio_device *dev, unsigned queue, virtio_chain_fn *serve)
{
	struct ring *r = &dev->queue[queue].ring;
	unsigned budget = SERVE_BATCH;
	bool goes_on = true;

	ring_mute(r);
	do {
		/* Also a ring that says to have something and then has nothing costs of the budget. */
		budget--;
		for (; goes_on && budget && ring_pop(r, &virtio_chain) > 0; budget--) {
			goes_on = serve_chain(dev, queue, serve);
		}
		if (!virtio_queue_done(dev, queue)) {
			return;
		}
	} while (goes_on && budget && ring_listen(r));
	if (goes_on && !budget) {
		virtio_notify_again(dev, queue);
	}
}

/* ---- configuration space, 2.5 ---- */

static uint64_t config_read(const struct virtio_device *dev, uint64_t at, unsigned size)
{
	uint64_t value = 0;

	if (range_within(at, size, dev->config_size)) {
		memcpy(&value, dev->config + at, size);
	}
	return value;
}

static void config_write(struct virtio_device *dev, uint64_t at, unsigned size, uint64_t value)
{
	if (at < dev->config_writable || !range_within(at, size, dev->config_writable_end)) {
		return;
	}
	memcpy(dev->config + at, &value, size);
	if (dev->ops->config_written) {
		dev->ops->config_written(dev, (unsigned)at, size);
	}
}

void virtio_config_access(struct virtio_device *dev, struct io_access *io)
{
	if (io->write) {
		config_write(dev, io->addr, io->size, io->value);
	} else {
		io->value = config_read(dev, io->addr, io->size);
	}
}
