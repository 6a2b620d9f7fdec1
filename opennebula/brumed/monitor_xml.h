/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What monitord asks when it wants a host monitored: <MONITOR_DRIVER_ACTION> with the HOST and the MONITOR_CONFIGURATION. What is
 * longer, deeper (xml_walk.h) or has a DOCTYPE is refused.
 */
#pragma once

#include "opennebula/brumed/message.h"
#include "opennebula/brumed/names.h"
#include "opennebula/lib/memory.h"

enum { MONITOR_XML_MAX = 1 << 20, MONITOR_PERIOD_MAX_S = 86400 };

struct monitor_wishes {
	long host;                       /* -1: the XML has none */
	char name[NODE_NAME_MAX + 1];
	char address[NODE_NAME_MAX + 1]; /* NETWORK/ADDRESS: what monitord listens on; "": it is not said */
	long port;                       /* 0: not said */
	long period_s[MESSAGE_KINDS];    /* PROBES_PERIOD; 1 to MONITOR_PERIOD_MAX_S, OpenNebula's own defaults where it says nothing */
	long sync_s;                     /* SYNC_STATE_VM */
};

/* Where nothing is said. */
void monitor_wishes_init(struct monitor_wishes *wishes);

/* False with the reason: no such XML, or no name of a host in it. */
MUST_CHECK bool monitor_xml_parse(const char *xml, size_t len, struct monitor_wishes *wishes, struct why *why);
