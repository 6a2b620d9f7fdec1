/* SPDX-License-Identifier: Apache-2.0 */
/* The node's name and addresses: see address.h. */
#include "conf/address.h"

#include <stdlib.h>
#include <string.h>

/* A decimal number of at most three digits, up to limit; *at moves behind it. */
static bool take_small(const char **at, uint32_t limit, uint32_t *value)
{
	const char *start = *at;

	for (*value = 0; **at >= '0' && **at <= '9' && *at - start < 3; (*at)++) {
		*value = *value * 10 + (uint32_t)(**at - '0');
	}
	return *at > start && *value <= limit && (start[0] != '0' || *at - start == 1);
}

/* *at moves behind the address. */
static bool take_ip4(const char **at, uint32_t *address)
{
	uint32_t number;

	*address = 0;
	for (int i = 0; i < 4; i++) {
		if ((i && *(*at)++ != '.') || !take_small(at, 255, &number)) {
			return false;
		}
		*address = *address << 8 | number;
	}
	return true;
}

bool conf_read_ip4(const char *word, uint32_t *address)
{
	return take_ip4(&word, address) && !*word;
}

/* One host's: not 0.x, not multicast, not reserved, not the loopback. */
static bool is_host(uint32_t address)
{
	return address >> 24 != 0 && address >> 24 < 224 && address >> 24 != 127;
}

static bool read_with_prefix(const char *word, struct conf_node *node)
{
	if (!take_ip4(&word, &node->address) || *word++ != '/' || !take_small(&word, 32, &node->prefix) || *word) {
		return false;
	}
	return node->prefix && is_host(node->address);
}

/* The switch. */
static bool read_net(struct parser *p, char **text, struct conf_node *node)
{
	char *name = conf_take_name(p, "net", text, sizeof(node->net));

	if (!name) {
		return false;
	}
	if (!conf_good_name(name)) {
		conf_report(p, p->line, "a name is made of letters, digits, - and _: '%.*s'", CONF_ECHO_MAX, name);
		return false;
	}
	memset(node->net, 0, sizeof(node->net));
	memcpy(node->net, name, strlen(name));
	return true;
}

/* A time server by its name. The last part of an address is a number, that of a name is not. */
static bool take_host(const char *word, struct conf_node *node)
{
	size_t len = strlen(word);
	const char *dot = strrchr(word, '.'), *last = dot ? dot + 1 : word;
	bool good = len < sizeof(node->ntp_name) && strchr("-.", word[0]) == NULL && *last && strspn(last, "0123456789") != strlen(last) &&
		    word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")] == '\0';

	if (good && !node->ntp_name[0]) {
		memcpy(node->ntp_name, word, len + 1);
		return true;
	}
	return false;
}

/* `gateway A.B.C.D` and the like, in any order. */
static bool read_options(struct parser *p, char *text, struct conf_node *node)
{
	char *word;

	while ((word = conf_take_word(&text)) != NULL) {
		uint32_t *field = strcmp(word, "gateway") == 0 ? &node->gateway :
				  strcmp(word, "dns") == 0     ? &node->dns :
				  strcmp(word, "ntp") == 0     ? &node->ntp : NULL;
		char *value;

		if (strcmp(word, "net") == 0) {
			if (!read_net(p, &text, node)) {
				return false;
			}
			continue;
		}
		if (!field) {
			conf_report(p, p->line, "address takes gateway, dns, ntp and net, not '%.*s'", CONF_ECHO_MAX, word);
			return false;
		}
		value = conf_take_word(&text);
		if (value && field == &node->ntp && !node->ntp && take_host(value, node)) {
			continue;
		}
		if (!value || *field || (field == &node->ntp && node->ntp_name[0]) || !conf_read_ip4(value, field) || !is_host(*field)) {
			conf_report(p, p->line, "%s needs one address like 192.0.2.1%s", word, field == &node->ntp ? " or one name" : "");
			return false;
		}
	}
	return true;
}

void conf_set_address(struct parser *p, struct conf_node *node)
{
	struct conf_node new = *node;
	char *text = p->value, *word = conf_take_word(&text);

	if (word && strcmp(word, "dhcp") == 0) {
		new.address_mode = CONF_ADDRESS_DHCP;
	} else if (word && read_with_prefix(word, &new)) {
		new.address_mode = CONF_ADDRESS_STATIC;
	} else {
		conf_report(p, p->line, "address takes 'dhcp' or an address and its prefix like 192.0.2.10/24");
		return;
	}
	if (!read_options(p, text, &new)) {
		return;
	}
	if (new.gateway && new.address_mode == CONF_ADDRESS_DHCP) {
		conf_report(p, p->line, "a gateway comes by DHCP, or the address is given");
		return;
	}
	if (new.ntp_name[0] && !new.dns && new.address_mode == CONF_ADDRESS_STATIC) {
		conf_report(p, p->line, "a time server by name needs a name server: dns");
		return;
	}
	*node = new;
}

void conf_set_node_name(struct parser *p, struct conf_node *node)
{
	if (!conf_one_word(p, "name", CONF_NAME_MAX)) {
		return;
	}
	if (!conf_good_name(p->value)) {
		conf_report(p, p->line, "a name is made of letters, digits, - and _: '%.*s'", CONF_ECHO_MAX, p->value);
		return;
	}
	memset(node->name, 0, sizeof(node->name));
	conf_copy_value(p, node->name);
}
