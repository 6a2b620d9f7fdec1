/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames through the switch, with VMs that flood, stall, lie and pretend to be others.
 * sources: net/switch.c net/port.c net/uplink.c net/fdb.c lib/frames.c lib/channel.c lib/net_offload.c drivers/nic/nic.c drivers/nic/out.c
 * sources: drivers/nic/virtio_net.c drivers/nic/virtio_pci.c drivers/nic/e1000.c drivers/nic/e1000e.c drivers/virtio/ring_driver.c
 * sources: drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c tests/fake/nic.c
 */
#include <stdlib.h>

#include "net/switch.h"
#include "tests/fake/nic.h"
#include "tests/unit/check.h"

enum { PORTS = 4, FLOOD_LEN = 60000 };

static struct net_switch s;
static struct net_counters counters[PORTS + 1];
static struct frames_channel *channel[PORTS];
static struct frames_end out[PORTS], in[PORTS];      /* of the VMs */
static uint64_t now;

/* The address of the card at a port, or of a station behind it. */
static void mac_of(uint8_t mac[6], unsigned port, unsigned station)
{
	const uint8_t bytes[6] = { 2, 0, 0, (uint8_t)(station >> 8), (uint8_t)station, (uint8_t)port };

	memcpy(mac, bytes, 6);
}

static void plug(unsigned port, unsigned net)
{
	struct net_port info = { .net = net };

	mac_of(info.mac, port, 0);
	memset(channel[port], 0, offsetof(struct frames_channel, from_vm_data));
	frames_writer(&out[port], &channel[port]->from_vm, channel[port]->from_vm_data);
	frames_reader(&in[port], &channel[port]->to_vm, channel[port]->to_vm_data);
	switch_plug(&s, port, channel[port], &info);
}

static void fresh(void)
{
	now = 1;
	switch_init(&s, PORTS, counters);
	for (unsigned i = 0; i < PORTS; i++) {
		if (!channel[i]) {
			channel[i] = malloc(sizeof(*channel[i]));
		}
		plug(i, i == 3 ? 3 : 0);         /* three in one net, one alone */
	}
}

static bool send_from(unsigned port, const uint8_t to[6], const uint8_t from[6], uint32_t len)
{
	static uint8_t frame[FRAME_MAX];
	struct frame_header h = { .len = len, .gso_size = (uint16_t)len };

	if (!frames_room(&out[port], len)) {
		return false;
	}
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = (uint8_t)port;
	frame[len - 1] = (uint8_t)len;
	frames_put(&out[port], 0, frame, len);
	(void)!frames_send(&out[port], &h);
	return true;
}

static bool send(unsigned port, unsigned to, uint32_t len)
{
	uint8_t a[6], b[6];

	mac_of(a, to, 0);
	mac_of(b, port, 0);
	return send_from(port, a, b, len);
}

static void run(void)
{
	while (switch_run(&s, now) == now) {
	}
}

/* Takes a frame; returns the port that sent it, or -1. */
static int receive(unsigned port, uint32_t len)
{
	struct frame_header h;
	uint8_t first[13], last;

	if (frames_next(&in[port], &h) != OK) {
		return -1;
	}
	CHECK_EQ(h.len, len);
	CHECK_EQ(h.gso_size, (uint16_t)len);
	frames_get(&in[port], 0, first, sizeof(first));
	frames_get(&in[port], len - 1, &last, 1);
	CHECK_EQ(last, (uint8_t)len);
	(void)!frames_drop(&in[port], &h);
	return first[12];
}

static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

TEST(frames_go_to_the_card_that_they_are_for)
{
	fresh();
	for (unsigned i = 0; i < 1000; i++) {            /* round the rings many times */
		CHECK(send(0, 1, 60 + i));
		CHECK(send(1, 0, 1000));
		run();
		CHECK_EQ(receive(1, 60 + i), 0);
		CHECK_EQ(receive(0, 1000), 1);
		CHECK_EQ(receive(2, 0), -1);
	}
	CHECK_EQ(s.port[0].counters->in_frames, 1000);
	CHECK_EQ(s.port[0].counters->out_bytes, 1000000);
}

