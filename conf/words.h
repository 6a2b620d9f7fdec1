/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the statements of the grammar share: the parser's state, words of a line, values of the usual kinds. Who finds
 * something wrong says so by conf_report() and leaves the field as it was.
 */
#pragma once

#include "conf/result.h"
#include "lib/base.h"

enum {
	CONF_VALUE_MAX = CONF_CMDLINE_MAX,
	CONF_ECHO_MAX = 32,          /* bytes of a wrong word that a message repeats                 */
};

/* A piece of the text, not NUL-terminated. */
struct span {
	const char *at;
	size_t len;
};

struct parser {
	struct conf_result *out;
	const char *file;
	unsigned line;
	size_t module_bytes;         /* used of vm->modules                                          */
	enum { OUTSIDE, IN_VM, IN_BAD_VM } section;
	struct conf_vm *vm;          /* section IN_VM: the one being filled, out->vm[vm_count]       */
	unsigned vm_line;
	uint32_t vm_seen, node_seen; /* bit per key: had a line, good or bad                         */
	char value[CONF_VALUE_MAX];  /* of the current statement, NUL-terminated                     */
};

/* A message about that line; only counted when there are too many. */
void conf_report(struct parser *p, unsigned line, const char *format, ...) PRINTF_LIKE(3, 4);

/* ---- words of a span ---- */

/* Without blanks at its ends. */
struct span conf_trim(struct span s);

/* Takes the first word off *rest; empty: there is none. */
struct span conf_next_word(struct span *rest);

bool conf_is(struct span s, const char *word);

/* How much of s a message repeats, for "%.*s". */
int conf_echo_len(struct span s);

/* Only a comment may hold other bytes than printable ASCII. False after a report. */
bool conf_good_bytes(struct parser *p, struct span s);

/* The rest of a line, quotes and comment taken off, into p->value. False after a report. */
bool conf_take_value(struct parser *p, struct span s);

/* ---- p->value, or words cut off it ---- */

/* False after a report: the value is not one word of less than size bytes. */
bool conf_one_word(struct parser *p, const char *key, size_t size);

/* Letters, digits, - and _, not - at the start. */
bool conf_good_name(const char *name);

/* Cuts the next word off *text and ends it. NULL: there is none. */
char *conf_take_word(char **text);

/* The same for a word that must be there and fit into size bytes; NULL after a report. */
char *conf_take_name(struct parser *p, const char *key, char **text, size_t size);

/* A field of the value's kind; key is the word that messages name. */
void conf_set_number(struct parser *p, const char *key, uint32_t low, uint32_t high, uint32_t *field);
void conf_set_size(struct parser *p, const char *key, const char *value, uint64_t *field);
void conf_set_memory(struct parser *p, uint64_t *field);
void conf_set_choice(struct parser *p, const char *key, const char *first, const char *second, uint32_t *field);
void conf_set_module(struct parser *p, const char *key, char field[CONF_MODULE_MAX]);

/* A list of numbers below limit in one word; key is what messages name. False after a report. */
bool conf_take_list(struct parser *p, const char *key, const char *word, uint32_t limit, uint32_t *mask);

/* p->value to field, which has room for it: its length has been checked. */
void conf_copy_value(const struct parser *p, char *field);
