/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio over PCI. virtio 1.2: 4.1.2 (discovery), 4.1.4 (capabilities, structures), 4.1.5.1 (MSI-X vectors). */
#include "vmm/virtio_pci.h"

#include "vmm/hooks.h"
#include "vmm/regs.h"

enum { VENDOR = 0x1af4, DEVICE_BASE = 0x1040, SUBSYSTEM_BASE = 0x1100, REVISION = 1 };

/* What is where in the BAR: pages, so that each has one purpose. */
enum { BAR = 0 };
enum { PAGE_COMMON, PAGE_ISR, PAGE_CONFIG, PAGE_NOTIFY, PAGE_TABLE, PAGE_PBA, BAR_BYTES = 8 * PAGE_SIZE };
#define AT(page) ((uint32_t)(page) * PAGE_SIZE)

enum { NOTIFY_STRIDE = 4 };

/* Capabilities, 4.1.4. */
enum cfg_type { CFG_COMMON = 1, CFG_NOTIFY = 2, CFG_ISR = 3, CFG_DEVICE = 4, CFG_PCI = 5 };
enum { CAP_LEN_AT = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_EXTRA = 16, CAP_LEN = 16, CAP_LEN_EXTRA = 20 };

/* ---- common configuration, 4.1.4.3 ---- */

static struct virtio_device *device(void *p)
{
	return ((struct virtio_pci *)p)->dev;
}

static uint32_t read_offered(void *p) { return virtio_read_offered(device(p)); }
static uint32_t read_accepted(void *p) { return virtio_read_accepted(device(p)); }
static void write_accepted(void *p, uint32_t v) { virtio_write_accepted(device(p), v); }
static uint32_t read_offered_select(void *p) { return device(p)->offered_select; }
static void write_offered_select(void *p, uint32_t v) { device(p)->offered_select = v; }
static uint32_t read_accepted_select(void *p) { return device(p)->accepted_select; }
static void write_accepted_select(void *p, uint32_t v) { device(p)->accepted_select = v; }
static uint32_t read_queue_count(void *p) { return device(p)->queue_count; }
static uint32_t read_status(void *p) { return device(p)->status; }
static void write_status(void *p, uint32_t v) { virtio_write_status(device(p), (uint8_t)v); }
static uint32_t read_generation(void *p) { return device(p)->generation; }
static uint32_t read_queue_select(void *p) { return device(p)->queue_select; }
static void write_queue_select(void *p, uint32_t v) { device(p)->queue_select = (uint16_t)v; }
static void write_queue_size(void *p, uint32_t v) { virtio_set_queue_size(device(p), (uint16_t)v); }
static uint32_t read_config_vector(void *p) { return device(p)->config_vector; }

/* A vector that the function does not have is not mapped, and reads back so (4.1.5.1.2.1). */
static uint16_t checked_vector(const struct virtio_pci *p, uint32_t v)
{
	return v < p->msix.count ? (uint16_t)v : (uint16_t)VIRTIO_NO_VECTOR;
}

static void message_changed(struct virtio_device *dev, unsigned queue)
{
	if (dev->ops->message_changed) {
		dev->ops->message_changed(dev, queue);
	}
}

static void messages_changed(struct virtio_device *dev)
{
	for (unsigned i = 0; i < dev->queue_count; i++) {
		message_changed(dev, i);
	}
}

static void write_config_vector(void *p, uint32_t v)
{
	device(p)->config_vector = checked_vector(p, v);
}

static uint32_t read_queue_size(void *p)
{
	const struct virtio_queue *q = virtio_selected(device(p));

	return q ? q->size : 0;
}

static uint32_t read_queue_vector(void *p)
{
	const struct virtio_queue *q = virtio_selected(device(p));

	return q ? q->vector : VIRTIO_NO_VECTOR;
}

static void write_queue_vector(void *p, uint32_t v)
{
	struct virtio_queue *q = virtio_selected(device(p));

	if (q) {
		q->vector = checked_vector(p, v);
		message_changed(device(p), device(p)->queue_select);
	}
}

static uint32_t read_queue_enable(void *p)
{
	const struct virtio_queue *q = virtio_selected(device(p));

	return q && q->enabled;
}

static void write_queue_enable(void *p, uint32_t v)
{
	/* Writing 0 is not allowed and does nothing (4.1.4.3.2). */
	if (v == 1) {
		virtio_enable_queue(device(p));
	}
}

