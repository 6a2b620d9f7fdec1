/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers of network cards against cards that do as the manuals say, and some that do not.
 * sources: drivers/nic/nic.c drivers/nic/out.c drivers/nic/virtio_net.c drivers/nic/virtio_pci.c drivers/nic/e1000.c
 * sources: drivers/nic/e1000e.c drivers/virtio/ring_driver.c drivers/virtio/ring.c drivers/virtio/ring_split.c
 * sources: drivers/virtio/ring_packed.c lib/net_offload.c tests/fake/nic.c
 */
#include "drivers/nic/ids.h"
#include "drivers/nic/nic.h"
#include "lib/net_offload.h"
#include "tests/fake/nic.h"
#include "tests/unit/check.h"

static struct nic nic;
static struct nic_frame frame;
static uint8_t bytes[FRAME_MAX];

static void attach(enum fake_nic_kind kind)
{
	struct nic_host host = fake_nic_plug(kind, kind == FAKE_82540EM ? 0 : 1);

	CHECK_EQ(nic_attach(&nic, &host), OK);
	for (uint32_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	}
}

static bool send(const struct frame_header *h)
{
	uint8_t *to = nic_room(&nic, h->len);

	if (!to) {
		return false;
	}
	memcpy(to, bytes, h->len);
	CHECK(nic_transmit(&nic, h));
	nic_flush(&nic);
	return true;
}

static bool arrive(uint32_t len)
{
	return fake_nic_arrive(bytes, &(struct frame_header){ .len = len });
}

TEST(cards_attach_with_address_link_and_features)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		attach((enum fake_nic_kind)kind);
		CHECK_MEM(nic.mac, fake_nic_mac, 6);
		CHECK(nic.link && fake_nic.master && fake_nic.resets == 1);
		CHECK(nic.features & NIC_CSUM && nic.features & NIC_TSO4 && nic.features & NIC_CSUM_IN);
		CHECK_EQ(!!(nic.features & NIC_TSO6), kind != FAKE_82540EM);
		CHECK_EQ(!!(nic.features & NIC_MERGE), kind == FAKE_VIRTIO);
		CHECK_EQ(fake_nic.promiscuous, kind == FAKE_VIRTIO);
		nic_quiesce(&nic);
		CHECK(!fake_nic.master && fake_nic.resets == 2 && !nic.link);
	}
}

TEST(drivers_and_the_list_of_names_agree)
{
	static const uint16_t cards[][2] = { { 0x8086, 0x100e }, { 0x8086, 0x10d3 }, { 0x1af4, 0x1000 }, { 0x1af4, 0x1041 },
					     { 0x8086, 0x1041 }, { 0x1af4, 0x100e }, { 0x8086, 0x1521 } };

	for (size_t i = 0; i < ARRAY_SIZE(cards); i++) {
		CHECK_EQ(nic_is_known(cards[i][0], cards[i][1]), nic_card_name(cards[i][0], cards[i][1]) != NULL);
	}
}

TEST(a_virtio_card_without_an_address_has_none)
{
	struct nic_host host;

	fake_nic.features = 1ull << 32;              /* it can do nothing */
	host = fake_nic_plug(FAKE_VIRTIO, 1);
	CHECK_EQ(nic_attach(&nic, &host), OK);
	CHECK_MEM(nic.mac, "\0\0\0\0\0", 6);
	fake_nic.features = 0;
}

TEST(address_comes_from_the_eeprom_where_no_register_has_it)
{
	for (int kind = FAKE_82540EM; kind <= FAKE_82574L; kind++) {
		fake_nic.no_mac = true;
		attach((enum fake_nic_kind)kind);
		fake_nic.no_mac = false;
		CHECK_MEM(nic.mac, fake_nic_mac, 6);
	}
}

TEST(cards_that_do_not_come_out_of_reset_are_left_alone)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		struct nic_host host;

		fake_nic.stuck = true;
		host = fake_nic_plug((enum fake_nic_kind)kind, 1);
		CHECK(nic_attach(&nic, &host) < 0);
		CHECK(nic.broken && !fake_nic.master);
		fake_nic.stuck = false;
	}
}

TEST(frames_go_out_as_they_are_round_the_rings)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		attach((enum fake_nic_kind)kind);
		for (uint32_t i = 0; i < 3000; i++) {
			struct frame_header h = { .len = 60 + i % 1455 };

			CHECK(send(&h));
			CHECK_EQ(fake_nic.sent_count, i + 1);
			CHECK_EQ(fake_nic_last()->len, h.len);
			CHECK_MEM(fake_nic_last()->bytes, bytes, h.len);
			CHECK(!fake_nic_last()->csum && !fake_nic_last()->tso);
		}
	}
}