TEST(groups_and_strangers_reach_all_of_the_net_and_nobody_else)
{
	uint8_t mac[6], stranger[6] = { 2, 9, 9, 9, 9, 9 };

	fresh();
	mac_of(mac, 0, 0);
	CHECK(send_from(0, everybody, mac, 100));
	CHECK(send_from(0, stranger, mac, 200));
	run();
	for (unsigned i = 1; i < 3; i++) {
		CHECK_EQ(receive(i, 100), 0);
		CHECK_EQ(receive(i, 200), 0);
	}
	CHECK_EQ(receive(0, 0), -1);
	CHECK_EQ(receive(3, 0), -1);
	CHECK(send(3, 0, 64));                           /* an address of another net is a stranger there */
	run();
	CHECK_EQ(receive(0, 0), -1);
}

TEST(stations_behind_a_card_are_learned_up_to_a_number)
{
	uint8_t card[6], station[6];

	fresh();
	mac_of(card, 1, 0);
	for (unsigned i = 1; i <= 200; i++) {
		mac_of(station, 0, i);
		CHECK(send_from(0, card, station, 64));
		run();
		CHECK_EQ(receive(1, 64), 0);
	}
	CHECK_EQ(s.fdb.learned[0], FDB_PER_PORT);
	mac_of(station, 0, 1);
	CHECK(send_from(1, station, card, 64));
	run();
	CHECK_EQ(receive(0, 64), 1);
	CHECK_EQ(receive(2, 0), -1);                     /* known: to its port only */
	now += FDB_AGE_NS * 2;
	CHECK(send_from(1, station, card, 64));
	run();
	CHECK_EQ(receive(2, 64), 1);                     /* forgotten: to all */
}

TEST(nobody_takes_the_address_of_a_card)
{
	uint8_t victim[6], target[6];

	fresh();
	mac_of(victim, 0, 0);
	mac_of(target, 2, 0);
	CHECK(send_from(1, target, victim, 64));
	run();
	CHECK_EQ(receive(2, 0), -1);
	CHECK_EQ(s.port[1].counters->in_dropped, 1);
	CHECK(send(2, 0, 64));
	run();
	CHECK_EQ(receive(0, 64), 2);
	CHECK_EQ(receive(1, 0), -1);
}

TEST(a_group_is_no_sender)
{
	uint8_t target[6], group[6] = { 3, 0, 0, 0, 0, 0 };

	fresh();
	mac_of(target, 1, 0);
	CHECK(send_from(0, target, group, 64));
	run();
	CHECK_EQ(receive(1, 0), -1);
	CHECK_EQ(s.port[0].counters->in_dropped, 1);
}

/* Port 2 does not take anything. Its senders wait once; what goes elsewhere is not held up for longer. */
TEST(a_vm_that_stalls_holds_up_nobody_for_long)
{
	fresh();
	while (send(0, 2, FLOOD_LEN)) {
		run();
	}
	run();
	CHECK(s.port[0].waits);
	CHECK(switch_run(&s, now) > now);
	now += SWITCH_PATIENCE_NS;
	run();
	CHECK(s.port[2].slow && s.port[2].counters->out_dropped);
	CHECK(!s.port[0].waits);
	for (unsigned i = 0; i < 50; i++) {
		CHECK(send(0, 2, FLOOD_LEN));
		CHECK(send(0, 1, 64));
		run();
		CHECK_EQ(receive(1, 64), 0);
	}
	while (receive(2, FLOOD_LEN) == 0) {
	}
	CHECK(send(0, 2, FLOOD_LEN));
	run();
	CHECK_EQ(receive(2, FLOOD_LEN), 0);
	CHECK(!s.port[2].slow);
}

