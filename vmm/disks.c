/* SPDX-License-Identifier: Apache-2.0 */
/* The VM's disks: images and layers where init mapped them (vmm/launch.h). */
#include <string.h>

#include "vmm/backends.h"
#include "vmm/virtio_blk.h"
#include "vmm/vm.h"

/* Owned by the device lock. */
static struct virtio_blk disks[CONF_DISKS_MAX];

static int open(uint32_t i)
{
	const struct vmm_disk *from = &vm.launch->disk[i];
	void *layer = from->layer_bytes ? (void *)VMM_LAYER_ADDR(i) : NULL;
	struct kept_disk kept = {
		.bytes = from->kept_bytes, .image = (const void *)VMM_DISK_ADDR(i), .image_bytes = from->bytes,
		.state = layer ? (void *)VMM_STATE_ADDR(i) : NULL, .own = layer,
	};

	return kept.bytes ? disk_init_kept(&disks[i].disk, &kept, from->read_only, &vm.control->disk_used[i])
			  : disk_init(&disks[i].disk, kept.image, from->bytes, layer, from->layer_bytes);
}

/* Names of kept disks differ at their end. */
static const char *serial_number(uint32_t i)
{
	const char *name = vm.launch->conf.disk[i].module;
	size_t len = strlen(name);

	return vm.launch->disk[i].kept_bytes && len > BLK_ID_BYTES ? name + len - BLK_ID_BYTES : name;
}

static int add(uint32_t i)
{
	int r = open(i);

	if (r < 0) {
		return r;
	}
	virtio_blk_init(&disks[i], serial_number(i), vm.vcpu_count, &vm.control->disk_io[i]);
	return vm_virtio_add(&disks[i].dev);
}

int vm_disks_init(void)
{
	int r = OK;

	for (uint32_t i = 0; r == OK && i < vm.launch->conf.disk_count && i < CONF_DISKS_MAX; i++) {
		r = add(i);
	}
	return r;
}
