/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio devices under drivers that use little of them, in the order in which a firmware's and a network loader's do: no
 * MSI-X, no interrupts at all, small queues that go round many times, configuration read byte by byte, resets at any moment.
 * With two cards on one switch: what one's driver leaves to its card, checksums and segments, arrives done at the other, whose
 * driver takes neither. Virtio 1.2: 3.1.1, 5.1, 5.2; RFC 791, 1071, 9293.
 */
#include "tests/attack/pci.h"

enum { NET = 1, BLOCK, ENTROPY = 4 };
enum { NEXT = 1, WRITE = 2, NO_INTERRUPT = 1, SIZE = 4, QUEUES = 4, BUFFER = 2048, HDR = 12 };
enum { ETHER = 14, IP = 20, TCP = 20, HEADERS = ETHER + IP + TCP, SEGMENT = 1400, PAYLOAD = 4000 };
#define F_CSUM      (1ull << 0)
#define F_HOST_TSO4 (1ull << 11)
#define F_VERSION_1 (1ull << 32)

struct desc { uint64_t addr; uint32_t len; uint16_t flags, next; };

static struct queue {
	struct desc desc[SIZE];
	struct { uint16_t flags, idx, ring[SIZE]; } avail;
	struct { uint16_t flags, idx; struct { uint32_t id, len; } ring[SIZE]; } used __attribute__((aligned(16)));
	uint16_t seen;
} queue[QUEUES] __attribute__((aligned(4096)));

static uint8_t data[SIZE][BUFFER] __attribute__((aligned(4096))), big[8192] __attribute__((aligned(4096)));
static struct virtio found[VIRTIO_MAX];

static const struct virtio *device(unsigned id, unsigned number, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (found[i].id == id && !number--) {
			return &found[i];
		}
	}
	return NULL;
}

static uint8_t config_byte(const struct virtio *d, unsigned at)
{
	return *(volatile uint8_t *)(uintptr_t)(d->config + at);
}

static bool reset(const struct virtio *d)
{
	virtio_set_status(d, 0);
	for (unsigned i = 0; i < 100000 && virtio_status(d); i++) {
		__asm__ volatile("pause");
	}
	return virtio_status(d) == 0;
}

/* The order of 3.1.1. Queues of the device are queue[first] and so on. */
static bool start(const struct virtio *d, uint64_t features, unsigned first, unsigned queues)
{
	if (!reset(d)) {
		return false;
	}
	virtio_set_status(d, 1);
	virtio_set_status(d, 1 | 2);
	virtio_accept(d, features | F_VERSION_1);
	virtio_set_status(d, 1 | 2 | 8);
	if (!(virtio_status(d) & 8)) {
		return false;
	}
	for (unsigned q = 0; q < queues; q++) {
		struct queue *r = &queue[first + q];

		memset(r, 0, sizeof(*r));
		r->avail.flags = NO_INTERRUPT;
		virtio_queue_set(d, q, SIZE, (uintptr_t)r->desc, (uintptr_t)&r->avail, (uintptr_t)&r->used);
	}
	virtio_set_status(d, 1 | 2 | 4 | 8);
	return virtio_status(d) == (1 | 2 | 4 | 8);
}

static void offer(const struct virtio *d, unsigned q, struct queue *r, uint16_t head)
{
	r->avail.ring[r->avail.idx % SIZE] = head;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	r->avail.idx++;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	virtio_kick(d, q, q);
}

/* Polls for the next used chain: its length, or -1. */
static int64_t used(struct queue *r)
{
	uint64_t end = rdtsc() + 3000ull * tsc_per_ms();

	while (*(volatile uint16_t *)&r->used.idx == r->seen) {
		if (rdtsc() > end) {
			return -1;
		}
		__asm__ volatile("pause");
	}
	return r->used.ring[r->seen++ % SIZE].len;
}

static void delay_ms(unsigned ms)
{
	uint64_t end = rdtsc() + ms * tsc_per_ms();

	while (rdtsc() < end) {
		__asm__ volatile("pause");
	}
}

static void fill(void *at, uint8_t byte, unsigned len)
{
	memset(at, byte, len);
}

static bool all(const uint8_t *at, uint8_t byte, unsigned len)
{
	while (len && *at == byte) {
		at++;
		len--;
	}
	return !len;
}

/* ---- a disk, as a firmware boots from it ---- */

