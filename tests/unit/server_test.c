/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that init starts again when they die: when, and what they wait for. The kernel is a fake.
 */
#include "lib/user/sys.h"

static uint64_t time_ns;
static struct process_status status;

static uint64_t fake_clock(void) { return time_ns; }
static int fake(uint64_t handle, uint64_t other) { (void)handle, (void)other; return 7; }
static int fine(uint64_t handle, uint64_t other) { (void)handle, (void)other; return OK; }
static int fake_status(struct process_status *to) { *to = status; return OK; }

#define sys_clock(tsc) fake_clock()
#define sys_event_create(process) fake(process, 0)
#define sys_event_bind(event, key) fine(event, key)
#define sys_event_signal(event) fine(event, 0)
#define sys_close(handle) fine(handle, 0)
#define sys_process_weight(process, weight) fine(process, weight)
#define sys_process_notify(process, event) fine(process, event)
#define sys_process_status(process, to) fake_status(to)

#include "init/server.c"

#include "tests/unit/check.h"

static unsigned starts, ends;
static bool is_free;
static int prepared;
static const struct content code;

void init_log(const char *format, ...) { (void)format; }
int program_open(const char *name, struct program *program) { (void)name; program->region = &code; return OK; }
void child_destroy(struct child *child) { (void)child; }
void child_describe_end(const struct process_status *s, char *text, size_t size) { (void)s, (void)size; text[0] = '\0'; }
int child_start(struct child *child, uint64_t argument) { (void)child, (void)argument; starts++; return OK; }

int child_create(struct child *child, const struct program *program, const struct memory_order *near, uint64_t arena, uint64_t extra,
		 const char **why)
{
	(void)child, (void)program, (void)near, (void)arena, (void)extra, (void)why;
	return OK;
}

static int prepare(const char **why) { *why = "no"; return prepared; }
static bool ready(void) { return is_free; }
static void ended(void) { ends++; }

static const struct server_kind kind = { .program = "x", .title = "x", .prepare = prepare, .ready = ready, .ended = ended };
static struct server server;

static void fresh(void)
{
	server = (struct server){ .kind = &kind, .start_ns = SERVER_NEVER };
	time_ns = 5 * QUICK_NS;
	starts = ends = 0;
	prepared = OK;
	is_free = false;
	server_start(&server);
	CHECK_EQ(starts, 1);
	status.end = PROCESS_RUNS;
	server_died(&server);                        /* it did not */
	CHECK_EQ(ends, 0);
	time_ns += QUICK_NS;
	status.end = PROCESS_FAULTED;
	server_died(&server);
	CHECK_EQ(ends, 1);
	CHECK(!server.runs);
}

TEST(it_starts_again_when_others_have_let_go)
{
	fresh();
	CHECK_EQ(server_tick(&server, time_ns), time_ns + READY_POLL_NS);
	CHECK_EQ(starts, 1);
	is_free = true;
	CHECK_EQ(server_tick(&server, time_ns + 5), SERVER_NEVER);
	CHECK_EQ(starts, 2);
	CHECK(server.runs);
}

TEST(who_never_lets_go_is_not_waited_for)
{
	fresh();
	CHECK(server_tick(&server, time_ns + READY_NS - 1) != SERVER_NEVER);
	CHECK_EQ(starts, 1);
	CHECK_EQ(server_tick(&server, time_ns + READY_NS), SERVER_NEVER);
	CHECK_EQ(starts, 2);
}

TEST(quick_deaths_make_a_pause)
{
	fresh();
	is_free = true;
	for (unsigned i = 0; i < QUICK_DEATHS_MAX; i++) {
		CHECK_EQ(server.start_ns, time_ns);
		server_tick(&server, time_ns);
		CHECK(server.runs);
		server_died(&server);
	}
	CHECK_EQ(server.start_ns, time_ns + PAUSE_NS);
	CHECK_EQ(server_tick(&server, time_ns), time_ns + PAUSE_NS);
	CHECK(!server.runs);
}

TEST(one_that_cannot_be_prepared_stays_off)
{
	fresh();
	is_free = true;
	prepared = E_NOMEM;
	CHECK_EQ(server_tick(&server, time_ns), SERVER_NEVER);
	CHECK(!server.runs);
}
