/* SPDX-License-Identifier: Apache-2.0 */
/* A tar archive of plain files (POSIX.1-2017 pax, "ustar Interchange Format"). */
#pragma once

#include "opennebula/lib/memory.h"

enum { TAR_NAME_MAX = 100 };

/* Adds a file. False: its name is too long, or empty, or it is too large. */
MUST_CHECK bool tar_add(struct buffer *tar, const char *name, const void *bytes, size_t len);

/* The end: two empty blocks. */
void tar_end(struct buffer *tar);
