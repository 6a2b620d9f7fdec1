/* SPDX-License-Identifier: Apache-2.0 */
/* What mgmt asks of the place that it runs in: the program's main.c on a node, the test harness on a host. */
#pragma once

#include "lib/base.h"

/* Nanoseconds since boot; never goes back. */
uint64_t platform_now_ns(void);

/* What its processor does in a microsecond: the frequency of its time stamp counter in MHz. */
unsigned platform_cpu_mhz(void);

/* One line for the node's log, without its end. Text that a client chose has been filtered. */
void platform_log(const char *format, ...) PRINTF_LIKE(1, 2);

struct node_status;
struct node_relays;
struct mgmt_status;
struct mgmt_command;
struct mgmt_answer;
struct mgmt_volumes;
struct mgmt_progress;
struct mgmt_disks;
struct mgmt_disk;
struct kept_disk;
struct mgmt_one;
struct mgmt_vnc;

/* What init tells of the node and its VMs; changes under the reader (console/node.h says in which order). */
const struct node_status *platform_node(void);

/* What it tells mgmt alone (mgmt/node.h). */
const struct mgmt_status *platform_status(void);

/* Consoles of VMs (console/node.h), and the console program is to look at them. */
struct node_relays *platform_relays(void);
void platform_signal_console(void);

/*
 * Asks init for something (mgmt/node.h); text: command->text_bytes bytes. Returns the number by which to fetch the answer, above 0.
 * E_AGAIN: so much was asked for that there is no room for it now.
 */
int platform_ask(const struct mgmt_command *command, const char *text) MUST_CHECK;

/* The answer to what was asked under that number, which is over then. False: not yet. */
bool platform_answer(uint32_t number, struct mgmt_answer *answer) MUST_CHECK;

/* Nobody will fetch the answer. An error in it is logged. */
void platform_forget(uint32_t number);

/* The volumes as init tells of them, and how far volume n came, which is mgmt's to tell. */
const struct mgmt_volumes *platform_volumes(void);
struct mgmt_progress *platform_progress(int n);

/* The same of a disk whose content is sent. */
struct mgmt_progress *platform_sent(const struct mgmt_disk *disk);

/* What is noted of VNC ports (mgmt/node.h): MGMT_VNC of them. */
struct mgmt_vnc *platform_vnc(void);

/* The bytes of volume n; to be written only while it is new. */
uint8_t *platform_volume(int n);

/* The disks that are kept, as init tells of them. */
const struct mgmt_disks *platform_disks(void);

/* Where the content of a disk is that was opened in that window; to be written only if it was opened for that. */
void platform_window(int window, const struct mgmt_disk *disk, struct kept_disk *content);

/* What the command of that number (MGMT_DISK_OPEN) opened, or will open, is not read any more. */
void platform_close_window(int window, uint32_t number);

/* What outlives mgmt of the front-end's actions (mgmt/one_table.h). */
struct mgmt_one *platform_one(void);
