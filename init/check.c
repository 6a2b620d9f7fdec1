/* SPDX-License-Identifier: Apache-2.0 */
/* init's own look at what the program conf wrote: a parser that was taken over must not take init with it. */
#include <string.h>

#include "init/config.h"

enum { WEIGHT_MAX = 10000 };

static bool good_string(const char *s, size_t size)
{
	const char *end = memchr(s, '\0', size);

	if (!end) {
		return false;
	}
	for (; s < end; s++) {
		if ((*s < ' ' && *s != '\t') || *s > '~') {
			return false;
		}
	}
	return true;
}

static bool good_bridges(const struct conf_node *n)
{
	for (uint32_t i = 0; i < n->bridge_count; i++) {
		const struct conf_bridge *b = &n->bridge[i];

		if (!good_string(b->name, sizeof(b->name)) || !b->name[0] || !good_string(b->net, sizeof(b->net)) || !b->net[0]) {
			return false;
		}
	}
	return true;
}

static bool good_node(const struct conf_node *n)
{
	return good_string(n->name, sizeof(n->name)) && n->name[0] && good_string(n->net, sizeof(n->net)) && n->net[0] &&
	       n->address_mode <= CONF_ADDRESS_STATIC && n->prefix <= 32 && n->bridge_count <= CONF_BRIDGES_MAX &&
	       good_string(n->ntp_name, sizeof(n->ntp_name)) &&
	       good_bridges(n);
}

static bool good_disks(const struct conf_vm *vm)
{
	for (uint32_t i = 0; i < vm->disk_count; i++) {
		const struct conf_disk *d = &vm->disk[i];

		if (!good_string(d->module, sizeof(d->module)) || !d->module[0] || d->read_only > 1 || d->room % MIB(1) ||
		    d->room > GIB(1024)) {
			return false;
		}
	}
	return true;
}

static bool good_nics(const struct conf_vm *vm)
{
	for (uint32_t i = 0; i < vm->nic_count; i++) {
		const struct conf_nic *n = &vm->nic[i];

		if (!good_string(n->net, sizeof(n->net)) || !n->net[0] || (n->mac[0] & 1)) {
			return false;
		}
	}
	return true;
}

static bool good_devices(const struct conf_vm *vm)
{
	return vm->rng <= 1 && vm->hpet <= 1 && vm->balloon <= 1 && vm->bus <= CONF_BUS_MMIO && vm->console <= CONF_CONSOLE_VIRTIO &&
	       vm->disk_count <= CONF_DISKS_MAX && vm->nic_count <= CONF_NICS_MAX && good_disks(vm) && good_nics(vm);
}

static bool good_modules(const struct conf_vm *vm)
{
	size_t at = 0;

	for (uint32_t i = 0; i < vm->module_count; i++) {
		const char *name = vm->modules + at;

		if (i == CONF_MODULES_MAX || at >= CONF_MODULE_TEXT || !good_string(name, CONF_MODULE_TEXT - at) ||
		    strcspn(name, " ") >= CONF_MODULE_MAX || name[strcspn(name, " ")] != ' ') {
			return false;
		}
		at += strlen(name) + 1;
	}
	return true;
}

static bool good_vcpus(const struct conf_vm *vm)
{
	for (uint32_t i = vm->vcpus; i < CONF_VCPUS_MAX; i++) {
		if (vm->vcpu_cpus[i]) {
			return false;
		}
	}
	return vm->vcpus >= 1 && vm->vcpus <= CONF_VCPUS_MAX;
}

static bool good_vm(const struct conf_vm *vm)
{
	return good_string(vm->name, sizeof(vm->name)) && vm->name[0] && good_string(vm->kernel, sizeof(vm->kernel)) &&
	       vm->kernel[0] && good_string(vm->initrd, sizeof(vm->initrd)) &&
	       good_string(vm->cmdline, sizeof(vm->cmdline)) && vm->memory && vm->memory % MIB(1) == 0 &&
	       vm->memory <= GIB(1024) && good_vcpus(vm) && vm->weight >= 1 &&
	       vm->weight <= WEIGHT_MAX && vm->autostart <= 1 && vm->on_reboot <= CONF_REBOOT_STOP && !(vm->kvm & ~CONF_KVM_ALL) &&
	       good_devices(vm) && good_modules(vm);
}

static bool known_before(const struct conf_result *result, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++) {
		if (strcmp(result->vm[i].name, result->vm[j].name) == 0) {
			return true;
		}
	}
	return false;
}

static bool good_uplink(const struct conf_result *r, uint32_t i)
{
	const struct conf_uplink *u = &r->uplink[i];

	if (!good_string(u->net, sizeof(u->net)) || !u->net[0] || u->card > CONF_UPLINK_PCI || u->slot >= 32 || u->function >= 8) {
		return false;
	}
	for (const struct conf_uplink *v = r->uplink; v < u; v++) {
		if (strcmp(v->net, u->net) == 0 || conf_uplinks_share_card(u, v)) {
			return false;
		}
	}
	return true;
}

bool config_check(const struct conf_result *result, const char **why)
{
	*why = "its result has no end mark";
	if (result->magic != CONF_MAGIC) {
		return false;
	}
	*why = "its result counts wrong";
	if (result->vm_count > CONF_VMS_MAX || result->uplink_count > CONF_UPLINKS_MAX || result->message_count > CONF_MESSAGES_MAX ||
	    result->when_idle > CONF_IDLE_POWEROFF) {
		return false;
	}
	*why = "its result holds a bad node";
	if (!good_node(&result->node)) {
		return false;
	}
	*why = "its result holds a bad message";
	for (uint32_t i = 0; i < result->message_count; i++) {
		if (!memchr(result->message[i], '\0', CONF_MESSAGE_MAX)) {
			return false;
		}
	}
	*why = "its result holds a bad uplink";
	for (uint32_t i = 0; i < result->uplink_count; i++) {
		if (!good_uplink(result, i)) {
			return false;
		}
	}
	*why = "its result holds a bad VM";
	for (uint32_t i = 0; i < result->vm_count; i++) {
		if (!good_vm(&result->vm[i]) || known_before(result, i)) {
			return false;
		}
	}
	*why = NULL;
	return true;
}
