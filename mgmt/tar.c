/* SPDX-License-Identifier: Apache-2.0 */
/* Archives: see tar.h. Every byte of a head is the client's choice. */
#include "mgmt/tar.h"

#include <string.h>

/* Of a head: where the fields begin, and their lengths. */
enum {
	NAME = 0, NAME_BYTES = 100, SIZE = 124, SIZE_BYTES = 12, CHECKSUM = 148, CHECKSUM_BYTES = 8, TYPE = 156, MAGIC = 257, PREFIX = 345,
};

static int refuse(const char **why, const char *words)
{
	*why = words;
	return E_PROTO;
}

void tar_begin(struct tar *t, const struct tar_sink *sink, void *context)
{
	*t = (struct tar){ .sink = sink, .context = context };
}

/* Octal digits, behind blanks or none; they end with a blank, a NUL, or the field. */
static bool read_octal(const uint8_t *field, size_t size, uint64_t *value)
{
	size_t i = 0, start = 0;

	for (; i < size && field[i] == ' '; i++) {
		start++;                         /* some writers put blanks where zeros are due */
	}
	for (*value = 0; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
		*value = *value << 3 | (uint64_t)(field[i] - '0');
	}
	return i > start && (i == size || field[i] == ' ' || field[i] == '\0');
}

/* The sum of all bytes, with blanks in place of itself. */
static bool good_checksum(const uint8_t *head)
{
	uint64_t sum = 0, told;

	for (int i = 0; i < TAR_BLOCK; i++) {
		sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_BYTES ? ' ' : head[i];
	}
	return read_octal(head + CHECKSUM, CHECKSUM_BYTES, &told) && told == sum;
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i]) {
			return false;
		}
	}
	return true;
}

/* Names come as tar writes them: x, or ./x of an archive of a whole folder, whose own entry is ./ */
static int read_name(const uint8_t *head, char name[TAR_NAME_MAX], const char **why)
{
	size_t at = head[NAME] == '.' && head[NAME + 1] == '/' ? 2 : 0, len = strnlen((const char *)head + at, NAME_BYTES - at);

	if (len >= TAR_NAME_MAX) {
		return refuse(why, "a file's name is longer than 64 bytes");
	}
	memcpy(name, head + at, len);
	name[len] = '\0';
	if (head[PREFIX] || strchr(name, '/')) {
		return refuse(why, "there is a folder in it: only plain files are taken");
	}
	for (size_t i = 0; i < len; i++) {
		if (name[i] < ' ' || name[i] > '~') {
			return refuse(why, "a file's name holds a byte that is no printable ASCII");
		}
	}
	return OK;
}

static int begin_file(struct tar *t, const char **why)
{
	char name[TAR_NAME_MAX];
	uint64_t size;
	int r;

	if (memcmp(t->head + MAGIC, "ustar\00000", 8) != 0) {
		return refuse(why, "it is no tar in ustar format (tar --format=ustar)");
	}
	if (!good_checksum(t->head)) {
		return refuse(why, "a checksum in it is wrong");
	}
	if (!read_octal(t->head + SIZE, SIZE_BYTES, &size)) {
		return refuse(why, "a file's size in it is no number");
	}
	if (strchr("xgLK", t->head[TYPE]) && t->head[TYPE]) {
		return refuse(why, "it says more of a file than ustar format has (tar --format=ustar)");
	}
	r = read_name(t->head, name, why);
	if (r < 0) {
		return r;
	}
	if (t->head[TYPE] == '5' && !size && (!name[0] || strcmp(name, ".") == 0)) {
		return OK;
	}
	if (t->head[TYPE] != '0' && t->head[TYPE] != '\0') {
		return refuse(why, "there is something in it that is no plain file");
	}
	if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return refuse(why, "a file in it has no name");
	}
	t->content = size;
	t->padding = ALIGN_UP(size, (uint64_t)TAR_BLOCK) - size;
	return t->sink->file(t->context, name, size, why);
}

static int take_head(struct tar *t, const char **why)
{
	t->have = 0;
	if (is_zero(t->head, TAR_BLOCK)) {
		t->ended = true;
		return OK;
	}
	return t->ended ? refuse(why, "something stands behind its end") : begin_file(t, why);
}

int tar_data(struct tar *t, const uint8_t *bytes, size_t len, const char **why)
{
	int r = OK;

	for (size_t n; len && r == OK; bytes += n, len -= n) {
		if (t->content) {
			n = len < t->content ? len : (size_t)t->content;
			t->content -= n;
			r = t->sink->data(t->context, bytes, n, why);
		} else if (t->padding) {
			n = len < t->padding ? len : (size_t)t->padding;
			t->padding -= n;
		} else {
			n = len < TAR_BLOCK - t->have ? len : TAR_BLOCK - t->have;
			memcpy(t->head + t->have, bytes, n);
			t->have += n;
			r = t->have == TAR_BLOCK ? take_head(t, why) : OK;
		}
	}
	return r;
}

int tar_end(const struct tar *t, const char **why)
{
	return t->ended && !t->have ? OK : refuse(why, "it is not whole: a tar ends with blocks of zeros");
}
