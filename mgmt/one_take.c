/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a VM's machine, processors and disks: see one_take.h. */
#include "mgmt/one_take.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/hex.h"

enum { MEMORY_MAX_MB = 1024 << 10, WEIGHT_MAX = 10000 };

/* ---- words ---- */

void one_plan_refuse(struct one_plan *plan, const char *format, ...)
{
	va_list args;

	if (!plan->deploy || plan->why[0]) {
		return;
	}
	va_start(args, format);
	vsnprintf(plan->why, sizeof(plan->why), format, args);
	va_end(args);
	for (char *c = plan->why; *c; c++) {
		*c = *c < ' ' || *c > '~' ? '?' : *c;
	}
}

void one_plan_refuse_value(struct one_plan *plan, const char *path, const char *value, const char *words)
{
	one_plan_refuse(plan, "%s=%.32s: %s", path, value, words);
}

bool one_digits(const char **text, uint64_t max, uint64_t *number)
{
	const char *start = *text;

	for (*number = 0; **text >= '0' && **text <= '9'; ++*text) {
		*number = *number * 10 + (uint64_t)(**text - '0');
		if (*number > max) {
			return false;
		}
	}
	return *text > start;
}

bool one_number(const char *text, uint64_t max, uint64_t *number)
{
	return one_digits(&text, max, number) && !*text;
}

static bool number_of(struct one_plan *plan, const char *path, const char *value, uint64_t low, uint64_t high, uint64_t *number)
{
	char words[64];

	if (one_number(value, high, number) && *number >= low) {
		return true;
	}
	snprintf(words, sizeof(words), "this node takes %llu to %llu", (unsigned long long)low, (unsigned long long)high);
	one_plan_refuse_value(plan, path, value, words);
	return false;
}

/* Printable ASCII that fits; the VM's text holds no other bytes. */
static void copy_text(struct one_plan *plan, const char *path, const char *value, char *field, size_t size)
{
	if (strlen(value) >= size) {
		one_plan_refuse(plan, "%s: longer than %u bytes", path, (unsigned)size - 1);
		return;
	}
	for (const char *c = value; *c; c++) {
		if (*c < ' ' || *c > '~') {
			one_plan_refuse(plan, "%s: holds a byte that is no printable ASCII, such as a line end", path);
			return;
		}
	}
	memcpy(field, value, strlen(value) + 1);
}

static bool is_yes(const char *value)
{
	return strcasecmp(value, "YES") == 0;
}

/* ---- the machine ---- */

void one_take_memory(struct one_plan *plan, const char *path, const char *value)
{
	(void)number_of(plan, path, value, 1, MEMORY_MAX_MB, &plan->memory_mb);
}

void one_take_memory_max(struct one_plan *plan, const char *path, const char *value)
{
	(void)number_of(plan, path, value, 1, MEMORY_MAX_MB, &plan->memory_max_mb);
}

static void take_vcpus(struct one_plan *plan, const char *path, const char *value, uint32_t *field)
{
	uint64_t n;

	if (number_of(plan, path, value, 1, CONF_VCPUS_MAX, &n)) {
		*field = (uint32_t)n;
	}
}

void one_take_vcpus(struct one_plan *plan, const char *path, const char *value)
{
	take_vcpus(plan, path, value, &plan->vcpus);
}

void one_take_vcpus_max(struct one_plan *plan, const char *path, const char *value)
{
	take_vcpus(plan, path, value, &plan->vcpus_max);
}

/* 0.25, .5, 2, 1.5: hundredths, the rest cut off, but at least one. */
void one_take_cpu(struct one_plan *plan, const char *path, const char *value)
{
	const char *at = value;
	uint64_t whole = 0, weight;
	bool good = (at[0] == '.' && at[1] >= '0' && at[1] <= '9') || one_digits(&at, WEIGHT_MAX / 100, &whole);

	if (!good || (*at && *at != '.')) {
		one_plan_refuse_value(plan, path, value, "this node takes numbers up to 100");
		return;
	}
	weight = whole * 100;
	at += *at == '.';
	for (uint64_t unit = 10; *at >= '0' && *at <= '9'; at++, unit /= 10) {
		weight += (uint64_t)(*at - '0') * unit;
	}
	if (*at || weight > WEIGHT_MAX) {
		one_plan_refuse_value(plan, path, value, "this node takes numbers up to 100");
		return;
	}
	plan->weight = weight ? (uint32_t)weight : 1;
}

void one_take_kernel(struct one_plan *plan, const char *path, const char *value)
{
	(void)path;
	plan->kernel = *value;
}

void one_take_initrd(struct one_plan *plan, const char *path, const char *value)
{
	(void)path;
	plan->initrd = *value;
}

void one_take_cmdline(struct one_plan *plan, const char *path, const char *value)
{
	copy_text(plan, path, value, plan->cmdline, sizeof(plan->cmdline));
}

void one_take_root(struct one_plan *plan, const char *path, const char *value)
{
	if (strpbrk(value, " \t\"")) {
		one_plan_refuse_value(plan, path, value, "it must be one word without quotes");
		return;
	}
	copy_text(plan, path, value, plan->root, sizeof(plan->root));
}

