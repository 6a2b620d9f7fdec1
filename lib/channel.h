/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte rings between two programs that do not trust each other: one writer, one reader, a shared region.
 *
 * The shared words are free-running counts of bytes. Each end keeps its own count in private memory (struct
 * channel_end) and only publishes it; of the peer's word it believes a value that fits the ring and nothing else, so
 * a hostile peer can garble or stop the stream but cannot make the other end read or write outside of the ring.
 * Lock-free; each end belongs to one thread at a time. Ends signal each other with an event of their own choice.
 */
#pragma once

#include "lib/base.h"

enum { CHANNEL_MAGIC = 0x4e484342 };

enum {
	CONSOLE_FROM_VM = 16384,
	CONSOLE_TO_VM = 1024,
	CONSOLE_LOG = 4096,
};

struct channel_ring {
	uint32_t head;               /* bytes ever written; by the writer                            */
	uint32_t pad0[15];
	uint32_t tail;               /* bytes ever read; by the reader                               */
	uint32_t pad1[15];
};

/*
 * The channel of one VM's console. init zeroes the region and writes magic; vmm and console map it read-write.
 * from_vm: what the guest sends; to_vm: what the user types; log: the vmm's own messages, lines of text.
 */
struct console_channel {
	uint32_t magic;
	uint32_t pad[15];
	struct channel_ring from_vm, to_vm, log;
	uint8_t from_vm_data[CONSOLE_FROM_VM];
	uint8_t to_vm_data[CONSOLE_TO_VM];
	uint8_t log_data[CONSOLE_LOG];
};

enum { CONSOLE_CHANNEL_BYTES = (sizeof(struct console_channel) + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE };

/* One end, in private memory. */
struct channel_end {
	struct channel_ring *ring;
	uint8_t *data;
	uint32_t size;               /* power of two                                                 */
	uint32_t count;              /* bytes that this end has moved so far                         */
	uint32_t bad;                /* how often the peer's count was not believed                  */
};

/*
 * Attaches an end to a ring: a writer or a reader. size is a power of two. Where the ring is already in use, this end
 * goes on at the count that it (or its predecessor, if the program was restarted) published.
 */
void channel_writer(struct channel_end *end, struct channel_ring *ring, uint8_t *data, uint32_t size);
void channel_reader(struct channel_end *end, struct channel_ring *ring, uint8_t *data, uint32_t size);

/* Bytes that can be written, or read, now. */
uint32_t channel_room(struct channel_end *writer);
uint32_t channel_avail(struct channel_end *reader);

/*
 * Moves up to len bytes and returns how many: 0 when full or empty. A reader that was told 0 may sleep: a writer that
 * looks at the room after its write (with a fence in between) sees that all before it was read, and signals.
 */
uint32_t channel_write(struct channel_end *writer, const void *bytes, uint32_t len);
uint32_t channel_read(struct channel_end *reader, void *bytes, uint32_t len);

/* As channel_write, but all or nothing: a log line is never cut in half. False when there is no room. */
bool channel_write_all(struct channel_end *writer, const void *bytes, uint32_t len);

/*
 * The same in steps, for records: bytes are put at an offset behind what was written so far, and all of it is shown by
 * one commit; or looked at and then skipped. The caller has asked for room or avail, and stays within. channel_copy
 * moves bytes from one ring straight into another.
 */
void channel_put(struct channel_end *writer, uint32_t off, const void *bytes, uint32_t len);
void channel_commit(struct channel_end *writer, uint32_t len);
void channel_get(const struct channel_end *reader, uint32_t off, void *bytes, uint32_t len);
void channel_skip(struct channel_end *reader, uint32_t len);
void channel_copy(struct channel_end *writer, uint32_t to, const struct channel_end *reader, uint32_t from, uint32_t len);
