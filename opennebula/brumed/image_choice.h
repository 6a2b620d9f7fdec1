/* SPDX-License-Identifier: Apache-2.0 */
/* Which image of a node goes when there is no room. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "lib/base.h"

/* What the names of images begin with that brumed sends. */
#define IMAGE_PREFIX "one."

/*
 * Which of a node's images to drop: an index into images, the array of GET /v1/images, or -1. disks: the array of GET /v1/disks. used: when one was used
 * last, 0 for never, negative: it is in use now. keep: a name that shall stay. Only names that brumed gives are chosen.
 */
ssize_t image_choose(const json_t *images, const json_t *disks, int64_t (*used)(void *context, const char *name), void *context,
		     const char *keep);
