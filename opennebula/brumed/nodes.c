/* SPDX-License-Identifier: Apache-2.0 */
/* The table of nodes. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opennebula/brumed/client.h"
#include "opennebula/brumed/nodes.h"
#include "opennebula/brumed/request.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/watch.h"
#include "opennebula/lib/files.h"
#include "opennebula/lib/log.h"

enum { TABLE_FILE_MAX = 8 << 20 };

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct node *table[NODES_MAX];    /* table_lock */
static size_t count;                     /* table_lock */

static struct node *find_locked(const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(table[i]->name, name) == 0) {
			return table[i];
		}
	}
	return NULL;
}

static struct node *make_locked(const char *name)
{
	struct node *node = memory_new(sizeof(*node));

	snprintf(node->name, sizeof(node->name), "%s", name);
	node->port = NODE_PORT;
	pthread_mutex_init(&node->lock, NULL);
	node->pool = client_pool_new();
	node->watch = watch_new(node);
	table[count++] = node;
	return node;
}

static struct node *get_locked(const char *name, struct why *why)
{
	struct node *node;

	if (!node_name_ok(name)) {
		why_set(why, "'%.64s' is no name of a node", name);
		return NULL;
	}
	node = find_locked(name);
	if (!node && count == NODES_MAX) {
		why_set(why, "there are %d nodes already", NODES_MAX);
		return NULL;
	}
	return node ? node : make_locked(name);
}

struct node *nodes_get(const char *name, struct why *why)
{
	struct node *node;

	pthread_mutex_lock(&table_lock);
	node = get_locked(name, why);
	pthread_mutex_unlock(&table_lock);
	return node;
}

struct node *nodes_find(const char *name)
{
	struct node *node;

	pthread_mutex_lock(&table_lock);
	node = find_locked(name);
	pthread_mutex_unlock(&table_lock);
	return node;
}

struct node_target node_target(struct node *node)
{
	struct node_target target;

	pthread_mutex_lock(&node->lock);
	snprintf(target.address, sizeof(target.address), "%s", *node->address ? node->address : node->name);
	snprintf(target.pin, sizeof(target.pin), "%s", node->pin);
	target.port = node->port;
	target.generation = node->generation;
	pthread_mutex_unlock(&node->lock);
	return target;
}

/* ---- the file ---- */

static void table_path(struct buffer *path)
{
	buffer_printf(path, "%s/nodes.json", settings.state);
}

/* What of a node is in the file; node->lock is held. */
static json_t *saved_json(const struct node *node)
{
	json_t *json = json_pack("{s:s, s:I}", "name", node->name, "port", (json_int_t)node->port);

	if (*node->address) {
		json_object_set_new(json, "address", json_string(node->address));
	}
	if (*node->pin) {
		json_object_set_new(json, "fingerprint", json_string(node->pin));
	}
	return json;
}

static bool save_locked(struct why *why)
{
	json_t *array = json_array();
	struct buffer path = { 0 };
	char *text;
	bool good;

	for (size_t i = 0; i < count; i++) {
		pthread_mutex_lock(&table[i]->lock);
		if (table[i]->listed) {
			json_array_append_new(array, saved_json(table[i]));
		}
		pthread_mutex_unlock(&table[i]->lock);
	}
	table_path(&path);
	text = json_dumps(array, JSON_INDENT(1));
	json_decref(array);
	if (!text) {
		buffer_free(&path);
		return why_set(why, "no memory left");
	}
	good = file_replace(path.at, text, strlen(text), 0600, why);
	if (!good) {
		log_error("%s", why->text);
	}
	free(text);
	buffer_free(&path);
	return good;
}

static bool address_ok(const char *address)
{
	size_t len = strlen(address);

	for (const char *p = address; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("-._:", *p)) {
			return false;
		}
	}
	return len <= NODE_NAME_MAX;
}

/* A row of the file; node->lock is not held, nobody else is there. */
static bool load_row(json_t *row, struct why *why)
{
	const char *name = json_string_value(json_object_get(row, "name"));
	const char *address = json_string_value(json_object_get(row, "address"));
	const char *pin = json_string_value(json_object_get(row, "fingerprint"));
	json_int_t port = json_integer_value(json_object_get(row, "port"));
	struct node *node = name ? get_locked(name, why) : NULL;

	if (!node || port < 1 || port > 65535 || (address && !address_ok(address))) {
		return false;
	}
	node->listed = true;
	node->port = (long)port;
	snprintf(node->address, sizeof(node->address), "%s", address ? address : "");
	return !pin || fingerprint_parse(pin, node->pin);
}

bool nodes_load(struct why *why)
{
	struct buffer path = { 0 }, text = { 0 };
	json_t *array = NULL;
	bool good = true;

	table_path(&path);
	if (access(path.at, F_OK) < 0 && errno == ENOENT) {
		buffer_free(&path);
		return true;
	}
	good = file_read(path.at, TABLE_FILE_MAX, &text, why);
	if (good) {
		array = json_loadb(buffer_string(&text), text.len, 0, NULL);
		good = json_is_array(array);
		for (size_t i = 0; good && i < json_array_size(array); i++) {
			good = load_row(json_array_get(array, i), why);
		}
		if (!good) {
			why_set(why, "%s is not what brumed wrote", path.at);
		}
	}
	json_decref(array);
	buffer_free(&path);
	buffer_free(&text);
	return good;
}