TEST(a_frame_that_waited_goes_when_there_is_room)
{
	struct frame_header h;
	uint64_t sent;
	bool told = false;

	fresh();
	while (send(0, 2, FLOOD_LEN)) {
		run();
	}
	run();
	CHECK(s.port[0].waits);
	s.port[0].signal = false;
	sent = s.port[2].counters->out_frames;
	while (!told) {                                  /* nobody is told while less than half is free */
		CHECK_EQ(frames_next(&in[2], &h), OK);
		told = frames_drop(&in[2], &h);
		CHECK_EQ(told, channel_avail(&in[2].bytes) <= FRAMES_RING / 2);
	}
	run();
	CHECK(s.port[2].counters->out_frames > sent);
	CHECK_EQ(s.port[2].counters->out_dropped, 0);
}

/* Both send without end to one that keeps up: small frames get no more than large ones, but for the last free bytes. */
TEST(turns_are_fair_by_bytes)
{
	uint64_t bytes[2];

	fresh();
	for (unsigned i = 0; i < 2000; i++) {
		while (send(0, 2, FLOOD_LEN)) {
		}
		while (send(1, 2, 1000)) {
		}
		switch_run(&s, now);
		while (frames_next(&in[2], &(struct frame_header){ 0 }) == OK) {
			(void)!frames_drop_all(&in[2]);
		}
	}
	bytes[0] = s.port[0].counters->in_bytes;
	bytes[1] = s.port[1].counters->in_bytes;
	CHECK(bytes[0] < bytes[1] * 3 / 2 && bytes[1] < bytes[0] * 3 / 2);
}

/* A virtual machine behind a card went to another node's, or its address to another card. */
TEST(a_station_that_moves_is_found_where_it_is)
{
	uint8_t card[6], station[6];

	fresh();
	mac_of(station, 0, 7);
	mac_of(card, 2, 0);
	for (unsigned port = 0; port < 4; port++) {
		unsigned at = port % 2;

		CHECK(send_from(at, card, station, 64));
		run();
		CHECK_EQ(receive(2, 64), (int)at);
		CHECK(send_from(2, station, card, 64));
		run();
		CHECK_EQ(receive(at, 64), 2);
		CHECK_EQ(receive(1 - at, 0), -1);
		CHECK_EQ(s.fdb.learned[at], 1);
		CHECK_EQ(s.fdb.learned[1 - at], 0);
	}
}

/* One sends to all as fast as it can; another, to somebody who gets all of that too, has its share. */
TEST(a_storm_of_broadcasts_takes_no_more_than_its_turn)
{
	static const uint32_t lens[] = { 60, 1500, FLOOD_LEN };

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		uint8_t storm[6];
		uint64_t came;

		fresh();
		mac_of(storm, 0, 0);
		for (unsigned round = 0; round < 400; round++) {
			while (send_from(0, everybody, storm, lens[i])) {
			}
			while (send(1, 2, 1500)) {
			}
			switch_run(&s, now);
			now += SWITCH_PATIENCE_NS / 4;
			(void)!frames_drop_all(&in[1]);
			(void)!frames_drop_all(&in[2]);
		}
		came = s.port[1].counters->in_bytes;
		CHECK(came > 400ull * FRAMES_RING * 2 / 5);      /* alone it would fill the ring in each round */
	}
}

/* Who takes nothing loses what was for it, and those beside it get theirs. */
TEST(a_dead_receiver_is_passed_over_in_a_storm)
{
	uint8_t storm[6];

	fresh();
	mac_of(storm, 0, 0);
	for (unsigned round = 0; round < 100; round++) {
		for (unsigned i = 0; i < 4; i++) {
			CHECK(send_from(0, everybody, storm, FLOOD_LEN));
		}
		run();
		for (unsigned i = 0; i < 4; i++) {
			CHECK_EQ(receive(1, FLOOD_LEN), 0);
		}
	}
	CHECK(s.port[2].counters->out_dropped > 300);
	CHECK_EQ(s.port[1].counters->out_dropped, 0);
}

TEST(signals_only_for_those_who_sleep)
{
	fresh();
	CHECK(switch_sleep(&s));
	CHECK_EQ(channel[0]->from_vm.reader_sleeps, 1);
	CHECK(send(0, 1, 64));
	CHECK_EQ(channel[0]->from_vm.reader_sleeps, 0);  /* the first frame told it */
	run();
	CHECK(!s.port[1].signal);                        /* the VM does not sleep */
	CHECK_EQ(receive(1, 64), 0);
	CHECK(frames_sleep(&in[1]));
	CHECK(send(0, 1, 64));
	CHECK(!switch_sleep(&s));                        /* something came */
	run();
	CHECK(s.port[1].signal);
	CHECK(!frames_sleep(&in[1]));
}

