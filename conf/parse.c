/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration text to conf_result. docs/configuration.md is the grammar; one line is one statement. */
#include "conf/parse.h"

#include <string.h>

#include "conf/address.h"
#include "conf/devices.h"
#include "conf/place.h"
#include "conf/uplink.h"
#include "lib/hex.h"

enum { WEIGHT_MAX = 10000 };

enum key { KEY_MEMORY, KEY_VCPUS, KEY_WEIGHT, KEY_KERNEL, KEY_INITRD, KEY_CMDLINE, KEY_AUTOSTART, KEY_ON_REBOOT, KEY_KVM,
	   KEY_CPUS, KEY_VCPU, KEY_UUID, KEY_RNG, KEY_HPET, KEY_CONSOLE, KEY_BALLOON, KEY_BUS, KEY_MODULE, KEY_DISK, KEY_NIC,
	   KEY_COUNT };

/* These may be given several times. */
#define REPEATED (1u << KEY_VCPU | 1u << KEY_MODULE | 1u << KEY_DISK | 1u << KEY_NIC)

enum node_key { NODE_WHEN_IDLE, NODE_NAME, NODE_ADDRESS, NODE_UPLINK, NODE_BRIDGE, NODE_KEY_COUNT };

/* One feature may be several bits of Linux' interface. */
static const struct {
	const char *name;
	uint32_t bits;
} kvm_names[] = {
	{ "all", CONF_KVM_ALL },
	{ "clock", KVM_CLOCK | KVM_CLOCK2 | KVM_CLOCK_STABLE },
	{ "no-io-delay", KVM_NOP_IO_DELAY },
	{ "steal-time", KVM_STEAL_TIME },
	{ "eoi", KVM_EOI },
	{ "unhalt", KVM_UNHALT },
	{ "tlb-flush", KVM_TLB_FLUSH },
	{ "ipi", KVM_IPI },
	{ "poll-control", KVM_POLL_CONTROL },
	{ "yield", KVM_YIELD },
};

static uint32_t kvm_bits(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kvm_names); i++) {
		if (conf_is(name, kvm_names[i].name)) {
			return kvm_names[i].bits;
		}
	}
	return 0;
}

/* Words +NAME and -NAME switch a feature on and off, from the left to the right. */
static void set_kvm(struct parser *p, uint32_t *field)
{
	struct span rest = { p->value, strlen(p->value) };
	uint32_t kvm = *field;

	if (!rest.len) {
		conf_report(p, p->line, "kvm needs a value");
		return;
	}
	while (rest.len) {
		struct span word = conf_next_word(&rest);
		uint32_t bits = kvm_bits((struct span){ word.at + 1, word.len - 1 });

		if (!bits || (word.at[0] != '+' && word.at[0] != '-')) {
			conf_report(p, p->line, "kvm takes +FEATURE and -FEATURE, not '%.*s'", conf_echo_len(word), word.at);
			return;
		}
		kvm = word.at[0] == '+' ? kvm | bits : kvm & ~bits;
	}
	*field = kvm;
}

static void set_uuid(struct parser *p, uint8_t field[16])
{
	uint8_t uuid[16];

	if (!conf_one_word(p, "uuid", CONF_VALUE_MAX)) {
		return;
	}
	if (!hex_read_uuid(p->value, uuid)) {
		conf_report(p, p->line, "uuid must be like 032364d3-6ef8-48b7-bb9e-09217580533f, not '%.*s'", CONF_ECHO_MAX, p->value);
		return;
	}
	memcpy(field, uuid, sizeof(uuid));
}

/* ---- statements ---- */

static const char *const key_names[KEY_COUNT] = {
	[KEY_MEMORY] = "memory",
	[KEY_VCPUS] = "vcpus",
	[KEY_WEIGHT] = "weight",
	[KEY_KERNEL] = "kernel",
	[KEY_INITRD] = "initrd",
	[KEY_CMDLINE] = "cmdline",
	[KEY_AUTOSTART] = "autostart",
	[KEY_ON_REBOOT] = "on-reboot",
	[KEY_KVM] = "kvm", [KEY_CPUS] = "cpus", [KEY_VCPU] = "vcpu",
	[KEY_UUID] = "uuid",
	[KEY_RNG] = "rng",
	[KEY_HPET] = "hpet",
	[KEY_CONSOLE] = "console",
	[KEY_BALLOON] = "balloon",
	[KEY_BUS] = "bus",
	[KEY_MODULE] = "module",
	[KEY_DISK] = "disk",
	[KEY_NIC] = "nic",
};

