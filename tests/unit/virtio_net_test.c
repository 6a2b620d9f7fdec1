/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network card between an honest or hostile driver and an honest or hostile switch.
 * sources: vmm/virtio_net.c vmm/net_flow.c lib/net_offload.c lib/frames.c lib/channel.c
 * sources: drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c
 * sources: tests/fake/ring_driver.c tests/fake/platform.c tests/fake/virtio_done.c vmm/bus.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/fake/ring_driver.h"
#include "tests/unit/check.h"
#include "lib/net_offload.h"
#include "vmm/virtio_net.h"

enum { QUEUE = 64, HDR = 12, RX = 0, TX = 1, CTRL = 2 };
enum { TX_AT = FAKE_DATA, RX_AT = FAKE_DATA + 0x20000, CTRL_AT = FAKE_DATA + 0xb0000 };
enum { F_CSUM = 1, F_GUEST_CSUM = 2, F_GUEST_TSO4 = 1 << 7, F_HOST_TSO4 = 1 << 11, F_MRG = 1 << 15 };

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static struct frames_channel channel;
static struct frames_end from_vm, to_vm;             /* of the switch */
static struct virtio_net nic;
static struct fake_driver driver[3];
static unsigned signals, lingers;

void vm_switch_signal(void)
{
	signals++;
}

void vm_nic_lingers(void)
{
	lingers++;
}

static unsigned routed;                              /* to this queue; 0: nowhere                    */
static bool has_message;
static uint64_t timer_ns;

bool vm_nic_route(struct virtio_net *n, unsigned queue)
{
	(void)n;
	routed = has_message ? queue : 0;
	return routed;
}

void vm_nic_timer(struct virtio_net *n, uint64_t deadline_ns)
{
	(void)n;
	timer_ns = deadline_ns;
}

static void fresh(uint64_t features)
{
	fake_reset();
	memset(&channel, 0, offsetof(struct frames_channel, from_vm_data));
	memset(&nic, 0, sizeof(nic));
	virtio_net_init(&nic, &channel, mac, 1, true);
	nic.dev.accepted = features;
	nic.dev.status = VIRTIO_DRIVER_OK;
	for (unsigned i = 0; i < 3; i++) {
		struct ring_setup setup;

		fake_driver_init(&driver[i], i, QUEUE, 0);
		setup = fake_driver_setup(&driver[i], 0);
		setup.features = 0;
		CHECK_EQ(ring_init(&nic.dev.queue[i].ring, &fake_ring_memory, &setup), OK);
	}
	frames_reader(&from_vm, &channel.from_vm, channel.from_vm_data);
	frames_writer(&to_vm, &channel.to_vm, channel.to_vm_data);
	signals = 0;
	lingers = 0;
	routed = 0;
	has_message = true;
	timer_ns = 0;
}

static void notify(unsigned queue)
{
	nic.dev.ops->notify(&nic.dev, queue);
}

/* A frame of the guest with that header, in two pieces that split it anywhere. */
static void guest_sends(const uint8_t hdr[HDR], uint32_t len, uint32_t cut)
{
	struct fake_piece piece[] = { { TX_AT, cut, false }, { TX_AT + 0x10000, HDR + len - cut, false } };

	for (uint32_t i = 0; i < HDR + len; i++) {
		fake_ram[i < cut ? TX_AT + i : TX_AT + 0x10000 + i - cut] = i < HDR ? hdr[i] : (uint8_t)(i - HDR);
	}
	fake_driver_add(&driver[TX], piece, 2);
	notify(TX);
}

static const uint8_t no_offload[HDR];

