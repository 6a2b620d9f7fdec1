/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network frames between a vmm and the switch: a byte ring each way (lib/channel.h), in it records of a header and a
 * frame. Neither end trusts the other: a length is copied and checked before it is used, and an end that finds
 * nonsense drops all that is there and goes on with what comes next.
 *
 * An end that has nothing to do says so in a word of the ring, and only then is it signalled: by frames_sleep() the
 * reader, by frames_full() the writer. Beside that the writer may ask to hear, by an event of its own, when what it has
 * sent so far was taken.
 */
#pragma once

#include "lib/channel.h"

enum {
	FRAMES_RING = 512 << 10,     /* bytes of a ring; a power of two                              */
	FRAME_MIN = 14, FRAME_MAX = 65536 + 64,      /* bytes of a frame: Ethernet header up to a segmented packet */
	FRAMES_MAGIC = 0x4d415246,
};

/* What goes with a frame: the offloads as virtio-net has them (virtio 1.2, 5.1.6). */
struct frame_header {
	uint32_t len;                /* bytes of the frame behind it                                 */
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
	uint16_t pad;
};

struct frames_ring {
	struct channel_ring bytes;
	uint32_t reader_sleeps;      /* by the reader: signal me when something comes                */
	uint32_t told;               /* by the reader: the last count that it answered               */
	uint32_t pad0[14];
	uint32_t writer_waits;       /* by the writer: signal me when half of the ring is free       */
	uint32_t asked;              /* by the writer: tell when this count of bytes was taken       */
	uint32_t pad1[14];
};

/* The channel of one network card. init zeroes the rings and writes magic; vmm and net map it read-write. */
struct frames_channel {
	uint32_t magic;
	uint32_t pad[15];
	struct frames_ring from_vm, to_vm;
	uint8_t from_vm_data[FRAMES_RING], to_vm_data[FRAMES_RING];
};

enum { FRAMES_CHANNEL_BYTES = (sizeof(struct frames_channel) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE };

/* One end, in private memory. */
struct frames_end {
	struct channel_end bytes;
	struct frames_ring *ring;
};

void frames_writer(struct frames_end *end, struct frames_ring *ring, uint8_t *data);
void frames_reader(struct frames_end *end, struct frames_ring *ring, uint8_t *data);

/*
 * Writer. frames_room: true when a frame of len bytes fits. frames_put: its bytes, from offset at of the frame on, in
 * pieces; frames_send shows the frame to the reader, header->len bytes of it. frames_forward does both with the frame
 * at which a reader stands. True of the two: the reader sleeps and is to be signalled.
 */
bool frames_room(struct frames_end *writer, uint32_t len);
void frames_put(struct frames_end *writer, uint32_t at, const void *bytes, uint32_t len);
bool frames_send(struct frames_end *writer, const struct frame_header *header) MUST_CHECK;
bool frames_forward(struct frames_end *writer, const struct frames_end *reader, const struct frame_header *header) MUST_CHECK;

/* The writer has no room and will wait for a signal. False: there is room for len bytes after all. */
bool frames_full(struct frames_end *writer, uint32_t len) MUST_CHECK;

/*
 * The writer asks to be told when all that it has sent was taken. False: it was already, or nothing was sent since it asked
 * last; then nobody will tell. frames_asked: the answer is still due.
 */
bool frames_ask(struct frames_end *writer) MUST_CHECK;
bool frames_asked(const struct frames_end *writer);

/*
 * Reader: true: the writer asked and is due an answer. It is to be signalled, and frames_told() says afterwards that it was;
 * at is for that.
 */
bool frames_tells(const struct frames_end *reader, uint32_t *at) MUST_CHECK;
void frames_told(struct frames_end *reader, uint32_t at);

/*
 * Reader. frames_next: the header of the next frame, E_AGAIN: none, E_PROTO: nonsense, which is gone now. The frame
 * stays until frames_drop(); true of that: the writer waits for room and is to be signalled.
 */
int frames_next(struct frames_end *reader, struct frame_header *header) MUST_CHECK;
void frames_get(const struct frames_end *reader, uint32_t at, void *bytes, uint32_t len);
bool frames_drop(struct frames_end *reader, const struct frame_header *header) MUST_CHECK;

/* The reader found nothing and will wait for a signal. False: there is something after all. */
bool frames_sleep(struct frames_end *reader) MUST_CHECK;

/* The reader found all there is out of date. True: the writer is to be signalled. */
bool frames_drop_all(struct frames_end *reader) MUST_CHECK;
