/* SPDX-License-Identifier: Apache-2.0 */
/* Relays: see relay.h. */
#include "console/relay.h"

#include "lib/fmt.h"

enum { PIECE = 512, PIECES_MAX = 16, MARK = 64 };

void relays_init(struct relays *r, struct node_relays *shared)
{
	*r = (struct relays){ .shared = shared };
	for (int i = 0; i < NODE_RELAYS; i++) {
		struct node_relay *s = &shared->relay[i];

		r->end[i].vm = -1;
		r->end[i].serial = __atomic_load_n(&s->serial, __ATOMIC_ACQUIRE) - 1;    /* a wish that stands is served again */
		channel_writer(&r->end[i].out, &s->out, s->out_data, NODE_RELAY_OUT);
		channel_reader(&r->end[i].in, &s->in, s->in_data, NODE_RELAY_IN);
	}
}

/* The VM that is wished for, if that is still there; mgmt may have looked before it went. */
static int vm_of(const struct mux *m, uint32_t wish, uint32_t id)
{
	int vm = wish && wish <= (uint32_t)mux_count(m) ? (int)wish - 1 : -1;

	return vm >= 0 && m->vm[vm].id == id && mux_state(m, vm) != NODE_VM_NONE ? vm : -1;
}

static void type(struct relays *r, struct relay_end *e, struct mux *m)
{
	struct mux_vm *vm = &m->vm[e->vm];
	bool runs = vm->generation && mux_state(m, e->vm) == NODE_VM_RUNNING;
	uint8_t bytes[NODE_RELAY_IN];
	uint32_t len = channel_avail(&e->in), room = runs ? channel_room(&vm->to) : 0;

	if (!runs) {
		channel_skip(&e->in, len);
		return;
	}
	len = channel_read(&e->in, bytes, len < room ? len : room);
	if (len) {
		channel_write(&vm->to, bytes, len);
		m->signal_vm[e->vm] = m->signal_vms = true;
		r->signal = true;
	}
}

/* mgmt wants something else: it skips what was written before `begin`. */
static void follow_wish(struct relays *r, int i, struct mux *m)
{
	struct node_relay *s = &r->shared->relay[i];
	struct relay_end *e = &r->end[i];
	uint32_t serial = __atomic_load_n(&s->serial, __ATOMIC_ACQUIRE), wish = s->wish;

	if (serial == e->serial) {
		return;
	}
	if (e->vm >= 0 && vm_of(m, (uint32_t)e->vm + 1, e->id) >= 0) {
		type(r, e, m);                   /* the last words of who has left */
	}
	e->serial = serial;
	e->id = s->vm_id;
	e->vm = vm_of(m, wish, e->id);
	if (e->vm >= 0) {
		e->position = scroll_start(&m->vm[e->vm].scroll);
	}
	channel_skip(&e->in, channel_avail(&e->in));
	s->begin = s->live = e->out.count;
	if (e->vm >= 0) {
		s->live += (uint32_t)(m->vm[e->vm].scroll.end - e->position);
	}
	if (wish && e->vm < 0) {
		__atomic_store_n(&s->gone, serial, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&s->seen, serial, __ATOMIC_RELEASE);
	r->signal = true;
}

/* The reader was passed: says so, and goes on at the start of a line. False: there is no room to say it yet. */
static bool catch_up(struct relay_end *e, const struct scroll *scroll)
{
	uint64_t start = scroll_start(scroll);
	char mark[MARK];
	size_t len = fmt_print(mark, sizeof(mark), "\r\n[brume] %llu bytes were lost\r\n", (unsigned long long)(start - e->position));

	if (!channel_write_all(&e->out, mark, (uint32_t)len)) {
		return false;
	}
	e->position = start;
	return true;
}

static void show(struct relays *r, struct relay_end *e, struct mux *m)
{
	const struct scroll *scroll = &m->vm[e->vm].scroll;
	uint8_t bytes[PIECE];

	for (int n = 0; n < PIECES_MAX; n++) {
		uint32_t room;
		size_t len;

		if (scroll->end - e->position > SCROLL_BYTES && !catch_up(e, scroll)) {
			return;
		}
		room = channel_room(&e->out);
		len = scroll_get(scroll, &e->position, bytes, room < PIECE ? room : PIECE);
		if (!len) {
			return;
		}
		channel_write(&e->out, bytes, (uint32_t)len);
		r->signal = true;
	}
}

/* It is told after the last bytes. */
static void end(struct relays *r, int i)
{
	r->end[i].vm = -1;
	__atomic_store_n(&r->shared->relay[i].gone, r->end[i].serial, __ATOMIC_RELEASE);
	r->signal = true;
}

void relays_pump(struct relays *r, struct mux *m)
{
	for (int i = 0; i < NODE_RELAYS; i++) {
		struct relay_end *e = &r->end[i];

		follow_wish(r, i, m);
		if (e->vm >= 0 && vm_of(m, (uint32_t)e->vm + 1, e->id) < 0) {
			end(r, i);
		}
		if (e->vm >= 0) {
			show(r, e, m);
			type(r, e, m);
		}
	}
}