TEST(who_asks_is_told_when_his_frames_have_gone)
{
	fresh();
	CHECK(!frames_ask(&out[0]));                     /* nothing was sent */
	CHECK(send(0, 2, 60));
	CHECK(frames_ask(&out[0]));
	CHECK(frames_asked(&out[0]));
	run();
	CHECK(s.port[0].tell && !s.port[1].tell);
	CHECK(frames_asked(&out[0]));                    /* until the caller did it */
	switch_told(&s, 0);
	CHECK(!s.port[0].tell && !frames_asked(&out[0]));
	run();
	CHECK(!s.port[0].tell);
	CHECK(!frames_ask(&out[0]));                     /* all has gone already */
	CHECK(send(0, 2, 60));
	run();
	CHECK(!s.port[0].tell);                          /* nobody asked */
}

TEST(pulled_cards_are_not_touched)
{
	static struct frames_channel before;

	fresh();
	switch_pull(&s, 1);
	memset(channel[1], 0xa5, sizeof(*channel[1]));
	before = *channel[1];
	CHECK(send(0, 1, 64));
	run();
	CHECK(switch_sleep(&s));
	CHECK_MEM(channel[1], &before, sizeof(before));
	plug(1, 0);
	CHECK(send(0, 1, 64));
	run();
	CHECK_EQ(receive(1, 64), 0);
}

TEST(lies_in_a_channel_hurt_its_vm_only)
{
	static const uint32_t lengths[] = { 0, 13, FRAME_MAX + 1, UINT32_MAX, UINT32_MAX - 15, 100000 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct frame_header h = { .len = lengths[i] };

		fresh();
		channel_put(&out[0].bytes, 0, &h, sizeof(h));
		channel_commit(&out[0].bytes, sizeof(h) + 64);
		CHECK(send(1, 2, 64));
		run();
		CHECK_EQ(receive(2, 64), 1);
		CHECK_EQ(receive(2, 0), -1);
		CHECK(send(0, 2, 64));                   /* and it goes on behind that */
		run();
		CHECK_EQ(receive(2, 64), 0);
	}
	fresh();
	channel[0]->from_vm.bytes.head = 0x80000000;
	channel[0]->to_vm.bytes.tail = 0x12345678;
	CHECK(send(1, 0, 64));
	CHECK(send(1, 2, 64));
	run();
	now += SWITCH_PATIENCE_NS;
	run();
	CHECK_EQ(receive(2, 64), 1);
}

TEST(counts_that_a_dead_program_left_are_put_right)
{
	struct frames_ring *r;

	fresh();
	r = &channel[0]->to_vm;
	r->bytes.head = 77;
	r->bytes.tail = 0x90000000;
	frames_writer(&s.port[0].to, r, channel[0]->to_vm_data);
	CHECK_EQ(r->bytes.head, r->bytes.tail);
	r->bytes.tail = 5;
	frames_reader(&in[0], r, channel[0]->to_vm_data);
	CHECK_EQ(r->bytes.head, r->bytes.tail);
	CHECK(send(1, 0, 64));
	run();
	CHECK_EQ(receive(0, 64), 1);
}

/* ---- uplinks ---- */

enum { WIRE = PORTS };

static struct uplink wire;
static struct uplink_plain plain;
static struct nic_host host;

/* As fresh(), and a card of the machine on the switch of the first three. features: virtio's, or 0. */
static void fresh_with_uplink(enum fake_nic_kind kind, uint64_t features)
{
	fresh();
	switch_init(&s, PORTS + 1, counters);
	for (unsigned i = 0; i < PORTS; i++) {
		plug(i, i == 3 ? 3 : 0);
	}
	fake_nic.features = features;
	host = fake_nic_plug(kind, 1);
	fake_nic.features = features ? features : fake_nic.features;
	fake_nic.stalled = false;
	memset(&plain, 0, sizeof(plain));
	CHECK_EQ(uplink_start(&wire, &host, &plain, now), OK);
	switch_plug_uplink(&s, WIRE, &wire, 0);
	fake_nic.features = 0;
}

