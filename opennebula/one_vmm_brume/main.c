/* SPDX-License-Identifier: Apache-2.0 */
/* one_vmm_brume: the driver that oned starts for hosts of VM_MAD brume. */
#include "opennebula/driver/driver.h"
#include "opennebula/one_vmm_brume/action.h"

int main(int argc, char *argv[])
{
	static const struct driver vmm = {
		.name = "one_vmm_brume",
		.knows = action_knows,
		.work = action_work,
		.refuse = action_refuse,
	};

	return driver_run(&vmm, argc, argv);
}
