/* SPDX-License-Identifier: Apache-2.0 */
/* Which states of VMs are said. */
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumed/states.h"

enum { STATES_MAX = 4096 };              /* that are remembered; more of them are said each time */

struct state {
	char *line;                      /* as the node wrote it */
	size_t key;                      /* so much of it is the same while the VM is the same */
	int64_t again_at;                /* when it is said once more; 0: it was */
	bool listed;                     /* in the list that is looked at */
};

#define VM_WORDS "VM = [ ID=\""

/* Cuts the next line off *text, and says how much of it names a VM; 0: it is about none. NULL at the end. */
static const char *next_line(const char **text, size_t *len, size_t *key)
{
	const char *line = *text, *quote;

	if (!*line) {
		return NULL;
	}
	*len = strcspn(line, "\n");
	*text = line + *len + (line[*len] == '\n');
	quote = strncmp(line, VM_WORDS, strlen(VM_WORDS)) == 0 ? memchr(line + strlen(VM_WORDS), '"', *len - strlen(VM_WORDS)) : NULL;
	*key = quote ? (size_t)(quote - line) + 1 : 0;
	return line;
}

/* The VM's row; *from is where the search begins, as nodes keep their order. NULL: there is none. */
static struct state *find(const struct states *states, const char *line, size_t key, size_t *from)
{
	for (size_t n = 0; n < states->count; n++) {
		size_t i = (*from + n) % states->count;
		struct state *s = &states->row[i];

		if (s->key == key && strncmp(s->line, line, key) == 0) {
			*from = i + 1;
			return s;
		}
	}
	return NULL;
}

static bool is_same(const struct state *s, const char *line, size_t len)
{
	return strlen(s->line) == len && memcmp(s->line, line, len) == 0;
}

void states_choose(const struct states *states, const char *text, int64_t now_ms, bool whole, struct buffer *to)
{
	size_t len, key, from = 0;
	const char *line;

	while ((line = next_line(&text, &len, &key)) != NULL) {
		const struct state *s = key > 0 ? find(states, line, key, &from) : NULL;

		if (key > 0 && (whole || !s || !is_same(s, line, len) || (s->again_at != 0 && now_ms >= s->again_at))) {
			buffer_add(to, line, len);
			buffer_text(to, "\n");
		}
	}
}

static struct state *add(struct states *states)
{
	if (states->count == STATES_MAX) {
		return NULL;
	}
	if (states->count == states->room) {
		struct state *row = memory_new(2 * (states->room + 8) * sizeof(*row));

		if (states->count > 0) {
			memcpy(row, states->row, states->count * sizeof(*row));
		}
		free(states->row);
		states->row = row;
		states->room = 2 * (states->room + 8);
	}
	states->row[states->count] = (struct state){ 0 };
	return &states->row[states->count++];
}

/* Takes a line that was said, or need not be. */
static void take(struct states *states, const char *line, size_t len, size_t key, int64_t now_ms, size_t *from)
{
	struct state *s = find(states, line, key, from);

	if (s && is_same(s, line, len)) {
		s->again_at = s->again_at != 0 && now_ms >= s->again_at ? 0 : s->again_at;
	} else {
		s = s ? s : add(states);
		if (!s) {
			return;
		}
		free(s->line);
		s->line = memory_new(len + 1);
		memcpy(s->line, line, len);
		s->key = key;
		s->again_at = now_ms + STATES_AGAIN_MS;
	}
	s->listed = true;
}

void states_said(struct states *states, const char *text, int64_t now_ms)
{
	size_t len, key, from = 0, kept = 0;
	const char *line;

	while ((line = next_line(&text, &len, &key)) != NULL) {
		if (key > 0) {
			take(states, line, len, key, now_ms, &from);
		}
	}
	/* Of which the node tells no more: when it does again, that is new. */
	for (size_t i = 0; i < states->count; i++) {
		if (states->row[i].listed) {
			states->row[kept] = states->row[i];
			states->row[kept++].listed = false;
		} else {
			free(states->row[i].line);
		}
	}
	states->count = kept;
}

void states_forget(struct states *states)
{
	for (size_t i = 0; i < states->count; i++) {
		free(states->row[i].line);
	}
	free(states->row);
	*states = (struct states){ 0 };
}
