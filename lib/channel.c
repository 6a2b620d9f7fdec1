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

uint32_t channel_write(struct channel_end *writer, const void *bytes, uint32_t len)
{
	const uint8_t *from = bytes;
	uint32_t room = channel_room(writer);
	uint32_t n = len < room ? len : room;

	for (uint32_t i = 0; i < n; i++) {
		writer->data[(writer->count + i) & (writer->size - 1)] = from[i];
	}
	writer->count += n;
	publish(&writer->ring->head, writer->count);
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
	uint8_t *to = bytes;
	uint32_t avail = channel_avail(reader);
	uint32_t n = len < avail ? len : avail;

	for (uint32_t i = 0; i < n; i++) {
		to[i] = reader->data[(reader->count + i) & (reader->size - 1)];
	}
	reader->count += n;
	publish(&reader->ring->tail, reader->count);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);         /* our count before the next look at the writer's */
	return n;
}
