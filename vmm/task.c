/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One task switch, step by step (steps[] at the end). Up to leave_old() nothing is changed and an exception belongs to the
 * old task; from enter_new() on it belongs to the new one, whose segments are absent until their turn. SDM 3A 8.3, table 8-1.
 *
 * Guest memory may change between two looks at it. What is used is read once; a page that was there when it was probed and
 * is gone when it is used faults in the new task, which no processor promises to avoid.
 */
#include "vmm/task.h"

#include <string.h>

#include "vmm/walk.h"

enum {
	VECTOR_DB = 1, VECTOR_DF = 8, VECTOR_TS = 10, VECTOR_NP = 11, VECTOR_SS = 12, VECTOR_GP = 13, VECTOR_PF = 14,
	EVENT_NMI = 2, EVENT_EXCEPTION = 3, EVENT_INSTRUCTION = 4, EVENT_PRIVILEGED = 5, EVENT_HAS_ERROR = 1 << 11,
	CR0_PE = 1, CR0_TS = 1 << 3, EFER_LMA = 1 << 10, DR6_BT = 1 << 15, DR7_LOCAL = 0x155,
	RFLAGS_FIXED = 2, RFLAGS_RF = 1 << 16, RFLAGS_NT = 1 << 14, RFLAGS_VM = 1 << 17, RFLAGS_ALL = 0x3f7fd5,
	SELECTOR_RPL = 3, SELECTOR_LOCAL = 4,
};
#define CR0_PG (1ull << 31)

/* The access byte of a descriptor: bits 40-47, and 0-7 of vcpu_segment.attr. */
enum {
	ACCESSED = 1, READABLE = 2, WRITABLE = 2, BUSY = 2, CONFORMING = 4, CODE = 8, WIDE = 8, SEGMENT = 1 << 4, DPL_AT = 5,
	DPL = 3 << DPL_AT, PRESENT = 1 << 7, BIG = 1 << 14, ACCESS_BYTE = 5, TSS_16 = 1, TSS_KIND = SEGMENT | 5, LDT = 2,
};

/* The first eight registers of vcpu_state and its first six segments stand in the order of both forms of TSS. */
enum { REGS = 8, SEGMENTS = 6 };
_Static_assert(GPR_RAX == 0 && GPR_RSP == 4 && GPR_RDI == 7, "EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI");
_Static_assert(offsetof(struct vcpu_state, gs) == offsetof(struct vcpu_state, es) + 5 * sizeof(struct vcpu_segment),
	       "ES, CS, SS, DS, FS, GS");

/* Where the parts of a TSS stand; links are 16 bits in both. */
struct layout {
	uint8_t word;                /* bytes of a register                                          */
	uint8_t ip, selectors, selector_step, segments, ldt, bytes;
	uint8_t saved_end;           /* what the old task's end writes: from ip up to here           */
};
static const struct layout layouts[2] = {
	{ .word = 2, .ip = 14, .selectors = 34, .selector_step = 2, .segments = 4, .ldt = 42, .bytes = 44, .saved_end = 42 },
	{ .word = 4, .ip = 32, .selectors = 72, .selector_step = 4, .segments = 6, .ldt = 96, .bytes = 104, .saved_end = 94 },
};
enum { CR3_AT = 28, TRAP_AT = 100, TSS_MAX = 104 };

struct descriptor {
	uint32_t at;                 /* linear                                                       */
	uint64_t raw;
};

struct task {
	const struct gmem *mem;
	const struct exit_task *t;
	struct vcpu_state *s;
	const struct layout *old_layout, *new_layout;
	struct descriptor old, new;  /* of the two TSS                                               */
	struct vcpu_segment tr;      /* of the new task                                              */
	uint8_t image[TSS_MAX];      /* of the new task                                              */
	uint8_t cpl;                 /* of the new task                                              */
	bool nested;                 /* the new task will come back                                  */
	/* The exception, after E_FAULT. */
	uint8_t vector;
	bool has_error;
	uint32_t error;
	uint64_t cr2;
};

