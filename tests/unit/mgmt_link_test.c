/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's port of the switch: what lwIP makes of frames in the channel, and TCP connections as streams. The other side is played with
 * frames made here.
 * sources: mgmt/link.c mgmt/tcp.c mgmt/tcp_share.c mgmt/random.c mgmt/entropy.c mgmt/clock.c lib/frames.c lib/channel.c tests/fake/mgmt_node.c tests/fake/mgmt_init.c
 * libraries: lwip mbedtls
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "mgmt/clock.h"
#include "mgmt/link.h"
#include "mgmt/tcp.h"
#include "tests/fake/mgmt_node.h"
#include "tests/unit/check.h"

enum { NODE = 0xc000020a, PEER = 0xc0000263, PORT = 8443, SYN = 2, ACK = 16, RST = 4, FIN = 1, PSH = 8, FLOOD = 5000 };

static const uint8_t node_mac[6] = { 2, 0x62, 0x72, 0xff, 0, 1 }, peer_mac[6] = { 2, 1, 1, 1, 1, 1 };

static struct frames_channel channel;
static struct frames_end to_node, from_node;
static uint8_t frame[FRAME_MAX];

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t sum_of(const uint8_t *bytes, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void plug(void)
{
	static bool once;
	struct conf_node config = { .address_mode = CONF_ADDRESS_STATIC, .address = NODE, .prefix = 24, .ntp = PEER };

	memset(&channel, 0, offsetof(struct frames_channel, from_vm_data));
	channel.magic = FRAMES_MAGIC;
	frames_writer(&to_node, &channel.to_vm, channel.to_vm_data);
	frames_reader(&from_node, &channel.from_vm, channel.from_vm_data);
	if (!once) {
		fake_node_reset();
		link_init(&config, "test", node_mac);
		CHECK_EQ(tcp_listen_on(PORT), OK);
		once = true;
	}
	link_plug(&channel);
}

/* ---- the other side ---- */

static bool holds;                        /* frames are looked at later, many at once              */

static void look(void)
{
	holds = false;
	while (link_receive()) {
	}
	link_tick(fake_now_ns);
}

static void give(uint32_t len, struct frame_header header)
{
	header.len = len;
	CHECK(frames_room(&to_node, len));
	frames_put(&to_node, 0, frame, len);
	(void)!frames_send(&to_node, &header);
	if (!holds) {
		look();
	}
}

/* The next frame of that EtherType; 0: none. Others are dropped. */
static uint32_t take(uint32_t type)
{
	struct frame_header header;

	while (frames_next(&from_node, &header) == OK) {
		frames_get(&from_node, 0, frame, header.len);
		CHECK(!frames_drop(&from_node, &header));
		if (((uint32_t)frame[12] << 8 | frame[13]) == type) {
			return header.len;
		}
	}
	return 0;
}

static void ethernet(uint32_t type)
{
	memset(frame, 0, 128);
	memcpy(frame, node_mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, type);
}

static void ip(uint32_t protocol, uint32_t len, uint32_t from)
{
	uint8_t *h = frame + 14;

	h[0] = 0x45;
	put16(h + 2, 20 + len);
	h[8] = 64;
	h[9] = (uint8_t)protocol;
	put32(h + 12, from);
	put32(h + 16, NODE);
	put16(h + 10, ~sum_of(h, 20, 0));
}

/* Answers the node's question for our address, so that it can send. */
static void introduce(uint32_t address)
{
	ethernet(0x0806);
	put16(frame + 14, 1);
	put16(frame + 16, 0x0800);
	frame[18] = 6;
	frame[19] = 4;
	put16(frame + 20, 1);
	memcpy(frame + 22, peer_mac, 6);
	put32(frame + 28, address);
	put32(frame + 38, NODE);
	give(42, (struct frame_header){ 0 });
}

struct peer {
	uint32_t address, port, seq, ack;
	uint32_t to;                         /* the node's port; 0: PORT                             */
	uint32_t mss;                        /* what it asks for; 0: it does not                     */
	bool shut;                           /* it takes no bytes                                    */
};

/* One segment to the node. by_card: the checksum holds the pseudo header only, as a guest with offload sends it. */
static void segment(struct peer *p, uint32_t flags, const void *data, uint32_t len, bool by_card)
{
	uint8_t *h = frame + 34, pseudo[12];
	uint32_t head = p->mss && (flags & SYN) ? 24 : 20;
	struct frame_header header = { .flags = by_card, .csum_start = 34, .csum_offset = 16 };

	ethernet(0x0800);
	ip(6, head + len, p->address);
	put16(h, p->port);
	put16(h + 2, p->to ? p->to : PORT);
	put32(h + 4, p->seq);
	put32(h + 8, p->ack);
	h[12] = (uint8_t)(head / 4 << 4);
	h[13] = (uint8_t)flags;
	put16(h + 14, p->shut ? 0 : 65535);
	put16(h + 20, 0x0204);
	put16(h + 22, p->mss);
	memcpy(h + head, data, len);
	put32(pseudo, p->address);
	put32(pseudo + 4, NODE);
	put16(pseudo + 8, 6);
	put16(pseudo + 10, head + len);
	if (by_card) {
		put16(h + 16, sum_of(pseudo, 12, 0));
	} else {
		put16(h + 16, ~sum_of(h, head + len, sum_of(pseudo, 12, 0)));
	}
	p->seq += len + !!(flags & (SYN | FIN));
	give(34 + head + len, header);
}

/* The flags of the next segment for p, whose ack follows it; 0: none. *data, *len: what it carries. */
static uint32_t receive(struct peer *p, const uint8_t **data, uint32_t *len)
{
	while (take(0x0800)) {
		const uint8_t *h = frame + 34;
		uint32_t size = (uint32_t)frame[16] << 8 | frame[17], head = (uint32_t)(h[12] >> 4) * 4;

		if (frame[23] != 6 || ((uint32_t)h[2] << 8 | h[3]) != p->port) {
			continue;
		}
		*data = h + head;
		*len = size - 20 - head;
		p->ack = get32(h + 4) + *len + !!(h[13] & (SYN | FIN));
		return h[13];
	}
	return 0;
}

static struct stream *connect_from(struct peer *p, bool by_card)
{
	const uint8_t *data;
	uint32_t len;

	segment(p, SYN, "", 0, by_card);
	CHECK_EQ(receive(p, &data, &len), SYN | ACK);
	segment(p, ACK, "", 0, by_card);
	return tcp_next();
}

/* ---- tests ---- */

TEST(its_address_is_told_by_arp)
{
	plug();
	introduce(PEER);
	CHECK_EQ(take(0x0806), 42);
	CHECK_EQ(frame[21], 2);
	CHECK_MEM(frame + 22, node_mac, 6);
	CHECK_EQ(get32(frame + 28), NODE);
}

TEST(a_ping_is_answered)
{
	plug();
	ethernet(0x0800);
	ip(1, 16, PEER);
	frame[34] = 8;
	put16(frame + 36, ~sum_of(frame + 34, 16, 0));
	give(50, (struct frame_header){ 0 });
	CHECK_EQ(take(0x0800), 50);
	CHECK_EQ(frame[34], 0);
}

TEST(bytes_go_both_ways)
{
	struct peer p = { .address = PEER, .port = 1000, .seq = 100 };
	const uint8_t *data;
	uint32_t len;
	uint8_t got[16];
	struct stream *s;

	plug();
	s = connect_from(&p, false);
	CHECK(s);
	CHECK_STR(s->peer, "192.0.2.99");
	CHECK_EQ(s->ops->read(s, got, sizeof(got)), E_AGAIN);
	segment(&p, ACK | PSH, "hello", 5, false);
	CHECK_EQ(s->ops->read(s, got, 3), 3);
	CHECK_MEM(got, "hel", 3);
	CHECK_EQ(s->ops->read(s, got, sizeof(got)), 2);
	CHECK_EQ(s->ops->write(s, "answer", 6), 6);
	do {
		CHECK(receive(&p, &data, &len));
	} while (!len);
	CHECK_EQ(len, 6);
	CHECK_MEM(data, "answer", 6);
	segment(&p, ACK | FIN, "", 0, false);
	CHECK_EQ(s->ops->read(s, got, sizeof(got)), 0);
	s->ops->close(s);
}

TEST(a_neighbour_may_leave_checksums_to_its_card)
{
	struct peer p = { .address = PEER, .port = 1001, .seq = 7 };
	struct stream *s;
	uint8_t got[16];

	plug();
	s = connect_from(&p, true);
	CHECK(s);
	segment(&p, ACK | PSH, "odd", 3, true);
	CHECK_EQ(s->ops->read(s, got, sizeof(got)), 3);
	s->ops->close(s);
}

TEST(a_reset_ends_the_stream_that_stays_its_owners)
{
	struct peer p = { .address = PEER, .port = 1002, .seq = 7 };
	struct stream *s;
	uint8_t got[4];

	plug();
	s = connect_from(&p, false);
	CHECK(s);
	segment(&p, RST, "", 0, false);
	CHECK_EQ(s->ops->read(s, got, sizeof(got)), E_IO);
	CHECK_EQ(s->ops->write(s, "x", 1), E_IO);
	s->ops->favour(s);
	s->ops->close(s);
}

TEST(who_leaves_before_it_is_looked_at_keeps_no_place)
{
	const uint8_t *data;
	struct stream *s;
	uint32_t len;

	plug();
	for (uint32_t i = 0; i < 100; i++) {
		struct peer p = { .address = PEER, .port = 5000 + i, .seq = 7 };

		segment(&p, SYN, "", 0, false);
		CHECK_EQ(receive(&p, &data, &len), SYN | ACK);
		segment(&p, ACK, "", 0, false);
		segment(&p, RST, "", 0, false);
		CHECK(!tcp_next());
	}
	s = connect_from(&(struct peer){ .address = PEER, .port = 5200, .seq = 7 }, false);
	CHECK(s);
	s->ops->close(s);
}

TEST(last_words_reach_who_was_not_read_from)
{
	struct peer p = { .address = PEER, .port = 5300, .seq = 7 };
	const uint8_t *data;
	uint32_t flags, len, got = 0;
	struct stream *s;

	plug();
	s = connect_from(&p, false);
	CHECK(s);
	segment(&p, ACK | PSH, "a long body", 11, false);
	CHECK_EQ(s->ops->write(s, "no", 2), 2);
	s->ops->close(s);
	for (int i = 0; i < 9 && (flags = receive(&p, &data, &len)) != 0; i++) {
		CHECK(!(flags & RST));
		got += len;
	}
	CHECK_EQ(got, 2);
}

enum { NTP_AT = 42, NTP_LEN = 48, NTP_PORT = 123 };

/* The node's question to the time server, which is our peer; its number goes to key. Returns its port. */
static uint32_t take_question(uint8_t key[8])
{
	for (int i = 0; i < 400; i++) {
		fake_now_ns += 100000000;
		link_tick(fake_now_ns);
		while (take(0x0800)) {
			if (frame[23] == 17 && frame[37] == NTP_PORT) {
				memcpy(key, frame + NTP_AT + 40, 8);
				return (uint32_t)frame[34] << 8 | frame[35];
			}
		}
	}
	memset(key, 0, 8);
	return 0;
}

/* An answer that says `seconds` since 1970. */
static void answer_time(uint32_t from, uint32_t port, const uint8_t key[8], uint64_t seconds)
{
	uint8_t *ntp = frame + NTP_AT;

	ethernet(0x0800);
	ip(17, 8 + NTP_LEN, from);
	put16(frame + 34, NTP_PORT);
	put16(frame + 36, port);
	put16(frame + 38, 8 + NTP_LEN);
	memset(ntp, 0, NTP_LEN);
	ntp[0] = 0x24;
	ntp[1] = 1;
	memcpy(ntp + 24, key, 8);
	put32(ntp + 32, (uint32_t)(seconds + 2208988800u));
	put32(ntp + 40, (uint32_t)(seconds + 2208988800u));
	give(NTP_AT + NTP_LEN, (struct frame_header){ 0 });
}

TEST(the_time_comes_from_the_server_that_was_asked_only)
{
	const uint64_t wall = 1795206896;
	uint8_t key[8], wrong[8];
	uint32_t port;

	plug();
	introduce(PEER);
	clock_init(wall * 1000000000 - fake_now_ns, 0);
	port = take_question(key);
	CHECK(key[0] | key[1] | key[2] | key[3] | key[4] | key[5] | key[6] | key[7]);
	memcpy(wrong, key, 8);
	wrong[7] ^= 1;
	answer_time(PEER, port, wrong, wall + 10000);
	answer_time(PEER + 5, port, key, wall + 10000);
	CHECK((uint64_t)mgmt_time(NULL) < wall + 1000);
	answer_time(PEER, port, key, wall + 10000);
	CHECK_EQ(mgmt_time(NULL), wall + 10000);
}

TEST(half_open_connections_are_few_and_others_live_on)
{
	struct peer old = { .address = PEER, .port = 1003, .seq = 7 }, late = { .address = PEER, .port = 1004, .seq = 9 };
	struct stream *s;
	uint8_t got[16];

	plug();
	s = connect_from(&old, false);
	CHECK(s);
	s->ops->favour(s);
	for (uint32_t i = 0; i < FLOOD; i++) {
		struct peer p = { .address = PEER + 1 + i % 100, .port = 2000 + i, .seq = i };

		segment(&p, SYN, "", 0, false);
		while (take(0x0800)) {
		}
	}
	segment(&old, ACK | PSH, "still", 5, false);
	CHECK_EQ(s->ops->read(s, got, sizeof(got)), 5);
	s->ops->close(s);
	introduce(PEER);                     /* the flood's addresses have taken its place */
	s = connect_from(&late, false);
	CHECK(s);
	s->ops->close(s);
}

TEST(other_ports_open_and_close_and_have_places_of_their_own)
{
	enum { SCREEN = 5912, PLACES = 10 };
	struct peer p = { .address = PEER, .port = 1100, .seq = 1, .to = SCREEN }, ours = { .address = PEER, .port = 1200, .seq = 1 };
	struct stream *s[PLACES], *mine;
	const uint8_t *data;
	uint32_t len;

	plug();
	segment(&p, SYN, "", 0, false);
	CHECK_EQ(receive(&p, &data, &len), RST | ACK);           /* nobody asked for it */
	CHECK_EQ(tcp_listen_on(SCREEN), OK);
	CHECK_EQ(tcp_listen_on(SCREEN), E_NOMEM);
	for (uint32_t i = 0; i < PLACES; i++) {
		p = (struct peer){ .address = PEER, .port = 1101 + i, .seq = 1, .to = SCREEN };
		s[i] = connect_from(&p, false);
		CHECK(s[i] && s[i]->port == SCREEN);
	}
	p = (struct peer){ .address = PEER, .port = 1150, .seq = 1, .to = SCREEN };
	CHECK(!connect_from(&p, false));
	mine = connect_from(&ours, false);
	CHECK(mine && mine->port == PORT);
	mine->ops->close(mine);
	tcp_leave(SCREEN);
	p = (struct peer){ .address = PEER, .port = 1160, .seq = 1, .to = SCREEN };
	segment(&p, SYN, "", 0, false);
	CHECK_EQ(receive(&p, &data, &len), RST | ACK);
	for (uint32_t i = 0; i < PLACES; i++) {
		s[i]->ops->close(s[i]);
	}
	CHECK_EQ(tcp_listen_on(SCREEN), OK);
	tcp_leave(SCREEN);
}

TEST(all_that_come_at_once_are_answered)
{
	unsigned answered = 0;

	plug();
	introduce(PEER);
	holds = true;
	for (uint32_t i = 0; i < 200; i++) {
		struct peer p = { .address = PEER, .port = 9000 + i, .seq = i };

		segment(&p, SYN, "", 0, false);
	}
	look();
	while (take(0x0800)) {
		answered += frame[47] == (SYN | ACK);
	}
	CHECK_EQ(answered, 200);
}

static const char full[20 * 1440];

/* Eight upload at full speed while nobody reads, as happens while init zeroes memory for the first of them. */
TEST(who_is_not_read_from_leaves_buffers_to_the_others)
{
	enum { FULL = 1440 };
	struct peer up[8], late = { .address = PEER, .port = 7100, .seq = 5 };
	struct stream *s[8], *t;
	uint8_t got[2048];
	size_t taken = 0;

	plug();
	for (uint32_t i = 0; i < ARRAY_SIZE(up); i++) {
		up[i] = (struct peer){ .address = PEER, .port = 7000 + i, .seq = 3 };
		s[i] = connect_from(&up[i], false);
		CHECK(s[i]);
	}
	for (uint32_t k = 0; k < 40; k++) {
		for (uint32_t i = 0; i < ARRAY_SIZE(up); i++) {
			segment(&up[i], ACK, full, FULL, false);
			while (take(0x0800)) {
			}
		}
	}
	t = connect_from(&late, false);
	CHECK(t);
	for (int i = 0; i < 10; i++) {
		segment(&late, ACK | PSH, "still", 5, false);
		CHECK_EQ(t->ops->read(t, got, sizeof(got)), 5);
		while (take(0x0800)) {
		}
	}
	for (uint32_t i = 0; i < ARRAY_SIZE(up); i++) {
		int n;

		while ((n = s[i]->ops->read(s[i], got, sizeof(got))) > 0) {
			taken += (size_t)n;
		}
	}
	CHECK(taken >= 100 * FULL);
	fake_now_ns += 1000000000;
	look();                              /* what was refused is offered again */
	for (uint32_t i = 0; i < ARRAY_SIZE(up); i++) {
		CHECK(s[i]->ops->read(s[i], got, sizeof(got)) > 0);
		s[i]->ops->close(s[i]);
	}
	t->ops->close(t);
}

static void pass_seconds(unsigned n)
{
	for (unsigned i = 0; i < 4 * n; i++) {
		fake_now_ns += 250000000;
		look();
	}
}

/* A client comes, asks and is answered, with all that others have left. */
static void check_service(uint32_t port, uint32_t bytes)
{
	struct peer p = { .address = PEER, .port = port, .seq = 5 };
	struct stream *s;
	const uint8_t *data;
	uint8_t got[8];
	uint32_t len, came = 0, given = 0;

	s = connect_from(&p, false);
	CHECK(s);
	for (int i = 0; s && i < 1000 && came < bytes; i++) {
		int n;

		segment(&p, ACK | PSH, "more", 4, false);
		CHECK_EQ(s->ops->read(s, got, sizeof(got)), 4);
		n = given < bytes ? s->ops->write(s, full, bytes - given < sizeof(full) ? bytes - given : sizeof(full)) : 0;
		given += n > 0 ? (uint32_t)n : 0;
		while (receive(&p, &data, &len)) {
			came += len;
		}
	}
	CHECK_EQ(came, bytes);
	if (s) {
		s->ops->close(s);
	}
}

/* As a client does that sends all of its request before it reads. */
TEST(who_still_sends_when_we_have_closed_hears_our_last_words)
{
	struct peer p = { .address = PEER, .port = 1300, .seq = 7 };
	struct stream *s;
	const uint8_t *data;
	uint32_t len, words = 0, flags, all = 0;

	plug();
	introduce(PEER);
	s = connect_from(&p, false);
	CHECK(s);
	segment(&p, ACK, full, 1440, false);
	CHECK_EQ(s->ops->write(s, "no", 2), 2);
	s->ops->close(s);
	for (int i = 0; i < 200; i++) {
		segment(&p, ACK, full, 1440, false);
		while ((flags = receive(&p, &data, &len)) != 0) {
			words += len;
			all |= flags;
		}
	}
	CHECK_EQ(words, 2);
	CHECK_EQ(all & (RST | FIN), FIN);
	segment(&p, ACK | FIN, "", 0, false);
	CHECK(receive(&p, &data, &len) & ACK);
}

/* The smallest segments, and windows that stay shut: open, closed by us, and late ones. */
TEST(who_takes_nothing_leaves_others_what_they_need)
{
	enum { STALLED = 30 };
	static struct peer p[STALLED];
	struct stream *s[STALLED];
	const uint8_t *data;
	uint32_t len, resets = 0;

	plug();
	introduce(PEER);
	for (uint32_t i = 0; i < STALLED; i++) {
		p[i] = (struct peer){ .address = PEER, .port = 1400 + i, .seq = 7, .mss = i % 2 ? 1 : 1440 };
		s[i] = connect_from(&p[i], false);
		CHECK(s[i]);
		p[i].shut = true;
		segment(&p[i], ACK, "", 0, false);
		while (s[i] && s[i]->ops->write(s[i], full, sizeof(full)) > 0) {
		}
		if (s[i] && i % 3) {
			s[i]->ops->close(s[i]);
		}
	}
	check_service(1500, 100000);
	for (int k = 0; k < 40; k++) {
		pass_seconds(1);
		for (uint32_t i = 0; i < STALLED; i++) {     /* it is there, and takes nothing */
			segment(&p[i], ACK, "", 0, false);
		}
		while (take(0x0800)) {
			resets += frame[23] == 6 && (frame[47] & RST);
		}
	}
	CHECK(resets >= STALLED / 3);                        /* those that were closed have gone */
	check_service(1501, 100000);
	for (uint32_t i = 0; i < STALLED; i += 3) {
		s[i]->ops->close(s[i]);
	}
	segment(&p[0], RST, "", 0, false);
	CHECK(!receive(&p[0], &data, &len));
}

/* Behind a gap that is filled late; by a neighbour on the switch in segments of 60,000 bytes. */
static void check_gaps(uint32_t first_port, uint32_t pieces, uint32_t piece)
{
	enum { MANY = 36 };
	static const uint8_t large[60000];
	static struct peer p[MANY];
	struct stream *s[MANY];

	for (uint32_t i = 0; i < MANY; i++) {
		p[i] = (struct peer){ .address = PEER, .port = first_port + i, .seq = 7 };
		s[i] = connect_from(&p[i], false);
		CHECK(s[i]);
		p[i].seq += 10;
		for (uint32_t k = 0; k < pieces; k++) {
			segment(&p[i], ACK, large, piece, true);
			while (take(0x0800)) {
			}
		}
	}
	check_service(first_port + 100, 50000);
	for (uint32_t i = 0; i < MANY; i++) {
		p[i].seq -= 10 + pieces * piece;
		segment(&p[i], ACK, large, 10, true);
		while (take(0x0800)) {
		}
	}
	check_service(first_port + 101, 50000);
	for (uint32_t i = 0; i < MANY; i++) {
		s[i]->ops->close(s[i]);
	}
	pass_seconds(40);
	while (take(0x0800)) {
	}
}

TEST(what_comes_out_of_order_leaves_buffers_to_the_others)
{
	plug();
	introduce(PEER);
	check_gaps(20000, 40, 1440);
	check_gaps(21000, 1, 60000);
}

TEST(nonsense_is_dropped_and_counted)
{
	uint64_t before;

	plug();
	before = link_counters.in_dropped;
	ethernet(0x0800);
	memset(frame + 14, 0xff, 60);
	give(74, (struct frame_header){ .flags = 1, .csum_start = 60000, .csum_offset = 60000 });
	ethernet(0x0800);
	give(FRAME_MAX, (struct frame_header){ 0 });
	CHECK_EQ(link_counters.in_dropped, before + 2);
	channel.to_vm.bytes.head += 12345;
	link_receive();
	plug();
	introduce(PEER);
	CHECK_EQ(take(0x0806), 42);
}

TEST(without_a_switch_nothing_is_sent)
{
	plug();
	link_plug(NULL);
	CHECK(!link_receive());
	CHECK(link_sleep());
	CHECK(!link_must_signal() || !link_must_signal());
}
