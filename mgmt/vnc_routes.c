/* SPDX-License-Identifier: Apache-2.0 */
/* VNC consoles by HTTP: see vnc_routes.h. */
#include "mgmt/vnc_routes.h"

#include <string.h>

#include "mgmt/node_routes.h"
#include "mgmt/vnc.h"

enum { PORT_DIGITS = 5 };

void vnc_route_get(struct exchange *e)
{
	if (node_find_vm(e) < 0) {
		return;
	}
	json_open(&e->reply, NULL, '{');
	json_number(&e->reply, "port", vnc_port(e->name));
	json_close(&e->reply, '}');
	text_append(&e->reply, "\n", 1);
}

/* A misspelled password must not become an open port. Returns what is wrong, or NULL. */
static const char *find_fault(const struct text *body)
{
	if (strlen(body->at ? body->at : "") != body->len) {
		return "there is a NUL";
	}
	for (const char *line = body->at; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\r\n");

		if (strncmp(line, "password ", 9) == 0 && len == 9) {
			return "the password is empty";
		}
		if (len && strncmp(line, "password ", 9) != 0 && strncmp(line, "port ", 5) != 0) {
			return "each line is `port NUMBER` or `password WORD`";
		}
	}
	return NULL;
}

/* What stands behind a key at the start of a line, up to its end; *len is 0 if there is none. */
static const char *find_value(const struct text *body, const char *key, size_t *len)
{
	size_t skip = strlen(key);

	*len = 0;
	for (const char *line = body->at; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, key, skip) == 0) {
			*len = strcspn(line + skip, "\r\n");
			return line + skip;
		}
	}
	return "";
}

/* 0: it is no number of a port. */
static uint16_t read_port(const struct text *body)
{
	size_t len;
	const char *at = find_value(body, "port ", &len);
	uint32_t port = 0;

	if (len > PORT_DIGITS || strspn(at, "0123456789") < len) {
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		port = port * 10 + (uint32_t)(at[i] - '0');
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

void vnc_route_open(struct exchange *e)
{
	char password[VNC_BODY_MAX + 1];
	const char *why = find_fault(&e->body), *at;
	size_t len;
	int r;

	if (node_find_vm(e) < 0) {
		return;
	}
	if (why) {
		exchange_refuse(e, 400, why);
		return;
	}
	at = find_value(&e->body, "password ", &len);
	memcpy(password, at, len);
	password[len] = '\0';
	r = vnc_open(e->name, read_port(&e->body), password, &why);
	exchange_audit(e, "open VNC console", r < 0 ? why : "done");
	if (r < 0) {
		exchange_refuse(e, exchange_status(r), why);
		return;
	}
	vnc_route_get(e);
}

void vnc_route_close(struct exchange *e)
{
	if (node_find_vm(e) >= 0) {
		vnc_close(e->name);
		exchange_audit(e, "close VNC console", "done");
		vnc_route_get(e);
	}
}