/* ---- exceptions ---- */

static uint8_t event_type(const struct task *k)
{
	return k->t->event >> 8 & 7;
}

static bool by_instruction(const struct task *k)
{
	return k->t->source != TASK_GATE || event_type(k) >= EVENT_INSTRUCTION;
}

static int raise(struct task *k, uint8_t vector, uint32_t error)
{
	k->vector = vector;
	k->has_error = true;
	k->error = error;
	return E_FAULT;
}

/* An exception about a selector, or about none: the error says whether something from outside led to it (EXT). */
static int refuse(struct task *k, uint8_t vector, uint16_t selector)
{
	bool outside = k->t->source == TASK_GATE && (event_type(k) < EVENT_INSTRUCTION || event_type(k) == EVENT_PRIVILEGED);

	return raise(k, vector, (selector & ~(uint32_t)SELECTOR_RPL) | outside);
}

static bool contributory(uint8_t vector)
{
	return vector == 0 || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/* What comes of the exception together with the one that was being delivered: SDM 3A table 6-5. */
static int combine(struct task *k)
{
	uint8_t first = (uint8_t)k->t->event;
	bool severe = contributory(k->vector) || k->vector == VECTOR_PF;

	if (k->t->source != TASK_GATE || event_type(k) != EVENT_EXCEPTION || !severe) {
		return OK;
	}
	if (first == VECTOR_DF) {
		return E_FAULT;
	}
	if (first == VECTOR_PF || (contributory(first) && contributory(k->vector))) {
		(void)raise(k, VECTOR_DF, 0);
	}
	return OK;
}

/* ---- memory ---- */

/* At linear addresses, with the rights of cpl. Without buf: only whether it could be done. */
static int transfer(struct task *k, uint8_t cpl, uint32_t linear, void *buf, unsigned len, enum walk_access access)
{
	const struct vcpu_state *s = k->s;
	const struct walk_context c = { .cr0 = s->cr0, .cr3 = s->cr3, .cr4 = s->cr4, .efer = s->efer, .rflags = 0, .cpl = cpl };
	uint8_t *at = buf;

	while (len) {
		unsigned room = PAGE_SIZE - (linear & (PAGE_SIZE - 1)), n = room < len ? room : len;
		uint32_t error;
		gpa_t where;
		int r = walk(k->mem, &c, linear, access, &where, &error);

		if (r == E_FAULT) {
			k->cr2 = linear;
			return raise(k, VECTOR_PF, error);
		}
		if (r == OK && at) {
			r = access == WALK_WRITE ? gmem_write(k->mem, where, at, n) : gmem_read(k->mem, where, at, n);
			at += n;
		}
		if (r < 0) {
			return r;
		}
		linear += n;
		len -= n;
	}
	return OK;
}

static int read_system(struct task *k, uint64_t linear, void *buf, unsigned len)
{
	return transfer(k, 0, (uint32_t)linear, buf, len, WALK_READ);
}

static int write_system(struct task *k, uint64_t linear, void *buf, unsigned len)
{
	return transfer(k, 0, (uint32_t)linear, buf, len, WALK_WRITE);
}

static uint32_t get(const uint8_t *at, unsigned bytes)
{
	uint32_t v = 0;

	memcpy(&v, at, bytes);
	return v;
}

/* ---- descriptors ---- */

/* vector: of a selector that points nowhere. */
static int read_descriptor(struct task *k, uint16_t selector, uint8_t vector, struct descriptor *d)
{
	const struct vcpu_segment *table = selector & SELECTOR_LOCAL ? &k->s->ldtr : &k->s->gdtr;
	uint32_t offset = selector & 0xfff8;

	if ((selector & SELECTOR_LOCAL && !(table->attr & PRESENT)) || offset + 7 > table->limit) {
		return refuse(k, vector, selector);
	}
	d->at = (uint32_t)(table->base + offset);
	return read_system(k, d->at, &d->raw, sizeof(d->raw));
}

static struct vcpu_segment segment_of(uint16_t selector, uint64_t raw)
{
	uint32_t limit = (uint32_t)((raw & 0xffff) | (raw >> 32 & 0xf0000));

	return (struct vcpu_segment){
		.base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000), .limit = raw >> 55 & 1 ? limit << 12 | 0xfff : limit,
		.selector = selector, .attr = raw >> 40 & 0xf0ff,
	};
}

