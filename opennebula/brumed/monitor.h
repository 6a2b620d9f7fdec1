/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitoring: for each host that monitord asked for, a thread asks its node in the periods that monitord wishes and whenever something changed there, and
 * tells monitord. What is monitored is kept in a file.
 *
 * Of VMs it says what is new, and from time to time all (states.h).
 *
 * A node that does not answer, or refuses: nothing at all is sent of it, but once, after settings.lost_s, that it failed and why. When it is
 * back the first message is SYSTEM_HOST, which alone makes the host good again. No state of a VM is ever made up.
 */
#pragma once

#include "opennebula/brumed/request.h"

/* Begins to monitor what the file says, which may be missing. False with the reason. */
MUST_CHECK bool monitor_load(struct why *why);

/* After work_join. */
void monitor_free(void);

/* POST /monitor/HID/start, POST /monitor/HID/stop, GET /monitor */
request_handler monitor_answer_start, monitor_answer_stop, monitor_answer_list;

/* Ends the monitoring of a node that is taken out of the table. */
void monitor_forget(const char *name);
