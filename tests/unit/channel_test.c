/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte rings between programs, with a peer that lies.
 * sources: lib/channel.c
 */
#include "lib/channel.h"
#include "tests/unit/check.h"

enum { SIZE = 16 };

static struct channel_ring ring;
static uint8_t data[SIZE];
static struct channel_end writer, reader;

static void fresh(uint32_t count)
{
	memset(&ring, 0, sizeof(ring));
	ring.head = ring.tail = count;
	channel_writer(&writer, &ring, data, SIZE);
	channel_reader(&reader, &ring, data, SIZE);
}

TEST(bytes_come_out_in_order)
{
	char got[SIZE];

	fresh(0);
	CHECK_EQ(channel_write(&writer, "hello", 5), 5);
	CHECK_EQ(channel_avail(&reader), 5);
	CHECK_EQ(channel_read(&reader, got, 3), 3);
	CHECK_MEM(got, "hel", 3);
	CHECK_EQ(channel_read(&reader, got, SIZE), 2);
	CHECK_MEM(got, "lo", 2);
	CHECK_EQ(channel_read(&reader, got, SIZE), 0);
}

TEST(full_ring_takes_no_more)
{
	char bytes[SIZE + 1] = { 0 };

	fresh(0);
	CHECK_EQ(channel_write(&writer, bytes, SIZE + 1), SIZE);
	CHECK_EQ(channel_room(&writer), 0);
	CHECK_EQ(channel_write(&writer, bytes, 1), 0);
}

TEST(counts_may_wrap)
{
	char got[SIZE];

	fresh(UINT32_MAX - 3);
	CHECK_EQ(channel_write(&writer, "abcdefgh", 8), 8);
	CHECK_EQ(ring.head, 4);
	CHECK_EQ(channel_read(&reader, got, 8), 8);
	CHECK_MEM(got, "abcdefgh", 8);
	CHECK_EQ(channel_room(&writer), SIZE);
}

TEST(whole_or_nothing)
{
	fresh(0);
	CHECK(channel_write_all(&writer, "0123456789", 10));
	CHECK(!channel_write_all(&writer, "0123456", 7));
	CHECK(channel_write_all(&writer, "012345", 6));
	CHECK_EQ(ring.head, SIZE);
}

TEST(head_too_far_ahead_is_not_believed)
{
	char got[64];

	fresh(0);
	ring.head = SIZE + 1;
	CHECK_EQ(channel_avail(&reader), 0);
	CHECK_EQ(channel_read(&reader, got, sizeof(got)), 0);
	CHECK_EQ(reader.bad, 2);
	ring.head = UINT32_MAX;                         /* behind the reader */
	CHECK_EQ(channel_read(&reader, got, sizeof(got)), 0);
}

TEST(tail_ahead_of_the_writer_is_not_believed)
{
	fresh(0);
	ring.tail = 1;
	CHECK_EQ(channel_room(&writer), 0);
	CHECK_EQ(channel_write(&writer, "x", 1), 0);
	CHECK(writer.bad);
	ring.tail = 0;
	CHECK_EQ(channel_write(&writer, "x", 1), 1);
}

TEST(restarted_end_goes_on_where_it_was)
{
	char got[SIZE];
	struct channel_end again;

	fresh(0);
	channel_write(&writer, "abcd", 4);
	channel_read(&reader, got, 2);
	channel_reader(&again, &ring, data, SIZE);
	CHECK_EQ(channel_read(&again, got, SIZE), 2);
	CHECK_MEM(got, "cd", 2);
}
