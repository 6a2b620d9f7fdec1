/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration text to conf_result. docs/configuration.md is the grammar; one line is one statement. */
#include "conf/parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/cpu_list.h"

enum {
	VALUE_MAX = CONF_CMDLINE_MAX,
	ECHO_MAX = 32,               /* bytes of a wrong word that a message repeats                 */
	VCPUS_MAX = 8,
	WEIGHT_MAX = 10000,
	MEMORY_MAX_MIB = 1 << 20,
};

/* A piece of the text, not NUL-terminated. */
struct span {
	const char *at;
	size_t len;
};

enum key { KEY_MEMORY, KEY_VCPUS, KEY_WEIGHT, KEY_KERNEL, KEY_INITRD, KEY_CMDLINE, KEY_AUTOSTART, KEY_ON_REBOOT, KEY_KVM,
	   KEY_CPUS, KEY_RNG, KEY_HPET, KEY_CONSOLE, KEY_BALLOON, KEY_BUS, KEY_MODULE, KEY_DISK, KEY_NIC,
	   KEY_COUNT };

/* These may be given several times. */
#define REPEATED (1u << KEY_MODULE | 1u << KEY_DISK | 1u << KEY_NIC)

enum node_key { NODE_WHEN_IDLE, NODE_KEY_COUNT };

struct parser {
	struct conf_result *out;
	const char *file;
	unsigned line;
	size_t module_bytes;         /* used of vm->modules                                          */
	enum { OUTSIDE, IN_VM, IN_BAD_VM } section;
	struct conf_vm *vm;          /* section IN_VM: the one being filled, out->vm[vm_count]       */
	unsigned vm_line;
	uint32_t vm_seen, node_seen; /* bit per key: had a line, good or bad                         */
	char value[VALUE_MAX];       /* of the current statement, NUL-terminated                     */
};

static void report(struct parser *p, unsigned line, const char *format, ...) PRINTF_LIKE(3, 4);

static void report(struct parser *p, unsigned line, const char *format, ...)
{
	struct conf_result *out = p->out;
	char *to;
	int n;
	va_list args;

	if (out->message_count == CONF_MESSAGES_MAX) {
		out->dropped_messages++;
		return;
	}
	to = out->message[out->message_count++];
	n = snprintf(to, CONF_MESSAGE_MAX, "%.63s:%u: ", p->file, line);
	va_start(args, format);
	vsnprintf(to + n, CONF_MESSAGE_MAX - (size_t)n, format, args);
	va_end(args);
}

/* ---- words and values ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
	while (s.len && is_blank(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && is_blank(s.at[s.len - 1])) {
		s.len--;
	}
	return s;
}

/* Takes the first word off *rest. */
static struct span next_word(struct span *rest)
{
	struct span word = trim(*rest);
	size_t n = 0;

	while (n < word.len && !is_blank(word.at[n])) {
		n++;
	}
	*rest = trim((struct span){ word.at + n, word.len - n });
	word.len = n;
	return word;
}

static bool is(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

static int echo_len(struct span s)
{
	return (int)(s.len < ECHO_MAX ? s.len : ECHO_MAX);
}

/* Only a comment may hold other bytes than printable ASCII. */
static bool good_bytes(struct parser *p, struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c != '\t' && (c < 0x20 || c > 0x7e)) {
			report(p, p->line, "byte %02xh does not belong here", c);
			return false;
		}
	}
	return true;
}

/* "text" with \" and \\ inside, and nothing behind it but a comment. */
static bool take_quoted(struct parser *p, struct span s)
{
	size_t n = 0, i = 1;

	for (; i < s.len && s.at[i] != '"'; i++) {
		if (s.at[i] == '\\') {
			if (++i == s.len || (s.at[i] != '"' && s.at[i] != '\\')) {
				report(p, p->line, "only \\\" and \\\\ may follow a backslash in quotes");
				return false;
			}
		}
		if (n == VALUE_MAX - 1) {
			report(p, p->line, "value longer than %d bytes", VALUE_MAX - 1);
			return false;
		}
		p->value[n++] = s.at[i];
	}
	p->value[n] = '\0';
	if (i == s.len) {
		report(p, p->line, "no closing quote");
		return false;
	}
	s = trim((struct span){ s.at + i + 1, s.len - i - 1 });
	if (s.len && s.at[0] != '#') {
		report(p, p->line, "'%.*s' after the closing quote", echo_len(s), s.at);
		return false;
	}
	return true;
}

/* A comment starts with # at the start of a word. */
static struct span cut_comment(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] == '#' && (i == 0 || is_blank(s.at[i - 1]))) {
			s.len = i;
		}
	}
	return trim(s);
}

