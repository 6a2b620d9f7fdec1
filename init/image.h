/* SPDX-License-Identifier: Apache-2.0 */
/* Files that VMs name: boot modules, and images that came over the network (mgmt/node.h), each one region of RAM. */
#pragma once

#include "init/inventory.h"
#include "mgmt/node.h"

/* The boot module or whole image of that name. NULL: none. It stays while a VM that names it is not off. */
const struct content *content_find(const char *name);

/* Where mgmt reads what became of its wishes: MGMT_IMAGES of them, zeroed. */
void images_init(struct mgmt_image *shown);

/* What mgmt wishes; i < MGMT_IMAGES; space: mgmt's. The result is shown. */
void image_make(uint32_t i, const struct mgmt_wish *wish, uint32_t space);
void image_seal(uint32_t i, const struct mgmt_wish *wish, uint32_t space);
void image_drop(uint32_t i);

/* mgmt starts: images into its space. It died: half of an image is of no use to the next one. */
int images_map(uint32_t space) MUST_CHECK;
void images_forget_halves(void);
