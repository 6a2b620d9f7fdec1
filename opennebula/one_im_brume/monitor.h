/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitord's requests: to begin and to end the monitoring of a host. brumed does it; what it says at once, and why it does not work, goes
 * back. Payloads are base64 of a zlib stream, answers carry the time of day in seconds.
 */
#pragma once

#include "opennebula/driver/queue.h"

/* Bytes of a request's XML at most, however little there is of its stream. */
enum { MONITOR_XML = 4 << 20 };

bool monitor_knows(const char *type);
void monitor_work(struct request *r);
void monitor_refuse(const struct line_request *line, const char *why);
