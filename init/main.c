/* SPDX-License-Identifier: Apache-2.0 */
/* The first program: takes over the machine's memory, reads the configuration, starts the console and the VMs. */
#include <stddef.h>

#include "conf/result.h"
#include "console/node.h"
#include "init/config.h"
#include "init/console.h"
#include "init/cpus.h"
#include "init/create.h"
#include "init/cycle.h"
#include "init/events.h"
#include "init/inventory.h"
#include "init/log.h"
#include "init/machine.h"
#include "init/mgmt.h"
#include "init/net.h"
#include "init/node.h"
#include "init/uplink.h"
#include "init/vm.h"
#include "lib/user/sys.h"
#include "lib/user/user.h"

enum { INIT_WEIGHT = 1000 };

static bool power_off_when_idle;

static void say_hello(void)
{
	const struct inventory *info = inventory();

	init_log("version " NODE_VERSION ", %u CPU%s, %llu MiB of RAM, %llu MiB free", cpus_online,
		 cpus_online == 1 ? "" : "s", (unsigned long long)(info->ram_bytes >> 20),
		 (unsigned long long)(memory.free_bytes >> 20));
}

static void configure(void)
{
	const struct conf_result *config = config_read();

	vms_init(config);
	if (config) {
		mgmt_configure(&config->node);
	}
	uplinks_configure(config);
	power_off_when_idle = config && config->when_idle == CONF_IDLE_POWEROFF;
	config_forget();
}

static void dispatch(uint64_t key)
{
	uint32_t number = (uint32_t)key;

	switch ((enum event_kind)(key >> 32)) {
	case KEY_CONSOLE: console_died(); break;
	case KEY_REQUEST: console_requests(); break;
	case KEY_VM:      vm_event(number); break;
	case KEY_NET:     net_died(); break;
	case KEY_NET_ANSWER: net_answered(); break;
	case KEY_MGMT:    mgmt_died(); break;
	case KEY_MGMT_REQUEST: mgmt_requests(); break;
	case KEY_CONF:    create_event(); break;
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* All that waits for time or for an answer; the earliest deadline of what is left. One step may call for another. */
static uint64_t tick(bool cycles)
{
	uint64_t next, changes;

	do {
		uint64_t now = sys_clock(NULL);

		changes = vms_changes();
		next = earlier(earlier(console_tick(now), net_tick(now)), vms_tick(now));
		next = earlier(next, earlier(mgmt_tick(now), create_tick(now)));
		if (cycles) {
			next = earlier(next, cycle_tick(now));
		} else if (power_off_when_idle && vms_idle()) {
			power_off_when_idle = false;
			node_power_off("no VM is left");
		}
		next = earlier(next, node_tick(now));
	} while (changes != vms_changes());
	return next;
}

int user_main(uint64_t argument)
{
	bool cycles;

	(void)argument;
	machine_init();
	if (sys_process_weight(INIT_SELF, INIT_WEIGHT) < 0) {
		init_log("init keeps its usual weight");
	}
	say_hello();
	configure();
	if (console_init()) {
		console_start();
	}
	net_init();
	mgmt_init();
	console_show_devices();
	cycles = cycle_init();
	if (!cycles) {
		vms_autostart();
	}
	for (;;) {
		int64_t key = sys_event_wait(tick(cycles), NULL);

		if (key >= 0) {
			dispatch((uint64_t)key);
		}
	}
}