/* The rest of a line into p->value. */
static bool take_value(struct parser *p, struct span s)
{
	if (s.len && s.at[0] == '"') {
		return take_quoted(p, s) && good_bytes(p, (struct span){ p->value, strlen(p->value) });
	}
	s = cut_comment(s);
	if (!good_bytes(p, s)) {
		return false;
	}
	if (s.len >= VALUE_MAX) {
		report(p, p->line, "value longer than %d bytes", VALUE_MAX - 1);
		return false;
	}
	memcpy(p->value, s.at, s.len);
	p->value[s.len] = '\0';
	return true;
}

static bool one_word(struct parser *p, const char *key, size_t size)
{
	if (p->value[0] == '\0') {
		report(p, p->line, "%s needs a value", key);
		return false;
	}
	if (strpbrk(p->value, " \t")) {
		report(p, p->line, "%s takes one word", key);
		return false;
	}
	if (strlen(p->value) >= size) {
		report(p, p->line, "%s longer than %u bytes", key, (unsigned)size - 1);
		return false;
	}
	return true;
}

/* Decimal digits of *text up to the first other character, where *text stands afterwards. */
static bool take_digits(const char **text, uint64_t *number)
{
	const char *at = *text;
	uint64_t n = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*at - '0'), &n)) {
			return false;
		}
	}
	if (at == *text) {
		return false;
	}
	*text = at;
	*number = n;
	return true;
}

static void set_number(struct parser *p, const char *key, uint32_t low, uint32_t high, uint32_t *field)
{
	const char *at = p->value;
	uint64_t n;

	if (!one_word(p, key, VALUE_MAX)) {
		return;
	}
	if (!take_digits(&at, &n) || *at || n < low || n > high) {
		report(p, p->line, "%s must be a number from %u to %u, not '%.*s'", key, low, high, ECHO_MAX, p->value);
		return;
	}
	*field = (uint32_t)n;
}

static void set_cpus(struct parser *p, uint32_t *field)
{
	if (one_word(p, "cpus", VALUE_MAX) && !cpu_list_parse(p->value, field)) {
		report(p, p->line, "cpus must be like 0,2-3, each below %d, not '%.*s'", CONF_CPUS_MAX, ECHO_MAX, p->value);
	}
}

static void set_size(struct parser *p, const char *key, const char *value, uint64_t *field)
{
	const char *at = value;
	uint64_t n = 0;

	if (!take_digits(&at, &n) || (*at != 'M' && *at != 'G') || at[1]) {
		report(p, p->line, "%s must be like 256M or 2G, not '%.*s'", key, ECHO_MAX, value);
		return;
	}
	if (n > MEMORY_MAX_MIB || (n *= *at == 'G' ? 1024 : 1) > MEMORY_MAX_MIB || n == 0) {
		report(p, p->line, "%s must be from 1M to %dG, not '%.*s'", key, MEMORY_MAX_MIB / 1024, ECHO_MAX, value);
		return;
	}
	*field = MIB(n);
}

static void set_memory(struct parser *p, uint64_t *field)
{
	if (one_word(p, "memory", VALUE_MAX)) {
		set_size(p, "memory", p->value, field);
	}
}

/* One of two words: first is 0, second is 1. */
static void set_choice(struct parser *p, const char *key, const char *first, const char *second, uint32_t *field)
{
	if (!one_word(p, key, VALUE_MAX)) {
		return;
	}
	if (strcmp(p->value, first) != 0 && strcmp(p->value, second) != 0) {
		report(p, p->line, "%s is %s or %s, not '%.*s'", key, first, second, ECHO_MAX, p->value);
		return;
	}
	*field = strcmp(p->value, second) == 0;
}

/* The value fits: its length has been checked. */
static void copy_value(struct parser *p, char *field)
{
	memcpy(field, p->value, strlen(p->value) + 1);
}

static void set_module(struct parser *p, const char *key, char field[CONF_MODULE_MAX])
{
	if (one_word(p, key, CONF_MODULE_MAX)) {
		copy_value(p, field);
	}
}

/* The name, and what follows it as it stands. */
static void add_module(struct parser *p, struct conf_vm *vm)
{
	struct span rest = { p->value, strlen(p->value) }, name = next_word(&rest);
	size_t bytes = name.len + rest.len + 2;

	if (!name.len || name.len >= CONF_MODULE_MAX) {
		report(p, p->line, name.len ? "module name longer than %d bytes" : "module needs a name", CONF_MODULE_MAX - 1);
		return;
	}
	if (vm->module_count == CONF_MODULES_MAX || p->module_bytes + bytes > CONF_MODULE_TEXT) {
		report(p, p->line, "more than %d modules, or more than %d bytes of them", CONF_MODULES_MAX, CONF_MODULE_TEXT);
		return;
	}
	snprintf(vm->modules + p->module_bytes, bytes, "%.*s %.*s", (int)name.len, name.at, (int)rest.len, rest.at);
	p->module_bytes += bytes;
	vm->module_count++;
}

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
		if (is(name, kvm_names[i].name)) {
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
		report(p, p->line, "kvm needs a value");
		return;
	}
	while (rest.len) {
		struct span word = next_word(&rest);
		uint32_t bits = kvm_bits((struct span){ word.at + 1, word.len - 1 });

		if (!bits || (word.at[0] != '+' && word.at[0] != '-')) {
			report(p, p->line, "kvm takes +FEATURE and -FEATURE, not '%.*s'", echo_len(word), word.at);
			return;
		}
		kvm = word.at[0] == '+' ? kvm | bits : kvm & ~bits;
	}
	*field = kvm;
}

