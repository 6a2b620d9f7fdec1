/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relays of the console: what somebody far away sees of a VM and types to it, played with plain memory.
 * sources: console/relay.c console/mux.c console/keys.c console/screen.c console/scroll.c lib/channel.c lib/cpu_list.c lib/fmt.c
 */
#include <stdio.h>

#include "console/relay.h"
#include "tests/unit/check.h"

static struct node_status status;
static struct node_exchange exchange;
static struct console_channel channel[2], *channels[CONF_VMS_MAX] = { &channel[0], &channel[1] };
static struct node_relays shared;
static struct mux m;
static struct relays relays;
static struct channel_end out, in;
static uint64_t now;

static void fresh(void)
{
	memset(&status, 0, sizeof(status));
	memset(&exchange, 0, sizeof(exchange));
	memset(channel, 0, sizeof(channel));
	memset(&shared, 0, sizeof(shared));
	status.vm_count = 2;
	for (int i = 0; i < 2; i++) {
		snprintf(status.vm[i].name, sizeof(status.vm[i].name), "vm%d", i);
		status.vm[i].generation = 1;
		status.vm[i].id = 10 + (uint32_t)i;
		status.vm[i].state = NODE_VM_RUNNING;
	}
	mux_init(&m, &status, &exchange, channels);
	relays_init(&relays, &shared);
	channel_reader(&out, &shared.relay[0].out, shared.relay[0].out_data, NODE_RELAY_OUT);
	channel_writer(&in, &shared.relay[0].in, shared.relay[0].in_data, NODE_RELAY_IN);
	now = 0;
}

static void pump(void)
{
	const uint8_t *bytes;
	uint32_t n;

	now += 1000000000;
	mux_pump(&m, now);
	while ((n = screen_peek(&m.screen, &bytes)) != 0) {
		screen_sent(&m.screen, n);
	}
	relays_pump(&relays, &m);
}

static void wish(uint32_t vm_plus_one)
{
	shared.relay[0].wish = vm_plus_one;
	shared.relay[0].vm_id = vm_plus_one ? 9 + vm_plus_one : 0;
	shared.relay[0].serial++;
	pump();
	CHECK_EQ(shared.relay[0].seen, shared.relay[0].serial);
	channel_skip(&out, shared.relay[0].begin - out.count);
}

static void guest_says(int vm, const char *text)
{
	struct channel_end end;

	channel_writer(&end, &channel[vm].from_vm, channel[vm].from_vm_data, CONSOLE_FROM_VM);
	CHECK(channel_write_all(&end, text, (uint32_t)strlen(text)));
	pump();
}

static const char *shown(void)
{
	static char got[NODE_RELAY_OUT + 1];

	got[channel_read(&out, got, NODE_RELAY_OUT)] = '\0';
	return got;
}

static const char *guest_gets(int vm)
{
	static char got[CONSOLE_TO_VM + 1];
	struct channel_end end;

	channel_reader(&end, &channel[vm].to_vm, channel[vm].to_vm_data, CONSOLE_TO_VM);
	got[channel_read(&end, got, CONSOLE_TO_VM)] = '\0';
	return got;
}

TEST(shows_what_was_said_before_and_what_comes)
{
	fresh();
	pump();
	guest_says(1, "before\n");
	wish(2);
	CHECK_EQ(shared.relay[0].live - shared.relay[0].begin, 7);
	CHECK_STR(shown(), "before\n");
	guest_says(1, "after");
	guest_says(0, "of another");
	CHECK_STR(shown(), "after");
	CHECK(relays.signal);
}

TEST(nothing_of_the_vm_before_is_for_the_next)
{
	fresh();
	pump();
	guest_says(0, "secret");
	wish(1);
	guest_says(1, "mine");
	wish(2);
	CHECK_STR(shown(), "mine");
	wish(0);
	guest_says(1, "more");
	CHECK_STR(shown(), "");
}

