/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of the VMs: each is a process of the program vmm with memory, channel, events and a control page.
 *
 *   VM_OFF --vm_start--> VM_ON --its process ends, or vm_kill--> VM_DRAIN --console has the rest, or 1 s--> VM_OFF
 *                                                                    \--it is to start again--> VM_ON
 *
 * All memory but the channel is taken back on the way to VM_DRAIN. The channel belongs to the configured VM and stays.
 */
#pragma once

#include "conf/result.h"
#include "init/program.h"
#include "init/volume.h"
#include "vmm/launch.h"

enum vm_phase { VM_OFF, VM_ON, VM_DRAIN,
	VM_NONE,                     /* there is no VM of this number; another one may get it         */
};

struct vm {
	struct conf_vm conf;
	uint32_t number;
	uint32_t id;                 /* none was given before, and none will be again                */
	enum vm_phase phase;
	uint32_t generation;         /* counts starts of all VMs that had this number: what is late means none of the others */
	uint32_t starts;             /* of this one                                                  */
	uint32_t presses;            /* of its power button                                          */
	struct child child;
	struct extent ram[VMM_RAM_MAX];
	struct vmm_ram ram_map[VMM_RAM_MAX];
	unsigned ram_count;
	uint64_t away;               /* bit i: ram[i] is empty, its memory was given back by the guest       */
	bool waits;                  /* the guest wants some of it, and there is none                        */
	uint32_t near;               /* nodes that its memory is to come from (init/numa.h); once started        */
	struct memory_order order;   /* those, then the others                                       */
	struct extent layer[CONF_DISKS_MAX]; /* what changes on its disks                            */
	struct volume_set volumes;   /* that it uses                                                 */
	uint64_t disks[MGMT_DISKS / 64];     /* bit n of all: it uses disk n (init/store.h)          */
	struct extent channel;
	struct extent nic[CONF_NICS_MAX];    /* channels to the switch                               */
	uint32_t input_event;        /* the console signals it; paid by the child, as the next       */
	uint32_t control_event;
	uint32_t net_event;          /* the switch signals it; 0: no card                            */
	uint32_t sent_event[CONF_NICS_MAX];  /* and these                                            */
	bool start_again;            /* when drained                                                 */
	unsigned quick_resets;       /* in a row                                                     */
	uint64_t started_ns;
	uint64_t deadline_ns;        /* VM_DRAIN: then without the console. VM_ON: then it is killed; UINT64_MAX: none */
	char note[64];               /* how it ended last                                            */
};

enum { VMS_SPARE = 64 };     /* VMs that may be added on a node that is managed                          */

/* Takes the configuration over; gives every VM its channel. */
void vms_init(const struct conf_result *config);

/*
 * Adds one that is not in the configuration, off. Returns its number. E_BUSY: there is one of that name, or who has the address of one
 * of its cards; E_NOMEM: VMS_SPARE were added. *why says so in words.
 */
int vms_add(const struct conf_vm *conf, const char **why) MUST_CHECK;

/*
 * Forgets a VM, and gives back all that it has. E_BUSY: it is not VM_OFF; E_AGAIN: console or switch have not let go of it. *why says
 * so in words.
 */
int vms_remove(struct vm *vm, const char **why) MUST_CHECK;

uint32_t vm_count(void);                     /* numbers in use are below it; some may be VM_NONE          */
uint32_t vm_room(void);                      /* vm_count() never gets beyond that                    */
struct vm *vm_get(uint32_t number);      /* number < vm_count()                                      */
struct vm *vm_find(const char *name);    /* NULL: none                                               */

/* Starts a VM that is VM_OFF; logs it if that went well. On an error *why says in words what is missing, and nothing is left. */
int vm_try_start(struct vm *vm, const char **why) MUST_CHECK;

/* Starts a VM that is VM_OFF; logs how that went. False: it did not start, and nothing is left of the attempt. */
bool vm_start(struct vm *vm);

/* The same for an operator: a VM that is still draining starts when that is done. */
void vm_start_soon(struct vm *vm);

/* Starts all that are to start with the node. */
void vms_autostart(void);

/* The power button of a running VM. */
void vm_press_power(struct vm *vm);

/* Asks the guest of a running VM with a balloon to give up a part of its memory, or gives it a part back. */
void vm_ask_balloon(struct vm *vm, bool take);

/* Logs the CPU time of a VM, and asks its vmm to tell the rest. */
void vm_show_counters(struct vm *vm);

/* Asks the vmm of a running VM for something. */
void vm_ask(struct vm *vm, enum vmm_request request);

/* Ends a running VM at once. */
void vm_kill(struct vm *vm);

/* The same, and it starts again. */
void vm_reset(struct vm *vm);

/* The VM's vmm signalled a new state, or its process ended. */
void vm_event(uint32_t number);

/* Goes on where deadlines passed or the console answered. Returns the next deadline, UINT64_MAX: none. */
uint64_t vms_tick(uint64_t now_ns);

/* Counts changes of phase: who saw no change since may wait for the deadlines. */
uint64_t vms_changes(void);

/* True once the last VM has ended in good order and none runs or is about to. */
bool vms_idle(void);
