/* SPDX-License-Identifier: Apache-2.0 */
/* What brumed is told by its configuration, /etc/one/brume/brumed.conf. Read once, before there are threads; constant from then on. */
#pragma once

#include "opennebula/lib/memory.h"

struct settings {
	char *cert, *key, *ca;           /* PEM files: who brumed is, and who signs the nodes */
	char *socket;                    /* path of the local API */
	char *group;                     /* who may open it beside the owner; "-": nobody */
	char *hostname;                  /* the front-end's, as oned writes it into the transfer manager's paths */
	char *datastores;                /* folders of datastores, : between them: which files the transfer manager touches here */
	char *state;                     /* folder of the table of nodes and of monitored hosts */
	char *log;                       /* as log_open */
	char *log_level;                 /* error, warning, info, debug */
	char *monitord_address;          /* "auto": what the request to monitor says, else the loopback */
	long monitord_port;              /* 0: what the request says */
	long connect_s;                  /* a connection, with its TLS handshake */
	long request_s;                  /* a short request */
	long stall_s;                    /* a long transfer in which nothing moves */
	long transfer_tries;             /* a transfer that does not get on at all is given up after so many */
	long unreachable_s;              /* an action whose node cannot be asked at all fails after that */
	long lost_s;                     /* a monitored node that does not answer for so long is told of as failed */
	long keep_s;                     /* how long a result stays for who asks with the same key again */
	long deadline_s[6];              /* by enum action_kind */
};

/* In the order of action_words. */
enum action_kind { ACTION_DEPLOY, ACTION_SHUTDOWN, ACTION_CANCEL, ACTION_CLEANUP, ACTION_REBOOT, ACTION_RESET, ACTION_KINDS };

extern struct settings settings;

/* "deploy" and so on, as in URLs. */
extern const char *const action_words[ACTION_KINDS];

/*
 * Sets all of settings: from the file, or its defaults. path: the file, or NULL for the usual one, which may be missing.
 * False with the reason.
 */
MUST_CHECK bool settings_read(const char *path, struct why *why);

/* Frees what it holds. */
void settings_free(void);