TEST(full_card_has_no_room_until_frames_have_gone)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		struct frame_header h = { .len = 1514 };
		unsigned sent = 0;

		attach((enum fake_nic_kind)kind);
		fake_nic.stalled = true;
		while (send(&h)) {
			sent++;
		}
		CHECK(sent > 100 && sent <= NIC_OUT_FRAMES);
		CHECK_EQ(fake_nic.sent_count, 0);
		nic_acknowledge(&nic);
		CHECK(nic_listen(&nic, true));
		fake_nic.interrupts = 0;
		fake_nic_go_on();
		CHECK_EQ(fake_nic.sent_count, sent);
		CHECK(fake_nic.interrupts);
		CHECK(send(&h));
	}
}

/* A TCP packet over IPv4 with len bytes in all. */
static struct frame_header tcp_packet(uint32_t len, uint16_t mss)
{
	memset(bytes, 0, 66);
	bytes[12] = 8;
	bytes[14] = 0x45;
	bytes[16] = (uint8_t)((len - 14) >> 8);
	bytes[17] = (uint8_t)(len - 14);
	bytes[23] = 6;
	bytes[26] = 10;
	bytes[33] = 2;
	bytes[46] = 0x50;
	bytes[50] = 0x12;
	bytes[51] = 0x34;
	return (struct frame_header){ .len = len, .flags = NET_HDR_NEEDS_CSUM, .gso_type = mss ? NET_GSO_TCPV4 : NET_GSO_NONE,
				      .hdr_len = 54, .gso_size = mss, .csum_start = 34, .csum_offset = 16 };
}

TEST(checksums_and_segments_are_left_to_the_card)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		const struct fake_sent *f;
		struct frame_header h;

		attach((enum fake_nic_kind)kind);
		h = tcp_packet(500, 0);
		CHECK(nic_takes(&nic, &h) && send(&h));
		f = fake_nic_last();
		CHECK(f->csum && !f->tso && f->csum_start == 34 && f->csum_at == 50);
		CHECK_MEM(f->bytes, bytes, h.len);
		h = tcp_packet(60000, 1460);
		CHECK(nic_takes(&nic, &h) && send(&h));
		f = fake_nic_last();
		CHECK(f->csum && f->tso && f->v4 && f->headers == 54 && f->mss == 1460 && f->len == 60000);
		CHECK_EQ(f->csum_at, 50);
		CHECK_MEM(f->bytes + 54, bytes + 54, h.len - 54);
		if (kind != FAKE_VIRTIO) {               /* the pseudo header's sum without a length: 10.0.0.0 + 0.0.0.2 + TCP */
			CHECK_EQ(f->bytes[50] << 8 | f->bytes[51], 0x0a00 + 2 + 6);
			CHECK(!f->bytes[16] && !f->bytes[17]);
		}
	}
}

TEST(what_a_card_cannot_do_is_not_asked_of_it)
{
	struct frame_header far = { .len = 600, .flags = NET_HDR_NEEDS_CSUM, .csum_start = 300, .csum_offset = 16 };
	struct frame_header v6 = { .len = 3000, .flags = NET_HDR_NEEDS_CSUM, .gso_type = NET_GSO_TCPV6, .gso_size = 1000,
				   .csum_start = 54, .csum_offset = 16 };
	struct frame_header ecn = { .len = 3000, .flags = NET_HDR_NEEDS_CSUM, .gso_type = NET_GSO_TCPV4 | NET_GSO_ECN,
				    .gso_size = 1000, .csum_start = 34, .csum_offset = 16 };

	attach(FAKE_82540EM);
	CHECK(!nic_takes(&nic, &far) && !nic_takes(&nic, &v6) && !nic_takes(&nic, &ecn));
	attach(FAKE_82574L);
	CHECK(!nic_takes(&nic, &far) && nic_takes(&nic, &v6) && !nic_takes(&nic, &ecn));
	attach(FAKE_VIRTIO);
	CHECK(nic_takes(&nic, &far) && nic_takes(&nic, &v6) && nic_takes(&nic, &ecn));
	fake_nic.features = 1ull << 32 | 1ull << 5;
	attach(FAKE_VIRTIO);
	fake_nic.features = 0;
	CHECK(!nic_takes(&nic, &far) && !nic_takes(&nic, &v6) && !nic_takes(&nic, &ecn));
}

