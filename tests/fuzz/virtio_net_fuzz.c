/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network card between a driver and a switch that both do anything.
 *
 *	byte 0      features that were negotiated, by bits: checksum, receive checksum, TSO4, TSO6, receive TSO4, TSO6, mergeable, -
 *	then steps  bits 0-1 what: the driver adds a chain, notifies, the switch sends, the switch takes; bits 2-3 queue
 *	a chain     a byte pieces (1 to 4), for each a byte length (in steps of 97) and direction; then 16 bytes of content
 *	a frame     two bytes length, 14 bytes frame_header behind the length, 16 bytes of content at offset 12
 *
 * sources: vmm/virtio_net.c vmm/net_flow.c lib/net_offload.c lib/frames.c lib/channel.c
 * sources: drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c
 * sources: tests/fake/ring_driver.c tests/fake/platform.c tests/fake/virtio_done.c vmm/bus.c tests/fake/irq.c
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fake/platform.h"
#include "tests/fake/ring_driver.h"
#include "lib/net_offload.h"
#include "vmm/virtio_net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { QUEUE = 32, STEPS = 256, CONTENT = 16 };

static struct frames_channel channel;
static struct frames_end from_vm, to_vm;
static struct virtio_net nic;
static struct fake_driver driver[3];

void vm_switch_signal(void)
{
}

void vm_nic_lingers(void)
{
}

bool vm_nic_route(struct virtio_net *n, unsigned queue)
{
	return n->sent % 4 && queue;
}

void vm_nic_timer(struct virtio_net *n, uint64_t deadline_ns)
{
	(void)n, (void)deadline_ns;
}

static void must(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void fresh(uint8_t features)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 }, bit[7] = { 0, 1, 11, 12, 7, 8, 15 };

	fake_reset();
	memset(&channel, 0, offsetof(struct frames_channel, from_vm_data));
	memset(&nic, 0, offsetof(struct virtio_net, part));
	virtio_net_init(&nic, &channel, mac, 1, true);
	for (unsigned i = 0; i < sizeof(bit); i++) {
		nic.dev.accepted |= (features >> i & 1ull) << bit[i];
	}
	nic.dev.status = VIRTIO_DRIVER_OK;
	nic.promiscuous = true;
	for (unsigned i = 0; i < 3; i++) {
		struct ring_setup setup;

		fake_driver_init(&driver[i], i, QUEUE, 0);
		setup = fake_driver_setup(&driver[i], 0);
		must(ring_init(&nic.dev.queue[i].ring, &fake_ring_memory, &setup) == OK);
	}
	frames_reader(&from_vm, &channel.from_vm, channel.from_vm_data);
	frames_writer(&to_vm, &channel.to_vm, channel.to_vm_data);
}

static size_t add_chain(unsigned queue, const uint8_t *data, size_t len)
{
	struct fake_piece piece[4];
	unsigned count = len ? 1 + data[0] % 4 : 0;

	if (!len || len < 1 + count + CONTENT) {
		return len;
	}
	for (unsigned i = 0; i < count; i++) {
		piece[i] = (struct fake_piece){ FAKE_DATA + queue * 0x20000 + i * 0x4000, 1 + (data[1 + i] & 127u) * 97, data[1 + i] >> 7 };
	}
	memcpy(fake_ram + FAKE_DATA + queue * 0x20000, data + 1 + count, CONTENT);
	fake_driver_add(&driver[queue], piece, count);
	return 1 + count + CONTENT;
}

static size_t add_frame(const uint8_t *data, size_t len)
{
	struct frame_header h = { 0 };
	uint32_t frame;

	if (len < 2 + 10 + CONTENT) {
		return len;
	}
	frame = data[0] | (uint32_t)data[1] << 8;
	memcpy(&h.flags, data + 2, 10);
	h.len = frame;
	if (frames_room(&to_vm, frame)) {
		frames_put(&to_vm, 12, data + 12, CONTENT);
		(void)!frames_send(&to_vm, &h);
	}
	virtio_net_poll(&nic);
	return 2 + 10 + CONTENT;
}

/* What the card sent is what frames.h promises to a reader. */
static void take_frames(void)
{
	struct frame_header h;
	int r;

	while ((r = frames_next(&from_vm, &h)) != E_AGAIN) {
		must(r == OK && net_header_is_sane(&h));
		(void)!frames_drop(&from_vm, &h);
	}
	virtio_net_poll(&nic);
	virtio_net_linger(&nic);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!len) {
		return 0;
	}
	fresh(data[0]);
	data++;
	len--;
	for (unsigned steps = 0; len && steps < STEPS; steps++) {
		unsigned what = *data & 3, queue = (*data >> 2 & 3) % 3;
		size_t n = 0;

		data++;
		len--;
		if (what == 0) {
			n = add_chain(queue, data, len);
		} else if (what == 1 && virtio_is_live(&nic.dev)) {
			nic.dev.ops->notify(&nic.dev, queue);
		} else if (what == 2) {
			n = add_frame(data, len);
		} else if (what == 3) {
			take_frames();
		}
		data += n;
		len -= n;
	}
	return 0;
}
