/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of nodes. A node that somebody described is in its file; one that was only named is a DNS name with port 8443, and is
 * known until brumed ends. A struct node lives until nodes_free, so that any thread may hold it.
 */
#pragma once

#include <jansson.h>
#include <pthread.h>
#include <time.h>

#include "opennebula/brumed/names.h"
#include "opennebula/brumed/tls.h"
#include "opennebula/lib/memory.h"

enum { NODE_PORT = 8443, NODES_MAX = 4096 };

enum node_state { NODE_UNTRIED, NODE_CONNECTED, NODE_UNREACHABLE };

struct client_pool;                      /* client.c */
struct watch;                            /* watch.c */

struct node {
	char name[NODE_NAME_MAX + 1];    /* constant */
	struct client_pool *pool;        /* constant */
	struct watch *watch;             /* constant */

	pthread_mutex_t lock;            /* of all that follows */
	bool listed;                     /* is in the file */
	char address[NODE_NAME_MAX + 1]; /* "": its name */
	long port;
	char pin[FINGERPRINT_MAX];       /* the certificate that was approved, or "" */
	unsigned int generation;         /* of the three above: connections of an older one are not used again */
	enum node_state state;
	struct why reason;               /* why it is NODE_UNREACHABLE */
	time_t last_seen;                /* 0: never */
	char fingerprint[FINGERPRINT_MAX]; /* of the certificate that it showed last, or "" */
};

/* Where and how to reach it, at one moment. */
struct node_target {
	char address[NODE_NAME_MAX + 1];
	long port;
	char pin[FINGERPRINT_MAX];
	unsigned int generation;
};

/* Reads the file, which may be missing. Once, first. False with the reason: then brumed should not begin, or it would overwrite it. */
MUST_CHECK bool nodes_load(struct why *why);

/* When no other thread is left. */
void nodes_free(void);

/* The node of that name, made if nobody named it before. NULL with the reason: no name, or too many. */
struct node *nodes_get(const char *name, struct why *why);

/* The same, but NULL if nobody named it before. */
struct node *nodes_find(const char *name);

struct node_target node_target(struct node *node);

/* Adds or changes an entry. address "": its name. An approved certificate stays only where nothing changes. False with the reason. */
MUST_CHECK bool nodes_put(const char *name, const char *address, long port, struct why *why);
/* Takes it out of the file. False with the reason; true as well if it was not there. */
MUST_CHECK bool nodes_remove(const char *name, struct why *why);
/* Trusts the certificate with that fingerprint, from now on and no other. False with the reason. */
MUST_CHECK bool nodes_approve(const char *name, const char *fingerprint, struct why *why);

/* It answered; it did not, and why. Changes are logged. */
void node_answered(struct node *node, const char *fingerprint);
void node_failed(struct node *node, const struct why *why, const char *fingerprint);

/* An array of all, or the object of one. The caller drops the reference. */
json_t *nodes_json(void);
json_t *node_json(struct node *node);