TEST(packets_that_lie_or_are_too_long_are_not_sent)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		struct frame_header h = { .len = NIC_WIRE_MAX + 1 };

		attach((enum fake_nic_kind)kind);
		CHECK(nic_room(&nic, h.len) && !nic_transmit(&nic, &h));
		h = tcp_packet(3000, 2000);
		memcpy(nic_room(&nic, h.len), bytes, h.len);
		CHECK(!nic_transmit(&nic, &h));          /* its segments are too long */
		h = tcp_packet(3000, 1000);
		bytes[23] = 17;
		memcpy(nic_room(&nic, h.len), bytes, h.len);
		CHECK(!nic_transmit(&nic, &h));          /* it is UDP */
		nic_flush(&nic);
		CHECK_EQ(fake_nic.sent_count, 0);
	}
}

TEST(frames_come_in_order_round_the_rings)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		attach((enum fake_nic_kind)kind);
		for (uint32_t i = 0; i < 2000; i++) {
			uint32_t len = 60 + i % 1455;
			uint8_t got[32];

			bytes[20] = (uint8_t)i;
			CHECK_EQ(nic_receive(&nic, &frame), E_AGAIN);
			CHECK(arrive(len));
			CHECK_EQ(nic_receive(&nic, &frame), OK);
			CHECK_EQ(frame.header.len, len);
			nic_frame_get(&frame, 10, got, sizeof(got));
			CHECK_MEM(got, bytes + 10, sizeof(got));
			CHECK_EQ(frame.header.flags, kind == FAKE_82574L ? NET_HDR_DATA_VALID : 0);
			nic_release(&nic, &frame);
			nic_flush(&nic);
		}
		CHECK_EQ(nic.nonsense, 0);
	}
}

TEST(buffers_that_are_kept_run_out_and_come_back)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		unsigned count = 0;

		attach((enum fake_nic_kind)kind);
		while (arrive(100)) {
			count++;
		}
		CHECK(count >= NIC_BUFFERS - 1);
		for (unsigned i = 0; i < count; i++) {
			CHECK_EQ(nic_receive(&nic, &frame), OK);
			nic_release(&nic, &frame);
		}
		nic_flush(&nic);
		CHECK(arrive(100));
	}
}

TEST(segments_that_the_card_has_put_together_come_as_one)
{
	struct frame_header h;

	attach(FAKE_VIRTIO);
	h = tcp_packet(60000, 1460);
	CHECK(fake_nic_arrive(bytes, &h));
	CHECK_EQ(nic_receive(&nic, &frame), OK);
	CHECK_EQ(frame.header.len, 60000);
	CHECK_EQ(frame.header.gso_type, NET_GSO_TCPV4);
	CHECK_EQ(frame.header.gso_size, 1460);
	CHECK(frame.pieces > 20);
	for (uint32_t at = 0; at < 60000; at += 1000) {
		uint8_t got[1000];

		nic_frame_get(&frame, at, got, sizeof(got));
		CHECK_MEM(got, bytes + at, sizeof(got));
	}
}

TEST(interrupts_are_off_until_somebody_listens)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		struct frame_header h = { .len = 60 };

		attach((enum fake_nic_kind)kind);
		nic_acknowledge(&nic);
		fake_nic.interrupts = 0;
		CHECK(arrive(60));
		CHECK_EQ(fake_nic.interrupts, 0);
		CHECK(!nic_listen(&nic, false));         /* there is something already */
		nic_acknowledge(&nic);
		CHECK_EQ(nic_receive(&nic, &frame), OK);
		nic_release(&nic, &frame);
		nic_flush(&nic);
		CHECK(nic_listen(&nic, false));
		fake_nic.interrupts = 0;
		CHECK(send(&h));
		CHECK_EQ(fake_nic.interrupts, 0);        /* nobody asked when it has gone */
		CHECK(arrive(60));
		CHECK_EQ(fake_nic.interrupts, 1);
	}
}

TEST(link_goes_and_comes_back)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		attach((enum fake_nic_kind)kind);
		fake_nic.link = false;
		nic_acknowledge(&nic);
		CHECK(!nic.link);
		fake_nic.link = true;
		nic_acknowledge(&nic);
		CHECK(nic.link);
	}
}

TEST(registers_that_vanish_break_the_card_and_nothing_else)
{
	static const uint8_t ones[64] = { [0 ... 63] = 0xff };

	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		struct frame_header h = { .len = 60 };

		attach((enum fake_nic_kind)kind);
		fake_nic.lies = ones;
		fake_nic.lies_left = sizeof(ones);
		nic_acknowledge(&nic);
		CHECK(nic.broken && !nic.link);
		CHECK(!nic_room(&nic, h.len));
		CHECK_EQ(nic_receive(&nic, &frame), E_IO);
		nic_flush(&nic);
		CHECK(nic_listen(&nic, true));
	}
}

