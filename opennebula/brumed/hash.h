/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of files, remembered as long as a file stays as it is. */
#pragma once

#include "opennebula/lib/memory.h"

enum { HASH_TEXT_MAX = 65 };

/* Of the open file, which path names in the reason. False with the reason. */
MUST_CHECK bool hash_file(int fd, const char *path, char text[HASH_TEXT_MAX], struct why *why);
