/* SPDX-License-Identifier: Apache-2.0 */
/* All that can be asked for by HTTP (docs/management.md). */
#include "mgmt/node_routes.h"

const struct route routes[] = {
	{ HTTP_GET,  "/v1/node",        ROLE_MONITOR,  0, node_get },
	{ HTTP_GET,  "/v1/vms",         ROLE_MONITOR,  0, node_get_vms },
	{ HTTP_GET,  "/v1/vms/*",       ROLE_MONITOR,  0, node_get_vm },
	{ HTTP_GET,  "/metrics",        ROLE_MONITOR,  0, node_get_metrics },
	{ HTTP_POST, "/v1/vms/*/start", ROLE_OPERATOR, 0, node_start_vm },
	{ HTTP_POST, "/v1/vms/*/stop",  ROLE_OPERATOR, 0, node_stop_vm },
	{ HTTP_POST, "/v1/vms/*/kill",  ROLE_OPERATOR, 0, node_kill_vm },
	{ 0 },
};
