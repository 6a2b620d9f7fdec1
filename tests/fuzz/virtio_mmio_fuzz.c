/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to virtio's memory-mapped registers, with entropy, console and balloon behind them.
 * sources: vmm/virtio_rng.c vmm/virtio_console.c vmm/virtio_balloon.c vmm/virtio.c vmm/virtio_mmio.c vmm/gmem.c vmm/regs.c
 * sources: vmm/bus.c lib/fmt.c drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c
 * sources: tests/fake/ring_driver.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "tests/fuzz/virtio_fuzz.h"
#include "vmm/platform.h"
#include "vmm/virtio_mmio.h"

static struct virtio_mmio transport[FUZZ_DEVICES];

static int init(void)
{
	int r = OK;

	fuzz_make_devices();
	for (unsigned i = 0; i < FUZZ_DEVICES && r == OK; i++) {
		r = virtio_mmio_init(&transport[i], fuzz_device[i], &fake.mmio,
				     PLATFORM_VIRTIO_MMIO + i * PLATFORM_VIRTIO_MMIO_SIZE, GSI_VIRTIO_MMIO + i, 1);
	}
	return r;
}

static void event(uint8_t argument)
{
	fuzz_event(argument);
	for (unsigned i = 0; i < FUZZ_DEVICES; i++) {
		device_fuzz_check(fake.irq[GSI_VIRTIO_MMIO + i] == (fuzz_device[i]->isr != 0));
		device_fuzz_check(fake_has_doorbell(transport[i].base + 0x50) == transport[i].rings);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ init, event }, data, len);
}