TEST(what_is_typed_reaches_that_vm)
{
	fresh();
	pump();
	wish(2);
	CHECK_EQ(channel_write(&in, "ls\r", 3), 3);
	pump();
	CHECK_STR(guest_gets(1), "ls\r");
	CHECK_STR(guest_gets(0), "");
	CHECK(m.signal_vm[1]);
}

TEST(who_leaves_at_once_is_typed_to_the_end)
{
	fresh();
	pump();
	wish(1);
	CHECK(channel_write_all(&in, "poweroff\n", 9));
	wish(2);
	CHECK_STR(guest_gets(0), "poweroff\n");
	CHECK_STR(guest_gets(1), "");
	CHECK(channel_write_all(&in, "lost", 4));
	status.vm[1].id = 99;                            /* the VM went meanwhile, and another one has its number */
	wish(0);
	CHECK_STR(guest_gets(1), "");
}

TEST(a_slow_reader_loses_old_bytes_and_the_vm_does_not_wait)
{
	bool ended = false;
	char line[101];

	fresh();
	pump();
	wish(1);
	memset(line, 'x', 100);
	line[99] = '\n';
	line[100] = '\0';
	for (int i = 0; i < 1000; i++) {
		guest_says(0, line);
	}
	guest_says(0, "end");
	for (int i = 0; i < 10 && !ended; i++) {
		const char *got = shown();
		size_t len = strlen(got);

		pump();
		ended = len >= 3 && strcmp(got + len - 3, "end") == 0;
	}
	CHECK(ended);
}

TEST(nonsense_by_mgmt_harms_nobody)
{
	fresh();
	pump();
	wish(3);
	wish(UINT32_MAX);
	shared.relay[0].out.tail = 12345678;
	shared.relay[0].in.head = 87654321;
	wish(1);
	guest_says(0, "hello");
	pump();
	CHECK_STR(guest_gets(0), "");
}

TEST(a_console_that_starts_again_serves_what_was_wished)
{
	fresh();
	pump();
	wish(1);
	guest_says(0, "one ");
	relays_init(&relays, &shared);
	pump();
	CHECK_STR(shown(), "one one ");
}

TEST(who_reads_too_slowly_is_told_what_was_lost)
{
	char text[1025];
	uint32_t before;

	fresh();
	pump();
	wish(1);
	memset(text, 'x', sizeof(text) - 1);
	text[1023] = '\n';
	text[1024] = '\0';
	for (int i = 0; i < 20; i++) {
		guest_says(0, text);         /* 20 KiB: 8 are in the ring, 8 in the scroll-back */
	}
	before = (uint32_t)strlen(shown());
	CHECK_EQ(before, NODE_RELAY_OUT);
	pump();
	CHECK(strstr(shown(), "\r\n[brume] 5120 bytes were lost\r\nxxx"));
	guest_says(0, "after it");
	CHECK(strstr(shown(), "after it"));
}

TEST(a_vm_that_is_deleted_ends_its_consoles)
{
	fresh();
	pump();
	wish(2);
	guest_says(1, "last words");
	status.vm[1].state = NODE_VM_ENDED;
	pump();
	status.vm[1].state = NODE_VM_NONE;
	pump();
	CHECK_EQ(shared.relay[0].gone, shared.relay[0].serial);
	CHECK_STR(shown(), "last words");
	status.vm[1].id = 77;                /* another one gets its number: it is not meant */
	status.vm[1].generation = 2;
	status.vm[1].state = NODE_VM_RUNNING;
	exchange.ack[1] = 1;
	memset(&channel[1], 0, sizeof(channel[1]));
	guest_says(1, "secret");
	CHECK_STR(shown(), "");
	wish(2);                             /* with the id of the one that was there */
	CHECK_EQ(shared.relay[0].gone, shared.relay[0].serial);
	CHECK_STR(shown(), "");
	shared.relay[0].vm_id = 77;
	shared.relay[0].serial++;
	pump();
	CHECK_STR(shown(), "secret");
}
