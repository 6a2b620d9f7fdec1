/* SPDX-License-Identifier: Apache-2.0 */
/* MONITOR_DRIVER_ACTION, by expat. */
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumed/monitor_xml.h"
#include "opennebula/lib/config.h"

enum { DEPTH_MAX = 16, PATH_MAX_LEN = 256, VALUE_MAX = NODE_NAME_MAX + 1 };

struct parse {
	XML_Parser parser;
	struct monitor_wishes *wishes;
	const char *refusal;             /* of ours; NULL: none */
	unsigned int depth;
	size_t path_len[DEPTH_MAX];      /* of path, before the element of that depth */
	char path[PATH_MAX_LEN];         /* /A/B of the element that is open, without the root */
	char value[VALUE_MAX];           /* its text so far */
	size_t value_len;                /* more than fits: nothing that is asked for is so long */
};

/* In the order of enum message_kind. */
static const struct {
	const char *path;
	long usual;
} periods[MESSAGE_KINDS] = {
	[MESSAGE_SYSTEM_HOST] = { "/MONITOR_CONFIGURATION/PROBES_PERIOD/SYSTEM_HOST", 600 },
	[MESSAGE_MONITOR_HOST] = { "/MONITOR_CONFIGURATION/PROBES_PERIOD/MONITOR_HOST", 120 },
	[MESSAGE_STATE_VM] = { "/MONITOR_CONFIGURATION/PROBES_PERIOD/STATE_VM", 5 },
	[MESSAGE_MONITOR_VM] = { "/MONITOR_CONFIGURATION/PROBES_PERIOD/MONITOR_VM", 30 },
	[MESSAGE_BEACON_HOST] = { "/MONITOR_CONFIGURATION/PROBES_PERIOD/BEACON_HOST", 30 },
};

enum { SYNC_USUAL_S = 180 };

void monitor_wishes_init(struct monitor_wishes *wishes)
{
	*wishes = (struct monitor_wishes){ .host = -1, .sync_s = SYNC_USUAL_S };
	for (size_t i = 0; i < MESSAGE_KINDS; i++) {
		wishes->period_s[i] = periods[i].usual;
	}
}

static void refuse(struct parse *p, const char *why)
{
	p->refusal = why;
	XML_StopParser(p->parser, XML_FALSE);
}

static void on_doctype(void *context, const char *name, const char *system, const char *public, int internal)
{
	(void)name, (void)system, (void)public, (void)internal;
	refuse(context, "it has a DOCTYPE");
}

static void on_start(void *context, const char *name, const char **attributes)
{
	struct parse *p = context;
	size_t len = strlen(p->path), more = strlen(name);

	(void)attributes;
	if (p->depth == DEPTH_MAX) {
		refuse(p, "it is nested too deep");
		return;
	}
	if (p->depth == 0 && strcmp(name, "MONITOR_DRIVER_ACTION") != 0) {
		refuse(p, "it is not MONITOR_DRIVER_ACTION");
		return;
	}
	p->path_len[p->depth] = len;
	if (p->depth++ > 0 && len + more + 2 <= sizeof(p->path)) {
		p->path[len] = '/';
		memcpy(p->path + len + 1, name, more + 1);
	} else if (p->depth > 1) {
		/* Too long to be one that is asked for; another one that is not matches neither. */
		p->path[len] = 0;
	}
	p->value_len = 0;
}

static void on_text(void *context, const char *text, int len)
{
	struct parse *p = context;

	if (p->value_len + (size_t)len < sizeof(p->value)) {
		memcpy(p->value + p->value_len, text, (size_t)len);
	}
	p->value_len += (size_t)len;
}

static void take_period(const char *value, long *period)
{
	long seconds;

	if (config_number(value, 1, MONITOR_PERIOD_MAX_S, &seconds)) {
		*period = seconds;
	}
}

static void take(struct monitor_wishes *w, const char *path, const char *value)
{
	if (strcmp(path, "/HOST/ID") == 0) {
		if (!config_number(value, 0, INT32_MAX, &w->host)) {
			w->host = -1;
		}
	} else if (strcmp(path, "/HOST/NAME") == 0) {
		snprintf(w->name, sizeof(w->name), "%s", value);
	} else if (strcmp(path, "/MONITOR_CONFIGURATION/NETWORK/ADDRESS") == 0) {
		snprintf(w->address, sizeof(w->address), "%s", value);
	} else if (strcmp(path, "/MONITOR_CONFIGURATION/NETWORK/PORT") == 0) {
		if (!config_number(value, 1, UINT16_MAX, &w->port)) {
			w->port = 0;
		}
	} else if (strcmp(path, "/MONITOR_CONFIGURATION/PROBES_PERIOD/SYNC_STATE_VM") == 0) {
		take_period(value, &w->sync_s);
	} else {
		for (size_t i = 0; i < MESSAGE_KINDS; i++) {
			if (strcmp(path, periods[i].path) == 0) {
				take_period(value, &w->period_s[i]);
			}
		}
	}
}

static void on_end(void *context, const char *name)
{
	struct parse *p = context;

	(void)name;
	/* expat still ends an empty element after it was told to stop. */
	if (p->refusal) {
		return;
	}
	p->value[p->value_len < sizeof(p->value) ? p->value_len : 0] = 0;
	take(p->wishes, p->path, p->value);
	p->value_len = 0;
	p->path[p->path_len[--p->depth]] = 0;
}

bool monitor_xml_parse(const char *xml, size_t len, struct monitor_wishes *wishes, struct why *why)
{
	struct parse p = { .wishes = wishes };
	enum XML_Status status = XML_STATUS_ERROR;

	monitor_wishes_init(wishes);
	if (len > MONITOR_XML_MAX) {
		return why_set(why, "the request to monitor is too long");
	}
	p.parser = XML_ParserCreate(NULL);
	if (p.parser) {
		XML_SetUserData(p.parser, &p);
		XML_SetElementHandler(p.parser, on_start, on_end);
		XML_SetCharacterDataHandler(p.parser, on_text);
		XML_SetStartDoctypeDeclHandler(p.parser, on_doctype);
		status = XML_Parse(p.parser, xml, (int)len, XML_TRUE);
		why_set(why, "the request to monitor: %s",
			p.refusal ? p.refusal : XML_ErrorString(XML_GetErrorCode(p.parser)) ? XML_ErrorString(XML_GetErrorCode(p.parser)) : "");
		XML_ParserFree(p.parser);
	}
	if (status != XML_STATUS_OK || p.refusal) {
		return false;
	}
	return node_name_ok(wishes->name) || why_set(why, "the request to monitor has no name of a host that could be one");
}
