/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the reader of OpenNebula's requests (one_vm.h): the table of attributes, what was read, and the text made of it. */
#pragma once

#include "mgmt/one_vm.h"

enum {
	ONE_NICS_MAX = 16, ONE_RULES_MAX = 128, ONE_NIC_GROUPS_MAX = 16,
	ONE_UUID_MAX = 37,           /* bytes with the NUL                                           */
	ONE_TARGET_MAX = 8, ONE_BRIDGE_MAX = CONF_BRIDGE_MAX, ONE_ROOT_MAX = 64,
};

/* The prefix of TARGET. */
enum one_bus { ONE_BUS_VD, ONE_BUS_SD, ONE_BUS_HD, ONE_BUS_NONE };

struct one_disk {
	uint32_t id;                 /* UINT32_MAX: none was told                                    */
	bool read_only, cdrom, context;
	enum one_bus bus;            /* ONE_BUS_NONE: no TARGET                                      */
	char target[ONE_TARGET_MAX]; /* sda                                                          */
};

struct one_nic {
	bool has_mac;
	uint8_t mac[6];
	char bridge[ONE_BRIDGE_MAX], phydev[ONE_BRIDGE_MAX];
	uint32_t group_count;
	uint32_t group[ONE_NIC_GROUPS_MAX];  /* SECURITY_GROUPS                                      */
};

/* A SECURITY_GROUP_RULE. */
struct one_rule {
	uint32_t group;              /* UINT32_MAX: none was told                                    */
	bool in, out;                /* which way it allows                                          */
	bool all;                    /* protocols                                                    */
	bool narrow;                 /* but not all of their packets                                 */
};

struct one_node {
	uint32_t count;              /* TOTAL_CPUS: vCPUs of this one                                */
	uint32_t cpu_count;
	uint8_t cpu[CONF_CPUS_MAX];  /* CPUS, in their order                                         */
};

struct one_plan {
	const struct conf_node *node;
	bool deploy;
	char why[MGMT_WHY];          /* the first thing that this node cannot do; empty: none        */

	uint32_t id, datastore;      /* UINT32_MAX: not told                                         */
	char deploy_id[CONF_NAME_MAX];
	uint64_t memory_mb, memory_max_mb;
	uint32_t vcpus, vcpus_max, weight;   /* 0: not told                                          */
	bool kernel, initrd, shared_cpus;
	char cmdline[CONF_CMDLINE_MAX], root[ONE_ROOT_MAX], uuid[ONE_UUID_MAX];
	uint32_t disk_count, nic_count, rule_count, node_count;
	struct one_disk disk[ONE_DISKS_MAX + 1]; /* the last one of each: what goes beyond   */
	struct one_nic nic[ONE_NICS_MAX + 1];
	struct one_rule rule[ONE_RULES_MAX + 1];
	struct one_node numa[CONF_VCPUS_MAX + 1];
	bool graphics, vnc, pins;
	uint32_t vnc_port;
	char vnc_password[ONE_PASSWORD_MAX];
};

enum one_attribute_kind {
	ONE_GROUP,                   /* has elements in it, with rows of their own                   */
	ONE_HONOURED,
	ONE_IGNORED,                 /* says nothing to a hypervisor: words tell why                 */
	ONE_ONLY,                    /* some values are what this node does; others are refused      */
	ONE_REFUSED,                 /* unless it is empty                                           */
};

struct one_attribute {
	const char *path;            /* below TEMPLATE. One that ends in ... is for all that begin like it and have no row above */
	enum one_attribute_kind kind;
	void (*take)(struct one_plan *plan, const char *path, const char *value);       /* HONOURED. GROUP: it begins, or NULL */
	const char *values;          /* ONLY: A|B, in any case                                       */
	const char *words;           /* for people: of the documentation, and of a refusal           */
};

/* What becomes of each element of TEMPLATE; ends with a path of NULL. One that has no row is refused. */
extern const struct one_attribute one_attributes[];

/* NULL: there is no row. */
const struct one_attribute *one_attribute_find(const char *path);

/* An element of TEMPLATE begins. False: what is in it does not matter, else one_attribute_take() follows. */
bool one_attribute_open(struct one_plan *plan, const char *path);

/* value NULL: it is too long. */
void one_attribute_take(struct one_plan *plan, const char *path, const char *value);

/* This node cannot do that: the first one counts. Bytes that are no printable ASCII become '?'. */
void one_plan_refuse(struct one_plan *plan, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same of a value: "PATH=VALUE: WORDS". */
void one_plan_refuse_value(struct one_plan *plan, const char *path, const char *value, const char *words);

/* Text of the VM and the rest of *vm. E_PROTO: it tells no VM; E_INVAL: this node cannot run it. plan->why tells more. */
int one_plan_write(struct one_plan *plan, struct one_vm *vm) MUST_CHECK;
