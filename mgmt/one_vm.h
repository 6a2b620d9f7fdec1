/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenNebula's request about a VM (<VMM_DRIVER_ACTION_DATA>, streamed through expat) as the text of that VM in the grammar of
 * docs/configuration.md, or the words why this node cannot run it. docs/opennebula-attributes.md tells what becomes of each attribute.
 */
#pragma once

#include "conf/result.h"
#include "mgmt/node.h"

enum {
	ONE_DISKS_MAX = 20,          /* names told of a VM: those of the VM's text, kernel and initrd, and some that no text can hold */
	ONE_PASSWORD_MAX = 9,        /* bytes with the NUL: RFC 6143 takes 8                         */
};

/* What a request tells. */
struct one_vm {
	uint32_t id;                 /* VM 12 is `one-12` on the node                                */
	uint32_t datastore;          /* the system datastore, as the last of HISTORY says; part of its disks' names */
	char deploy_id[CONF_NAME_MAX];       /* that oned has of it; empty: none                     */
	uint32_t text_bytes;         /* 0: no deploy                                                 */
	char text[MGMT_TEXT_MAX];    /* for MGMT_VM_CREATE                                           */
	uint32_t disk_count;
	char disk[ONE_DISKS_MAX][CONF_MODULE_MAX];   /* what belongs to it on the node: disks, context, kernel, initrd, there or not */
	bool vnc;
	uint16_t vnc_port;
	char vnc_password[ONE_PASSWORD_MAX]; /* empty: none is asked for                             */
};

/* A request that comes in pieces. Takes a fixed amount of the heap, up to one_request_free(). */
struct one_request;

/*
 * deploy: the VM's text is wanted, and what this node cannot do is refused; else only who is meant is read, and whatever else the request holds
 * does not matter. node tells the switches behind BRIDGE and PHYDEV; must stay until one_request_end(). E_NOMEM.
 */
int one_request_begin(struct one_request **request, const struct conf_node *node, bool deploy) MUST_CHECK;

/*
 * Further bytes of the body. E_PROTO: it is no such request, or larger or deeper than is taken; *why says so (to be read before the
 * next call), and every further call says the same. What a deploy cannot do is told at the end only.
 */
int one_request_data(struct one_request *request, const uint8_t *bytes, size_t len, const char **why) MUST_CHECK;

/*
 * The body is whole: fills *vm in. E_PROTO as above; E_INVAL: this node cannot run that VM. *why is read before one_request_free().
 */
int one_request_end(struct one_request *request, struct one_vm *vm, const char **why) MUST_CHECK;

/* NULL is allowed. */
void one_request_free(struct one_request *request);
