/* SPDX-License-Identifier: Apache-2.0 */
/* An archive of plain files in POSIX' ustar format (IEEE 1003.1, pax, "ustar Interchange Format"), in pieces. Nothing else in it is taken. */
#pragma once

#include "lib/base.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 65 };         /* bytes of a file's name with the NUL */

/* Who takes the files. An error ends it; *why tells it in words. */
struct tar_sink {
	/* A file begins: a name without slashes, in printable ASCII, not . or .. */
	int (*file)(void *context, const char *name, uint64_t size, const char **why);

	/* Its content, size bytes in all. */
	int (*data)(void *context, const uint8_t *bytes, size_t len, const char **why);
};

struct tar {
	const struct tar_sink *sink;
	void *context;
	uint8_t head[TAR_BLOCK];
	size_t have;                 /* bytes of a head                                              */
	uint64_t content, padding;   /* bytes of the present file that are still to come             */
	bool ended;                  /* a block of zeros was there: only zeros may follow            */
};

void tar_begin(struct tar *t, const struct tar_sink *sink, void *context);

/* Further bytes. E_PROTO: it is no such archive, or holds what is not taken; or the sink's error. Nothing may be fed after one. */
int tar_data(struct tar *t, const uint8_t *bytes, size_t len, const char **why) MUST_CHECK;

/* There are no more. E_PROTO: something is missing. */
int tar_end(const struct tar *t, const char **why) MUST_CHECK;