TEST(frames_of_the_guest_reach_the_switch)
{
	static const uint32_t cuts[] = { 1, 12, 13, 70 };

	fresh(0);
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		struct frame_header h;
		uint8_t frame[60];
		uint32_t written;
		uint16_t id;

		guest_sends(no_offload, 60, cuts[i]);
		CHECK(fake_driver_used(&driver[TX], &id, &written));
		CHECK_EQ(frames_next(&from_vm, &h), OK);
		CHECK_EQ(h.len, 60);
		frames_get(&from_vm, 0, frame, 60);
		for (unsigned at = 0; at < 60; at++) {
			CHECK_EQ(frame[at], at);
		}
		(void)!frames_drop(&from_vm, &h);
	}
}

TEST(the_switch_is_signalled_only_when_it_sleeps)
{
	fresh(0);
	CHECK(frames_sleep(&from_vm));
	guest_sends(no_offload, 60, 12);
	guest_sends(no_offload, 60, 12);
	CHECK_EQ(signals, 1);
}

TEST(frames_that_are_none_are_dropped)
{
	static const uint8_t bad_csum[HDR] = { 1, 0, 0, 0, 0, 0, 50, 0, 9, 0 };      /* ends beyond 60 bytes */
	static const uint8_t bad_gso[HDR] = { 1, 3, 0, 0, 1, 0, 20, 0, 6, 0 };       /* a type that is not offered */
	static const uint8_t no_size[HDR] = { 1, 1, 0, 0, 0, 0, 20, 0, 6, 0 };
	static const uint8_t gso_without_csum[HDR] = { 0, 1, 0, 0, 1, 0, 20, 0, 6, 0 };
	struct frame_header h;

	fresh(F_CSUM | F_HOST_TSO4);
	guest_sends(no_offload, 13, 12);
	guest_sends(bad_csum, 60, 12);
	guest_sends(bad_gso, 60, 12);
	guest_sends(no_size, 60, 12);
	guest_sends(gso_without_csum, 60, 12);
	CHECK_EQ(nic.dropped, 5);
	CHECK_EQ(frames_next(&from_vm, &h), E_AGAIN);
	CHECK(virtio_is_live(&nic.dev));
}

TEST(offloads_that_were_not_negotiated_do_not_count)
{
	static const uint8_t csum[HDR] = { 1, 0, 0, 0, 0, 0, 20, 0, 6, 0 };
	struct frame_header h;

	fresh(0);
	guest_sends(csum, 60, 12);
	CHECK_EQ(frames_next(&from_vm, &h), OK);
	CHECK_EQ(h.flags, 0);
}

TEST(frames_wait_for_room_in_the_channel_and_go_on)
{
	enum { LEN = 60000, FIT = FRAMES_RING / (LEN + sizeof(struct frame_header)) };
	struct frame_header h;
	uint32_t written;
	uint16_t id;
	unsigned used = 0;

	fresh(0);
	for (unsigned i = 0; i < FIT + 2; i++) {
		guest_sends(no_offload, LEN, 12);
	}
	CHECK_EQ(nic.sent, FIT);
	CHECK_EQ(channel.from_vm.writer_waits, 1);
	while (frames_next(&from_vm, &h) == OK) {
		signals += frames_drop(&from_vm, &h);
	}
	CHECK_EQ(signals, 1);
	virtio_net_poll(&nic);
	CHECK_EQ(nic.sent, FIT + 2);
	while (fake_driver_used(&driver[TX], &id, &written)) {
		used++;
	}
	CHECK_EQ(used, FIT + 2);
	CHECK_EQ(nic.dropped, 0);
}

/* After a frame the driver is not to notify until the card has looked once more and found nothing. */
TEST(the_card_lingers_before_it_listens)
{
	struct frame_header h;

	fresh(0);
	guest_sends(no_offload, 60, 12);
	CHECK(nic.lingers && lingers == 1);
	CHECK_EQ(fake_load(driver[TX].base + FAKE_DEVICE), 1);   /* no notifications, please */
	virtio_net_linger(&nic);
	CHECK_EQ(nic.lingers, 0);
	CHECK_EQ(fake_load(driver[TX].base + FAKE_DEVICE), 0);
	CHECK_EQ(frames_next(&from_vm, &h), OK);
}

/* ---- the interrupt for sent frames ---- */

