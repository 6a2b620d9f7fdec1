/* SPDX-License-Identifier: Apache-2.0 */
/* The program mgmt: one loop over the switch's port, lwIP's timers and the sessions. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console/node.h"
#include "lib/kept_disk.h"
#include "lib/user/sys.h"
#include "lib/user/user.h"
#include "mgmt/clock.h"
#include "mgmt/identity.h"
#include "mgmt/link.h"
#include "mgmt/node.h"
#include "mgmt/one_routes.h"
#include "mgmt/platform.h"
#include "mgmt/random.h"
#include "mgmt/server.h"
#include "mgmt/tcp.h"
#include "mgmt/vnc.h"

enum { HEAP_BYTES = 3 << 20, LOG_LINE = 232, AWAITED = SERVER_SESSIONS + 16 };

static char heap[HEAP_BYTES] __attribute__((aligned(16)));

static struct {
	struct channel_end log, command, answer;
	uint32_t asked_last;         /* number of the last command                                   */
	struct awaited {
		uint32_t number;     /* 0: none                                                      */
		bool answered, forgotten;
		struct mgmt_answer answer;
	} awaited[AWAITED];
	struct identity identity;
	struct server server;
	bool serves, asked, typed;
	unsigned lines_lost;         /* of the log, and not told yet                                 */
	uint32_t net_up;             /* as init told last                                            */
} mgmt;

static const struct mgmt_status *status(void)
{
	return (const struct mgmt_status *)MGMT_STATUS_ADDR;
}

static struct mgmt_exchange *exchange(void)
{
	return (struct mgmt_exchange *)MGMT_EXCHANGE_ADDR;
}

/* ---- the place that the rest runs in ---- */

char *user_heap(size_t *size)
{
	*size = sizeof(heap);
	return heap;
}

uint64_t platform_now_ns(void)
{
	return sys_clock(NULL);
}

unsigned platform_cpu_mhz(void)
{
	uint64_t khz = 0;

	sys_clock(&khz);
	return (unsigned)(khz / 1000);
}

const struct node_status *platform_node(void)
{
	return (const struct node_status *)MGMT_NODE_ADDR;
}

/* A line that finds no room is lost, and counted: nobody can make mgmt wait by making it talk, or hide what he did by that. */
static bool write_line(const char *format, va_list args)
{
	char line[LOG_LINE];
	int n = vsnprintf(line, sizeof(line) - 1, format, args);

	n = n < (int)sizeof(line) - 2 ? n : (int)sizeof(line) - 2;
	line[n] = '\n';
	mgmt.asked = true;
	return channel_write_all(&mgmt.log, line, (uint32_t)n + 1);
}

static __attribute__((format(printf, 1, 2))) bool say(const char *format, ...)
{
	va_list args;
	bool said;

	va_start(args, format);
	said = write_line(format, args);
	va_end(args);
	return said;
}

void platform_log(const char *format, ...)
{
	va_list args;

	if (mgmt.lines_lost && say("%u lines of this log were lost", mgmt.lines_lost)) {
		mgmt.lines_lost = 0;
	}
	va_start(args, format);
	mgmt.lines_lost += !write_line(format, args);
	va_end(args);
}

static struct awaited *find_awaited(uint32_t number)
{
	for (unsigned i = 0; i < AWAITED; i++) {
		if (mgmt.awaited[i].number == number) {
			return &mgmt.awaited[i];
		}
	}
	return NULL;
}

int platform_ask(const struct mgmt_command *command, const char *text)
{
	uint32_t bytes = (uint32_t)sizeof(*command) + command->text_bytes;
	struct mgmt_command copy = *command;
	struct awaited *a = find_awaited(0);

	if (!a || channel_room(&mgmt.command) < bytes) {
		return E_AGAIN;
	}
	mgmt.asked_last = mgmt.asked_last % INT32_MAX + 1;
	*a = (struct awaited){ .number = mgmt.asked_last };
	copy.number = mgmt.asked_last;
	channel_put(&mgmt.command, 0, &copy, sizeof(copy));
	if (copy.text_bytes) {
		channel_put(&mgmt.command, sizeof(copy), text, copy.text_bytes);
	}
	channel_commit(&mgmt.command, bytes);
	mgmt.asked = true;
	return (int)mgmt.asked_last;
}

bool platform_answer(uint32_t number, struct mgmt_answer *answer)
{
	struct awaited *a = find_awaited(number);

	if (!number || !a || !a->answered) {
		return false;
	}
	*answer = a->answer;
	a->number = 0;
	return true;
}

struct node_relays *platform_relays(void)
{
	return (struct node_relays *)MGMT_RELAYS_ADDR;
}

void platform_signal_console(void)
{
	mgmt.typed = true;
}

const struct mgmt_status *platform_status(void)
{
	return status();
}

static void drop(struct awaited *a)
{
	if (a->answer.result < 0) {
		platform_log("nobody heard: %s", a->answer.why);
	}
	a->number = 0;
}

void platform_forget(uint32_t number)
{
	struct awaited *a = number ? find_awaited(number) : NULL;

	if (a && a->answered) {
		drop(a);
	} else if (a) {
		a->forgotten = true;
	}
}

static void take_answers(void)
{
	struct mgmt_answer answer;
	struct awaited *a;

	while (channel_avail(&mgmt.answer) >= sizeof(answer)) {
		channel_read(&mgmt.answer, &answer, sizeof(answer));
		mgmt.asked = true;
		a = answer.number ? find_awaited(answer.number) : NULL;
		if (!a) {
			continue;
		}
		a->answer = answer;
		a->answered = true;
		if (a->forgotten) {
			drop(a);
		}
	}
}

