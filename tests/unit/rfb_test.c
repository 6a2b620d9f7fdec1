/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFB for one viewer: versions, passwords, messages and pictures byte by byte.
 * sources: mgmt/rfb.c mgmt/rfb_auth.c mgmt/rfb_draw.c mgmt/pixels.c mgmt/term.c mgmt/term_filter.c mgmt/term_keys.c mgmt/keysyms.c build/glyphs.c
 * libraries: libvterm mbedtls
 */
#include <string.h>

#include "lib/be.h"
#include "mgmt/rfb.h"
#include "tests/unit/check.h"

enum { GREETING = 12, SERVER_INIT = 24 };

static struct term term;
static struct rfb rfb;
static uint8_t got[1 << 22];
static size_t got_len;
static uint32_t last_key;
static unsigned keys, denials;
static char pasted[RFB_CLIPBOARD + 1];

static void on_key(void *context, uint32_t keysym, bool down)
{
	(void)context;
	last_key = keysym;
	keys += down;
}

static void on_paste(void *context, const uint8_t *text, size_t len)
{
	(void)context;
	memcpy(pasted, text, len);
	pasted[len] = '\0';
}

static void on_denied(void *context)
{
	(void)context;
	denials++;
}

static void type(void *context, const char *bytes, size_t len)
{
	(void)context;
	(void)bytes;
	(void)len;
}

static const struct rfb_hooks hooks = { .key = on_key, .paste = on_paste, .denied = on_denied };

/* Reads all that is sent; got holds it. */
static size_t receive(void)
{
	got_len = 0;
	for (rfb_draw(&rfb, &term); rfb.out_len > rfb.out_at; rfb_draw(&rfb, &term)) {
		size_t n = rfb.out_len - rfb.out_at;

		memcpy(got + got_len, rfb.out + rfb.out_at, n);
		got_len += n;
		rfb_sent(&rfb, n);
	}
	return got_len;
}

static void say(const void *bytes, size_t len)
{
	CHECK_EQ(rfb_feed(&rfb, bytes, len), len);
}

static void begin(const char *password, const char *refuse)
{
	static const uint8_t challenge[RFB_CHALLENGE] = "0123456789abcde";

	term_init(&term, type, NULL);
	rfb_init(&rfb, &hooks, NULL, "web (Brume)", password, refuse, challenge);
	CHECK_EQ(receive(), GREETING);
	CHECK(memcmp(got, "RFB 003.008\n", GREETING) == 0);
	denials = keys = 0;
}

/* In, without a password. */
static void open(void)
{
	begin("", NULL);
	say("RFB 003.008\n\1\1", 14);
	receive();
	CHECK_EQ(rfb.state, RFB_OPEN);
}

static void ask(bool incremental)
{
	uint8_t request[10] = { 3, incremental, 0, 0, 0, 0, 2, 128, 1, 144 };

	say(request, sizeof(request));
}

static void show(const char *text)
{
	term_feed(&term, (const uint8_t *)text, strlen(text));
}

TEST(the_answer_to_a_challenge_is_des)
{
	static const uint8_t challenge[RFB_CHALLENGE] = { 0 };
	/* openssl enc -des-ecb -K 2e9ed6ce2ea64ea6 of zeroes: the key is "tykstere" with reversed bits */
	static const uint8_t wanted[RFB_CHALLENGE] = { 0xce, 0x50, 0xf4, 0x6c, 0x8a, 0x5a, 0x0c, 0x61, 0xce, 0x50, 0xf4, 0x6c,  0x8a, 0x5a, 0x0c, 0x61 };
	uint8_t response[RFB_CHALLENGE], longer[RFB_CHALLENGE];

	rfb_response("tykstere", challenge, response);
	CHECK(memcmp(response, wanted, sizeof(wanted)) == 0);
	rfb_response("tykstere and more", challenge, longer);
	CHECK(memcmp(response, longer, sizeof(longer)) == 0);
}

