/* SPDX-License-Identifier: Apache-2.0 */
/* Words and values of the configuration: see words.h. */
#include "conf/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/cpu_list.h"

enum { MEMORY_MAX_MIB = 1 << 20 };

void conf_report(struct parser *p, unsigned line, const char *format, ...)
{
	struct conf_result *out = p->out;
	char *to;
	int n;
	va_list args;

	if (out->message_count == CONF_MESSAGES_MAX) {
		out->dropped_messages++;
		return;
	}
	to = out->message[out->message_count++];
	n = snprintf(to, CONF_MESSAGE_MAX, "%.63s:%u: ", p->file, line);
	va_start(args, format);
	vsnprintf(to + n, CONF_MESSAGE_MAX - (size_t)n, format, args);
	va_end(args);
}

/* ---- words and values ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct span conf_trim(struct span s)
{
	while (s.len && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_blank(s.at[s.len - 1])) {
		s.len--;
	}
	return s;
}

struct span conf_next_word(struct span *rest)
{
	struct span word = conf_trim(*rest);
	size_t n = 0;

	while (n < word.len && !is_blank(word.at[n])) {
		n++;
	}
	*rest = conf_trim((struct span){ word.at + n, word.len - n });
	word.len = n;
	return word;
}

bool conf_is(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

int conf_echo_len(struct span s)
{
	return (int)(s.len < CONF_ECHO_MAX ? s.len : CONF_ECHO_MAX);
}

bool conf_good_bytes(struct parser *p, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c != '\t' && (c < 0x20 || c > 0x7e)) {
			conf_report(p, p->line, "byte %02xh does not belong here", c);
			return false;
		}
	}
	return true;
}

/* "text" with \" and \\ inside, and nothing behind it but a comment. */
static bool take_quoted(struct parser *p, struct span s)
{
	size_t n = 0, i = 1;

	for (; i < s.len && s.at[i] != '"'; i++) {
		if (s.at[i] == '\\') {
			if (++i == s.len || (s.at[i] != '"' && s.at[i] != '\\')) {
				conf_report(p, p->line, "only \\\" and \\\\ may follow a backslash in quotes");
				return false;
			}
		}
		if (n == CONF_VALUE_MAX - 1) {
			conf_report(p, p->line, "value longer than %d bytes", CONF_VALUE_MAX - 1);
			return false;
		}
		p->value[n++] = s.at[i];
	}
	p->value[n] = '\0';
	if (i == s.len) {
		conf_report(p, p->line, "no closing quote");
		return false;
	}
	s = conf_trim((struct span){ s.at + i + 1, s.len - i - 1 });
	if (s.len && s.at[0] != '#') {
		conf_report(p, p->line, "'%.*s' after the closing quote", conf_echo_len(s), s.at);
		return false;
	}
	return true;
}

/* A comment starts with # at the start of a word. */
static struct span cut_comment(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '#' && (i == 0 || is_blank(s.at[i - 1]))) {
			s.len = i;
		}
	}
	return conf_trim(s);
}

bool conf_take_value(struct parser *p, struct span s)
{
	if (s.len && s.at[0] == '"') {
		return take_quoted(p, s) && conf_good_bytes(p, (struct span){ p->value, strlen(p->value) });
	}
	s = cut_comment(s);
	if (!conf_good_bytes(p, s)) {
		return false;
	}
	if (s.len >= CONF_VALUE_MAX) {
		conf_report(p, p->line, "value longer than %d bytes", CONF_VALUE_MAX - 1);
		return false;
	}
	memcpy(p->value, s.at, s.len);
	p->value[s.len] = '\0';
	return true;
}

bool conf_one_word(struct parser *p, const char *key, size_t size)
{
	if (p->value[0] == '\0') {
		conf_report(p, p->line, "%s needs a value", key);
		return false;
	}
	if (strpbrk(p->value, " \t")) {
		conf_report(p, p->line, "%s takes one word", key);
		return false;
	}
	if (strlen(p->value) >= size) {
		conf_report(p, p->line, "%s longer than %u bytes", key, (unsigned)size - 1);
		return false;
	}
	return true;
}

