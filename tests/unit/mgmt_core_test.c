/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small parts of mgmt: time, randomness, roles, text and JSON, ranges, identity.
 * sources: mgmt/clock.c mgmt/consoles.c mgmt/contexts.c mgmt/tar.c mgmt/iso9660.c mgmt/counter_routes.c mgmt/disks.c mgmt/disk_put.c mgmt/upload.c mgmt/entropy.c mgmt/exchange.c mgmt/http.c mgmt/identity.c mgmt/images.c mgmt/node_routes.c mgmt/random.c
 * sources: mgmt/relays.c lib/journal.c mgmt/vnc_routes.c tests/fake/mgmt_vnc.c
 * sources: mgmt/role.c mgmt/routes.c mgmt/text.c lib/channel.c tests/fake/mgmt_node.c tests/fake/mgmt_init.c tests/fake/mgmt_session.c tests/mgmt/no_link.c tests/fake/mgmt_console.c
 * sources: mgmt/one_actions.c mgmt/one_cpu.c mgmt/one_monitor.c mgmt/one_routes.c mgmt/one_table.c tests/fake/mgmt_one_vm.c
 * libraries: mbedtls http-parser
 */
#include <stdio.h>
#include <stdlib.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>

#include "lib/kept_disk.h"
#include "mgmt/clock.h"
#include "mgmt/disks.h"
#include "mgmt/entropy.h"
#include "mgmt/identity.h"
#include "mgmt/images.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"
#include "mgmt/random.h"
#include "mgmt/role.h"
#include "mgmt/text.h"
#include "mgmt/upload.h"
#include "tests/fake/mgmt_init.h"
#include "tests/fake/mgmt_node.h"
#include "tests/unit/check.h"

#define DAY 86400ull
#define S 1000000000ull

TEST(calendar_is_that_of_posix)
{
	static const struct {
		int64_t at;
		int year, month, day, hour, minute, second;
	} row[] = {
		{ 0, 1970, 1, 1, 0, 0, 0 },
		{ 951782399, 2000, 2, 28, 23, 59, 59 },
		{ 951782400, 2000, 2, 29, 0, 0, 0 },
		{ 951868800, 2000, 3, 1, 0, 0, 0 },
		{ 1709164800, 2024, 2, 29, 0, 0, 0 },
		{ 1795206896, 2026, 11, 20, 20, 34, 56 },
		{ 4107542400, 2100, 3, 1, 0, 0, 0 },
	};
	mbedtls_time_t at = -1;
	struct tm tm;

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		at = row[i].at;
		CHECK(mbedtls_platform_gmtime_r(&at, &tm));
		CHECK_EQ(tm.tm_year + 1900, row[i].year);
		CHECK_EQ(tm.tm_mon + 1, row[i].month);
		CHECK_EQ(tm.tm_mday, row[i].day);
		CHECK_EQ(tm.tm_hour, row[i].hour);
		CHECK_EQ(tm.tm_min, row[i].minute);
		CHECK_EQ(tm.tm_sec, row[i].second);
	}
	at = -1;
	CHECK(!mbedtls_platform_gmtime_r(&at, &tm));
}

TEST(a_time_server_moves_the_clock_within_bounds)
{
	time_t t;

	fake_node_reset();
	clock_init(1000 * DAY * S - fake_now_ns, 999 * DAY + 1000);
	CHECK_EQ(mgmt_time(&t), 1000 * DAY);
	CHECK_EQ(t, 1000 * DAY);
	clock_set_sntp((uint32_t)(1000 * DAY + 3600), 500000);
	CHECK_EQ(clock_wall_ns(), (1000 * DAY + 3600) * S + S / 2);
	clock_set_sntp((uint32_t)(1001 * DAY + 1), 0);
	CHECK_EQ(mgmt_time(NULL), 1000 * DAY + 3600);
	CHECK(strstr(fake_log, "not believed"));
	clock_set_sntp((uint32_t)(999 * DAY + 999), 0);
	CHECK_EQ(mgmt_time(NULL), 1000 * DAY + 3600);
	clock_set_sntp((uint32_t)(999 * DAY + 1000), 0);
	CHECK_EQ(mgmt_time(NULL), 999 * DAY + 1000);
}

