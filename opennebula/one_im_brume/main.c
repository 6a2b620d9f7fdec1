/* SPDX-License-Identifier: Apache-2.0 */
/* one_im_brume: the driver that monitord starts for hosts of IM_MAD brume. */
#include "opennebula/driver/driver.h"
#include "opennebula/one_im_brume/monitor.h"

int main(int argc, char *argv[])
{
	static const struct driver im = {
		.name = "one_im_brume",
		.timed = true,
		.knows = monitor_knows,
		.work = monitor_work,
		.refuse = monitor_refuse,
	};

	return driver_run(&im, argc, argv);
}
