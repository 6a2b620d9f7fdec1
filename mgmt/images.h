/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes under /v1/images: files in the node's RAM, sent whole or in pieces, and read back. Each upload is hashed as it comes; only one whose
 * SHA-256 is what the client said becomes an image that VMs can name.
 */
#pragma once

#include "mgmt/exchange.h"

void images_list(struct exchange *e);

void image_put_begin(struct exchange *e);
void image_put_data(struct exchange *e, const uint8_t *bytes, size_t len);
void image_put_answer(struct exchange *e);
void image_poll(struct exchange *e);
void image_get(struct exchange *e);
void image_delete(struct exchange *e);
void image_end(struct exchange *e);