TEST(randomness_needs_a_source)
{
	uint8_t seed[RANDOM_SEED_MIN] = { 1, 2, 3 }, a[16], b[16];

	CHECK(!random_ready());
	CHECK_EQ(random_fill(a, sizeof(a)), E_IO);
	CHECK_EQ(random_init(seed, sizeof(seed) - 1, 1), entropy_of_cpu() ? OK : E_NOENT);
	CHECK_EQ(random_init(seed, sizeof(seed), 1), OK);
	CHECK_EQ(random_fill(a, sizeof(a)), OK);
	CHECK_EQ(random_init(seed, sizeof(seed), 2), OK);
	CHECK_EQ(random_fill(b, sizeof(b)), OK);
	CHECK(memcmp(a, b, sizeof(a)) != 0);
	CHECK(random_word() != random_word());
}

TEST(roles_are_named_exactly)
{
	static const struct {
		const char *uri;
		enum role role;
	} row[] = {
		{ "brume:role:monitor", ROLE_MONITOR }, { "brume:role:operator", ROLE_OPERATOR }, { "brume:role:frontend", ROLE_FRONTEND },
		{ "brume:role:", ROLE_NONE }, { "brume:role:none", ROLE_NONE }, { "brume:role:operators", ROLE_NONE },
		{ "brume:role:operato", ROLE_NONE }, { "BRUME:role:operator", ROLE_NONE }, { "", ROLE_NONE }, { "urn:x", ROLE_NONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(role_of_uri(row[i].uri, strlen(row[i].uri)), row[i].role);
	}
}

TEST(json_has_commas_and_escapes_where_they_belong)
{
	struct text t = { 0 };

	json_open(&t, NULL, '{');
	json_string(&t, "a\"", "b\\c\n\xff");
	json_open(&t, "list", '[');
	json_number(&t, NULL, 1);
	json_number(&t, NULL, UINT64_MAX);
	json_open(&t, NULL, '{');
	json_close(&t, '}');
	json_close(&t, ']');
	json_bool(&t, "yes", true);
	json_close(&t, '}');
	CHECK(!t.failed);
	CHECK_STR(t.at, "{\"a\\\"\":\"b\\\\c\\u000a\\u00ff\",\"list\":[1,18446744073709551615,{}],\"yes\":true}");
	text_free(&t);
}

TEST(text_that_is_too_long_is_not_whole)
{
	struct text t = { 0 };
	static char block[4096];

	for (int i = 0; i < TEXT_MAX / 4096 + 1; i++) {
		text_append(&t, block, sizeof(block));
	}
	CHECK(t.failed);
	text_free(&t);
	text_printf(&t, "%600d", 1);
	CHECK(t.failed);
	text_free(&t);
}

/* As answers that nobody takes. */
TEST(long_texts_leave_memory_to_others)
{
	static struct text t[32];
	static char block[TEXT_MAX / 4];
	unsigned whole = 0;
	size_t bytes = 0;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		for (int k = 0; k < 4; k++) {
			text_append(&t[i], block, sizeof(block));
		}
		whole += !t[i].failed;
		bytes += t[i].room;
	}
	CHECK(whole >= 4);
	CHECK(bytes <= TEXT_ALL_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct text small = { 0 };

		text_append(&small, block, TEXT_SMALL / 2);
		CHECK(!small.failed);
		text_free(&small);
		text_free(&t[i]);
	}
	text_append(&t[0], block, sizeof(block));
	CHECK(!t[0].failed);
	text_free(&t[0]);
}

