/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of brumectl share: how a command is called, asks brumed and shows what it was told. */
#pragma once

#include <jansson.h>

#include "opennebula/lib/local.h"

/* Exit statuses. */
enum ctl_status {
	CTL_DONE = 0,
	CTL_REFUSED = 1,                 /* brumed or the node said no, and why */
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3,             /* brumed or the node does not answer */
};

struct ctl {
	bool json;                       /* --json: answers are printed as they come */
	int argc;                        /* words behind the command */
	char **argv;
};

/* A command. words: what stands behind it, for the usage; least and most: how many of them there may be. */
struct ctl_command {
	const char *name, *words;
	int least, most;
	enum ctl_status (*run)(struct ctl *ctl);
	const char *help;
};

/* Each ends with an entry without name. */
extern const struct ctl_command node_commands[], vm_commands[], image_commands[], disk_commands[], look_commands[];

enum ctl_status console_run(struct ctl *ctl);
enum ctl_status transfer_disk(struct ctl *ctl);

/* ---- asking ---- */

/* Prints one sentence to standard error: `brumectl: ...`, and returns status. */
enum ctl_status ctl_fail(enum ctl_status status, const char *format, ...) PRINTF_LIKE(2, 3);

/* Prints what an answer refuses with. */
enum ctl_status ctl_refused(const struct local_answer *answer);

/* A path of the local API: "%s" of format become the words, escaped. The caller frees. */
char *ctl_path(const char *format, const char *const words[], size_t count);
#define CTL_PATH(format, ...) ctl_path(format, (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* Asks, and says why not. Frees path. body may be NULL. On CTL_DONE the caller frees the answer. */
enum ctl_status ctl_ask(const char *method, char *path, const char *body, struct local_answer *answer);

/* The same where only yes or no counts: prints the answer with --json, else said (NULL: nothing). */
enum ctl_status ctl_do(const struct ctl *ctl, const char *method, char *path, const char *body, const char *said);

/* ---- showing ---- */

enum ctl_kind { CTL_TEXT, CTL_NUMBER, CTL_SIZE, CTL_YES, CTL_PERCENT };

struct ctl_column {
	const char *title, *key;
	enum ctl_kind kind;
	const char *of;                  /* CTL_PERCENT: what it is a part of */
};

/*
 * Asks for an array of objects, or for one, and prints a table, or the answer with --json. columns end with one without title. Frees path.
 */
enum ctl_status ctl_table(const struct ctl *ctl, char *path, const struct ctl_column columns[]);

/* Asks for one object and prints a line for each member, or the answer with --json. Frees path. */
enum ctl_status ctl_show(const struct ctl *ctl, char *path);

/* 1536 as "1.5K", in text[16]. */
const char *ctl_size(uint64_t bytes, char text[16]);

/* What others wrote: control characters become question marks, so that nobody writes to the user's terminal by them. */
void ctl_print_text(const char *text);

/* A line of standard input, without its end; from a terminal unseen, after a prompt. False: there is none, or it is too long. */
MUST_CHECK bool ctl_read_secret(const char *prompt, char *line, size_t size);
