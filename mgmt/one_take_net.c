/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a VM's network cards, security groups and console: see one_take.h. */
#include <string.h>
#include <strings.h>

#include "lib/hex.h"
#include "mgmt/one_take.h"

enum { MTU_MAX = 1500, OWN_PORT = 8443 };

static struct one_nic *nic_of(struct one_plan *plan)
{
	return &plan->nic[plan->nic_count - 1];
}

static struct one_rule *rule_of(struct one_plan *plan)
{
	return &plan->rule[plan->rule_count - 1];
}

/* ---- cards ---- */

void one_take_nic(struct one_plan *plan, const char *path, const char *value)
{
	(void)path, (void)value;
	if (plan->nic_count <= ONE_NICS_MAX) {
		plan->nic_count++;
	}
	*nic_of(plan) = (struct one_nic){ 0 };
}

void one_take_mac(struct one_plan *plan, const char *path, const char *value)
{
	struct one_nic *nic = nic_of(plan);

	if (!*value) {
		return;
	}
	nic->has_mac = hex_read_mac(value, nic->mac);
	if (!nic->has_mac) {
		one_plan_refuse_value(plan, path, value, "it must be like 02:00:0a:00:00:01, of one station");
	}
}

static void take_name(struct one_plan *plan, const char *path, const char *value, char field[ONE_BRIDGE_MAX])
{
	if (strlen(value) >= ONE_BRIDGE_MAX) {
		one_plan_refuse(plan, "%s: longer than %d bytes", path, ONE_BRIDGE_MAX - 1);
		return;
	}
	memcpy(field, value, strlen(value) + 1);
}

void one_take_bridge(struct one_plan *plan, const char *path, const char *value)
{
	take_name(plan, path, value, nic_of(plan)->bridge);
}

void one_take_phydev(struct one_plan *plan, const char *path, const char *value)
{
	take_name(plan, path, value, nic_of(plan)->phydev);
}

void one_take_mtu(struct one_plan *plan, const char *path, const char *value)
{
	uint64_t mtu;

	if (*value && !one_number(value, MTU_MAX, &mtu)) {
		one_plan_refuse_value(plan, path, value, "frames of more than 1500 bytes do not pass the node's switch");
	}
}

/* 0,100 */
void one_take_groups(struct one_plan *plan, const char *path, const char *value)
{
	struct one_nic *nic = nic_of(plan);
	const char *at = value;
	uint64_t group;

	nic->group_count = 0;
	while (*at && nic->group_count < ONE_NIC_GROUPS_MAX) {
		if (!one_digits(&at, INT32_MAX, &group) || (*at && *at != ',')) {
			break;
		}
		nic->group[nic->group_count++] = (uint32_t)group;
		at += *at == ',';
	}
	if (*at) {
		one_plan_refuse_value(plan, path, value, "it must be like 0,100, with up to 16 numbers");
	}
}

/* ---- rules ---- */

void one_take_rule(struct one_plan *plan, const char *path, const char *value)
{
	(void)path, (void)value;
	if (plan->rule_count <= ONE_RULES_MAX) {
		plan->rule_count++;
	}
	*rule_of(plan) = (struct one_rule){ .group = UINT32_MAX };
}

void one_take_rule_group(struct one_plan *plan, const char *path, const char *value)
{
	uint64_t group;

	(void)path;
	if (one_number(value, INT32_MAX, &group)) {
		rule_of(plan)->group = (uint32_t)group;
	}
}

void one_take_rule_type(struct one_plan *plan, const char *path, const char *value)
{
	(void)path;
	rule_of(plan)->in = strcasecmp(value, "INBOUND") == 0;
	rule_of(plan)->out = strcasecmp(value, "OUTBOUND") == 0;
}

void one_take_rule_protocol(struct one_plan *plan, const char *path, const char *value)
{
	(void)path;
	rule_of(plan)->all = strcasecmp(value, "ALL") == 0;
}

void one_take_rule_narrow(struct one_plan *plan, const char *path, const char *value)
{
	(void)path;
	if (*value) {
		rule_of(plan)->narrow = true;
	}
}

/* ---- console ---- */

void one_take_graphics(struct one_plan *plan, const char *path, const char *value)
{
	(void)path, (void)value;
	plan->graphics = true;
}

void one_take_graphics_type(struct one_plan *plan, const char *path, const char *value)
{
	plan->vnc = strcasecmp(value, "VNC") == 0;
	if (*value && !plan->vnc) {
		one_plan_refuse_value(plan, path, value, "a console is shown by VNC");
	}
}

void one_take_port(struct one_plan *plan, const char *path, const char *value)
{
	uint64_t port;

	if (!*value || strcmp(value, "-1") == 0) {
		return;
	}
	if (!one_number(value, UINT16_MAX, &port) || !port || port == OWN_PORT) {
		one_plan_refuse_value(plan, path, value, "it must be 1 to 65535, and not 8443, which is the node's own");
		return;
	}
	plan->vnc_port = (uint32_t)port;
}

void one_take_password(struct one_plan *plan, const char *path, const char *value)
{
	if (strlen(value) >= sizeof(plan->vnc_password)) {
		one_plan_refuse(plan, "%s: longer than 8 bytes, which VNC would cut", path);
		return;
	}
	memcpy(plan->vnc_password, value, strlen(value) + 1);
}