/* From a station on the wire. */
static bool come(const uint8_t to[6], const uint8_t from[6], uint32_t len)
{
	static uint8_t frame[FRAME_MAX];
	struct frame_header h = { .len = len };

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = WIRE;
	frame[len - 1] = (uint8_t)len;
	return fake_nic_arrive(frame, &h);
}

/* A frame at a port, whatever its header says. Returns its length, or 0. */
static uint32_t take(unsigned port)
{
	struct frame_header h;

	if (frames_next(&in[port], &h) != OK) {
		return 0;
	}
	(void)!frames_drop(&in[port], &h);
	return h.len;
}

static const uint8_t station[6] = { 2, 8, 8, 8, 8, 8 }, other_station[6] = { 2, 8, 8, 8, 8, 9 };

TEST(strangers_are_on_the_wire_and_answers_come_back)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		uint8_t mac[6];

		fresh_with_uplink((enum fake_nic_kind)kind, 0);
		mac_of(mac, 0, 0);
		CHECK(send_from(0, station, mac, 100));
		run();
		CHECK_EQ(fake_nic.sent_count, 1);
		CHECK_EQ(fake_nic_last()->len, 100);
		CHECK_MEM(fake_nic_last()->bytes, station, 6);
		CHECK_EQ(take(1), 100);                  /* nobody knew where that is */
		CHECK_EQ(take(2), 100);
		CHECK_EQ(take(3), 0);
		CHECK(come(mac, station, 200));
		run();
		CHECK_EQ(take(0), 200);
		CHECK_EQ(take(1), 0);
		CHECK(send_from(0, station, mac, 300));  /* now it is known */
		run();
		CHECK_EQ(fake_nic.sent_count, 2);
		CHECK_EQ(take(1), 0);
		CHECK_EQ(s.port[WIRE].counters->out_frames, 2);
		CHECK_EQ(s.port[WIRE].counters->in_bytes, 200);
	}
}

TEST(frames_between_vms_do_not_reach_the_wire)
{
	fresh_with_uplink(FAKE_82574L, 0);
	for (unsigned i = 0; i < 100; i++) {
		CHECK(send(0, 1, 1000));
	}
	run();
	CHECK_EQ(fake_nic.sent_count, 0);
	CHECK_EQ(take(1), 1000);
}

TEST(nobody_on_the_wire_takes_the_address_of_a_vm)
{
	uint8_t victim[6], asker[6];

	fresh_with_uplink(FAKE_VIRTIO, 0);
	mac_of(victim, 1, 0);
	mac_of(asker, 0, 0);
	CHECK(come(everybody, victim, 100));
	run();
	CHECK_EQ(take(0), 0);
	CHECK_EQ(s.port[WIRE].counters->in_dropped, 1);
	CHECK(send_from(0, victim, asker, 200));
	run();
	CHECK_EQ(take(1), 200);
	CHECK_EQ(fake_nic.sent_count, 0);
}

TEST(no_vm_takes_the_address_of_a_station_on_the_wire)
{
	uint8_t mac[6];

	fresh_with_uplink(FAKE_82574L, 0);
	mac_of(mac, 0, 0);
	CHECK(send_from(1, everybody, station, 60));     /* before the gateway has said a word */
	run();
	CHECK(come(mac, station, 70));
	run();
	CHECK_EQ(fake_nic.sent_count, 1);
	CHECK(send_from(1, everybody, station, 60));
	run();
	CHECK_EQ(s.port[1].counters->in_dropped, 1);
	CHECK_EQ(fake_nic.sent_count, 1);
	CHECK(send_from(0, station, mac, 80));           /* what is for the gateway goes there */
	run();
	CHECK_EQ(fake_nic.sent_count, 2);
	now += 2 * FDB_AGE_NS;                           /* it is gone: the address is free */
	CHECK(send_from(1, everybody, station, 60));
	run();
	CHECK_EQ(s.port[1].counters->in_dropped, 1);
}

