/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The throw-away program that reads the configuration text. It holds no handle: it can write its result and end.
 */
#include "conf/job.h"
#include "conf/parse.h"
#include "lib/user/user.h"

int user_main(uint64_t argument)
{
	struct conf_job *job = (struct conf_job *)CONF_JOB_ADDR;

	(void)argument;
	conf_parse((const char *)CONF_TEXT_ADDR, job->length, job->file, &job->result);
	return 0;
}