/* The segment is good: it is the register's from now on, and its descriptor remembers. */
static int load(struct task *k, struct vcpu_segment *to, struct descriptor *d)
{
	uint8_t access = (uint8_t)(d->raw >> 40);
	int r = OK;

	if (!(access & ACCESSED)) {
		access |= ACCESSED;
		r = write_system(k, d->at + ACCESS_BYTE, &access, 1);
	}
	if (r == OK) {
		*to = segment_of(to->selector, d->raw | (uint64_t)ACCESSED << 40);
	}
	return r;
}

/* The busy bit of a TSS' descriptor, as it is now. */
static int set_busy(struct task *k, const struct descriptor *d, bool busy)
{
	uint8_t access;
	int r = read_system(k, d->at + ACCESS_BYTE, &access, 1);

	if (r == OK) {
		access = (uint8_t)(busy ? access | BUSY : access & ~BUSY);
		r = write_system(k, d->at + ACCESS_BYTE, &access, 1);
	}
	return r;
}

/* ---- the old task ---- */

/* The processor has checked it already; its memory may have changed since. */
static int look_at_new(struct task *k)
{
	uint16_t selector = k->t->selector;
	bool back = k->t->source == TASK_IRET;
	uint8_t bad = back ? VECTOR_TS : VECTOR_GP, access;
	int r = selector & SELECTOR_LOCAL || selector < 8 ? refuse(k, bad, selector) :
							      read_descriptor(k, selector, bad, &k->new);

	if (r < 0) {
		return r;
	}
	k->tr = segment_of(selector, k->new.raw);
	access = (uint8_t)k->tr.attr;
	if ((access & TSS_KIND) != TSS_16 || !(access & BUSY) == back) {
		return refuse(k, bad, selector);
	}
	if (!(access & PRESENT)) {
		return refuse(k, VECTOR_NP, selector);
	}
	k->new_layout = &layouts[(access & WIDE) != 0];
	k->tr.attr |= BUSY;
	return k->tr.limit + 1ull >= k->new_layout->bytes ? OK : refuse(k, VECTOR_TS, selector);
}

/* Everything that will be read or written is there: from here on nothing refuses the switch. */
static int probe(struct task *k)
{
	const struct vcpu_segment *tr = &k->s->tr;
	int r;

	k->old_layout = &layouts[(tr->attr & WIDE) != 0];
	k->old.at = (uint32_t)(k->s->gdtr.base + (tr->selector & 0xfff8u));
	if (tr->limit + 1ull < k->old_layout->bytes) {
		return refuse(k, VECTOR_TS, tr->selector);
	}
	r = write_system(k, tr->base + k->old_layout->ip, NULL, (unsigned)(k->old_layout->saved_end - k->old_layout->ip));
	if (r == OK) {
		r = read_system(k, k->tr.base, NULL, k->new_layout->bytes);
	}
	if (r == OK && k->nested) {
		r = write_system(k, k->tr.base, NULL, 2);
	}
	if (r == OK && k->t->source != TASK_IRET) {
		r = write_system(k, k->new.at + ACCESS_BYTE, NULL, 1);
	}
	if (r == OK && !k->nested) {
		r = write_system(k, k->old.at + ACCESS_BYTE, NULL, 1);
	}
	return r;
}

