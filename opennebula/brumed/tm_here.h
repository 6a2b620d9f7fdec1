/* SPDX-License-Identifier: Apache-2.0 */
/* What the transfer manager does to files of the front-end. Each is false with the reason; paths are absolute. */
#pragma once

#include <jansson.h>

#include "opennebula/lib/memory.h"

/* Makes the folders above a file. */
MUST_CHECK bool tm_here_folder(const char *path, struct why *why);

/* Deletes a file, or a folder with all in it. True as well if there is none. */
MUST_CHECK bool tm_here_delete(const char *path, struct why *why);

/* Renames, or copies to another file system; what is in a folder goes into one that is there already. True as well if it is done already. */
MUST_CHECK bool tm_here_move(const char *from, const char *to, struct why *why);

/* Replaces `to` by the content of `from`, sparse as it is. */
MUST_CHECK bool tm_here_copy(const char *from, const char *to, struct why *why);

/* Lets a file be larger. */
MUST_CHECK bool tm_here_resize(const char *path, int64_t bytes, struct why *why);

/* Appends the disks, kernel and initrd in a folder to array, which it frees if it is false. */
MUST_CHECK bool tm_here_list(const char *folder, json_t *array, struct why *why);
