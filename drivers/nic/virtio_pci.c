/* SPDX-License-Identifier: Apache-2.0 */
/* virtio on PCI, the driver's side. virtio 1.2, 4.1.4. */
#include "drivers/nic/virtio_pci.h"

#include "drivers/nic/nic.h"

/* Configuration space: PCI 3.0, 6.1 and 6.7; a capability of ours: 4.1.4. */
enum { PCI_STATUS = 0x06, PCI_HAS_CAPABILITIES = 0x10, PCI_CAPABILITIES = 0x34, PCI_CAP_VENDOR = 0x09, CAPS_MAX = 48 };
enum { CAP_ID = 0, CAP_NEXT = 1, CAP_LEN = 2, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_BYTES = 12, CAP_MULTIPLIER = 16,
       CAP_SIZE = 16, CAP_NOTIFY_SIZE = 20 };
enum cap_type { COMMON_CFG = 1, NOTIFY_CFG = 2, ISR_CFG = 3, DEVICE_CFG = 4 };

/* The common structure, 4.1.4.3. */
enum { FEATURE_SELECT = 0x00, FEATURE = 0x04, DRIVER_SELECT = 0x08, DRIVER_FEATURE = 0x0c, CONFIG_VECTOR = 0x10, STATUS = 0x14,
       QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18, QUEUE_VECTOR = 0x1a, QUEUE_ENABLE = 0x1c, QUEUE_NOTIFY = 0x1e, QUEUE_DESC = 0x20,
       QUEUE_DRIVER = 0x28, QUEUE_DEVICE = 0x30, COMMON_BYTES = 0x38 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };
enum { F_VERSION_1 = 32 };
enum { RESET_TRIES = 1000, RESET_US = 100 };

static uint32_t config32(const struct nic_host *h, unsigned at)
{
	uint32_t v;

	__builtin_memcpy(&v, h->config + at, sizeof(v));
	return v;
}

/* ---- finding ---- */

static int take_area(struct virtio_pci_area *a, const struct nic_host *h, unsigned at, uint32_t least)
{
	*a = (struct virtio_pci_area){
		.bar = h->config[at + CAP_BAR], .offset = config32(h, at + CAP_OFFSET), .bytes = config32(h, at + CAP_BYTES),
	};
	if (a->bar >= NIC_BARS || !h->bar[a->bar] || a->bytes < least ||
	    !range_within(a->offset, a->bytes, h->bar_size[a->bar])) {
		return E_PROTO;
	}
	return OK;
}

/* The first one of each type counts (4.1.4.1). */
static int take_capability(struct virtio_pci *pci, const struct nic_host *h, unsigned at)
{
	switch (h->config[at + CAP_TYPE]) {
	case COMMON_CFG: return pci->common.bytes ? OK : take_area(&pci->common, h, at, COMMON_BYTES);
	case ISR_CFG:    return pci->isr.bytes ? OK : take_area(&pci->isr, h, at, 1);
	case DEVICE_CFG: return pci->device.bytes ? OK : take_area(&pci->device, h, at, 1);
	case NOTIFY_CFG:
		if (at + CAP_NOTIFY_SIZE > NIC_CONFIG_BYTES || h->config[at + CAP_LEN] < CAP_NOTIFY_SIZE) {
			return E_PROTO;
		}
		if (pci->notify.bytes) {
			return OK;
		}
		pci->notify_multiplier = config32(h, at + CAP_MULTIPLIER);
		return take_area(&pci->notify, h, at, 2);
	default: return OK;
	}
}

int virtio_pci_find(struct virtio_pci *pci, const struct nic_host *h)
{
	unsigned at = h->config[PCI_CAPABILITIES] & 0xfcu;

	*pci = (struct virtio_pci){ 0 };
	if (!(h->config[PCI_STATUS] & PCI_HAS_CAPABILITIES)) {
		return E_NOENT;
	}
	for (unsigned hops = 0; at >= 0x40 && hops < CAPS_MAX; hops++) {
		if (h->config[at + CAP_ID] == PCI_CAP_VENDOR && at + CAP_SIZE <= NIC_CONFIG_BYTES) {
			int r = take_capability(pci, h, at);

			if (r < 0) {
				return r;
			}
		}
		at = h->config[at + CAP_NEXT] & 0xfcu;
	}
	return pci->common.bytes && pci->notify.bytes && pci->isr.bytes ? OK : E_NOENT;
}

/* ---- registers ---- */

static uint32_t common_read(const struct virtio_pci *pci, const struct nic_host *h, uint32_t at, unsigned bytes)
{
	return nic_read(h, pci->common.bar, pci->common.offset + at, bytes);
}

static void common_write(const struct virtio_pci *pci, const struct nic_host *h, uint32_t at, unsigned bytes, uint32_t value)
{
	nic_write(h, pci->common.bar, pci->common.offset + at, bytes, value);
}

