/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all drivers of oned and monitord are: a process that is started with one argument string, signals blocked and
 * standard error closed, answers INIT at once, does one request per line, and goes on until FINALIZE or the end of its input.
 */
#pragma once

#include "opennebula/driver/queue.h"

/* One driver. */
struct driver {
	const char *name;                                /* of the program; of its log with .log behind it */
	bool timed;                                      /* a timestamp follows the id, as monitord writes */
	bool (*knows)(const char *type);                 /* whether requests of this type are done */
	queue_work *work;
	void (*refuse)(const struct line_request *, const char *why);  /* answers one that cannot be taken */
};

/* The words of a text, at blanks, in place; those beyond most are left out. How many there are. */
unsigned arguments_split(char *text, char *words[], unsigned most);

/* The number that follows the word `name`; usual if there is none from 1 to most. */
unsigned arguments_number(char *const words[], unsigned count, const char *name, unsigned most, unsigned usual);

/* A driver's main(). Returns when oned is through with it. */
int driver_run(const struct driver *d, int argc, char *argv[]);