static int save_selectors(struct task *k)
{
	const struct layout *l = k->old_layout;
	struct vcpu_segment *segment = &k->s->es;
	int r = OK;

	for (unsigned i = 0; i < l->segments && r == OK; i++) {
		uint16_t selector = segment[i].selector;

		r = write_system(k, k->s->tr.base + l->selectors + i * l->selector_step, &selector, sizeof(selector));
	}
	return r;
}

/* EIP, EFLAGS and registers stand side by side. */
static int save_registers(struct task *k)
{
	const struct layout *l = k->old_layout;
	uint8_t words[(REGS + 2) * 4];
	uint32_t value[REGS + 2];

	value[0] = (uint32_t)(k->s->rip + (by_instruction(k) ? k->t->length : 0));
	value[1] = (uint32_t)k->s->rflags & ~(k->t->source == TASK_IRET ? (uint32_t)RFLAGS_NT : 0) &
		   ~(by_instruction(k) ? (uint32_t)RFLAGS_RF : 0);
	for (unsigned i = 0; i < REGS; i++) {
		value[2 + i] = (uint32_t)k->s->gpr[i];
	}
	for (unsigned i = 0; i < REGS + 2; i++) {
		memcpy(words + i * l->word, &value[i], l->word);
	}
	return write_system(k, k->s->tr.base + l->ip, words, (REGS + 2u) * l->word);
}

static int leave_old(struct task *k)
{
	uint16_t link = k->s->tr.selector;
	int r = save_registers(k);

	if (r == OK) {
		r = save_selectors(k);
	}
	if (r == OK && !k->nested) {
		r = set_busy(k, &k->old, false);
	}
	if (r == OK && k->nested) {
		r = write_system(k, k->tr.base, &link, sizeof(link));
	}
	if (r == OK && k->t->source != TASK_IRET) {
		r = set_busy(k, &k->new, true);
	}
	return r < 0 ? r : read_system(k, k->tr.base, k->image, k->new_layout->bytes);
}

/* ---- the new task ---- */

/* A task of virtual-8086 mode has its segments at once. */
static void load_v86(struct vcpu_segment *segment)
{
	for (unsigned i = 0; i < SEGMENTS; i++) {
		segment[i].base = (uint64_t)segment[i].selector << 4;
		segment[i].limit = 0xffff;
		segment[i].attr = PRESENT | DPL | SEGMENT | WRITABLE | ACCESSED;
	}
}

/*
 * All but CS are absent. The CPL counts already, so SS and CS show it; the processor must be able to go on from here if
 * the new selectors are bad, so CS keeps being a code segment.
 */
static void drop_segments(struct task *k)
{
	struct vcpu_segment *segment = &k->s->es;

	for (unsigned i = 0; i < SEGMENTS; i++) {
		if (&segment[i] != &k->s->cs) {
			segment[i].base = segment[i].limit = 0;
			segment[i].attr = (uint16_t)(k->cpl << DPL_AT);
		}
	}
	k->s->cs.attr = (uint16_t)((k->s->cs.attr & ~(DPL | CONFORMING)) | CODE | k->cpl << DPL_AT);
}

static void take_selectors(struct task *k)
{
	const struct layout *l = k->new_layout;
	struct vcpu_segment *segment = &k->s->es;

	for (unsigned i = 0; i < SEGMENTS; i++) {
		segment[i].selector = i < l->segments ? (uint16_t)get(k->image + l->selectors + i * l->selector_step, 2) : 0;
	}
	k->s->ldtr = (struct vcpu_segment){ .selector = (uint16_t)get(k->image + l->ldt, 2), .attr = LDT };
}

