/* SPDX-License-Identifier: Apache-2.0 */
/* All that can be asked for by HTTP (docs/management.md). */
#include "mgmt/node.h"
#include "mgmt/node_routes.h"

const struct route routes[] = {
	{ HTTP_GET,  "/v1/node",        ROLE_MONITOR,  0, node_get, NULL, NULL },
	{ HTTP_GET,  "/v1/vms",         ROLE_MONITOR,  0, node_get_vms, NULL, NULL },
	{ HTTP_POST, "/v1/vms",         ROLE_OPERATOR, MGMT_TEXT, node_create_vm, node_created_vm, node_abandon_vm },
	{ HTTP_GET,  "/v1/vms/*",       ROLE_MONITOR,  0, node_get_vm, NULL, NULL },
	{ HTTP_GET,  "/metrics",        ROLE_MONITOR,  0, node_get_metrics, NULL, NULL },
	{ HTTP_POST, "/v1/vms/*/start", ROLE_OPERATOR, 0, node_start_vm, NULL, NULL },
	{ HTTP_POST, "/v1/vms/*/stop",  ROLE_OPERATOR, 0, node_stop_vm, NULL, NULL },
	{ HTTP_POST, "/v1/vms/*/kill",  ROLE_OPERATOR, 0, node_kill_vm, NULL, NULL },
	{ 0 },
};
