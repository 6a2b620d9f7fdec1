/* SPDX-License-Identifier: Apache-2.0 */
/* XML as a list of paths and texts. */
#include <expat.h>
#include <limits.h>
#include <string.h>

#include "opennebula/brumed/xml_walk.h"

struct walk {
	XML_Parser parser;
	xml_walk_fn *at_end;
	void *context;
	const char *refusal;             /* of ours; NULL: none */
	unsigned int depth, lost;        /* lost: levels at the end whose names did not fit into path */
	size_t path_len[XML_DEPTH_MAX];  /* of path, before the element of that depth */
	char path[XML_PATH_MAX];
	char value[XML_VALUE_MAX];
	size_t value_len;                /* more than fits: it counts as "" */
};

static void refuse(struct walk *w, const char *why)
{
	w->refusal = why;
	XML_StopParser(w->parser, XML_FALSE);
}

static void on_doctype(void *context, const char *name, const char *system, const char *public, int internal)
{
	(void)name, (void)system, (void)public, (void)internal;
	refuse(context, "it has a DOCTYPE");
}

static void on_start(void *context, const char *name, const char **attributes)
{
	struct walk *w = context;
	size_t len = strlen(w->path), more = strlen(name);

	(void)attributes;
	if (w->refusal) {
		return;
	}
	if (w->depth == XML_DEPTH_MAX) {
		refuse(w, "it is nested too deep");
		return;
	}
	w->path_len[w->depth++] = len;
	if (w->lost > 0 || len + more + 2 > sizeof(w->path)) {
		w->lost++;
	} else {
		w->path[len] = '/';
		memcpy(w->path + len + 1, name, more + 1);
	}
	w->value_len = 0;
}

static void on_text(void *context, const char *text, int len)
{
	struct walk *w = context;

	if (w->value_len + (size_t)len < sizeof(w->value)) {
		memcpy(w->value + w->value_len, text, (size_t)len);
	}
	w->value_len += (size_t)len;
}

static void on_end(void *context, const char *name)
{
	struct walk *w = context;

	(void)name;
	/* expat still ends an empty element after it was told to stop. */
	if (w->refusal) {
		return;
	}
	w->value[w->value_len < sizeof(w->value) ? w->value_len : 0] = 0;
	w->at_end(w->context, w->lost > 0 ? "" : w->path, w->value);
	w->value_len = 0;
	w->lost -= w->lost > 0;
	w->path[w->path_len[--w->depth]] = 0;
}

bool xml_walk(const char *xml, size_t len, xml_walk_fn *at_end, void *context, struct why *why)
{
	struct walk w = { .at_end = at_end, .context = context };
	enum XML_Status status;

	w.parser = XML_ParserCreate(NULL);
	if (!w.parser || len > INT_MAX) {
		XML_ParserFree(w.parser);
		return why_set(why, "it is too long");
	}
	XML_SetUserData(w.parser, &w);
	XML_SetElementHandler(w.parser, on_start, on_end);
	XML_SetCharacterDataHandler(w.parser, on_text);
	XML_SetStartDoctypeDeclHandler(w.parser, on_doctype);
	status = XML_Parse(w.parser, xml, (int)len, XML_TRUE);
	if (status != XML_STATUS_OK) {
		why_set(why, "%s", w.refusal ? w.refusal : XML_ErrorString(XML_GetErrorCode(w.parser)));
	}
	XML_ParserFree(w.parser);
	return status == XML_STATUS_OK;
}