void nodes_free(void)
{
	for (size_t i = 0; i < count; i++) {
		client_pool_free(table[i]->pool);
		watch_free(table[i]->watch);
		pthread_mutex_destroy(&table[i]->lock);
		free(table[i]);
	}
	count = 0;
}

/* ---- changes ---- */

bool nodes_put(const char *name, const char *address, long port, struct why *why)
{
	struct node *node;
	bool good = false;

	if (!address_ok(address) || port < 1 || port > 65535) {
		return why_set(why, "an address is a name or an IP address, a port 1 to 65535");
	}
	pthread_mutex_lock(&table_lock);
	node = get_locked(name, why);
	if (node) {
		pthread_mutex_lock(&node->lock);
		if (strcmp(node->address, address) != 0 || node->port != port) {
			node->pin[0] = 0;
			node->generation++;
		}
		snprintf(node->address, sizeof(node->address), "%s", address);
		node->port = port;
		node->listed = true;
		pthread_mutex_unlock(&node->lock);
		log_info("node %s: at %s port %ld", name, *address ? address : name, port);
		good = save_locked(why);
	}
	pthread_mutex_unlock(&table_lock);
	return good;
}

bool nodes_remove(const char *name, struct why *why)
{
	struct node *node;
	bool good = true;

	pthread_mutex_lock(&table_lock);
	node = find_locked(name);
	if (node && node->listed) {
		pthread_mutex_lock(&node->lock);
		node->listed = false;
		node->address[0] = 0;
		node->pin[0] = 0;
		node->port = NODE_PORT;
		node->generation++;
		node->state = NODE_UNTRIED;
		pthread_mutex_unlock(&node->lock);
		log_info("node %s: taken out of the table", name);
		good = save_locked(why);
	}
	pthread_mutex_unlock(&table_lock);
	return good;
}

bool nodes_approve(const char *name, const char *fingerprint, struct why *why)
{
	char plain[FINGERPRINT_MAX];
	struct node *node;
	bool good = false;

	if (!fingerprint_parse(fingerprint, plain)) {
		return why_set(why, "a fingerprint is 32 bytes in hexadecimal, as the node's console shows it");
	}
	pthread_mutex_lock(&table_lock);
	node = get_locked(name, why);
	if (node) {
		pthread_mutex_lock(&node->lock);
		snprintf(node->pin, sizeof(node->pin), "%s", plain);
		node->listed = true;
		node->generation++;
		pthread_mutex_unlock(&node->lock);
		log_info("node %s: certificate %s is approved", name, plain);
		good = save_locked(why);
	}
	pthread_mutex_unlock(&table_lock);
	return good;
}

/* ---- state ---- */

void node_answered(struct node *node, const char *fingerprint)
{
	bool news;

	pthread_mutex_lock(&node->lock);
	news = node->state != NODE_CONNECTED;
	node->state = NODE_CONNECTED;
	node->last_seen = time(NULL);
	if (*fingerprint) {
		snprintf(node->fingerprint, sizeof(node->fingerprint), "%s", fingerprint);
	}
	pthread_mutex_unlock(&node->lock);
	if (news) {
		log_info("node %s: connected", node->name);
	}
}

void node_failed(struct node *node, const struct why *why, const char *fingerprint)
{
	bool news;

	pthread_mutex_lock(&node->lock);
	news = node->state != NODE_UNREACHABLE || strcmp(node->reason.text, why->text) != 0;
	node->state = NODE_UNREACHABLE;
	node->reason = *why;
	if (*fingerprint) {
		snprintf(node->fingerprint, sizeof(node->fingerprint), "%s", fingerprint);
	}
	pthread_mutex_unlock(&node->lock);
	if (news) {
		log_warning("%s", why->text);
	}
}

json_t *node_json(struct node *node)
{
	static const char *const words[] = { "untried", "connected", "unreachable" };
	json_t *json;

	pthread_mutex_lock(&node->lock);
	json = json_pack("{s:s, s:s, s:I, s:b, s:s, s:o, s:s, s:s, s:I}", "name", node->name,
			 "address", *node->address ? node->address : node->name, "port", (json_int_t)node->port,
			 "listed", node->listed, "state", words[node->state],
			 "reason", reply_text(node->state == NODE_UNREACHABLE ? node->reason.text : ""),
			 "fingerprint", node->fingerprint, "approved", node->pin, "last_seen", (json_int_t)node->last_seen);
	pthread_mutex_unlock(&node->lock);
	return json;
}

json_t *nodes_json(void)
{
	json_t *array = json_array();

	pthread_mutex_lock(&table_lock);
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(array, node_json(table[i]));
	}
	pthread_mutex_unlock(&table_lock);
	return array;
}
