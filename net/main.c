/* SPDX-License-Identifier: Apache-2.0 */
/* The program net: the switch between the network cards of the VMs. Sees channels, never a guest's memory. */
#include "lib/user/sys.h"
#include "lib/user/user.h"
#include "net/ports.h"
#include "net/switch.h"

static struct net_switch fabric;
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

	for (uint32_t i = 0; i < fabric.count; i++) {
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

/* Outside of user_main(), so that a test can make it fail. */
static __attribute__((noinline)) void show_counters(uint32_t wanted)
{
	for (uint32_t i = 0; i < fabric.count; i++) {
		answers()->counters[i] = fabric.port[i].counters;
	}
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

static void signal_vms(void)
{
	for (uint32_t vm = 0; vm < fabric.count / CONF_NICS_MAX; vm++) {
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

int user_main(uint64_t argument)
{
	(void)argument;
	if (status()->magic != NET_MAGIC || sys_event_bind(NET_WAKE, 0) < 0) {
		return 1;
	}
	switch_init(&fabric, status()->port_count);
	counters_shown = status()->counters_wanted;      /* what a predecessor was asked for it owes, not we */
	for (;;) {
		uint64_t next;
		bool told = follow_ports();

		told |= follow_counters();
		if (told) {
			sys_event_signal(NET_ANSWER);
		}
		next = switch_run(&fabric, sys_clock(NULL));
		signal_vms();
		if (next > sys_clock(NULL) && switch_sleep(&fabric)) {
			sys_event_wait(next, NULL);
			woken++;
		}
	}
}
