/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports of VNC consoles: who gets a place, who has to wait and who is sent away, over streams and with a time that are made up.
 * sources: mgmt/vnc.c mgmt/guesses.c mgmt/relays.c mgmt/rfb.c mgmt/rfb_auth.c mgmt/rfb_draw.c mgmt/pixels.c mgmt/term.c mgmt/term_filter.c
 * sources: mgmt/term_keys.c mgmt/keysyms.c tests/fake/mgmt_node.c tests/fake/mgmt_init.c tests/fake/mgmt_console.c lib/channel.c build/glyphs.c
 * libraries: libvterm mbedtls
 */
#include <string.h>

#include "lib/be.h"
#include "mgmt/random.h"
#include "mgmt/rfb.h"
#include "mgmt/tcp.h"
#include "mgmt/vnc.h"
#include "tests/fake/mgmt_init.h"
#include "tests/fake/mgmt_node.h"
#include "tests/unit/check.h"

enum { WIRES = 16, PORT = 5900, ALICE = 0x0a000001, MALLORY = 0x0a000002 };

#define SECOND 1000000000ull

/* A connection as its peer has it, which keeps what comes first. */
static struct wire {
	struct stream stream;
	bool open, favoured, deaf;
	uint8_t to_node[256], from_node[1 << 16];
	size_t to_len, from_len;
} wires[WIRES];

int random_fill(void *to, size_t len)
{
	memset(to, 0x5a, len);
	return OK;
}

int tcp_listen_on(uint16_t port)
{
	return port ? OK : E_NOMEM;
}

void tcp_leave(uint16_t port)
{
	(void)port;
}

static int wire_read(struct stream *s, void *to, size_t size)
{
	struct wire *w = container_of(s, struct wire, stream);
	size_t n = w->to_len < size ? w->to_len : size;

	if (!n) {
		return E_AGAIN;
	}
	memcpy(to, w->to_node, n);
	memmove(w->to_node, w->to_node + n, w->to_len - n);
	w->to_len -= n;
	return (int)n;
}

static int wire_write(struct stream *s, const void *bytes, size_t len)
{
	struct wire *w = container_of(s, struct wire, stream);
	size_t room = sizeof(w->from_node) - w->from_len, kept = len < room ? len : room;

	if (w->deaf) {
		return E_AGAIN;
	}
	memcpy(w->from_node + w->from_len, bytes, kept);
	w->from_len += kept;
	return (int)len;
}

static void wire_close(struct stream *s)
{
	container_of(s, struct wire, stream)->open = false;
}

static void wire_favour(struct stream *s)
{
	container_of(s, struct wire, stream)->favoured = true;
}

static const struct stream_ops ops = { .read = wire_read, .write = wire_write, .close = wire_close, .favour = wire_favour };

/* As often as something moves. */
static void run(void)
{
	while (vnc_run(fake_now_ns) == fake_now_ns) {
	}
}

static struct wire *join(int number, uint16_t port, uint64_t origin)
{
	struct wire *w = &wires[number];

	*w = (struct wire){ .stream = { .ops = &ops, .port = port, .origin = origin, .peer = "someone" }, .open = true };
	fake_now_ns++;
	vnc_accept(&w->stream, fake_now_ns);
	run();
	return w;
}

static void say(struct wire *w, const void *bytes, size_t len)
{
	memcpy(w->to_node + w->to_len, bytes, len);
	w->to_len += len;
	run();
}

/* Answers the challenge. */
static void answer(struct wire *w, const char *password)
{
	uint8_t response[RFB_CHALLENGE], challenge[RFB_CHALLENGE];

	memset(challenge, 0x5a, sizeof(challenge));
	rfb_response(password, challenge, response);
	say(w, "RFB 003.008\n\2", 13);
	say(w, response, sizeof(response));
	say(w, "\1", 1);
}

static bool was_told(const struct wire *w, const char *words)
{
	size_t len = strlen(words);

	for (size_t i = 0; i + len <= w->from_len; i++) {
		if (memcmp(w->from_node + i, words, len) == 0) {
			return true;
		}
	}
	return false;
}