TEST(ranges_say_what_they_mean_or_nothing)
{
	uint64_t from, to, total;

	CHECK(upload_content_range("bytes 0-9/10", &from, &to, &total));
	CHECK_EQ(from, 0);
	CHECK_EQ(to, 9);
	CHECK_EQ(total, 10);
	CHECK(!upload_content_range("bytes 0-10/10", &from, &to, &total));
	CHECK(!upload_content_range("bytes 5-4/10", &from, &to, &total));
	CHECK(!upload_content_range("bytes 0-9/*", &from, &to, &total));
	CHECK(!upload_content_range("bytes 0-9/10 ", &from, &to, &total));
	CHECK(!upload_content_range("bytes 0-1000000000000000/10000000000000000", &from, &to, &total));
	CHECK(upload_range("bytes=3-", 10, &from, &to) && from == 3 && to == 9);
	CHECK(upload_range("bytes=3-4", 10, &from, &to) && from == 3 && to == 4);
	CHECK(upload_range("bytes=3-400", 10, &from, &to) && from == 3 && to == 9);
	CHECK(!upload_range("bytes=10-", 10, &from, &to));
	CHECK(upload_range("bytes=-3", 10, &from, &to) && from == 7 && to == 9);
	CHECK(upload_range("bytes=-30", 10, &from, &to) && from == 0 && to == 9);
	CHECK(!upload_range("bytes=-0", 10, &from, &to));
	CHECK(!upload_range("bytes=-", 10, &from, &to));
	CHECK(!upload_range("bytes=-3-4", 10, &from, &to));
	CHECK(!upload_range("bytes=1-2,4-5", 10, &from, &to));
	CHECK(!upload_range("lines=1-2", 10, &from, &to));
}