static uint64_t interrupts(void)
{
	return nic.dev.queue[TX].interrupts;
}

/* The switch takes all there is. True: it signals the card's event. */
static bool switch_takes_all(void)
{
	struct frame_header h;
	uint32_t at;
	bool tells;

	while (frames_next(&from_vm, &h) == OK) {
		(void)!frames_drop(&from_vm, &h);
	}
	tells = frames_tells(&from_vm, &at);
	if (tells) {
		frames_told(&from_vm, at);
	}
	return tells;
}

static void guest_sends_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		guest_sends(no_offload, 60, 12);
	}
}

TEST(few_sent_frames_are_told_of_by_the_kernels_timer)
{
	fresh(0);
	guest_sends(no_offload, 60, 12);
	CHECK_EQ(interrupts(), 0);
	CHECK_EQ(routed, TX);
	CHECK_EQ(timer_ns, 1000000);
	CHECK(!switch_takes_all());
	guest_sends(no_offload, 60, 12);                 /* the driver has not looked yet: once is enough */
	CHECK_EQ(nic.owings, 1);
}

TEST(many_are_told_of_by_the_switch)
{
	fresh(0);
	guest_sends_many(16);
	CHECK_EQ(interrupts(), 0);
	CHECK(switch_takes_all());
	CHECK(!switch_takes_all());
	CHECK_EQ(interrupts(), 0);
}

TEST(what_the_switch_has_taken_already_is_told_of_at_once)
{
	fresh(0);
	guest_sends_many(15);
	(void)!switch_takes_all();
	guest_sends(no_offload, 13, 12);                 /* none that would reach the switch */
	CHECK_EQ(interrupts(), 1);
	CHECK_EQ(timer_ns, 0);
}

TEST(a_driver_that_saw_its_frames_go_is_not_interrupted)
{
	fresh(0);
	guest_sends(no_offload, 60, 12);
	fake_store(driver[TX].base + FAKE_DRIVER, 1);    /* no interrupts, please: it polls */
	virtio_net_linger(&nic);
	CHECK_EQ(timer_ns, 0);
	CHECK_EQ(nic.owed, 0);
	CHECK_EQ(interrupts(), 0);
	fake_store(driver[TX].base + FAKE_DRIVER, 0);
	guest_sends(no_offload, 60, 12);
	CHECK_EQ(nic.owings, 2);
}

TEST(without_a_message_the_card_interrupts_by_itself)
{
	fresh(0);
	has_message = false;
	guest_sends_many(3);
	CHECK_EQ(interrupts(), 3);
	CHECK_EQ(nic.owings, 0);
}

TEST(what_is_owed_comes_when_the_message_changes_or_the_switch_dies)
{
	fresh(0);
	guest_sends(no_offload, 60, 12);
	nic.dev.ops->message_changed(&nic.dev, RX);
	CHECK_EQ(interrupts(), 0);
	nic.dev.ops->message_changed(&nic.dev, TX);
	CHECK_EQ(interrupts(), 1);
	CHECK(!routed && !timer_ns);
	nic.dev.ops->message_changed(&nic.dev, TX);
	CHECK_EQ(interrupts(), 1);
	guest_sends(no_offload, 60, 12);
	virtio_net_link(&nic, false);
	CHECK_EQ(interrupts(), 2);
	CHECK(!timer_ns);
}

TEST(a_reset_leaves_nothing_owed)
{
	fresh(0);
	guest_sends(no_offload, 60, 12);
	nic.dev.ops->reset(&nic.dev);
	CHECK(!routed && !timer_ns && !nic.owed);
	CHECK_EQ(interrupts(), 0);
}

/* ---- into the guest ---- */

static void add_buffers(unsigned count, uint32_t len)
{
	static unsigned next;

	for (unsigned i = 0; i < count; i++) {
		struct fake_piece piece = { RX_AT + next++ % 32 * 0x4000u, len, true };

		fake_driver_add(&driver[RX], &piece, 1);
	}
}