static const char *const node_key_names[NODE_KEY_COUNT] = {
	[NODE_WHEN_IDLE] = "when-idle",
	[NODE_NAME] = "name",
	[NODE_ADDRESS] = "address",
	[NODE_UPLINK] = "uplink",
	[NODE_BRIDGE] = "bridge",
};

/* Index of word in names, or -1 after a report. A second line of the same key is wrong, whatever it says. */
static int find_key(struct parser *p, struct span word, const char *const *names, int count, uint32_t *seen)
{
	if (!conf_good_bytes(p, word)) {
		return -1;
	}
	for (int i = 0; i < count; i++) {
		if (!conf_is(word, names[i])) {
			continue;
		}
		if (*seen & 1u << i) {
			conf_report(p, p->line, "%s was given before", names[i]);
			return -1;
		}
		*seen |= 1u << i;
		return i;
	}
	conf_report(p, p->line, "unknown key '%.*s'", conf_echo_len(word), word.at);
	return -1;
}

static void vm_statement(struct parser *p, struct span word, struct span rest)
{
	struct conf_vm *vm = p->vm;
	int key = find_key(p, word, key_names, KEY_COUNT, &p->vm_seen);

	p->vm_seen &= ~REPEATED;
	if (key < 0 || !conf_take_value(p, rest)) {
		return;
	}
	switch ((enum key)key) {
	case KEY_MEMORY:    conf_set_memory(p, &vm->memory); break;
	case KEY_VCPUS:     conf_set_number(p, "vcpus", 1, CONF_VCPUS_MAX, &vm->vcpus); break;
	case KEY_WEIGHT:    conf_set_number(p, "weight", 1, WEIGHT_MAX, &vm->weight); break;
	case KEY_KERNEL:    conf_set_module(p, "kernel", vm->kernel); break;
	case KEY_INITRD:    conf_set_module(p, "initrd", vm->initrd); break;
	case KEY_CMDLINE:   conf_copy_value(p, vm->cmdline); break;
	case KEY_AUTOSTART: conf_set_choice(p, "autostart", "no", "yes", &vm->autostart); break;
	case KEY_ON_REBOOT: conf_set_choice(p, "on-reboot", "restart", "stop", &vm->on_reboot); break;
	case KEY_KVM:       set_kvm(p, &vm->kvm); break;
	case KEY_CPUS:      conf_set_cpus(p, &vm->cpus); break;
	case KEY_VCPU:      conf_add_vcpu(p, vm); break;
	case KEY_UUID:      set_uuid(p, vm->uuid); break;
	case KEY_RNG:       conf_set_choice(p, "rng", "no", "yes", &vm->rng); break;
	case KEY_HPET:      conf_set_choice(p, "hpet", "no", "yes", &vm->hpet); break;
	case KEY_CONSOLE:   conf_set_choice(p, "console", "serial", "virtio", &vm->console); break;
	case KEY_BALLOON:   conf_set_choice(p, "balloon", "no", "yes", &vm->balloon); break;
	case KEY_BUS:       conf_set_choice(p, "bus", "pci", "mmio", &vm->bus); break;
	case KEY_MODULE:    conf_add_module(p, vm); break;
	case KEY_DISK:      conf_add_disk(p, vm); break;
	case KEY_NIC:       conf_add_nic(p, vm); break;
	case KEY_COUNT:     break;
	}
}

static void node_statement(struct parser *p, struct span rest)
{
	struct span word = conf_next_word(&rest);
	int key = find_key(p, word, node_key_names, NODE_KEY_COUNT, &p->node_seen);

	p->out->node_lines++;
	p->node_seen &= ~(1u << NODE_UPLINK | 1u << NODE_BRIDGE);
	if (key < 0 || !conf_take_value(p, rest)) {
		return;
	}
	switch ((enum node_key)key) {
	case NODE_WHEN_IDLE: conf_set_choice(p, "when-idle", "stay", "poweroff", &p->out->when_idle); break;
	case NODE_NAME:      conf_set_node_name(p, &p->out->node); break;
	case NODE_ADDRESS:   conf_set_address(p, &p->out->node); break;
	case NODE_UPLINK:    conf_add_uplink(p); break;
	case NODE_BRIDGE:    conf_add_bridge(p); break;
	case NODE_KEY_COUNT: break;
	}
}

