/* SPDX-License-Identifier: Apache-2.0 */
/* System calls of virtual machines, the life of a vCPU object, the choice of the back end. */
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/fpu.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/uaccess.h"
#include "arch/x86/vcpu/cpuid.h"
#include "arch/x86/vcpu/vcpu.h"
#include "kernel/arena.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/space.h"
#include "kernel/syscall.h"
#include "kernel/thread.h"

enum { APIC_ID_MAX = 254 };

const struct vcpu_ops *vcpu_ops;
bool vcpu_apicv;

const char *vcpu_select(void)
{
	static const struct vcpu_ops *const backends[] = { &svm_ops, &vmx_ops };

	cpuid_allowed_init(cpuid, cpu_features.xcr0);
	for (unsigned i = 0; i < ARRAY_SIZE(backends); i++) {
		if (backends[i]->present()) {
			vcpu_ops = backends[i];
			ASSERT(sizeof(struct vcpu) + vcpu_ops->own_bytes <= ARENA_ALLOC_MAX);
			return vcpu_ops->missing();
		}
	}
	return "This processor has neither AMD-V (SVM) nor VT-x (VMX), which Brume needs to run virtual machines.";
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

/* What is not the vmm's to set: it sets the state before the first run. */
static void power_on(struct vcpu *v, uint32_t apic_id)
{
	v->xcr0 = 1;
	v->fetch.page_rip = FETCH_NOTHING;
	v->nmi_iret_rip = ~0ull;
	vapic_init(&v->vapic, apic_id, apic_id == 0);
	v->vapic.tsc_offset = v->vm->tsc_offset;
	v->state = VCPU_LOST;
	fpu_area_init(v->xsave);
	vcpu_ops->init(v);
}

static void free_pages(struct vcpu *v)
{
	void *const posted = v->vapic.post != v->vapic.irr ? v->vapic.post : NULL;
	void *const pages[] = { v->page, v->xsave, v->backend, v->apic_page, posted };

	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		if (pages[i]) {
			arena_page_free(v->object.owner->arena, pages[i]);
		}
	}
}

/*
 * A vCPU paid by the owner of vm's space, with its shared page at page_address of the owner's user space. apic_id 0 is the
 * boot processor.
 */
static int create(struct vm *vm, uint32_t apic_id, uint64_t page_address, struct vcpu **out)
{
	struct process *p = vm->space->object.owner;
	struct vcpu *v;
	int r = E_NOMEM;

	if (id_taken(vm, apic_id)) {
		return E_BUSY;
	}
	v = object_create(OBJECT_VCPU, p, sizeof(*v) + vcpu_ops->own_bytes);
	if (!v) {
		return E_NOMEM;
	}
	v->space = vm->space;
	v->vm = vm;
	v->page = arena_page_alloc(p->arena);
	v->xsave = arena_page_alloc(p->arena);
	v->backend = arena_page_alloc(p->arena);
	if (v->page && v->xsave && v->backend) {
		r = space_map_page(p->space, page_address, v->page, PROT_R | PROT_W);
	}
	if (r < 0) {
		free_pages(v);
		object_free(&v->object);
		return r;
	}
	power_on(v, apic_id);
	vcpu_release(v, false);
	v->index = vm->vcpu_count;
	vm->vcpu[v->index] = v;
	/* Others send it interrupts from now on, without a lock. */
	__atomic_store_n(&vm->vcpu_count, v->index + 1, __ATOMIC_RELEASE);
	*out = v;
	return OK;
}

void vcpu_destroy(struct object *o)
{
	struct vcpu *v = container_of(o, struct vcpu, object);
	struct vm *vm = v->vm;

	timer_cancel(&v->vapic.timer);
	vcpu_release(v, true);
	vm->vcpu[v->index] = vm->vcpu[--vm->vcpu_count];
	vm->vcpu[v->index]->index = v->index;
	free_pages(v);
}

/* ---- system calls ---- */

int64_t sys_vm_slot(const struct call *c)
{
	return vm_slot_add(c->on.space->vm, c->arg[1], c->arg[2], c->arg[3]);
}

int64_t sys_vm_msi(const struct call *c)
{
	vm_msi(c->on.space, c->arg[1], (uint32_t)c->arg[2]);
	return OK;
}

int64_t sys_vm_doorbell(const struct call *c)
{
	uint32_t flags = (uint32_t)c->arg[1], size = flags >> DOORBELL_SIZE_SHIFT;

	if ((flags & 0xff) > DOORBELL_MMIO || (flags & 0xfc00) || size > 8 || (size & (size - 1))) {
		return E_INVAL;
	}
	if (flags & DOORBELL_REMOVE) {
		vm_doorbell_remove(c->on.space->vm, flags & 0xff, c->arg[2]);
		return OK;
	}
	return vm_doorbell_add(c->on.space->vm, flags, c->arg[2], c->arg[3], c->with.event);
}

int64_t sys_vcpu_create(const struct call *c)
{
	struct space *s = c->on.space;
	struct vcpu *v;
	int r;

	/* The page stands in the caller's space, so the caller must be the one who pays. */
	if (s->object.owner != c->thread->process) {
		return E_PERM;
	}
	if (c->arg[1] > APIC_ID_MAX || s->vm->vcpu_count == VM_VCPU_MAX) {
		return E_RANGE;
	}
	r = create(s->vm, (uint32_t)c->arg[1], c->arg[2], &v);
	return r < 0 ? r : handle_add(c->thread->process, &v->object, RIGHT_ALL);
}

/* Nobody runs the vCPU. Its memory is reached through the owner's space, so nobody else may run or load it. */
static bool is_idle(const struct call *c)
{
	return !__atomic_load_n(&c->on.vcpu->thread, __ATOMIC_ACQUIRE) && c->on.vcpu->object.owner == c->thread->process;
}

int64_t sys_vcpu_run(const struct call *c)
{
	if (!is_idle(c)) {
		return E_BUSY;
	}
	vcpu_run(c->thread, c->on.vcpu);
}

/* Can the state be moved, and is the caller's as long as ours? */
static int check_state(const struct call *c)
{
	if (!is_idle(c)) {
		return E_BUSY;
	}
	return c->arg[2] == sizeof(struct vcpu_state) ? OK : E_PROTO;
}

int64_t sys_vcpu_get(const struct call *c)
{
	struct vcpu_state buffer;
	int r = check_state(c);

	if (r < 0) {
		return r;
	}
	state_get(c->on.vcpu, &buffer);
	vcpu_release(c->on.vcpu, false);
	return copy_to_user(c->arg[1], &buffer, sizeof(buffer));
}

int64_t sys_vcpu_set(const struct call *c)
{
	struct vcpu_state buffer;
	int r = check_state(c);

	if (r == OK) {
		r = copy_from_user(&buffer, c->arg[1], sizeof(buffer));
	}
	if (r == OK) {
		r = state_set(c->on.vcpu, &buffer);
		vcpu_release(c->on.vcpu, false);
	}
	return r;
}

int64_t sys_vcpu_kick(const struct call *c)
{
	vcpu_notify(c->on.vcpu, WORK_KICK);
	return OK;
}

int64_t sys_vcpu_extint(const struct call *c)
{
	c->on.vcpu->vapic.extint = c->arg[1] != 0;
	vcpu_notify(c->on.vcpu, WORK_IRQ);
	return OK;
}