static int enter_new(struct task *k)
{
	const struct layout *l = k->new_layout;
	struct vcpu_state *s = k->s;

	s->tr = k->tr;
	s->cr0 |= CR0_TS;
	s->dr7 &= ~(uint64_t)DR7_LOCAL;
	if (l->word == 4 && s->cr0 & CR0_PG) {
		s->cr3 = get(k->image + CR3_AT, 4);
	}
	s->rip = get(k->image + l->ip, l->word);
	s->rflags = (get(k->image + l->ip + l->word, l->word) & RFLAGS_ALL) | RFLAGS_FIXED | (k->nested ? RFLAGS_NT : 0);
	for (unsigned i = 0; i < REGS; i++) {
		s->gpr[i] = get(k->image + l->ip + (2 + i) * l->word, l->word);
	}
	take_selectors(k);
	k->cpl = s->rflags & RFLAGS_VM ? 3 : s->cs.selector & SELECTOR_RPL;
	if (s->rflags & RFLAGS_VM) {
		load_v86(&s->es);
	} else {
		drop_segments(k);
	}
	return OK;
}

static int load_ldt(struct task *k)
{
	struct vcpu_segment *ldtr = &k->s->ldtr;
	struct descriptor d;
	int r;

	if (ldtr->selector < 4) {
		return OK;
	}
	r = ldtr->selector & SELECTOR_LOCAL ? refuse(k, VECTOR_TS, ldtr->selector) :
					      read_descriptor(k, ldtr->selector, VECTOR_TS, &d);
	if (r < 0) {
		return r;
	}
	if ((d.raw >> 40 & (SEGMENT | 0xf)) != LDT || !(d.raw >> 40 & PRESENT)) {
		return refuse(k, VECTOR_TS, ldtr->selector);
	}
	*ldtr = segment_of(ldtr->selector, d.raw);
	return OK;
}

/* The descriptor of a selector that must not be null. */
static int need_descriptor(struct task *k, uint16_t selector, struct descriptor *d)
{
	return selector < 4 ? refuse(k, VECTOR_TS, 0) : read_descriptor(k, selector, VECTOR_TS, d);
}

static int load_code(struct task *k)
{
	uint16_t selector = k->s->cs.selector;
	struct descriptor d;
	uint8_t access, dpl;
	int r = need_descriptor(k, selector, &d);

	if (r < 0) {
		return r;
	}
	access = (uint8_t)(d.raw >> 40);
	dpl = access >> DPL_AT & 3;
	if ((access & (SEGMENT | CODE)) != (SEGMENT | CODE) || (access & CONFORMING ? dpl > k->cpl : dpl != k->cpl)) {
		return refuse(k, VECTOR_TS, selector);
	}
	return access & PRESENT ? load(k, &k->s->cs, &d) : refuse(k, VECTOR_NP, selector);
}

static int load_stack(struct task *k)
{
	uint16_t selector = k->s->ss.selector;
	struct descriptor d;
	uint8_t access;
	int r = need_descriptor(k, selector, &d);

	if (r < 0) {
		return r;
	}
	access = (uint8_t)(d.raw >> 40);
	if ((access & (SEGMENT | CODE | WRITABLE)) != (SEGMENT | WRITABLE) || (access & DPL) >> DPL_AT != k->cpl ||
	    (selector & SELECTOR_RPL) != k->cpl) {
		return refuse(k, VECTOR_TS, selector);
	}
	return access & PRESENT ? load(k, &k->s->ss, &d) : refuse(k, VECTOR_SS, selector);
}

static int load_data(struct task *k, struct vcpu_segment *segment)
{
	uint16_t selector = segment->selector;
	struct descriptor d;
	uint8_t access, dpl;
	int r;

	if (selector < 4) {
		return OK;
	}
	r = read_descriptor(k, selector, VECTOR_TS, &d);
	if (r < 0) {
		return r;
	}
	access = (uint8_t)(d.raw >> 40);
	dpl = access >> DPL_AT & 3;
	if (!(access & SEGMENT) || (access & (CODE | READABLE)) == CODE) {
		return refuse(k, VECTOR_TS, selector);
	}
	if ((access & (CODE | CONFORMING)) != (CODE | CONFORMING) && (dpl < k->cpl || dpl < (selector & SELECTOR_RPL))) {
		return refuse(k, VECTOR_TS, selector);
	}
	return access & PRESENT ? load(k, segment, &d) : refuse(k, VECTOR_NP, selector);
}

