/* SPDX-License-Identifier: Apache-2.0 */
/* Servers: programs that init starts again when they die. What they share with VMs outlives them. */
#pragma once

#include "init/program.h"
#include "lib/base.h"

/* What is a server's own in its life. Constant. */
struct server_kind {
	const char *program;         /* its name in the image                                        */
	const char *title;           /* "the console", in messages                                   */
	uint32_t death;              /* enum event_kind of its end                                   */

	/*
	 * The process is made and runs nothing yet, server.wake is an event paid by it: maps its memory and gives it its
	 * handles. On an error *why says in words what is missing.
	 */
	int (*prepare)(const char **why);

	/* Whether what it shares with others, or with hardware, is ready for a new one. Asked for a second at most. NULL: always. */
	bool (*ready)(void);

	uint64_t (*argument)(void);  /* of its first thread. NULL: 0                                 */
	void (*started)(void);       /* it runs. NULL: nothing to do                                 */
	void (*ended)(void);         /* it is gone, and will be started again                        */
};

struct server {
	const struct server_kind *kind;
	uint64_t arena;              /* bytes, whole pages                                           */
	struct child child;
	struct program code;
	uint32_t wake;               /* event on which it waits, paid by the child                   */
	bool runs;
	uint64_t started_ns, start_ns;       /* start_ns: when to start it, or SERVER_NEVER          */
	unsigned quick_deaths;
};

#define SERVER_NEVER UINT64_MAX

/* Starts it. An error is logged, and it stays off. */
void server_start(struct server *s);

/* Its end was signalled: takes it apart, says why it ended, and sets the time of the next start. */
void server_died(struct server *s);

/* Starts it when it is time. Returns the next deadline. */
uint64_t server_tick(struct server *s, uint64_t now_ns);

/* Signals its event, if it runs. */
void server_wake(const struct server *s);