static uint32_t read_notify_off(void *p)
{
	return virtio_selected(device(p)) ? device(p)->queue_select : 0;
}

/* The three areas of a queue: six registers of 32 bits. */
static uint32_t read_area(void *p, enum virtio_area which, unsigned half)
{
	return virtio_read_area(device(p), which, half);
}

static void write_area(void *p, enum virtio_area which, unsigned half, uint32_t v)
{
	virtio_write_area(device(p), which, half, v);
}

static uint32_t read_desc_low(void *p) { return read_area(p, VIRTIO_AREA_DESC, 0); }
static uint32_t read_desc_high(void *p) { return read_area(p, VIRTIO_AREA_DESC, 1); }
static uint32_t read_driver_low(void *p) { return read_area(p, VIRTIO_AREA_DRIVER, 0); }
static uint32_t read_driver_high(void *p) { return read_area(p, VIRTIO_AREA_DRIVER, 1); }
static uint32_t read_device_low(void *p) { return read_area(p, VIRTIO_AREA_DEVICE, 0); }
static uint32_t read_device_high(void *p) { return read_area(p, VIRTIO_AREA_DEVICE, 1); }
static void write_desc_low(void *p, uint32_t v) { write_area(p, VIRTIO_AREA_DESC, 0, v); }
static void write_desc_high(void *p, uint32_t v) { write_area(p, VIRTIO_AREA_DESC, 1, v); }
static void write_driver_low(void *p, uint32_t v) { write_area(p, VIRTIO_AREA_DRIVER, 0, v); }
static void write_driver_high(void *p, uint32_t v) { write_area(p, VIRTIO_AREA_DRIVER, 1, v); }
static void write_device_low(void *p, uint32_t v) { write_area(p, VIRTIO_AREA_DEVICE, 0, v); }
static void write_device_high(void *p, uint32_t v) { write_area(p, VIRTIO_AREA_DEVICE, 1, v); }

static const struct reg common[] = {
	REG_HOOKS(0x00, 4, .read = read_offered_select, .write = write_offered_select),
	REG_HOOKS(0x04, 4, .read = read_offered),
	REG_HOOKS(0x08, 4, .read = read_accepted_select, .write = write_accepted_select),
	REG_HOOKS(0x0c, 4, .read = read_accepted, .write = write_accepted),
	REG_HOOKS(0x10, 2, .read = read_config_vector, .write = write_config_vector),
	REG_HOOKS(0x12, 2, .read = read_queue_count),
	REG_HOOKS(0x14, 1, .read = read_status, .write = write_status),
	REG_HOOKS(0x15, 1, .read = read_generation),
	REG_HOOKS(0x16, 2, .read = read_queue_select, .write = write_queue_select),
	REG_HOOKS(0x18, 2, .read = read_queue_size, .write = write_queue_size),
	REG_HOOKS(0x1a, 2, .read = read_queue_vector, .write = write_queue_vector),
	REG_HOOKS(0x1c, 2, .read = read_queue_enable, .write = write_queue_enable),
	REG_HOOKS(0x1e, 2, .read = read_notify_off),
	REG_HOOKS(0x20, 4, .read = read_desc_low, .write = write_desc_low),
	REG_HOOKS(0x24, 4, .read = read_desc_high, .write = write_desc_high),
	REG_HOOKS(0x28, 4, .read = read_driver_low, .write = write_driver_low),
	REG_HOOKS(0x2c, 4, .read = read_driver_high, .write = write_driver_high),
	REG_HOOKS(0x30, 4, .read = read_device_low, .write = write_device_low),
	REG_HOOKS(0x34, 4, .read = read_device_high, .write = write_device_high),
};

enum { COMMON_BYTES = 0x38 };

/* ---- the BAR ---- */

/* Reading tells the causes and takes the interrupt away (4.1.4.5). */
static void isr_access(struct virtio_pci *p, struct io_access *io)
{
	if (io->write || io->addr) {
		io->value = 0;
		return;
	}
	io->value = p->dev->isr;
	p->dev->isr = 0;
	pci_interrupt(&p->f, false);
}

/* Where is what counts, not the value: that is the same queue again (4.1.5.2). */
static void notify_access(struct virtio_pci *p, struct io_access *io)
{
	if (io->write) {
		virtio_notify(p->dev, (unsigned)io->addr / NOTIFY_STRIDE);
	} else {
		io->value = 0;
	}
}

