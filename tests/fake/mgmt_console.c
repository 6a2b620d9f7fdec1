/* SPDX-License-Identifier: Apache-2.0 */
/* The program console as mgmt sees it: each VM greets, and sends back what is typed. It looks at its relays when it is signalled. */
#include "console/node.h"
#include "mgmt/platform.h"

static struct node_relays relays;
static struct channel_end out[NODE_RELAYS], in[NODE_RELAYS];
static uint32_t serials[NODE_RELAYS];

struct node_relays *platform_relays(void)
{
	return &relays;
}

static void follow(int i)
{
	static const char hello[] = "login: ";
	struct node_relay *r = &relays.relay[i];

	if (!out[i].ring) {
		channel_writer(&out[i], &r->out, r->out_data, NODE_RELAY_OUT);
		channel_reader(&in[i], &r->in, r->in_data, NODE_RELAY_IN);
	}
	if (serials[i] != r->serial) {
		serials[i] = r->serial;
		channel_skip(&in[i], channel_avail(&in[i]));
		r->begin = out[i].count;
		r->live = r->begin + (r->wish ? (uint32_t)sizeof(hello) - 1 : 0);
		r->seen = r->serial;
		if (r->wish) {
			channel_write(&out[i], hello, sizeof(hello) - 1);
		}
	}
}

void platform_signal_console(void)
{
	uint8_t bytes[NODE_RELAY_IN];

	for (int i = 0; i < NODE_RELAYS; i++) {
		uint32_t n;

		follow(i);
		n = channel_read(&in[i], bytes, sizeof(bytes));
		channel_write(&out[i], bytes, n);
	}
}
