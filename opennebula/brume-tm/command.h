/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts of OpenNebula's transfer manager: what there is to do for each. */
#pragma once

#include "lib/base.h"

enum command_kind {
	COMMAND_ASK,                     /* brumed does it */
	COMMAND_ASK_ONCE,                /* the same; it is not asked again if the connection to it was lost on the way */
	COMMAND_NOTHING,                 /* nothing is to be done */
	COMMAND_REFUSE,
};

struct command {
	const char *name;
	enum command_kind kind;
	unsigned least;                  /* words that it needs */
	bool input;                      /* its standard input is part of it */
	const char *refusal;             /* a sentence */
};

/* The command of that name, or NULL. */
const struct command *command_find(const char *name);

/* Does it. True: done; false: the error was written to standard error, as OpenNebula's scripts do. */
bool command_run(const struct command *c, char *const words[], unsigned count, unsigned wait_s);

/* An error in the form that one_tm turns into its log's and the VM's ERROR. */
void command_error(const char *name, const char *text);
