/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the program conf, with nothing in its hands but the text and a place for the result. */
#include "init/config.h"

#include <stdio.h>
#include <string.h>

#include "conf/job.h"
#include "init/events.h"
#include "init/inventory.h"
#include "init/log.h"
#include "init/program.h"
#include "lib/user/sys.h"

enum { CONF_ARENA = 128 << 10 };

#define CONF_MODULE "brume.conf"
#define JOB_BYTES ALIGN_UP((uint64_t)sizeof(struct conf_job), (uint64_t)PAGE_SIZE)

/* The job's region, mapped while a result stands, and the program that writes it. One at a time. */
static struct extent job_memory;
static struct child parser;

static struct conf_job *job(void)
{
	return (struct conf_job *)INIT_JOB_ADDR;
}

static int prepare_job(const struct content *text, const char *file)
{
	int r = memory_alloc(&memory, NULL, JOB_BYTES, PAGE_SIZE, MEMORY_HIGH, &job_memory);

	if (r == OK) {
		r = sys_map(INIT_SPACE, INIT_JOB_ADDR, job_memory.handle, 0, JOB_BYTES, PROT_R | PROT_W);
	}
	if (r == OK) {
		job()->length = text->length;
		snprintf(job()->file, sizeof(job()->file), "%s", file);
	}
	return r;
}

/* Its end is an event. */
static int run(struct child *child)
{
	int event = sys_event_create(child->process);
	int r = event;

	if (r >= 0) {
		r = sys_event_bind((uint32_t)event, event_key(KEY_CONF, 0));
	}
	if (r >= 0) {
		r = sys_process_notify(child->process, (uint32_t)event);
	}
	return r >= 0 ? child_start(child, 0) : r;
}

int config_begin(const struct content *text, const char *file, const char **why)
{
	struct program program;
	int r;

	*why = "its program is broken";
	if (job_memory.size) {
		*why = "another text is being read";
		return E_BUSY;
	}
	r = program_open("conf", &program);
	if (r == OK) {
		*why = "no memory for its result";
		r = prepare_job(text, file);
	}
	if (r == OK) {
		r = child_create(&parser, &program, NULL, CONF_ARENA, 0, why);
	}
	if (r == OK) {
		*why = "its text cannot be mapped";
		r = sys_map(parser.space, CONF_TEXT_ADDR, text->handle, 0, text->size, PROT_R);
	}
	if (r == OK) {
		r = sys_map(parser.space, CONF_JOB_ADDR, job_memory.handle, 0, JOB_BYTES, PROT_R | PROT_W);
	}
	if (r == OK) {
		*why = "it cannot run";
		r = run(&parser);
	}
	if (r < 0) {
		config_forget();
	}
	return r;
}

const struct conf_result *config_end(const char **why)
{
	static char end[128];
	struct process_status status = { 0 };

	*why = "it took more than 5 s";
	if (!parser.process || sys_process_status(parser.process, &status) < 0 || status.end == PROCESS_RUNS) {
		config_forget();
		return NULL;
	}
	if (status.end != PROCESS_EXITED || status.code != 0) {
		child_describe_end(&status, end, sizeof(end));
		*why = end;
		config_forget();
		return NULL;
	}
	child_destroy(&parser);                                  /* nobody changes the result any more */
	if (!config_check(&job()->result, why)) {
		config_forget();
		return NULL;
	}
	return &job()->result;
}

static void log_messages(const struct conf_result *result)
{
	for (uint32_t i = 0; i < result->message_count; i++) {
		init_log("%s", result->message[i]);
	}
	if (result->dropped_messages) {
		init_log("%u more lines of the configuration are wrong", (unsigned)result->dropped_messages);
	}
}

const struct conf_result *config_read(void)
{
	const struct content *module = inventory_module(CONF_MODULE);
	const struct conf_result *result = NULL;
	const char *why;

	if (!module) {
		init_log("no configuration: there is no boot module " CONF_MODULE);
		return NULL;
	}
	if (config_begin(module, CONF_MODULE, &why) == OK) {
		sys_event_wait(sys_clock(NULL) + CONFIG_TIME_NS, NULL);  /* nothing else can happen yet */
		result = config_end(&why);
	}
	if (!result) {
		init_log("configuration not read: program conf: %s", why);
		return NULL;
	}
	log_messages(result);
	return result;
}

void config_forget(void)
{
	child_destroy(&parser);
	memory_give_back(&job_memory);
}