/* The switch sends a frame of that length to addr, with these offloads. */
static void switch_sends(const uint8_t addr[6], struct frame_header h)
{
	static uint8_t frame[FRAME_MAX];

	for (uint32_t i = 0; i < h.len; i++) {
		frame[i] = i < 6 ? addr[i] : (uint8_t)(i * 7);
	}
	frames_put(&to_vm, 0, frame, h.len);
	signals += frames_send(&to_vm, &h);
}

TEST(frames_reach_the_guest)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, other[6] = { 2, 0, 0, 0, 0, 9 };
	uint32_t written;
	uint16_t id;

	fresh(F_GUEST_CSUM);
	add_buffers(4, 2000);
	virtio_net_poll(&nic);
	CHECK_EQ(channel.to_vm.reader_sleeps, 1);
	switch_sends(mac, (struct frame_header){ .len = 60, .flags = 1, .csum_start = 34, .csum_offset = 6 });
	CHECK_EQ(signals, 1);
	switch_sends(other, (struct frame_header){ .len = 60 });
	switch_sends(all, (struct frame_header){ .len = 1500 });
	virtio_net_poll(&nic);
	CHECK(fake_driver_used(&driver[RX], &id, &written));
	CHECK_EQ(written, 72);
	CHECK(fake_driver_used(&driver[RX], &id, &written));
	CHECK_EQ(written, 1512);
	CHECK(!fake_driver_used(&driver[RX], &id, &written));
	CHECK_EQ(fake_load(RX_AT + 10), 1);              /* num_buffers */
	CHECK_EQ(fake_ram[RX_AT], 1);
	CHECK_EQ(fake_load(RX_AT + 6), 34);
	CHECK_MEM(fake_ram + RX_AT + 12, mac, 6);
	CHECK_EQ(fake_ram[RX_AT + 12 + 59], (uint8_t)(59 * 7));
}

TEST(a_checksum_that_was_found_good_is_told_to_those_who_know_of_it)
{
	for (unsigned knows = 0; knows < 2; knows++) {
		uint32_t written;
		uint16_t id;

		fresh(knows ? F_GUEST_CSUM : 0);
		memset(fake_ram + RX_AT, 0, 32 * 0x4000u);
		add_buffers(1, 2000);
		virtio_net_poll(&nic);
		switch_sends(mac, (struct frame_header){ .len = 60, .flags = NET_HDR_DATA_VALID });
		virtio_net_poll(&nic);
		CHECK(fake_driver_used(&driver[RX], &id, &written));
		written = 0;
		for (unsigned i = 0; i < 32; i++) {
			written += fake_ram[RX_AT + i * 0x4000u];
		}
		CHECK_EQ(written, knows ? NET_HDR_DATA_VALID : 0);
	}
}

TEST(large_frames_take_several_buffers_or_wait_for_them)
{
	struct frame_header big = { .len = 10000, .flags = 1, .gso_type = 1, .gso_size = 1448, .csum_start = 34, .csum_offset = 16 };
	uint32_t written, sum = 0;
	uint16_t id;

	fresh(F_GUEST_CSUM | F_GUEST_TSO4 | F_MRG);
	add_buffers(3, 2048);
	switch_sends(mac, big);
	virtio_net_poll(&nic);
	CHECK(!fake_driver_used(&driver[RX], &id, &written));
	CHECK_EQ(nic.dropped, 0);
	add_buffers(2, 2048);
	notify(RX);
	for (unsigned i = 0; i < 5; i++) {
		CHECK(fake_driver_used(&driver[RX], &id, &written));
		sum += written;
	}
	CHECK_EQ(sum, 10012);
	CHECK_EQ(nic.received, 1);
}