TEST(versions_differ_in_how_security_is_agreed)
{
	static const struct { const char *version; unsigned answer; uint8_t first[4]; } rows[] = {
		{ "RFB 003.003\n", 4, { 0, 0, 0, 1 } }, { "RFB 003.005\n", 4, { 0, 0, 0, 1 } }, { "RFB 003.007\n", 2, { 1, 1 } },
		{ "RFB 003.008\n", 2, { 1, 1 } }, { "RFB 003.889\n", 2, { 1, 1 } }, { "RFB 004.001\n", 2, { 1, 1 } },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		begin("", NULL);
		say(rows[i].version, GREETING);
		CHECK_EQ(receive(), rows[i].answer);
		CHECK(memcmp(got, rows[i].first, rows[i].answer) == 0);
		if (rows[i].answer == 2) {
			say("\1", 1);
			CHECK_EQ(receive(), rfb.version == 8 ? 4 : 0);
		}
		say("\1", 1);
		CHECK_EQ(receive(), SERVER_INIT + 11);
		CHECK(be_get16(got) == 640 && be_get16(got + 2) == 400 && memcmp(got + SERVER_INIT, "web (Brume)", 11) == 0);
	}
}

TEST(passwords_are_asked_for_and_compared)
{
	uint8_t answer[RFB_CHALLENGE];

	for (unsigned wrong = 0; wrong < 2; wrong++) {
		begin("secret", NULL);
		say("RFB 003.008\n\2", 13);
		CHECK_EQ(receive(), 2 + RFB_CHALLENGE);
		rfb_response("secret", got + 2, answer);
		answer[15] = (uint8_t)(answer[15] ^ wrong);
		say(answer, sizeof(answer));
		CHECK_EQ(receive(), wrong ? 8 + strlen("the password is wrong") : 4);
		CHECK_EQ(be_get32(got), wrong);
		CHECK_EQ(rfb.state, wrong ? RFB_OVER : RFB_INIT);
		CHECK_EQ(denials, wrong);
	}
	begin("secret", NULL);
	rfb_feed(&rfb, (const uint8_t *)"RFB 003.008\n\1\1", 14);        /* none, where one is wanted */
	CHECK_EQ(rfb.state, RFB_OVER);
}

TEST(who_may_not_come_in_is_told_why)
{
	static const struct { const char *version; unsigned skip; } rows[] = { { "RFB 003.003\n", 4 }, { "RFB 003.008\n", 1 } };

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		begin("", "not now");
		say(rows[i].version, GREETING);
		CHECK_EQ(receive(), rows[i].skip + 4 + 7);
		CHECK(memcmp(got + rows[i].skip + 4, "not now", 7) == 0);
		CHECK_EQ(rfb.state, RFB_OVER);
	}
}

TEST(what_is_no_rfb_ends_it)
{
	static const struct { const char *bytes; size_t len; } rows[] = { { "GET / HTTP/1.", 12 }, { "RFB 003.008\n\7", 13 }, };

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		begin("", NULL);
		rfb_feed(&rfb, (const uint8_t *)rows[i].bytes, rows[i].len);
		CHECK_EQ(rfb.state, RFB_OVER);
	}
	open();
	rfb_feed(&rfb, (const uint8_t *)"\x63", 1);
	CHECK_EQ(rfb.state, RFB_OVER);
	open();
	rfb_feed(&rfb, (const uint8_t *)"\0\0\0\0\x18\x18\0\1\0\xff\0\xff\0\xff\0\0\0\0\0\0", 20);
	CHECK_EQ(rfb.state, RFB_OVER);
}

