/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of virtual machines, and the life of a vCPU object. */
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/fpu.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/time/clock.h"
#include "arch/x86/vcpu/state.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/arena.h"
#include "kernel/process.h"
#include "kernel/space.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"

_Static_assert(sizeof(struct vcpu) <= ARENA_ALLOC_MAX, "of the owner's arena");

/* ---- the object ---- */

static bool id_taken(const struct vm *vm, uint32_t apic_id)
{
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		if (vm->vcpu[i]->vapic.id == apic_id) {
			return true;
		}
	}
	return false;
}

/* Registers of power-on that are not the back end's (SDM 3A table 10-1). */
static void power_on(struct vcpu *v, uint32_t apic_id)
{
	v->xcr0 = 1;
	v->fetch.page_rip = FETCH_NOTHING;
	v->nmi_iret_rip = ~0ull;
	v->tsc_offset = v->vm->tsc_offset;
	vapic_init(&v->vapic, apic_id, apic_id == 0);
	v->vapic.tsc_offset = (int64_t)v->tsc_offset;
	v->state = apic_id == 0 ? VCPU_RUNNING : VCPU_WAIT_SIPI;
	fpu_area_init(v->xsave);
}

int vcpu_create(struct space *s, uint32_t apic_id, uint64_t page_address, struct vcpu **out)
{
	struct process *p = s->object.owner;
	struct vm *vm = s->vm;
	struct vcpu *v;
	int r = E_NOMEM;

	if (vm->vcpu_count == VM_VCPU_MAX || apic_id > 254) {
		return E_RANGE;
	}
	if (id_taken(vm, apic_id)) {
		return E_BUSY;
	}
	v = arena_alloc(p->arena, sizeof(*v));
	if (!v) {
		return E_NOMEM;
	}
	v->page = arena_page_alloc(p->arena);
	v->xsave = arena_page_alloc(p->arena);
	if (!v->page || !v->xsave) {
		goto free;
	}
	v->space = s;
	v->vm = vm;
	power_on(v, apic_id);
	r = vcpu_ops->create(v);
	if (r < 0) {
		goto free;
	}
	r = space_map_page(p->space, page_address, v->page, PROT_R | PROT_W);
	if (r < 0) {
		goto destroy;
	}
	v->index = vm->vcpu_count;
	vm->vcpu[vm->vcpu_count++] = v;
	object_init(&v->object, OBJECT_VCPU, p);
	*out = v;
	return OK;

destroy:
	vcpu_ops->destroy(v);
free:
	if (v->page) {
		arena_page_free(p->arena, v->page);
	}
	if (v->xsave) {
		arena_page_free(p->arena, v->xsave);
	}
	arena_free(p->arena, v);
	return r;
}

void vcpu_destroy(struct object *o)
{
	struct vcpu *v = container_of(o, struct vcpu, object);
	struct arena *a = o->owner->arena;
	struct vm *vm = v->vm;

	vapic_fini(&v->vapic);
	fpu_forget(v->xsave);
	vm->vcpu[v->index] = vm->vcpu[--vm->vcpu_count];
	vm->vcpu[v->index]->index = v->index;
	vcpu_ops->destroy(v);
	object_fini(o);
	arena_page_free(a, v->page);
	arena_page_free(a, v->xsave);
	arena_free(a, v);
}

/* ---- system calls ---- */

static int find_vm(struct thread *t, uint64_t h, struct space **out)
{
	struct object *o;
	int r = handle_find(t->process, h, OBJECT_SPACE, RIGHT_WRITE, &o);

	if (r < 0) {
		return r;
	}
	*out = container_of(o, struct space, object);
	return (*out)->kind == SPACE_GUEST ? OK : E_INVAL;
}

static int find_vcpu(struct thread *t, uint64_t h, struct vcpu **out)
{
	struct object *o;
	int r = handle_find(t->process, h, OBJECT_VCPU, RIGHT_WRITE, &o);

	if (r < 0) {
		return r;
	}
	*out = container_of(o, struct vcpu, object);
	return OK;
}

/* A vCPU that nobody runs. Its memory is reached through the owner's space, so nobody else may run or load it. */
static int find_idle(struct thread *t, uint64_t h, struct vcpu **out)
{
	int r = find_vcpu(t, h, out);

	return r == OK && ((*out)->thread || (*out)->object.owner != t->process) ? E_BUSY : r;
}

