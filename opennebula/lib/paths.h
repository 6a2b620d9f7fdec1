/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where OpenNebula and Brume keep what on a front-end: the folders of the system, or those below $ONE_LOCATION of a
 * self-contained installation.
 */
#pragma once

#include "lib/base.h"

enum { ONE_PATH_MAX = 1024 };

enum one_folder {
	ONE_ETC,                         /* /etc/one              or $ONE_LOCATION/etc     */
	ONE_VAR,                         /* /var/lib/one          or $ONE_LOCATION/var     */
	ONE_LOG,                         /* /var/log/one          or $ONE_LOCATION/var     */
	ONE_LIB,                         /* /usr/lib/one          or $ONE_LOCATION/lib     */
	BRUME_ETC,                       /* /etc/one/brume        or $ONE_LOCATION/etc/brume */
	BRUME_VAR,                       /* /var/lib/one/brume    or $ONE_LOCATION/var/brume */
	BRUME_RUN,                       /* /run/brume            or $ONE_LOCATION/var/run */
};

/* The path of a file in a folder; file may be "". False: it does not fit, and path is "". */
MUST_CHECK bool one_path(char path[ONE_PATH_MAX], enum one_folder folder, const char *file);

/* brumed's socket: $BRUMED_SOCKET, else brumed.sock in BRUME_RUN. */
MUST_CHECK bool one_path_socket(char path[ONE_PATH_MAX]);
