/* SPDX-License-Identifier: Apache-2.0 */
/* The transfer manager's commands (command.h): one question to brumed each, which knows what there is and what Brume has not. */
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

/* An error in the form that one_tm turns into its log's and the VM's ERROR. */
static void print_error(const char *name, const char *text)
{
	fprintf(stderr, "ERROR: %s: %s\nERROR MESSAGE --8<------\n%s\nERROR MESSAGE ------>8--\n", name, text, text);
}

/* What moves something cannot be asked for again when the connection was lost on the way: it may be there already. */
static bool repeats(const char *name)
{
	return strcmp(name, "mv") != 0 && strcmp(name, "mvds") != 0;
}

/* oned has something to say on the standard input of these alone; of others it may be anything. */
static bool has_input(const char *name)
{
	return strcmp(name, "monitor") == 0;
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

static bool make_body(const char *name, char *const words[], unsigned count, struct buffer *body)
{
	json_t *list = json_array(), *all;
	struct buffer input = { 0 };
	bool good = !has_input(name) || read_input(&input);
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

static bool ask(const char *name, const struct buffer *body, unsigned wait_s, struct why *why)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct local_answer answer = { 0 };
	char path[64];
	bool done = false;

	snprintf(path, sizeof(path), "/tm/%s", name);
	for (int tries = repeats(name) ? 2 : 1; tries > 0 && !answer.status; tries--) {
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

/* Small letters and _, so that it is one word of a path. */
static bool is_name(const char *name)
{
	return *name && strlen(name) < 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name);
}

bool command_run(const char *name, char *const words[], unsigned count, unsigned wait_s)
{
	struct buffer body = { 0 };
	struct why why;
	bool done = false;

	if (!is_name(name)) {
		why_set(&why, "this is no command of the transfer manager");
	} else if (!make_body(name, words, count, &body)) {
		why_set(&why, "a word is not UTF-8, or the standard input cannot be read");
	} else {
		done = ask(name, &body, wait_s, &why);
	}
	if (!done) {
		print_error(name, why.text);
	}
	buffer_free(&body);
	return done;
}
