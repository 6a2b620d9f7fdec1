/* SPDX-License-Identifier: Apache-2.0 */
/* init's side of images and counters, made up: memory of the host, answered at once. Nothing is in use; FAKE_IMAGES_BYTES are there in all. */
#pragma once

#include "mgmt/node.h"

#define FAKE_IMAGES_BYTES (64ull << 20)

/* A command of mgmt's about image i. False: it is none. */
bool fake_image_command(uint32_t op, uint32_t i);

/* All are gone. */
void fake_images_reset(void);
