/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an archive, in pieces whose size the first byte tells, into a CD-ROM of as much memory as init would give for it. Checksums are set
 * right where the second byte is odd, so that the fuzzer gets past them.
 * sources: mgmt/tar.c mgmt/iso9660.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/iso9660.h"
#include "mgmt/tar.h"

enum { CHECKSUM = 148, CHECKSUM_BYTES = 8, FOLDER_START = 23, FOLDER_SECTORS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct iso iso;

static int on_file(void *context, const char *name, uint64_t size, const char **why)
{
	(void)context;
	return iso_add(&iso, name, size, why);
}

static int on_data(void *context, const uint8_t *bytes, size_t len, const char **why)
{
	(void)context, (void)why;
	iso_write(&iso, bytes, len);
	return OK;
}

/* Every block: a file's content does not care. */
static void set_checksums(uint8_t *bytes, size_t len)
{
	for (uint8_t *head = bytes; head + TAR_BLOCK <= bytes + len; head += TAR_BLOCK) {
		char text[CHECKSUM_BYTES];
		unsigned sum = 0;

		memset(head + CHECKSUM, ' ', CHECKSUM_BYTES);
		for (unsigned i = 0; i < TAR_BLOCK; i++) {
			sum += head[i];
		}
		if (sum == CHECKSUM_BYTES * ' ') {
			memset(head + CHECKSUM, 0, CHECKSUM_BYTES);
			continue;
		}
		snprintf(text, sizeof(text), "%06o", sum);
		memcpy(head + CHECKSUM, text, sizeof(text));
	}
}

/* Records of the root lie whole in their sectors, and what they tell of lies in the memory. */
static void check_folder(const uint8_t *at, uint64_t size)
{
	const uint8_t *folder = at + FOLDER_START * ISO_SECTOR;

	for (uint32_t i = 0; i < FOLDER_SECTORS * ISO_SECTOR && folder[i]; i += folder[i]) {
		uint64_t sector = folder[i + 2] | (uint32_t)folder[i + 3] << 8 | (uint32_t)folder[i + 4] << 16 | (uint32_t)folder[i + 5] << 24;
		uint64_t bytes = folder[i + 10] | (uint32_t)folder[i + 11] << 8 | (uint32_t)folder[i + 12] << 16 | (uint32_t)folder[i + 13] << 24;

		if (i % ISO_SECTOR + folder[i] > ISO_SECTOR || sector * ISO_SECTOR + bytes > size) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct tar_sink sink = { .file = on_file, .data = on_data };
	const char *why = NULL;
	uint8_t *bytes, *memory;
	struct tar tar;
	size_t piece;
	int r = OK;

	if (len < 2) {
		return 0;
	}
	piece = data[0] ? data[0] * 8u : 1;
	bytes = malloc(len);
	memcpy(bytes, data + 2, len - 2);
	if (data[1] & 1) {
		set_checksums(bytes, len - 2);
	}
	memory = malloc(iso_bytes(len - 2));
	iso_begin(&iso, memory, iso_bytes(len - 2));
	tar_begin(&tar, &sink, NULL);
	for (size_t at = 0, n; at < len - 2 && r == OK; at += n) {
		n = len - 2 - at < piece ? len - 2 - at : piece;
		r = tar_data(&tar, bytes + at, n, &why);
	}
	if (r == OK && tar_end(&tar, &why) == OK) {
		if (iso_finish(&iso) > iso_bytes(len - 2)) {
			abort();
		}
		check_folder(memory, iso_bytes(len - 2));
	} else if (!why) {
		abort();
	}
	free(memory);
	free(bytes);
	return 0;
}
