/* SPDX-License-Identifier: Apache-2.0 */
/* Uplinks and bridges: see uplink.h. */
#include "conf/uplink.h"

#include <string.h>

enum { SLOT_MAX = 0x1f, FUNCTION_MAX = 7 };

/* Up to `digits` hexadecimal digits and the character after them; moves *text behind it. */
static bool take_hex(const char **text, unsigned digits, char end, unsigned max, unsigned *number)
{
	unsigned n = 0, count = 0;

	for (char c; count < digits && (c = **text) && strchr("0123456789abcdefABCDEF", c); count++, ++*text) {
		n = n << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	if (!count || **text != end || n > max) {
		return false;
	}
	*text += end != '\0';
	*number = n;
	return true;
}

/* 02:00.0, or 0000:02:00.0 */
static bool take_place(const char *text, struct conf_uplink *u)
{
	unsigned segment = 0, bus, slot, function;
	const char *first = strchr(text, ':');

	if (first && strchr(first + 1, ':') && !take_hex(&text, 4, ':', UINT16_MAX, &segment)) {
		return false;
	}
	if (!take_hex(&text, 2, ':', UINT8_MAX, &bus) || !take_hex(&text, 2, '.', SLOT_MAX, &slot) ||
	    !take_hex(&text, 1, '\0', FUNCTION_MAX, &function)) {
		return false;
	}
	u->segment = (uint16_t)segment;
	u->bus = (uint8_t)bus;
	u->slot = (uint8_t)slot;
	u->function = (uint8_t)function;
	return true;
}

/* Which card: the rest of the words. */
static bool set_card(struct parser *p, struct conf_uplink *u, char **text)
{
	char *word = conf_take_name(p, "uplink", text, CONF_VALUE_MAX);

	if (!word) {
		return false;
	}
	if (strcmp(word, "auto") == 0 || strcmp(word, "none") == 0) {
		u->card = word[0] == 'a' ? CONF_UPLINK_AUTO : CONF_UPLINK_NONE;
		return true;
	}
	if (strcmp(word, "pci") != 0) {
		conf_report(p, p->line, "uplink is auto, none or pci BB:DD.F, not '%.*s'", CONF_ECHO_MAX, word);
		return false;
	}
	word = conf_take_name(p, "pci", text, CONF_VALUE_MAX);
	if (word && !take_place(word, u)) {
		conf_report(p, p->line, "pci must be like 02:00.0 or 0000:02:00.0, not '%.*s'", CONF_ECHO_MAX, word);
		return false;
	}
	u->card = CONF_UPLINK_PCI;
	return word;
}

/* True after a report. */
static bool is_taken(struct parser *p, const struct conf_uplink *u)
{
	for (const struct conf_uplink *v = p->out->uplink; v < p->out->uplink + p->out->uplink_count; v++) {
		if (strcmp(v->net, u->net) == 0) {
			conf_report(p, p->line, "switch %s has a line of its own already", u->net);
			return true;
		}
		if (conf_uplinks_share_card(u, v)) {
			conf_report(p, p->line, "switch %s has that card already", v->net);
			return true;
		}
	}
	return false;
}

void conf_add_uplink(struct parser *p)
{
	struct conf_uplink u = { .card = CONF_UPLINK_AUTO };
	char *text = p->value, *word = conf_take_name(p, "uplink", &text, sizeof(u.net));

	if (!word) {
		return;
	}
	if (!conf_good_name(word)) {
		conf_report(p, p->line, "a name is made of letters, digits, - and _: '%.*s'", CONF_ECHO_MAX, word);
		return;
	}
	memcpy(u.net, word, strlen(word) + 1);
	if (!set_card(p, &u, &text)) {
		return;
	}
	if (conf_take_word(&text)) {
		conf_report(p, p->line, "uplink takes no more than that");
	} else if (p->out->uplink_count == CONF_UPLINKS_MAX) {
		conf_report(p, p->line, "more than %d uplinks", CONF_UPLINKS_MAX);
	} else if (!is_taken(p, &u)) {
		p->out->uplink[p->out->uplink_count++] = u;
	}
}

/* ---- bridges ---- */

void conf_add_bridge(struct parser *p)
{
	struct conf_node *node = &p->out->node;
	struct conf_bridge b = { 0 };
	char *text = p->value, *word = conf_take_name(p, "bridge", &text, sizeof(b.name));

	if (!word) {
		return;
	}
	memcpy(b.name, word, strlen(word) + 1);
	word = conf_take_name(p, "bridge NAME", &text, sizeof(b.net));
	if (!word) {
		return;
	}
	memcpy(b.net, word, strlen(word) + 1);
	if (!conf_good_name(b.net)) {
		conf_report(p, p->line, "a name is made of letters, digits, - and _: '%.*s'", CONF_ECHO_MAX, b.net);
		return;
	}
	if (conf_take_word(&text)) {
		conf_report(p, p->line, "bridge takes no more than that");
		return;
	}
	for (uint32_t i = 0; i < node->bridge_count; i++) {
		if (strcmp(node->bridge[i].name, b.name) == 0) {
			conf_report(p, p->line, "bridge %s has a line of its own already", b.name);
			return;
		}
	}
	if (node->bridge_count == CONF_BRIDGES_MAX) {
		conf_report(p, p->line, "more than %d bridges", CONF_BRIDGES_MAX);
		return;
	}
	node->bridge[node->bridge_count++] = b;
}
