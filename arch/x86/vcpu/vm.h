/* SPDX-License-Identifier: Apache-2.0 */
/* The architecture's part of a guest space: memory slots, doorbells, options, the list of its vCPUs. */
#pragma once

#include "kernel/event.h"
#include "lib/base.h"

struct space;
struct vcpu;

enum { VM_SLOT_MAX = 8, VM_VCPU_MAX = 16, VM_DOORBELL_MAX = 32 };

/* Guest-physical [gpa, gpa + size) stands at user address uva of the process that runs the vCPUs. */
struct vm_slot {
	uint64_t gpa, size, uva;
};

/* A registered guest write. One whose event died signals nobody. A removed one is of no kind and its place is reused. */
struct vm_doorbell {
	uint64_t address, value;
	uint32_t flags;              /* enum doorbell_kind                                      */
	struct event_ref event;
};

/*
 * The lists are read without a lock by exits of the VM's vCPUs: they grow by an entry first and its count then, and slots only
 * before there are vCPUs.
 */
struct vm {
	struct space *space;
	uint64_t tsc_offset;         /* of vCPUs made from now on                               */
	uint64_t clock_base;         /* host clock at creation: the guest's kvmclock counts from it */
	uint32_t vcpu_count;
	uint32_t slot_count, doorbell_count;
	struct vcpu *vcpu[VM_VCPU_MAX];
	struct vm_slot slot[VM_SLOT_MAX];
	struct vm_doorbell doorbell[VM_DOORBELL_MAX];
	uint32_t lowest_turn;        /* lowest-priority arbitration goes round                  */
};

/* Attaches a struct vm from the space's arena to a guest space (s->vm). E_NOMEM. */
int vm_init(struct space *s) MUST_CHECK;

/* No vCPU of it is left (they die first). */
void vm_fini(struct space *s);

/*
 * User address of [gpa, gpa + len) if one slot holds it all, else 0. The address belongs to the process that
 * registered the slot; use it only with the user-access functions while that process is current.
 */
uint64_t vm_user_address(const struct vm *vm, uint64_t gpa, uint64_t len);

/* Copies from or to guest memory through the slots. E_RANGE outside of them, E_FAULT when the vmm unmapped it. */
int vm_read(const struct vm *vm, uint64_t gpa, void *buf, size_t len) MUST_CHECK;
int vm_write(const struct vm *vm, uint64_t gpa, const void *buf, size_t len) MUST_CHECK;

/*
 * Delivers one MSI to the guest's local APICs (SDM 3A 11.11). Callable with interrupts off.
 * Messages to nobody are lost, as on a PC.
 */
void vm_msi(struct space *s, uint64_t addr, uint32_t data);

/* Forgets all doorbells at the address. kind: DOORBELL_PIO or DOORBELL_MMIO. */
void vm_doorbell_remove(struct vm *vm, uint32_t kind, uint64_t address);

/* Registers a doorbell; the first of several that match rings. E_NOMEM: VM_DOORBELL_MAX reached. */
int vm_doorbell_add(struct vm *vm, uint32_t flags, uint64_t address, uint64_t value, struct event *e) MUST_CHECK;

/*
 * Signals the event of a matching doorbell and returns true. kind: DOORBELL_PIO or DOORBELL_MMIO; size in bytes. size 0: signals
 * none, but tells whether any stands at the address, so that the access is worth a look.
 */
bool vm_doorbell_ring(struct vm *vm, uint32_t kind, uint64_t address, uint32_t size, uint64_t value);

/*
 * Registers a slot; where several have an address, the first counts. E_INVAL: misaligned, or not user memory; E_NOMEM:
 * VM_SLOT_MAX reached; E_BUSY: there are vCPUs, which may be reading the list.
 */
int vm_slot_add(struct vm *vm, uint64_t gpa, uint64_t size, uint64_t uva) MUST_CHECK;
