/* SPDX-License-Identifier: Apache-2.0 */
/* All that can be asked for by HTTP (docs/management.md). */
#include "mgmt/consoles.h"
#include "mgmt/contexts.h"
#include "mgmt/counter_routes.h"
#include "mgmt/disks.h"
#include "mgmt/images.h"
#include "mgmt/node.h"
#include "mgmt/node_routes.h"
#include "mgmt/one_monitor.h"
#include "mgmt/one_routes.h"
#include "mgmt/vnc_routes.h"

#define DISK(what) .role = ROLE_OPERATOR, .answer = (what), .poll = disk_poll, .end = disk_end
#define ACTION(at) { .method = HTTP_POST, .path = (at), .role = ROLE_FRONTEND, .begin = one_action_begin, .data = one_action_data, \
		     .answer = one_action_answer, .end = one_action_end }
#define CHANGE(what) .role = ROLE_OPERATOR, .answer = (what), .poll = node_poll, .end = node_end

const struct route routes[] = {
	{ .method = HTTP_GET, .path = "/v1/node", .role = ROLE_MONITOR, .answer = node_get },
	{ .method = HTTP_GET, .path = "/v1/log", .role = ROLE_MONITOR, .answer = node_get_log },
	{ .method = HTTP_GET, .path = "/v1/counters", .role = ROLE_MONITOR, .answer = counters_ask, .poll = counters_poll, .end = counters_end },
	{ .method = HTTP_GET, .path = "/v1/volumes", .role = ROLE_MONITOR, .answer = counters_ask, .poll = volumes_poll, .end = counters_end },
	{ .method = HTTP_GET, .path = "/metrics", .role = ROLE_MONITOR, .answer = counters_ask, .poll = metrics_poll, .end = counters_end },
	{ .method = HTTP_GET, .path = "/v1/metrics", .role = ROLE_MONITOR, .answer = counters_ask, .poll = metrics_poll, .end = counters_end },

	{ .method = HTTP_GET, .path = "/v1/vms", .role = ROLE_MONITOR, .answer = node_get_vms },
	{ .method = HTTP_GET, .path = "/v1/vms/*", .role = ROLE_MONITOR, .answer = node_get_vm },
	{ .method = HTTP_POST, .path = "/v1/vms", .body_max = MGMT_TEXT_MAX, CHANGE(node_create_vm) },
	{ .method = HTTP_DELETE, .path = "/v1/vms/*", CHANGE(node_delete_vm) },
	{ .method = HTTP_GET, .path = "/v1/vms/*/console", .role = ROLE_OPERATOR, .answer = console_open, .end = console_close },
	{ .method = HTTP_GET, .path = "/v1/vms/*/vnc", .role = ROLE_OPERATOR, .answer = vnc_route_get },
	{ .method = HTTP_POST, .path = "/v1/vms/*/vnc", .role = ROLE_OPERATOR, .body_max = VNC_BODY_MAX, .answer = vnc_route_open },
	{ .method = HTTP_DELETE, .path = "/v1/vms/*/vnc", .role = ROLE_OPERATOR, .answer = vnc_route_close },
	{ .method = HTTP_POST, .path = "/v1/vms/*/start", CHANGE(node_start_vm) },
	{ .method = HTTP_POST, .path = "/v1/vms/*/stop", CHANGE(node_stop_vm) },
	{ .method = HTTP_POST, .path = "/v1/vms/*/kill", CHANGE(node_kill_vm) },
	{ .method = HTTP_POST, .path = "/v1/vms/*/reset", CHANGE(node_reset_vm) },

	{ .method = HTTP_GET, .path = "/v1/images", .role = ROLE_MONITOR, .answer = images_list },
	{ .method = HTTP_GET, .path = "/v1/images/*", .role = ROLE_OPERATOR, .answer = image_get, .end = image_end },
	{ .method = HTTP_PUT, .path = "/v1/images/*", .role = ROLE_OPERATOR, .begin = image_put_begin, .data = image_put_data,
	  .answer = image_put_answer, .poll = image_poll, .end = image_end },
	{ .method = HTTP_DELETE, .path = "/v1/images/*", .role = ROLE_OPERATOR, .answer = image_delete, .poll = image_poll,
	  .end = image_end },

	{ .method = HTTP_GET, .path = "/v1/disks", .role = ROLE_MONITOR, .answer = disks_ask, .poll = disks_poll, .end = counters_end },
	{ .method = HTTP_GET, .path = "/v1/disks/*", .role = ROLE_OPERATOR, .answer = disk_get, .poll = disk_get_poll, .more = disk_more,
	  .end = disk_end },
	{ .method = HTTP_POST, .path = "/v1/disks/*", .body_max = DISK_TEXT_MAX, DISK(disk_create) },
	{ .method = HTTP_POST, .path = "/v1/disks/*/size", .body_max = DISK_TEXT_MAX, DISK(disk_resize) },
	{ .method = HTTP_POST, .path = "/v1/disks/*/rename", .body_max = DISK_TEXT_MAX, DISK(disk_rename) },
	{ .method = HTTP_DELETE, .path = "/v1/disks/*", DISK(disk_delete) },
	{ .method = HTTP_PUT, .path = "/v1/disks/*", .role = ROLE_OPERATOR, .begin = disk_put_begin, .data = disk_put_data,
	  .answer = disk_put_answer, .poll = disk_put_poll, .end = disk_end },
	{ .method = HTTP_PUT, .path = "/v1/contexts/*", .role = ROLE_OPERATOR, .begin = context_begin, .data = context_data,
	  .answer = context_answer, .poll = context_poll, .end = context_end },

	ACTION("/v1/one/vms/*/deploy"),
	ACTION("/v1/one/vms/*/shutdown"),
	ACTION("/v1/one/vms/*/cancel"),
	ACTION("/v1/one/vms/*/cleanup"),
	ACTION("/v1/one/vms/*/reboot"),
	ACTION("/v1/one/vms/*/reset"),
	{ .method = HTTP_GET, .path = "/v1/one/actions", .role = ROLE_FRONTEND, .answer = one_get_actions },
	{ .method = HTTP_GET, .path = "/v1/one/actions/*", .role = ROLE_FRONTEND, .answer = one_get_action },
	{ .method = HTTP_DELETE, .path = "/v1/one/actions/*", .role = ROLE_FRONTEND, .answer = one_delete_action },
	{ .method = HTTP_GET, .path = "/v1/one/changes", .role = ROLE_FRONTEND, .answer = one_changes_answer, .poll = one_changes_poll,
	  .end = one_changes_end },
	{ .method = HTTP_GET, .path = "/v1/one/monitor/*", .role = ROLE_MONITOR, .answer = one_monitor_ask, .poll = one_monitor_poll,
	  .end = one_monitor_end },
	{ 0 },
};
