/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The console multiplexer with two VMs in plain memory: what reaches the screen and whom the typing reaches.
 * sources: console/mux.c console/keys.c console/screen.c console/scroll.c lib/channel.c lib/cpu_list.c lib/fmt.c
 */
#include <stdio.h>

#include "console/mux.h"
#include "tests/unit/check.h"

static struct node_status status;
static struct node_exchange exchange;
static struct console_channel channel[2], *channels[CONF_VMS_MAX] = { &channel[0], &channel[1] };
static struct mux m;
static struct channel_end log_end, command_end;
static char screen[65536];
static uint64_t now;

static void fresh(uint32_t vms)
{
	memset(&status, 0, sizeof(status));
	memset(&exchange, 0, sizeof(exchange));
	memset(channel, 0, sizeof(channel));
	status.vm_count = vms;
	strcpy(status.vm[0].name, "one");
	strcpy(status.vm[1].name, "two");
	channel_writer(&log_end, &exchange.log, exchange.log_data, NODE_LOG);
	channel_reader(&command_end, &exchange.command, exchange.command_data, NODE_COMMANDS);
	mux_init(&m, &status, &exchange, channels);
	now = 0;
}

/* Pumps until nothing moves, and returns all that reached the line. */
static const char *pump(void)
{
	const uint8_t *bytes;
	size_t len = 0;
	uint32_t n;

	for (int i = 0; i < 100; i++) {
		now += 10000000;
		mux_pump(&m, now);
		while ((n = screen_peek(&m.screen, &bytes)) != 0 && len + n < sizeof(screen)) {
			memcpy(screen + len, bytes, n);
			screen_sent(&m.screen, n);
			len += n;
		}
	}
	screen[len] = '\0';
	return screen;
}

static void run(int vm)
{
	memset(&channel[vm], 0, sizeof(channel[vm]));
	status.vm[vm].generation++;
	status.vm[vm].state = NODE_VM_RUNNING;
}

static void guest_says(int vm, const char *text)
{
	struct console_channel *c = &channel[vm];
	struct channel_end end;

	channel_writer(&end, &c->from_vm, c->from_vm_data, CONSOLE_FROM_VM);
	CHECK(channel_write_all(&end, text, (uint32_t)strlen(text)));
}

static const char *guest_gets(int vm)
{
	static char got[CONSOLE_TO_VM + 1];
	struct console_channel *c = &channel[vm];
	struct channel_end end;

	channel_reader(&end, &c->to_vm, c->to_vm_data, CONSOLE_TO_VM);
	got[channel_read(&end, got, CONSOLE_TO_VM)] = '\0';
	return got;
}

static void type(const char *text)
{
	mux_input(&m, (const uint8_t *)text, strlen(text));
}

static void node_says(const char *line)
{
	CHECK(channel_write_all(&log_end, line, (uint32_t)strlen(line)));
}

TEST(first_vm_gets_the_screen)
{
	fresh(2);
	run(1);
	guest_says(1, "hello");
	CHECK_STR(pump(), "[brume] console of vm 'two' (Ctrl-] ? for keys)\r\nhello");
	run(0);
	guest_says(0, "not shown");
	CHECK_STR(pump(), "");
}

TEST(no_vm_is_said)
{
	fresh(0);
	CHECK(strstr(pump(), "no VM is configured"));
	type("abc\r\035n\0351\035p\035l");
	CHECK(strstr(pump(), "there is no VM 1"));
}

TEST(typing_reaches_the_vm_on_the_screen_only)
{
	fresh(2);
	run(0);
	run(1);
	pump();
	type("ls\r");
	CHECK_STR(guest_gets(0), "ls\r");
	CHECK(m.signal_vms && m.signal_vm[0] && !m.signal_vm[1]);
	type("\0352pwd\r");
	CHECK_STR(guest_gets(1), "pwd\r");
	CHECK_STR(guest_gets(0), "");
	type("\035\035");
	CHECK_STR(guest_gets(1), "\035");
	type("exit\r\0351ls\r");
	CHECK_STR(guest_gets(1), "exit\r");
	CHECK_STR(guest_gets(0), "ls\r");
}

TEST(switching_replays_the_scroll_back)
{
	fresh(2);
	run(0);
	run(1);
	pump();
	guest_says(1, "boot\r\nlogin: ");
	CHECK_STR(pump(), "");
	type("\035n");
	CHECK_STR(pump(), "[brume] console of vm 'two' (Ctrl-] ? for keys)\r\nboot\r\nlogin: ");
	type("\0351");
	CHECK_STR(pump(), "\r\n[brume] console of vm 'one' (Ctrl-] ? for keys)\r\n");
	guest_says(1, "x");
	CHECK_STR(pump(), "");
	type("\0352");
	CHECK_STR(pump(), "[brume] console of vm 'two' (Ctrl-] ? for keys)\r\nboot\r\nlogin: x");
	type("\035N");
	CHECK(strstr(pump(), "vm 'one'"));
	type("\035N");
	CHECK(strstr(pump(), "vm 'two'"));
	type("\035n");
	CHECK(strstr(pump(), "vm 'one'"));
}

