/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a request's XML with expat (data.h). */
#include "opennebula/one_vmm_brume/data.h"

#include <expat.h>
#include <string.h>

enum { DEPTH = 64, TEXT = 1 << 20 };

static const struct field {
	bool of_vm;                      /* below <VM>, not below the document's element */
	const char *name;
} fields[DATA_TEXTS] = {
	[DATA_HOST] = { false, "HOST" },
	[DATA_MIGRATION_HOST] = { false, "MIGR_HOST" },
	[DATA_TRANSFER] = { false, "TM_COMMAND" },
	[DATA_ROLLBACK] = { false, "TM_COMMAND_ROLLBACK" },
	[DATA_GROUP] = { false, "SECURITY_GROUP_ID" },
	[DATA_NETWORK] = { false, "VIRTUAL_NETWORK_ID" },
	[DATA_VM] = { true, "ID" },
};

struct reading {
	XML_Parser parser;
	struct why *why;
	bool failed;
	unsigned depth;
	bool in_vm;                      /* below <VM> of the document */
	int field;                       /* that is being read, or -1 */
	struct action_data *data;
};

static void fail(struct reading *r, const char *what)
{
	if (!r->failed) {
		why_set(r->why, "the request's XML %s", what);
	}
	r->failed = true;
	XML_StopParser(r->parser, XML_FALSE);
}

static int field_of(const struct reading *r, const char *name)
{
	for (int i = 0; i < DATA_TEXTS; i++) {
		bool below = fields[i].of_vm;

		if (strcmp(fields[i].name, name) == 0 && r->depth == (below ? 2 : 1) && r->in_vm == below) {
			return i;
		}
	}
	return -1;
}

static void on_start(void *context, const char *name, const char **attributes)
{
	struct reading *r = context;

	(void)attributes;
	if (r->depth == 0 && strcmp(name, "VMM_DRIVER_ACTION_DATA") != 0) {
		fail(r, "is not of a VM's action");
	} else if (r->depth == DEPTH) {
		fail(r, "is too deep");
	} else if (r->field < 0) {
		r->field = field_of(r, name);
	}
	if (r->depth == 1) {
		r->in_vm = strcmp(name, "VM") == 0;
	}
	r->depth++;
}

static void on_end(void *context, const char *name)
{
	struct reading *r = context;

	(void)name;
	r->depth--;
	r->field = -1;
	if (r->depth == 1) {
		r->in_vm = false;
	}
}

static void on_text(void *context, const char *text, int len)
{
	struct reading *r = context;

	if (r->field < 0) {
		return;
	}
	if (r->data->text[r->field].len + (size_t)len > TEXT) {
		fail(r, "has an element that is too long");
		return;
	}
	buffer_add(&r->data->text[r->field], text, (size_t)len);
}

static void on_doctype(void *context, const char *name, const char *system, const char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	fail(context, "has a document type");
}

static void parse(struct reading *r, const char *xml, size_t len)
{
	XML_SetUserData(r->parser, r);
	XML_SetElementHandler(r->parser, on_start, on_end);
	XML_SetCharacterDataHandler(r->parser, on_text);
	XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
	if (XML_Parse(r->parser, xml, (int)len, XML_TRUE) != XML_STATUS_OK && !r->failed) {
		r->failed = true;
		why_set(r->why, "the request's XML is not well-formed: %s in line %lu",
			XML_ErrorString(XML_GetErrorCode(r->parser)), XML_GetCurrentLineNumber(r->parser));
	}
	XML_ParserFree(r->parser);
}

bool action_data_read(const char *xml, size_t len, struct action_data *data, struct why *why)
{
	struct reading r = { .why = why, .field = -1, .data = data, .parser = XML_ParserCreate(NULL) };

	if (!r.parser) {
		return why_set(why, "no memory to read the request's XML");
	}
	parse(&r, xml, len);
	return !r.failed;
}

const char *data_text(const struct action_data *data, enum action_text which)
{
	return which < DATA_TEXTS ? buffer_string(&data->text[which]) : "";
}

void action_data_free(struct action_data *data)
{
	for (size_t i = 0; i < DATA_TEXTS; i++) {
		buffer_free(&data->text[i]);
	}
}