TEST(a_frame_that_fits_no_buffer_is_lost)
{
	uint32_t written;
	uint16_t id;

	fresh(0);
	add_buffers(2, 100);
	switch_sends(mac, (struct frame_header){ .len = 1500 });
	switch_sends(mac, (struct frame_header){ .len = 60 });
	virtio_net_poll(&nic);
	CHECK_EQ(nic.dropped, 1);
	CHECK(fake_driver_used(&driver[RX], &id, &written));
	CHECK_EQ(written, 72);
}

TEST(buffers_without_room_break_the_queue)
{
	fresh(F_MRG);
	add_buffers(1, 12);
	switch_sends(mac, (struct frame_header){ .len = 60 });
	virtio_net_poll(&nic);
	CHECK_EQ(nic.dev.queue[RX].ring.error, E_PROTO);
	CHECK(!virtio_is_live(&nic.dev));
	virtio_net_poll(&nic);                           /* and the frames go to nobody */
	CHECK_EQ(channel.to_vm.bytes.head, channel.to_vm.bytes.tail);
}

TEST(headers_of_a_lying_switch_are_not_handed_on)
{
	static const struct frame_header lies[] = {
		{ .len = 60, .flags = 1, .csum_start = 59, .csum_offset = 0 },
		{ .len = 60, .flags = 1, .csum_start = 65535, .csum_offset = 65535 },
		{ .len = 60, .gso_type = 1, .gso_size = 100 },
		{ .len = 60, .flags = 1, .gso_type = 77, .gso_size = 1, .csum_start = 20 },
	};

	fresh(F_GUEST_CSUM | F_GUEST_TSO4 | F_MRG);
	add_buffers(8, 2000);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		switch_sends(mac, lies[i]);
	}
	virtio_net_poll(&nic);
	CHECK_EQ(nic.dropped, ARRAY_SIZE(lies));
	CHECK_EQ(nic.received, 0);
}

/* ---- control ---- */

static uint8_t control(const uint8_t *bytes, uint32_t len)
{
	struct fake_piece piece[] = { { CTRL_AT, len, false }, { CTRL_AT + 64, 1, true } };

	memcpy(fake_ram + CTRL_AT, bytes, len);
	fake_ram[CTRL_AT + 64] = 0xee;
	fake_driver_add(&driver[CTRL], piece, 2);
	notify(CTRL);
	return fake_ram[CTRL_AT + 64];
}

TEST(commands)
{
	static const struct {
		const char *what;
		uint8_t bytes[8];
		uint32_t len;
		uint8_t want;
	} row[] = {
		{ "promiscuous", { 0, 0, 1 }, 3, 0 },
		{ "promiscuous what", { 0, 0 }, 2, 1 },
		{ "all groups", { 0, 1, 1 }, 3, 0 },
		{ "address", { 1, 1, 2, 0, 0, 0, 0, 9 }, 8, 0 },
		{ "half an address", { 1, 1, 2, 0, 0 }, 5, 1 },
		{ "two pairs, of one", { 4, 0, 2, 0 }, 4, 1 },
		{ "unknown", { 9, 9 }, 2, 1 },
		{ "half a command", { 0 }, 1, 1 },
	};

	fresh(0);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(control(row[i].bytes, row[i].len), row[i].want);
	}
	CHECK(nic.promiscuous);
	CHECK_EQ(nic.config.mac[5], 9);
}

TEST(link_goes_and_comes_back)
{
	struct frame_header h;

	fresh(0);
	virtio_net_link(&nic, false);
	CHECK_EQ(nic.config.status, 0);
	CHECK_EQ(nic.dev.generation, 1);
	guest_sends(no_offload, 60, 12);
	CHECK_EQ(nic.dropped, 1);
	channel.from_vm.bytes.tail = 0x70000000;         /* the dead switch left nonsense */
	channel.to_vm.bytes.head = 0x12345;
	virtio_net_link(&nic, true);
	frames_reader(&from_vm, &channel.from_vm, channel.from_vm_data);
	guest_sends(no_offload, 60, 12);
	CHECK_EQ(frames_next(&from_vm, &h), OK);
	CHECK_EQ(h.len, 60);
}
