/* SPDX-License-Identifier: Apache-2.0 */
/* The program mgmt: one loop over the switch's port, lwIP's timers and the sessions. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console/node.h"
#include "lib/user/sys.h"
#include "lib/user/user.h"
#include "mgmt/clock.h"
#include "mgmt/identity.h"
#include "mgmt/link.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"
#include "mgmt/random.h"
#include "mgmt/server.h"
#include "mgmt/tcp.h"

enum { HEAP_BYTES = 3 << 20, LOG_LINE = 232 };

static char heap[HEAP_BYTES] __attribute__((aligned(16)));

static struct {
	struct channel_end log, command;
	struct identity identity;
	struct server server;
	bool serves, asked, typed;
	uint32_t net_up;             /* as init told last                                             */
	bool creating, waited;       /* init was asked for a VM; a client waits for the answer       */
	uint32_t created;            /* answers of init before that                                  */
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

const struct node_status *platform_node(void)
{
	return (const struct node_status *)MGMT_NODE_ADDR;
}

/* A line that finds no room is lost: nobody can make mgmt wait by making it talk. */
void platform_log(const char *format, ...)
{
	char line[LOG_LINE];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	n = n < (int)sizeof(line) - 2 ? n : (int)sizeof(line) - 2;
	line[n] = '\n';
	channel_write_all(&mgmt.log, line, (uint32_t)n + 1);
	mgmt.asked = true;
}

int platform_command(uint32_t op, uint32_t vm)
{
	struct node_command command = { .op = op, .vm = vm };

	mgmt.asked = true;
	return channel_write_all(&mgmt.command, &command, sizeof(command)) ? OK : E_AGAIN;
}

/* One at a time: creating stays set until somebody has taken the answer, or it came to nobody. */
int platform_create(const char *text, size_t len)
{
	struct node_command command = { .op = MGMT_CREATE, .vm = (uint32_t)len };
	uint32_t created = __atomic_load_n(&status()->created, __ATOMIC_ACQUIRE);

	if (!len || len > MGMT_TEXT) {
		return E_INVAL;
	}
	if (mgmt.creating && (mgmt.waited || created == mgmt.created)) {
		return E_BUSY;
	}
	memcpy(exchange()->create_text, text, len);
	if (!channel_write_all(&mgmt.command, &command, sizeof(command))) {
		return E_BUSY;
	}
	mgmt.creating = mgmt.waited = mgmt.asked = true;
	mgmt.created = created;
	return OK;
}

int platform_created(const char **message)
{
	if (__atomic_load_n(&status()->created, __ATOMIC_ACQUIRE) == mgmt.created) {
		return E_AGAIN;
	}
	mgmt.creating = false;
	*message = status()->create_message;
	return status()->create_result;
}

void platform_create_forget(void)
{
	mgmt.waited = false;
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

void platform_wish(uint32_t i, const struct mgmt_wish *wish)
{
	exchange()->image[i] = *wish;
}

void *platform_image(int i)
{
	return (void *)MGMT_IMAGE_ADDR(i);
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
	if (link_receive()) {
		next = now;
	}
	due = link_tick(now);
	next = due < next ? due : next;
	tcp_trim();
	while (mgmt.serves && (stream = tcp_next()) != NULL) {
		server_accept(&mgmt.server, stream, now);
	}
	if (mgmt.serves) {
		due = server_run(&mgmt.server, now);
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
	clock_init(status()->wall_ns, status()->build_s);
	link_init(&status()->node, status()->node.name, status()->mac);
	mgmt.serves = make_server();
	for (;;) {
		uint64_t next = serve();

		if (next > sys_clock(NULL) && link_sleep()) {
			sys_event_wait(next, NULL);
		}
	}
}
