/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done for each request of oned (action.h): its lines of the transfer manager and one action of the node, in oned's order:
 *
 *	DEPLOY   CONTEXT lines, then deploy; undone if the node refused
 *	CLEANUP  cleanup, then all DELETE lines, even if one fails
 *	SHUTDOWN, CANCEL, REBOOT, RESET   the action alone
 *
 * Everything else is refused with a sentence, and nothing happens to the VM.
 */
#include "opennebula/one_vmm_brume/action.h"

#include <stdio.h>
#include <string.h>

#include "opennebula/driver/reply.h"
#include "opennebula/lib/encode.h"
#include "opennebula/lib/log.h"
#include "opennebula/one_vmm_brume/data.h"
#include "opennebula/one_vmm_brume/node.h"
#include "opennebula/one_vmm_brume/transfer.h"

static const struct action {
	const char *type;
	const char *node;                /* the node's name of it; NULL: refused */
	const char *refusal;
	enum action_text number;         /* that oned wants at the beginning of a refusal */
} actions[] = {
	{ "DEPLOY", "deploy", NULL, DATA_NONE },
	{ "SHUTDOWN", "shutdown", NULL, DATA_NONE },
	{ "CANCEL", "cancel", NULL, DATA_NONE },
	{ "CLEANUP", "cleanup", NULL, DATA_NONE },
	{ "REBOOT", "reboot", NULL, DATA_NONE },
	{ "RESET", "reset", NULL, DATA_NONE },
	{ "SAVE", NULL, "Brume cannot save a running VM: power it off, or undeploy it, instead", DATA_NONE },
	{ "RESTORE", NULL, "Brume has no saved state of a VM to restore", DATA_NONE },
	{ "MIGRATE", NULL, "Brume cannot migrate a running VM: power it off first", DATA_NONE },
	{ "ATTACHDISK", NULL, "Brume cannot attach a disk to a running VM: power it off first", DATA_NONE },
	{ "DETACHDISK", NULL, "Brume cannot detach a disk of a running VM: power it off first", DATA_NONE },
	{ "ATTACHNIC", NULL, "Brume cannot attach a NIC or a PCI device to a running VM: power it off first", DATA_NONE },
	{ "DETACHNIC", NULL, "Brume cannot detach a NIC or a PCI device of a running VM: power it off first", DATA_NONE },
	{ "SNAPSHOTCREATE", NULL, "Brume has no snapshots of VMs", DATA_NONE },
	{ "SNAPSHOTREVERT", NULL, "Brume has no snapshots of VMs", DATA_NONE },
	{ "SNAPSHOTDELETE", NULL, "Brume has no snapshots of VMs", DATA_NONE },
	{ "DISKSNAPSHOTCREATE", NULL, "Brume has no snapshots of disks", DATA_NONE },
	{ "DISKSNAPSHOTREVERT", NULL, "Brume has no snapshots of disks", DATA_NONE },
	{ "RESIZEDISK", NULL, "Brume cannot resize a disk of a running VM: power it off first", DATA_NONE },
	{ "RESIZE", NULL, "Brume cannot resize a running VM: power it off first", DATA_NONE },
	{ "UPDATECONF", NULL, "Brume cannot change the context of a running VM: it has the new one after a power-off", DATA_NONE },
	{ "UPDATESG", NULL, "Brume does not filter by security groups", DATA_GROUP },
	{ "UPDATENIC", NULL, "Brume cannot change the NIC of a running VM: it has the new network after a power-off", DATA_NETWORK },
	{ "BACKUP", NULL, "Brume cannot back up a VM", DATA_NONE },
	{ "BACKUPCANCEL", NULL, "Brume cannot back up a VM, so there is no backup to cancel", DATA_NONE },
	{ "EXEC", NULL, "Brume cannot execute commands in a guest", DATA_NONE },
	{ "EXEC_CANCEL", NULL, "Brume cannot execute commands in a guest, so there is none to cancel", DATA_NONE },
};

static const struct action *action_of(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		if (strcmp(actions[i].type, type) == 0) {
			return &actions[i];
		}
	}
	return NULL;
}

bool action_knows(const char *type)
{
	return action_of(type);
}

void action_refuse(const struct line_request *line, const char *why)
{
	reply_result(line->type, false, line->id, "%s", why);
}

