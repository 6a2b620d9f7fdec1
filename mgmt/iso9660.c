/* SPDX-License-Identifier: Apache-2.0 */
/* A CD-ROM's file system: see iso9660.h. Numbers in comments are sections of ECMA-119. */
#include "mgmt/iso9660.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which sector is what. Folders have room for all files with the longest names. */
enum {
	PRIMARY = 16, JOLIET, TERMINATOR, PATHS_LITTLE, PATHS_BIG, JOLIET_PATHS_LITTLE, JOLIET_PATHS_BIG, ROOT,
	ROOT_SECTORS = 8, JOLIET_ROOT = ROOT + ROOT_SECTORS, EXTENSIONS = JOLIET_ROOT + ROOT_SECTORS, FILES,
};

enum {
	RECORD = 33,                 /* bytes of a directory record before its name: 9.1             */
	RECORD_MAX = 255, FOLDER = 2, PATH_BYTES = 10,
	DESCRIPTOR_ROOT = 156,       /* where a descriptor holds the record of the root: 8.4         */
};

static const uint8_t nothing[1];

/* ---- numbers ---- */

static void put16(uint8_t *at, uint32_t value, bool big)
{
	at[big] = (uint8_t)value;
	at[!big] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value, bool big)
{
	put16(at + (big ? 2 : 0), value & 0xffff, big);
	put16(at + (big ? 0 : 2), value >> 16, big);
}

/* In both orders, the little-endian one first: 7.2.3, 7.3.3. */
static void both16(uint8_t *at, uint32_t value)
{
	put16(at, value, false);
	put16(at + 2, value, true);
}

static void both32(uint8_t *at, uint32_t value)
{
	put32(at, value, false);
	put32(at + 4, value, true);
}

/* Without its end. */
static void put_text(uint8_t *at, const char *text)
{
	for (; *text; text++) {
		*at++ = (uint8_t)*text;
	}
}

static uint8_t *sector_at(struct iso *iso, uint32_t sector)
{
	return iso->at + (uint64_t)sector * ISO_SECTOR;
}

/* ---- files ---- */

uint64_t iso_bytes(uint64_t content)
{
	return ALIGN_UP(content, (uint64_t)ISO_SECTOR) + (FILES + ISO_FILES_MAX) * (uint64_t)ISO_SECTOR;
}

void iso_begin(struct iso *iso, uint8_t *at, uint64_t size)
{
	*iso = (struct iso){ .at = at, .size = size, .next = FILES };
	memset(at, 0, FILES * ISO_SECTOR);
}

