/* SPDX-License-Identifier: Apache-2.0 */
/* The console multiplexer; mux.h tells the rules. */
#include "console/mux.h"

#include <stdio.h>
#include <string.h>

enum {
	KEY_ESCAPE = 0x1d,           /* Ctrl-]                                                       */
	BUDGET = 8192,               /* bytes per VM and refill                                      */
	REFILL_NS = 5000000,
	RETRY_NS = 10000000,         /* typed bytes that the VM did not take                         */
	LINES_MAX = 16,              /* messages per call and source                                 */
};

void mux_init(struct mux *m, const struct node_status *status, struct node_exchange *exchange,
	      struct console_channel *const *channels)
{
	memset(m, 0, sizeof(*m));
	m->status = status;
	m->exchange = exchange;
	m->channels = channels;
	m->selected = -1;
	channel_reader(&m->log, &exchange->log, exchange->log_data, NODE_LOG);
	channel_writer(&m->command, &exchange->command, exchange->command_data, NODE_COMMANDS);
	if (!mux_count(m)) {
		screen_print(&m->screen, "[brume] no VM is configured (Ctrl-] ? for keys)");
	}
}

int mux_count(const struct mux *m)
{
	return m->status->vm_count < CONF_VMS_MAX ? (int)m->status->vm_count : CONF_VMS_MAX;
}

enum node_vm_state mux_state(const struct mux *m, int number)
{
	return (enum node_vm_state)__atomic_load_n(&m->status->vm[number].state, __ATOMIC_ACQUIRE);
}

void mux_select(struct mux *m, int number)
{
	if (number < 0 || number >= mux_count(m) || mux_state(m, number) == NODE_VM_NONE) {
		return;
	}
	screen_print(&m->screen, "[brume] console of vm '%.31s' (Ctrl-] ? for keys)", m->status->vm[number].name);
	if (number != m->selected) {
		m->typed_count = 0;
		m->replaying = true;
		m->replay = scroll_start(&m->vm[number].scroll);
	}
	m->selected = number;
}

/* ---- what is typed ---- */

static void send_typed(struct mux *m)
{
	struct mux_vm *vm;
	uint32_t n;

	if (!m->typed_count || m->selected < 0) {
		return;
	}
	vm = &m->vm[m->selected];
	if (!vm->generation || mux_state(m, m->selected) != NODE_VM_RUNNING) {
		m->typed_count = 0;
		return;
	}
	n = channel_write(&vm->to, m->typed, m->typed_count);
	if (n) {
		m->typed_count -= n;
		memmove(m->typed, m->typed + n, m->typed_count);
		m->signal_vm[m->selected] = m->signal_vms = true;
	}
}

static void put_bell(struct mux *m)
{
	if (screen_room(&m->screen)) {
		screen_put(&m->screen, (const uint8_t *)"\a", 1);
	}
}

void mux_type(struct mux *m, const uint8_t *bytes, uint32_t len)
{
	if (m->selected < 0 || mux_state(m, m->selected) != NODE_VM_RUNNING) {
		if (memchr(bytes, '\r', len) && m->selected >= 0) {
			screen_print(&m->screen, "[brume] vm '%.31s' does not run (Ctrl-] s starts it, Ctrl-] ? for keys)",
				     m->status->vm[m->selected].name);
		}
		return;
	}
	if (len > MUX_TYPED - m->typed_count) {
		put_bell(m);
		return;
	}
	memcpy(m->typed + m->typed_count, bytes, len);
	m->typed_count += len;
}

void mux_input(struct mux *m, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (m->escape) {
			m->escape = false;
			send_typed(m);           /* to the VM that it was typed for */
			mux_key(m, bytes[i]);
		} else if (bytes[i] == KEY_ESCAPE) {
			m->escape = true;
		} else {
			mux_type(m, &bytes[i], 1);
		}
	}
	send_typed(m);
}

/* ---- what init and the vmms say ---- */

/* Takes one line out of a ring. False: no whole line yet; an endless one is cut. */
static bool take_line(struct channel_end *ring, struct mux_line *line)
{
	char c;

	while (channel_read(ring, &c, 1)) {
		if (c == '\n') {
			return true;
		}
		if (c != '\r') {
			line->text[line->len++] = c;
		}
		if (line->len == MUX_LINE) {
			return true;
		}
	}
	return false;
}

/* A line may come when the guest is between sequences, or has stopped within one. */
static bool may_speak(struct mux *m)
{
	return screen_line_fits(&m->screen) &&
	       (screen_between(&m->screen) || m->selected < 0 || !m->vm[m->selected].generation ||
		!channel_avail(&m->vm[m->selected].from));
}

static void show_log(struct mux *m)
{
	for (int i = 0; i < LINES_MAX && may_speak(m) && take_line(&m->log, &m->line); i++) {
		screen_line(&m->screen, m->line.text, m->line.len);
		m->line.len = 0;
	}
}

static void show_vm_log(struct mux *m, int number)
{
	struct mux_vm *vm = &m->vm[number];

	for (int i = 0; i < LINES_MAX && may_speak(m) && take_line(&vm->log, &vm->line); i++) {
		screen_print(&m->screen, "brume: vm %.31s: %.*s", m->status->vm[number].name, (int)vm->line.len,
			     vm->line.text);
		vm->line.len = 0;
	}
}

/* ---- what the guests send ---- */

