/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of a ring beside a peer that writes any counts at any time. Three bytes of input are one step.
 * sources: lib/channel.c
 */
#include <stdlib.h>
#include <string.h>

#include "lib/channel.h"

enum { SIZE = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct channel_ring ring = { 0 };
	struct channel_end writer, reader;
	uint8_t *bytes = calloc(1, SIZE), *buffer = calloc(1, 256);

	channel_writer(&writer, &ring, bytes, SIZE);
	channel_reader(&reader, &ring, bytes, SIZE);
	for (size_t i = 0; i + 3 <= len; i += 3) {
		uint32_t n = data[i + 1], value = (uint32_t)data[i + 2] << (data[i + 1] % 25);

		switch (data[i] % 6) {
		case 0: ring.head = value; break;
		case 1: ring.tail = value; break;
		case 2: ring.head += value; break;
		case 3: channel_write(&writer, buffer, n); break;
		case 4: channel_read(&reader, buffer, n); break;
		case 5: (void)!channel_write_all(&writer, buffer, n); break;
		}
		if (channel_room(&writer) > SIZE || channel_avail(&reader) > SIZE) {
			abort();
		}
	}
	free(bytes);
	free(buffer);
	return 0;
}
