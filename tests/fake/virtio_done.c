/* SPDX-License-Identifier: Apache-2.0 */
/* A virtio core without transport, for tests of a model's requests: shows what is used, and is live unless a ring broke. */
#include "vmm/virtio.h"

struct ring_chain virtio_chain;

bool virtio_is_live(const struct virtio_device *dev)
{
	return dev->status == VIRTIO_DRIVER_OK;
}

void virtio_interrupt(struct virtio_device *dev, unsigned queue)
{
	dev->queue[queue].interrupts++;
}

bool virtio_queue_show(struct virtio_device *dev, unsigned queue, bool *wanted)
{
	*wanted = ring_publish(&dev->queue[queue].ring);
	if (dev->queue[queue].ring.error) {
		dev->status |= VIRTIO_NEEDS_RESET;
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

void virtio_config_changed(struct virtio_device *dev)
{
	dev->generation++;
}
