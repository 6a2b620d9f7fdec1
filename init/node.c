/* SPDX-License-Identifier: Apache-2.0 */
/* Powering off: VMs first, then the last words, then the machine. */
#include "init/node.h"

#include "init/console.h"
#include "init/log.h"
#include "init/machine.h"
#include "init/vm.h"
#include "lib/user/sys.h"

#define NONE UINT64_MAX
#define FLUSH_NS (3 * 1000000000ull)     /* that long the console may take for the last words    */

static uint64_t deadline = NONE;

void node_power_off(const char *why)
{
	if (deadline != NONE) {
		return;
	}
	for (uint32_t i = 0; i < vm_count(); i++) {
		vm_kill(vm_get(i));
	}
	init_log("power off: %s", why);
	deadline = sys_clock(NULL) + FLUSH_NS;
	console_flush();
}

uint64_t node_tick(uint64_t now_ns)
{
	if (deadline != NONE && (console_flushed() || now_ns >= deadline)) {
		machine_power_off();
		init_log("power: this machine does not switch itself off; it is safe to do so by hand");
		deadline = NONE;
	}
	return deadline;
}
