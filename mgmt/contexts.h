/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT /v1/contexts/NAME: an archive of files becomes a CD-ROM called CONTEXT, a read-only disk NAME, while it comes. Its content is an image with
 * a name of the node's own, which goes when the disk goes.
 */
#pragma once

#include "mgmt/exchange.h"

/* How names of such images begin: no client makes or deletes one. */
#define CONTEXT_IMAGE "one-context."

#define CONTEXT_MAX (64ull << 20)    /* bytes of an archive */

void context_begin(struct exchange *e);
void context_data(struct exchange *e, const uint8_t *bytes, size_t len);
void context_answer(struct exchange *e);
void context_poll(struct exchange *e);
void context_end(struct exchange *e);
