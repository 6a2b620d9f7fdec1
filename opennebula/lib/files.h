/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, read and replaced. */
#pragma once

#include "opennebula/lib/memory.h"

/* Adds a file's content, at most limit bytes. False with the reason, which names the file. */
MUST_CHECK bool file_read(const char *path, size_t limit, struct buffer *to, struct why *why);

/*
 * Replaces a file: a new one beside it is written, brought to the disk and renamed over it, so that who reads it, also after a
 * power cut, finds the old or the new one whole. mode: permissions of the new one. False with the reason.
 */
MUST_CHECK bool file_replace(const char *path, const void *bytes, size_t len, unsigned int mode, struct why *why);

/* Brings the folder that a file is in to the disk, so that its name lasts. */
void file_sync_folder(const char *path);

/* Writes all bytes to a descriptor; false with errno. */
MUST_CHECK bool file_write_all(int fd, const void *bytes, size_t len);
