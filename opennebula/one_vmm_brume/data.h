/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver itself needs of a request's XML, <VMM_DRIVER_ACTION_DATA>; all the rest is the node's. There is no document
 * type, and so no entity, in what oned writes: one that has a document type is refused.
 */
#pragma once

#include "opennebula/lib/memory.h"

enum action_text {
	DATA_HOST, DATA_MIGRATION_HOST,
	DATA_TRANSFER, DATA_ROLLBACK,    /* lines of the transfer manager */
	DATA_GROUP, DATA_NETWORK,        /* numbers, of UPDATESG and UPDATENIC; else "" */
	DATA_VM,                         /* the VM's number */
	DATA_TEXTS,
	DATA_NONE = DATA_TEXTS
};

/* All zero: nothing was read yet. */
struct action_data {
	struct buffer text[DATA_TEXTS];
};

/* len: up to 2^31 - 1. False with the reason: no XML, another document, too deep. The caller frees the data in either case. */
MUST_CHECK bool action_data_read(const char *xml, size_t len, struct action_data *data, struct why *why);

/* One text, never NULL; the data's. That of DATA_NONE is empty. */
const char *data_text(const struct action_data *data, enum action_text which);

void action_data_free(struct action_data *data);