/* ---- devices: a line each, made of words ---- */

/* Cuts the next word off *text and ends it. NULL: there is none. */
static char *take_word(char **text)
{
	char *word = *text + strspn(*text, " \t"), *end = word + strcspn(word, " \t");

	*text = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

/* A word of a device line that must fit into a field; NULL after a report. */
static char *take_name(struct parser *p, const char *key, char **text, size_t size)
{
	char *word = take_word(text);

	if (!word) {
		report(p, p->line, "%s needs a value", key);
	} else if (strlen(word) >= size) {
		report(p, p->line, "%s longer than %u bytes", key, (unsigned)size - 1);
		word = NULL;
	}
	return word;
}

/* disk MODULE [ro | room SIZE] */
static void add_disk(struct parser *p, struct conf_vm *vm)
{
	struct conf_disk disk = { .room = 0 };
	char *text = p->value, *word = take_name(p, "disk", &text, sizeof(disk.module)), *size;

	if (!word) {
		return;
	}
	memcpy(disk.module, word, strlen(word) + 1);
	word = take_word(&text);
	if (word && strcmp(word, "ro") == 0) {
		disk.read_only = 1;
	} else if (word && strcmp(word, "room") == 0) {
		size = take_name(p, "room", &text, VALUE_MAX);
		if (size) {
			set_size(p, "room", size, &disk.room);
		}
		if (!disk.room) {
			return;
		}
	} else if (word) {
		report(p, p->line, "disk takes ro or room SIZE, not '%.*s'", ECHO_MAX, word);
		return;
	}
	if (take_word(&text)) {
		report(p, p->line, "disk takes no more than that");
	} else if (vm->disk_count == CONF_DISKS_MAX) {
		report(p, p->line, "more than %d disks", CONF_DISKS_MAX);
	} else {
		vm->disk[vm->disk_count++] = disk;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Six bytes like 02:00:00:00:00:01, of one station, and not all zero. */
static bool take_mac(const char *text, uint8_t mac[6])
{
	uint8_t any = 0;

	for (int i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0')) {
			return false;
		}
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
	}
	return any && !(mac[0] & 1);
}

static bool good_name(const char *name)
{
	return name[0] != '-' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")] == '\0';
}

/* One pair of words of a nic line. */
static bool set_nic(struct parser *p, struct conf_nic *nic, const char *word, char **text)
{
	bool mac = strcmp(word, "mac") == 0;
	char *value;

	if (!mac && strcmp(word, "switch") != 0) {
		report(p, p->line, "nic takes mac ADDRESS and switch NAME, not '%.*s'", ECHO_MAX, word);
		return false;
	}
	value = take_name(p, word, text, mac ? VALUE_MAX : sizeof(nic->net));
	if (!value) {
		return false;
	}
	if (mac && !take_mac(value, nic->mac)) {
		report(p, p->line, "mac must be like 02:00:00:00:00:01, not '%.*s'", ECHO_MAX, value);
		return false;
	}
	if (!mac && !good_name(value)) {
		report(p, p->line, "a name is made of letters, digits, - and _: '%.*s'", ECHO_MAX, value);
		return false;
	}
	if (!mac) {
		memcpy(nic->net, value, strlen(value) + 1);
	}
	return true;
}

/* nic [mac ADDRESS] [switch NAME] */
static void add_nic(struct parser *p, struct conf_vm *vm)
{
	struct conf_nic nic = { .net = "default" };
	char *text = p->value, *word;

	while ((word = take_word(&text))) {
		if (!set_nic(p, &nic, word, &text)) {
			return;
		}
	}
	if (vm->nic_count == CONF_NICS_MAX) {
		report(p, p->line, "more than %d nics", CONF_NICS_MAX);
	} else {
		vm->nic[vm->nic_count++] = nic;
	}
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
	[KEY_KVM] = "kvm", [KEY_CPUS] = "cpus",
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
};

/* Index of word in names, or -1 after a report. A second line of the same key is wrong, whatever it says. */
static int find_key(struct parser *p, struct span word, const char *const *names, int count, uint32_t *seen)
{
	if (!good_bytes(p, word)) {
		return -1;
	}
	for (int i = 0; i < count; i++) {
		if (!is(word, names[i])) {
			continue;
		}
		if (*seen & 1u << i) {
			report(p, p->line, "%s was given before", names[i]);
			return -1;
		}
		*seen |= 1u << i;
		return i;
	}
	report(p, p->line, "unknown key '%.*s'", echo_len(word), word.at);
	return -1;
}

static void vm_statement(struct parser *p, struct span word, struct span rest)
{
	struct conf_vm *vm = p->vm;
	int key = find_key(p, word, key_names, KEY_COUNT, &p->vm_seen);

	p->vm_seen &= ~REPEATED;
	if (key < 0 || !take_value(p, rest)) {
		return;
	}
	switch ((enum key)key) {
	case KEY_MEMORY:    set_memory(p, &vm->memory); break;
	case KEY_VCPUS:     set_number(p, "vcpus", 1, VCPUS_MAX, &vm->vcpus); break;
	case KEY_WEIGHT:    set_number(p, "weight", 1, WEIGHT_MAX, &vm->weight); break;
	case KEY_KERNEL:    set_module(p, "kernel", vm->kernel); break;
	case KEY_INITRD:    set_module(p, "initrd", vm->initrd); break;
	case KEY_CMDLINE:   copy_value(p, vm->cmdline); break;
	case KEY_AUTOSTART: set_choice(p, "autostart", "no", "yes", &vm->autostart); break;
	case KEY_ON_REBOOT: set_choice(p, "on-reboot", "restart", "stop", &vm->on_reboot); break;
	case KEY_KVM:       set_kvm(p, &vm->kvm); break;
	case KEY_CPUS:      set_cpus(p, &vm->cpus); break;
	case KEY_RNG:       set_choice(p, "rng", "no", "yes", &vm->rng); break;
	case KEY_HPET:      set_choice(p, "hpet", "no", "yes", &vm->hpet); break;
	case KEY_CONSOLE:   set_choice(p, "console", "serial", "virtio", &vm->console); break;
	case KEY_BALLOON:   set_choice(p, "balloon", "no", "yes", &vm->balloon); break;
	case KEY_BUS:       set_choice(p, "bus", "pci", "mmio", &vm->bus); break;
	case KEY_MODULE:    add_module(p, vm); break;
	case KEY_DISK:      add_disk(p, vm); break;
	case KEY_NIC:       add_nic(p, vm); break;
	case KEY_COUNT:     break;
	}
}

static void node_statement(struct parser *p, struct span rest)
{
	struct span word = next_word(&rest);
	int key = find_key(p, word, node_key_names, NODE_KEY_COUNT, &p->node_seen);

	if (key >= 0 && take_value(p, rest)) {
		set_choice(p, "when-idle", "stay", "poweroff", &p->out->when_idle);
	}
}

/* The VM that the last lines described is whole, or goes. */
static void end_vm(struct parser *p)
{
	if (p->section == IN_VM) {
		if (!p->vm->memory || !p->vm->kernel[0]) {
			report(p, p->vm_line, "vm %s is left out: it has no %s", p->vm->name,
			       p->vm->memory ? "kernel" : "memory");
			memset(p->vm, 0, sizeof(*p->vm));
		} else {
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
	if (!take_value(p, rest) || !one_word(p, "vm", CONF_NAME_MAX)) {
		return;
	}
	if (!good_name(p->value)) {
		report(p, p->line, "a name is made of letters, digits, - and _: '%.*s'", ECHO_MAX, p->value);
		return;
	}
	if (known_vm(p->out, p->value)) {
		report(p, p->line, "vm %s was given before", p->value);
		return;
	}
	if (p->out->vm_count == CONF_VMS_MAX) {
		report(p, p->line, "more than %d VMs", CONF_VMS_MAX);
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
	copy_value(p, p->vm->name);
}

static void statement(struct parser *p, struct span line)
{
	struct span rest = line, word = next_word(&rest);

	if (line.len && memchr(line.at, '\0', line.len)) {
		report(p, p->line, "a NUL byte: this is no text");
		return;
	}
	if (word.len == 0 || word.at[0] == '#' || !good_bytes(p, word)) {
		return;
	}
	if (is(word, "vm")) {
		end_vm(p);
		begin_vm(p, rest);
	} else if (is(word, "node")) {
		end_vm(p);
		node_statement(p, rest);
	} else if (p->section == IN_VM) {
		vm_statement(p, word, rest);
	} else if (p->section == OUTSIDE) {
		report(p, p->line, "'%.*s' stands outside of a vm", echo_len(word), word.at);
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
