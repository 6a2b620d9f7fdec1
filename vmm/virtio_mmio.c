/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio over MMIO. virtio 1.2, 4.2.2 (registers), 4.2.3 (interrupts). */
#include "vmm/virtio_mmio.h"

#include "vmm/hooks.h"
#include "vmm/platform.h"
#include "vmm/regs.h"

enum { MAGIC = 0x74726976 /* virt */, VERSION = 2, VENDOR = 0x454d5242 /* BRME */ };
enum { REG_NOTIFY = 0x50, CONFIG = 0x100 };

static struct virtio_device *device(void *m)
{
	return ((struct virtio_mmio *)m)->dev;
}

/* ---- interrupts ---- */

static void update_line(const struct virtio_mmio *m)
{
	vm_irq(m->gsi, m->dev->isr != 0);
}

/* The driver acknowledges before it looks at the rings, so a cause that comes while one is there is not lost. */
static void interrupt(struct virtio_device *dev, uint16_t vector, unsigned causes)
{
	(void)vector;
	dev->isr |= (uint8_t)causes;
	update_line(dev->slot);
}

static int message(const struct virtio_device *dev, uint16_t vector, uint64_t *address, uint32_t *data)
{
	(void)dev;
	(void)vector;
	(void)address;
	(void)data;
	return E_NOENT;
}

/* ---- doorbell: one register for all queues ---- */

static void queues_changed(struct virtio_device *dev)
{
	struct virtio_mmio *m = dev->slot;
	bool wanted = m->doorbell && virtio_is_live(dev);

	if (wanted && !m->rings) {
		m->rings = vm_doorbell_add(m->base + REG_NOTIFY, m->doorbell) == OK;
	} else if (!wanted && m->rings) {
		vm_doorbell_remove(m->base + REG_NOTIFY);
		m->rings = false;
	}
	update_line(m);
}

void virtio_mmio_doorbell(void *arg)
{
	struct virtio_device *dev = device(arg);

	for (unsigned i = 0; i < dev->queue_count; i++) {
		virtio_notify(dev, i);
	}
}

static const struct virtio_transport transport = { interrupt, message, queues_changed };

/* ---- registers ---- */

static uint32_t read_magic(void *m) { (void)m; return MAGIC; }
static uint32_t read_version(void *m) { (void)m; return VERSION; }
static uint32_t read_device(void *m) { return device(m)->type; }
static uint32_t read_vendor(void *m) { (void)m; return VENDOR; }
static uint32_t read_offered(void *m) { return virtio_read_offered(device(m)); }
static void write_offered_select(void *m, uint32_t v) { device(m)->offered_select = v; }
static void write_accepted(void *m, uint32_t v) { virtio_write_accepted(device(m), v); }
static void write_accepted_select(void *m, uint32_t v) { device(m)->accepted_select = v; }
static void write_notify(void *m, uint32_t v) { virtio_notify(device(m), v); }
static uint32_t read_isr(void *m) { return device(m)->isr; }
static uint32_t read_status(void *m) { return device(m)->status; }
static uint32_t read_generation(void *m) { return device(m)->generation; }
static void write_desc_low(void *m, uint32_t v) { virtio_write_area(device(m), VIRTIO_AREA_DESC, 0, v); }
static void write_desc_high(void *m, uint32_t v) { virtio_write_area(device(m), VIRTIO_AREA_DESC, 1, v); }
static void write_driver_low(void *m, uint32_t v) { virtio_write_area(device(m), VIRTIO_AREA_DRIVER, 0, v); }
static void write_driver_high(void *m, uint32_t v) { virtio_write_area(device(m), VIRTIO_AREA_DRIVER, 1, v); }
static void write_device_low(void *m, uint32_t v) { virtio_write_area(device(m), VIRTIO_AREA_DEVICE, 0, v); }
static void write_device_high(void *m, uint32_t v) { virtio_write_area(device(m), VIRTIO_AREA_DEVICE, 1, v); }

/* No shared memory: a region of length -1 is none (4.2.2). */
static uint32_t read_no_region(void *m) { (void)m; return UINT32_MAX; }

