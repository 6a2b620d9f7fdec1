/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kept disk as any vmm may have left it: each byte of the states and of the layer is the input's. It is opened, read as a vmm and as mgmt reads it, written,
 * zeroed and opened again, beside a plain copy of what it must hold.
 *
 *	byte 0      sectors of the disk, up to 64        byte 1      bytes of the image, in 500; bit 7: a vmm dies after each step
 *	8 bytes     states of its blocks
 *	steps       byte: 0-2 read, write, zero; then the first byte and the length, in 100 bytes; of a write the byte that is written
 *
 * sources: vmm/disk.c
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BLOCKS = 8, STEP = 4 };

static uint8_t *image, *own, *states, model[BLOCKS * DISK_BLOCK], got[BLOCKS * DISK_BLOCK];
static struct kept_disk kept;
static struct disk disk;
static uint64_t told;

static void must(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void open_it(void)
{
	uint64_t count = 0;

	must(disk_init_kept(&disk, &kept, false, &told) == OK);
	for (uint64_t i = 0; i < kept_disk_blocks(kept.bytes); i++) {
		count += states[i] == KEPT_OWN;
	}
	must(told == count * DISK_BLOCK);
}

/* As mgmt sees it. */
static void check(void)
{
	must(disk_read(&disk, 0, got, kept.bytes) == OK && memcmp(got, model, kept.bytes) == 0);
	for (uint64_t i = 0; i < kept_disk_blocks(kept.bytes); i++) {
		uint64_t n = kept.bytes - i * DISK_BLOCK < DISK_BLOCK ? kept.bytes - i * DISK_BLOCK : DISK_BLOCK;
		const uint8_t *at = kept_disk_block(&kept, i);

		must(at ? memcmp(at, model + i * DISK_BLOCK, n) == 0 : !model[i * DISK_BLOCK] && !memcmp(model + i * DISK_BLOCK,
				model + i * DISK_BLOCK + 1, n - 1));
	}
}

static void make(const uint8_t *data)
{
	uint64_t blocks;

	kept = (struct kept_disk){ .bytes = (data[0] % 64 + 1u) * DISK_SECTOR, .image_bytes = (data[1] & 127) * 500u };
	kept.image_bytes = kept.image_bytes < kept.bytes ? kept.image_bytes : kept.bytes;
	blocks = kept_disk_blocks(kept.bytes);
	kept.image = image = calloc(kept_disk_blocks(kept.image_bytes), DISK_BLOCK);
	kept.own = own = malloc(blocks * DISK_BLOCK);
	kept.state = states = malloc(blocks);
	for (uint64_t i = 0; i < kept.image_bytes; i++) {
		image[i] = (uint8_t)(i / 512 + 1);
	}
	memset(model, 0, sizeof(model));
	for (uint64_t i = 0; i < blocks; i++) {
		bool in_image = i < kept_disk_blocks(kept.image_bytes);

		states[i] = data[2 + i];
		memset(own + i * DISK_BLOCK, 0x80 | (int)i, DISK_BLOCK);
		if (states[i] == KEPT_OWN || (states[i] == KEPT_AS_IMAGE && in_image)) {
			memcpy(model + i * DISK_BLOCK, (states[i] == KEPT_OWN ? own : image) + i * DISK_BLOCK, DISK_BLOCK);
		}
	}
}

static void step(const uint8_t d[STEP])
{
	uint64_t at = d[1] * 100u, n = d[2] * 100u;
	bool fits = at <= kept.bytes && n <= kept.bytes - at;
	int r;

	memset(got, d[3], sizeof(got));
	switch (d[0] % 3) {
	case 0:
		r = disk_read(&disk, at, got, n < sizeof(got) ? n : 0);
		must(r == OK || (r == E_RANGE && !fits) || n >= sizeof(got));
		break;
	case 1:
		r = disk_write(&disk, at, got, n);
		must(r == (fits ? OK : E_RANGE));
		memset(model + at, d[3], fits ? n : 0);
		break;
	default:
		r = disk_zero(&disk, at, n);
		must(r == (fits ? OK : E_RANGE));
		memset(model + at, 0, fits ? n : 0);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	size_t i = 2 + BLOCKS;

	if (len < i) {
		return 0;
	}
	make(data);
	open_it();
	check();
	for (; i + STEP <= len && i < 200; i += STEP) {
		step(data + i);
		if (data[1] & 128) {
			open_it();
		}
		check();
	}
	open_it();
	check();
	free(image);
	free(own);
	free(states);
	return 0;
}
