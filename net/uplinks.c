/* SPDX-License-Identifier: Apache-2.0 */
/* All uplinks: see uplinks.h. */
#include "net/uplinks.h"

#include <string.h>

/* What init has not heard yet. */
static bool show(struct uplinks *u, struct net_answers *answers, uint32_t i)
{
	struct net_uplink_answer *a = &answers->uplink[i], now = { .changes = a->changes };
	const struct uplink *one = &u->uplink[i];

	now.link = uplink_is_up(one);
	now.features = one->nic.features;
	memcpy(now.mac, one->nic.mac, sizeof(now.mac));
	strncpy(now.broken, one->nic.broken ? one->nic.broken : "", sizeof(now.broken) - 1);
	if (u->shown[i] && memcmp(a, &now, sizeof(now)) == 0) {
		return false;
	}
	u->shown[i] = true;
	*a = now;
	__atomic_store_n(&a->changes, now.changes + 1, __ATOMIC_RELEASE);
	return true;
}

static void start(struct uplinks *u, const struct net_status *status, uint32_t i, uint64_t now_ns)
{
	uint64_t pause = u->pause_ns[i];
	bool again = pause && now_ns < u->retry_ns[i] + UPLINKS_RETRY_MAX_NS;     /* it did not work for long */

	uplink_stop(&u->uplink[i]);
	u->pause_ns[i] = !again ? UPLINKS_RETRY_NS : pause < UPLINKS_RETRY_MAX_NS ? pause * 2 : UPLINKS_RETRY_MAX_NS;
	u->retry_ns[i] = now_ns + u->pause_ns[i];
	(void)!uplink_start(&u->uplink[i], &status->uplink[i].host, &u->plain, now_ns);
}

static bool works(const struct uplinks *u, uint32_t i)
{
	return u->uplink[i].attached && !u->uplink[i].nic.broken;
}

/* One that was not handed over is not tried: init has said why. */
static bool was_handed_over(const struct net_status *status, uint32_t i)
{
	return status->uplink[i].host.vendor;
}

bool uplinks_follow(struct uplinks *u, struct net_switch *s, const struct net_status *status, struct net_answers *answers, uint64_t now_ns)
{
	bool changed = false;

	for (uint32_t i = 0; i < status->uplink_count; i++) {
		uint32_t port = status->port_count + i;
		bool restart;

		if (!was_handed_over(status, i)) {
			continue;
		}
		if (u->uplink[i].attached) {
			uplink_watch(&u->uplink[i], now_ns);
		}
		restart = !works(u, i) && now_ns >= u->retry_ns[i];
		if (s->port[port].up && (restart || !uplink_is_up(&u->uplink[i]))) {
			switch_pull(s, port);
		}
		if (restart) {
			start(u, status, i, now_ns);
		}
		if (!s->port[port].up && uplink_is_up(&u->uplink[i])) {
			switch_plug_uplink(s, port, &u->uplink[i], status->uplink[i].net);
		}
		changed |= show(u, answers, i);
	}
	return changed;
}

void uplinks_wake(struct uplinks *u, const struct net_status *status)
{
	for (uint32_t i = 0; i < status->uplink_count; i++) {
		if (u->uplink[i].attached) {
			uplink_wake(&u->uplink[i]);
		}
	}
}

void uplinks_listen(struct uplinks *u, const struct net_switch *s, const struct net_status *status)
{
	for (uint32_t i = 0; i < status->uplink_count; i++) {
		if (u->uplink[i].attached && !s->port[status->port_count + i].up) {
			(void)!uplink_sleep(&u->uplink[i]);
		}
	}
}

uint64_t uplinks_next_ns(const struct uplinks *u, const struct net_status *status, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < status->uplink_count; i++) {
		uint64_t at = works(u, i) ? now_ns + UPLINKS_POLL_NS : u->retry_ns[i];

		if (was_handed_over(status, i) && (!works(u, i) || !u->uplink[i].nic.host.interrupts) && at < next) {
			next = at;
		}
	}
	return next;
}
