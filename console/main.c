/* SPDX-License-Identifier: Apache-2.0 */
/* The console program: owns the serial line, and moves bytes between it and the multiplexer. */
#include "console/line.h"
#include "console/mux.h"
#include "console/node.h"
#include "console/relay.h"
#include "console/report.h"
#include "console/video.h"
#include "lib/user/sys.h"
#include "lib/user/user.h"

enum { RECEIVE_ROUNDS = 8, FULL_NS = 20000000 };
#define SECOND_NS 1000000000ull

static struct mux mux;
static struct video video;
static struct relays relays;
static struct console_channel *channels[CONF_VMS_MAX];
static uint64_t report_until;    /* the screen shows a panic's report until then; 0: it does not */

static const struct node_status *status(void)
{
	return (const struct node_status *)CONSOLE_STATUS_ADDR;
}

static struct node_exchange *exchange(void)
{
	return (struct node_exchange *)CONSOLE_EXCHANGE_ADDR;
}

/* Bounded: typing, however fast, does not keep output waiting. */
static void receive(void)
{
	uint8_t bytes[64];

	for (int i = 0; i < RECEIVE_ROUNDS; i++) {
		size_t n = line_read(bytes, sizeof(bytes));

		if (!n) {
			break;
		}
		report_until = report_until ? 1 : 0;
		mux_input(&mux, bytes, n);
	}
}

/* Sends until the FIFO is full. Returns bytes sent. */
static uint32_t send(void)
{
	const uint8_t *bytes;
	uint32_t n, sent = 0;

	while ((n = screen_peek(&mux.screen, &bytes)) != 0) {
		uint32_t taken = (uint32_t)line_write(bytes, n);

		if (!taken) {
			break;
		}
		video_put(&video, bytes, taken);
		screen_sent(&mux.screen, taken);
		sent += taken;
	}
	return sent;
}

static void signal_others(void)
{
	for (uint32_t i = 0; mux.signal_vms && i < CONF_VMS_MAX; i++) {
		if (mux.signal_vm[i]) {
			mux.signal_vm[i] = false;
			sys_event_signal(CONSOLE_VM_IN + i);
		}
	}
	mux.signal_vms = false;
	if (relays.signal) {
		relays.signal = false;
		sys_event_signal(CONSOLE_RELAY);         /* there may be nobody */
	}
	if (mux.signal_init) {
		mux.signal_init = false;
		sys_event_signal(CONSOLE_REQUEST);
	}
}

static void show_report(void)
{
	if (video.memory && status()->report[0]) {
		report_draw(&video.mode, video.memory, status()->report);
		report_until = sys_clock(NULL) + REPORT_SECONDS * SECOND_NS;
	}
}

/* The machines' text, but while a report stands there. Returns until when that is, or next. */
static uint64_t draw(uint64_t now, uint64_t next)
{
	if (now < report_until) {
		return report_until < next ? report_until : next;
	}
	if (report_until) {
		report_until = 0;
		video_forget(&video);
	}
	video_draw(&video);
	return next;
}

/* One round; returns until when there is nothing to do. */
static uint64_t serve(void)
{
	uint64_t now = sys_clock(NULL), next;
	const uint8_t *bytes;

	receive();
	next = mux_pump(&mux, now);
	relays_pump(&relays, &mux);
	if (send()) {
		next = now;                              /* what found no room may find it now */
	} else if (screen_peek(&mux.screen, &bytes) && now + FULL_NS < next) {
		next = now + FULL_NS;                    /* the line's event should come before that */
	}
	signal_others();
	return draw(now, next);
}

/* Sleeps until somebody has something; the line's interrupt is one of them. */
static void wait(uint64_t until)
{
	const uint8_t *bytes;

	line_listen(screen_peek(&mux.screen, &bytes) != 0);
	sys_event_wait(until, NULL);
	line_quiet();
}

/* argument: the first port of the serial line, or 0. */
int user_main(uint64_t argument)
{
	if (status()->magic != NODE_MAGIC || sys_event_bind(CONSOLE_WAKE, 0) < 0) {
		return 1;
	}
	for (uint32_t i = 0; i < CONF_VMS_MAX; i++) {
		channels[i] = (struct console_channel *)CONSOLE_CHANNEL_ADDR(i);
	}
	video_init(&video, &status()->video, (void *)(CONSOLE_VIDEO_ADDR + status()->video.offset));
	show_report();
	mux_init(&mux, status(), exchange(), channels);
	relays_init(&relays, (struct node_relays *)CONSOLE_RELAY_ADDR);
	__atomic_store_n(&exchange()->attached, 1, __ATOMIC_RELEASE);
	line_init((uint16_t)argument);
	for (;;) {
		uint64_t next = serve();

		if (next > sys_clock(NULL)) {
			wait(next);
		}
	}
}
