/* SPDX-License-Identifier: Apache-2.0 */
/* A file into an image or a disk of a node: what breaks off goes on where it was. */
#pragma once

#include "opennebula/brumed/client.h"
#include "opennebula/brumed/image.h"

struct send {
	const char *kind;                /* "image" or "disk" */
	const char *name;
	const char *sha256;              /* of all of it */
	int64_t size;
};

/* 0: it is whole there; makes room where that is what lacks. 409: what is called so has other content. Else a status with the reason. */
image_result send_file(struct node *node, const struct send *what, int fd, struct why *why);
