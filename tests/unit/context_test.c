/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives, and the CD-ROM that is made of one: what is refused in which words, and a reader of our own that finds the files again. A test on
 * the host compares with another program's reader.
 * sources: mgmt/tar.c mgmt/iso9660.c
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/iso9660.h"
#include "mgmt/tar.h"
#include "tests/unit/check.h"

enum { ARCHIVE_MAX = 256 << 10, MEMORY = 512 << 10 };

static uint8_t archive[ARCHIVE_MAX], memory[MEMORY];
static size_t len;
static struct iso iso;
static const char *why;

static void set_checksum(uint8_t *head)
{
	unsigned sum = 0;

	memset(head + 148, ' ', 8);
	for (unsigned i = 0; i < TAR_BLOCK; i++) {
		sum += head[i];
	}
	snprintf((char *)head + 148, 8, "%06o", sum);
}

/* Adds a head of that type and size, and as many bytes; returns the head. */
static uint8_t *add(const char *name, char type, const void *bytes, size_t size)
{
	uint8_t *head = archive + len;

	memset(head, 0, TAR_BLOCK);
	memcpy(head, name, strlen(name));
	snprintf((char *)head + 100, 8, "0000644");
	snprintf((char *)head + 124, 12, "%011zo", size);
	head[156] = (uint8_t)type;
	memcpy(head + 257, "ustar\00000", 8);
	set_checksum(head);
	memcpy(head + TAR_BLOCK, bytes, size);
	len += TAR_BLOCK + ALIGN_UP(size, (size_t)TAR_BLOCK);
	return head;
}

static void start(void)
{
	memset(archive, 0, sizeof(archive));
	len = 0;
}

static void finish(void)
{
	memset(archive + len, 0, 2 * TAR_BLOCK);
	len += 2 * TAR_BLOCK;
}

static int on_file(void *context, const char *name, uint64_t size, const char **words)
{
	(void)context;
	return iso_add(&iso, name, size, words);
}

static int on_data(void *context, const uint8_t *bytes, size_t n, const char **words)
{
	(void)context, (void)words;
	iso_write(&iso, bytes, n);
	return OK;
}

/* The archive in pieces of that many bytes. */
static int take(size_t piece)
{
	static const struct tar_sink sink = { .file = on_file, .data = on_data };
	struct tar tar;
	int r = OK;

	memset(memory, 0xaa, sizeof(memory));
	iso_begin(&iso, memory, iso_bytes(len));
	CHECK(iso_bytes(len) <= sizeof(memory));
	tar_begin(&tar, &sink, NULL);
	why = "";
	for (size_t at = 0, n; at < len && r == OK; at += n) {
		n = len - at < piece ? len - at : piece;
		r = tar_data(&tar, archive + at, n, &why);
	}
	return r == OK ? tar_end(&tar, &why) : r;
}

static bool refuses(const char *words)
{
	int r = take(ARCHIVE_MAX);

	if (r >= 0 || strcmp(why, words) != 0) {
		printf("%d '%s', not '%s'\n", r, why, words);
		return false;
	}
	return true;
}

/* ---- a reader ---- */

static uint32_t read32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The name that Rock Ridge gives a record. */
static void rock_name(const uint8_t *record, char name[128])
{
	const uint8_t *at = record + 33 + record[32] + !(record[32] & 1), *end = record + record[0];

	for (name[0] = '\0'; at + 4 <= end && at[2] >= 4 && at + at[2] <= end; at += at[2]) {
		if (at[0] == 'N' && at[1] == 'M') {
			memcpy(name, at + 5, at[2] - 5u);
			name[at[2] - 5] = '\0';
		}
	}
}

/* The name that Joliet gives it. */
static void wide_name(const uint8_t *record, char name[128])
{
	for (unsigned i = 0; i < record[32] / 2u; i++) {
		CHECK_EQ(record[33 + 2 * i], 0);
		name[i] = (char)record[34 + 2 * i];
	}
	name[record[32] / 2] = '\0';
}

/* The record of that file in the folder that the descriptor in that sector tells of. NULL: it is not there. Names of the records ascend. */
static const uint8_t *find(unsigned descriptor, const char *wanted)
{
	const uint8_t *d = memory + descriptor * ISO_SECTOR, *last = NULL, *found = NULL;
	uint32_t sector = read32(d + 156 + 2), bytes = read32(d + 156 + 10);
	char name[128];

	CHECK(memcmp(d + 1, "CD001\1", 6) == 0);
	for (uint32_t at = 0; at < bytes;) {
		const uint8_t *record = memory + (uint64_t)sector * ISO_SECTOR + at;

		if (!record[0]) {
			at = ALIGN_UP(at + 1, (uint32_t)ISO_SECTOR);
			continue;
		}
		CHECK(at % ISO_SECTOR + record[0] <= ISO_SECTOR);
		if (descriptor == 16) {
			rock_name(record, name);
		} else {
			wide_name(record, name);
		}
		if (last && record[32] > 1) {
			CHECK(memcmp(last + 33, record + 33, last[32] < record[32] ? last[32] : record[32]) <= 0);
		}
		last = record[32] > 1 ? record : NULL;
		found = strcmp(name, wanted) == 0 ? record : found;
		at += record[0];
	}
	return found;
}