/* The used ring of virtio's first queue, as drivers/virtio/ring_driver.c lays it out. */
static void forge_used(uint32_t id, uint32_t len, uint16_t count)
{
	uint8_t *used = (uint8_t *)(uintptr_t)nic.virtio.rx.device;
	uint32_t entry[2] = { id, len };

	memcpy(used + 4, entry, sizeof(entry));
	memcpy(used + 2, &count, sizeof(count));
}

TEST(used_buffers_that_cannot_be_break_virtio)
{
	static const struct {
		const char *what;
		uint32_t id, len;
		uint16_t count;
	} table[] = {
		{ "no such buffer", NIC_BUFFERS, 100, 1 }, { "far beyond", UINT32_MAX, 100, 1 },
		{ "more bytes than a buffer", 0, NIC_BUFFER + 1, 1 }, { "no bytes", 0, 0, 1 },
		{ "a header alone", 0, 12, 1 }, { "more buffers than there are", 0, 100, NIC_BUFFERS + 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		attach(FAKE_VIRTIO);
		forge_used(table[i].id, table[i].len, table[i].count);
		CHECK_EQ(nic_receive(&nic, &frame), E_IO);
		CHECK(nic.broken);
	}
	attach(FAKE_VIRTIO);
	fake_nic.dma[NIC_IN_AT + 10] = 2;                /* two buffers, but there is only one */
	forge_used(0, 100, 1);
	CHECK_EQ(nic_receive(&nic, &frame), E_IO);
	attach(FAKE_VIRTIO);
	fake_nic.dma[NIC_IN_AT + 10] = NIC_PIECES_MAX + 1;
	forge_used(0, 100, 1);
	CHECK_EQ(nic_receive(&nic, &frame), E_IO);
	attach(FAKE_VIRTIO);
	fake_nic.dma[NIC_IN_AT + 10] = 1;
	fake_nic.dma[NIC_IN_AT] = NET_HDR_NEEDS_CSUM;    /* of bytes before the frame */
	forge_used(0, 100, 1);
	CHECK_EQ(nic_receive(&nic, &frame), E_PROTO);
	CHECK(!nic.broken && nic.nonsense == 1);
}

TEST(received_descriptors_of_intel_that_cannot_be_are_dropped)
{
	static const struct {
		const char *what;
		uint32_t len, status, errors;
	} table[] = {
		{ "too long", NIC_BUFFER + 1, 3, 0 }, { "too short", 13, 3, 0 }, { "an error", 100, 3, 1 },
		{ "not the end", 100, 1, 0 }, { "the end of what has no beginning", 100, 3, 0 }, { "a good one", 100, 3, 0 },
	};

	attach(FAKE_82540EM);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t word = table[i].len | (uint64_t)table[i].status << 32 | (uint64_t)table[i].errors << 40;

		memcpy(fake_nic.dma + i * 16 + 8, &word, sizeof(word));
		CHECK_EQ(nic_receive(&nic, &frame), i + 1 < ARRAY_SIZE(table) ? E_PROTO : OK);
	}
	CHECK_EQ(nic.nonsense, ARRAY_SIZE(table) - 1);
}

TEST(capabilities_of_virtio_that_point_elsewhere_are_refused)
{
	static const struct {
		const char *what;
		unsigned at;
		uint8_t value;
	} table[] = {
		{ "another BAR", 0x44, 3 }, { "no BAR", 0x44, 6 }, { "beyond the BAR", 0x4a, 2 }, { "too long", 0x4e, 4 },
		{ "no common structure", 0x43, 9 }, { "no capabilities at all", 0x06, 0 },
		{ "a short notification structure", 0x7e, 16 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct nic_host host = fake_nic_plug(FAKE_VIRTIO, 1);

		fake_nic.config[table[i].at] = table[i].value;
		CHECK(nic_attach(&nic, &host) < 0);
	}
	for (unsigned at = 0x40; at < 0x100; at += 4) {  /* a loop of them, and one at the very end: it comes to an end */
		struct nic_host host = fake_nic_plug(FAKE_VIRTIO, 1);

		fake_nic.config[0x7d] = (uint8_t)at;
		CHECK_EQ(nic_attach(&nic, &host) == OK, fake_nic.master);
	}
}

TEST(too_little_memory_or_no_driver_is_said)
{
	struct nic_host host = fake_nic_plug(FAKE_82540EM, 0);

	host.dma_size--;
	CHECK_EQ(nic_attach(&nic, &host), E_NOMEM);
	host.device = 1;
	CHECK_EQ(nic_attach(&nic, &host), E_NOENT);
}