static void bar_access(void *dev, struct io_access *io)
{
	struct virtio_pci *p = dev;
	uint64_t page = io->addr / PAGE_SIZE, start = io->addr;

	if (start % PAGE_SIZE + io->size > PAGE_SIZE) {
		io->value = 0;               /* no structure goes over the end of its page */
		return;
	}
	io->addr %= PAGE_SIZE;
	switch (page) {
	case PAGE_COMMON:
		regs_access(common, ARRAY_SIZE(common), p, io);
		break;
	case PAGE_ISR:
		isr_access(p, io);
		break;
	case PAGE_CONFIG:
		virtio_config_access(p->dev, io);
		break;
	case PAGE_NOTIFY:
		notify_access(p, io);
		break;
	case PAGE_TABLE:
		msix_table_access(&p->msix, io);
		if (io->write) {
			messages_changed(p->dev);
		}
		break;
	case PAGE_PBA:
		msix_pba_access(&p->msix, io);
		break;
	default:
		io->value = 0;
		break;
	}
	io->addr = start;
}

/* ---- configuration space ---- */

/* The access that the driver asks for through the window (4.1.4.9); false: it describes none. */
static bool window_target(const struct virtio_pci *p, struct io_access *io)
{
	uint32_t offset = pci_get(&p->f, p->window + CAP_OFFSET, 4), size = pci_get(&p->f, p->window + CAP_LENGTH, 4);

	*io = (struct io_access){ .addr = offset, .size = (uint8_t)size };
	return p->f.config[p->window + CAP_BAR] == BAR && (size == 1 || size == 2 || size == 4) && offset % size == 0 &&
	       range_within(offset, size, BAR_BYTES);
}

static void config_reads(struct pci_function *f, unsigned at, unsigned len)
{
	struct virtio_pci *p = f->dev;
	struct io_access io;

	if (pci_touches(at, len, p->window + CAP_EXTRA, 4) && window_target(p, &io)) {
		bar_access(p, &io);
		pci_put(f, p->window + CAP_EXTRA, io.size, (uint32_t)io.value);
	}
}

static void config_written(struct pci_function *f, unsigned at, unsigned len)
{
	struct virtio_pci *p = f->dev;
	struct io_access io;

	if (pci_touches(at, len, p->window + CAP_EXTRA, 4) && window_target(p, &io)) {
		io.write = true;
		io.value = pci_get(f, p->window + CAP_EXTRA, io.size);
		bar_access(p, &io);
	}
	if (pci_touches(at, len, p->msix.cap, 4) || pci_touches(at, len, PCI_COMMAND, 2)) {
		msix_config_written(&p->msix);
		messages_changed(p->dev);
		if (msix_enabled(&p->msix)) {
			pci_interrupt(&p->f, false);         /* with MSI-X a function has no line (6.8.2) */
		}
	}
}

/* ---- interrupts ---- */

static void interrupt(struct virtio_device *dev, uint16_t vector, unsigned causes)
{
	struct virtio_pci *p = dev->slot;

	if (msix_enabled(&p->msix)) {
		msix_send(&p->msix, vector);
	} else {
		dev->isr |= (uint8_t)causes;
		pci_interrupt(&p->f, true);
	}
}

static int message(const struct virtio_device *dev, uint16_t vector, uint64_t *address, uint32_t *data)
{
	const struct virtio_pci *p = dev->slot;

	return msix_message(&p->msix, vector, address, data);
}

/* ---- doorbells ---- */

/* Queues that can be notified now, and where their page answers. */
static uint32_t wanted_rings(const struct virtio_pci *p, uint64_t *at)
{
	uint32_t queues = 0;

	*at = p->f.bar[BAR].base;
	if (!p->doorbell || *at == UINT64_MAX || !virtio_is_live(p->dev)) {
		return 0;
	}
	*at += AT(PAGE_NOTIFY);
	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		queues |= (uint32_t)p->dev->queue[i].enabled << i;
	}
	return queues;
}

