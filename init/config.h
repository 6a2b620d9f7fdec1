/* SPDX-License-Identifier: Apache-2.0 */
/* Gets the configuration: runs the throw-away program conf on the module brume.conf and checks what it hands back. */
#pragma once

#include "conf/result.h"

/*
 * The checked result, or NULL when there is no configuration or it could not be read; the reason has been logged, and
 * so have the parser's messages. The result stands until config_forget().
 */
const struct conf_result *config_read(void);

/* Gives the memory of the result back. */
void config_forget(void);

/*
 * True when every count, string end and number of *result is one that init may use. On false *why says what is wrong.
 * Pure: for tests. *result must not change meanwhile.
 */
bool config_check(const struct conf_result *result, const char **why);