static bool holds(const char *name, const void *bytes, size_t size)
{
	for (unsigned descriptor = 16; descriptor <= 17; descriptor++) {
		const uint8_t *record = find(descriptor, name);

		if (!record || read32(record + 10) != size || memcmp(memory + (uint64_t)read32(record + 2) * ISO_SECTOR, bytes, size) != 0) {
			printf("descriptor %u: %s\n", descriptor, name);
			return false;
		}
	}
	return true;
}

TEST(files_come_back_by_both_of_their_names)
{
	static uint8_t large[100001];

	for (unsigned i = 0; i < sizeof(large); i++) {
		large[i] = (uint8_t)(i * 7);
	}
	for (size_t piece = 1; piece < 100000; piece = piece * 7 + 1) {
		start();
		add("context.sh", '0', "ETH0_IP='10.0.0.1'\n", 19);
		add("./init.tar.gz", '\0', large, sizeof(large));
		add("empty", '0', "", 0);
		add("A name with blanks, of sixty-four letters and other characters...", '0', "x", 1);
		archive[len - TAR_BLOCK - TAR_BLOCK + 64] = '\0';
		set_checksum(archive + len - 2 * TAR_BLOCK);
		finish();
		CHECK_EQ(take(piece), OK);
		CHECK(iso_finish(&iso) <= iso.size);
		CHECK(holds("context.sh", "ETH0_IP='10.0.0.1'\n", 19));
		CHECK(holds("init.tar.gz", large, sizeof(large)));
		CHECK(holds("empty", "", 0));
		CHECK(holds("A name with blanks, of sixty-four letters and other characters..", "x", 1));
		CHECK(memcmp(memory + 16 * ISO_SECTOR + 40, "CONTEXT  ", 9) == 0);
		CHECK(!find(16, "other"));
	}
}

TEST(no_byte_of_what_was_in_memory_before_is_in_it)
{
	uint64_t bytes;

	start();
	add("a", '0', "x", 1);
	add("b", '0', "y", 1);
	finish();
	CHECK_EQ(take(512), OK);
	bytes = iso_finish(&iso);
	CHECK(!memchr(memory, 0xaa, bytes));
}

TEST(an_archive_of_a_folder_is_taken_without_the_folder)
{
	start();
	add("./", '5', "", 0);
	add("./context.sh", '0', "x", 1);
	finish();
	CHECK_EQ(take(512), OK);
	CHECK_EQ(iso.count, 1);
	CHECK(strcmp(iso.file[0].name, "context.sh") == 0);
	start();
	finish();
	CHECK_EQ(take(512), OK);
	CHECK_EQ(iso.count, 0);
	iso_finish(&iso);
}

TEST(names_that_are_the_same_in_short_stay_apart)
{
	char name[32];

	start();
	for (unsigned i = 0; i < ISO_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "context-file.number%02u", i);
		add(name, '0', name, strlen(name));
	}
	finish();
	CHECK_EQ(take(ARCHIVE_MAX), OK);
	for (unsigned i = 0; i < ISO_FILES_MAX; i++) {
		for (unsigned k = 0; k < i; k++) {
			CHECK(strcmp(iso.file[i].short_name, iso.file[k].short_name) != 0);
		}
	}
	iso_finish(&iso);
	for (unsigned i = 0; i < ISO_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "context-file.number%02u", i);
		CHECK(holds(name, name, strlen(name)));
	}
}

TEST(names_that_are_the_same_to_joliet_stay_apart_and_in_order)
{
	static const struct { const char *name, *wide; } row[] = {
		{ "a*c", "a_c" }, { "a?c", "a_c000" }, { "a_c", "a_c001" }, { "aXb", "aXb" }, { "a:c", "a_c002" },
	};

	start();
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		add(row[i].name, '0', row[i].name, 3);
	}
	finish();
	CHECK_EQ(take(ARCHIVE_MAX), OK);
	iso_finish(&iso);
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		const uint8_t *record = find(17, row[i].wide);

		CHECK(record && memcmp(memory + (uint64_t)read32(record + 2) * ISO_SECTOR, row[i].name, 3) == 0);
		CHECK(find(16, row[i].name));
	}
}

