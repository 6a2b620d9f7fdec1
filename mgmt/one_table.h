/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What mgmt keeps for a front-end (docs/driver-protocol.md): actions with their keys, and the VMs that it made. The tables lie with init and outlive mgmt;
 * what is found there is checked once, by one_table_load().
 */
#pragma once

#include "console/node.h"
#include "mgmt/node.h"

enum one_kind { ONE_DEPLOY, ONE_SHUTDOWN, ONE_CANCEL, ONE_CLEANUP, ONE_REBOOT, ONE_RESET, ONE_KINDS };

enum one_state { ONE_NONE, ONE_RUNS, ONE_SUCCESS, ONE_FAILURE, ONE_STATES };

/* Where an action is; mgmt/one_actions.c draws the ways. Each is written before init is asked for what it says. */
enum one_step {
	ONE_BEGIN,                   /* nothing was asked for                                        */
	ONE_PRESS,                   /* its power button                                             */
	ONE_AWAIT_OFF,               /* it was pressed: the guest takes its time                     */
	ONE_CLEAR,                   /* that the VM is no more                                       */
	ONE_CREATE,                  /* there was none, and it is to be made                         */
	ONE_START,                   /* it was made, and is to start                                 */
	ONE_AGAIN,                   /* it went off, and is to start again                           */
	ONE_RESETTING,               /* a reset                                                      */
	ONE_DISKS,                   /* it is no more, and its disks go                              */
	ONE_UNDO,                    /* it failed, and what was made goes                            */
	ONE_STEPS
};

enum { ONE_VM_MAX = INT32_MAX };     /* numbers of VMs that OpenNebula may have                          */

#define ONE_KEEP_NS (3600 * 1000000000ull)   /* that long a result waits to be acknowledged          */
#define ONE_GONE_NS (120 * 1000000000ull)

/* "deploy"; NULL: there is no such kind. */
const char *one_kind_name(uint32_t kind);

/* 1 to 40 letters, digits and "-". */
bool one_key_is_good(const char *key);

/* "one-12". */
void one_vm_name(uint32_t vm, char name[CONF_NAME_MAX]);

/* The number of a VM of that name, or -1: it is not called one-N. */
int64_t one_vm_number(const char *name);

/* The node's VM of OpenNebula's VM, or NULL. One that the node's configuration calls so is not OpenNebula's. */
const struct node_vm *one_node_vm(uint32_t vm);

/* Whether the node's own configuration has a VM of that name. */
bool one_vm_is_nodes(uint32_t vm);

/* enum node_vm_state, to be read before the rest of it. */
uint32_t one_vm_state(const struct node_vm *vm);

/* A new mgmt: throws away what cannot be true, and counts a change. */
void one_table_load(uint64_t now_ns);

/* ---- actions ---- */

/* NULL: none. */
struct mgmt_action *one_table_find(const char *key);

/* The action that goes on with that VM, or NULL. */
struct mgmt_action *one_table_running(uint32_t vm);

/* Action number i, 0 to MGMT_ACTIONS - 1, whose state may be ONE_NONE. */
struct mgmt_action *one_table_action(uint32_t i);

/* A place for an action, zeroed but for order; the oldest result goes where there is none. NULL: all of them run. */
struct mgmt_action *one_table_add(void);

/* An action changes its state: told as a change, if it ends. until_ns as in struct mgmt_action. */
void one_table_set(struct mgmt_action *action, enum one_state state, uint64_t until_ns);

/* Results that are too old go. Returns when the next one does. */
uint64_t one_table_expire(uint64_t now_ns);

/*
 * A key that was acknowledged or given up, known or not: for ONE_GONE_NS, which is longer than a request may linger on a connection that its client
 * has left, it begins nothing.
 */
void one_table_bury(const char *key, uint64_t now_ns);
bool one_table_is_buried(const char *key, uint64_t now_ns);

/* ---- VMs ---- */

/* NULL: none of that number. */
struct mgmt_one_vm *one_table_vm(uint32_t vm);

/* The entry of a VM, made if there is none; of VMs that are no more, the first gives its place. NULL: there is no place. */
struct mgmt_one_vm *one_table_add_vm(uint32_t vm);

void one_table_forget_vm(uint32_t vm);

/* Whether a reboot or reset goes on with it: it may be off for a moment. */
bool one_vm_comes_back(uint32_t vm);

/*
 * Whether the node saw it go off: it ran, does not any more, and no action that goes on brings it back. If it is not there any more it must
 * have disks here still. The answer of the action that took it off may be lost: this is what a front-end learns it by then.
 */
bool one_vm_went_off(const struct mgmt_one_vm *vm);

/* ---- changes ---- */

/* Something changed that a front-end waits for. */
void one_table_changed(void);

uint32_t one_table_change(void);