void one_take_uuid(struct one_plan *plan, const char *path, const char *value)
{
	uint8_t uuid[16];

	if (!*value) {
		return;
	}
	if (!hex_read_uuid(value, uuid)) {
		one_plan_refuse_value(plan, path, value, "it must be like 032364d3-6ef8-48b7-bb9e-09217580533f");
		return;
	}
	copy_text(plan, path, value, plan->uuid, sizeof(plan->uuid));
}

/* ---- where it runs ---- */

void one_take_policy(struct one_plan *plan, const char *path, const char *value)
{
	plan->shared_cpus = strcasecmp(value, "SHARED") == 0;
	plan->pins = strcasecmp(value, "CORE") == 0 || strcasecmp(value, "THREAD") == 0;
	if (*value && !plan->shared_cpus && !plan->pins && strcasecmp(value, "NONE") != 0) {
		one_plan_refuse_value(plan, path, value, "this node takes NONE, CORE, THREAD and SHARED");
	}
}

void one_take_node(struct one_plan *plan, const char *path, const char *value)
{
	(void)value;
	if (plan->node_count == CONF_VCPUS_MAX) {
		one_plan_refuse(plan, "%s: more of them than a VM has virtual CPUs", path);
	} else {
		plan->node_count++;
	}
	plan->numa[plan->node_count - 1] = (struct one_node){ 0 };
}

void one_take_node_count(struct one_plan *plan, const char *path, const char *value)
{
	uint64_t n;

	if (number_of(plan, path, value, 0, CONF_VCPUS_MAX, &n)) {
		plan->numa[plan->node_count - 1].count = (uint32_t)n;
	}
}

/* 0,4,17 */
void one_take_cpus(struct one_plan *plan, const char *path, const char *value)
{
	struct one_node *node = &plan->numa[plan->node_count - 1];
	const char *at = value;
	uint64_t cpu;

	node->cpu_count = 0;
	while (*at && node->cpu_count < CONF_CPUS_MAX) {
		if (!one_digits(&at, CONF_CPUS_MAX - 1, &cpu) || (*at && *at != ',')) {
			break;
		}
		node->cpu[node->cpu_count++] = (uint8_t)cpu;
		at += *at == ',';
	}
	if (*at) {
		one_plan_refuse_value(plan, path, value, "it must be like 0,4 with numbers below 32");
	}
}

/* ---- disks ---- */

static struct one_disk *disk_of(struct one_plan *plan)
{
	return &plan->disk[plan->disk_count - 1];
}

static void add_disk(struct one_plan *plan, struct one_disk disk)
{
	if (plan->disk_count <= ONE_DISKS_MAX) {
		plan->disk_count++;
	}
	*disk_of(plan) = disk;
}

void one_take_disk(struct one_plan *plan, const char *path, const char *value)
{
	(void)path, (void)value;
	add_disk(plan, (struct one_disk){ .id = UINT32_MAX, .bus = ONE_BUS_NONE });
}

void one_take_context(struct one_plan *plan, const char *path, const char *value)
{
	(void)path, (void)value;
	add_disk(plan, (struct one_disk){ .id = UINT32_MAX, .bus = ONE_BUS_NONE, .read_only = true, .context = true });
}

void one_take_disk_id(struct one_plan *plan, const char *path, const char *value)
{
	uint64_t id;

	if (number_of(plan, path, value, 0, INT32_MAX, &id)) {
		disk_of(plan)->id = (uint32_t)id;
	}
}

/* vda, sdb, hdaa */
void one_take_target(struct one_plan *plan, const char *path, const char *value)
{
	struct one_disk *disk = disk_of(plan);
	size_t len = strlen(value);
	const char *prefixes[] = { "vd", "sd", "hd" };

	for (unsigned i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (strncmp(value, prefixes[i], 2) == 0 && len > 2 && len < sizeof(disk->target) &&
		    strspn(value + 2, "abcdefghijklmnopqrstuvwxyz") == len - 2) {
			disk->bus = (enum one_bus)i;
			memcpy(disk->target, value, len + 1);
			return;
		}
	}
	if (len) {
		one_plan_refuse_value(plan, path, value, "this node knows vda, sda, hda and so on");
	}
}

void one_take_read_only(struct one_plan *plan, const char *path, const char *value)
{
	if (is_yes(value)) {
		disk_of(plan)->read_only = true;
	} else if (*value && strcasecmp(value, "NO") != 0) {
		one_plan_refuse_value(plan, path, value, "this node takes YES and NO");
	}
}

void one_take_disk_type(struct one_plan *plan, const char *path, const char *value)
{
	if (strcasecmp(value, "CDROM") == 0) {
		disk_of(plan)->read_only = disk_of(plan)->cdrom = true;
	} else if (*value && strcasecmp(value, "FILE") != 0 && strcasecmp(value, "BLOCK") != 0 && strcasecmp(value, "fs") != 0 &&
		   strcasecmp(value, "swap") != 0) {
		one_plan_refuse_value(plan, path, value, "a disk is in the node's memory: use a datastore of TM_MAD brume");
	}
}