TEST(places_that_vms_have_filled_are_the_wires_and_the_cards_own)
{
	unsigned kept = 0;

	fresh_with_uplink(FAKE_VIRTIO, 0);
	for (unsigned i = 0; i < FDB_SLOTS; i++) {       /* as if VMs had learned as many as there are places */
		s.fdb.entry[i] = (struct fdb_entry){ .key = i + 1ull, .seen_ns = now, .port = i % 3 };
		s.fdb.learned[i % 3]++;
	}
	CHECK(come(everybody, station, 60));
	run();
	CHECK_EQ(fdb_find(&s.fdb, fdb_key(station, 0), now), WIRE);
	CHECK(fdb_fix(&s.fdb, fdb_key(other_station, 0), 2));
	CHECK_EQ(fdb_find(&s.fdb, fdb_key(other_station, 0), now), 2);
	for (unsigned i = 0; i < FDB_SLOTS; i++) {
		kept += s.fdb.entry[i].key <= FDB_SLOTS;
	}
	CHECK_EQ(kept, FDB_SLOTS - 2);
}

TEST(wire_may_have_more_stations_than_a_vm_but_not_all_places)
{
	fresh_with_uplink(FAKE_82540EM, 0);
	for (unsigned i = 0; i < 2 * FDB_PER_UPLINK; i++) {
		const uint8_t from[6] = { 2, 7, 7, 7, (uint8_t)(i >> 8), (uint8_t)i };

		CHECK(come(everybody, from, 60));
		run();
		CHECK_EQ(take(0), 60);
	}
	CHECK(s.fdb.learned[WIRE] > FDB_PER_PORT && s.fdb.learned[WIRE] <= FDB_PER_UPLINK);
	now += 2 * FDB_AGE_NS;                   /* they are silent, and one more comes */
	CHECK(come(everybody, station, 60));
	run();
	CHECK_EQ(fdb_find(&s.fdb, fdb_key(station, 0), now), WIRE);
	CHECK_EQ(s.fdb.learned[WIRE], 1);
}

TEST(frames_for_others_on_the_wire_stay_there)
{
	fresh_with_uplink(FAKE_82540EM, 0);
	CHECK(come(everybody, other_station, 60));
	run();
	CHECK_EQ(take(0), 60);
	CHECK(come(other_station, station, 70));
	run();
	CHECK_EQ(take(0), 0);
	CHECK_EQ(fake_nic.sent_count, 0);
}

TEST(who_does_not_take_what_comes_over_the_wire_holds_nobody_up)
{
	uint8_t dead[6], alive[6];

	fresh_with_uplink(FAKE_82574L, 0);
	mac_of(dead, 0, 0);
	mac_of(alive, 1, 0);
	for (unsigned i = 0; i < 2 * FRAMES_RING / 1500; i++) {
		CHECK(come(dead, station, 1500));
		CHECK(come(alive, station, 200));
		run();
		CHECK(!s.port[WIRE].waits);
		CHECK_EQ(take(1), 200);
	}
	CHECK(s.port[0].counters->out_dropped > 100);
	CHECK_EQ(s.port[1].counters->out_dropped, 0);
}

TEST(link_that_is_down_carries_nothing_and_is_forgotten)
{
	uint8_t mac[6];

	fresh_with_uplink(FAKE_82574L, 0);
	mac_of(mac, 0, 0);
	CHECK(come(mac, station, 60));
	run();
	CHECK_EQ(take(0), 60);
	fake_nic.link = false;
	uplink_wake(&wire);
	CHECK(!uplink_is_up(&wire));
	switch_pull(&s, WIRE);
	CHECK(send_from(0, station, mac, 100));
	run();
	CHECK_EQ(fake_nic.sent_count, 0);
	CHECK_EQ(take(1), 100);
	CHECK(switch_sleep(&s));
}

