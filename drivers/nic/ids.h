/* SPDX-License-Identifier: Apache-2.0 */
/* Which PCI functions are network cards that we have a driver for, and what people call them. For init too, which has no driver. */
#pragma once

#include "lib/base.h"

enum {
	NIC_VENDOR_INTEL = 0x8086, NIC_VENDOR_VIRTIO = 0x1af4,
	NIC_82540EM = 0x100e, NIC_82574L = 0x10d3,
	NIC_VIRTIO_TRANSITIONAL = 0x1000, NIC_VIRTIO = 0x1041,       /* virtio 1.2, 4.1.2.1 */
};

/* NULL: no driver knows it. */
static inline const char *nic_card_name(uint16_t vendor, uint16_t device)
{
	static const struct { uint16_t vendor, device; const char *name; } known[] = {
		{ NIC_VENDOR_INTEL, NIC_82540EM, "e1000 (82540EM)" },
		{ NIC_VENDOR_INTEL, NIC_82574L, "e1000e (82574L)" },
		{ NIC_VENDOR_VIRTIO, NIC_VIRTIO, "virtio-net" },
		{ NIC_VENDOR_VIRTIO, NIC_VIRTIO_TRANSITIONAL, "virtio-net (transitional)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].vendor == vendor && known[i].device == device) {
			return known[i].name;
		}
	}
	return NULL;
}
