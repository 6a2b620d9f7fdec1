/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio device as its model sees it, and as a transport sees it (virtio 1.2, chapters 2 and 3).
 *
 * A model fills in the first part of struct virtio_device and joins it by vm_virtio_add() (devices.c); it takes chains out
 * of dev->queue[q].ring (drivers/virtio/ring.h) when notify() says so and ends each batch with virtio_queue_done(). Device
 * status, features, configuration space and queues are kept here; vmm/virtio_pci.c and vmm/virtio_mmio.c only translate
 * registers. Legacy devices (without VIRTIO_F_VERSION_1) do not exist.
 *
 * Everything is called with the device lock held. Nothing that a driver does can be an error for the VM: a driver that
 * breaks the protocol gets DEVICE_NEEDS_RESET and a device that rests until then.
 */
#pragma once

#include "drivers/virtio/ring.h"
#include "lib/base.h"
#include "vmm/device.h"

enum virtio_type { VIRTIO_NET = 1, VIRTIO_BLOCK = 2, VIRTIO_CONSOLE = 3, VIRTIO_RNG = 4, VIRTIO_BALLOON = 5 };

/* Device status, 2.1. */
enum virtio_status {
	VIRTIO_ACKNOWLEDGE = 1, VIRTIO_DRIVER = 2, VIRTIO_DRIVER_OK = 4, VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 64, VIRTIO_FAILED = 128,
};

/* Interrupt causes: bits of the ISR status, 4.1.4.5 and 4.2.2. */
enum virtio_isr { VIRTIO_ISR_QUEUE = 1, VIRTIO_ISR_CONFIG = 2 };

/* Bits of features that belong to no type (6); the rings' are in drivers/virtio/ring.h. */
#define VIRTIO_F_VERSION_1 (1ull << 32)

enum {
	VIRTIO_QUEUES_MAX = 20,
	VIRTIO_QUEUE_SIZE = 256,     /* descriptors, unless the model says otherwise                 */
	VIRTIO_NO_VECTOR = 0xffff,
};

struct virtio_queue {
	/* As the driver set it up; final once enabled, until the reset. */
	uint64_t desc, driver, device;       /* addresses of the three areas                         */
	uint16_t size;               /* descriptors; size_max after a reset                          */
	uint16_t vector;             /* of MSI-X, or VIRTIO_NO_VECTOR                                */
	bool enabled;
	/* Host side. */
	uint16_t size_max;           /* by the model; 0: VIRTIO_QUEUE_SIZE                           */
	struct ring ring;            /* stopped unless enabled                                       */
	uint64_t interrupts;         /* since the VM started                                         */
};

struct virtio_device;

/* A kind of device. What is optional may be NULL. */
struct virtio_ops {
	/* The driver has put chains into queue, or says so. Comes only between DRIVER_OK and the next reset or error. */
	void (*notify)(struct virtio_device *dev, unsigned queue);
	/* Optional: DRIVER_OK was set: dev->accepted and the queues are final. */
	void (*ready)(struct virtio_device *dev);
	/* Optional: the driver reset the device; the rings are stopped already, no chain of theirs may be touched again. */
	void (*reset)(struct virtio_device *dev);
	/* Optional: dev->config changed in [at, at + len) by the driver's write. */
	void (*config_written)(struct virtio_device *dev, unsigned at, unsigned len);
	/* Optional: the message of queue's interrupt may have changed; virtio_queue_msi() tells it. */
	void (*message_changed)(struct virtio_device *dev, unsigned queue);
};

/* How a device reaches the driver. Supplied by a transport. */
struct virtio_transport {
	/* Interrupts for vector with these causes (enum virtio_isr) added to the ISR status. */
	void (*interrupt)(struct virtio_device *dev, uint16_t vector, unsigned causes);
	/* E_NOENT: queue has no message of its own now; signal by virtio_interrupt(). */
	int (*message)(const struct virtio_device *dev, uint16_t vector, uint64_t *address, uint32_t *data);
	/* The driver enabled queue, or all were stopped (queue == VIRTIO_QUEUES_MAX): doorbells follow. */
	void (*queues_changed)(struct virtio_device *dev);
};

struct virtio_device {
	/* By the model, before vm_virtio_add(). */
	const char *name;            /* a constant: for messages                                     */
	enum virtio_type type;
	const struct virtio_ops *ops;
	uint64_t offered;            /* features; VIRTIO_F_VERSION_1 and RING_FEATURES are added     */
	unsigned queue_count;        /* 1 to VIRTIO_QUEUES_MAX                                       */
	uint8_t *config;             /* device configuration space, little endian; kept by the model */
	unsigned config_size;        /* bytes; outside reads are zero                                */
	unsigned config_writable, config_writable_end;   /* of these, the driver writes [first, second)      */
	bool at_once;                /* a notification is served where it comes, not by the first thread: no doorbell */
	const struct ring_memory *memory;    /* set by vm_virtio_add() unless the model did          */

