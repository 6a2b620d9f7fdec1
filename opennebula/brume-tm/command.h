/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts of OpenNebula's transfer manager: brumed does what they are for, or refuses it. */
#pragma once

#include "lib/base.h"

/*
 * Does the command of that name with count words, waiting for a brumed that is not there for wait_s seconds. True: done; what it has to say is on standard
 * output. False: the error was written to standard error, as OpenNebula's scripts do.
 */
bool command_run(const char *name, char *const words[], unsigned count, unsigned wait_s);
