/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of VNC consoles and who looks at them: see vnc.h. The protocol is rfb.c's, the terminal term.c's. */
#include "mgmt/vnc.h"

#include <stdio.h>
#include <string.h>

#include "console/node.h"
#include "mgmt/guesses.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"
#include "mgmt/random.h"
#include "mgmt/relays.h"
#include "mgmt/rfb.h"
#include "mgmt/server.h"
#include "mgmt/tcp.h"

/* HANDSHAKE_S: many viewers ask their user for the password when they have the challenge. */
enum { HANDSHAKE_S = 120, STALL_S = 60, TYPED = 8192, PIECE = 256, IN_PIECE = 512 };

#define SECOND 1000000000ull

_Static_assert((int)VNC_PORTS == (int)MGMT_VNC && (int)VNC_VIEWERS <= (int)RELAYS_EACH, "a place for each");

/* What need not outlive mgmt. */
static int vm_of[VNC_PORTS];             /* each port's VM: its number in struct node_status, or -1     */
static struct guesses guesses;

/* A VM's terminal, there while somebody looks at it. */
static struct desk {
	unsigned viewers;
	int port, relay;
	struct term term;
	uint8_t typed[TYPED];        /* not yet with the VM                                          */
	uint32_t typed_len;
} desks[VNC_VIEWERS];

static struct viewer {
	struct stream *stream;       /* NULL: free                                                   */
	int port;
	struct desk *desk;           /* NULL: it is not in yet                                       */
	struct rfb rfb;
	struct term_keys keys;
	char name[CONF_NAME_MAX + 16];
	uint8_t in[IN_PIECE];
	unsigned in_at, in_len;
	uint64_t since_ns;           /* when it came; later, when it last took all or some of what it is to be sent */
} viewers[VNC_VIEWERS];

static struct mgmt_vnc *slot(int port)
{
	return &platform_vnc()[port];
}

/* ---- VMs ---- */

/* The VM's number, or -1. The one that was there first is meant, and no other one of its name. */
static int find_vm(int port)
{
	const struct node_status *node = platform_node();
	const struct mgmt_vnc *s = slot(port);

	for (uint32_t i = 0; i < node->vm_count && i < CONF_VMS_MAX; i++) {
		const struct node_vm *vm = &node->vm[i];

		if (__atomic_load_n(&vm->state, __ATOMIC_ACQUIRE) != NODE_VM_NONE && strcmp(vm->name, s->vm) == 0 &&
		    (!s->known || vm->id == s->vm_id)) {
			return (int)i;
		}
	}
	return -1;
}

static bool is_still_there(int port)
{
	const struct node_status *node = platform_node();
	int vm = vm_of[port];

	return vm >= 0 && (uint32_t)vm < node->vm_count && node->vm[vm].id == slot(port)->vm_id &&
	       __atomic_load_n(&node->vm[vm].state, __ATOMIC_ACQUIRE) != NODE_VM_NONE;
}

/* False: it was there, and is gone. */
static bool follow_vm(int port)
{
	struct mgmt_vnc *s = slot(port);

	if (s->known && is_still_there(port)) {
		return true;
	}
	vm_of[port] = find_vm(port);
	if (vm_of[port] < 0) {
		return !s->known;
	}
	s->vm_id = platform_node()->vm[vm_of[port]].id;
	s->known = 1;
	return true;
}

/* ---- terminals ---- */

/* What finds no room is lost, as with any keyboard. */
static void type(void *context, const char *bytes, size_t len)
{
	struct desk *d = context;

	if (len <= TYPED - d->typed_len) {
		memcpy(d->typed + d->typed_len, bytes, len);
		d->typed_len += (uint32_t)len;
	}
}

static struct desk *find_desk(int port)
{
	struct desk *empty = NULL;

	for (unsigned i = 0; i < VNC_VIEWERS; i++) {
		if (desks[i].viewers && desks[i].port == port) {
			return &desks[i];
		}
		empty = desks[i].viewers ? empty : &desks[i];
	}
	return empty;
}