TEST(words_of_a_disk)
{
	static const struct {
		const char *text, *image;
		uint64_t size;
		uint32_t flags;
		bool good;
	} row[] = {
		{ "image root.img\nsize 512\n", "root.img", 512, 0, true },
		{ "size 512\r\nimage root.img\r\n", "root.img", 512, 0, true },
		{ "\nimage a\n\nread-only", "a", 0, MGMT_DISK_READ_ONLY, true },
		{ "swap\nsize 999999999999999", "", 999999999999999, MGMT_DISK_SWAP, true },
		{ "", "", 0, 0, true },
		{ "size 9999999999999999", .good = false },
		{ "size ", .good = false },
		{ "size 5 ", .good = false },
		{ "image ", .good = false },
		{ "image a\nimage a", .good = false },
		{ "Swap", .good = false },
		{ "swapp", .good = false },
		{ "imagea", .good = false },
		{ " swap", .good = false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct mgmt_command c = { 0 };
		const char *why = "";

		CHECK_EQ(disk_words(row[i].text, &c, &why), row[i].good);
		CHECK_EQ(row[i].good, !why);
		if (row[i].good) {
			CHECK_STR(c.other, row[i].image);
			CHECK_EQ(c.size, row[i].size);
			CHECK_EQ(c.flags, row[i].flags);
		}
	}
}

TEST(a_node_without_key_makes_itself_one)
{
	struct identity id;
	struct blob none = { NULL, 0 }, bad = { (const uint8_t *)"no key", 6 };
	const char *why;

	CHECK_EQ(random_init((const uint8_t *)"0123456789abcdef0123456789abcdef", 32, 1), OK);
	CHECK_EQ(identity_init(&id, none, none, none, "n1", &why), OK);
	CHECK(id.self_made && !id.has_authority);
	CHECK_EQ(strlen(id.fingerprint), FINGERPRINT_TEXT - 1);
	CHECK(strcmp(id.fingerprint, "") != 0 && id.fingerprint[2] == ':');
	identity_free(&id);
	CHECK_EQ(identity_init(&id, bad, none, none, "n1", &why), E_INVAL);
	CHECK_STR(why, "the module node.key is no private key without password");
	CHECK_EQ(identity_init(&id, none, none, bad, "n1", &why), E_INVAL);
	CHECK_STR(why, "the module ca.crt is no certificate");
}

/* The head of an upload of bytes from on of content, to an image or a disk. */
static void put(struct exchange *e, struct http_request *r, bool disk, const char *name, const uint8_t *content, size_t len, size_t from)
{
	mbedtls_sha256_context hash;
	uint8_t digest[MGMT_DIGEST];

	mbedtls_sha256_init(&hash);
	mbedtls_sha256_starts(&hash, 0);
	mbedtls_sha256_update(&hash, content, len);
	mbedtls_sha256_finish(&hash, digest);
	*r = (struct http_request){ .length = len - from, .has_body = true };
	upload_write_digest(r->field[FIELD_DIGEST], digest);
	if (from) {
		snprintf(r->field[FIELD_CONTENT_RANGE], HTTP_FIELD_MAX, "bytes %zu-%zu/%zu", from, len - 1, len);
	}
	*e = (struct exchange){ .request = r, .client = "c", .peer = "p", .role = ROLE_OPERATOR };
	snprintf(e->name, sizeof(e->name), "%s", name);
	(disk ? disk_put_begin : image_put_begin)(e);
	for (int i = 0; i < 5 && e->waits; i++) {
		(disk ? disk_put_poll : image_poll)(e);
	}
}

TEST(who_leaves_while_its_image_is_sealed_makes_no_room_for_another_writer)
{
	struct http_request r;
	struct exchange e, other;

	put(&e, &r, false, "x", (const uint8_t *)"content", 7, 0);
	CHECK_EQ(e.status, 0);
	image_put_data(&e, (const uint8_t *)"content", 7);
	image_put_answer(&e);
	CHECK(e.waits);
	image_end(&e);                       /* the client is gone */
	other = (struct exchange){ .request = &r, .client = "c", .peer = "p", .role = ROLE_OPERATOR, .name = "x" };
	image_delete(&other);
	CHECK_EQ(other.status, 409);         /* init's answer has not come */
	exchange_end(&other);
	other.status = 0;
	image_delete(&other);
	CHECK(other.waits && !other.status); /* now it has */
	image_end(&other);
	exchange_end(&other);
	exchange_end(&e);
	fake_init_reset();
}

enum { SENT_BYTES = 5 * DISK_BLOCK + 700 };

/* Blocks of zeros, the third and the fourth, and the end of the last one, that begin and end with what is none. */
static const uint8_t *sent_content(void)
{
	static uint8_t content[SENT_BYTES];

	for (size_t i = 0; i < SENT_BYTES; i++) {
		content[i] = (uint8_t)(i / DISK_BLOCK == 2 || i / DISK_BLOCK == 3 ? 0 : i * 7 + i / 256);
	}
	return content;
}

/* Bytes up to `to` in pieces of a size that meets the edges of blocks anyhow. */
static void send_pieces(struct exchange *e, const uint8_t *content, size_t from, size_t to, size_t piece)
{
	for (size_t n; from < to; from += n) {
		n = to - from < piece ? to - from : piece;
		disk_put_data(e, content + from, n);
	}
}

static void finish_put(struct exchange *e)
{
	disk_put_answer(e);
	for (int i = 0; i < 5 && e->waits; i++) {
		disk_put_poll(e);
	}
}

static void end_put(struct exchange *e)
{
	disk_end(e);
	exchange_end(e);
}

/* That a disk holds the content, and what stands where. */
static void check_sent(const char *name, const uint8_t *content)
{
	const struct mgmt_disk *d = disk_find(name);
	struct kept_disk kept;

	CHECK(d != NULL && !d->partial);
	platform_window(0, d, &kept);
	for (uint64_t i = 0; i < kept_disk_blocks(SENT_BYTES); i++) {
		const uint8_t *block = kept_disk_block(&kept, i);
		size_t n = SENT_BYTES - i * DISK_BLOCK < DISK_BLOCK ? SENT_BYTES - i * DISK_BLOCK : DISK_BLOCK;

		CHECK_EQ(block == NULL, i == 2 || i == 3);
		CHECK(!block || memcmp(block, content + i * DISK_BLOCK, n) == 0);
	}
	CHECK_EQ(d->used, 4 * DISK_BLOCK);
}

TEST(a_disk_is_sent_in_pieces_of_any_size)
{
	static const size_t pieces[] = { 1, 511, 4095, 4096, 4097, 16384, SENT_BYTES };
	const uint8_t *content = sent_content();
	struct http_request r;
	struct exchange e;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		put(&e, &r, true, "d", content, SENT_BYTES, 0);
		CHECK_EQ(e.status, 0);
		CHECK_EQ(fake_init_open(), 1);
		send_pieces(&e, content, 0, SENT_BYTES, pieces[i]);
		finish_put(&e);
		CHECK_EQ(e.status, 201);
		check_sent("d", content);
		end_put(&e);
		CHECK_EQ(fake_init_open(), 0);
		put(&e, &r, true, "d", content, SENT_BYTES, 0);          /* the answer was lost */
		CHECK_EQ(e.status, 200);
		end_put(&e);
		fake_init_reset();
	}
}

