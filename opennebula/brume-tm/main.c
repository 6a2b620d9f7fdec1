/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brume-tm COMMAND WORDS...: what the scripts in remotes/tm/brume do. $BRUMED_WAIT: seconds for which a brumed that is not there is waited for,
 * 60 if not said.
 */
#include <stdio.h>
#include <stdlib.h>

#include "opennebula/brume-tm/command.h"
#include "opennebula/lib/config.h"

enum { WAIT_S = 60, WAIT_MOST_S = 3600 };

int main(int argc, char *argv[])
{
	const char *said = getenv("BRUMED_WAIT");
	long wait_s;

	if (!said || !config_number(said, 0, WAIT_MOST_S, &wait_s)) {
		wait_s = WAIT_S;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: brume-tm COMMAND WORDS...\n");
		return 2;
	}
	return command_run(argv[1], argv + 2, (unsigned)(argc - 2), (unsigned)wait_s) ? 0 : 1;
}
