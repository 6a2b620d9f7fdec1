/* SPDX-License-Identifier: Apache-2.0 */
/* Disks that grow. */
#include <stdio.h>
#include <string.h>

#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/sizes.h"
#include "opennebula/lib/log.h"

image_result sizes_apply(struct node *node, const struct sizes *sizes, struct why *why)
{
	struct client_call call = { .method = "GET", .path = "/v1/disks", .timeout_s = settings.request_s };
	json_t *disks = NULL;
	image_result result = 0;

	if (sizes->count == 0) {
		return 0;
	}
	if (client_call(node, CLIENT_REQUEST, &call) && call.status == 200) {
		disks = json_loadb(buffer_string(&call.answer), call.answer.len, 0, NULL);
	}
	if (!json_is_array(disks)) {
		client_explain(node, &call);
		*why = call.why;
		result = 502;
	}
	buffer_free(&call.answer);
	for (size_t i = 0; i < sizes->count && result == 0; i++) {
		result = image_grow_disk(node, disks, sizes->store, sizes->vm, sizes->row[i].disk, sizes->row[i].bytes, why);
	}
	json_decref(disks);
	return result;
}
