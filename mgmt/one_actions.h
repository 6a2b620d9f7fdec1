/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions of OpenNebula's (docs/driver-protocol.md): each goes on by itself, by what init answers and what becomes of the VM, and none
 * waits for anything. Where it is stands in the table (mgmt/one_table.h), so that another mgmt goes on with it.
 */
#pragma once

#include "mgmt/one_table.h"
#include "mgmt/one_vm.h"

/* A new mgmt: goes on with what it finds. One that had not changed anything yet is forgotten: the front-end asks again. */
void one_actions_init(uint64_t now_ns);

/*
 * Begins one, with a key that one_table_find() does not know. vm: what the request tells; deploy needs its text. One that
 * waits for a guest to go off gives way to cancel and cleanup. E_BUSY: another one goes on with this VM; E_NOMEM: no place for another action;
 * E_INVAL: it cannot be done with this VM at all; *why says so.
 */
int one_actions_begin(enum one_kind kind, const char *key, const struct one_vm *vm, struct mgmt_action **action, const char **why) MUST_CHECK;

/* Acknowledged, or given up: nothing more is done for it, and it is forgotten. */
void one_actions_forget(struct mgmt_action *action);

/* Goes on with all of them. Returns when to call again even if nobody wakes mgmt. */
uint64_t one_actions_run(uint64_t now_ns);
