/* SPDX-License-Identifier: Apache-2.0 */
/* Byte rings between programs; channel.h tells the rules. */
#include "lib/channel.h"

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);          /* the count before the bytes it stands for */
}

static void publish(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);         /* the bytes before the count that shows them */
}

static void attach(struct channel_end *end, struct channel_ring *ring, uint8_t *data, uint32_t size, uint32_t count)
{
	*end = (struct channel_end){ .ring = ring, .data = data, .size = size, .count = count };
}

void channel_writer(struct channel_end *end, struct channel_ring *ring, uint8_t *data, uint32_t size)
{
	attach(end, ring, data, size, load(&ring->head));
}

void channel_reader(struct channel_end *end, struct channel_ring *ring, uint8_t *data, uint32_t size)
{
	attach(end, ring, data, size, load(&ring->tail));
}

/* A reader's count beyond ours, or further behind than the ring is long, is a lie: then there is no room. */
uint32_t channel_room(struct channel_end *writer)
{
	uint32_t used = writer->count - load(&writer->ring->tail);

	if (used > writer->size) {
		writer->bad++;
		return 0;
	}
	return writer->size - used;
}

uint32_t channel_avail(struct channel_end *reader)
{
	uint32_t used = load(&reader->ring->head) - reader->count;

	if (used > reader->size) {
		reader->bad++;
		return 0;
	}
	return used;
}

/* The bytes of the ring off bytes after our count, up to its end. */
static uint8_t *bytes_at(const struct channel_end *end, uint32_t off, uint32_t *run)
{
	uint32_t at = (end->count + off) & (end->size - 1);

	*run = end->size - at;
	return end->data + at;
}

void channel_put(struct channel_end *writer, uint32_t off, const void *bytes, uint32_t len)
{
	const uint8_t *from = bytes;
	uint32_t run;

	for (; len; off += run, from += run, len -= run) {
		uint8_t *to = bytes_at(writer, off, &run);

		run = run < len ? run : len;
		__builtin_memcpy(to, from, run);
	}
}

void channel_commit(struct channel_end *writer, uint32_t len)
{
	writer->count += len;
	publish(&writer->ring->head, writer->count);
}

void channel_get(const struct channel_end *reader, uint32_t off, void *bytes, uint32_t len)
{
	uint8_t *to = bytes;
	uint32_t run;

	for (; len; off += run, to += run, len -= run) {
		const uint8_t *from = bytes_at(reader, off, &run);

		run = run < len ? run : len;
		__builtin_memcpy(to, from, run);
	}
}

void channel_skip(struct channel_end *reader, uint32_t len)
{
	reader->count += len;
	publish(&reader->ring->tail, reader->count);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);         /* our count before the next look at the writer's */
}

void channel_copy(struct channel_end *writer, uint32_t to, const struct channel_end *reader, uint32_t from, uint32_t len)
{
	uint32_t run;

	for (; len; to += run, from += run, len -= run) {
		const uint8_t *bytes = bytes_at(reader, from, &run);

		run = run < len ? run : len;
		channel_put(writer, to, bytes, run);
	}
}

uint32_t channel_write(struct channel_end *writer, const void *bytes, uint32_t len)
{
	uint32_t room = channel_room(writer);
	uint32_t n = len < room ? len : room;

	channel_put(writer, 0, bytes, n);
	channel_commit(writer, n);
	return n;
}

bool channel_write_all(struct channel_end *writer, const void *bytes, uint32_t len)
{
	if (channel_room(writer) < len) {
		return false;
	}
	return channel_write(writer, bytes, len) == len;
}

uint32_t channel_read(struct channel_end *reader, void *bytes, uint32_t len)
{
	uint32_t avail = channel_avail(reader);
	uint32_t n = len < avail ? len : avail;

	channel_get(reader, 0, bytes, n);
	channel_skip(reader, n);
	return n;
}
