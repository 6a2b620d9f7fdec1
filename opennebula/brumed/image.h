/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content of the front-end's files on nodes: each is an image there whose name is made of its SHA-256, sent once and used by all disks that are clones of it. Images
 * that no disk is a clone of go when there is no room, the one that was not used for longest first.
 */
#pragma once

#include <sys/stat.h>

#include "opennebula/brumed/client.h"
#include "opennebula/brumed/image_choice.h"

enum { IMAGE_HASH_MAX = 65, IMAGE_NAME_MAX = 64 };

struct image {
	char sha256[IMAGE_HASH_MAX];     /* 64 hexadecimal digits */
	char name[IMAGE_NAME_MAX];       /* one. and the first 32 of them */
	int64_t size;
	struct stat stat;                /* of the file when it was hashed */
};

/* A command's end: 0 is good, else a status of HTTP for the local API. */
typedef unsigned int image_result;

/* What a file is as an image. Hashed once per version of the file. False with the reason: it cannot be read, or is of a format that Brume has not. */
MUST_CHECK bool image_of_file(const char *path, struct image *image, struct why *why);

/* Makes the image be whole on the node; one upload of it at a time, others wait for that. */
image_result image_ensure(struct node *node, const struct image *image, const char *path, struct why *why);

/*
 * Makes a disk that is a clone of the file's content; read_only: it is the image itself. There is already one that was made otherwise: it is made anew if
 * no VM runs with it.
 */
image_result image_make_disk(struct node *node, const char *disk, const char *path, bool read_only, struct why *why);

/*
 * Makes a disk that nobody else needs the content of: it is sent into the disk itself, which takes no memory beside it. any: the file came off a node, and is
 * raw whatever its first bytes look like. The disk is there with other content: as above.
 */
image_result image_send_disk(struct node *node, const char *disk, const char *path, bool any, struct why *why);

/* Drops one image that no disk needs, but not the one called keep. False: there is none that could go. */
bool image_make_room(struct node *node, const char *keep);

/* Posts the words of a disk; makes room and tries again while there is none. */
image_result image_post_disk(struct node *node, const char *disk, const char *words, struct why *why);

/*
 * Makes disk number `disk` of a VM as large as bytes, if disks, the array of GET /v1/disks, has it, smaller, not read-only and with no VM that runs. 0, or a
 * status with the reason.
 */
image_result image_grow_disk(struct node *node, const json_t *disks, long store, long vm, long disk, int64_t bytes, struct why *why);

/* At brumed's end. */
void image_free(void);
