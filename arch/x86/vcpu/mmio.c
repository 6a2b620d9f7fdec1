/* SPDX-License-Identifier: Apache-2.0 */
/* The local APIC page (SDM 3A 11.4.1) and MMIO doorbells, through plain MOV instructions. */
#include "arch/x86/vcpu/mmio.h"

#include "arch/x86/vcpu/irq.h"
#include "arch/x86/vcpu/vcpu.h"

/* Fetches and decodes the instruction at rip; the last few decodings are kept under their bytes. */
static const struct insn_mov *decode(struct vcpu *v)
{
	struct mmio_memo *memo = &v->memo[(v->rip ^ v->rip >> 4) % MMIO_MEMO_COUNT];
	union { uint8_t b[16]; uint64_t w[2]; } code;
	unsigned n = fetch_code(v, code.b);
	enum insn_mode mode = guest_insn_mode(&v->fetch.mode);

	if (n == sizeof(code) && memo->rip == v->rip && memo->bytes[0] == code.w[0] && memo->bytes[1] == code.w[1] &&
	    memo->mode == mode) {
		return &memo->mov;
	}
	memo->rip = ~0ull;
	if (!insn_decode_mov(code.b, n, mode, &memo->mov)) {
		return NULL;
	}
	if (n == sizeof(code)) {
		memo->rip = v->rip;
		memo->mode = mode;
		memo->bytes[0] = code.w[0];
		memo->bytes[1] = code.w[1];
	}
	return &memo->mov;
}

static uint64_t size_mask(unsigned size)
{
	return size == 8 ? ~0ull : (1ull << 8 * size) - 1;
}

static uint64_t source(const struct vcpu *v, const struct insn_mov *m)
{
	uint64_t val = m->immediate ? m->value : v->page->gpr[m->reg & 15] >> (m->high ? 8 : 0);

	return val & size_mask(m->size);
}

/* Writes the loaded value as the CPU does: 32-bit results clear the upper half, smaller ones are merged. */
static void sink(struct vcpu *v, const struct insn_mov *m, uint64_t val)
{
	uint64_t *reg = &v->page->gpr[m->reg & 15], mask = size_mask(m->reg_size);

	val &= size_mask(m->size);
	if (m->sign && val >> (8 * m->size - 1)) {
		val |= ~size_mask(m->size);
	}
	if (m->high) {
		*reg = (*reg & ~0xff00ull) | (val & 0xff) << 8;
	} else if (m->reg_size == 4) {
		*reg = (uint32_t)val;
	} else {
		*reg = (*reg & ~mask) | (val & mask);
	}
}

/* Registers are 32 bits at multiples of 16; other widths and offsets inside of one read its bytes, writes are lost. */
static enum mmio_result apic_access(struct vcpu *v, const struct insn_mov *m, uint32_t offset)
{
	enum vapic_effect effect = VAPIC_DONE;
	unsigned reg = offset >> 4, inner = offset & 15;

	if (!m->write) {
		sink(v, m, inner < 4 ? vapic_read(&v->vapic, reg) >> 8 * inner : 0);
	} else if (inner == 0 && m->size >= 4) {
		effect = vapic_write(&v->vapic, reg, (uint32_t)source(v, m));
		v->work |= WORK_IRQ;
	}
	vcpu_skip(v, m->length);
	if (effect == VAPIC_SEND) {
		irq_send_ipi(v);
	}
	return effect == VAPIC_EOI_EXIT ? MMIO_EOI : MMIO_DONE;
}

enum mmio_result mmio_in_kernel(struct vcpu *v, uint64_t gpa, bool write)
{
	bool apic = vapic_on(&v->vapic) && !vapic_x2(&v->vapic) && (gpa ^ v->vapic.base) >> PAGE_SHIFT == 0;
	const struct insn_mov *m;

	if (apic) {
		v->page->exits[EXIT_APIC]++;
		m = decode(v);
		return m && m->write == write ? apic_access(v, m, gpa & (PAGE_SIZE - 1)) : MMIO_FAILED;
	}
	if (!write || !v->vm->doorbell_count || !vm_doorbell_at(v->vm, DOORBELL_MMIO, gpa)) {
		return MMIO_OTHER;
	}
	m = decode(v);
	if (!m || !m->write || !vm_doorbell_ring(v->vm, DOORBELL_MMIO, gpa, m->size, source(v, m))) {
		return MMIO_OTHER;
	}
	v->page->exits[EXIT_DOORBELL]++;
	vcpu_skip(v, m->length);
	return MMIO_DONE;
}
