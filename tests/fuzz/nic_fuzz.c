/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers of network cards, and the uplink on top of them, with cards that write anything into their memory and answer
 * anything from their registers.
 *
 *	byte 0: kind of the card; bit 7: its registers lie from the beginning on, else only when a step says so
 *	steps: byte 0: what; bytes 1 to 7: arguments
 *
 * sources: net/uplink.c lib/frames.c lib/channel.c lib/net_offload.c drivers/nic/nic.c drivers/nic/out.c
 * sources: drivers/nic/virtio_net.c drivers/nic/virtio_pci.c drivers/nic/e1000.c drivers/nic/e1000e.c
 * sources: drivers/virtio/ring_driver.c drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c
 * sources: tests/fake/nic.c
 */
#include <stdlib.h>
#include <string.h>

#include "net/uplink.h"
#include "tests/fake/nic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { STEPS = 200, STEP = 8, LIES = 64 };

static struct uplink uplink;
static struct uplink_plain plain;
static struct frames_channel channel;
static struct frames_end to_wire, at_switch;
static uint8_t sink[FRAME_MAX];
static uint64_t watched;

/* Descriptors, rings and the beginnings of buffers: the places where something is read. */
static void scribble(const uint8_t *a)
{
	uint32_t at = (a[0] | (uint32_t)a[1] << 8) % NIC_IN_AT;

	if (a[2] & 1) {
		at = NIC_IN_AT + (a[0] * (uint32_t)NIC_BUFFER) + a[1] % 16u;
	}
	memcpy(fake_nic.dma + at, a + 3, STEP - 1 - 3);
}

/* Counts and lengths of the first virtqueue that might be believed. */
static void forge(const uint8_t *a)
{
	uint8_t *device = (uint8_t *)(uintptr_t)(a[6] & 1 ? uplink.nic.virtio.tx.device : uplink.nic.virtio.rx.device);
	uint16_t index = (uint16_t)(a[0] + (a[1] & 1) * 0x100);
	uint32_t entry[2] = { a[2], a[3] | (uint32_t)a[4] << 8 };

	if (fake_nic.kind == FAKE_VIRTIO && uplink.attached && device) {
		memcpy(device + 4 + (a[5] % NIC_BUFFERS) * 8, entry, sizeof(entry));
		memcpy(device + 2, &index, sizeof(index));
	}
}

static void take(void)
{
	struct frame_header h;

	for (unsigned budget = 64; budget && uplink_is_up(&uplink); budget--) {
		int r = uplink_next(&uplink, &h);

		if (r == E_AGAIN) {
			break;
		}
		if (r == OK) {
			uplink_get(&uplink, 0, sink, h.len);
			if (h.len < FRAME_MIN || h.len > FRAME_MAX) {
				abort();
			}
			if (frames_room(&to_wire, h.len)) {
				(void)!uplink_forward(&uplink, &to_wire, &h);
			}
			uplink_drop(&uplink);
		}
	}
}

static void send(const uint8_t *a)
{
	struct frame_header h = { .len = FRAME_MIN + (a[0] | (a[1] & 0x7fu) << 8), .flags = a[2] & 1, .gso_type = a[2] >> 4,
				  .gso_size = (uint16_t)(a[3] * 8), .csum_start = a[4], .csum_offset = a[5] };
	uint8_t head[54] = { 2, [12] = 8, [14] = 0x45, [23] = 6, [46] = 0x50 };

	if (!uplink_is_up(&uplink) || !frames_room(&to_wire, h.len)) {
		return;
	}
	frames_put(&to_wire, 0, head, h.len < sizeof(head) ? h.len : sizeof(head));
	(void)!frames_send(&to_wire, &h);
	if (frames_next(&at_switch, &h) == OK) {
		if (uplink_room(&uplink, &h) || !uplink_full(&uplink, &h)) {
			(void)!uplink_send(&uplink, &at_switch, &h);
		}
		(void)!frames_drop(&at_switch, &h);
	}
}

static void step(unsigned what, const uint8_t *a)
{
	struct frame_header h = { .len = 60 + a[0] * 4u };

	switch (what) {
	case 0: scribble(a); break;
	case 1: forge(a); break;
	case 2: take(); break;
	case 3: send(a); break;
	case 4: uplink_flush(&uplink); break;
	case 5: uplink_wake(&uplink); break;
	case 6: (void)!uplink_sleep(&uplink); break;
	case 7: fake_nic.stalled = a[0] & 1; break;
	case 8: fake_nic.link = a[0] & 1; break;
	case 9: (void)!fake_nic_arrive(sink, &h); break;
	case 10: memset(sink, a[0], sizeof(sink)); break;
	case 11: uplink_watch(&uplink, watched += a[0] * (UPLINK_STUCK_NS / 16)); break;
	default: break;
	}
}

/* The device's side of the fake ends the program when the driver breaks the rules: what was scribbled over is none of it. */
static void run(const uint8_t *data, size_t len)
{
	for (unsigned steps = 0; len >= STEP && steps < STEPS && uplink.attached; steps++) {
		step(*data % 12, data + 1);
		data += STEP;
		len -= STEP;
	}
	uplink_stop(&uplink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nic_host host;

	if (len < 1 + LIES) {
		return 0;
	}
	fake_nic.features = 0;
	fake_nic.stalled = false;
	watched = 0;
	host = fake_nic_plug((enum fake_nic_kind)(*data % FAKE_NIC_KINDS), *data >> 4 & 1);
	memset(&channel, 0, offsetof(struct frames_channel, from_vm_data));
	frames_writer(&to_wire, &channel.from_vm, channel.from_vm_data);
	frames_reader(&at_switch, &channel.from_vm, channel.from_vm_data);
	memset(&plain, 0, offsetof(struct uplink_plain, plain));
	fake_nic.deaf = true;
	if (*data & 0x80) {
		memcpy(fake_nic.config + 0x34, data + 1, 44);
		fake_nic.lies = data + 1;
		fake_nic.lies_left = len - 1;
	}
	(void)!uplink_start(&uplink, &host, &plain, 0);
	fake_nic.lies = *data & 0x40 ? fake_nic.lies : NULL;
	run(data + 1 + LIES, len - 1 - LIES);
	fake_nic.lies = NULL;
	return 0;
}
