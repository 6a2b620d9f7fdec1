/* SPDX-License-Identifier: Apache-2.0 */
/* Programs, modules and RAM, out of what the kernel and the loader handed over. */
#include "init/inventory.h"

#include <string.h>

#include "init/log.h"
#include "init/physical.h"
#include "init/program.h"
#include "lib/user/sys.h"

struct memory memory;
struct numa numa = { .node_count = 1 };

static struct inventory all;

static const struct region_ops kernel_regions = {
	.split = sys_region_split,
	.merge = sys_region_merge,
	.reclaim = sys_region_reclaim,
	.clean = sys_region_clean,
};

const struct inventory *inventory(void)
{
	return &all;
}

int inventory_init(const struct init_info *info)
{
	int r = OK;

	memory_init(&memory, &kernel_regions);
	if (info->magic != INIT_MAGIC || info->region_count > INIT_REGION_MAX) {
		return E_PROTO;
	}
	for (uint32_t i = 0; r == OK && i < info->region_count; i++) {
		const struct init_region *from = &info->region[i];

		if (from->kind == REGION_PROGRAM) {
			struct content *to = &all.program[all.program_count++];

			*to = (struct content){ .handle = from->handle, .size = from->size, .length = from->length };
			memcpy(to->name, from->name, sizeof(from->name));
		} else if (from->kind == REGION_PHYSICAL) {
			r = physical_add((struct extent){ from->base, from->size, from->handle, true, 0 });
		}
	}
	return r;
}

void inventory_read_uuid(const struct boot_smbios *from)
{
	all.no_uuid = smbios_read_uuid(all.uuid, from, physical_read, NULL);
}

void inventory_set_clock(uint64_t wall_ns)
{
	all.wall_ns = wall_ns;
}

static void take_ram(uint64_t base, uint64_t size, uint32_t node)
{
	struct extent e;
	int r = physical_take(base, size, &e);

	if (r == OK) {
		r = sys_region_reclaim(e.handle);
	}
	if (r == OK) {
		e.clean = false;
		e.node = (uint8_t)node;
		r = memory_add(&memory, e);
	}
	if (r < 0) {
		init_log("RAM at %#llx is not used: error %d", (unsigned long long)base, r);
	}
}

/* A page is where its first byte is. */
static void take_ram_by_node(const struct boot_mem *m)
{
	uint64_t end = m->base + m->size, next;

	for (uint64_t at = m->base; at < end; at = next) {
		uint32_t node = numa_node_at(&numa, at, &next);

		next = next < end ? ALIGN_UP(next, (uint64_t)PAGE_SIZE) : end;
		take_ram(at, next - at, node);
	}
}

/* Behind the content lies what the loader left there. */
static int clear_tail(const struct extent *e, uint64_t length)
{
	uint64_t last = e->size - PAGE_SIZE;
	int r = sys_map(INIT_SPACE, INIT_WINDOW_ADDR, e->handle, last, PAGE_SIZE, PROT_R | PROT_W);

	if (r < 0) {
		return r;
	}
	memset((char *)INIT_WINDOW_ADDR + (length - last), 0, e->size - length);
	return sys_unmap(INIT_SPACE, INIT_WINDOW_ADDR, PAGE_SIZE);
}

static void take_module(const struct boot_module *m)
{
	struct content *to = &all.module[all.module_count];
	struct extent e;
	int r = physical_take(m->base.v, ALIGN_UP(m->size, (uint64_t)PAGE_SIZE), &e);

	if (r == OK) {
		r = clear_tail(&e, m->size);
	}
	if (r < 0) {
		init_log("module %s is not used: error %d", m->name, r);
		return;
	}
	*to = (struct content){ .handle = e.handle, .size = e.size, .length = m->size };
	memcpy(to->name, m->name, sizeof(to->name));
	all.module_count++;
}

void inventory_take(const struct boot_info *boot)
{
	all.ram_bytes = boot->ram_bytes;
	memcpy(all.cmdline, boot->cmdline, sizeof(all.cmdline));
	for (uint32_t i = 0; i < boot->module_count; i++) {
		take_module(&boot->module[i]);
	}
	for (uint32_t i = 0; i < boot->mem_count; i++) {
		if (boot->mem[i].type == BOOT_MEM_FREE) {
			take_ram_by_node(&boot->mem[i]);
		}
	}
}

static const struct content *find(const struct content *list, unsigned count, const char *name)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(list[i].name, name) == 0) {
			return &list[i];
		}
	}
	return NULL;
}

const struct content *inventory_module(const char *name)
{
	return find(all.module, all.module_count, name);
}

const struct content *inventory_program(const char *name)
{
	return find(all.program, all.program_count, name);
}

void memory_give_back(struct extent *extent)
{
	uint64_t base = extent->base;
	int r = memory_free(&memory, extent);

	if (r < 0) {
		init_log("memory at %#llx is lost: error %d", (unsigned long long)base, r);
	}
}