int64_t sys_vm_slot(struct thread *t, const uint64_t arg[6])
{
	struct space *s;
	int r = find_vm(t, arg[0], &s);

	return r < 0 ? r : vm_slot_set(s->vm, arg[1], arg[2], arg[3]);
}

int64_t sys_vm_msi(struct thread *t, const uint64_t arg[6])
{
	struct space *s;
	int r = find_vm(t, arg[0], &s);

	if (r < 0) {
		return r;
	}
	vm_msi(s, arg[1], (uint32_t)arg[2]);
	return OK;
}

int64_t sys_vm_doorbell(struct thread *t, const uint64_t arg[6])
{
	uint32_t flags = (uint32_t)arg[1], size = flags >> DOORBELL_SIZE_SHIFT;
	struct object *o;
	struct space *s;
	int r = find_vm(t, arg[0], &s);

	if (r < 0) {
		return r;
	}
	if ((flags & 0xff) > DOORBELL_MMIO || (flags & 0xfe00) || size > 8 || (size & (size - 1))) {
		return E_INVAL;
	}
	r = handle_find(t->process, arg[4], OBJECT_EVENT, RIGHT_WRITE, &o);
	if (r < 0) {
		return r;
	}
	return vm_doorbell_add(s->vm, flags, arg[2], arg[3], container_of(o, struct event, object));
}

int64_t sys_vm_set(struct thread *t, const uint64_t arg[6])
{
	struct space *s;
	int r = find_vm(t, arg[0], &s);

	if (r < 0) {
		return r;
	}
	switch (arg[1]) {
	case VM_CPUID_HIDE:
		s->vm->hide = (uint32_t)arg[2];
		return OK;
	case VM_TSC_OFFSET:
		s->vm->tsc_offset = arg[2];
		return OK;
	default:
		return E_INVAL;
	}
}

int64_t sys_vcpu_create(struct thread *t, const uint64_t arg[6])
{
	struct space *s;
	struct vcpu *v;
	int r = find_vm(t, arg[0], &s);

	if (r < 0) {
		return r;
	}
	/* The page stands in the caller's space, so the caller must be the one who pays. */
	if (s->object.owner != t->process) {
		return E_PERM;
	}
	if (arg[1] > UINT32_MAX) {
		return E_RANGE;
	}
	r = vcpu_create(s, (uint32_t)arg[1], arg[2], &v);
	return r < 0 ? r : handle_add(t->process, &v->object, RIGHT_ALL);
}

int64_t sys_vcpu_run(struct thread *t, const uint64_t arg[6])
{
	struct vcpu *v;
	int r = find_idle(t, arg[0], &v);

	if (r < 0) {
		return r;
	}
	vcpu_run(t, v);
}

int64_t sys_vcpu_get(struct thread *t, const uint64_t arg[6])
{
	struct vcpu_state buffer;
	struct vcpu *v;
	int r = find_idle(t, arg[0], &v);

	if (r < 0) {
		return r;
	}
	if (arg[2] != sizeof(buffer)) {
		return E_PROTO;
	}
	state_get(v, &buffer);
	return copy_to_user(arg[1], &buffer, sizeof(buffer));
}

int64_t sys_vcpu_set(struct thread *t, const uint64_t arg[6])
{
	struct vcpu_state buffer;
	struct vcpu *v;
	int r = find_idle(t, arg[0], &v);

	if (r < 0) {
		return r;
	}
	if (arg[2] != sizeof(buffer)) {
		return E_PROTO;
	}
	r = copy_from_user(&buffer, arg[1], sizeof(buffer));
	return r < 0 ? r : state_set(v, &buffer);
}

int64_t sys_vcpu_kick(struct thread *t, const uint64_t arg[6])
{
	struct vcpu *v;
	int r = find_vcpu(t, arg[0], &v);

	if (r < 0) {
		return r;
	}
	vcpu_notify(v, WORK_KICK);
	return OK;
}

int64_t sys_vcpu_extint(struct thread *t, const uint64_t arg[6])
{
	struct vcpu *v;
	int r = find_vcpu(t, arg[0], &v);

	if (r < 0) {
		return r;
	}
	v->vapic.extint = arg[1] != 0;
	vcpu_notify(v, WORK_IRQ);
	return OK;
}
