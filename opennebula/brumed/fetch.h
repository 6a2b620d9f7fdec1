/* SPDX-License-Identifier: Apache-2.0 */
/* The content of a node's disk, brought into a file of the front-end. */
#pragma once

#include "opennebula/brumed/image.h"

/*
 * Replaces the file `path` by the disk's content: written beside it, brought to the disk, renamed. What is zero becomes a hole. A lost connection is
 * made again and goes on where it ended. The result is 0 or a status with the reason; the file is then what it was.
 */
image_result fetch_disk(struct node *node, const char *disk, const char *path, struct why *why);
