/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's state in the VMCB. APM 2 15.5, appendix B. */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/svm/svm.h"
#include "kernel/log.h"

static uint16_t unpack(uint16_t attr)
{
	return (uint16_t)((attr & 0xff) | (attr & 0xf00) << 4);
}

static struct vmcb_segment to_vmcb(const struct vcpu_segment *s)
{
	return (struct vmcb_segment){ s->selector, svm_pack(s->attr), s->limit, s->base };
}

static struct vcpu_segment from_vmcb(const struct vmcb_segment *s)
{
	return (struct vcpu_segment){ .base = s->base, .limit = s->limit, .selector = s->selector, .attr = unpack(s->attr) };
}

/* Real mode at the reset vector (APM 2 table 14-1). */
void svm_reset(struct vcpu *v)
{
	const struct vmcb_segment data = { 0, 0x093, 0xffff, 0 };
	struct vmcb *c = svm_vmcb(v);

	c->es = c->ss = c->ds = c->fs = c->gs = data;
	c->cs = (struct vmcb_segment){ 0xf000, 0x09b, 0xffff, 0xffff0000 };
	c->ldtr = (struct vmcb_segment){ 0, 0x082, 0xffff, 0 };
	c->tr = (struct vmcb_segment){ 0, 0x08b, 0xffff, 0 };
	c->gdtr = c->idtr = (struct vmcb_segment){ 0, 0, 0xffff, 0 };
	c->cpl = 0;
	c->cr0 = CR0_CD | CR0_NW | CR0_ET;
	c->cr2 = c->cr3 = c->cr4 = 0;
	c->efer = EFER_SVME;
	c->dr6 = 0xffff0ff0;
	c->dr7 = 0x400;
	v->rip = 0xfff0;
	v->rflags = RFLAGS_FIXED;
	v->shadow = 0;
	for (unsigned i = 0; i < GPR_COUNT; i++) {
		v->page->gpr[i] = 0;
	}
	v->page->gpr[GPR_RDX] = 0x600;
	v->page->dirty = 0;
}

void svm_start(struct vcpu *v, uint8_t vector)
{
	struct vmcb *c = svm_vmcb(v);

	c->cs.selector = (uint16_t)(vector << 8);
	c->cs.base = (uint64_t)vector << 12;
	v->rip = 0;
}

void svm_mode(const struct vcpu *v, struct guest_mode *m)
{
	const struct vmcb *c = svm_vmcb(v);

	m->cs_base = c->cs.base;
	m->cr0 = c->cr0;
	m->cr3 = c->cr3;
	m->cr4 = c->cr4;
	m->efer = c->efer & ~(uint64_t)EFER_SVME;
	m->cs_attr = unpack(c->cs.attr);
	m->cpl = c->cpl;
}

bool svm_mode_is(const struct vcpu *v, const struct guest_mode *m)
{
	const struct vmcb *c = svm_vmcb(v);

	return c->cr3 == m->cr3 && c->cr0 == m->cr0 && c->cr4 == m->cr4 && c->efer == (m->efer | EFER_SVME) &&
	       c->cs.base == m->cs_base && c->cpl == m->cpl && unpack(c->cs.attr) == m->cs_attr;
}

void svm_get(const struct vcpu *v, struct vcpu_state *s)
{
	const struct vmcb *c = svm_vmcb(v);

	s->es = from_vmcb(&c->es);
	s->cs = from_vmcb(&c->cs);
	s->ss = from_vmcb(&c->ss);
	s->ds = from_vmcb(&c->ds);
	s->fs = from_vmcb(&c->fs);
	s->gs = from_vmcb(&c->gs);
	s->ldtr = from_vmcb(&c->ldtr);
	s->tr = from_vmcb(&c->tr);
	s->gdtr = from_vmcb(&c->gdtr);
	s->idtr = from_vmcb(&c->idtr);
	s->cr0 = c->cr0;
	s->cr2 = c->cr2;
	s->cr3 = c->cr3;
	s->cr4 = c->cr4;
	s->efer = c->efer & ~(uint64_t)EFER_SVME;
	s->dr6 = c->dr6;
	s->dr7 = c->dr7;
	s->star = c->star;
	s->lstar = c->lstar;
	s->cstar = c->cstar;
	s->sfmask = c->sfmask;
	s->kernel_gs_base = c->kernel_gs_base;
	s->sysenter_cs = c->sysenter_cs;
	s->sysenter_esp = c->sysenter_esp;
	s->sysenter_eip = c->sysenter_eip;
	s->pat = c->pat;
}