static void replay(struct mux *m)
{
	uint8_t bytes[512];
	size_t n = 1;

	while (m->replaying && n && screen_room(&m->screen) >= sizeof(bytes)) {
		n = scroll_get(&m->vm[m->selected].scroll, &m->replay, bytes, sizeof(bytes));
		screen_put(&m->screen, bytes, (uint32_t)n);
		m->replaying = n != 0;
	}
}

static void show_vm(struct mux *m, int number)
{
	struct mux_vm *vm = &m->vm[number];
	bool on_screen = number == m->selected;
	uint8_t bytes[512];
	uint32_t n = 1;

	if (channel_avail(&vm->from) >= CONSOLE_FROM_VM / 2) {
		m->signal_vm[number] = m->signal_vms = true;     /* its writer may be waiting for room */
	}
	while (n && vm->budget && !(on_screen && m->replaying)) {
		n = vm->budget < sizeof(bytes) ? vm->budget : (uint32_t)sizeof(bytes);
		if (on_screen && n > screen_room(&m->screen)) {
			n = screen_room(&m->screen);
		}
		n = channel_read(&vm->from, bytes, n);
		scroll_put(&vm->scroll, bytes, n);
		if (on_screen) {
			screen_put(&m->screen, bytes, n);
		}
		vm->budget -= n;
	}
}

/* ---- the life of the VMs ---- */

static void attach(struct mux *m, int number, uint32_t generation)
{
	struct mux_vm *vm = &m->vm[number];
	struct console_channel *c = m->channels[number];

	channel_reader(&vm->from, &c->from_vm, c->from_vm_data, CONSOLE_FROM_VM);
	channel_reader(&vm->log, &c->log, c->log_data, CONSOLE_LOG);
	channel_writer(&vm->to, &c->to_vm, c->to_vm_data, CONSOLE_TO_VM);
	vm->line.len = 0;
	vm->generation = generation;
	if (m->exchange->ack[number] == generation) {    /* it was new when the state was still an old one */
		__atomic_store_n(&m->exchange->ack[number], generation - 1, __ATOMIC_RELEASE);
	}
	if (m->selected < 0) {
		mux_select(m, number);
	}
}

/* All that the last vmm wrote is out, or nobody waits for it any more: let init go on. */
static void detach(struct mux *m, int number, uint32_t generation)
{
	m->vm[number].generation = 0;
	__atomic_store_n(&m->exchange->ack[number], generation, __ATOMIC_RELEASE);
	m->signal_init = true;
}

/* The number is another VM's now, or nobody's: nothing of the one before is shown. */
static void forget(struct mux *m, int number)
{
	struct mux_vm *vm = &m->vm[number];

	vm->id = m->status->vm[number].id;
	vm->generation = 0;
	vm->scroll.end = 0;
	vm->line.len = 0;
	if (m->selected == number) {
		m->replaying = false;
		m->typed_count = 0;
	}
}

static void pump_vm(struct mux *m, int number)
{
	struct mux_vm *vm = &m->vm[number];
	enum node_vm_state state = mux_state(m, number);
	uint32_t generation = m->status->vm[number].generation;

	if (vm->id != m->status->vm[number].id) {
		forget(m, number);
	}
	if (state == NODE_VM_STOPPED || state == NODE_VM_NONE) {
		if (vm->generation || m->exchange->ack[number] != generation) {
			detach(m, number, generation);   /* it took longer than init waits, but whoever deletes the VM does wait */
		}
		if (state == NODE_VM_NONE && m->selected == number) {
			m->selected = -1;                /* the next one that starts comes on the screen */
			m->replaying = false;
			m->typed_count = 0;
		}
		return;
	}
	if (vm->generation != generation && (state == NODE_VM_RUNNING || m->exchange->ack[number] != generation)) {
		attach(m, number, generation);
	}
	if (!vm->generation) {
		return;
	}
	show_vm_log(m, number);
	show_vm(m, number);
	if (state == NODE_VM_ENDED && !channel_avail(&vm->from) && !channel_avail(&vm->log)) {
		detach(m, number, generation);
	}
}

static void refill(struct mux *m, uint64_t now_ns)
{
	if (now_ns < m->refill_ns) {
		return;
	}
	m->refill_ns = now_ns + REFILL_NS;
	for (int i = 0; i < CONF_VMS_MAX; i++) {
		m->vm[i].budget = BUDGET;
	}
}

/* A VM out of budget goes on after the refill, one whose bytes found no room when the screen was emptied. */
static bool hungry(struct mux *m)
{
	for (int i = 0; i < mux_count(m); i++) {
		if (m->vm[i].generation && !m->vm[i].budget && channel_avail(&m->vm[i].from)) {
			return true;
		}
	}
	return false;
}

static void report_flushed(struct mux *m)
{
	const uint8_t *bytes;

	if (__atomic_load_n(&m->status->stopping, __ATOMIC_ACQUIRE) && !m->exchange->flushed &&
	    !channel_avail(&m->log) && !screen_peek(&m->screen, &bytes)) {
		__atomic_store_n(&m->exchange->flushed, 1, __ATOMIC_RELEASE);
		m->signal_init = true;
	}
}

uint64_t mux_pump(struct mux *m, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	refill(m, now_ns);
	replay(m);
	for (int i = 0; i < mux_count(m); i++) {
		pump_vm(m, i);
	}
	show_log(m);
	send_typed(m);
	report_flushed(m);
	if (hungry(m)) {
		next = m->refill_ns;
	}
	if (m->typed_count && now_ns + RETRY_NS < next) {
		next = now_ns + RETRY_NS;
	}
	return next;
}
