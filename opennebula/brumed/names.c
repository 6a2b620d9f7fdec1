/* SPDX-License-Identifier: Apache-2.0 */
/* Names of nodes. */
#include <ctype.h>
#include <string.h>

#include "opennebula/brumed/names.h"

bool node_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NODE_NAME_MAX || !isalnum((unsigned char)name[0])) {
		return false;
	}
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("-._", *name)) {
			return false;
		}
	}
	return true;
}
