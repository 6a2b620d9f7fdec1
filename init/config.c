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
#define CONF_TIME_NS (5 * 1000000000ull)
#define JOB_BYTES ALIGN_UP((uint64_t)sizeof(struct conf_job), (uint64_t)PAGE_SIZE)

/* The job's region, mapped at the window while a result stands. */
static struct extent job_memory;

static struct conf_job *job(void)
{
	return (struct conf_job *)INIT_JOB_ADDR;
}

static int prepare_job(const struct content *module)
{
	int r = memory_alloc(&memory, NULL, JOB_BYTES, PAGE_SIZE, MEMORY_HIGH, &job_memory);

	if (r == OK) {
		r = sys_map(INIT_SPACE, INIT_JOB_ADDR, job_memory.handle, 0, JOB_BYTES, PROT_R | PROT_W);
	}
	if (r == OK) {
		job()->length = module->length;
		memcpy(job()->file, CONF_MODULE, sizeof(CONF_MODULE));
	}
	return r;
}

/* Waits for the end of the child, at most CONF_TIME_NS. */
static int run(struct child *child, struct process_status *status)
{
	int event = sys_event_create(child->process);
	int r = event;

	if (r >= 0) {
		r = sys_event_bind((uint32_t)event, event_key(KEY_CONF, 0));
	}
	if (r >= 0) {
		r = sys_process_notify(child->process, (uint32_t)event);
	}
	if (r >= 0) {
		r = child_start(child, 0);
	}
	if (r >= 0) {
		int64_t key = sys_event_wait(sys_clock(NULL) + CONF_TIME_NS, NULL);

		r = key < 0 ? (int)key : sys_process_status(child->process, status);
	}
	return r;
}

static bool parse(const struct content *module, const struct program *program)
{
	struct process_status status = { 0 };
	const char *why = "no memory for its result";
	char end[128];
	struct child child = { 0 };
	int r = prepare_job(module);

	if (r == OK) {
		r = child_create(&child, program, NULL, CONF_ARENA, 0, &why);
	}
	if (r == OK) {
		why = "its text cannot be mapped";
		r = sys_map(child.space, CONF_TEXT_ADDR, module->handle, 0, module->size, PROT_R);
	}
	if (r == OK) {
		r = sys_map(child.space, CONF_JOB_ADDR, job_memory.handle, 0, JOB_BYTES, PROT_R | PROT_W);
	}
	if (r == OK) {
		r = run(&child, &status);
		why = r == E_TIMEOUT ? "it took more than 5 s" : "it cannot run";
	}
	if (r == OK && (status.end != PROCESS_EXITED || status.code != 0)) {
		child_describe_end(&status, end, sizeof(end));
		why = end;
		r = E_PROTO;
	}
	child_destroy(&child);
	if (r == OK && !config_check(&job()->result, &why)) {
		r = E_PROTO;
	}
	if (r < 0) {
		init_log("configuration not read: program conf: %s (error %d)", why, r);
	}
	return r == OK;
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
	struct program program;

	if (!module) {
		init_log("no configuration: there is no boot module " CONF_MODULE);
		return NULL;
	}
	if (program_open("conf", &program) < 0 || !parse(module, &program)) {
		config_forget();
		return NULL;
	}
	log_messages(&job()->result);
	return &job()->result;
}

void config_forget(void)
{
	memory_give_back(&job_memory);
}