/* The disk is this image. One request of three descriptors; the queue has four. */
static void ask_sector(const struct virtio *d, uint64_t sector)
{
	static struct { uint32_t type, reserved; uint64_t sector; } header;

	header.type = 0;
	header.sector = sector;
	data[1][0] = 0xff;
	queue[0].desc[0] = (struct desc){ (uintptr_t)&header, sizeof(header), NEXT, 1 };
	queue[0].desc[1] = (struct desc){ (uintptr_t)data[0], 512, NEXT | WRITE, 2 };
	queue[0].desc[2] = (struct desc){ (uintptr_t)data[1], 1, WRITE, 0 };
	offer(d, 0, &queue[0], 0);
}

static bool read_sector(const struct virtio *d, uint64_t sector)
{
	ask_sector(d, sector);
	return used(&queue[0]) == 513 && data[1][0] == 0;
}

static void disk(const struct virtio *d)
{
	uint64_t sectors = 0;
	bool good = true;

	if (!d) {
		skip("disk", "there is none");
		return;
	}
	ok("disk: set up without a vector", start(d, 0, 0, 1));
	for (unsigned i = 0; i < 8; i++) {
		sectors |= (uint64_t)config_byte(d, i) << 8 * i;
	}
	equal("disk: size, byte by byte", sectors, *(volatile uint32_t *)(uintptr_t)d->config);
	for (unsigned i = 0; i < 20; i++) {
		good = good && read_sector(d, i);
	}
	ok("disk: a queue of four, five times round", good);
	ok("disk: its first sector", read_sector(d, 0) && data[0][0] == 0x7f && data[0][1] == 'E');
	if (!d->mmio) {
		equal("disk: no interrupt was asked for", *(volatile uint8_t *)(uintptr_t)d->isr, 0);
	}
	ask_sector(d, 1);
	ok("disk: reset with a request under way", reset(d));
	fill(data, 0x5a, sizeof(data));
	delay_ms(5);
	ok("disk: nothing comes behind the reset", all(data[0], 0x5a, sizeof(data)));
	virtio_set_status(d, 1 | 2);
	virtio_queue_set(d, 0, SIZE, 0x700000, 0x701000, 0x702000);
	ok("disk: and from the middle of a set-up", start(d, 0, 0, 1) && read_sector(d, 0) && data[0][0] == 0x7f);
	reset(d);
}

/* Its answers come from another thread than ours. */
static void entropy(const struct virtio *d)
{
	bool kept = true;

	if (!d) {
		skip("entropy", "there is none");
		return;
	}
	for (unsigned i = 0; i < 20; i++) {
		fill(big, 0, sizeof(big));
		if (!start(d, 0, 0, 1)) {
			kept = false;
			break;
		}
		queue[0].desc[0] = (struct desc){ (uintptr_t)big, 4096, WRITE, 0 };
		offer(d, 0, &queue[0], 0);
		reset(d);
		fill(big, 0x5a, sizeof(big));
		delay_ms(1);
		kept = kept && all(big, 0x5a, sizeof(big));
	}
	ok("entropy: resets with a request under way", kept);
}

/* ---- two cards ---- */

