/* SPDX-License-Identifier: Apache-2.0 */
/* Commands for the table of nodes, and for what a node tells of itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opennebula/brumectl/ctl.h"
#include "opennebula/lib/config.h"

enum { PORT = 8443, PORT_MAX = 65535, FINGERPRINT = 128 };

static enum ctl_status list(struct ctl *ctl)
{
	static const struct ctl_column columns[] = {
		{ "NAME", "name", CTL_TEXT, NULL }, { "ADDRESS", "address", CTL_TEXT, NULL }, { "PORT", "port", CTL_NUMBER, NULL },
		{ "STATE", "state", CTL_TEXT, NULL }, { "APPROVED", "approved", CTL_YES, NULL }, { "REASON", "reason", CTL_TEXT, NULL }, { 0 },
	};

	return ctl_table(ctl, CTL_PATH("/nodes", ""), columns);
}

static enum ctl_status show(struct ctl *ctl)
{
	return ctl_show(ctl, CTL_PATH("/nodes/%s", ctl->argv[0]));
}

static enum ctl_status add(struct ctl *ctl)
{
	const char *address = ctl->argc > 1 ? ctl->argv[1] : ctl->argv[0];
	long port = PORT;
	json_t *json;
	char *body;
	enum ctl_status status;

	if (ctl->argc > 2 && !config_number(ctl->argv[2], 1, PORT_MAX, &port)) {
		return ctl_fail(CTL_USAGE, "'%s' is no port", ctl->argv[2]);
	}
	json = json_pack("{s:s, s:I}", "address", address, "port", (json_int_t)port);
	if (!json) {
		return ctl_fail(CTL_USAGE, "'%s' is no address", address);
	}
	body = json_dumps(json, JSON_COMPACT);
	status = ctl_do(ctl, "PUT", CTL_PATH("/nodes/%s", ctl->argv[0]), body, NULL);
	free(body);
	json_decref(json);
	return status;
}

static enum ctl_status drop(struct ctl *ctl)
{
	return ctl_do(ctl, "DELETE", CTL_PATH("/nodes/%s", ctl->argv[0]), NULL, NULL);
}

/* Shows what the node presents and asks whether it is the node's. False: no. */
static bool look(const char *node, char fingerprint[FINGERPRINT], enum ctl_status *status)
{
	struct local_answer answer;
	json_t *json;
	char line[16] = "";

	*status = ctl_ask("GET", CTL_PATH("/nodes/%s/certificate", node), NULL, &answer);
	if (*status != CTL_DONE) {
		return false;
	}
	json = json_loadb(answer.body, answer.len, 0, NULL);
	local_answer_free(&answer);
	snprintf(fingerprint, FINGERPRINT, "%s", json_is_string(json_object_get(json, "fingerprint")) ?
		 json_string_value(json_object_get(json, "fingerprint")) : "");
	json_decref(json);
	fputs("The certificate that it shows has the SHA-256 fingerprint\n  ", stdout);
	ctl_print_text(fingerprint);
	fputs("\nIs it what the node's console shows? [y/N] ", stdout);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin) || (line[0] != 'y' && line[0] != 'Y')) {
		*status = ctl_fail(CTL_REFUSED, "nothing was approved");
		return false;
	}
	return true;
}

static enum ctl_status approve(struct ctl *ctl)
{
	char fingerprint[FINGERPRINT] = "", *body;
	enum ctl_status status;
	json_t *json;

	if (ctl->argc > 1) {
		snprintf(fingerprint, sizeof(fingerprint), "%s", ctl->argv[1]);
	} else if (!isatty(STDIN_FILENO)) {
		return ctl_fail(CTL_USAGE, "without a terminal the fingerprint stands behind the node: approve NODE FINGERPRINT");
	} else if (!look(ctl->argv[0], fingerprint, &status)) {
		return status;
	}
	json = json_pack("{s:s}", "fingerprint", fingerprint);
	body = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (body) {
		status = ctl_do(ctl, "POST", CTL_PATH("/nodes/%s/approve", ctl->argv[0]), body, NULL);
	} else {
		status = ctl_fail(CTL_USAGE, "that is no fingerprint");
	}
	free(body);
	json_decref(json);
	return status;
}

static enum ctl_status certificate(struct ctl *ctl)
{
	return ctl_show(ctl, CTL_PATH("/nodes/%s/certificate", ctl->argv[0]));
}

const struct ctl_command node_commands[] = {
	{ "nodes", "", 0, 0, list, "the nodes that brumed knows, and whether they answer" },
	{ "nodes list", "", 0, 0, list, NULL },
	{ "nodes show", "NODE", 1, 1, show, "all that brumed knows of one" },
	{ "nodes add", "NODE [ADDRESS [PORT]]", 1, 3, add, "adds or changes one; without an address its name is looked up" },
	{ "nodes remove", "NODE", 1, 1, drop, "takes it out of the table; its VMs are not touched" },
	{ "nodes certificate", "NODE", 1, 1, certificate, "what certificate it shows now" },
	{ "approve", "NODE [FINGERPRINT]", 1, 2, approve, "believes a node that signed its certificate itself" },
	{ 0 },
};

/* ---- what a node tells ---- */

static enum ctl_status print_raw(char *path)
{
	struct local_answer answer;
	enum ctl_status status = ctl_ask("GET", path, NULL, &answer);

	if (status == CTL_DONE) {
		fwrite(answer.body, 1, answer.len, stdout);
		local_answer_free(&answer);
	}
	return status;
}

static enum ctl_status info(struct ctl *ctl)
{
	return ctl_show(ctl, CTL_PATH("/nodes/%s/v1/node", ctl->argv[0]));
}

static enum ctl_status metrics(struct ctl *ctl)
{
	return ctl->json ? print_raw(CTL_PATH("/nodes/%s/v1/counters", ctl->argv[0])) : print_raw(CTL_PATH("/nodes/%s/v1/metrics", ctl->argv[0]));
}

static enum ctl_status show_log(struct ctl *ctl)
{
	return print_raw(CTL_PATH("/nodes/%s/v1/log", ctl->argv[0]));
}

const struct ctl_command look_commands[] = {
	{ "node", "NODE", 1, 1, info, "version, memory and VMs, as the node tells" },
	{ "metrics", "NODE", 1, 1, metrics, "its counters, as Prometheus reads them; with --json as JSON" },
	{ "log", "NODE", 1, 1, show_log, "the last lines of its log" },
	{ 0 },
};