static bool deploy(struct request *r, const struct action_data *data, const struct buffer *xml, struct why *why)
{
	const char *host = data_text(data, DATA_HOST), *rollback = data_text(data, DATA_ROLLBACK);
	enum transfer_result sent;
	enum node_result result = NODE_LOST;
	struct buffer undo = { 0 };
	struct why ignored;

	sent = transfer_run(r, data_text(data, DATA_TRANSFER), &undo, why);
	/* A context that a running VM has is no failure: what oned asks for was done before, and the node says so. */
	if (sent == TRANSFER_DONE || sent == TRANSFER_IN_USE) {
		if (undo.len) {
			reply_log('I', r->id, "%s has the context", host);
		}
		result = node_act(r, host, "deploy", xml, why);
	} else if (sent == TRANSFER_FAILED) {
		result = NODE_REFUSED;
	}
	if (result == NODE_REFUSED || result == NODE_GIVEN_UP) {
		transfer_run_all(r, *rollback ? rollback : buffer_string(&undo), &ignored);
	}
	buffer_free(&undo);
	return result == NODE_DONE;
}

static bool clean_up(struct request *r, const struct action_data *data, const struct buffer *xml, struct why *why)
{
	const char *other = data_text(data, DATA_MIGRATION_HOST);
	enum node_result result = node_act(r, data_text(data, DATA_HOST), "cleanup", xml, why);
	struct why ignored;
	bool done = result == NODE_DONE;

	if (*other && (done || result == NODE_REFUSED)) {
		result = node_act(r, other, "cancel", xml, done ? why : &ignored);
		done = result == NODE_DONE && done;
	}
	if (result != NODE_DONE && result != NODE_REFUSED) {
		return false;
	}
	return transfer_run_all(r, data_text(data, DATA_TRANSFER), done ? why : &ignored) && done;
}

static bool perform(struct request *r, const struct action *a, const struct action_data *data, const struct buffer *xml,
		    struct why *why)
{
	if (strcmp(a->node, "deploy") == 0) {
		return deploy(r, data, xml, why);
	}
	if (strcmp(a->node, "cleanup") == 0) {
		return clean_up(r, data, xml, why);
	}
	return node_act(r, data_text(data, DATA_HOST), a->node, xml, why) == NODE_DONE;
}

/* Reads a request and sees that it is one of the VM that its line names. */
static bool read_request(struct request *r, struct buffer *xml, struct action_data *data, struct why *why)
{
	const char *named, *host;
	char vm[24];

	if (!base64_decode(xml, r->payload, r->len)) {
		return why_set(why, "the request is not base64");
	}
	if (!action_data_read(buffer_string(xml), xml->len, data, why)) {
		return false;
	}
	snprintf(vm, sizeof(vm), "%ld", r->id);
	named = data_text(data, DATA_VM);
	if (strcmp(named, vm) != 0) {
		return why_set(why, "the request is for VM %s, but its XML for VM %.20s", vm, named);
	}
	host = data_text(data, DATA_HOST);
	if (!*host || strlen(host) >= QUEUE_HOST) {
		return why_set(why, "the request names no host");
	}
	return true;
}

static void answer(struct request *r, const struct action *a, const struct action_data *data, bool done, const struct why *why)
{
	const char *number = data_text(data, a->number);

	if (!queue_finish(r)) {
		log_info("%s %ld: given up", r->type, r->id);
		return;
	}
	if (done && strcmp(r->type, "DEPLOY") == 0) {
		reply_result(r->type, true, r->id, "one-%ld", r->id);
	} else if (done) {
		reply_result(r->type, true, r->id, "-");
	} else {
		reply_result(r->type, false, r->id, "%s%s%s", number, *number ? " " : "", why->text);
	}
	log_info("%s %ld on %s: %s%s", r->type, r->id, data_text(data, DATA_HOST), done ? "done" : "failed: ", done ? "" : why->text);
}

void action_work(struct request *r)
{
	const struct action *a = action_of(r->type);
	struct action_data data = { 0 };
	struct buffer xml = { 0 };
	struct why why = { "" };
	bool done;

	if (!a) {                            /* DRIVER_CANCEL */
		if (*r->host) {
			node_give_up(r, r->host, r->cancels);
		}
		return;
	}
	done = read_request(r, &xml, &data, &why);
	if (done && !a->node) {
		done = why_set(&why, "%s", a->refusal);
	} else if (done) {
		done = perform(r, a, &data, &xml, &why);
	}
	answer(r, a, &data, done, &why);
	action_data_free(&data);
	buffer_free(&xml);
}
