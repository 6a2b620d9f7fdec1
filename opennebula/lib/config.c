/* SPDX-License-Identifier: Apache-2.0 */
/* KEY = VALUE files. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "opennebula/lib/config.h"
#include "opennebula/lib/files.h"

enum { CONFIG_FILE_MAX = 65536 };

bool config_number(const char *text, long least, long most, long *number)
{
	char *end;

	if (!isdigit((unsigned char)text[0])) {
		return false;
	}
	errno = 0;
	*number = strtol(text, &end, 10);
	return errno == 0 && *end == 0 && *number >= least && *number <= most;
}

/* Cuts blanks off both ends. */
static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t\r");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r", end[-1])) {
		*--end = 0;
	}
	return text;
}

static char *unquote(char *value)
{
	size_t len = strlen(value);

	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value[len - 1] = 0;
		return value + 1;
	}
	return value;
}

/* NULL, or what is wrong with it. */
static const char *set(const struct config_key *key, const char *value)
{
	if (key->number && !config_number(value, key->least, key->most, key->number)) {
		return "a number is missing, or out of its range";
	}
	if (key->text) {
		free(*key->text);
		*key->text = memory_copy_text(value);
	}
	return NULL;
}

static const char *parse_line(char *line, const struct config_key *keys, size_t count)
{
	char *equals, *key, *value;

	line = trim(line);
	if (*line == 0 || *line == '#') {
		return NULL;
	}
	equals = strchr(line, '=');
	if (!equals) {
		return "not KEY = VALUE";
	}
	*equals = 0;
	key = trim(line);
	value = unquote(trim(equals + 1));
	if (*value == 0) {
		return "a key without a value";
	}
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(key, keys[i].key) == 0) {
			return set(&keys[i], value);
		}
	}
	return "unknown key";
}

bool config_parse(const char *name, const char *text, const struct config_key *keys, size_t count, struct why *why)
{
	char *copy = memory_copy_text(text), *rest = copy, *line;
	const char *wrong = NULL;

	for (int number = 1; !wrong && (line = strsep(&rest, "\n")); number++) {
		wrong = parse_line(line, keys, count);
		if (wrong) {
			why_set(why, "%s:%d: %s", name, number, wrong);
		}
	}
	free(copy);
	return !wrong;
}

bool config_read(const char *path, const struct config_key *keys, size_t count, struct why *why)
{
	struct buffer text = { 0 };
	bool good = file_read(path, CONFIG_FILE_MAX, &text, why) &&
		    config_parse(path, buffer_string(&text), keys, count, why);

	buffer_free(&text);
	return good;
}