static uint32_t sum16(const uint8_t *at, unsigned len, uint32_t sum)
{
	for (unsigned i = 0; i < len; i++) {
		sum += i & 1 ? at[i] : (uint32_t)at[i] << 8;
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

/* The sum over addresses, protocol and length that TCP's covers too. */
static uint32_t pseudo_sum(const uint8_t *ip, unsigned len)
{
	return sum16(ip + 12, 8, 6 + len);
}

static uint8_t payload_byte(unsigned i)
{
	return (uint8_t)(i * 13 + (i >> 8));
}

/* A TCP packet of len bytes of payload, whose checksum is left to the card. */
static unsigned make_packet(uint8_t *frame, const uint8_t to[6], const uint8_t from[6], unsigned len)
{
	static const uint8_t addresses[8] = { 10, 0, 0, 1, 10, 0, 0, 2 };
	uint8_t *ip = frame + ETHER, *tcp = ip + IP;

	memset(frame, 0, HEADERS);
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	put16(frame + 12, 0x0800);
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = 6;
	put16(ip + 2, IP + TCP + len);
	memcpy(ip + 12, addresses, sizeof(addresses));
	put16(ip + 10, ~sum16(ip, IP, 0));
	put16(tcp, 80);
	put16(tcp + 2, 4000);
	tcp[12] = TCP / 4 << 4;
	tcp[13] = 0x18;
	put16(tcp + 16, pseudo_sum(ip, TCP + len));
	for (unsigned i = 0; i < len; i++) {
		frame[HEADERS + i] = payload_byte(i);
	}
	return HEADERS + len;
}

/* The plain packet that must have come: sums right, the payload from byte "at" on. Returns the bytes of payload, or 0. */
static unsigned check_packet(const uint8_t *frame, unsigned len, unsigned at)
{
	const uint8_t *ip = frame + ETHER, *tcp = ip + IP;
	unsigned bytes = len - HEADERS;

	if (len <= HEADERS || get16(ip + 2) != len - ETHER || sum16(ip, IP, 0) != 0xffff ||
	    sum16(tcp, TCP + bytes, pseudo_sum(ip, TCP + bytes)) != 0xffff || get16(tcp + 6) != at) {
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++) {
		if (frame[HEADERS + i] != payload_byte(at + i)) {
			return 0;
		}
	}
	return bytes;
}

static void post_buffer(const struct virtio *d, struct queue *r, uint16_t i)
{
	r->desc[i] = (struct desc){ (uintptr_t)data[i], BUFFER, WRITE, 0 };
	offer(d, 0, r, i);
}

/* Header and frame in a descriptor each, as loaders send. */
static bool send(const struct virtio *d, struct queue *r, const void *header, const void *frame, unsigned len)
{
	r->desc[0] = (struct desc){ (uintptr_t)header, HDR, NEXT, 1 };
	r->desc[1] = (struct desc){ (uintptr_t)frame, len, 0, 0 };
	offer(d, 1, r, 0);
	return used(r) == 0;
}

/* Takes packets until bytes of payload have come; the lengths must be SEGMENT, but for the last. */
static bool receive(const struct virtio *d, struct queue *r, unsigned bytes)
{
	unsigned at = 0;

	while (at < bytes) {
		uint16_t slot = (uint16_t)(r->seen % SIZE);
		int64_t len = used(r);
		uint16_t i = (uint16_t)r->used.ring[slot].id;
		unsigned got = len > HDR ? check_packet(data[i] + HDR, (unsigned)len - HDR, at) : 0;

		if (!got || got > SEGMENT || !all(data[i], 0, 10)) {
			return false;
		}
		at += got;
		post_buffer(d, r, i);
	}
	return at == bytes;
}

static void cards(const struct virtio *a, const struct virtio *b)
{
	static const uint8_t cut[HDR] = { 1, 1, HEADERS, 0, SEGMENT & 0xff, SEGMENT >> 8, ETHER + IP, 0, 16, 0 };
	static const uint8_t sum[HDR] = { 1, 0, 0, 0, 0, 0, ETHER + IP, 0, 16, 0 };
	uint8_t mac[2][6];
	unsigned len;
	bool good = true;

	if (!a || !b) {
		skip("cards", "not two");
		return;
	}
	for (unsigned i = 0; i < 6; i++) {
		mac[0][i] = config_byte(a, i);
		mac[1][i] = config_byte(b, i);
	}
	ok("cards: addresses, byte by byte", mac[0][0] == 2 && mac[1][0] == 2 && mac[0][5] != mac[1][5]);
	ok("cards: one with offloads, one without", start(a, F_CSUM | F_HOST_TSO4, 0, 2) && start(b, 0, 2, 2));
	for (uint16_t i = 0; i < SIZE; i++) {
		post_buffer(b, &queue[2], i);
	}
	len = make_packet(big, mac[1], mac[0], 1000);
	ok("cards: a checksum is completed", send(a, &queue[1], sum, big, len) && receive(b, &queue[2], 1000));
	len = make_packet(big, mac[1], mac[0], PAYLOAD);
	ok("cards: a packet is cut into segments", send(a, &queue[1], cut, big, len) && receive(b, &queue[2], PAYLOAD));
	for (unsigned i = 0; i < 50; i++) {
		len = make_packet(big, mac[1], mac[0], 40 + i);
		good = good && send(a, &queue[1], sum, big, len) && receive(b, &queue[2], 40 + i);
	}
	ok("cards: fifty frames through queues of four", good);
	for (unsigned i = 0; i < 8; i++) {
		good = good && send(a, &queue[1], sum, big, len);
	}
	ok("cards: reset with frames on their way", reset(b) && good);
	fill(data, 0x5a, sizeof(data));
	delay_ms(5);
	ok("cards: none arrives behind it", all(data[0], 0x5a, sizeof(data)));
	ok("cards: to somebody who does not listen", send(a, &queue[1], sum, big, len));
	reset(a);
}

void group_drivers(void)
{
	unsigned count = virtio_find(found);

	disk(device(BLOCK, 0, count));
	entropy(device(ENTROPY, 0, count));
	cards(device(NET, 0, count), device(NET, 1, count));
}