/* NULL: the VM is not there, or all relays are taken. */
static struct desk *take_desk(int port)
{
	struct desk *d = find_desk(port);
	int relay;

	if (!d || vm_of[port] < 0) {
		return NULL;
	}
	if (!d->viewers) {
		relay = relay_open(vm_of[port], RELAY_VIEWERS);
		if (relay < 0) {
			return NULL;
		}
		d->port = port;
		d->relay = relay;
		d->typed_len = 0;
		term_init(&d->term, type, d);
	}
	d->viewers++;
	return d;
}

static void leave_desk(struct desk *d)
{
	if (--d->viewers == 0) {
		relay_close(d->relay);
	}
}

/* True: there may be more. Questions that stand in the scroll-back were asked of others. */
static bool run_desk(struct desk *d)
{
	uint8_t bytes[PIECE];
	uint32_t old = relay_backlog(d->relay);
	size_t n = relay_read(d->relay, bytes, old && old < PIECE ? old : PIECE), written;

	d->term.mute = old != 0;
	term_feed(&d->term, bytes, n);
	written = d->typed_len ? relay_write(d->relay, d->typed, d->typed_len) : 0;
	memmove(d->typed, d->typed + written, d->typed_len - written);
	d->typed_len -= (uint32_t)written;
	return n != 0;
}

/* ---- viewers ---- */

static void log_viewer(const struct viewer *v, const char *what)
{
	platform_log("audit: VNC viewer from %s: %s: %s", v->stream->peer, slot(v->port)->vm, what);
}

static void end(struct viewer *v)
{
	if (v->desk) {
		log_viewer(v, "left the console");
		leave_desk(v->desk);
	}
	v->stream->ops->close(v->stream);
	v->stream = NULL;
	v->desk = NULL;
}

static void on_key(void *context, uint32_t keysym, bool down)
{
	struct viewer *v = context;

	if (v->desk) {
		term_key(&v->desk->term, &v->keys, keysym, down);
	}
}

static void on_paste(void *context, const uint8_t *text, size_t len)
{
	struct viewer *v = context;

	if (v->desk) {
		term_paste(&v->desk->term, text, len);
	}
}

static void on_denied(void *context)
{
	struct viewer *v = context;

	log_viewer(v, "the password is wrong");
	guesses_add(&guesses, v->stream->port, v->stream->origin, platform_now_ns());
}

static const struct rfb_hooks hooks = { .key = on_key, .paste = on_paste, .denied = on_denied };

/* Takes what has come. True: something moved. */
static bool listen_to(struct viewer *v)
{
	size_t used;
	int n;

	if (v->in_at == v->in_len) {
		n = v->stream->ops->read(v->stream, v->in, sizeof(v->in));
		if (n == E_AGAIN) {
			return false;
		}
		if (n <= 0) {
			end(v);
			return false;
		}
		v->in_at = 0;
		v->in_len = (unsigned)n;
	}
	used = rfb_feed(&v->rfb, v->in + v->in_at, v->in_len - v->in_at);
	v->in_at += (unsigned)used;
	return used != 0;
}

/* It is in: it gets the terminal. */
static void let_in(struct viewer *v)
{
	v->desk = take_desk(v->port);
	if (!v->desk) {
		log_viewer(v, "there is no such VM, or no room for its console");
		end(v);
		return;
	}
	v->since_ns = platform_now_ns();
	guesses_clear(&guesses, v->stream->port, v->stream->origin);
	if (slot(v->port)->password[0]) {
		v->stream->ops->favour(v->stream);       /* it has shown who it is */
	}
	v->rfb.bells = v->desk->term.bells;
	log_viewer(v, "opened the console");
}

static bool send_to(struct viewer *v, uint64_t now_ns)
{
	unsigned len = v->rfb.out_len - v->rfb.out_at;
	int n;

	if (!len) {
		if (v->rfb.state == RFB_OVER) {
			end(v);
		}
		return false;
	}
	n = v->stream->ops->write(v->stream, v->rfb.out + v->rfb.out_at, len);
	if (n < 0) {
		if (n != E_AGAIN) {
			end(v);
		}
		return false;
	}
	rfb_sent(&v->rfb, (size_t)n);
	v->since_ns = now_ns;
	return true;
}