TEST(numbers_may_have_blanks_before_them)
{
	uint8_t *head;

	start();
	head = add("a", '0', "xyz", 3);
	memcpy(head + 124, "          3", 12);
	set_checksum(head);
	head[148] = head[148] == '0' ? ' ' : head[148];
	finish();
	CHECK_EQ(take(512), OK);
	iso_finish(&iso);
	CHECK(holds("a", "xyz", 3));
	memset(head + 124, ' ', 12);
	set_checksum(head);
	CHECK(refuses("a file's size in it is no number"));
}

/* Folders have room for as many files as there can be, with the longest names. */
TEST(sixty_four_files_with_long_names_fit)
{
	char name[ISO_NAME_MAX];

	start();
	for (unsigned i = 0; i < ISO_FILES_MAX; i++) {
		memset(name, 'a', sizeof(name));
		snprintf(name + 62, 3, "%02u", i);
		add(name, '0', "", 0);
	}
	finish();
	CHECK_EQ(take(ARCHIVE_MAX), OK);
	iso_finish(&iso);
	for (unsigned i = 0; i < ISO_FILES_MAX; i++) {
		memset(name, 'a', sizeof(name));
		snprintf(name + 62, 3, "%02u", i);
		CHECK(holds(name, "", 0));
	}
}

TEST(other_things_than_plain_files_are_refused)
{
	static const char types[] = "1234567xgLKVS";

	for (unsigned i = 0; types[i]; i++) {
		start();
		add("x", types[i], "", 0);
		finish();
		CHECK(refuses(strchr("xgLK", types[i]) ? "it says more of a file than ustar format has (tar --format=ustar)"
						       : "there is something in it that is no plain file"));
	}
	static const struct {
		const char *name, *words;
	} row[] = {
		{ "a/b", "there is a folder in it: only plain files are taken" },
		{ "/etc/passwd", "there is a folder in it: only plain files are taken" },
		{ "../x", "there is a folder in it: only plain files are taken" },
		{ "././x", "there is a folder in it: only plain files are taken" },
		{ "..", "a file in it has no name" },
		{ ".", "a file in it has no name" },
		{ "./..", "a file in it has no name" },
		{ "", "a file in it has no name" },
		{ "a\nb", "a file's name holds a byte that is no printable ASCII" },
		{ "\xc3\xa4", "a file's name holds a byte that is no printable ASCII" },
		{ "a name with blanks, of sixty-five letters and other characters...", "a file's name is longer than 64 bytes" },
	};
	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		start();
		add(row[i].name, '0', "", 0);
		finish();
		CHECK(refuses(row[i].words));
	}
	start();
	add("x", '0', "", 0)[345] = 'y';
	set_checksum(archive);
	finish();
	CHECK(refuses("there is a folder in it: only plain files are taken"));
}

TEST(what_is_no_archive_is_told)
{
	start();
	CHECK(refuses("it is not whole: a tar ends with blocks of zeros"));
	add("x", '0', "abc", 3);
	CHECK(refuses("it is not whole: a tar ends with blocks of zeros"));
	len -= TAR_BLOCK;
	CHECK(refuses("it is not whole: a tar ends with blocks of zeros"));
	start();
	memcpy(add("x", '0', "", 0) + 257, "ustar  ", 8);
	finish();
	CHECK(refuses("it is no tar in ustar format (tar --format=ustar)"));
	start();
	add("x", '0', "", 0)[0] = 'y';
	finish();
	CHECK(refuses("a checksum in it is wrong"));
	start();
	memcpy(add("x", '0', "", 0) + 124, "99", 2);
	set_checksum(archive);
	finish();
	CHECK(refuses("a file's size in it is no number"));
	start();
	finish();
	add("x", '0', "", 0);
	finish();
	CHECK(refuses("something stands behind its end"));
}

TEST(a_file_larger_than_its_archive_is_refused)
{
	start();
	memcpy(add("x", '0', "", 0) + 124, "77777777777", 11);
	set_checksum(archive);
	finish();
	CHECK(refuses("its files are larger than it is itself"));
	start();
	memcpy(add("x", '0', "", 0) + 124, "777777777777", 12);
	set_checksum(archive);
	finish();
	CHECK(refuses("its files are larger than it is itself"));
	start();
	add("x", '0', "", 0);
	add("x", '0', "", 0);
	finish();
	CHECK(refuses("two files have the same name"));
}

TEST(more_files_than_there_may_be_are_refused)
{
	char name[8];

	start();
	for (unsigned i = 0; i <= ISO_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		add(name, '0', "", 0);
	}
	finish();
	CHECK(refuses("more than 64 files"));
}