static void fresh(void)
{
	const char *why = "";

	vnc_close("vm0");
	vnc_close("vm1");
	fake_node_reset();
	run();
	CHECK_EQ(vnc_open("vm0", PORT, "secret", &why), OK);
	CHECK_EQ(vnc_open("vm1", PORT + 1, "secret", &why), OK);
}

TEST(who_guesses_waits_and_nobody_else)
{
	fresh();
	for (int i = 0; i < 5; i++) {
		struct wire *w = join(0, PORT, MALLORY);

		answer(w, "guess");
		CHECK(was_told(w, "the password is wrong") && !w->open);
	}
	answer(join(0, PORT, MALLORY), "secret");
	CHECK(was_told(&wires[0], "too many wrong passwords") && !wires[0].open);
	answer(join(1, PORT, ALICE), "secret");
	CHECK(was_told(&wires[1], "vm0 (Brume)") && wires[1].open && wires[1].favoured);
	answer(join(2, PORT + 1, MALLORY), "secret");                    /* another VM's password is another matter */
	CHECK(was_told(&wires[2], "vm1 (Brume)"));
	fake_now_ns += 10 * SECOND;
	answer(join(0, PORT, MALLORY), "guess");
	answer(join(0, PORT, MALLORY), "secret");                        /* one guess more, the same wait again */
	CHECK(was_told(&wires[0], "too many wrong passwords"));
	fake_now_ns += 10 * SECOND;
	answer(join(0, PORT, MALLORY), "secret");
	CHECK(was_told(&wires[0], "vm0 (Brume)"));
}

TEST(many_guessers_are_remembered_and_the_latest_of_more)
{
	fresh();
	for (unsigned i = 0; i < 40 * 5; i++) {
		answer(join(0, PORT, MALLORY + i / 5), "guess");
	}
	answer(join(0, PORT, MALLORY + 39), "secret");
	CHECK(was_told(&wires[0], "too many wrong passwords"));
	answer(join(0, PORT, MALLORY), "secret");
	CHECK(was_told(&wires[0], "vm0 (Brume)"));
}

TEST(a_crowd_of_one_origin_pushes_out_its_own)
{
	fresh();
	join(0, PORT, ALICE);                                            /* is asked for the password, and types it slowly */
	for (int i = 1; i < WIRES; i++) {
		join(i, PORT, MALLORY);
	}
	CHECK(wires[0].open && !wires[1].open && wires[WIRES - 1].open);
	answer(&wires[0], "secret");
	CHECK(was_told(&wires[0], "vm0 (Brume)"));
}

TEST(strangers_of_a_port_give_way_whoever_else_is_older)
{
	fresh();
	join(0, PORT + 1, MALLORY);
	for (int i = 1; i <= VNC_VIEWERS_PER_VM; i++) {
		join(i, PORT, MALLORY);
	}
	answer(join(5, PORT, ALICE), "secret");
	CHECK(was_told(&wires[5], "vm0 (Brume)") && wires[0].open && !wires[1].open);
}

TEST(who_has_looked_for_long_has_time_to_read_what_comes)
{
	static const uint8_t ask[10] = { 3, 1, 0, 0, 0, 0, 2, 128, 1, 144 }, key[8] = { 4, 1, 0, 0, 0, 0, 0, 'x' };

	fresh();
	answer(join(0, PORT, ALICE), "secret");
	say(&wires[0], ask, sizeof(ask));
	CHECK_EQ(wires[0].from_len, sizeof(wires[0].from_node));
	fake_now_ns += 3600 * SECOND;
	run();
	CHECK(wires[0].open);
	wires[0].deaf = true;
	say(&wires[0], ask, sizeof(ask));
	say(&wires[0], key, sizeof(key));                                /* vm0 echoes it, and signals */
	run();
	CHECK(wires[0].open);
	fake_now_ns += 59 * SECOND;
	run();
	CHECK(wires[0].open);
	fake_now_ns += 2 * SECOND;
	run();
	CHECK(!wires[0].open);
}

TEST(a_password_may_be_typed_within_two_minutes)
{
	fresh();
	join(0, PORT, ALICE);
	say(&wires[0], "RFB 003.008\n\2", 13);
	fake_now_ns += 119 * SECOND;
	run();
	CHECK(wires[0].open);
	fake_now_ns += SECOND;
	run();
	CHECK(!wires[0].open);
}
