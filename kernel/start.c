/* SPDX-License-Identifier: Apache-2.0 */
/* From boot to init: its process, its regions, its program. What fails here is a broken build, hence panics. */
#include "kernel/start.h"
#include "arch/x86/boot/bootinfo.h"
#include "arch/x86/boot/image.h"
#include "arch/x86/mm/kmap.h"
#include "arch/x86/time/clock.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/space.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/trace.h"
#include "lib/elf.h"

/* The programs that are packed into the image (tools/mkpack): each on pages of its own, in the order init first. */
struct packed_program {
	char name[16];               /* ends with 0                                                   */
	const uint8_t *data;         /* page aligned                                                  */
	uint64_t size;               /* bytes                                                         */
};

extern const struct packed_program packed_programs[];
extern const uint32_t packed_count;

_Static_assert(sizeof(struct packed_program) == 32, "tools/mkpack writes these");

/* Whole pages: init sees nothing else. */
static struct {
	struct init_info info;
} __attribute__((aligned(PAGE_SIZE))) init_page;

static struct object machine_object;

static void must_add(uint32_t slot, struct object *o)
{
	if (handle_add_at(process_init, slot, o, RIGHT_ALL) < 0) {
		panic("init's handle %u", slot);
	}
}

/* One region into init's hands. What does not fit its table is lost, and said. */
static void give(hpa_t base, uint64_t size, enum region_kind kind, uint64_t length, const char *name)
{
	struct init_info *info = &init_page.info;
	struct init_region *entry = &info->region[info->region_count];
	uint32_t slot = INIT_REGIONS + info->region_count;
	struct region *r;

	if (info->region_count == INIT_REGION_MAX) {
		log_printf("no room to tell init of %#llx bytes at %#llx", (unsigned long long)size,
			   (unsigned long long)base.v);
		return;
	}
	r = region_create(process_init, base, size, kind, kind != REGION_RAM);
	ASSERT(r);
	must_add(slot, &r->object);
	*entry = (struct init_region){ .kind = kind, .handle = slot, .base = base.v, .size = size, .length = length };
	for (size_t i = 0; name[i] && i < sizeof(entry->name) - 1; i++) {
		entry->name[i] = name[i];
	}
	info->region_count++;
}

/* Programs first, init is the first of them. */
static void give_all(const struct boot_info *bi)
{
	for (uint32_t i = 0; i < packed_count; i++) {
		const struct packed_program *p = &packed_programs[i];

		give(image_pa(p->data), ALIGN_UP(p->size, PAGE_SIZE), REGION_PROGRAM, p->size, p->name);
	}
	for (uint32_t i = 0; i < bi->mem_count; i++) {
		if (bi->mem[i].type == BOOT_MEM_FREE) {
			give(hpa(bi->mem[i].base), bi->mem[i].size, REGION_RAM, 0, "");
		}
	}
	for (uint32_t i = 0; i < bi->module_count; i++) {
		const struct boot_module *m = &bi->module[i];

		if (m->size) {
			/* Behind the content lies what the loader left there. */
			phys_zero(hpa(m->base.v + m->size), ALIGN_UP(m->size, PAGE_SIZE) - m->size);
			give(m->base, ALIGN_UP(m->size, PAGE_SIZE), REGION_MODULE, m->size, m->name);
		}
	}
}

static struct region *given(uint32_t index)
{
	return container_of(handle_slot(process_init, INIT_REGIONS + index)->object, struct region, object);
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

/* Zeroed RAM for init itself: off the end of the first free range that has enough. */
static struct region *take_ram(uint64_t bytes)
{
	struct init_info *info = &init_page.info;
	struct region *ram;

	for (uint32_t i = 0; i < info->region_count; i++) {
		if (info->region[i].kind == REGION_RAM && info->region[i].size > bytes) {
			info->region[i].size -= bytes;
			if (region_split(given(i), info->region[i].size, &ram) < 0) {
				break;
			}
			phys_zero(ram->base, bytes);
			ram->cleaned = bytes;
			return ram;
		}
	}
	panic("no memory for init");
}

/* What is not written is used where it is. */
static void load(const struct elf_image *img, const struct packed_program *prog)
{
	for (unsigned i = 0; i < img->segment_count; i++) {
		const struct elf_segment *s = &img->segment[i];
		uint64_t page = ALIGN_DOWN(s->addr, PAGE_SIZE), lead = s->addr - page;
		uint64_t size = ALIGN_UP(lead + s->mem_size, PAGE_SIZE);
		uint32_t prot = PROT_R | (s->write ? PROT_W : 0) | (s->exec ? PROT_X : 0);

		if (!s->write && s->mem_size == s->file_size) {
			must_map(page, given(0), s->file_offset - lead, size, prot);
		} else {
			struct region *ram = take_ram(size);

			phys_write(hpa(ram->base.v + lead), prog->data + s->file_offset, s->file_size);
			must_map(page, ram, 0, size, prot);
		}
	}
}

static void make_process(void)
{
	process_init = process_create(mm_init_arena, mm_init_arena_pages, NULL, (const char[PROCESS_NAME_MAX]){ "init" });
	object_init(&machine_object, OBJECT_MACHINE);
	must_add(INIT_MACHINE, &machine_object);
	must_add(INIT_SELF, &process_init->object);
	must_add(INIT_SPACE, &process_init->space->object);
}

static void fill_info(const struct boot_info *bi)
{
	struct init_info *info = &init_page.info;
	struct region *r = region_create(process_init, image_pa(&init_page), sizeof(init_page), REGION_INFO, true);

	info->magic = INIT_MAGIC;
	info->tsc_khz = clock_tsc_khz();
	info->wall_ns = clock_wall_ns() - clock_ns();
	info->ram_bytes = bi->ram_bytes;
	info->cpu_count = cpu_count;
	_Static_assert(sizeof(info->cmdline) == sizeof(bi->cmdline), "copied whole");
	memcpy(info->cmdline, bi->cmdline, sizeof(info->cmdline));
	ASSERT(r);
	must_map(INIT_INFO_ADDR, r, 0, sizeof(init_page), PROT_R);
}

_Noreturn void kernel_start(const struct boot_info *bi)
{
	const struct packed_program *prog = &packed_programs[0];
	const char *why = "";
	struct elf_image img;
	struct thread *t;
	char word[2];

	trace_on = boot_option(bi, "trace", word, sizeof(word));
	if (packed_count == 0 || elf_parse(prog->data, prog->size, PAGE_SIZE, USER_END, &img, &why) < 0) {
		panic("no program init in the image: %s", why);
	}
	make_process();
	fill_info(bi);
	give_all(bi);
	load(&img, prog);
	t = thread_create(process_init, img.entry, 0, INIT_INFO_ADDR);
	ASSERT(t);
	cpu_this()->rq.run_since_ns = clock_ns();
	log_printf("kernel: init starts; %u regions, %u programs", init_page.info.region_count, packed_count);
	sched_run();
}
