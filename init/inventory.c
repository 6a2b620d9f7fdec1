/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's page of facts, and the RAM that it lists. */
#include "init/inventory.h"

#include <string.h>

#include "init/log.h"
#include "lib/user/sys.h"

struct memory memory;

static const struct region_ops kernel_regions = {
	.split = sys_region_split,
	.merge = sys_region_merge,
	.reclaim = sys_region_reclaim,
	.clean = sys_region_clean,
};

static void add_ram(const struct init_region *r)
{
	struct region_info info = { 0 };
	bool clean = sys_region_info(r->handle, &info) == OK && info.clean;
	int error = memory_add(&memory, (struct extent){ r->base, r->size, r->handle, clean });

	if (error < 0) {
		init_log("RAM at %#llx is not used: error %d", (unsigned long long)r->base, error);
	}
}

int inventory_init(void)
{
	const struct init_info *info = inventory();

	memory_init(&memory, &kernel_regions);
	if (info->magic != INIT_MAGIC || info->region_count > INIT_REGION_MAX ||
	    !memchr(info->cmdline, '\0', sizeof(info->cmdline))) {
		return E_PROTO;
	}
	for (uint32_t i = 0; i < info->region_count; i++) {
		if (!memchr(info->region[i].name, '\0', MODULE_NAME_MAX)) {
			return E_PROTO;
		}
		if (info->region[i].kind == REGION_RAM) {
			add_ram(&info->region[i]);
		}
	}
	return OK;
}

static bool same_name(const char *full, const char *name)
{
	const char *slash = strrchr(full, '/');

	return strcmp(full, name) == 0 || (slash && strcmp(slash + 1, name) == 0);
}

static const struct init_region *find(enum region_kind kind, const char *name)
{
	const struct init_info *info = inventory();

	for (uint32_t i = 0; i < info->region_count; i++) {
		if (info->region[i].kind == kind && same_name(info->region[i].name, name)) {
			return &info->region[i];
		}
	}
	return NULL;
}

const struct init_region *inventory_module(const char *name)
{
	return find(REGION_MODULE, name);
}

const struct init_region *inventory_program(const char *name)
{
	return find(REGION_PROGRAM, name);
}

bool inventory_option(const char *key, char *value, size_t size)
{
	const char *at = inventory()->cmdline;
	size_t key_len = strlen(key), len;

	for (;; at += len) {
		at += strspn(at, " ");
		len = strcspn(at, " ");
		if (!len) {
			return false;
		}
		if (len > key_len && at[key_len] == '=' && memcmp(at, key, key_len) == 0) {
			break;
		}
	}
	at += key_len + 1;
	len -= key_len + 1;
	if (len >= size) {
		return false;
	}
	memcpy(value, at, len);
	value[len] = '\0';
	return true;
}

void memory_give_back(struct extent *extent)
{
	uint64_t base = extent->base;
	int r = memory_free(&memory, extent);

	if (r < 0) {
		init_log("memory at %#llx is lost: error %d", (unsigned long long)base, r);
	}
}
