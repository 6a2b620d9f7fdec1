/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of virtual machines, the life of a vCPU object, the choice of the back end. */
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/fpu.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/arena.h"
#include "kernel/process.h"
#include "kernel/space.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"

_Static_assert(sizeof(struct vcpu) <= ARENA_ALLOC_MAX, "of the owner's arena");

const struct vcpu_ops *vcpu_ops;

static void host_leaf(uint32_t leaf, uint32_t subleaf, uint32_t out[CPUID_REGS])
{
	struct cpuid r = cpuid(leaf, subleaf);

	out[REG_EAX] = r.eax;
	out[REG_EBX] = r.ebx;
	out[REG_ECX] = r.ecx;
	out[REG_EDX] = r.edx;
}

/* With a second back end: the first whose CPU is there has the word, good or bad. */
const char *vcpu_select(void)
{
	cpuid_policy_init(host_leaf, cpu_features.xcr0);
	vcpu_ops = &svm_ops;
	return vcpu_ops->missing();
}

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

/* Registers of power-on (SDM 3A table 10-1). */
static void power_on(struct vcpu *v, uint32_t apic_id)
{
	v->xcr0 = 1;
	v->fetch.page_rip = FETCH_NOTHING;
	v->nmi_iret_rip = ~0ull;
	vapic_init(&v->vapic, apic_id, apic_id == 0);
	v->vapic.tsc_offset = v->vm->tsc_offset;
	v->state = apic_id == 0 ? VCPU_RUNNING : VCPU_WAIT_SIPI;
	fpu_area_init(v->xsave);
	vcpu_ops->init(v);
	state_reset(v, RESET_SELECTOR, RESET_BASE, RESET_RIP);
}

static void release(struct vcpu *v, struct arena *a)
{
	void *const pages[] = { v->page, v->xsave, v->backend };

	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i]) {
			arena_page_free(a, pages[i]);
		}
	}
	arena_free(a, v);
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
	v->space = s;
	v->vm = vm;
	v->page = arena_page_alloc(p->arena);
	v->xsave = arena_page_alloc(p->arena);
	v->backend = arena_page_alloc(p->arena);
	if (v->page && v->xsave && v->backend) {
		r = space_map_page(p->space, page_address, v->page, PROT_R | PROT_W);
	}
	if (r < 0) {
		release(v, p->arena);
		return r;
	}
	power_on(v, apic_id);
	v->index = vm->vcpu_count;
	vm->vcpu[vm->vcpu_count++] = v;
	object_init(&v->object, OBJECT_VCPU, p);
	*out = v;
	return OK;
}

void vcpu_destroy(struct object *o)
{
	struct vcpu *v = container_of(o, struct vcpu, object);
	struct vm *vm = v->vm;

	timer_cancel(&v->vapic.timer);
	fpu_forget(v->xsave);
	vm->vcpu[v->index] = vm->vcpu[--vm->vcpu_count];
	vm->vcpu[v->index]->index = v->index;
	object_fini(o);
	release(v, v->space->object.owner->arena);
}

/* ---- system calls ---- */

/* NULL: a user space. */
static struct vm *vm_of(struct object *o)
{
	return container_of(o, struct space, object)->vm;
}

static struct vcpu *vcpu_of(struct object *o)
{
	return container_of(o, struct vcpu, object);
}

/* Is v run by nobody? Its memory is reached through the owner's space, so nobody else may run or load it. */
static bool is_idle(const struct thread *t, const struct vcpu *v)
{
	return !v->thread && v->object.owner == t->process;
}

int64_t sys_vm_slot(const struct sys_args *a)
{
	struct vm *vm = vm_of(a->object);

	return vm ? vm_slot_set(vm, a->arg[1], a->arg[2], a->arg[3]) : E_INVAL;
}

int64_t sys_vm_msi(const struct sys_args *a)
{
	vm_msi(container_of(a->object, struct space, object), a->arg[1], (uint32_t)a->arg[2]);
	return OK;
}

int64_t sys_vm_doorbell(const struct sys_args *a)
{
	uint32_t flags = (uint32_t)a->arg[1], size = flags >> DOORBELL_SIZE_SHIFT;
	struct vm *vm = vm_of(a->object);
	struct object *event;
	int r;

	if (!vm || (flags & 0xff) > DOORBELL_MMIO || (flags & 0xfe00) || size > 8 || (size & (size - 1))) {
		return E_INVAL;
	}
	r = handle_find(a->thread->process, a->arg[4], OBJECT_EVENT, RIGHT_WRITE, &event);
	return r < 0 ? r : vm_doorbell_add(vm, flags, a->arg[2], a->arg[3], container_of(event, struct event, object));
}

int64_t sys_vcpu_create(const struct sys_args *a)
{
	struct vcpu *v;
	int r;

	/* The page stands in the caller's space, so the caller must be the one who pays. */
	if (a->object->owner != a->thread->process) {
		return E_PERM;
	}
	if (!vm_of(a->object)) {
		return E_INVAL;
	}
	if (a->arg[1] > UINT32_MAX) {
		return E_RANGE;
	}
	r = vcpu_create(container_of(a->object, struct space, object), (uint32_t)a->arg[1], a->arg[2], &v);
	return r < 0 ? r : handle_add(a->thread->process, &v->object, RIGHT_ALL);
}

int64_t sys_vcpu_run(const struct sys_args *a)
{
	if (!is_idle(a->thread, vcpu_of(a->object))) {
		return E_BUSY;
	}
	vcpu_run(a->thread, vcpu_of(a->object));
}

int64_t sys_vcpu_get(const struct sys_args *a)
{
	struct vcpu_state buffer;

	if (!is_idle(a->thread, vcpu_of(a->object))) {
		return E_BUSY;
	}
	if (a->arg[2] != sizeof(buffer)) {
		return E_PROTO;
	}
	state_get(vcpu_of(a->object), &buffer);
	return copy_to_user(a->arg[1], &buffer, sizeof(buffer));
}

int64_t sys_vcpu_set(const struct sys_args *a)
{
	struct vcpu_state buffer;
	int r;

	if (!is_idle(a->thread, vcpu_of(a->object))) {
		return E_BUSY;
	}
	if (a->arg[2] != sizeof(buffer)) {
		return E_PROTO;
	}
	r = copy_from_user(&buffer, a->arg[1], sizeof(buffer));
	return r < 0 ? r : state_set(vcpu_of(a->object), &buffer);
}

int64_t sys_vcpu_kick(const struct sys_args *a)
{
	vcpu_notify(vcpu_of(a->object), WORK_KICK);
	return OK;
}

int64_t sys_vcpu_extint(const struct sys_args *a)
{
	vcpu_of(a->object)->vapic.extint = a->arg[1] != 0;
	vcpu_notify(vcpu_of(a->object), WORK_IRQ);
	return OK;
}
