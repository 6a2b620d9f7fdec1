/* SPDX-License-Identifier: Apache-2.0 */
/* Images without init: see mgmt_images.h. */
#include "tests/fake/mgmt_images.h"

#include <stdlib.h>
#include <string.h>

#include "mgmt/platform.h"

static struct mgmt_image images[MGMT_IMAGES];
static struct mgmt_wish wishes[MGMT_IMAGES];
static uint8_t *memory[MGMT_IMAGES];

const struct mgmt_image *platform_images(void)
{
	return images;
}

void platform_wish(uint32_t i, const struct mgmt_wish *wish)
{
	wishes[i] = *wish;
}

void *platform_image(int i)
{
	return memory[i];
}

static int make(uint32_t i)
{
	uint64_t used = 0;

	for (uint32_t k = 0; k < MGMT_IMAGES; k++) {
		used += images[k].state ? images[k].bytes : 0;
	}
	if (wishes[i].name[0] == '.') {
		return E_INVAL;
	}
	if (wishes[i].bytes > FAKE_IMAGES_BYTES - used) {
		return E_NOMEM;
	}
	memory[i] = malloc(wishes[i].bytes);
	images[i].state = IMAGE_FILLING;
	images[i].bytes = wishes[i].bytes;
	memcpy(images[i].name, wishes[i].name, sizeof(images[i].name));
	return OK;
}

static void drop(uint32_t i)
{
	free(memory[i]);
	memory[i] = NULL;
	images[i].state = IMAGE_NONE;
}

bool fake_image_command(uint32_t op, uint32_t i)
{
	int r = OK;

	switch (op) {
	case MGMT_IMAGE_MAKE: r = make(i); break;
	case MGMT_IMAGE_SEAL:
		memcpy(images[i].sha256, wishes[i].sha256, MGMT_DIGEST);
		images[i].state = IMAGE_WHOLE;
		break;
	case MGMT_IMAGE_DROP: drop(i); break;
	default:              return false;
	}
	images[i].result = r;
	images[i].answers++;
	return true;
}

void fake_images_reset(void)
{
	for (uint32_t i = 0; i < MGMT_IMAGES; i++) {
		drop(i);
	}
}
