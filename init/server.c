/* SPDX-License-Identifier: Apache-2.0 */
/* Servers: see server.h. */
#include "init/server.h"

#include "init/events.h"
#include "init/log.h"
#include "lib/user/sys.h"

enum { SERVER_WEIGHT = 1000, QUICK_DEATHS_MAX = 3 };

#define QUICK_NS (1000000000ull)
#define READY_NS (1000000000ull)         /* that long its next start waits until it is ready, which is looked at so often: */
#define READY_POLL_NS (10000000ull)
#define PAUSE_NS (2 * 1000000000ull)     /* before the next start, when it died quickly several times */

/* Its end is an event of its own, paid by it. */
static int watch(const struct server *s)
{
	int r = sys_event_create(s->child.process);
	uint32_t event = (uint32_t)r;

	if (r < 0) {
		return r;
	}
	r = sys_event_bind(event, event_key(s->kind->death, 0));
	if (r == OK) {
		r = sys_process_notify(s->child.process, event);
	}
	sys_close(event);
	return r;
}

static int furnish(struct server *s, const char **why)
{
	int r = sys_event_create(s->child.process);

	*why = "its handles cannot be given";
	if (r < 0) {
		return r;
	}
	s->wake = (uint32_t)r;
	r = sys_process_weight(s->child.process, SERVER_WEIGHT);
	if (r == OK) {
		r = watch(s);
	}
	if (r == OK) {
		r = s->kind->prepare(why);
	}
	if (r == OK) {
		*why = "its thread cannot be made";
		r = child_start(&s->child, s->kind->argument ? s->kind->argument() : 0);
	}
	return r;
}

static int make(struct server *s, const char **why)
{
	int r = child_create(&s->child, &s->code, NULL, s->arena, 0, why);

	if (r == OK) {
		r = furnish(s, why);
		if (r < 0) {
			child_destroy(&s->child);
		}
	}
	return r;
}

void server_start(struct server *s)
{
	const char *why = "its program is broken";
	int r = E_PROTO;

	s->start_ns = SERVER_NEVER;
	if (s->code.region || program_open(s->kind->program, &s->code) == OK) {
		r = make(s, &why);
	} else {
		s->code.region = NULL;
	}
	if (r < 0) {
		init_log("%s does not run: %s (error %d)", s->kind->title, why, r);
		return;
	}
	s->runs = true;
	s->started_ns = sys_clock(NULL);
	if (s->kind->started) {
		s->kind->started();
	}
}

void server_died(struct server *s)
{
	struct process_status end = { 0 };
	char text[128];
	uint64_t now;

	if (!s->runs || sys_process_status(s->child.process, &end) < 0 || end.end == PROCESS_RUNS) {
		return;
	}
	s->runs = false;
	child_describe_end(&end, text, sizeof(text));
	child_destroy(&s->child);
	s->kind->ended();
	init_log("%s died: %s; it starts again", s->kind->title, text);
	now = sys_clock(NULL);
	s->quick_deaths = now - s->started_ns < QUICK_NS ? s->quick_deaths + 1 : 0;
	s->start_ns = now + (s->quick_deaths >= QUICK_DEATHS_MAX ? PAUSE_NS : 0);
}

uint64_t server_tick(struct server *s, uint64_t now_ns)
{
	if (now_ns < s->start_ns) {
		return s->start_ns;
	}
	if (s->kind->ready && !s->kind->ready() && now_ns < s->start_ns + READY_NS) {
		return now_ns + READY_POLL_NS;
	}
	server_start(s);
	return s->start_ns;
}

void server_wake(const struct server *s)
{
	if (s->runs) {
		sys_event_signal(s->wake);
	}
}
