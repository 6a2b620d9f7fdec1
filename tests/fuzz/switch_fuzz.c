/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The switch with VMs that write anything into their channels, counts and flags included.
 *
 *	steps: byte 0 bits 0-1 port, bits 2-4 what: write a count, send raw bytes, send a frame, take all, let time pass, plug,
 *	pull, ask it to sleep; byte 1... arguments. bit 7: the wire instead, bits 0-2 what: a frame comes, anything is written
 *	into the card's memory, it stands still, goes on, interrupts, its link goes or comes, it is attached anew
 *
 * sources: net/switch.c net/port.c net/uplink.c net/fdb.c lib/frames.c lib/channel.c lib/net_offload.c drivers/nic/nic.c drivers/nic/out.c
 * sources: drivers/nic/virtio_net.c drivers/nic/virtio_pci.c drivers/nic/e1000.c drivers/nic/e1000e.c drivers/virtio/ring_driver.c
 * sources: drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c tests/fake/nic.c
 */
#include <stdlib.h>
#include <string.h>

#include "net/switch.h"
#include "tests/fake/nic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { PORTS = 3, WIRE = PORTS, STEPS = 256, ARGUMENTS = 8 };

static struct net_switch s;
static struct net_counters counters[PORTS + 1];
static struct frames_channel channel[PORTS];
static struct frames_end out[PORTS], in[PORTS];
static struct uplink wire;
static struct uplink_plain plain;
static uint64_t now;

static void plug(unsigned port)
{
	struct net_port info = { .mac = { 2, 0, 0, 0, 0, (uint8_t)port } };

	frames_writer(&out[port], &channel[port].from_vm, channel[port].from_vm_data);
	frames_reader(&in[port], &channel[port].to_vm, channel[port].to_vm_data);
	switch_plug(&s, port, &channel[port], &info);
}

static void write_word(unsigned port, const uint8_t *a)
{
	uint32_t *words[] = {
		&channel[port].from_vm.bytes.head, &channel[port].from_vm.bytes.tail, &channel[port].to_vm.bytes.head,
		&channel[port].to_vm.bytes.tail, &channel[port].from_vm.writer_waits, &channel[port].to_vm.reader_sleeps,
	};

	memcpy(words[a[0] % 6], a + 1, 4);
}

/* Eight addresses, some of them groups or cards. */
static void send_frame(unsigned port, const uint8_t *a)
{
	uint8_t head[12] = { a[0] & 1 ? 0xff : 2, 0, 0, 0, 0, a[0] >> 1, a[1] & 1 ? 3 : 2, 0, 0, 0, 0, a[1] >> 1 };
	struct frame_header h = { .len = FRAME_MIN + (a[2] | (uint32_t)a[3] << 8) };

	if (frames_room(&out[port], h.len)) {
		frames_put(&out[port], 0, head, sizeof(head));
		(void)!frames_send(&out[port], &h);
	}
}

static void step(unsigned port, unsigned what, const uint8_t *a)
{
	switch (what) {
	case 0: write_word(port, a); break;
	case 1: channel_write(&out[port].bytes, a, ARGUMENTS); break;
	case 2: send_frame(port, a); break;
	case 3: (void)!frames_drop_all(&in[port]); break;
	case 4: now += (uint64_t)a[0] << (a[1] & 31); break;
	case 5: plug(port); break;
	case 6: switch_pull(&s, port); break;
	case 7: (void)!switch_sleep(&s); break;
	}
}

static void attach(void)
{
	struct nic_host host = fake_nic_plug(FAKE_VIRTIO, 1);

	fake_nic.deaf = true;
	switch_pull(&s, WIRE);
	uplink_stop(&wire);
	(void)!uplink_start(&wire, &host, &plain, 0);
}

/* Eight addresses, as send_frame(). */
static void come(const uint8_t *a)
{
	static uint8_t frame[FRAME_MAX];
	struct frame_header h = { .len = FRAME_MIN + (a[2] | (a[3] & 0x3fu) << 8) };

	memset(frame, 0, FRAME_MIN);
	frame[0] = a[0] & 1 ? 0xff : 2;
	frame[5] = a[0] >> 1;
	frame[6] = a[1] & 1 ? 3 : 2;
	frame[11] = a[1] >> 1;
	(void)!fake_nic_arrive(frame, &h);
}

static void step_wire(unsigned what, const uint8_t *a)
{
	uint32_t at = (a[0] | (uint32_t)a[1] << 8 | (uint32_t)a[2] << 16) % (NIC_DMA_BYTES - 4);

	switch (what) {
	case 0: come(a); break;
	case 1: memcpy(fake_nic.dma + at, a + 3, 4); break;
	case 2: fake_nic.stalled = true; break;
	case 3: fake_nic_go_on(); break;
	case 4: uplink_wake(&wire); break;
	case 5: fake_nic.link = a[0] & 1; break;
	case 6: attach(); break;
	}
	if (wire.attached && uplink_is_up(&wire) != s.port[WIRE].up) {
		if (s.port[WIRE].up) {
			switch_pull(&s, WIRE);
		} else {
			switch_plug_uplink(&s, WIRE, &wire, 0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	now = 1;
	memset(channel, 0, sizeof(channel));
	switch_init(&s, PORTS + 1, counters);
	memset(&plain, 0, offsetof(struct uplink_plain, plain));
	fake_nic.stalled = false;
	attach();
	for (unsigned i = 0; i < PORTS; i++) {
		plug(i);
	}
	for (unsigned steps = 0; len > ARGUMENTS && steps < STEPS; steps++) {
		unsigned budget = 64;

		if (*data & 0x80) {
			step_wire(*data & 7, data + 1);
		} else {
			step((*data & 3) % PORTS, *data >> 2 & 7, data + 1);
		}
		data += 1 + ARGUMENTS;
		len -= 1 + ARGUMENTS;
		while (switch_run(&s, now) == now) {
			if (!budget--) {
				abort();         /* nobody adds frames: it must come to an end */
			}
		}
	}
	return 0;
}