TEST(card_that_is_full_makes_its_sender_wait_a_moment_and_then_goes_on)
{
	uint8_t mac[6];
	unsigned sent = 0, frames = 300;

	fresh_with_uplink(FAKE_82574L, 0);
	mac_of(mac, 0, 0);
	CHECK(come(mac, station, 60));
	run();
	fake_nic.stalled = true;
	for (sent = 0; sent < frames; sent++) {
		CHECK(send_from(0, station, mac, 1514));
	}
	run();
	CHECK(s.port[0].waits);
	CHECK(wire.wants_room);
	fake_nic_go_on();
	uplink_wake(&wire);
	run();
	CHECK_EQ(fake_nic.sent_count, frames);
	CHECK_EQ(s.port[WIRE].counters->out_dropped, 0);
	CHECK(!s.port[0].waits);
}

TEST(card_that_sends_nothing_for_long_is_broken_and_works_anew)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		uint8_t mac[6];

		fresh_with_uplink((enum fake_nic_kind)kind, 0);
		mac_of(mac, 0, 0);
		uplink_watch(&wire, now);
		for (unsigned i = 0; i < 10; i++) {
			now += UPLINK_STUCK_NS;                  /* seldom, but it sends */
			uplink_watch(&wire, now);
			CHECK(send_from(0, station, mac, 100));
			run();
		}
		CHECK(uplink_is_up(&wire));
		CHECK(come(mac, station, 60));
		run();
		CHECK_EQ(take(0), 60);
		fake_nic.stalled = true;
		CHECK(send_from(0, station, mac, 100));
		run();
		uplink_watch(&wire, now);
		now += UPLINK_STUCK_NS;
		uplink_watch(&wire, now);
		CHECK(uplink_is_up(&wire));
		now++;
		uplink_watch(&wire, now);
		CHECK(!uplink_is_up(&wire) && wire.nic.broken);
		switch_pull(&s, WIRE);
		uplink_stop(&wire);
		fake_nic.stalled = false;
		fake_nic.features = 1ull << 32;
		CHECK_EQ(uplink_start(&wire, &host, &plain, now), OK);
		fake_nic.features = 0;
		switch_plug_uplink(&s, WIRE, &wire, 0);
		CHECK(send_from(0, station, mac, 100));
		run();
		CHECK_EQ(fake_nic.sent_count, 11);
		CHECK_EQ(take(0), 0);                    /* of its rings of before nothing is left */
		CHECK(uplink_is_up(&wire));
	}
}

TEST(card_that_starts_under_traffic_has_its_time)
{
	uint8_t mac[6];

	fresh_with_uplink(FAKE_VIRTIO, 0);
	mac_of(mac, 0, 0);
	uplink_stop(&wire);
	now += 1000 * UPLINK_STUCK_NS;
	fake_nic.features = 1ull << 32;
	CHECK_EQ(uplink_start(&wire, &host, &plain, now), OK);
	fake_nic.features = 0;
	fake_nic.stalled = true;
	CHECK(send_from(0, station, mac, 100));
	run();
	uplink_watch(&wire, now);
	CHECK(uplink_is_up(&wire));
}

TEST(card_that_stands_still_costs_frames_for_it_and_nothing_else)
{
	uint8_t mac[6];

	fresh_with_uplink(FAKE_VIRTIO, 0);
	mac_of(mac, 0, 0);
	CHECK(come(mac, station, 60));
	run();
	fake_nic.stalled = true;
	for (unsigned i = 0; i < 320; i++) {
		CHECK(send_from(0, station, mac, 1514));
		run();
		now += SWITCH_PATIENCE_NS;
	}
	CHECK(s.port[WIRE].counters->out_dropped > 0);
	CHECK(send(1, 2, 500));
	run();
	CHECK_EQ(receive(2, 500), 1);
}