static int load_segments(struct task *k)
{
	struct vcpu_segment *const data[] = { &k->s->ds, &k->s->es, &k->s->fs, &k->s->gs };
	int r;

	if (k->s->rflags & RFLAGS_VM) {
		return OK;
	}
	r = load_code(k);
	if (r == OK) {
		r = load_stack(k);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(data) && r == OK; i++) {
		r = load_data(k, data[i]);
	}
	return r;
}

/* Whether [offset, offset + len) lies in a stack segment. */
static bool inside(const struct vcpu_segment *ss, uint32_t offset, unsigned len)
{
	uint64_t last = offset + (uint64_t)len - 1;

	if (ss->attr & CONFORMING) {         /* of a data segment: it grows down */
		return offset > ss->limit && last <= (ss->attr & BIG ? 0xffffffff : 0xffff);
	}
	return last <= ss->limit;
}

/* The error code of the exception that came by a gate goes onto the new task's stack. */
static int push_error(struct task *k)
{
	struct vcpu_state *s = k->s;
	uint32_t mask = s->ss.attr & BIG ? 0xffffffff : 0xffff, error = k->t->error, sp;
	unsigned len = k->new_layout->word;
	int r;

	if (k->t->source != TASK_GATE || !(k->t->event & EVENT_HAS_ERROR)) {
		return OK;
	}
	sp = (uint32_t)(s->gpr[GPR_RSP] - len) & mask;
	if (!inside(&s->ss, sp, len)) {
		return refuse(k, VECTOR_SS, 0);
	}
	r = transfer(k, k->cpl, (uint32_t)s->ss.base + sp, &error, len, WALK_WRITE);
	if (r == OK) {
		s->gpr[GPR_RSP] = (s->gpr[GPR_RSP] & ~(uint64_t)mask) | sp;
	}
	return r;
}

static int look_at_ip(struct task *k)
{
	return k->s->rip <= k->s->cs.limit ? OK : refuse(k, VECTOR_GP, 0);
}

static int trap(struct task *k)
{
	if (k->new_layout->word == 4 && k->image[TRAP_AT] & 1) {
		k->s->dr6 |= DR6_BT;
		k->vector = VECTOR_DB;
		return E_FAULT;
	}
	return OK;
}

/* ---- all of it ---- */

static int (*const steps[])(struct task *) = {
	look_at_new, probe, leave_old, enter_new, load_ldt, load_segments, push_error, look_at_ip, trap,
};

/* NMIs are shut by one that came by a gate, and opened by an IRET. */
static void finish(struct task *k)
{
	struct vcpu_state *s = k->s;

	s->shadow = 0;
	if (k->t->source == TASK_IRET) {
		s->nmi_blocked = 0;
	} else if (k->t->source == TASK_GATE && event_type(k) == EVENT_NMI) {
		s->nmi_blocked = 1;
	}
}

static int leave_exception(struct task *k)
{
	struct vcpu_state *s = k->s;

	if (k->vector == VECTOR_PF) {
		s->cr2 = k->cr2;
	}
	if (combine(k) < 0) {
		return E_FAULT;
	}
	s->exception_pending = 1;
	s->exception_vector = k->vector;
	s->exception_has_error = k->has_error;
	s->exception_error = k->error;
	return OK;
}

int task_switch(const struct gmem *mem, const struct exit_task *t, struct vcpu_state *s)
{
	struct task k = { .mem = mem, .t = t, .s = s, .nested = t->source == TASK_CALL || t->source == TASK_GATE };
	int r = OK;

	if (t->source > TASK_GATE || !(s->cr0 & CR0_PE) || s->efer & EFER_LMA) {
		return E_INVAL;
	}
	s->exception_pending = s->interrupt_pending = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(steps) && r == OK; i++) {
		r = steps[i](&k);
	}
	if (r == OK || r == E_FAULT) {
		finish(&k);
	}
	return r == E_FAULT ? leave_exception(&k) : r;
}
