/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system for a CD-ROM called CONTEXT, written into memory while its files come: ECMA-119 with names of 8 and 3 characters, the names as they
 * are by Rock Ridge (RRIP 1.09, SUSP 1.09), and by Joliet. What describes the files lies before them and is written last.
 */
#pragma once

#include "lib/base.h"

enum { ISO_SECTOR = 2048, ISO_FILES_MAX = 64, ISO_NAME_MAX = 65 };   /* bytes of a name with the NUL */

struct iso_file {
	char name[ISO_NAME_MAX];
	char short_name[16];         /* CONTEXT.SH;1                                                 */
	char wide_name[ISO_NAME_MAX];        /* Joliet's, in ASCII                                   */
	uint32_t sector;
	uint32_t bytes;
};

struct iso {
	uint8_t *at;
	uint64_t size;               /* bytes there                                                  */
	uint32_t next;               /* sector that is free                                          */
	uint32_t written;            /* bytes of the last file                                       */
	unsigned count;
	struct iso_file file[ISO_FILES_MAX];
};

/* Bytes of memory that do for files of so many bytes together, whatever their number. */
uint64_t iso_bytes(uint64_t content);

/* at: size bytes, whole sectors, iso_bytes() at least; stays. */
void iso_begin(struct iso *iso, uint8_t *at, uint64_t size);

/*
 * A file with that name, printable ASCII without slashes, begins; the one before is whole. E_INVAL: the name is there already, or there are
 * too many; E_NOMEM: more bytes than was said. *why tells it in words.
 */
int iso_add(struct iso *iso, const char *name, uint64_t bytes, const char **why) MUST_CHECK;

/* Content of that file: no more than it has. */
void iso_write(struct iso *iso, const uint8_t *bytes, size_t len);

/* All files are there. Returns the bytes that the file system takes. */
uint64_t iso_finish(struct iso *iso);
