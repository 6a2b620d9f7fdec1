/* SPDX-License-Identifier: Apache-2.0 */
/* Which image goes when there is no room. */
#include <string.h>

#include "opennebula/brumed/image_choice.h"

/* Whether a disk is a clone of it. */
static bool is_cloned(const json_t *disks, const char *name)
{
	for (size_t i = 0; i < json_array_size(disks); i++) {
		const char *image = json_string_value(json_object_get(json_array_get(disks, i), "image"));

		if (image && strcmp(image, name) == 0) {
			return true;
		}
	}
	return false;
}

ssize_t image_choose(const json_t *images, const json_t *disks, int64_t (*used)(void *context, const char *name), void *context,
		     const char *keep)
{
	ssize_t chosen = -1;
	int64_t oldest = INT64_MAX;

	for (size_t i = 0; i < json_array_size(images); i++) {
		const char *name = json_string_value(json_object_get(json_array_get(images, i), "name"));
		int64_t at;

		if (!name || strncmp(name, IMAGE_PREFIX, strlen(IMAGE_PREFIX)) != 0 || strcmp(name, keep) == 0 || is_cloned(disks, name)) {
			continue;
		}
		at = used(context, name);
		if (at >= 0 && at < oldest) {
			oldest = at;
			chosen = (ssize_t)i;
		}
	}
	return chosen;
}
