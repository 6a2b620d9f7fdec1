/* SPDX-License-Identifier: Apache-2.0 */
/* Slots, doorbells and options of a guest space. */
#include "arch/x86/vcpu/vm.h"

#include "arch/x86/entry/uaccess.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/abi.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/process.h"
#include "kernel/space.h"

_Static_assert(sizeof(struct vm) <= PAGE_SIZE, "one page of the arena");

int vm_init(struct space *s)
{
	struct vm *vm = arena_page_alloc(s->object.owner->arena);

	if (!vm) {
		return E_NOMEM;
	}
	vm->space = s;
	vm->tsc_offset = 0 - rdtsc();
	vm->clock_base = clock_ns();
	s->vm = vm;
	return OK;
}

void vm_fini(struct space *s)
{
	struct vm *vm = s->vm;

	for (unsigned i = 0; i < vm->doorbell_count; i++) {
		event_ref_set(&vm->doorbell[i].event, NULL);
	}
	s->vm = NULL;
	arena_page_free(s->object.owner->arena, vm);
}

/* ---- slots ---- */

uint64_t vm_user_address(const struct vm *vm, uint64_t gpa, uint64_t len)
{
	for (uint32_t i = 0; i < vm->slot_count; i++) {
		const struct vm_slot *s = &vm->slot[i];
		uint64_t offset = gpa - s->gpa;

		if (gpa >= s->gpa && range_within(offset, len, s->size)) {
			return s->uva + offset;
		}
	}
	return 0;
}

int vm_slot_add(struct vm *vm, uint64_t gpa, uint64_t size, uint64_t uva)
{
	if (((gpa | size | uva) & (PAGE_SIZE - 1)) || uva == 0 || !range_within(gpa, size, GUEST_END) ||
	    !user_range_ok(uva, size)) {
		return E_INVAL;
	}
	if (vm->vcpu_count) {
		return E_BUSY;
	}
	if (vm->slot_count == VM_SLOT_MAX) {
		return E_NOMEM;
	}
	vm->slot[vm->slot_count++] = (struct vm_slot){ gpa, size, uva };
	return OK;
}

int vm_read(const struct vm *vm, uint64_t gpa, void *buf, size_t len)
{
	uint64_t uva = vm_user_address(vm, gpa, len);

	return uva ? copy_from_user(buf, uva, len) : E_RANGE;
}

int vm_write(const struct vm *vm, uint64_t gpa, const void *buf, size_t len)
{
	uint64_t uva = vm_user_address(vm, gpa, len);

	return uva ? copy_to_user(uva, buf, len) : E_RANGE;
}

/* ---- doorbells ---- */

static bool is_at(const struct vm_doorbell *d, uint32_t kind, uint64_t address)
{
	return d->address == address && (d->flags & (0xff | DOORBELL_REMOVE)) == kind;
}

void vm_doorbell_remove(struct vm *vm, uint32_t kind, uint64_t address)
{
	for (struct vm_doorbell *d = vm->doorbell; d < vm->doorbell + vm->doorbell_count; d++) {
		if (is_at(d, kind, address)) {
			d->flags = DOORBELL_REMOVE;
			event_ref_set(&d->event, NULL);
		}
	}
}

int vm_doorbell_add(struct vm *vm, uint32_t flags, uint64_t address, uint64_t value, struct event *e)
{
	struct vm_doorbell *d = vm->doorbell;

	while (d < vm->doorbell + vm->doorbell_count && !(d->flags & DOORBELL_REMOVE)) {
		d++;
	}
	if (d == vm->doorbell + VM_DOORBELL_MAX) {
		return E_NOMEM;
	}
	d->address = address;
	d->value = value;
	event_ref_set(&d->event, e);
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
	if (d == vm->doorbell + vm->doorbell_count) {
		__atomic_store_n(&vm->doorbell_count, vm->doorbell_count + 1, __ATOMIC_RELEASE);
	}
	return OK;
}

bool vm_doorbell_ring(struct vm *vm, uint32_t kind, uint64_t address, uint32_t size, uint64_t value)
{
	for (struct vm_doorbell *d = vm->doorbell; d < vm->doorbell + vm->doorbell_count; d++) {
		uint32_t only = d->flags >> DOORBELL_SIZE_SHIFT;

		if (!size && is_at(d, kind, address)) {
			return true;
		}
		if (is_at(d, kind, address) && (!only || only == size) &&
		    ((d->flags & DOORBELL_ANY_VALUE) || d->value == value)) {
			kernel_lock();
			event_ref_signal(&d->event);
			kernel_unlock();
			return true;
		}
	}
	return false;
}
