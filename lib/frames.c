/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in byte rings; frames.h tells the rules. */
#include "lib/frames.h"

enum { HEADER = sizeof(struct frame_header) };

_Static_assert(HEADER == 16, "no holes");
_Static_assert(2 * (FRAME_MAX + HEADER) <= FRAMES_RING, "what waits for half of the ring can be served");

/* Where the two counts cannot both be true, a program that died has left them so: the end that attaches starts anew. */
static bool torn(const struct frames_ring *ring, uint32_t *head, uint32_t *tail)
{
	*head = __atomic_load_n(&ring->bytes.head, __ATOMIC_ACQUIRE);
	*tail = __atomic_load_n(&ring->bytes.tail, __ATOMIC_ACQUIRE);
	return *head - *tail > FRAMES_RING;
}

void frames_writer(struct frames_end *end, struct frames_ring *ring, uint8_t *data)
{
	uint32_t head, tail;

	end->ring = ring;
	channel_writer(&end->bytes, &ring->bytes, data, FRAMES_RING);
	if (torn(ring, &head, &tail)) {
		channel_commit(&end->bytes, tail - end->bytes.count);
	}
	__atomic_store_n(&ring->asked, __atomic_load_n(&ring->told, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

void frames_reader(struct frames_end *end, struct frames_ring *ring, uint8_t *data)
{
	uint32_t head, tail;

	end->ring = ring;
	channel_reader(&end->bytes, &ring->bytes, data, FRAMES_RING);
	if (torn(ring, &head, &tail)) {
		channel_skip(&end->bytes, head - end->bytes.count);
	}
}

/* Clears the other end's flag and tells whether it was set. Our step is visible before we look. */
static bool take_flag(uint32_t *flag)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(flag, __ATOMIC_RELAXED) && __atomic_exchange_n(flag, 0, __ATOMIC_RELAXED);
}

/* Our flag is visible before we look once more. */
static void set_flag(uint32_t *flag, uint32_t value)
{
	__atomic_store_n(flag, value, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool frames_room(struct frames_end *writer, uint32_t len)
{
	return channel_room(&writer->bytes) >= HEADER + len;
}

void frames_put(struct frames_end *writer, uint32_t at, const void *bytes, uint32_t len)
{
	channel_put(&writer->bytes, HEADER + at, bytes, len);
}

static bool show(struct frames_end *writer, const struct frame_header *header)
{
	channel_put(&writer->bytes, 0, header, HEADER);
	channel_commit(&writer->bytes, HEADER + header->len);
	return take_flag(&writer->ring->reader_sleeps);
}

bool frames_send(struct frames_end *writer, const struct frame_header *header)
{
	return show(writer, header);
}

bool frames_forward(struct frames_end *writer, const struct frames_end *reader, const struct frame_header *header)
{
	channel_copy(&writer->bytes, HEADER, &reader->bytes, HEADER, header->len);
	return show(writer, header);
}

bool frames_full(struct frames_end *writer, uint32_t len)
{
	set_flag(&writer->ring->writer_waits, 1);
	if (!frames_room(writer, len)) {
		return true;
	}
	set_flag(&writer->ring->writer_waits, 0);
	return false;
}

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* Counts wrap: at is not ahead of count. */
static bool has_passed(uint32_t count, uint32_t at)
{
	return (int32_t)(count - at) >= 0;
}

/* What we ask is visible before we look at what was taken; the reader shows that before it looks at what we ask. */
bool frames_ask(struct frames_end *writer)
{
	uint32_t at = writer->bytes.count;

	if (load(&writer->ring->asked) == at) {
		return false;
	}
	set_flag(&writer->ring->asked, at);
	return !has_passed(load(&writer->ring->bytes.tail), at);
}

bool frames_asked(const struct frames_end *writer)
{
	return load(&writer->ring->asked) != load(&writer->ring->told);
}

bool frames_tells(const struct frames_end *reader, uint32_t *at)
{
	*at = load(&reader->ring->asked);
	return *at != load(&reader->ring->told) && has_passed(reader->bytes.count, *at);
}

void frames_told(struct frames_end *reader, uint32_t at)
{
	__atomic_store_n(&reader->ring->told, at, __ATOMIC_RELEASE);
}

int frames_next(struct frames_end *reader, struct frame_header *header)
{
	uint32_t avail = channel_avail(&reader->bytes);

	if (!avail) {
		return E_AGAIN;
	}
	if (avail >= HEADER) {
		channel_get(&reader->bytes, 0, header, HEADER);
		if (header->len >= FRAME_MIN && header->len <= FRAME_MAX && header->len <= avail - HEADER) {
			return OK;
		}
	}
	reader->bytes.bad++;
	channel_skip(&reader->bytes, avail);
	return E_PROTO;
}

void frames_get(const struct frames_end *reader, uint32_t at, void *bytes, uint32_t len)
{
	channel_get(&reader->bytes, HEADER + at, bytes, len);
}

static bool skip(struct frames_end *reader, uint32_t len)
{
	uint32_t left;

	channel_skip(&reader->bytes, len);
	left = channel_avail(&reader->bytes);
	return left <= FRAMES_RING / 2 && take_flag(&reader->ring->writer_waits);
}

bool frames_drop(struct frames_end *reader, const struct frame_header *header)
{
	return skip(reader, HEADER + header->len);
}

bool frames_drop_all(struct frames_end *reader)
{
	return skip(reader, channel_avail(&reader->bytes));
}

bool frames_sleep(struct frames_end *reader)
{
	set_flag(&reader->ring->reader_sleeps, 1);
	if (!channel_avail(&reader->bytes)) {
		return true;
	}
	set_flag(&reader->ring->reader_sleeps, 0);
	return false;
}
