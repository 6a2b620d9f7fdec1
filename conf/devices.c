/* SPDX-License-Identifier: Apache-2.0 */
/* Modules, disks, network cards of a VM: see devices.h. */
#include "conf/devices.h"

#include <stdio.h>
#include <string.h>

#include "lib/hex.h"

void conf_add_module(struct parser *p, struct conf_vm *vm)
{
	struct span rest = { p->value, strlen(p->value) }, name = conf_next_word(&rest);
	size_t bytes = name.len + rest.len + 2;

	if (!name.len || name.len >= CONF_MODULE_MAX) {
		conf_report(p, p->line, name.len ? "module name longer than %d bytes" : "module needs a name", CONF_MODULE_MAX - 1);
		return;
	}
	if (vm->module_count == CONF_MODULES_MAX || p->module_bytes + bytes > CONF_MODULE_TEXT) {
		conf_report(p, p->line, "more than %d modules, or more than %d bytes of them", CONF_MODULES_MAX, CONF_MODULE_TEXT);
		return;
	}
	snprintf(vm->modules + p->module_bytes, bytes, "%.*s %.*s", (int)name.len, name.at, (int)rest.len, rest.at);
	p->module_bytes += bytes;
	vm->module_count++;
}

void conf_add_disk(struct parser *p, struct conf_vm *vm)
{
	struct conf_disk disk = { .room = 0 };
	char *text = p->value, *word = conf_take_name(p, "disk", &text, sizeof(disk.module)), *size;

	if (!word) {
		return;
	}
	memcpy(disk.module, word, strlen(word) + 1);
	word = conf_take_word(&text);
	if (word && strcmp(word, "ro") == 0) {
		disk.read_only = 1;
	} else if (word && strcmp(word, "room") == 0) {
		size = conf_take_name(p, "room", &text, CONF_VALUE_MAX);
		if (size) {
			conf_set_size(p, "room", size, &disk.room);
		}
		if (!disk.room) {
			return;
		}
	} else if (word) {
		conf_report(p, p->line, "disk takes ro or room SIZE, not '%.*s'", CONF_ECHO_MAX, word);
		return;
	}
	if (conf_take_word(&text)) {
		conf_report(p, p->line, "disk takes no more than that");
	} else if (vm->disk_count == CONF_DISKS_MAX) {
		conf_report(p, p->line, "more than %d disks", CONF_DISKS_MAX);
	} else {
		vm->disk[vm->disk_count++] = disk;
	}
}

/* One pair of words of a nic line. */
static bool set_nic(struct parser *p, struct conf_nic *nic, const char *word, char **text)
{
	bool mac = strcmp(word, "mac") == 0;
	char *value;

	if (!mac && strcmp(word, "switch") != 0) {
		conf_report(p, p->line, "nic takes mac ADDRESS and switch NAME, not '%.*s'", CONF_ECHO_MAX, word);
		return false;
	}
	value = conf_take_name(p, word, text, mac ? CONF_VALUE_MAX : sizeof(nic->net));
	if (!value) {
		return false;
	}
	if (mac && !hex_read_mac(value, nic->mac)) {
		conf_report(p, p->line, "mac must be like 02:00:00:00:00:01, not '%.*s'", CONF_ECHO_MAX, value);
		return false;
	}
	if (!mac && !conf_good_name(value)) {
		conf_report(p, p->line, "a name is made of letters, digits, - and _: '%.*s'", CONF_ECHO_MAX, value);
		return false;
	}
	if (!mac) {
		memcpy(nic->net, value, strlen(value) + 1);
	}
	return true;
}

static bool has_nic(const struct conf_vm *vm, const struct conf_nic *like)
{
	for (uint32_t i = 0; i < vm->nic_count; i++) {
		if (memcmp(vm->nic[i].mac, like->mac, sizeof(like->mac)) == 0 && strcmp(vm->nic[i].net, like->net) == 0) {
			return true;
		}
	}
	return false;
}

/* A switch gives an address to one card only; the other one would be mute. True after a report. */
static bool mac_is_taken(struct parser *p, const struct conf_nic *nic)
{
	static const uint8_t none[sizeof(nic->mac)];

	if (memcmp(nic->mac, none, sizeof(none)) == 0) {
		return false;                /* init chooses one that is free */
	}
	for (const struct conf_vm *vm = p->out->vm; vm <= p->vm; vm++) {
		if (has_nic(vm, nic)) {
			conf_report(p, p->line, "vm %s has a card with that mac on switch %s already", vm->name, nic->net);
			return true;
		}
	}
	return false;
}

void conf_add_nic(struct parser *p, struct conf_vm *vm)
{
	struct conf_nic nic = { .net = "default" };
	char *text = p->value, *word;

	while ((word = conf_take_word(&text))) {
		if (!set_nic(p, &nic, word, &text)) {
			return;
		}
	}
	if (vm->nic_count == CONF_NICS_MAX) {
		conf_report(p, p->line, "more than %d nics", CONF_NICS_MAX);
	} else if (!mac_is_taken(p, &nic)) {
		vm->nic[vm->nic_count++] = nic;
	}
}
