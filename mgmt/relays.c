/* SPDX-License-Identifier: Apache-2.0 */
/* Relays: see relays.h. */
#include "mgmt/relays.h"

#include "console/node.h"
#include "mgmt/platform.h"

_Static_assert((int)RELAYS_EACH * (int)RELAY_USES == NODE_RELAYS, "each relay has its use");

static struct end {
	bool used, begun;            /* begun: what comes is of this wish                            */
	uint32_t serial;
	struct channel_end out, in;
} ends[NODE_RELAYS];

static struct node_relay *shared(int i)
{
	return &platform_relays()->relay[i];
}

/* From now on the console serves vm, or (-1) nobody. */
static void wish(int i, int vm)
{
	struct end *e = &ends[i];

	e->serial = shared(i)->serial + 1;
	shared(i)->wish = (uint32_t)(vm + 1);
	shared(i)->vm_id = vm < 0 ? 0 : platform_node()->vm[vm].id;
	__atomic_store_n(&shared(i)->serial, e->serial, __ATOMIC_RELEASE);
	platform_signal_console();
}

int relay_open(int vm, enum relay_use use)
{
	for (int i = (int)use * RELAYS_EACH; i < ((int)use + 1) * RELAYS_EACH; i++) {
		if (!ends[i].used) {
			ends[i] = (struct end){ .used = true };
			channel_reader(&ends[i].out, &shared(i)->out, shared(i)->out_data, NODE_RELAY_OUT);
			channel_writer(&ends[i].in, &shared(i)->in, shared(i)->in_data, NODE_RELAY_IN);
			wish(i, vm);
			return i;
		}
	}
	return E_NOMEM;
}

void relay_close(int relay)
{
	wish(relay, -1);
	ends[relay].used = false;
}

/* Bytes of whoever had the relay before are not this one's. */
static bool has_begun(int i)
{
	struct end *e = &ends[i];

	if (!e->begun && __atomic_load_n(&shared(i)->seen, __ATOMIC_ACQUIRE) == e->serial) {
		uint32_t avail = channel_avail(&e->out), old = shared(i)->begin - e->out.count;

		channel_skip(&e->out, old < avail ? old : avail);
		e->begun = true;
	}
	return e->begun;
}

size_t relay_read(int relay, uint8_t *to, size_t size)
{
	uint32_t n = has_begun(relay) ? channel_read(&ends[relay].out, to, (uint32_t)size) : 0;

	if (n) {
		platform_signal_console();       /* it may have more */
	}
	return n;
}

size_t relay_write(int relay, const void *bytes, size_t len)
{
	uint32_t n = has_begun(relay) ? channel_write(&ends[relay].in, bytes, (uint32_t)len) : 0;

	if (n) {
		platform_signal_console();
	}
	return n;
}

/* Of the console's word only what fits is believed: a scroll-back is no larger than this ring. */
uint32_t relay_backlog(int relay)
{
	uint32_t left;

	if (!has_begun(relay)) {
		return 1;
	}
	left = shared(relay)->live - ends[relay].out.count;
	return left <= NODE_RELAY_OUT ? left : 0;
}

bool relay_is_over(int relay)
{
	bool gone = __atomic_load_n(&shared(relay)->gone, __ATOMIC_ACQUIRE) == ends[relay].serial;

	return gone && has_begun(relay) && !channel_avail(&ends[relay].out);
}