/* The VM that the last lines described is whole, or goes. */
static void end_vm(struct parser *p)
{
	if (p->section == IN_VM) {
		if (!p->vm->memory || !p->vm->kernel[0]) {
			conf_report(p, p->vm_line, "vm %s is left out: it has no %s", p->vm->name,
			       p->vm->memory ? "kernel" : "memory");
			memset(p->vm, 0, sizeof(*p->vm));
		} else {
			conf_check_vcpus(p);
			p->out->vm_count++;
		}
	}
	p->section = OUTSIDE;
	p->vm = NULL;
}

static bool known_vm(const struct conf_result *out, const char *name)
{
	for (uint32_t i = 0; i < out->vm_count; i++) {
		if (strcmp(out->vm[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static void begin_vm(struct parser *p, struct span rest)
{
	p->section = IN_BAD_VM;
	if (!conf_take_value(p, rest) || !conf_one_word(p, "vm", CONF_NAME_MAX)) {
		return;
	}
	if (!conf_good_name(p->value)) {
		conf_report(p, p->line, "a name is made of letters, digits, - and _: '%.*s'", CONF_ECHO_MAX, p->value);
		return;
	}
	if (known_vm(p->out, p->value)) {
		conf_report(p, p->line, "vm %s was given before", p->value);
		return;
	}
	if (p->out->vm_count == CONF_VMS_MAX) {
		conf_report(p, p->line, "more than %d VMs", CONF_VMS_MAX);
		return;
	}
	p->section = IN_VM;
	p->vm = &p->out->vm[p->out->vm_count];
	p->vm_line = p->line;
	p->vm_seen = 0;
	p->module_bytes = 0;
	p->vm->vcpus = 1;
	p->vm->weight = 100;
	p->vm->autostart = 1;
	p->vm->kvm = CONF_KVM_ALL;
	p->vm->rng = 1;
	conf_copy_value(p, p->vm->name);
}

static void statement(struct parser *p, struct span line)
{
	struct span rest = line, word = conf_next_word(&rest);

	if (line.len && memchr(line.at, '\0', line.len)) {
		conf_report(p, p->line, "a NUL byte: this is no text");
		return;
	}
	if (word.len == 0 || word.at[0] == '#' || !conf_good_bytes(p, word)) {
		return;
	}
	if (conf_is(word, "vm")) {
		end_vm(p);
		begin_vm(p, rest);
	} else if (conf_is(word, "node")) {
		end_vm(p);
		node_statement(p, rest);
	} else if (p->section == IN_VM) {
		vm_statement(p, word, rest);
	} else if (p->section == OUTSIDE) {
		conf_report(p, p->line, "'%.*s' stands outside of a vm", conf_echo_len(word), word.at);
	}
}

/* Takes a line off *text: up to LF, without a CR before it. */
static struct span next_line(struct span *text)
{
	struct span line = *text;
	const char *end = memchr(text->at, '\n', text->len);

	if (end) {
		line.len = (size_t)(end - text->at);
	}
	text->at += line.len + (end ? 1 : 0);
	text->len -= line.len + (end ? 1 : 0);
	if (line.len && line.at[line.len - 1] == '\r') {
		line.len--;
	}
	return line;
}

void conf_parse(const char *text, size_t len, const char *file, struct conf_result *result)
{
	struct parser p = { .out = result, .file = file };
	struct span rest = { text, len };

	memset(result, 0, sizeof(*result));
	memcpy(result->node.name, "brume", sizeof("brume"));
	memcpy(result->node.net, "default", sizeof("default"));
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {          /* some editors put a byte order mark */
		rest = (struct span){ text + 3, len - 3 };
	}
	while (rest.len) {
		p.line++;
		statement(&p, next_line(&rest));
	}
	end_vm(&p);
	__atomic_store_n(&result->magic, CONF_MAGIC, __ATOMIC_RELEASE);
}