/* The packet of tests/unit/net_offload_test.c in short: TCP over IPv4, all of whose checksums are to be made. */
static void send_tcp(unsigned port, uint32_t len, uint16_t mss)
{
	static uint8_t frame[FRAME_MAX];
	struct frame_header h = { .len = len, .flags = NET_HDR_NEEDS_CSUM, .gso_type = mss ? NET_GSO_TCPV4 : NET_GSO_NONE,
				  .gso_size = mss, .csum_start = 34, .csum_offset = 16 };

	memset(frame, 0, sizeof(frame));
	memcpy(frame, station, 6);
	mac_of(frame + 6, port, 0);
	frame[12] = 8;
	frame[14] = 0x45;
	frame[23] = 6;
	frame[46] = 0x50;
	CHECK(frames_room(&out[port], len));
	frames_put(&out[port], 0, frame, len);
	(void)!frames_send(&out[port], &h);
}

TEST(what_the_card_cannot_do_is_done_for_it)
{
	fresh_with_uplink(FAKE_VIRTIO, 1ull << 32);      /* it can do nothing */
	send_tcp(0, 54 + 10000, 1000);
	run();
	CHECK_EQ(fake_nic.sent_count, 10);
	CHECK_EQ(fake_nic_last()->len, 1054);
	CHECK(!fake_nic_last()->csum && !fake_nic_last()->tso);
	CHECK(fake_nic_last()->bytes[50] || fake_nic_last()->bytes[51]);
	CHECK_EQ(fake_nic_last()->bytes[40] << 8 | fake_nic_last()->bytes[41], 9000);    /* the sequence number's end */
	CHECK(!plain.owner);
	send_tcp(0, 500, 0);
	run();
	CHECK_EQ(fake_nic.sent_count, 11);
	CHECK(fake_nic_last()->bytes[50] || fake_nic_last()->bytes[51]);
	fresh_with_uplink(FAKE_82574L, 0);               /* and what it can, by it */
	send_tcp(0, 54 + 10000, 1000);
	run();
	CHECK_EQ(fake_nic.sent_count, 1);
	CHECK(fake_nic_last()->tso);
}

/* Seven packets to be cut, of which the card takes no segment. */
static void fill_stalled_card(void)
{
	uint8_t mac[6];

	fresh_with_uplink(FAKE_VIRTIO, 1ull << 32);
	mac_of(mac, 0, 0);
	CHECK(come(mac, station, 60));
	run();
	fake_nic.stalled = true;
	for (unsigned i = 0; i < 7; i++) {
		send_tcp(0, 54 + 60000, 1000);
	}
	run();
	CHECK(plain.owner == &wire);
}

TEST(segments_wait_for_room_in_their_order)
{
	fill_stalled_card();
	for (unsigned i = 0; i < 10 && s.port[WIRE].counters->out_frames < 7; i++) {
		fake_nic_go_on();
		uplink_wake(&wire);
		run();
	}
	fake_nic_go_on();
	CHECK_EQ(fake_nic.sent_count, 7 * 60);
	CHECK(!plain.owner);
}

TEST(asleep_a_frame_from_the_wire_interrupts)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		uint8_t mac[6];

		fresh_with_uplink((enum fake_nic_kind)kind, 0);
		mac_of(mac, 2, 0);
		run();
		CHECK(switch_sleep(&s));
		fake_nic.interrupts = 0;
		CHECK(come(mac, station, 60));
		CHECK_EQ(fake_nic.interrupts, 1);
		uplink_wake(&wire);
		run();
		CHECK_EQ(take(2), 60);
		CHECK(come(mac, station, 60));
		CHECK(!switch_sleep(&s));
	}
}

TEST(card_without_a_link_lets_others_cut_their_frames)
{
	fill_stalled_card();
	wire.nic.link = false;
	uplink_watch(&wire, now);
	CHECK(!plain.owner);
}

TEST(frame_is_not_cut_into_bytes)
{
	fresh_with_uplink(FAKE_82574L, 0);
	send_tcp(0, 54 + 60000, 1);
	run();
	CHECK_EQ(fake_nic.sent_count, 0);
	CHECK(!plain.owner);
	CHECK_EQ(s.port[WIRE].counters->out_dropped + s.port[0].counters->in_dropped, 1);
	send_tcp(0, 54 + 6000, 48);
	for (unsigned i = 0; i < 10; i++) {
		run();
		uplink_wake(&wire);
	}
	CHECK_EQ(fake_nic.sent_count, 125);
}
