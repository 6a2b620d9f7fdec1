/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sizes that a VM's disks shall have. A disk is made as large as its image; where the VM's template wants it larger (DISK/SIZE), it grows before
 * the VM is deployed: the transfer manager's commands do not say the size.
 */
#pragma once

#include "opennebula/brumed/image.h"
#include "opennebula/brumed/tm_path.h"

enum { SIZES_MAX = 64 };

struct sizes {
	long store, vm;                  /* -1: not said */
	size_t count;
	struct {
		long disk;
		int64_t bytes;
	} row[SIZES_MAX];
};

/* Out of oned's VMM_DRIVER_ACTION_DATA. False: it is none, or does not say which VM on which datastore. */
MUST_CHECK bool sizes_parse(const char *xml, size_t len, struct sizes *sizes);

/* Makes those of the VM's disks larger that are on the node, not large enough, and with no running VM. 0, or a status with the reason. */
image_result sizes_apply(struct node *node, const struct sizes *sizes, struct why *why);
