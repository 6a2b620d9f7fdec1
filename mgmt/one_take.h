/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of the table of attributes (one_plan.h): each takes one value, or refuses it by name. */
#pragma once

#include "mgmt/one_plan.h"

typedef void one_take_fn(struct one_plan *plan, const char *path, const char *value);

/* The machine, and where it runs. */
one_take_fn one_take_memory, one_take_memory_max, one_take_vcpus, one_take_vcpus_max, one_take_cpu, one_take_kernel, one_take_initrd, one_take_cmdline,
	one_take_root, one_take_uuid, one_take_policy, one_take_node, one_take_cpus, one_take_node_count;

/* Its disks; those of the context CD-ROM, too. */
one_take_fn one_take_disk, one_take_context, one_take_disk_id, one_take_target, one_take_read_only, one_take_disk_type;

/* Its cards, and its console. */
one_take_fn one_take_nic, one_take_mac, one_take_bridge, one_take_phydev, one_take_groups, one_take_mtu, one_take_rule, one_take_rule_group,
	one_take_rule_type, one_take_rule_protocol, one_take_rule_narrow;
one_take_fn one_take_graphics, one_take_graphics_type, one_take_port, one_take_password;

/* A decimal number that is all of text. False: it is none, or above max. */
bool one_number(const char *text, uint64_t max, uint64_t *number);

/* A number at *text, which moves behind it. */
bool one_digits(const char **text, uint64_t max, uint64_t *number);
