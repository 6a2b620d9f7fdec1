/* SPDX-License-Identifier: Apache-2.0 */
/* Consoles of VMs through the relays of the program console (console/node.h): see consoles.h. */
#include "mgmt/consoles.h"

#include <string.h>

#include "console/node.h"
#include "mgmt/node_routes.h"
#include "mgmt/platform.h"

/* Of each relay. */
static struct console {
	bool used, begun;            /* begun: what comes is of this wish                            */
	uint32_t serial;
	struct channel_end out, in;
} consoles[NODE_RELAYS];

static struct node_relay *relay(int i)
{
	return &platform_relays()->relay[i];
}

/* From now on the console serves vm, or (-1) nobody. */
static void wish(int i, int vm)
{
	struct console *c = &consoles[i];

	c->serial = relay(i)->serial + 1;
	relay(i)->wish = (uint32_t)(vm + 1);
	relay(i)->vm_id = vm < 0 ? 0 : platform_node()->vm[vm].id;
	__atomic_store_n(&relay(i)->serial, c->serial, __ATOMIC_RELEASE);
	platform_signal_console();
}

static int find_free(void)
{
	for (int i = 0; i < NODE_RELAYS; i++) {
		if (!consoles[i].used) {
			return i;
		}
	}
	return -1;
}

void console_open(struct exchange *e)
{
	int vm = node_find_vm(e), i = find_free();

	if (vm < 0) {
		return;
	}
	if (e->request->method != HTTP_GET || strcmp(e->request->field[FIELD_UPGRADE], "brume-console") != 0) {
		text_printf(&e->headers, "Upgrade: brume-console\r\n");
		exchange_refuse(e, 426, "a console needs Upgrade: brume-console");
		return;
	}
	if (i < 0) {
		exchange_refuse(e, 503, "too many consoles are open");
		return;
	}
	consoles[i] = (struct console){ .used = true };
	channel_reader(&consoles[i].out, &relay(i)->out, relay(i)->out_data, NODE_RELAY_OUT);
	channel_writer(&consoles[i].in, &relay(i)->in, relay(i)->in_data, NODE_RELAY_IN);
	wish(i, vm);
	e->relay = i + 1;
	e->status = 101;
	exchange_audit(e, "open console", "open");
}

void console_close(struct exchange *e)
{
	if (e->relay) {
		wish(e->relay - 1, -1);
		consoles[e->relay - 1].used = false;
		exchange_audit(e, "close console", "closed");
	}
	e->relay = 0;
}

/* Bytes of whoever had the relay before are not this client's. */
static bool has_begun(int i)
{
	struct console *c = &consoles[i];

	if (!c->begun && __atomic_load_n(&relay(i)->seen, __ATOMIC_ACQUIRE) == c->serial) {
		uint32_t avail = channel_avail(&c->out), old = relay(i)->begin - c->out.count;

		channel_skip(&c->out, old < avail ? old : avail);
		c->begun = true;
	}
	return c->begun;
}

size_t console_read(struct exchange *e, uint8_t *to, size_t size)
{
	int i = e->relay - 1;
	uint32_t n = has_begun(i) ? channel_read(&consoles[i].out, to, (uint32_t)size) : 0;

	if (n) {
		platform_signal_console();       /* it may have more */
	}
	return n;
}

size_t console_write(struct exchange *e, const uint8_t *bytes, size_t len)
{
	int i = e->relay - 1;
	uint32_t n = has_begun(i) ? channel_write(&consoles[i].in, bytes, (uint32_t)len) : 0;

	if (n) {
		platform_signal_console();
	}
	return n;
}

bool console_is_over(struct exchange *e)
{
	int i = e->relay - 1;
	bool gone = __atomic_load_n(&relay(i)->gone, __ATOMIC_ACQUIRE) == consoles[i].serial;

	return gone && has_begun(i) && !channel_avail(&consoles[i].out);
}