/* Numbers of queues have 16 bits; a larger one selects none, and must not be taken for another. */
static void write_queue_select(void *m, uint32_t v)
{
	device(m)->queue_select = v < UINT16_MAX ? (uint16_t)v : (uint16_t)UINT16_MAX;
}

static uint32_t read_queue_max(void *m)
{
	const struct virtio_queue *q = virtio_selected(device(m));

	return q ? q->size_max : 0;
}

static void write_queue_size(void *m, uint32_t v)
{
	virtio_set_queue_size(device(m), v <= RING_SIZE_MAX ? (uint16_t)v : 0);
}

static uint32_t read_queue_ready(void *m)
{
	const struct virtio_queue *q = virtio_selected(device(m));

	return q && q->enabled;
}

static void write_queue_ready(void *m, uint32_t v)
{
	if (v == 1) {
		virtio_enable_queue(device(m));
	} else if (v == 0) {
		virtio_disable_queue(device(m));
	}
}

static void write_acknowledge(void *m, uint32_t v)
{
	device(m)->isr &= (uint8_t)~v;
	update_line(m);
}

static void write_status(void *m, uint32_t v)
{
	virtio_write_status(device(m), (uint8_t)v);
}

static const struct reg regs[] = {
	REG_HOOKS(0x00, 4, .read = read_magic),
	REG_HOOKS(0x04, 4, .read = read_version),
	REG_HOOKS(0x08, 4, .read = read_device),
	REG_HOOKS(0x0c, 4, .read = read_vendor),
	REG_HOOKS(0x10, 4, .read = read_offered),
	REG_HOOKS(0x14, 4, .write = write_offered_select),
	REG_HOOKS(0x20, 4, .write = write_accepted),
	REG_HOOKS(0x24, 4, .write = write_accepted_select),
	REG_HOOKS(0x30, 4, .write = write_queue_select),
	REG_HOOKS(0x34, 4, .read = read_queue_max),
	REG_HOOKS(0x38, 4, .write = write_queue_size),
	REG_HOOKS(0x44, 4, .read = read_queue_ready, .write = write_queue_ready),
	REG_HOOKS(REG_NOTIFY, 4, .write = write_notify),
	REG_HOOKS(0x60, 4, .read = read_isr),
	REG_HOOKS(0x64, 4, .write = write_acknowledge),
	REG_HOOKS(0x70, 4, .read = read_status, .write = write_status),
	REG_HOOKS(0x80, 4, .write = write_desc_low),
	REG_HOOKS(0x84, 4, .write = write_desc_high),
	REG_HOOKS(0x90, 4, .write = write_driver_low),
	REG_HOOKS(0x94, 4, .write = write_driver_high),
	REG_HOOKS(0xa0, 4, .write = write_device_low),
	REG_HOOKS(0xa4, 4, .write = write_device_high),
	REG_HOOKS(0xb0, 4, .read = read_no_region),
	REG_HOOKS(0xb4, 4, .read = read_no_region),
	REG_HOOKS(0xb8, 4, .read = read_no_region),
	REG_HOOKS(0xbc, 4, .read = read_no_region),
	REG_HOOKS(0xfc, 4, .read = read_generation),
};

/* Registers are dwords and nothing else (4.2.2.2); only the configuration space has other widths. */
static void access(void *arg, struct io_access *io)
{
	if (io->addr >= CONFIG) {
		io->addr -= CONFIG;
		virtio_config_access(device(arg), io);
		io->addr += CONFIG;
	} else if (io->size == 4 && io->addr % 4 == 0) {
		regs_access(regs, ARRAY_SIZE(regs), arg, io);
	} else {
		io->value = 0;
	}
}

int virtio_mmio_init(struct virtio_mmio *m, struct virtio_device *dev, struct bus *mmio, uint64_t base, unsigned gsi,
		     uint32_t doorbell)
{
	int r = virtio_init(dev, &transport, m);

	if (r < 0) {
		return r;
	}
	*m = (struct virtio_mmio){ .dev = dev, .base = base, .gsi = gsi, .doorbell = doorbell };
	return bus_add(mmio, base, PLATFORM_VIRTIO_MMIO_SIZE, access, m, "virtio");
}