TEST(long_scroll_back_starts_at_a_line)
{
	fresh(2);
	run(0);
	run(1);
	pump();
	for (int i = 0; i < 1000; i++) {
		char line[32];

		snprintf(line, sizeof(line), "line number %04d\r\n", i);
		guest_says(1, line);
		if (i % 100 == 0) {
			pump();
		}
	}
	pump();
	type("\0352");
	CHECK(strncmp(strchr(pump(), '\n'), "\nline number ", 13) == 0);
	CHECK(strlen(screen) < SCROLL_BYTES + 80);
	CHECK(strstr(screen, "line number 0999\r\n"));
}

TEST(node_lines_stand_on_lines_of_their_own)
{
	fresh(1);
	run(0);
	pump();
	guest_says(0, "login: ");
	pump();
	node_says("brume: vm two: started\n");
	CHECK_STR(pump(), "\r\nbrume: vm two: started\r\n");
	node_says("brume: half");
	CHECK_STR(pump(), "");
	node_says(" a line \033[2J\n");
	CHECK_STR(pump(), "brume: half a line ?[2J\r\n");
}

TEST(node_lines_wait_for_the_end_of_a_sequence)
{
	fresh(1);
	run(0);
	pump();
	guest_says(0, "\033[1;3");
	node_says("brume: x\n");
	guest_says(0, "1mred");
	CHECK_STR(pump(), "\033[1;31mred\r\nbrume: x\r\n");
	guest_says(0, "\033[1;3");
	pump();
	node_says("brume: y\n");
	CHECK_STR(pump(), "\030\r\nbrume: y\r\n");
}

TEST(log_of_the_vmm_is_prefixed_and_filtered)
{
	struct channel_end end;

	fresh(1);
	run(0);
	pump();
	channel_writer(&end, &channel[0].log, channel[0].log_data, CONSOLE_LOG);
	channel_write(&end, "bad\033 port\nmore", 14);
	CHECK_STR(pump(), "brume: vm one: bad? port\r\n");
}

TEST(end_of_a_vm_is_acknowledged_after_its_last_words)
{
	fresh(1);
	run(0);
	pump();
	guest_says(0, "bye");
	status.vm[0].state = NODE_VM_ENDED;
	m.signal_init = false;
	CHECK_STR(pump(), "bye");
	CHECK_EQ(exchange.ack[0], 1);
	CHECK(m.signal_init);
	status.vm[0].state = NODE_VM_STOPPED;
	pump();
	run(0);
	guest_says(0, "again");
	CHECK_STR(pump(), "again");
	type("a\r");
	CHECK_STR(guest_gets(0), "a\r");
}

TEST(flood_is_bounded_and_a_lying_ring_is_ignored)
{
	fresh(2);
	run(0);
	run(1);
	pump();
	channel[1].from_vm.head = CONSOLE_FROM_VM;
	mux_pump(&m, now + 20000000);
	CHECK_EQ(channel[1].from_vm.tail, 8192);
	CHECK(mux_pump(&m, now + 20000001) != UINT64_MAX);
	CHECK_EQ(channel[1].from_vm.tail, 8192);
	channel[0].from_vm.head = 0x80000000;
	channel[0].log.head = 0x80000000;
	channel[0].to_vm.tail = 77;
	type("x");
	CHECK_STR(pump(), "");
	guest_says(1, "");
	type("\035l");
	CHECK(strstr(pump(), "* 1 one"));
}

TEST(an_end_that_was_not_dealt_with_in_time_is_acknowledged_later)
{
	fresh(2);
	run(0);
	run(1);
	pump();
	guest_says(1, "last words\r\n");
	status.vm[0].state = NODE_VM_STOPPED;        /* ENDED went by unseen */
	status.vm[1].state = NODE_VM_NONE;
	m.signal_init = false;
	pump();
	CHECK_EQ(exchange.ack[0], 1);
	CHECK_EQ(exchange.ack[1], 1);
	CHECK(m.signal_init);
	m.signal_init = false;
	pump();
	CHECK(!m.signal_init);               /* once */
	memset(&exchange.ack, 0, sizeof(exchange.ack));
	mux_init(&m, &status, &exchange, channels);  /* the same for one that starts anew meanwhile */
	pump();
	CHECK_EQ(exchange.ack[0], 1);
	status.vm[0].generation = 2;         /* init is about to say that it runs again */
	pump();
	run(0);
	status.vm[0].generation = 2;
	guest_says(0, "second life\r\n");
	CHECK(strstr(pump(), "second life"));
	CHECK(exchange.ack[0] != 2);
}

