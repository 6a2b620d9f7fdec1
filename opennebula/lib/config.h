/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files of the front-end's programs: lines KEY = VALUE, # to the end of a line that begins with it. A value may
 * be quoted with ", and then keeps its blanks.
 */
#pragma once

#include "opennebula/lib/memory.h"

/* One setting that a program knows. Keys are matched without regard to case. */
struct config_key {
	const char *key;
	char **text;                     /* where the value goes, allocated: an older one is freed; or NULL */
	long *number;                    /* where it goes as a number; or NULL */
	long least, most;                /* of number */
};

/*
 * Reads a file into the keys, of which there are count. False with the reason, which names file and line: the file cannot be read, an
 * unknown key, a key without a value, a number out of its range. What came before is set then.
 */
MUST_CHECK bool config_read(const char *path, const struct config_key *keys, size_t count, struct why *why);

/* The same of text in memory, which is called name in the reason. */
MUST_CHECK bool config_parse(const char *name, const char *text, const struct config_key *keys, size_t count, struct why *why);

/* A whole number in decimal from least to most and nothing behind it. */
MUST_CHECK bool config_number(const char *text, long least, long most, long *number);