static char short_char(char c)
{
	if (c >= 'a' && c <= 'z') {
		return (char)(c - 'a' + 'A');
	}
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

/* Up to max characters of [from, to), of those that 7.4.1 has. */
static size_t shorten(char *out, const char *from, const char *to, size_t max)
{
	size_t n = 0;

	for (; from < to && n < max; from++) {
		out[n++] = short_char(*from);
	}
	return n;
}

static bool has_short_name(const struct iso *iso, const char *name)
{
	for (unsigned i = 0; i < iso->count; i++) {
		if (strcmp(iso->file[i].short_name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* 8.3 characters: 10.1. Where two names become the same one, the second ends in a number that makes it another. */
static void make_short_name(const struct iso *iso, struct iso_file *f)
{
	const char *end = f->name + strlen(f->name), *dot = strrchr(f->name, '.');
	char base[9] = "", extension[4] = "";
	size_t len;

	dot = dot && dot > f->name ? dot : end;
	len = shorten(base, f->name, dot, 8);
	shorten(extension, dot < end ? dot + 1 : end, end, 3);
	for (unsigned number = 0; number < 1000; number++) {
		snprintf(f->short_name, sizeof(f->short_name), "%s.%s;1", base, extension);
		if (!has_short_name(iso, f->short_name)) {
			return;
		}
		snprintf(base + (len < 5 ? len : 5), 4, "%03u", number);
	}
}

static bool has_wide_name(const struct iso *iso, const char *name)
{
	for (unsigned i = 0; i < iso->count; i++) {
		if (strcmp(iso->file[i].wide_name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* Joliet's names have no * / : ; ? and \ in them (Joliet 1). Where two become the same one, the second ends in another number. */
static void make_wide_name(const struct iso *iso, struct iso_file *f)
{
	size_t len = strlen(f->name);

	for (size_t i = 0; i <= len; i++) {
		f->wide_name[i] = strchr("*/:;?\\", f->name[i]) && f->name[i] ? '_' : f->name[i];
	}
	len = len < ISO_NAME_MAX - 4 ? len : ISO_NAME_MAX - 4;
	for (unsigned number = 0; number < 1000 && has_wide_name(iso, f->wide_name); number++) {
		snprintf(f->wide_name + len, 4, "%03u", number);
	}
}

int iso_add(struct iso *iso, const char *name, uint64_t bytes, const char **why)
{
	struct iso_file *f = &iso->file[iso->count];

	for (unsigned i = 0; i < iso->count; i++) {
		if (strcmp(iso->file[i].name, name) == 0) {
			*why = "two files have the same name";
			return E_INVAL;
		}
	}
	if (iso->count == ISO_FILES_MAX || strlen(name) >= ISO_NAME_MAX) {
		*why = iso->count == ISO_FILES_MAX ? "more than 64 files" : "a file's name is longer than 64 bytes";
		return E_INVAL;
	}
	if (bytes > iso->size - (uint64_t)iso->next * ISO_SECTOR) {
		*why = "its files are larger than it is itself";
		return E_NOMEM;
	}
	memcpy(f->name, name, strlen(name) + 1);
	make_short_name(iso, f);
	make_wide_name(iso, f);
	f->sector = iso->next;
	f->bytes = (uint32_t)bytes;
	iso->count++;
	iso->written = 0;
	iso->next += (uint32_t)((bytes + ISO_SECTOR - 1) / ISO_SECTOR);
	return OK;
}

void iso_write(struct iso *iso, const uint8_t *bytes, size_t len)
{
	struct iso_file *f = &iso->file[iso->count - 1];
	uint64_t end;

	memcpy(sector_at(iso, f->sector) + iso->written, bytes, len);
	iso->written += (uint32_t)len;
	if (iso->written == f->bytes) {
		end = (uint64_t)f->sector * ISO_SECTOR + f->bytes;
		memset(iso->at + end, 0, ALIGN_UP(end, (uint64_t)ISO_SECTOR) - end);
	}
}

/* ---- folders ---- */

/* A directory record: 9.1. system: what stands behind the name, for Rock Ridge. Returns its length. */
static size_t put_record(uint8_t *at, const void *name, size_t name_len, uint32_t sector, uint32_t bytes, bool folder, const uint8_t *system,
			 size_t system_len)
{
	size_t len = RECORD + name_len + !(name_len & 1);

	memset(at, 0, len);
	both32(at + 2, sector);
	both32(at + 10, bytes);
	at[18] = 70;                                             /* 1970-01-01, the first day that all can show */
	at[19] = at[20] = 1;
	at[25] = folder ? FOLDER : 0;
	both16(at + 28, 1);
	at[32] = (uint8_t)name_len;
	memcpy(at + RECORD, name, name_len);
	memcpy(at + len, system, system_len);
	at[len + system_len] = 0;
	len += system_len + (system_len & 1);
	at[0] = (uint8_t)len;
	return len;
}

/* SUSP 4: signature, length, version. */
static size_t put_entry(uint8_t *at, const char *signature, size_t len)
{
	memset(at, 0, len);
	memcpy(at, signature, 2);
	at[2] = (uint8_t)len;
	at[3] = 1;
	return len;
}

/* RRIP 4.1.1: mode and links; all belongs to root. */
static size_t put_mode(uint8_t *at, uint32_t mode, uint32_t links)
{
	size_t len = put_entry(at, "PX", 36);

	both32(at + 4, mode);
	both32(at + 12, links);
	return len;
}

/* RRIP 4.1.4 */
static size_t put_name(uint8_t *at, const char *name)
{
	size_t len = put_entry(at, "NM", 5 + strlen(name));

	put_text(at + 5, name);
	return len;
}

/* What the record . of the root holds: SUSP 5.3 tells that there is more, 5.1 where the rest is. */
static size_t put_root_entries(uint8_t *at, size_t extensions)
{
	size_t len = put_entry(at, "SP", 7);

	at[4] = 0xbe;
	at[5] = 0xef;
	len += put_mode(at + len, 0040555, 2);
	put_entry(at + len, "CE", 28);
	both32(at + len + 4, EXTENSIONS);
	both32(at + len + 20, (uint32_t)extensions);
	return len + 28;
}

/* SUSP 5.5 with the words of RRIP 4.3, in a sector of its own. */
static size_t put_extensions(struct iso *iso)
{
	static const char id[] = "RRIP_1991A";
	static const char what[] = "THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS";
	static const char where[] = "PLEASE CONTACT DISC PUBLISHER FOR SPECIFICATION SOURCE.  SEE PUBLISHER IDENTIFIER IN PRIMARY VOLUME DESCRIPTOR "
				    "FOR CONTACT INFORMATION.";
	uint8_t *at = sector_at(iso, EXTENSIONS);
	size_t len = put_entry(at, "ER", 8 + sizeof(id) + sizeof(what) + sizeof(where) - 3);

	at[4] = sizeof(id) - 1;
	at[5] = sizeof(what) - 1;
	at[6] = sizeof(where) - 1;
	at[7] = 1;
	put_text(at + 8, id);
	put_text(at + 8 + sizeof(id) - 1, what);
	put_text(at + 8 + sizeof(id) + sizeof(what) - 2, where);
	return len;
}

/* Where a record of that length goes: none reaches over the end of a sector (6.8.1.1). */
static uint32_t place(uint32_t at, size_t len)
{
	return at % ISO_SECTOR + len > ISO_SECTOR ? ALIGN_UP(at, (uint32_t)ISO_SECTOR) : at;
}

static int compare_short(const void *left, const void *right)
{
	return strcmp(((const struct iso_file *)left)->short_name, ((const struct iso_file *)right)->short_name);
}

static int compare_wide(const void *left, const void *right)
{
	return strcmp(((const struct iso_file *)left)->wide_name, ((const struct iso_file *)right)->wide_name);
}

static void put_root(struct iso *iso)
{
	uint8_t *root = sector_at(iso, ROOT), record[RECORD_MAX], system[RECORD_MAX];
	uint32_t at = 0;
	size_t len = put_root_entries(system, put_extensions(iso));

	at += (uint32_t)put_record(root, "\0", 1, ROOT, ROOT_SECTORS * ISO_SECTOR, true, system, len);
	len = put_mode(system, 0040555, 2);
	at += (uint32_t)put_record(root + at, "\1", 1, ROOT, ROOT_SECTORS * ISO_SECTOR, true, system, len);
	qsort(iso->file, iso->count, sizeof(iso->file[0]), compare_short);
	for (unsigned i = 0; i < iso->count; i++) {
		const struct iso_file *f = &iso->file[i];

		len = put_mode(system, 0100444, 1);
		len += put_name(system + len, f->name);
		len = put_record(record, f->short_name, strlen(f->short_name), f->sector, f->bytes, false, system, len);
		at = place(at, len);
		memcpy(root + at, record, len);
		at += (uint32_t)len;
	}
}

/* UCS-2, the high byte first (Joliet 1). */
static size_t widen(uint8_t *out, const char *text)
{
	size_t i = 0;

	for (; text[i]; i++) {
		out[2 * i] = 0;
		out[2 * i + 1] = (uint8_t)text[i];
	}
	return 2 * i;
}

static void put_joliet_root(struct iso *iso)
{
	uint8_t *root = sector_at(iso, JOLIET_ROOT), record[RECORD_MAX], wide[2 * ISO_NAME_MAX];
	uint32_t at = 0;
	size_t len;

	at += (uint32_t)put_record(root, "\0", 1, JOLIET_ROOT, ROOT_SECTORS * ISO_SECTOR, true, nothing, 0);
	at += (uint32_t)put_record(root + at, "\1", 1, JOLIET_ROOT, ROOT_SECTORS * ISO_SECTOR, true, nothing, 0);
	qsort(iso->file, iso->count, sizeof(iso->file[0]), compare_wide);
	for (unsigned i = 0; i < iso->count; i++) {
		const struct iso_file *f = &iso->file[i];

		len = put_record(record, wide, widen(wide, f->wide_name), f->sector, f->bytes, false, nothing, 0);
		at = place(at, len);
		memcpy(root + at, record, len);
		at += (uint32_t)len;
	}
}

/* ---- descriptors ---- */

/* The path table of one folder: 9.4. */
static void put_paths(struct iso *iso, uint32_t sector, uint32_t root, bool big)
{
	uint8_t *at = sector_at(iso, sector);

	at[0] = 1;
	put32(at + 2, root, big);
	put16(at + 6, 1, big);
}

static void fill(uint8_t *at, size_t len, bool wide)
{
	for (size_t i = 0; i < len; i++) {
		at[i] = wide && !(i & 1) ? 0 : ' ';
	}
}

/* 8.4, 8.5. wide: Joliet's, whose texts are UCS-2 and whose escape sequence says so. */
static void put_descriptor(struct iso *iso, uint32_t sector, bool wide, uint32_t root, uint32_t paths)
{
	uint8_t *at = sector_at(iso, sector);

	at[0] = wide ? 2 : 1;
	put_text(at + 1, "CD001\1");
	fill(at + 8, 64, wide);
	if (wide) {
		widen(at + 40, "CONTEXT");
		put_text(at + 88, "%/E");
	} else {
		put_text(at + 40, "CONTEXT");
	}
	both32(at + 80, iso->next);
	both16(at + 120, 1);
	both16(at + 124, 1);
	both16(at + 128, ISO_SECTOR);
	both32(at + 132, PATH_BYTES);
	put32(at + 140, paths, false);
	put32(at + 148, paths + 1, true);
	put_record(at + DESCRIPTOR_ROOT, "\0", 1, root, ROOT_SECTORS * ISO_SECTOR, true, nothing, 0);
	fill(at + 190, 128, wide);
	fill(at + 318, 384, wide);
	fill(at + 702, 111, wide);
	for (unsigned i = 0; i < 4; i++) {
		memcpy(at + 813 + 17 * i, "0000000000000000", 17);       /* no date: 8.4.26.1 */
	}
	at[881] = 1;
}

uint64_t iso_finish(struct iso *iso)
{
	put_root(iso);
	put_joliet_root(iso);
	put_paths(iso, PATHS_LITTLE, ROOT, false);
	put_paths(iso, PATHS_BIG, ROOT, true);
	put_paths(iso, JOLIET_PATHS_LITTLE, JOLIET_ROOT, false);
	put_paths(iso, JOLIET_PATHS_BIG, JOLIET_ROOT, true);
	put_descriptor(iso, PRIMARY, false, ROOT, PATHS_LITTLE);
	put_descriptor(iso, JOLIET, true, JOLIET_ROOT, JOLIET_PATHS_LITTLE);
	put_text(sector_at(iso, TERMINATOR), "\377CD001\1");
	return (uint64_t)iso->next * ISO_SECTOR;
}