/* Decimal digits of *text up to the first other character, where *text stands afterwards. */
static bool take_digits(const char **text, uint64_t *number)
{
	const char *at = *text;
	uint64_t n = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n)) {
			return false;
		}
	}
	if (at == *text) {
		return false;
	}
	*text = at;
	*number = n;
	return true;
}

bool conf_good_name(const char *name)
{
	return name[0] != '-' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

char *conf_take_word(char **text)
{
	char *word = *text + strspn(*text, " \t"), *end = word + strcspn(word, " \t");

	*text = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

char *conf_take_name(struct parser *p, const char *key, char **text, size_t size)
{
	char *word = conf_take_word(text);

	if (!word) {
		conf_report(p, p->line, "%s needs a value", key);
	} else if (strlen(word) >= size) {
		conf_report(p, p->line, "%s longer than %u bytes", key, (unsigned)size - 1);
		word = NULL;
	}
	return word;
}

void conf_set_number(struct parser *p, const char *key, uint32_t low, uint32_t high, uint32_t *field)
{
	const char *at = p->value;
	uint64_t n;

	if (!conf_one_word(p, key, CONF_VALUE_MAX)) {
		return;
	}
	if (!take_digits(&at, &n) || *at || n < low || n > high) {
		conf_report(p, p->line, "%s must be a number from %u to %u, not '%.*s'", key, low, high, CONF_ECHO_MAX, p->value);
		return;
	}
	*field = (uint32_t)n;
}

void conf_set_size(struct parser *p, const char *key, const char *value, uint64_t *field)
{
	const char *at = value;
	uint64_t n = 0;

	if (!take_digits(&at, &n) || (*at != 'M' && *at != 'G') || at[1]) {
		conf_report(p, p->line, "%s must be like 256M or 2G, not '%.*s'", key, CONF_ECHO_MAX, value);
		return;
	}
	if (n > MEMORY_MAX_MIB || (n *= *at == 'G' ? 1024 : 1) > MEMORY_MAX_MIB || n == 0) {
		conf_report(p, p->line, "%s must be from 1M to %dG, not '%.*s'", key, MEMORY_MAX_MIB / 1024, CONF_ECHO_MAX, value);
		return;
	}
	*field = MIB(n);
}

void conf_set_memory(struct parser *p, uint64_t *field)
{
	if (conf_one_word(p, "memory", CONF_VALUE_MAX)) {
		conf_set_size(p, "memory", p->value, field);
	}
}

/* One of two words: first is 0, second is 1. */
void conf_set_choice(struct parser *p, const char *key, const char *first, const char *second, uint32_t *field)
{
	if (!conf_one_word(p, key, CONF_VALUE_MAX)) {
		return;
	}
	if (strcmp(p->value, first) != 0 && strcmp(p->value, second) != 0) {
		conf_report(p, p->line, "%s is %s or %s, not '%.*s'", key, first, second, CONF_ECHO_MAX, p->value);
		return;
	}
	*field = strcmp(p->value, second) == 0;
}

void conf_copy_value(const struct parser *p, char *field)
{
	memcpy(field, p->value, strlen(p->value) + 1);
}

void conf_set_module(struct parser *p, const char *key, char field[CONF_MODULE_MAX])
{
	if (conf_one_word(p, key, CONF_MODULE_MAX)) {
		conf_copy_value(p, field);
	}
}

bool conf_take_list(struct parser *p, const char *key, const char *word, uint32_t limit, uint32_t *mask)
{
	uint32_t bits;

	if (!cpu_list_parse(word, &bits) || bits >> (limit - 1) >> 1) {
		conf_report(p, p->line, "%s must be like 0,2-3, each below %u, not '%.*s'", key, (unsigned)limit, CONF_ECHO_MAX, word);
		return false;
	}
	*mask = bits;
	return true;
}
