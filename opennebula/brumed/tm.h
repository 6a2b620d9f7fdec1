/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transfer manager's commands: POST /tm/COMMAND {"args": [...], "stdin": "..."}, the words that oned gives the script of that name. Each may be repeated
 * after it was broken off. 200 {} or {"output": "..."}; 409: a VM runs with the disk; 4xx and 5xx with {"error"}.
 */
#pragma once

#include "opennebula/brumed/request.h"

request_handler tm_answer;

/* At brumed's end. */
void tm_free(void);
