/* SPDX-License-Identifier: Apache-2.0 */
/* Gets the configuration: runs the throw-away program conf on the module brume.conf and checks what it hands back. */
#pragma once

#include "conf/result.h"
#include "init/inventory.h"
#include "lib/base.h"

#define CONFIG_TIME_NS (5 * 1000000000ull)       /* that long the program may take                           */

/*
 * The checked result, or NULL when there is no configuration or it could not be read; the reason has been logged, and
 * so have the parser's messages. The result stands until config_forget().
 */
const struct conf_result *config_read(void);

/*
 * The same in two steps, for a text that comes later: the program is started, its end is the event KEY_CONF, and config_end() takes
 * the result, checked, then or when CONFIG_TIME_NS are over. file: its name in messages. On an error *why says in words what went
 * wrong, and nothing is left. E_BUSY: a result stands.
 */
int config_begin(const struct content *text, const char *file, const char **why) MUST_CHECK;
const struct conf_result *config_end(const char **why);

/* Gives the memory of the result back. */
void config_forget(void);

/*
 * True when every count, string end and number of *result is one that init may use. On false *why says what is wrong.
 * Pure: for tests. *result must not change meanwhile.
 */
bool config_check(const struct conf_result *result, const char **why);
