/* SPDX-License-Identifier: Apache-2.0 */
/* From boot to init: its process, its regions, its program. What fails here is a broken build, hence panics. */
#include "kernel/start.h"
#include "arch/x86/apic/lapic.h"
#include "arch/x86/boot/bootinfo.h"
#include "arch/x86/boot/image.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/time/clock.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/pack.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/string.h"
#include "kernel/sys.h"
#include "kernel/trace.h"
#include "lib/elf.h"

enum { INFO_PAGES = (sizeof(struct init_info) + PAGE_SIZE - 1) / PAGE_SIZE };

static union {
	struct init_info info;
	uint8_t pages[INFO_PAGES * PAGE_SIZE];
} init_page __attribute__((aligned(PAGE_SIZE)));

static struct region *must_create(hpa_t base, uint64_t size, enum region_kind kind)
{
	struct region *r = region_create(process_init, base, size, kind, kind != REGION_RAM);

	if (!r) {
		panic("init's arena is too small");
	}
	return r;
}

/* One region into init's hands. What does not fit its table is lost, and said. */
static void give(hpa_t base, uint64_t size, enum region_kind kind, uint64_t length, const char *name)
{
	struct init_info *info = &init_page.info;
	struct init_region *entry = &info->region[info->region_count];
	uint32_t slot = INIT_REGIONS + info->region_count;

	if (info->region_count == INIT_REGION_MAX) {
		log_printf("no room to tell init of %#llx bytes at %#llx", (unsigned long long)size,
			   (unsigned long long)base.v);
		return;
	}
	if (handle_add_at(process_init, slot, &must_create(base, size, kind)->object, RIGHT_ALL) < 0) {
		panic("init's handle %u", slot);
	}
	*entry = (struct init_region){ .kind = kind, .handle = slot, .base = base.v, .size = size, .length = length };
	for (size_t i = 0; name && name[i] && i < sizeof(entry->name) - 1; i++) {
		entry->name[i] = name[i];
	}
	info->region_count++;
}

static void give_all(const struct boot_info *bi, uint32_t skip, uint64_t skip_bytes)
{
	for (uint32_t i = 0; i < bi->mem_count; i++) {
		uint64_t size = bi->mem[i].size - (i == skip ? skip_bytes : 0);

		if (bi->mem[i].type == BOOT_MEM_FREE && size) {
			give(hpa(bi->mem[i].base), size, REGION_RAM, 0, NULL);
		}
	}
	for (uint32_t i = 0; i < bi->module_count; i++) {
		const struct boot_module *m = &bi->module[i];

		if (m->size) {
			give(m->base, ALIGN_UP(m->size, PAGE_SIZE), REGION_MODULE, m->size, m->name);
		}
	}
	for (uint32_t i = 0; i < packed_count; i++) {
		const struct packed_program *p = &packed_programs[i];

		give(image_pa(p->data), ALIGN_UP(p->size, PAGE_SIZE), REGION_PROGRAM, p->size, p->name);
	}
}

static void must_map(uint64_t addr, struct region *r, uint64_t offset, uint64_t size, uint32_t prot)
{
	for (uint64_t done = 0; done < size;) {
		int64_t n = space_map(process_init->space, addr + done, r, offset + done, size - done, prot);

		if (n <= 0) {
			panic("cannot map init at %#llx: %lld", (unsigned long long)addr, (long long)n);
		}
		done += (uint64_t)n;
	}
}

static bool in_place(const struct elf_segment *s)
{
	return !s->write && s->mem_size == s->file_size;
}

static uint64_t segment_pages(const struct elf_segment *s)
{
	return ALIGN_UP(s->addr + s->mem_size, PAGE_SIZE) - ALIGN_DOWN(s->addr, PAGE_SIZE);
}

/* Bytes of RAM for the segments that cannot be used where they are. */
static uint64_t private_bytes(const struct elf_image *img)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < img->segment_count; i++) {
		n += in_place(&img->segment[i]) ? 0 : segment_pages(&img->segment[i]);
	}
	return n;
}

