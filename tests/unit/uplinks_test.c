/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uplinks of the switch in their life: cards that come, break, do not come out of reset, and lose their link. The card is a fake, and so
 * is time.
 * sources: net/uplinks.c net/switch.c net/port.c net/uplink.c net/fdb.c lib/frames.c lib/channel.c lib/net_offload.c
 * sources: drivers/nic/nic.c drivers/nic/out.c drivers/nic/virtio_net.c drivers/nic/virtio_pci.c drivers/nic/e1000.c drivers/nic/e1000e.c
 * sources: drivers/virtio/ring_driver.c drivers/virtio/ring.c drivers/virtio/ring_split.c drivers/virtio/ring_packed.c tests/fake/nic.c
 */
#include "net/uplinks.h"
#include "tests/fake/nic.h"
#include "tests/unit/check.h"

enum { PORTS = 3, WIRE = PORTS, NET = 1 };

static struct uplinks u;
static struct net_switch s;
static struct net_status status;
static struct net_answers answers;
static uint64_t now;

/* One card is there, and a second one that init could not hand over. */
static void fresh(enum fake_nic_kind kind, uint32_t interrupts)
{
	memset(&u, 0, sizeof(u));
	memset(&status, 0, sizeof(status));
	memset(&answers, 0, sizeof(answers));
	switch_init(&s, PORTS + 2, answers.counters);
	status.port_count = PORTS;
	status.uplink_count = 2;
	fake_nic.stuck = fake_nic.stalled = fake_nic.no_mac = false;
	fake_nic.features = 0;
	status.uplink[0].host = fake_nic_plug(kind, interrupts);
	status.uplink[0].net = NET;
	now = 5000000000;
}

static bool follow(void)
{
	return uplinks_follow(&u, &s, &status, &answers, now);
}

TEST(a_card_is_plugged_in_and_told_of_once)
{
	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		fresh((enum fake_nic_kind)kind, 1);
		CHECK(follow());
		CHECK(s.port[WIRE].up);
		CHECK_EQ(s.port[WIRE].net, NET);
		CHECK(!s.port[WIRE + 1].up);
		CHECK_EQ(answers.uplink[0].changes, 1);
		CHECK_EQ(answers.uplink[0].link, 1);
		CHECK_MEM(answers.uplink[0].mac, fake_nic_mac, 6);
		CHECK_STR(answers.uplink[0].broken, "");
		CHECK_EQ(answers.uplink[1].changes, 0);
		CHECK(!follow());
		CHECK_EQ(uplinks_next_ns(&u, &status, now), UINT64_MAX);
	}
}

TEST(a_card_without_interrupts_is_looked_at)
{
	fresh(FAKE_82540EM, 0);
	CHECK(follow());
	CHECK_EQ(uplinks_next_ns(&u, &status, now), now + UPLINKS_POLL_NS);
}

TEST(a_link_that_goes_and_comes)
{
	static const uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 };
	struct frame_header h = { .len = sizeof(frame) };

	fresh(FAKE_82574L, 1);
	CHECK(follow());
	CHECK(fake_nic_arrive(frame, &h));
	CHECK_EQ(uplink_next(&u.uplink[0], &h), OK);         /* a port had no room for it */
	fake_nic.link = false;
	uplinks_wake(&u, &status);
	CHECK(follow());
	CHECK(!s.port[WIRE].up);
	CHECK_EQ(answers.uplink[0].link, 0);
	fake_nic.interrupts = 0;
	uplinks_listen(&u, &s, &status);
	fake_nic.link = true;
	CHECK(fake_nic_arrive(frame, &(struct frame_header){ .len = sizeof(frame) }));
	CHECK_EQ(fake_nic.interrupts, 1);                    /* though a frame waits */
	uplinks_wake(&u, &status);
	CHECK(follow());
	CHECK(s.port[WIRE].up);
	CHECK_EQ(answers.uplink[0].changes, 3);
}

TEST(a_card_that_is_stuck_is_tried_less_and_less_often)
{
	uint64_t pause = UPLINKS_RETRY_NS;

	for (int kind = 0; kind < FAKE_NIC_KINDS; kind++) {
		fresh((enum fake_nic_kind)kind, 1);
		fake_nic.stuck = true;
		CHECK(follow());
		CHECK(answers.uplink[0].broken[0]);
		pause = UPLINKS_RETRY_NS;
		for (int i = 0; i < 10; i++) {
			unsigned resets = fake_nic.resets;

			CHECK_EQ(uplinks_next_ns(&u, &status, now), now + pause);
			now += pause - 1;
			CHECK(!follow());
			CHECK_EQ(fake_nic.resets, resets);
			now++;
			CHECK(!follow());                    /* nothing new */
			CHECK_EQ(fake_nic.resets, resets + 1 + (kind == FAKE_82574L));       /* it is written with its reset bit read back */
			pause = pause < UPLINKS_RETRY_MAX_NS ? pause * 2 : UPLINKS_RETRY_MAX_NS;
		}
		CHECK(!fake_nic.master && !s.port[WIRE].up);
		CHECK_EQ(pause, UPLINKS_RETRY_MAX_NS);
		fake_nic.stuck = false;
		now += pause;
		CHECK(follow());
		CHECK(s.port[WIRE].up);
	}
}

TEST(a_card_that_worked_for_long_is_tried_soon)
{
	fresh(FAKE_82574L, 1);
	CHECK(follow());
	for (int i = 0; i < 3; i++) {
		now += 2 * UPLINKS_RETRY_MAX_NS;
		nic_break(&u.uplink[0].nic, "it lies");
		CHECK(!follow());                            /* at once: there is nothing to tell */
		CHECK(s.port[WIRE].up);
		CHECK_EQ(u.pause_ns[0], UPLINKS_RETRY_NS);
		CHECK_STR(answers.uplink[0].broken, "");
	}
	nic_break(&u.uplink[0].nic, "it lies");
	CHECK(follow());
	CHECK(!s.port[WIRE].up);
	CHECK_STR(answers.uplink[0].broken, "it lies");
	now += UPLINKS_RETRY_NS;
	CHECK(follow());
	CHECK(s.port[WIRE].up);
	CHECK_EQ(u.pause_ns[0], 2 * UPLINKS_RETRY_NS);
}