static void common_write64(const struct virtio_pci *pci, const struct nic_host *h, uint32_t at, uint64_t value)
{
	common_write(pci, h, at, 4, (uint32_t)value);
	common_write(pci, h, at + 4, 4, (uint32_t)(value >> 32));
}

static uint8_t status(const struct virtio_pci *pci, const struct nic_host *h)
{
	return (uint8_t)common_read(pci, h, STATUS, 1);
}

static void add_status(const struct virtio_pci *pci, const struct nic_host *h, uint8_t bits)
{
	common_write(pci, h, STATUS, 1, status(pci, h) | bits);
}

int virtio_pci_reset(const struct virtio_pci *pci, const struct nic_host *h)
{
	common_write(pci, h, STATUS, 1, 0);
	for (unsigned tries = 0; tries < RESET_TRIES; tries++) {
		if (status(pci, h) == 0) {
			return OK;
		}
		nic_wait_us(RESET_US);
	}
	return E_TIMEOUT;
}

uint64_t virtio_pci_offered(const struct virtio_pci *pci, const struct nic_host *h)
{
	uint64_t offered = 0;

	for (uint32_t i = 0; i < 2; i++) {
		common_write(pci, h, FEATURE_SELECT, 4, i);
		offered |= (uint64_t)common_read(pci, h, FEATURE, 4) << 32 * i;
	}
	return offered;
}

int virtio_pci_negotiate(const struct virtio_pci *pci, const struct nic_host *h, uint64_t wanted, uint64_t *features)
{
	uint64_t offered;

	add_status(pci, h, ACKNOWLEDGE);
	add_status(pci, h, DRIVER);
	offered = virtio_pci_offered(pci, h);
	if (!(offered >> F_VERSION_1 & 1)) {
		return E_IO;
	}
	*features = offered & (wanted | 1ull << F_VERSION_1);
	for (uint32_t i = 0; i < 2; i++) {
		common_write(pci, h, DRIVER_SELECT, 4, i);
		common_write(pci, h, DRIVER_FEATURE, 4, (uint32_t)(*features >> 32 * i));
	}
	add_status(pci, h, FEATURES_OK);
	return status(pci, h) & FEATURES_OK ? OK : E_IO;
}

void virtio_pci_start(const struct virtio_pci *pci, const struct nic_host *h)
{
	add_status(pci, h, DRIVER_OK);
}

bool virtio_pci_needs_reset(const struct virtio_pci *pci, const struct nic_host *h)
{
	return status(pci, h) & NEEDS_RESET;
}

/* ---- queues ---- */

uint16_t virtio_pci_queue_size(const struct virtio_pci *pci, const struct nic_host *h, uint16_t queue)
{
	common_write(pci, h, QUEUE_SELECT, 2, queue);
	return (uint16_t)common_read(pci, h, QUEUE_SIZE, 2);
}

int virtio_pci_queue_start(struct virtio_pci *pci, const struct nic_host *h, uint16_t queue,
			   const struct ring_setup *setup, uint16_t vector)
{
	uint64_t notify_at;

	common_write(pci, h, QUEUE_SELECT, 2, queue);
	common_write(pci, h, QUEUE_SIZE, 2, setup->size);
	common_write64(pci, h, QUEUE_DESC, setup->desc);
	common_write64(pci, h, QUEUE_DRIVER, setup->driver);
	common_write64(pci, h, QUEUE_DEVICE, setup->device);
	common_write(pci, h, QUEUE_VECTOR, 2, vector);
	notify_at = (uint64_t)common_read(pci, h, QUEUE_NOTIFY, 2) * pci->notify_multiplier;
	if (common_read(pci, h, QUEUE_VECTOR, 2) != vector || !range_within(notify_at, 2, pci->notify.bytes)) {
		return E_IO;
	}
	pci->notify_at[queue] = (uint32_t)notify_at;
	common_write(pci, h, QUEUE_ENABLE, 2, 1);
	return OK;
}

int virtio_pci_config_vector(const struct virtio_pci *pci, const struct nic_host *h, uint16_t vector)
{
	common_write(pci, h, CONFIG_VECTOR, 2, vector);
	return common_read(pci, h, CONFIG_VECTOR, 2) == vector ? OK : E_IO;
}

void virtio_pci_notify(const struct virtio_pci *pci, const struct nic_host *h, uint16_t queue)
{
	nic_write(h, pci->notify.bar, pci->notify.offset + pci->notify_at[queue], 2, queue);
}

uint8_t virtio_pci_isr(const struct virtio_pci *pci, const struct nic_host *h)
{
	return (uint8_t)nic_read(h, pci->isr.bar, pci->isr.offset, 1);
}

uint8_t virtio_pci_config(const struct virtio_pci *pci, const struct nic_host *h, uint32_t at)
{
	return at < pci->device.bytes ? (uint8_t)nic_read(h, pci->device.bar, pci->device.offset + at, 1) : 0;
}
