/* SPDX-License-Identifier: Apache-2.0 */
/* Console device with one port: virtio 1.2, 5.3. Emergency write; neither size nor further ports. */
#pragma once

#include "vmm/virtio.h"

struct virtio_console_backend {
	/* Takes bytes from the guest; returns how many, at most len. The rest is offered again soon, or on send_ready. */
	size_t (*send)(void *arg, const uint8_t *buf, size_t len);
	/* Optional: virtio_console_receive() had to refuse bytes, and now there is room for some. */
	void (*room)(void *arg);
};

struct virtio_console_config {
	uint16_t cols, rows;
	uint32_t max_ports, emergency_write;
} __attribute__((packed));

struct virtio_console {
	struct virtio_device dev;
	struct virtio_console_config config;
	uint32_t sent;               /* bytes of the first chain of the transmit queue that are sent */
	/* Host side. */
	bool refused;                /* virtio_console_receive() took less than it was given         */
	const struct virtio_console_backend *backend;
	void *arg;
	struct vm_timer retry;       /* offers bytes to the backend again                            */
};

/* Fills in the model's part of c->dev; the caller joins it. backend and what arg points to outlive it. */
void virtio_console_init(struct virtio_console *c, const struct virtio_console_backend *backend, void *arg);

/* Bytes for the guest. Returns how many found room in its buffers; keep the rest and call again on backend->room(). */
size_t virtio_console_receive(struct virtio_console *c, const uint8_t *buf, size_t len);

/* The backend can take bytes again. Free when nothing waits. */
void virtio_console_send_ready(struct virtio_console *c);
