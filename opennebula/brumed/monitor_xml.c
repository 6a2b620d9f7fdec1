/* SPDX-License-Identifier: Apache-2.0 */
/* MONITOR_DRIVER_ACTION. */
#include <stdio.h>
#include <string.h>

#include "opennebula/brumed/monitor_xml.h"
#include "opennebula/brumed/xml_walk.h"
#include "opennebula/lib/config.h"

/* In the order of enum message_kind. */
static const struct {
	const char *path;
	long usual;
} periods[MESSAGE_KINDS] = {
	[MESSAGE_SYSTEM_HOST] = { "/MONITOR_DRIVER_ACTION/MONITOR_CONFIGURATION/PROBES_PERIOD/SYSTEM_HOST", 600 },
	[MESSAGE_MONITOR_HOST] = { "/MONITOR_DRIVER_ACTION/MONITOR_CONFIGURATION/PROBES_PERIOD/MONITOR_HOST", 120 },
	[MESSAGE_STATE_VM] = { "/MONITOR_DRIVER_ACTION/MONITOR_CONFIGURATION/PROBES_PERIOD/STATE_VM", 5 },
	[MESSAGE_MONITOR_VM] = { "/MONITOR_DRIVER_ACTION/MONITOR_CONFIGURATION/PROBES_PERIOD/MONITOR_VM", 30 },
	[MESSAGE_BEACON_HOST] = { "/MONITOR_DRIVER_ACTION/MONITOR_CONFIGURATION/PROBES_PERIOD/BEACON_HOST", 30 },
};

enum { SYNC_USUAL_S = 180 };
_Static_assert(XML_VALUE_MAX <= NODE_NAME_MAX + 1, "a value fits into a name");

void monitor_wishes_init(struct monitor_wishes *wishes)
{
	*wishes = (struct monitor_wishes){ .host = -1, .sync_s = SYNC_USUAL_S };
	for (size_t i = 0; i < MESSAGE_KINDS; i++) {
		wishes->period_s[i] = periods[i].usual;
	}
}

static void take_period(const char *value, long *period)
{
	long seconds;

	if (config_number(value, 1, MONITOR_PERIOD_MAX_S, &seconds)) {
		*period = seconds;
	}
}

static void take(void *context, const char *path, const char *value)
{
	struct monitor_wishes *w = context;

	if (strcmp(path, "/MONITOR_DRIVER_ACTION/HOST/ID") == 0) {
		if (!config_number(value, 0, INT32_MAX, &w->host)) {
			w->host = -1;
		}
	} else if (strcmp(path, "/MONITOR_DRIVER_ACTION/HOST/NAME") == 0) {
		snprintf(w->name, sizeof(w->name), "%s", value);
	} else if (strcmp(path, "/MONITOR_DRIVER_ACTION/MONITOR_CONFIGURATION/NETWORK/ADDRESS") == 0) {
		snprintf(w->address, sizeof(w->address), "%s", value);
	} else if (strcmp(path, "/MONITOR_DRIVER_ACTION/MONITOR_CONFIGURATION/NETWORK/PORT") == 0) {
		if (!config_number(value, 1, UINT16_MAX, &w->port)) {
			w->port = 0;
		}
	} else if (strcmp(path, "/MONITOR_DRIVER_ACTION/MONITOR_CONFIGURATION/PROBES_PERIOD/SYNC_STATE_VM") == 0) {
		take_period(value, &w->sync_s);
	} else {
		for (size_t i = 0; i < MESSAGE_KINDS; i++) {
			if (strcmp(path, periods[i].path) == 0) {
				take_period(value, &w->period_s[i]);
			}
		}
	}
}

bool monitor_xml_parse(const char *xml, size_t len, struct monitor_wishes *wishes, struct why *why)
{
	struct why detail;

	monitor_wishes_init(wishes);
	if (len > MONITOR_XML_MAX) {
		return why_set(why, "the request to monitor is too long");
	}
	if (!xml_walk(xml, len, take, wishes, &detail)) {
		return why_set(why, "the request to monitor: %s", detail.text);
	}
	return node_name_ok(wishes->name) || why_set(why, "the request to monitor has no name of a host that could be one");
}
