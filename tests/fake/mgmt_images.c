/* SPDX-License-Identifier: Apache-2.0 */
/* Images without init: see mgmt_images.h. */
#include "tests/fake/mgmt_images.h"

#include <stdlib.h>
#include <string.h>

#include "mgmt/platform.h"

static struct mgmt_status status = { .cpus = 2, .uptime_ns = 5000000000, .idle_ns = 1000000000 };
static struct mgmt_wish wishes[MGMT_IMAGES];
static uint8_t *memory[MGMT_IMAGES];

const struct mgmt_status *platform_status(void)
{
	return &status;
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
		used += status.image[k].state ? status.image[k].bytes : 0;
	}
	if (wishes[i].name[0] == '.') {
		return E_INVAL;
	}
	if (wishes[i].bytes > FAKE_IMAGES_BYTES - used) {
		return E_NOMEM;
	}
	memory[i] = malloc(wishes[i].bytes);
	status.image[i].state = IMAGE_FILLING;
	status.image[i].bytes = wishes[i].bytes;
	memcpy(status.image[i].name, wishes[i].name, sizeof(status.image[i].name));
	return OK;
}

static void drop(uint32_t i)
{
	free(memory[i]);
	memory[i] = NULL;
	status.image[i].state = IMAGE_NONE;
}

bool fake_image_command(uint32_t op, uint32_t i)
{
	int r = OK;

	if (op == MGMT_REFRESH) {
		status.vm[0] = (struct mgmt_vm){ .cpu_ns = 1500000000, .disk_count = 1, .disk = { { .module = "disk.img" } } };
		status.refreshed++;
		return true;
	}
	switch (op) {
	case MGMT_IMAGE_MAKE: r = make(i); break;
	case MGMT_IMAGE_SEAL:
		memcpy(status.image[i].sha256, wishes[i].sha256, MGMT_DIGEST);
		status.image[i].state = IMAGE_WHOLE;
		break;
	case MGMT_IMAGE_DROP: drop(i); break;
	default:              return false;
	}
	status.image[i].result = r;
	status.image[i].answers++;
	return true;
}

void fake_images_reset(void)
{
	for (uint32_t i = 0; i < MGMT_IMAGES; i++) {
		drop(i);
	}
}
