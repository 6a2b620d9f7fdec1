/* SPDX-License-Identifier: Apache-2.0 */
/* brumed's configuration. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opennebula/brumed/settings.h"
#include "opennebula/lib/config.h"
#include "opennebula/lib/paths.h"

struct settings settings;

const char *const action_words[ACTION_KINDS] = { "deploy", "shutdown", "cancel", "cleanup", "reboot", "reset" };

static const struct settings defaults = {
	.connect_s = 10, .request_s = 30, .stall_s = 60, .transfer_tries = 8, .unreachable_s = 60, .lost_s = 45, .keep_s = 600,
	/* shutdown and reboot: more than the 180 s that the node gives the guest */
	.deadline_s = { 300, 240, 120, 120, 240, 120 },
};

enum { DAY_S = 86400 };

#define TEXT(name)           { .key = #name, .text = &settings.name }
#define NUMBER(name, lo, hi) { .key = #name, .number = &settings.name, .least = (lo), .most = (hi) }
#define DEADLINE(name, kind) { .key = "deadline_" name, .number = &settings.deadline_s[kind], .least = 1, .most = DAY_S }

static const struct config_key keys[] = {
	TEXT(cert), TEXT(key), TEXT(ca), TEXT(socket), TEXT(group), TEXT(hostname), TEXT(datastores), TEXT(state), TEXT(log), TEXT(log_level), TEXT(monitord_address),
	NUMBER(monitord_port, 1, 65535), NUMBER(connect_s, 1, 600), NUMBER(request_s, 1, 600), NUMBER(stall_s, 1, 3600),
	NUMBER(transfer_tries, 1, 10000), NUMBER(unreachable_s, 0, DAY_S), NUMBER(lost_s, 0, DAY_S), NUMBER(keep_s, 1, DAY_S),
	DEADLINE("deploy", ACTION_DEPLOY), DEADLINE("shutdown", ACTION_SHUTDOWN), DEADLINE("cancel", ACTION_CANCEL),
	DEADLINE("cleanup", ACTION_CLEANUP), DEADLINE("reboot", ACTION_REBOOT), DEADLINE("reset", ACTION_RESET),
};

static bool set_path(char **text, enum one_folder folder, const char *file)
{
	char path[ONE_PATH_MAX];

	if (*text) {
		return true;
	}
	*text = memory_copy_text(one_path(path, folder, file) ? path : "");
	return path[0] != 0;
}

static void set_text(char **text, const char *value)
{
	if (!*text) {
		*text = memory_copy_text(value);
	}
}

static bool set_defaults(struct why *why)
{
	char socket[ONE_PATH_MAX], host[256] = "";

	if (!set_path(&settings.cert, BRUME_ETC, "front-end.crt") || !set_path(&settings.key, BRUME_ETC, "front-end.key") ||
	    !set_path(&settings.ca, BRUME_ETC, "ca.crt") || !set_path(&settings.state, BRUME_VAR, "") ||
	    !set_path(&settings.datastores, ONE_VAR, "datastores") || !set_path(&settings.log, ONE_LOG, "brumed.log") || !one_path_socket(socket)) {
		return why_set(why, "ONE_LOCATION or BRUMED_SOCKET is too long");
	}
	/* The variable is what its clients go by, too. */
	if (getenv("BRUMED_SOCKET")) {
		free(settings.socket);
		settings.socket = NULL;
	}
	set_text(&settings.socket, socket);
	set_text(&settings.group, "oneadmin");
	gethostname(host, sizeof(host) - 1);
	set_text(&settings.hostname, host);
	set_text(&settings.log_level, "info");
	set_text(&settings.monitord_address, "auto");
	return true;
}

bool settings_read(const char *path, struct why *why)
{
	char usual[ONE_PATH_MAX];

	settings = defaults;
	if (!path) {
		if (!one_path(usual, BRUME_ETC, "brumed.conf")) {
			return why_set(why, "ONE_LOCATION is too long");
		}
		path = access(usual, F_OK) == 0 ? usual : NULL;
	}
	if (path && !config_read(path, keys, ARRAY_SIZE(keys), why)) {
		return false;
	}
	return set_defaults(why);
}

void settings_free(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].text) {
			free(*keys[i].text);
			*keys[i].text = NULL;
		}
	}
}