/* When it has taken too long over what it has to do; one that only looks may do so for ever. */
static uint64_t deadline(const struct viewer *v)
{
	if (!v->desk) {
		return v->since_ns + HANDSHAKE_S * SECOND;
	}
	return v->rfb.out_len > v->rfb.out_at ? v->since_ns + STALL_S * SECOND : UINT64_MAX;
}

/* True: something moved. */
static bool run_viewer(struct viewer *v, uint64_t now_ns)
{
	uint64_t came_ns = v->since_ns;
	bool moved = listen_to(v);

	if (v->stream && v->rfb.state == RFB_OPEN && !v->desk) {
		let_in(v);
	}
	if (v->stream && v->desk) {
		v->since_ns = v->rfb.out_len == v->rfb.out_at ? now_ns : v->since_ns;
		rfb_draw(&v->rfb, &v->desk->term);
	}
	if (v->stream) {
		moved |= send_to(v, now_ns);
	}
	if (v->stream && !v->desk) {
		v->since_ns = came_ns;           /* what a stranger moves does not prolong its time */
	}
	if (v->stream && now_ns >= deadline(v)) {
		end(v);
	}
	return moved;
}

static void drop_viewers(int port)
{
	for (unsigned i = 0; i < VNC_VIEWERS; i++) {
		if (viewers[i].stream && viewers[i].port == port) {
			end(&viewers[i]);
		}
	}
}

/* Strangers of the same origin. */
static unsigned count_strangers(const struct viewer *like)
{
	unsigned count = 0;

	for (unsigned i = 0; i < VNC_VIEWERS; i++) {
		count += viewers[i].stream && !viewers[i].desk && viewers[i].stream->origin == like->stream->origin;
	}
	return count;
}

/* Which of two strangers goes first: of more, and then the older one. So who opens many connections pushes out its own. */
static bool goes_before(const struct viewer *a, const struct viewer *b)
{
	unsigned of_a = count_strangers(a), of_b = count_strangers(b);

	return of_a != of_b ? of_a > of_b : a->since_ns < b->since_ns;
}

/* A free place: a stranger's, if there is no other. NULL: too many look. */
static struct viewer *find_place(int port)
{
	struct viewer *empty = NULL, *stranger = NULL;
	unsigned looking = 0;
	bool full;

	for (unsigned i = 0; i < VNC_VIEWERS; i++) {
		looking += viewers[i].stream && viewers[i].port == port;
		empty = viewers[i].stream ? empty : &viewers[i];
	}
	full = looking >= VNC_VIEWERS_PER_VM;
	if (empty && !full) {
		return empty;
	}
	for (unsigned i = 0; i < VNC_VIEWERS; i++) {
		struct viewer *v = &viewers[i];

		if (v->stream && !v->desk && (!full || v->port == port) && (!stranger || goes_before(v, stranger))) {
			stranger = v;
		}
	}
	if (stranger) {
		end(stranger);
	}
	return stranger;
}

static int find_port(uint16_t number)
{
	for (int i = 0; i < VNC_PORTS; i++) {
		if (slot(i)->port == number) {
			return i;
		}
	}
	return -1;
}

void vnc_accept(struct stream *stream, uint64_t now_ns)
{
	int port = find_port(stream->port);
	struct viewer *v = port < 0 ? NULL : find_place(port);
	uint8_t challenge[RFB_CHALLENGE];
	const char *refuse = NULL;

	if (!v || random_fill(challenge, sizeof(challenge)) < 0) {
		stream->ops->close(stream);
		return;
	}
	memset(v, 0, sizeof(*v));
	v->stream = stream;
	v->port = port;
	v->since_ns = now_ns;
	snprintf(v->name, sizeof(v->name), "%s (Brume)", slot(port)->vm);
	if (guesses_lock(&guesses, stream->port, stream->origin, now_ns)) {
		refuse = "there were too many wrong passwords: try again in a moment";
	} else if (vm_of[port] < 0) {
		refuse = "the VM is not there";
	}
	rfb_init(&v->rfb, &hooks, v, v->name, slot(port)->password, refuse, challenge);
}

