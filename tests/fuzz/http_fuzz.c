/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a client that has shown a certificate, in pieces of any size: HTTP, routes and their answers. The first byte is the role, the second the
 * size of the pieces.
 * sources: mgmt/consoles.c mgmt/contexts.c mgmt/tar.c mgmt/iso9660.c mgmt/counter_routes.c mgmt/disks.c mgmt/disk_put.c mgmt/upload.c mgmt/exchange.c mgmt/http.c mgmt/images.c mgmt/node_routes.c mgmt/routes.c mgmt/text.c mgmt/clock.c mgmt/role.c
 * sources: mgmt/relays.c lib/journal.c mgmt/vnc_routes.c tests/fake/mgmt_vnc.c
 * sources: tests/fake/mgmt_node.c tests/fake/mgmt_init.c tests/fake/mgmt_session.c tests/mgmt/no_link.c tests/fake/mgmt_console.c lib/channel.c
 * sources: mgmt/one_actions.c mgmt/one_cpu.c mgmt/one_monitor.c mgmt/one_routes.c mgmt/one_table.c mgmt/random.c mgmt/entropy.c
 * sources: tests/fake/mgmt_one_vm.c
 * libraries: http-parser mbedtls
 */
#include <stdlib.h>
#include <string.h>

#include "mgmt/exchange.h"
#include "mgmt/one_routes.h"
#include "tests/fake/mgmt_node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct client {
	struct http http;
	struct exchange exchange;
	bool open;
};

static void take_body(void *context, const uint8_t *bytes, size_t len)
{
	struct client *c = context;

	exchange_body(&c->exchange, bytes, len);
}

static void wait(struct exchange *e)
{
	while (e->waits) {
		fake_now_ns += 1000000000;
		one_run(fake_now_ns);
		exchange_poll(e);
	}
}

/* What is sent from memory: every byte of it can be read, and it is as many as was said. */
static void take_source(struct exchange *e)
{
	volatile uint8_t byte;

	for (uint64_t left = e->source_more;; left = e->source_more) {
		for (uint64_t i = 0; i < e->source_len; i += e->source_len - i > 512 ? 512 : 1) {
			byte = e->source[i];
			(void)byte;
		}
		e->source_len = 0;
		if (!left) {
			return;
		}
		e->route->more(e);
		if (!e->source_len || e->source_len + e->source_more != left) {
			abort();
		}
	}
}

/* As a session does. False: the connection would end. */
static bool follow(struct client *c, enum role role)
{
	struct exchange *e = &c->exchange;
	bool close;

	if (c->http.state == HTTP_BAD) {
		return false;
	}
	if (c->http.state != HTTP_IN_HEAD && !c->open) {
		*e = (struct exchange){ .request = &c->http.request, .client = "fuzz", .peer = "here", .role = role };
		c->open = true;
		exchange_begin(e);
		wait(e);
	}
	if (c->http.state != HTTP_WHOLE) {
		if (e->status && e->close) {
			return false;
		}
		return !c->open || !e->status || !e->close;
	}
	exchange_answer(e);
	wait(e);
	if (!e->status || !e->type || e->reply.failed || (http_reason(e->status)[0] == 'U' && e->status != 426)) {
		abort();
	}
	close = e->close || e->status == 101;
	take_source(e);
	exchange_end(e);
	c->open = false;
	http_next(&c->http);
	return !close;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct http_sink sink = { .body = take_body };
	static struct client c;
	size_t piece, at = 2;

	if (len < 2) {
		return 0;
	}
	fake_node_reset();
	one_init(fake_now_ns);
	piece = data[1] ? data[1] : 4096;
	c.open = false;
	http_init(&c.http, &sink, &c);
	while (at < len) {
		size_t n = len - at < piece ? len - at : piece, used = http_feed(&c.http, data + at, n);

		at += used;
		if (!follow(&c, (enum role)(data[0] % 4))) {
			break;
		}
	}
	if (c.open) {
		exchange_end(&c.exchange);
	}
	return 0;
}
