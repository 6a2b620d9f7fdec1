/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program net: the switches between the network cards of the VMs, the node's own program and the cards of the machine. Sees
 * channels, never a guest's memory.
 */
#include "lib/user/sys.h"
#include "lib/user/user.h"
#include "net/ports.h"
#include "net/switch.h"
#include "net/uplinks.h"

static struct net_switch fabric;
static struct uplinks uplinks;
static uint32_t generations[NET_PORTS_MAX];
static uint32_t counters_shown;
static uint64_t woken;

static const struct net_status *status(void)
{
	return (const struct net_status *)NET_STATUS_ADDR;
}

static struct net_answers *answers(void)
{
	return (struct net_answers *)NET_ANSWERS_ADDR;
}

/* What init changed. It tells a new generation after everything else, and changes nothing more until we acknowledged. */
static bool follow_ports(void)
{
	bool changed = false;

	for (uint32_t i = 0; i < status()->port_count; i++) {
		const struct net_port *port = &status()->port[i];
		uint32_t generation = __atomic_load_n(&port->generation, __ATOMIC_ACQUIRE);

		if (generation == generations[i]) {
			continue;
		}
		if (fabric.port[i].up) {
			switch_pull(&fabric, i);
		}
		if (generation & 1) {
			switch_plug(&fabric, i, (struct frames_channel *)NET_CHANNEL_ADDR(i), port);
		}
		generations[i] = generation;
		__atomic_store_n(&answers()->ack[i], generation, __ATOMIC_RELEASE);
		changed = true;
	}
	return changed;
}

/* ---- what drivers of cards need ---- */

void nic_wait_us(uint32_t us)
{
	uint64_t end = sys_clock(NULL) + us * 1000ull;

	while (sys_clock(NULL) < end) {
		sys_event_wait(end, NULL);       /* what is signalled meanwhile is looked at before we sleep */
	}
}

void nic_set_master(const struct nic_host *host, bool on)
{
	(void)!sys_device_master(host->handle, on);
}

/* ---- counters ---- */

/* Outside of user_main(), so that a test can make it fail. */
static __attribute__((noinline)) void show_counters(uint32_t wanted)
{
	answers()->woken = woken;
	counters_shown = wanted;
	__atomic_store_n(&answers()->counters_shown, wanted, __ATOMIC_RELEASE);
}

static bool follow_counters(void)
{
	uint32_t wanted = __atomic_load_n(&status()->counters_wanted, __ATOMIC_ACQUIRE);

	if (wanted == counters_shown) {
		return false;
	}
	show_counters(wanted);
	return true;
}

/* ---- signals ---- */

static void signal_vms(void)
{
	for (uint32_t vm = 0; vm < status()->port_count / CONF_NICS_MAX; vm++) {
		bool signal = false;

		for (uint32_t card = 0; card < CONF_NICS_MAX; card++) {
			struct switch_port *p = &fabric.port[vm * CONF_NICS_MAX + card];

			signal |= p->signal;
			p->signal = false;
			if (p->tell) {
				sys_event_signal(NET_VM_SENT + vm * CONF_NICS_MAX + card);
				switch_told(&fabric, vm * CONF_NICS_MAX + card);
			}
		}
		if (signal) {
			sys_event_signal(NET_VM_IN + vm);
		}
	}
}

/* The node's own program has one event for all that it waits for. */
static void signal_node(void)
{
	uint32_t port = status()->port_count - 1;
	struct switch_port *p = &fabric.port[port];

	if (p->signal || p->tell) {
		sys_event_signal(NET_NODE_IN);
	}
	p->signal = false;
	if (p->tell) {
		switch_told(&fabric, port);
	}
}

/* Everything that can be done now. Returns when there is more at the latest. */
static uint64_t work(void)
{
	uint64_t next, look;
	bool told = uplinks_follow(&uplinks, &fabric, status(), answers(), sys_clock(NULL));     /* first: it may wait, and take signals that are for the others */

	told |= follow_ports();
	told |= follow_counters();
	if (told) {
		sys_event_signal(NET_ANSWER);
	}
	next = switch_run(&fabric, sys_clock(NULL));
	signal_vms();
	signal_node();
	look = uplinks_next_ns(&uplinks, status(), sys_clock(NULL));
	return look < next ? look : next;
}

int user_main(uint64_t argument)
{
	(void)argument;
	if (status()->magic != NET_MAGIC || sys_event_bind(NET_WAKE, 0) < 0) {
		return 1;
	}
	switch_init(&fabric, status()->port_count + status()->uplink_count, answers()->counters);
	counters_shown = status()->counters_wanted;      /* what a predecessor was asked for it owes, not we */
	for (;;) {
		uint64_t next = work();

		if (next <= sys_clock(NULL)) {
			continue;
		}
		if (switch_sleep(&fabric)) {
			uplinks_listen(&uplinks, &fabric, status());
			sys_event_wait(next, NULL);
			woken++;
		}
		uplinks_wake(&uplinks, status());
	}
}