void svm_set(struct vcpu *v, const struct vcpu_state *s)
{
	struct vmcb *c = svm_vmcb(v);

	c->es = to_vmcb(&s->es);
	c->cs = to_vmcb(&s->cs);
	c->ss = to_vmcb(&s->ss);
	c->ds = to_vmcb(&s->ds);
	c->fs = to_vmcb(&s->fs);
	c->gs = to_vmcb(&s->gs);
	c->ldtr = to_vmcb(&s->ldtr);
	c->tr = to_vmcb(&s->tr);
	c->gdtr = to_vmcb(&s->gdtr);
	c->idtr = to_vmcb(&s->idtr);
	/* The CPU goes by VMCB.CPL, QEMU by SS.DPL: both say the same. */
	c->cpl = s->ss.attr >> 5 & 3;
	c->cr0 = s->cr0;
	c->cr2 = s->cr2;
	c->cr3 = s->cr3;
	c->cr4 = s->cr4;
	c->efer = s->efer | EFER_SVME;
	c->dr6 = s->dr6;
	c->dr7 = s->dr7;
	c->star = s->star;
	c->lstar = s->lstar;
	c->cstar = s->cstar;
	c->sfmask = s->sfmask;
	c->kernel_gs_base = s->kernel_gs_base;
	c->sysenter_cs = s->sysenter_cs;
	c->sysenter_esp = s->sysenter_esp;
	c->sysenter_eip = s->sysenter_eip;
	c->pat = s->pat;
}

uint64_t svm_get_msr(const struct vcpu *v, uint32_t index)
{
	const struct vmcb *c = svm_vmcb(v);

	return index == MSR_PAT ? c->pat : c->efer & ~(uint64_t)EFER_SVME;
}

void svm_set_msr(struct vcpu *v, uint32_t index, uint64_t val)
{
	struct vmcb *c = svm_vmcb(v);

	if (index == MSR_PAT) {
		c->pat = val;
	} else {
		c->efer = val | EFER_SVME;
	}
}

void svm_load_debug(struct vcpu *v)
{
	struct vmcb *c = svm_vmcb(v);

	write_dr0(v->dr[0]);
	write_dr1(v->dr[1]);
	write_dr2(v->dr[2]);
	write_dr3(v->dr[3]);
	c->icpt_dr_read = c->icpt_dr_write = 0;
	v->dr_loaded = true;
}

/* A guest with active breakpoints gets its registers back at its next run by their exit, or at once (svm.c, load). */
void svm_unload_debug(struct vcpu *v)
{
	struct vmcb *c = svm_vmcb(v);

	v->dr[0] = read_dr0();
	v->dr[1] = read_dr1();
	v->dr[2] = read_dr2();
	v->dr[3] = read_dr3();
	c->icpt_dr_read = c->icpt_dr_write = 0xffff;
	v->dr_loaded = false;
}

static void dump_segment(const char *name, const struct vmcb_segment *s)
{
	log_printf("  %s %04x base %#lx limit %#x attr %03x", name, s->selector, s->base, s->limit, s->attr);
}

void svm_dump(const struct vcpu *v)
{
	const struct vmcb *c = svm_vmcb(v);

	log_printf("  rip %#lx rflags %#lx rsp %#lx cpl %u", v->rip, v->rflags, v->page->gpr[GPR_RSP], c->cpl);
	log_printf("  cr0 %#lx cr2 %#lx cr3 %#lx cr4 %#lx efer %#lx", c->cr0, c->cr2, c->cr3, c->cr4, c->efer);
	dump_segment("cs", &c->cs);
	dump_segment("ss", &c->ss);
	dump_segment("ds", &c->ds);
	dump_segment("tr", &c->tr);
	log_printf("  exit %#lx info %#lx %#lx intinfo %#lx inject %#lx vintr %#lx", c->exit_code, c->exit_info1,
		   c->exit_info2, c->exit_int_info, c->event_inj, c->vintr);
}