/* ---- ports ---- */

static int fail(const char **why, const char *text, int error)
{
	*why = text;
	return error;
}

static int find_slot(const char *vm)
{
	for (int i = 0; i < VNC_PORTS; i++) {
		if (slot(i)->port && strcmp(slot(i)->vm, vm) == 0) {
			return i;
		}
	}
	return -1;
}

static void close_port(int port)
{
	drop_viewers(port);
	tcp_leave(slot(port)->port);
	guesses_forget(&guesses, slot(port)->port);
	memset(slot(port), 0, sizeof(*slot(port)));
}

static int check(const char *vm, uint16_t port, const char *password, const char **why)
{
	int other = find_port(port);

	if (!vm[0] || strlen(vm) >= CONF_NAME_MAX) {
		return fail(why, "a VM has no such name", E_INVAL);
	}
	if (port < VNC_PORT_MIN) {
		return fail(why, "VNC ports begin at 5900", E_INVAL);
	}
	if (strlen(password) >= VNC_PASSWORD_MAX) {
		return fail(why, "the VNC password is too long", E_INVAL);
	}
	if (port == SERVER_PORT || (other >= 0 && strcmp(slot(other)->vm, vm) != 0)) {
		return fail(why, "the VNC port is in use on this node", E_BUSY);
	}
	return OK;
}

int vnc_open(const char *vm, uint16_t port, const char *password, const char **why)
{
	int r = check(vm, port, password, why), i = find_slot(vm);

	if (r < 0) {
		return r;
	}
	if (i >= 0 && slot(i)->port == port && strcmp(slot(i)->password, password) == 0) {
		slot(i)->known = 0;
		follow_vm(i);
		return OK;
	}
	if (i >= 0) {
		close_port(i);
	}
	i = find_port(0);
	if (i < 0 || tcp_listen_on(port) < 0) {
		return fail(why, "there are too many VNC ports on this node", E_NOMEM);
	}
	*slot(i) = (struct mgmt_vnc){ .port = port };
	memcpy(slot(i)->vm, vm, strlen(vm));
	memcpy(slot(i)->password, password, strlen(password));
	follow_vm(i);
	return OK;
}

void vnc_close(const char *vm)
{
	int i = find_slot(vm);

	if (i >= 0) {
		close_port(i);
	}
}

uint16_t vnc_port(const char *vm)
{
	int i = find_slot(vm);

	return i < 0 ? 0 : slot(i)->port;
}

/* What stands there is a predecessor's, which may have died of a mistake. */
void vnc_init(void)
{
	for (int i = 0; i < VNC_PORTS; i++) {
		struct mgmt_vnc was = *slot(i);
		const char *why;

		memset(slot(i), 0, sizeof(was));
		was.vm[CONF_NAME_MAX - 1] = was.password[VNC_PASSWORD_MAX - 1] = '\0';
		if (!was.port) {
			continue;
		}
		if (vnc_open(was.vm, was.port, was.password, &why) < 0) {
			platform_log("VNC console of %s: %s", was.vm, why);
		} else if (was.known) {
			int now = find_slot(was.vm);

			slot(now)->known = 1;
			slot(now)->vm_id = was.vm_id;
		}
	}
}

uint64_t vnc_run(uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;
	bool moved = false;

	for (int i = 0; i < VNC_PORTS; i++) {
		if (slot(i)->port && !follow_vm(i)) {
			close_port(i);
		}
	}
	for (unsigned i = 0; i < VNC_VIEWERS; i++) {
		moved |= desks[i].viewers && run_desk(&desks[i]);
	}
	for (unsigned i = 0; i < VNC_VIEWERS; i++) {
		if (viewers[i].stream) {
			moved |= run_viewer(&viewers[i], now_ns);
		}
		if (viewers[i].stream) {
			uint64_t due = deadline(&viewers[i]);

			next = due < next ? due : next;
		}
	}
	return moved ? now_ns : next;
}