const struct mgmt_volumes *platform_volumes(void)
{
	return (const struct mgmt_volumes *)MGMT_VOLUMES_ADDR;
}

struct mgmt_progress *platform_progress(int n)
{
	return &exchange()->progress[n];
}

struct mgmt_vnc *platform_vnc(void)
{
	return exchange()->vnc;
}

uint8_t *platform_volume(int n)
{
	return (uint8_t *)MGMT_VOLUME_ADDR(n);
}

const struct mgmt_disks *platform_disks(void)
{
	return (const struct mgmt_disks *)MGMT_DISKS_ADDR;
}

struct mgmt_progress *platform_sent(const struct mgmt_disk *disk)
{
	return &exchange()->sent[disk - platform_disks()->disk];
}

void platform_window(int window, const struct mgmt_disk *disk, struct kept_disk *content)
{
	*content = (struct kept_disk){ .bytes = disk->size, .image_bytes = disk->image_bytes };
	content->image = (const uint8_t *)MGMT_WINDOW_IMAGE(window);
	if (!(disk->flags & MGMT_DISK_READ_ONLY)) {
		content->state = (uint8_t *)MGMT_WINDOW_STATE(window);
		content->own = (uint8_t *)MGMT_WINDOW_LAYER(window);
	}
}

void platform_close_window(int window, uint32_t number)
{
	__atomic_store_n(&exchange()->closed[window], number, __ATOMIC_RELEASE);
	mgmt.asked = true;
}

struct mgmt_one *platform_one(void)
{
	return &exchange()->one;
}

/* newlib's and assert's words. */
void user_output(const char *text, size_t len)
{
	platform_log("%.*s", (int)len, text);
}

/* ---- set-up ---- */

static struct blob module(enum mgmt_module m)
{
	return (struct blob){ (const uint8_t *)MGMT_MODULE_ADDR(m), status()->module_bytes[m] };
}

/* Nobody gets in where any of this fails; the node goes on without. */
static bool make_server(void)
{
	struct blob seed = module(MGMT_SEED);
	const char *why = "";

	if (random_init(seed.at, seed.len, clock_wall_ns() ^ (uint64_t)status()->starts << 56) < 0) {
		platform_log("no key: this processor has neither RDSEED nor RDRAND, and there is no boot module 'seed' of 32 bytes "
			     "or more");
		return false;
	}
	if (identity_init(&mgmt.identity, module(MGMT_KEY), module(MGMT_CERTIFICATE), module(MGMT_AUTHORITY), status()->node.name,
			  &why) < 0) {
		platform_log("no identity: %s", why);
		return false;
	}
	platform_log("%s, SHA-256 fingerprint %s", mgmt.identity.self_made ? "made a key for this run" : "certificate node.crt",
		     mgmt.identity.fingerprint);
	if (!mgmt.identity.has_authority) {
		platform_log("there is no boot module ca.crt: nobody can show a certificate, and the port stays closed");
		return false;
	}
	if (server_init(&mgmt.server, &mgmt.identity) < 0 || tcp_listen_on(SERVER_PORT) < 0) {
		platform_log("no memory for the port");
		return false;
	}
	platform_log("listening on port %d", SERVER_PORT);
	vnc_init();
	return true;
}

/* ---- the loop ---- */

static void follow_switch(void)
{
	uint32_t up = __atomic_load_n(&status()->net_up, __ATOMIC_ACQUIRE);

	if (up != mgmt.net_up) {
		mgmt.net_up = up;
		link_plug(NULL);
		link_plug(up & 1 ? (struct frames_channel *)MGMT_CHANNEL_ADDR : NULL);
	}
}

static void signal_others(void)
{
	if (link_must_signal()) {
		sys_event_signal(MGMT_NET_OUT);
	}
	if (mgmt.typed) {
		mgmt.typed = false;
		sys_event_signal(MGMT_CONSOLE_OUT);
	}
	if (mgmt.asked) {
		mgmt.asked = false;
		sys_event_signal(MGMT_REQUEST);
	}
}

/* Returns until when there is nothing to do. */
static uint64_t serve(void)
{
	uint64_t now = sys_clock(NULL), next = UINT64_MAX, due;
	struct stream *stream;

	follow_switch();
	take_answers();
	if (link_receive()) {
		next = now;
	}
	due = link_tick(now);
	next = due < next ? due : next;
	while (mgmt.serves && (stream = tcp_next()) != NULL) {
		if (stream->port == SERVER_PORT) {
			server_accept(&mgmt.server, stream, now);
		} else {
			vnc_accept(stream, now);
		}
	}
	if (mgmt.serves) {
		due = one_run(now);
		next = due < next ? due : next;
		due = server_run(&mgmt.server, now);
		next = due < next ? due : next;
		due = vnc_run(now);
		next = due < next ? due : next;
	}
	link_tell_addresses();
	signal_others();
	return next;
}

int user_main(uint64_t argument)
{
	(void)argument;
	if (status()->magic != MGMT_MAGIC || sys_event_bind(MGMT_WAKE, 0) < 0) {
		return 1;
	}
	channel_writer(&mgmt.log, &exchange()->log, exchange()->log_data, MGMT_LOG);
	channel_writer(&mgmt.command, &exchange()->command, exchange()->command_data, MGMT_COMMANDS);
	channel_reader(&mgmt.answer, &exchange()->answer, exchange()->answer_data, MGMT_ANSWERS);
	clock_init(status()->wall_ns, status()->build_s);
	link_init(&status()->node, status()->node.name, status()->mac);
	mgmt.serves = make_server();
	one_init(sys_clock(NULL));
	for (;;) {
		uint64_t next = serve();

		if (next > sys_clock(NULL) && link_sleep()) {
			sys_event_wait(next, NULL);
		}
	}
}