static void load(const struct elf_image *img, const struct packed_program *prog, struct region *ram)
{
	struct region *file = must_create(image_pa(prog->data), ALIGN_UP(prog->size, PAGE_SIZE), REGION_PROGRAM);
	uint64_t used = 0;

	for (unsigned i = 0; i < img->segment_count; i++) {
		const struct elf_segment *s = &img->segment[i];
		uint64_t page = ALIGN_DOWN(s->addr, PAGE_SIZE), lead = s->addr - page, size = segment_pages(s);
		uint32_t prot = PROT_R | (s->write ? PROT_W : 0) | (s->exec ? PROT_X : 0);

		if (in_place(s)) {
			must_map(page, file, s->file_offset - lead, size, prot);
			continue;
		}
		phys_write(hpa(ram->base.v + used + lead), prog->data + s->file_offset, s->file_size);
		must_map(page, ram, used, size, prot);
		used += size;
	}
}

/* Cuts init's own memory off the end of the first free range that has enough. */
static uint32_t take_ram(const struct boot_info *bi, uint64_t bytes, hpa_t *base)
{
	for (uint32_t i = 0; i < bi->mem_count; i++) {
		if (bi->mem[i].type == BOOT_MEM_FREE && bi->mem[i].size > bytes) {
			*base = hpa(bi->mem[i].base + bi->mem[i].size - bytes);
			return i;
		}
	}
	panic("no memory for init");
}

static void must_add(uint64_t slot, struct object *o, uint32_t rights)
{
	if (handle_add_at(process_init, slot, o, rights) < 0) {
		panic("init's handle %llu", (unsigned long long)slot);
	}
}

static void make_process(void)
{
	static const char name[PROCESS_NAME_MAX] = "init";

	if (process_create(mm_init_arena, mm_init_arena_pages, NULL, name, &process_init) < 0) {
		panic("init's arena is too small");
	}
	object_init(&machine_object, OBJECT_MACHINE, NULL);
	must_add(INIT_MACHINE, &machine_object, RIGHT_ALL);
	must_add(INIT_SELF, &process_init->object, RIGHT_ALL);
	must_add(INIT_SPACE, &process_init->space->object, RIGHT_ALL);
}

static void fill_info(const struct boot_info *bi)
{
	struct init_info *info = &init_page.info;

	info->magic = INIT_MAGIC;
	info->tsc_khz = clock_tsc_khz();
	info->wall_ns = clock_wall_ns() - clock_ns();
	info->ram_bytes = bi->ram_bytes;
	info->cpu_count = cpu_count;
	_Static_assert(sizeof(info->cmdline) == sizeof(bi->cmdline), "copied whole");
	memcpy(info->cmdline, bi->cmdline, sizeof(info->cmdline));
	must_map(INIT_INFO_ADDR, must_create(image_pa(&init_page), sizeof(init_page), REGION_INFO), 0, sizeof(init_page),
		 PROT_R);
}

_Noreturn void kernel_start(const struct boot_info *bi)
{
	const struct packed_program *prog = &packed_programs[0];
	const char *why = "";
	struct elf_image img;
	struct region *ram;
	uint64_t bytes;
	hpa_t base;
	uint32_t taken_from;
	char word[2];

	cpu_this()->apic_id = lapic_id();
	trace_on = boot_option(bi, "trace", word, sizeof(word));
	if (packed_count == 0 || elf_parse(prog->data, prog->size, PAGE_SIZE, USER_END, &img, &why) < 0) {
		panic("no program init in the image: %s", why);
	}
	make_process();
	bytes = private_bytes(&img);
	taken_from = take_ram(bi, bytes, &base);
	phys_zero(base, bytes / PAGE_SIZE);
	ram = must_create(base, bytes, REGION_RAM);
	ram->cleaned = bytes;
	load(&img, prog, ram);
	fill_info(bi);
	give_all(bi, taken_from, bytes);
	if (!thread_create(process_init, img.entry, 0, INIT_INFO_ADDR)) {
		panic("init's arena is too small");
	}
	cpu_this()->rq.run_since_ns = clock_ns();
	log_printf("kernel: init starts; %u regions, %u programs", init_page.info.region_count, packed_count);
	sched_run();
}
