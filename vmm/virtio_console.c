/* SPDX-License-Identifier: Apache-2.0 */
/* Console device. virtio 1.2, 5.3: queue 0 is what the guest receives, queue 1 what it sends. */
#include "vmm/virtio_console.h"

enum { QUEUE_RECEIVE, QUEUE_TRANSMIT, QUEUES };
enum { F_EMERGENCY_WRITE = 2 };
enum { PIECE = 512, QUEUE_SIZE = 64, RECEIVE_BATCH = 64 };
enum { RETRY_NS = 2000000 };

static struct virtio_console *of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_console, dev);
}

/* ---- what the guest sends ---- */

/* A chain goes out in pieces, and waits in its ring while the backend takes no more. */
static int transmit(struct virtio_device *dev, unsigned queue, const struct ring_chain *chain)
{
	struct virtio_console *c = of(dev);
	uint8_t buf[PIECE];

	(void)queue;
	while (c->sent < chain->out_bytes) {
		uint32_t n = ring_chain_read(chain, c->sent, buf, sizeof(buf));
		size_t taken = c->backend->send(c->arg, buf, n);

		c->sent += (uint32_t)taken;
		if (taken < n) {
			vm_timer_set(&c->retry, vm_now() + RETRY_NS);
			return E_AGAIN;
		}
	}
	c->sent = 0;
	return 0;
}

static void retry(void *arg)
{
	virtio_notify(&((struct virtio_console *)arg)->dev, QUEUE_TRANSMIT);
}

void virtio_console_send_ready(struct virtio_console *c)
{
	if (c->retry.armed) {
		vm_timer_cancel(&c->retry);
		retry(c);
	}
}

/* ---- what it receives ---- */

/* Fills buffers of the guest, as long as there are bytes, buffers and a budget. */
static void receive_some(struct ring *r, const uint8_t *buf, size_t len, size_t *done)
{
	for (unsigned budget = RECEIVE_BATCH; budget && *done < len && ring_pop(r, &virtio_chain) > 0; budget--) {
		uint32_t n = ring_chain_write(&virtio_chain, 0, buf + *done, (uint32_t)(len - *done));

		ring_use(r, &virtio_chain, n);
		*done += n;
	}
}

size_t virtio_console_receive(struct virtio_console *c, const uint8_t *buf, size_t len)
{
	struct ring *r = &c->dev.queue[QUEUE_RECEIVE].ring;
	size_t done = 0;

	if (!virtio_is_live(&c->dev)) {
		return 0;
	}
	receive_some(r, buf, len, &done);
	c->refused = done < len;
	if (c->refused && ring_listen(r)) {
		receive_some(r, buf, len, &done);
		c->refused = done < len;
	}
	(void)virtio_queue_done(&c->dev, QUEUE_RECEIVE);
	return done;
}

/* ---- the device ---- */

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_console *c = of(dev);

	if (queue == QUEUE_TRANSMIT) {
		virtio_serve(dev, queue, transmit);
	} else if (c->refused && c->backend->room) {
		c->refused = false;
		c->backend->room(c->arg);
	}
}

/* What was typed before the driver was there comes to it now. */
static void ready(struct virtio_device *dev)
{
	struct virtio_console *c = of(dev);

	if (c->backend->room) {
		c->backend->room(c->arg);
	}
}

static void reset(struct virtio_device *dev)
{
	struct virtio_console *c = of(dev);

	c->sent = 0;
	c->refused = false;
	vm_timer_cancel(&c->retry);
}

/* A character that needs no driver (5.3.4): lost when the backend has no room, as on a line without flow control. */
static void config_written(struct virtio_device *dev, unsigned at, unsigned len)
{
	struct virtio_console *c = of(dev);
	uint8_t byte = (uint8_t)c->config.emergency_write;

	(void)len;
	if (at == offsetof(struct virtio_console_config, emergency_write)) {
		(void)c->backend->send(c->arg, &byte, 1);
	}
}

static const struct virtio_ops ops = {
	.notify = notify, .ready = ready, .reset = reset, .config_written = config_written,
};

void virtio_console_init(struct virtio_console *c, const struct virtio_console_backend *backend, void *arg)
{
	*c = (struct virtio_console){
		.dev = {
			.name = "console", .type = VIRTIO_CONSOLE, .ops = &ops, .offered = 1ull << F_EMERGENCY_WRITE,
			.queue_count = QUEUES, .queue = { { .size_max = QUEUE_SIZE }, { .size_max = QUEUE_SIZE } },
			.config = (uint8_t *)&c->config, .config_size = sizeof(c->config),
			.config_writable = offsetof(struct virtio_console_config, emergency_write),
			.config_writable_end = sizeof(c->config),
		},
		.config = { .max_ports = 1 },
		.backend = backend, .arg = arg, .retry = { .fn = retry, .arg = c },
	};
}
