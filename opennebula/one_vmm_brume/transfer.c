/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the transfer manager (transfer.h). */
#include "opennebula/one_vmm_brume/transfer.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "opennebula/driver/ask.h"
#include "opennebula/driver/driver.h"

enum { WORDS = 256, CONFLICT = 409 };

/* COMMAND or COMMAND.DRIVER, in small letters and without the driver. */
static bool command_name(char *word, char **driver)
{
	char *dot = strchr(word, '.');

	*driver = dot ? dot + 1 : NULL;
	if (dot) {
		*dot = '\0';
	}
	for (char *p = word; *p; p++) {
		if (!isalpha((unsigned char)*p) && *p != '_') {
			return false;
		}
		*p = (char)tolower((unsigned char)*p);
	}
	return *word;
}

static bool body_of(char *const words[], unsigned count, struct buffer *body)
{
	json_t *list = json_array(), *all;
	bool good = true;
	char *text;

	for (unsigned i = 0; i < count; i++) {
		good = json_array_append_new(list, json_string(words[i])) == 0 && good;
	}
	all = json_pack("{s:o,s:s}", "args", list, "stdin", "");
	text = good ? json_dumps(all, JSON_COMPACT) : NULL;
	if (text) {
		buffer_text(body, text);
	}
	free(text);
	json_decref(all);
	return text;
}

bool transfer_parse(char *line, struct buffer *path, struct buffer *body, struct why *why)
{
	char *words[WORDS], *driver;
	unsigned count = arguments_split(line, words, WORDS);

	if (count < 2 || count == WORDS || !command_name(words[0], &driver)) {
		return why_set(why, "this is no line of the transfer manager: %s", count ? words[0] : "");
	}
	if (strcmp(driver ? driver : words[1], "brume") != 0) {
		return why_set(why, "%s of the transfer manager %s cannot serve a Brume host: its datastore needs TM_MAD=brume",
			       words[0], driver ? driver : words[1]);
	}
	buffer_printf(path, "/tm/%s", words[0]);
	if (!body_of(words + 2, count - 2, body)) {
		return why_set(why, "%s: a word of it is not UTF-8", words[0]);
	}
	return true;
}

void transfer_undo(const char *line, struct buffer *undo)
{
	char *copy = memory_copy_text(line), *words[WORDS];
	unsigned count = arguments_split(copy, words, WORDS);

	if (count >= 6 && strcmp(words[0], "CONTEXT") == 0) {
		buffer_printf(undo, "DELETE %s %s %s %s\n", words[1], words[count - 3], words[count - 2], words[count - 1]);
	}
	free(copy);
}

static enum transfer_result run_line(struct request *r, const char *line, struct why *why)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	struct buffer path = { 0 }, body = { 0 };
	struct local_answer answer = { 0 };
	enum transfer_result result = TRANSFER_FAILED;
	char *copy = memory_copy_text(line);

	if (transfer_parse(copy, &path, &body, why)) {
		result = ask(r, "POST", path.at, headers, &body, &answer) ? TRANSFER_FAILED : TRANSFER_LOST;
		if (answer.status >= 200 && answer.status < 300) {
			result = TRANSFER_DONE;
		} else {
			local_answer_error(&answer, why);
			result = answer.status == CONFLICT ? TRANSFER_IN_USE : result;
		}
		local_answer_free(&answer);
	}
	buffer_free(&path);
	buffer_free(&body);
	free(copy);
	return result;
}

/* What was done last is undone first. */
static void undo_first(const char *line, struct buffer *undo)
{
	struct buffer all = { 0 };

	transfer_undo(line, &all);
	buffer_text(&all, buffer_string(undo));
	buffer_free(undo);
	*undo = all;
}

/* The next line that has a word in it, or NULL. */
static char *next_line(char **lines, char **save)
{
	char *line = strtok_r(*lines, "\n", save);

	*lines = NULL;
	while (line && line[strspn(line, " \t\r")] == '\0') {
		line = strtok_r(NULL, "\n", save);
	}
	return line;
}

enum transfer_result transfer_run(struct request *r, const char *lines, struct buffer *undo, struct why *why)
{
	char *copy = memory_copy_text(lines), *at = copy, *save = NULL;
	enum transfer_result result = TRANSFER_DONE;

	for (char *line = next_line(&at, &save); line && result == TRANSFER_DONE; line = next_line(&at, &save)) {
		result = run_line(r, line, why);
		if (result == TRANSFER_DONE && undo) {
			undo_first(line, undo);
		}
	}
	free(copy);
	return result;
}

bool transfer_run_all(struct request *r, const char *lines, struct why *why)
{
	char *copy = memory_copy_text(lines), *at = copy, *save = NULL;
	struct why ignored;
	enum transfer_result result = TRANSFER_DONE;
	bool good = true;

	for (char *line = next_line(&at, &save); line && result != TRANSFER_LOST; line = next_line(&at, &save)) {
		result = run_line(r, line, good ? why : &ignored);
		good = result == TRANSFER_DONE && good;
	}
	free(copy);
	return good;
}