TEST(a_disk_that_broke_off_goes_on_or_comes_again)
{
	const uint8_t *content = sent_content();
	uint8_t other[SENT_BYTES];
	struct http_request r, r2;
	struct exchange e, e2;

	put(&e, &r, true, "d", content, SENT_BYTES, 100);
	CHECK_EQ(e.status, 409);                                         /* nothing of it is here */
	end_put(&e);
	put(&e, &r, true, "d", content, SENT_BYTES, 0);
	send_pieces(&e, content, 0, 10000, 700);
	put(&e2, &r2, true, "d", content, SENT_BYTES, 0);
	CHECK_EQ(e2.status, 409);                                        /* somebody sends it */
	end_put(&e2);
	put(&e2, &r2, true, "d", content, SENT_BYTES, 10000);
	CHECK_EQ(e2.status, 409);
	end_put(&e2);
	end_put(&e);                                                     /* the client leaves */
	CHECK_EQ(fake_init_open(), 0);
	memcpy(other, content, SENT_BYTES);
	other[0] ^= 1;
	put(&e, &r, true, "d", other, SENT_BYTES, 0);
	CHECK_EQ(e.status, 409);                                         /* another content */
	end_put(&e);
	put(&e, &r, true, "d", content, SENT_BYTES, 9999);
	CHECK_EQ(e.status, 409);
	CHECK(strstr(e.reply.at, "\"received\": 10000") || strstr(e.reply.at, "\"received\":10000"));
	end_put(&e);
	CHECK_EQ(fake_init_open(), 0);
	put(&e, &r, true, "d", content, SENT_BYTES, 10000);
	CHECK_EQ(e.status, 0);
	send_pieces(&e, content, 10000, 12000, 700);
	finish_put(&e);
	CHECK_EQ(e.status, 202);                                         /* a part that was all of a request */
	end_put(&e);
	platform_sent(disk_find("d"))->state[0].written = platform_sent(disk_find("d"))->state[1].written = UINT64_MAX / 2;
	put(&e, &r, true, "d", content, SENT_BYTES, 12000);
	CHECK_EQ(e.status, 409);                                         /* a mgmt that was broken told nonsense */
	end_put(&e);
	put(&e, &r, true, "d", content, SENT_BYTES, 0);
	memset(other, 0x55, sizeof(other));
	send_pieces(&e, other, 0, SENT_BYTES - 1, 5000);                 /* so that zeros must be written over it */
	end_put(&e);
	put(&e, &r, true, "d", content, SENT_BYTES, 0);
	send_pieces(&e, content, 0, SENT_BYTES, 5000);
	finish_put(&e);
	CHECK_EQ(e.status, 201);
	check_sent("d", content);
	end_put(&e);
	fake_init_reset();
}

TEST(a_disk_that_came_wrong_is_gone)
{
	const uint8_t *content = sent_content();
	struct http_request r;
	struct exchange e;

	put(&e, &r, true, "d", content, SENT_BYTES, 0);
	send_pieces(&e, content + 1, 0, SENT_BYTES - 1, 5000);
	disk_put_data(&e, content, 2);
	CHECK_EQ(e.status, 400);                                         /* more than was said */
	end_put(&e);
	put(&e, &r, true, "d", content, SENT_BYTES, SENT_BYTES - 1);
	disk_put_data(&e, content, 1);
	finish_put(&e);
	CHECK_EQ(e.status, 400);
	CHECK(!disk_find("d"));
	end_put(&e);
	CHECK_EQ(fake_init_open(), 0);
	put(&e, &r, true, "d", content, SENT_BYTES, 0);
	send_pieces(&e, content, 0, SENT_BYTES, 5000);
	disk_put_answer(&e);
	CHECK(e.waits);
	end_put(&e);                                                     /* who leaves now has done all */
	check_sent("d", content);
	fake_init_reset();
}
