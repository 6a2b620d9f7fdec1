/* SPDX-License-Identifier: Apache-2.0 */
/* How init starts the program conf: the text at one address, read-only, the job at another, read-write. */
#pragma once

#include "conf/result.h"

#define CONF_TEXT_ADDR 0x0000000100000000ull
#define CONF_JOB_ADDR  0x0000000010000000ull

struct conf_job {
	uint64_t length;                     /* bytes of text; by init                               */
	char file[64];                       /* its name; by init                                    */
	struct conf_result result;           /* by conf                                              */
};