/* Without one, for want of room in the kernel, the notification comes as an access: slower, not different. */
static void hang_doorbells(struct virtio_pci *p)
{
	uint64_t at;
	uint32_t rings = wanted_rings(p, &at);

	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		if ((p->rings >> i & 1) && (!(rings >> i & 1) || at != p->rings_at)) {
			vm_doorbell_remove(p->rings_at + i * NOTIFY_STRIDE);
			p->rings &= ~(1u << i);
		}
	}
	p->rings_at = at;
	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		if ((rings & ~p->rings) >> i & 1 && vm_doorbell_add(at + i * NOTIFY_STRIDE, p->doorbell) == OK) {
			p->rings |= 1u << i;
		}
	}
}

void virtio_pci_doorbell(void *arg)
{
	struct virtio_pci *p = arg;

	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		if (p->rings >> i & 1) {
			virtio_notify(p->dev, i);
		}
	}
}

static void queues_changed(struct virtio_device *dev)
{
	struct virtio_pci *p = dev->slot;

	hang_doorbells(p);
	if (!dev->isr) {
		pci_interrupt(&p->f, false);
	}
}

static void moved(struct pci_function *f)
{
	hang_doorbells(f->dev);
}

static const struct virtio_transport transport = { interrupt, message, queues_changed };
static const struct pci_ops ops = { config_reads, config_written, moved };

/* ---- setting up ---- */

static unsigned add_structure(struct pci_function *f, enum cfg_type type, uint32_t offset, uint32_t length)
{
	bool extra = type == CFG_NOTIFY || type == CFG_PCI;
	unsigned at = pci_add_capability(f, PCI_CAP_VENDOR, extra ? CAP_LEN_EXTRA : CAP_LEN);

	pci_put(f, at + CAP_LEN_AT, 1, extra ? CAP_LEN_EXTRA : CAP_LEN);
	pci_put(f, at + CAP_TYPE, 1, type);
	pci_put(f, at + CAP_BAR, 1, BAR);
	pci_put(f, at + CAP_OFFSET, 4, offset);
	pci_put(f, at + CAP_LENGTH, 4, length);
	return at;
}

static void add_capabilities(struct virtio_pci *p)
{
	struct pci_function *f = &p->f;
	unsigned at;

	add_structure(f, CFG_COMMON, AT(PAGE_COMMON), COMMON_BYTES);
	add_structure(f, CFG_ISR, AT(PAGE_ISR), 1);
	add_structure(f, CFG_DEVICE, AT(PAGE_CONFIG), PAGE_SIZE);
	at = add_structure(f, CFG_NOTIFY, AT(PAGE_NOTIFY), p->dev->queue_count * NOTIFY_STRIDE);
	pci_put(f, at + CAP_EXTRA, 4, NOTIFY_STRIDE);
	p->window = add_structure(f, CFG_PCI, 0, 0);
	f->writable[p->window + CAP_BAR] = 0xff;
	for (unsigned i = CAP_OFFSET; i < CAP_LEN_EXTRA; i++) {
		f->writable[p->window + i] = 0xff;
	}
	msix_init(&p->msix, f, p->dev->queue_count + 1, BAR, AT(PAGE_TABLE), AT(PAGE_PBA));
	pci_add_msi(f);
	pci_add_intx(f);
}

/* Class codes, by what drivers of the type look like to software that knows no virtio (PCI Code and ID Assignment 1.11). */
static uint32_t class_of(enum virtio_type type)
{
	switch (type) {
	case VIRTIO_NET:
		return 0x020000;
	case VIRTIO_BLOCK:
		return 0x018000;
	case VIRTIO_CONSOLE:
		return 0x078000;
	case VIRTIO_RNG:
	case VIRTIO_BALLOON:
		break;
	}
	return 0x00ff00;
}

int virtio_pci_init(struct virtio_pci *p, struct virtio_device *dev, struct pci_host *host, uint32_t doorbell)
{
	struct pci_identity id = {
		.vendor = VENDOR, .device = (uint16_t)(DEVICE_BASE + dev->type), .revision = REVISION,
		.subsystem_vendor = VENDOR, .subsystem = SUBSYSTEM_BASE, .class = class_of(dev->type),
	};
	int r = virtio_init(dev, &transport, p);

	if (r < 0) {
		return r;
	}
	p->dev = dev;
	p->doorbell = doorbell;
	p->rings = 0;
	pci_function_init(&p->f, &id, &ops, p);
	pci_add_bar(&p->f, BAR, BAR_BYTES, true, bar_access, p);
	add_capabilities(p);
	r = pci_host_add(host, &p->f);
	return r < 0 ? r : OK;
}
