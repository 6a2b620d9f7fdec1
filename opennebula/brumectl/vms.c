/* SPDX-License-Identifier: Apache-2.0 */
/* Commands for VMs and disks of a node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opennebula/brumectl/ctl.h"
#include "opennebula/lib/config.h"
#include "opennebula/lib/files.h"

enum { TEXT_MOST = 4096, PORT_LEAST = 5900, PORT_MOST = 65535, SECRET = 66 };

static enum ctl_status list(struct ctl *ctl)
{
	static const struct ctl_column columns[] = {
		{ "NAME", "name", CTL_TEXT, NULL }, { "STATE", "state", CTL_TEXT, NULL }, { "VCPUS", "vcpus", CTL_NUMBER, NULL },
		{ "MEMORY", "memory_bytes", CTL_SIZE, NULL }, { "WEIGHT", "weight", CTL_NUMBER, NULL }, { "STARTS", "starts", CTL_NUMBER, NULL },
		{ "LAST END", "last_end", CTL_TEXT, NULL }, { 0 },
	};

	return ctl_table(ctl, CTL_PATH("/nodes/%s/v1/vms", ctl->argv[0]), columns);
}

static enum ctl_status show(struct ctl *ctl)
{
	return ctl_show(ctl, CTL_PATH("/nodes/%s/v1/vms/%s", ctl->argv[0], ctl->argv[1]));
}

static enum ctl_status change(struct ctl *ctl, const char *what)
{
	return ctl_do(ctl, "POST", CTL_PATH("/nodes/%s/v1/vms/%s/%s", ctl->argv[0], ctl->argv[1], what), "", NULL);
}

static enum ctl_status start(struct ctl *ctl)
{
	return change(ctl, "start");
}

static enum ctl_status stop(struct ctl *ctl)
{
	return change(ctl, "stop");
}

static enum ctl_status kill_vm(struct ctl *ctl)
{
	return change(ctl, "kill");
}

static enum ctl_status reset(struct ctl *ctl)
{
	return change(ctl, "reset");
}

static enum ctl_status delete(struct ctl *ctl)
{
	return ctl_do(ctl, "DELETE", CTL_PATH("/nodes/%s/v1/vms/%s", ctl->argv[0], ctl->argv[1]), NULL, NULL);
}

/* "-" is standard input. */
static enum ctl_status create(struct ctl *ctl)
{
	const char *name = strcmp(ctl->argv[1], "-") == 0 ? "/dev/stdin" : ctl->argv[1];
	struct buffer text = { 0 };
	enum ctl_status status;
	struct why why;

	if (!file_read(name, TEXT_MOST, &text, &why)) {
		buffer_free(&text);
		return ctl_fail(CTL_REFUSED, "%s", why.text);
	}
	status = ctl_do(ctl, "POST", CTL_PATH("/nodes/%s/v1/vms", ctl->argv[0]), buffer_string(&text), NULL);
	buffer_free(&text);
	return status;
}

/* The password does not stand on the command line, where every user of the machine could read it. */
static enum ctl_status vnc(struct ctl *ctl)
{
	char secret[SECRET] = "";
	struct buffer body = { 0 };
	enum ctl_status status;
	long port;

	if (ctl->argc == 2) {
		return ctl_show(ctl, CTL_PATH("/nodes/%s/v1/vms/%s/vnc", ctl->argv[0], ctl->argv[1]));
	}
	if (strcmp(ctl->argv[2], "off") == 0) {
		return ctl_do(ctl, "DELETE", CTL_PATH("/nodes/%s/v1/vms/%s/vnc", ctl->argv[0], ctl->argv[1]), NULL, NULL);
	}
	if (!config_number(ctl->argv[2], PORT_LEAST, PORT_MOST, &port)) {
		return ctl_fail(CTL_USAGE, "'%s' is neither off nor a port from %d to %d", ctl->argv[2], PORT_LEAST, PORT_MOST);
	}
	if (!ctl_read_secret("password (empty for none; VNC uses its first 8 bytes): ", secret, sizeof(secret))) {
		return ctl_fail(CTL_USAGE, "there is no line with a password on standard input, or it is too long");
	}
	buffer_printf(&body, "port %ld\n", port);
	if (secret[0]) {
		buffer_printf(&body, "password %s\n", secret);
	}
	status = ctl_do(ctl, "POST", CTL_PATH("/nodes/%s/v1/vms/%s/vnc", ctl->argv[0], ctl->argv[1]), buffer_string(&body), NULL);
	buffer_free(&body);
	return status;
}

const struct ctl_command vm_commands[] = {
	{ "vms", "NODE", 1, 1, list, "its VMs" },
	{ "vms list", "NODE", 1, 1, list, NULL },
	{ "vms show", "NODE VM", 2, 2, show, "one of them" },
	{ "vms create", "NODE FILE", 2, 2, create, "describes a VM by the text of a configuration file; - reads standard input" },
	{ "vms start", "NODE VM", 2, 2, start, "starts it" },
	{ "vms stop", "NODE VM", 2, 2, stop, "presses its power button; the guest may take its time" },
	{ "vms kill", "NODE VM", 2, 2, kill_vm, "takes its power away" },
	{ "vms reset", "NODE VM", 2, 2, reset, "takes its power away and starts it again" },
	{ "vms delete", "NODE VM", 2, 2, delete, "forgets it; it must be off" },
	{ "vms vnc", "NODE VM [PORT|off]", 2, 3, vnc, "opens its console for VNC viewers, unencrypted; the password comes on standard input" },
	{ "console", "NODE VM", 2, 2, console_run, "its console; Ctrl-] leaves" },
	{ 0 },
};

/* ---- disks ---- */

static enum ctl_status list_disks(struct ctl *ctl)
{
	static const struct ctl_column columns[] = {
		{ "NAME", "name", CTL_TEXT, NULL }, { "SIZE", "size", CTL_SIZE, NULL }, { "CHANGED", "used", CTL_SIZE, NULL },
		{ "READ-ONLY", "read_only", CTL_YES, NULL }, { "IMAGE", "image", CTL_TEXT, NULL }, { "VM", "vm", CTL_TEXT, NULL }, { 0 },
	};

	return ctl_table(ctl, CTL_PATH("/nodes/%s/v1/disks", ctl->argv[0]), columns);
}

static enum ctl_status delete_disk(struct ctl *ctl)
{
	return ctl_do(ctl, "DELETE", CTL_PATH("/nodes/%s/v1/disks/%s", ctl->argv[0], ctl->argv[1]), NULL, NULL);
}

const struct ctl_command disk_commands[] = {
	{ "disks", "NODE", 1, 1, list_disks, "the disks that it keeps" },
	{ "disks list", "NODE", 1, 1, list_disks, NULL },
	{ "disks download", "NODE DISK FILE", 3, 3, transfer_disk, "fetches the content of one that no VM runs with" },
	{ "disks delete", "NODE DISK", 2, 2, delete_disk, "deletes it, with its content" },
	{ 0 },
};