TEST(the_first_picture_is_whole_and_then_only_changes_come)
{
	open();
	show("hi");
	ask(true);
	CHECK_EQ(receive(), 4 + TERM_ROWS * (12 + 640 * 16 * 4));
	CHECK(got[0] == 0 && be_get16(got + 2) == TERM_ROWS);
	ask(true);
	CHECK_EQ(receive(), 0);                                          /* nothing is new: it waits */
	show("\x1b[3;5Hx");
	CHECK_EQ(receive(), 4 + 12 + 8 * 16 * 4 + 12 + 2 * 8 * 16 * 4);  /* where the cursor was; x, and the cursor */
	CHECK_EQ(be_get16(got + 2), 2);
	CHECK(be_get16(got + 4) == 2 * 8 && be_get16(got + 6) == 0 && be_get16(got + 8) == 8);
	show("y");
	CHECK_EQ(receive(), 0);                                          /* not asked for */
	ask(true);
	CHECK_EQ(receive(), 4 + 12 + 2 * 8 * 16 * 4);                    /* what came before it was asked for */
	ask(false);
	CHECK_EQ(receive(), 4 + TERM_ROWS * (12 + 640 * 16 * 4));
}

TEST(a_format_holds_from_the_next_picture_on)
{
	static const uint8_t big[20] = { 0, 0, 0, 0, 16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0 };
	static const uint8_t mapped[20] = { 0, 0, 0, 0, 8, 8 };

	open();
	show("\x1b[?25l\x1b[48;5;231m \x1b[0m");
	say(big, sizeof(big));
	ask(false);
	CHECK_EQ(receive(), 4 + TERM_ROWS * (12 + 640 * 16 * 2));
	CHECK(got[16] == 0xff && got[17] == 0xff && got[16 + 16] == 0);
	say(mapped, sizeof(mapped));
	ask(false);
	CHECK_EQ(receive(), PIXELS_MAP + 4 + TERM_ROWS * (12 + 640 * 16));
	CHECK(got[0] == 1 && got[PIXELS_MAP] == 0 && got[PIXELS_MAP + 16] == 231);
	CHECK_EQ(be_get16(got + 6 + 6 * 231), 0xffff);
}

TEST(hextile_is_small)
{
	static const uint8_t encodings[12] = { 2, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0 };

	open();
	say(encodings, sizeof(encodings));
	show("\x1b[?25l");
	ask(false);
	CHECK_EQ(receive(), 4 + TERM_ROWS * (12 + 40 * 5));              /* each tile is its background */
	show("A\x1b[31mB\x1b[44m \x1b[42mC");
	ask(true);
	CHECK(receive() < 1500);
	CHECK_EQ(be_get32(got + 12), 5);
	CHECK_EQ(got[16], 2 | 8 | 16);                                   /* background, coloured rectangles */
}

TEST(keys_and_text_are_handed_on)
{
	static const uint8_t down[8] = { 4, 1, 0, 0, 0, 0, 0xff, 0x51 }, shift[8] = { 4, 1, 0, 0, 0, 0, 0xff, 0xe1 };
	static const uint8_t insert[8] = { 4, 1, 0, 0, 0, 0, 0xff, 0x63 }, text[12] = { 6, 0, 0, 0, 0, 0, 0, 4, 't', 'e', 'x', 't' };
	static const uint8_t much[8] = { 6, 0, 0, 0, 0, 32, 0, 0 }, middle[6] = { 5, 2 };

	open();
	say(down, sizeof(down));
	CHECK_EQ(last_key, 0xff51);
	pasted[0] = '\0';
	say(text, sizeof(text));
	CHECK_STR(pasted, "");
	say(shift, sizeof(shift));
	say(insert, sizeof(insert));
	CHECK_STR(pasted, "text");
	say(much, sizeof(much));
	for (unsigned i = 0; i < (2 << 20) / 16; i++) {
		say("yyyyyyyyyyyyyyyy", 16);
	}
	say(middle, sizeof(middle));
	CHECK_EQ(strlen(pasted), RFB_CLIPBOARD);
	say(down, sizeof(down));
	CHECK_EQ(keys, 3);
}

TEST(a_bell_is_rung_once)
{
	open();
	receive();
	show("\a");
	CHECK_EQ(receive(), 1);
	CHECK_EQ(got[0], 2);
	CHECK_EQ(receive(), 0);
}
