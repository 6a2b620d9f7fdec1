/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What servers of the network answer a node that asks: DHCP (RFC 2131), DNS (RFC 1035), SNTP (RFC 4330). Each record of the input is a length in
 * two bytes, what it is (enum), a byte of half seconds that pass before, and the answer from its options, or from behind its number, on; the number, ports
 * and addresses are those of the node's last question.
 * sources: mgmt/link.c mgmt/tcp.c mgmt/tcp_share.c mgmt/random.c mgmt/entropy.c mgmt/clock.c lib/frames.c lib/channel.c tests/fake/mgmt_node.c tests/fake/mgmt_init.c
 * libraries: lwip mbedtls
 */
#include <string.h>

#include "mgmt/link.h"
#include "tests/fake/mgmt_node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { IP = 14, UDP = 34, BODY = 42, BOOTP = 236, COOKIE = 4, BODY_MAX = 1400, HEAD = 4, NUMBER = 8 };
enum answer { DHCP, DHCP_OVERLOADED, DNS, SNTP, TIME, ANSWERS };
enum { DHCP_PORT = 67, DNS_PORT = 53, SNTP_PORT = 123 };

static const uint8_t mac[6] = { 2, 0x62, 0x72, 0xff, 0, 1 }, servers_mac[8] = { 2, 1, 1, 1, 1, 1, 8, 0 }, server[4] = { 192, 0, 2, 1 },
		     offered[4] = { 192, 0, 2, 10 };
static struct frames_channel channel;
static struct frames_end to_node, from_node;
static uint8_t frame[BODY + BODY_MAX];

/* The node's last questions, by the port that they went to: from where, and their numbers. */
static struct question {
	uint8_t from[4], port[2], number[NUMBER];
} asked[3];

static void plug(void)
{
	struct conf_node config = { .address_mode = CONF_ADDRESS_DHCP };

	channel.magic = FRAMES_MAGIC;
	frames_writer(&to_node, &channel.to_vm, channel.to_vm_data);
	frames_reader(&from_node, &channel.from_vm, channel.from_vm_data);
	fake_node_reset();
	memcpy(config.ntp_name, "time.example", 13);
	link_init(&config, "fuzz", mac);
}

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void give(uint32_t size)
{
	struct frame_header header = { .len = size };
	bool wake;

	if (!frames_room(&to_node, size)) {
		return;
	}
	frames_put(&to_node, 0, frame, size);
	wake = frames_send(&to_node, &header);
	(void)wake;                                      /* it is looked at anyway */
	while (link_receive()) {
	}
}

static void answer_arp(void)
{
	uint8_t target[4];

	memcpy(target, frame + 38, 4);
	if (frame[21] != 1 || memcmp(target, server, 4) != 0) {
		return;                                  /* nobody else is there, nor has the node's address */
	}
	memcpy(frame + 32, frame + 22, 10);
	memcpy(frame, mac, 6);
	frame[21] = 2;
	memcpy(frame + 22, servers_mac, 6);
	memcpy(frame + 28, target, 4);
	give(42);
}

static void note_question(uint32_t size)
{
	unsigned to = (unsigned)frame[UDP + 2] << 8 | frame[UDP + 3];
	struct question *q = to == DHCP_PORT ? &asked[0] : to == DNS_PORT ? &asked[1] : to == SNTP_PORT ? &asked[2] : NULL;

	if (frame[IP] != 0x45 || frame[IP + 9] != 17 || !q || size < BODY + 12) {
		return;
	}
	memcpy(q->from, frame + IP + 12, 4);
	memcpy(q->port, frame + UDP, 2);
	memcpy(q->number, frame + BODY + (to == DHCP_PORT ? 4 : to == SNTP_PORT ? 40 : 0), NUMBER);
}

static void listen(void)
{
	struct frame_header header;

	while (frames_next(&from_node, &header) == OK) {
		uint32_t size = header.len < sizeof(frame) ? header.len : (uint32_t)sizeof(frame);
		bool arp;

		memset(frame, 0, sizeof(frame));
		frames_get(&from_node, 0, frame, size);
		arp = frame[12] == 8 && frame[13] == 6;
		if (frames_drop(&from_node, &header)) {
			continue;
		}
		if (arp) {
			answer_arp();
		} else {
			note_question(size);
		}
	}
}

/* Ethernet, IPv4 and UDP before `size` bytes of body. */
static void wrap(const struct question *q, uint32_t port, uint32_t size)
{
	uint8_t *h = frame + IP;

	memcpy(frame, mac, 6);
	memcpy(frame + 6, servers_mac, 8);               /* and IPv4 */
	h[0] = 0x45;
	put16(h + 2, 28 + size);
	h[8] = 64;
	h[9] = 17;
	memcpy(h + 12, server, 4);
	memcpy(h + 16, port == DHCP_PORT ? offered : q->from, 4);
	put16(frame + UDP, port);
	memcpy(frame + UDP + 2, q->port, 2);
	put16(frame + UDP + 4, 8 + size);
	give(BODY + size);
}

static void answer(enum answer what, const uint8_t *bytes, uint32_t size)
{
	uint8_t *body = frame + BODY;
	const struct question *q = &asked[what == DNS ? 1 : what == SNTP ? 2 : 0];

	memset(frame, 0, sizeof(frame));
	if (what == DNS) {
		memcpy(body, q->number, 2);
		memcpy(body + 2, bytes, size);
		wrap(q, DNS_PORT, 2 + size);
	} else if (what == SNTP) {
		memcpy(body, bytes, size < 48 ? size : 48);
		memcpy(body + 24, q->number, NUMBER);
		wrap(q, SNTP_PORT, 48);
	} else {
		uint32_t at = what == DHCP ? BOOTP : 44;         /* overloaded: from the server's name on */

		memcpy(body, "\2\1\6\0", 4);
		memcpy(body + 4, q->number, 4);
		memcpy(body + 16, offered, 4);
		memcpy(body + 28, mac, 6);
		memcpy(body + at + (what == DHCP ? COOKIE : 0), bytes, size);
		memcpy(body + BOOTP, "\x63\x82\x53\x63", COOKIE);
		wrap(q, DHCP_PORT, at + COOKIE + size < 300 ? 300 : at + COOKIE + size);
	}
}

/* In steps of lwIP's shortest timer, which makes up for no time that it missed. */
static void pass(unsigned half_seconds)
{
	for (unsigned i = 0; i <= half_seconds * 5; i++) {
		fake_now_ns += i ? 100000000 : 0;
		link_tick(fake_now_ns);
		listen();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!channel.magic) {
		plug();
	}
	link_plug(NULL);
	link_plug(&channel);
	while (len > HEAD) {
		uint32_t size = data[0] | (uint32_t)data[1] << 8, left = (uint32_t)(len - HEAD);

		size = size < left ? size : left;
		size = size < 1000 ? size : 1000;
		pass(data[3]);
		if (data[2] % ANSWERS != TIME) {
			answer(data[2] % ANSWERS, data + HEAD, size);
		}
		listen();
		link_tell_addresses();
		data += HEAD + size;
		len -= HEAD + size;
	}
	return 0;
}