	/* Guest state. */
	uint64_t accepted;           /* features; final from FEATURES_OK on                          */
	uint32_t offered_select, accepted_select;    /* words of features that the registers show    */
	uint16_t queue_select, config_vector;
	uint8_t status;              /* enum virtio_status                                           */
	uint8_t isr;                 /* enum virtio_isr                                              */
	uint8_t generation;          /* of the configuration space                                   */
	struct virtio_queue queue[VIRTIO_QUEUES_MAX];

	/* Host side. */
	uint64_t told_ns;            /* vm_now() when the operator was told of a broken driver; 0: never */
	uint32_t again;              /* queues of virtio_notify_again()                              */
	struct vm_timer again_timer;
	const struct virtio_transport *transport;
	void *slot;                  /* of the transport                                             */
};

/* ---- for models ---- */

/*
 * The chain that is worked on, whatever device it is of. It is large, so all devices of the VM share this one: it belongs
 * to the device lock, and a model that takes chains on finds another's in it the next time.
 */
extern struct ring_chain virtio_chain;

static inline bool virtio_has(const struct virtio_device *dev, unsigned bit)
{
	return dev->accepted >> bit & 1;
}

/* DRIVER_OK, and neither failed nor broken: the rings may be used. */
bool virtio_is_live(const struct virtio_device *dev);

/*
 * After a batch: shows the used chains and interrupts if the driver wants that; a ring that is broken turns into
 * DEVICE_NEEDS_RESET. False: the device is not live any more.
 */
bool virtio_queue_done(struct virtio_device *dev, unsigned queue);

/* The same without the interrupt: *wanted: the driver wants one, and the caller sees to it. */
bool virtio_queue_show(struct virtio_device *dev, unsigned queue, bool *wanted);

/*
 * Takes the chains of queue, one after the other, shows what was used, and comes again by itself when the budget ends
 * first: the whole of notify() for a device that finishes a chain at once. serve() returns the bytes written into the
 * chain, or E_AGAIN: then the chain is put back, and the model calls virtio_notify() when it can go on; E_PROTO: the
 * driver sent nonsense, the device needs a reset.
 */
typedef int virtio_chain_fn(struct virtio_device *dev, unsigned queue, const struct ring_chain *chain);
void virtio_serve(struct virtio_device *dev, unsigned queue, virtio_chain_fn *serve);

/*
 * The batch's budget ended before the ring did: notify() comes again for queue soon, after others had their turn at the
 * device lock. Also for a device that must wait: it sets a timer of its own and calls virtio_notify() then.
 */
void virtio_notify_again(struct virtio_device *dev, unsigned queue);

/* A used buffer notification for queue, for who published by itself. */
void virtio_interrupt(struct virtio_device *dev, unsigned queue);

/* dev->config was changed by the device: a new generation, and the driver is told when it is live. */
void virtio_config_changed(struct virtio_device *dev);

/* The driver broke the protocol: why is told to the operator, DEVICE_NEEDS_RESET to the driver (2.1.2). */
void virtio_needs_reset(struct virtio_device *dev, const char *why);

/*
 * The message that interrupts for queue, for an event that the kernel turns into it (SYS_EVENT_ROUTE).
 * E_NOENT: there is none now (masked, no vector, no MSI-X): use virtio_interrupt().
 */
int virtio_queue_msi(const struct virtio_device *dev, unsigned queue, uint64_t *address, uint32_t *data) MUST_CHECK;

/* ---- for transports ---- */

/* Puts dev, whose first part is filled in, into the state after a reset. E_INVAL: a number is outside of its range. */
int virtio_init(struct virtio_device *dev, const struct virtio_transport *transport, void *slot) MUST_CHECK;

/* The device status register: 0 resets, other bits are only ever added. */
void virtio_write_status(struct virtio_device *dev, uint8_t value);

/* Words of the features; select beyond 1 reads as zero. */
uint32_t virtio_read_offered(const struct virtio_device *dev);
uint32_t virtio_read_accepted(const struct virtio_device *dev);
void virtio_write_accepted(struct virtio_device *dev, uint32_t value);

/* The queue that dev->queue_select names, or NULL. */
struct virtio_queue *virtio_selected(struct virtio_device *dev);

/* Sets the size that the driver wants; ignored for an enabled queue or a size that the device does not have. */
void virtio_set_queue_size(struct virtio_device *dev, uint16_t size);

/* Halves (0: low, 1: high) of the selected queue's addresses; writing is ignored once it is enabled. */
enum virtio_area { VIRTIO_AREA_DESC, VIRTIO_AREA_DRIVER, VIRTIO_AREA_DEVICE };
uint32_t virtio_read_area(struct virtio_device *dev, enum virtio_area which, unsigned half);
void virtio_write_area(struct virtio_device *dev, enum virtio_area which, unsigned half, uint32_t value);

/* Enables the selected queue. Ignored when it is already, or before FEATURES_OK. */
void virtio_enable_queue(struct virtio_device *dev);

/* Stops the selected queue, where the transport allows that beside a reset (4.2.2.2). */
void virtio_disable_queue(struct virtio_device *dev);

/* The driver notifies queue, which may be any number. */
void virtio_notify(struct virtio_device *dev, unsigned queue);

/* An access at any offset of the configuration space, relative to it. */
void virtio_config_access(struct virtio_device *dev, struct io_access *io);
