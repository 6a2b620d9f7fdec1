/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transfer manager's commands (command.h). All that moves bytes or makes disks is brumed's; a command that Brume has not
 * says so, so that oned's action fails with a reason, and never looks done.
 */
#include "opennebula/brume-tm/command.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "opennebula/lib/local.h"

enum { INPUT = 16 << 20, PAUSE_MS = 500 };

static const char no_snapshots[] = "Brume has no snapshots of disks";
static const char no_backups[] = "Brume cannot back up a VM";

static const struct command commands[] = {
	{ "clone", COMMAND_ASK, 4, false, NULL },
	{ "context", COMMAND_ASK, 4, false, NULL },
	{ "cpds", COMMAND_ASK, 5, false, NULL },
	{ "delete", COMMAND_ASK, 3, false, NULL },
	{ "failmigrate", COMMAND_NOTHING, 0, false, NULL },
	{ "ln", COMMAND_ASK, 4, false, NULL },
	{ "mkimage", COMMAND_ASK, 5, false, NULL },
	{ "mkswap", COMMAND_ASK, 4, false, NULL },
	{ "monitor", COMMAND_ASK, 0, true, NULL },
	{ "mv", COMMAND_ASK_ONCE, 4, false, NULL },
	{ "mvds", COMMAND_ASK_ONCE, 4, false, NULL },
	{ "postbackup", COMMAND_NOTHING, 0, false, NULL },
	{ "postbackup_live", COMMAND_NOTHING, 0, false, NULL },
	{ "postmigrate", COMMAND_NOTHING, 0, false, NULL },
	{ "prebackup", COMMAND_REFUSE, 0, false, no_backups },
	{ "prebackup_live", COMMAND_REFUSE, 0, false, no_backups },
	{ "premigrate", COMMAND_REFUSE, 0, false, "Brume cannot migrate a running VM" },
	{ "resize", COMMAND_ASK, 4, false, NULL },
	{ "restore", COMMAND_REFUSE, 0, false, "Brume cannot restore a VM from a backup" },
	{ "snap_create", COMMAND_REFUSE, 0, false, no_snapshots },
	{ "snap_create_live", COMMAND_REFUSE, 0, false, no_snapshots },
	{ "snap_delete", COMMAND_REFUSE, 0, false, no_snapshots },
	{ "snap_revert", COMMAND_REFUSE, 0, false, no_snapshots },
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0) {
			return &commands[i];
		}
	}
	return NULL;
}

void command_error(const char *name, const char *text)
{
	fprintf(stderr, "ERROR: %s: %s\nERROR MESSAGE --8<------\n%s\nERROR MESSAGE ------>8--\n", name, text, text);
}

static bool read_input(struct buffer *to)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) > 0 && to->len <= INPUT) {
		buffer_add(to, bytes, (size_t)n);
	}
	return n == 0;
}

static bool make_body(const struct command *c, char *const words[], unsigned count, struct buffer *body)
{
	json_t *list = json_array(), *all;
	struct buffer input = { 0 };
	bool good = !c->input || read_input(&input);
	char *text;

	for (unsigned i = 0; i < count; i++) {
		good = json_array_append_new(list, json_string(words[i])) == 0 && good;
	}
	all = json_pack("{s:o,s:s}", "args", list, "stdin", buffer_string(&input));
	text = good && all ? json_dumps(all, JSON_COMPACT) : NULL;
	buffer_text(body, text ? text : "");
	free(text);
	json_decref(all);
	buffer_free(&input);
	return body->len;
}

/* Waits until brumed is there: it may be about to start. */
static bool reach(unsigned wait_s, struct why *why)
{
	time_t end = time(NULL) + (time_t)wait_s;
	int fd;

	while ((fd = local_connect(why)) < 0) {
		if (time(NULL) >= end) {
			return false;
		}
		poll(NULL, 0, PAUSE_MS);
	}
	close(fd);
	return true;
}

/* What a command has to print, for `monitor`. */
static void print_output(const struct local_answer *answer)
{
	json_t *json = json_loadb(answer->body, answer->len, 0, NULL);
	const char *output = json_string_value(json_object_get(json, "output"));

	if (output) {
		fputs(output, stdout);
	}
	json_decref(json);
}

static bool ask(const struct command *c, const struct buffer *body, unsigned wait_s, struct why *why)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct local_answer answer = { 0 };
	char path[64];
	bool done = false;

	snprintf(path, sizeof(path), "/tm/%s", c->name);
	for (int tries = c->kind == COMMAND_ASK ? 2 : 1; tries > 0 && !answer.status; tries--) {
		local_answer_free(&answer);
		if (!reach(wait_s, why)) {
			return false;
		}
		done = local_call("POST", path, headers, body->at, body->len, 0, &answer);
	}
	if (done) {
		print_output(&answer);
	} else {
		local_answer_error(&answer, why);
	}
	local_answer_free(&answer);
	return done;
}

bool command_run(const struct command *c, char *const words[], unsigned count, unsigned wait_s)
{
	struct buffer body = { 0 };
	struct why why;
	bool done = false;

	if (c->kind == COMMAND_NOTHING) {
		return true;
	}
	if (c->kind == COMMAND_REFUSE) {
		why_set(&why, "%s", c->refusal);
	} else if (count < c->least) {
		why_set(&why, "%u words are not enough", count);
	} else if (!make_body(c, words, count, &body)) {
		why_set(&why, "a word is not UTF-8, or the standard input cannot be read");
	} else {
		done = ask(c, &body, wait_s, &why);
	}
	if (!done) {
		command_error(c->name, why.text);
	}
	buffer_free(&body);
	return done;
}
