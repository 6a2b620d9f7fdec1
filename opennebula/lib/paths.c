/* SPDX-License-Identifier: Apache-2.0 */
/* Folders, with and without ONE_LOCATION. */
#include <stdio.h>
#include <stdlib.h>

#include "opennebula/lib/paths.h"

/* of the system, and below $ONE_LOCATION */
static const char *const folders[][2] = {
	[ONE_ETC] = { "/etc/one", "etc" },
	[ONE_VAR] = { "/var/lib/one", "var" },
	[ONE_LOG] = { "/var/log/one", "var" },
	[ONE_LIB] = { "/usr/lib/one", "lib" },
	[BRUME_ETC] = { "/etc/one/brume", "etc/brume" },
	[BRUME_VAR] = { "/var/lib/one/brume", "var/brume" },
	[BRUME_RUN] = { "/run/brume", "var/run" },
};

bool one_path(char path[ONE_PATH_MAX], enum one_folder folder, const char *file)
{
	const char *root = getenv("ONE_LOCATION"), *slash = *file ? "/" : "";
	int len;

	if (root && *root) {
		len = snprintf(path, ONE_PATH_MAX, "%s/%s%s%s", root, folders[folder][1], slash, file);
	} else {
		len = snprintf(path, ONE_PATH_MAX, "%s%s%s", folders[folder][0], slash, file);
	}
	if (len < 0 || len >= ONE_PATH_MAX) {
		path[0] = 0;
		return false;
	}
	return true;
}

bool one_path_socket(char path[ONE_PATH_MAX])
{
	const char *given = getenv("BRUMED_SOCKET");
	int len;

	if (!given || !*given) {
		return one_path(path, BRUME_RUN, "brumed.sock");
	}
	len = snprintf(path, ONE_PATH_MAX, "%s", given);
	return len < ONE_PATH_MAX;
}