TEST(keys_become_commands)
{
	struct node_command c;

	fresh(2);
	run(0);
	run(1);
	pump();
	type("\0352\035p\035k\035s\035-\035+\035c\035t\035q");
	CHECK_EQ(channel_avail(&command_end), 8 * sizeof(c));
	for (unsigned i = 0; i < 8; i++) {
		static const uint32_t ops[] = { NODE_POWER_BUTTON, NODE_KILL, NODE_START, NODE_TAKE_MEMORY, NODE_GIVE_MEMORY,
						NODE_COUNTERS, NODE_TRACE, NODE_POWER_OFF };

		channel_read(&command_end, &c, sizeof(c));
		CHECK_EQ(c.op, ops[i]);
		CHECK_EQ(c.vm, 1);
	}
	CHECK(m.signal_init);
}

TEST(counters_and_trace_need_no_vm)
{
	struct node_command c;

	fresh(0);
	pump();
	type("\035c\035t\035k");
	CHECK_STR(pump(), "[brume] no VM is on the screen\r\n");
	CHECK_EQ(channel_read(&command_end, &c, sizeof(c)), sizeof(c));
	CHECK_EQ(c.op, NODE_COUNTERS);
	CHECK(c.vm >= CONF_VMS_MAX);
	CHECK_EQ(channel_read(&command_end, &c, sizeof(c)), sizeof(c));
	CHECK_EQ(c.op, NODE_TRACE);
	CHECK_EQ(channel_avail(&command_end), 0);
}

/* What init answers at once, 48 lines of the trace, comes through whole. */
TEST(an_answer_passes_a_flood)
{
	char flood[1024], line[96];
	unsigned lines = 0;

	fresh(1);
	run(0);
	pump();
	memset(flood, 'x', sizeof(flood) - 1);
	flood[sizeof(flood) - 1] = '\0';
	for (int i = 0; i < 48; i++) {
		snprintf(line, sizeof(line), "brume: trace: %4d.000000 cpu 0 syscall %033d\n", i, 0);
		node_says(line);
	}
	for (int i = 0; i < 48; i++) {
		guest_says(0, flood);
		pump();
		for (const char *at = screen; (at = strstr(at, "\nbrume: trace: ")) != NULL; at++) {
			lines++;
		}
	}
	CHECK_EQ(lines, 48);
}

TEST(typing_to_a_vm_that_is_off_is_answered)
{
	fresh(1);
	run(0);
	pump();
	status.vm[0].state = NODE_VM_ENDED;
	pump();
	status.vm[0].state = NODE_VM_STOPPED;
	type("x\r");
	CHECK(strstr(pump(), "[brume] vm 'one' does not run"));
}

TEST(a_vm_that_does_not_read_loses_typing_not_the_console)
{
	fresh(1);
	run(0);
	pump();
	for (int i = 0; i < 20000; i++) {
		type("y");
	}
	CHECK(strchr(pump(), '\a'));
	CHECK_EQ(strlen(guest_gets(0)), CONSOLE_TO_VM);
	pump();
	CHECK_EQ(strlen(guest_gets(0)), CONSOLE_TO_VM);
	type("\035i");
	CHECK(strstr(pump(), "[brume] version"));
}

TEST(flushed_when_all_is_out)
{
	fresh(1);
	node_says("brume: power off\n");
	status.stopping = 1;
	mux_pump(&m, 1);
	CHECK_EQ(exchange.flushed, 0);
	pump();
	CHECK_EQ(exchange.flushed, 1);
}

TEST(a_vm_that_is_deleted_is_gone_and_its_number_is_a_new_one)
{
	fresh(2);
	status.vm[0].id = 1;
	status.vm[1].id = 2;
	run(1);
	pump();
	run(0);
	guest_says(0, "its secret");
	pump();
	type("\x1d" "1");
	pump();
	status.vm[0].state = NODE_VM_ENDED;
	pump();
	status.vm[0].state = NODE_VM_NONE;
	pump();
	type("\x1dl");
	CHECK(!strstr(pump(), " one "));
	type("\x1d" "1");
	CHECK(strstr(pump(), "there is no VM 1"));
	type("\x1dn");
	CHECK(strstr(pump(), "console of vm 'two'"));
	type("\x1dn");
	CHECK(strstr(pump(), "console of vm 'two'"));
	type("\x1di");
	CHECK(strstr(pump(), "1 VMs, 1 running"));
	strcpy(status.vm[0].name, "new");
	status.vm[0].id = 3;
	status.vm[0].state = NODE_VM_STOPPED;
	pump();
	type("\x1d" "1");
	CHECK(strstr(pump(), "console of vm 'new'"));
	CHECK(!strstr(screen, "secret"));
	run(0);
	guest_says(0, "hello");
	CHECK(strstr(pump(), "hello"));
	CHECK(!strstr(screen, "secret"));
}
