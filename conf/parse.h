/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's grammar (docs/configuration.md) as one pure function, for the program conf and for tests. */
#pragma once

#include "conf/result.h"

/*
 * Parses len bytes of text, which may hold anything, into *result, all of which is written. file is the name for
 * messages. Wrong lines are reported in result->message and left out; a VM that then lacks its memory or kernel is
 * left out too. Takes time linear in len (times CONF_VMS_MAX for names); keeps no state.
 */
void conf_parse(const char *text, size_t len, const char *file, struct conf_result *result);
