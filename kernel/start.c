/* SPDX-License-Identifier: Apache-2.0 */
/* From boot to init: its process, its regions, its program. What fails here is a broken build, hence panics. */
#include "kernel/start.h"
#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/kmap.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/process.h"
#include "kernel/region.h"
#include "kernel/sched.h"
#include "kernel/space.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "lib/elf.h"

/* The programs that are packed into the image (tools/mkpack): each on pages of its own, in the order init first. */
struct packed_program {
	char name[PROGRAM_NAME_MAX]; /* ends with 0                                                   */
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

/* One region into init's hands. */
static void give(hpa_t base, uint64_t end, enum region_kind kind, const struct packed_program *program)
{
	struct init_info *info = &init_page.info;
	struct init_region *entry = &info->region[info->region_count];
	uint32_t slot = INIT_REGIONS + info->region_count++;
	struct region *r = region_create(process_init, base, end - base.v, kind, true);

	ASSERT(r && slot < INIT_REGIONS + INIT_REGION_MAX);
	must_add(slot, &r->object);
	*entry = (struct init_region){ .kind = kind, .handle = slot, .base = base.v, .size = end - base.v };
	if (program) {
		entry->length = program->size;
		memcpy(entry->name, program->name, sizeof(entry->name));
	}
}

/* Programs first, init is the first of them. Then all there can be but the image and the page that CPUs start in. */
static void give_all(void)
{
	for (uint32_t i = 0; i < packed_count; i++) {
		const struct packed_program *p = &packed_programs[i];
		hpa_t base = image_pa(p->data);

		give(base, ALIGN_UP(base.v + p->size, PAGE_SIZE), REGION_PROGRAM, p);
	}
	give(hpa(0), TRAMPOLINE_PHYS, REGION_PHYSICAL, NULL);
	give(hpa(TRAMPOLINE_PHYS + PAGE_SIZE), IMAGE_PHYS, REGION_PHYSICAL, NULL);
	give(image_pa(__image_end), 1ull << cpu_features.phys_bits, REGION_PHYSICAL, NULL);
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

/* What is not written is used where it is; the rest is copied to memory that the image brings along. */
static void load(const struct elf_image *img, const struct packed_program *prog)
{
	struct region *data = region_create(process_init, mm_init_data, MM_INIT_DATA_SIZE, REGION_RAM, true);
	uint64_t used = 0;

	ASSERT(data);
	phys_zero(data->base, data->size);
	for (unsigned i = 0; i < img->segment_count; i++) {
		const struct elf_segment *s = &img->segment[i];
		uint64_t page = ALIGN_DOWN(s->addr, PAGE_SIZE), lead = s->addr - page;
		uint64_t size = ALIGN_UP(lead + s->mem_size, PAGE_SIZE);
		uint32_t prot = PROT_R | (s->write ? PROT_W : 0) | (s->exec ? PROT_X : 0);

		if (!s->write && s->mem_size == s->file_size) {
			must_map(page, given(0), s->file_offset - lead, size, prot);
		} else {
			ASSERT(range_within(used, size, data->size));
			phys_write(hpa(data->base.v + used + lead), prog->data + s->file_offset, s->file_size);
			must_map(page, data, used, size, prot);
			used += size;
		}
	}
}

static void make_process(void)
{
	process_init = process_create(mm_init_arena, MM_INIT_ARENA_PAGES, NULL);
	object_init(&machine_object, OBJECT_MACHINE);
	must_add(INIT_MACHINE, &machine_object);
	must_add(INIT_SELF, &process_init->object);
	must_add(INIT_SPACE, &process_init->space->object);
}

static void fill_info(uint32_t loader_magic, uint32_t loader_info)
{
	struct init_info *info = &init_page.info;
	struct region *r = region_create(process_init, image_pa(&init_page), sizeof(init_page), REGION_INFO, true);

	info->magic = INIT_MAGIC;
	info->loader_magic = loader_magic;
	info->loader_info = loader_info;
	ASSERT(r);
	must_map(INIT_INFO_ADDR, r, 0, sizeof(init_page), PROT_R);
}

_Noreturn void kernel_start(uint32_t loader_magic, uint32_t loader_info)
{
	const struct packed_program *prog = &packed_programs[0];
	const char *why = "";
	struct elf_image img;
	struct thread *t;

	if (packed_count == 0 || elf_parse(prog->data, prog->size, PAGE_SIZE, USER_END, &img, &why) < 0) {
		panic("no program init in the image: %s", why);
	}
	kernel_lock();
	make_process();
	fill_info(loader_magic, loader_info);
	give_all();
	load(&img, prog);
	t = thread_create(process_init, img.entry, 0, INIT_INFO_ADDR);
	ASSERT(t);
	/* The I/O ports are its; interrupt controllers are as the firmware left them, so it lets interrupts in when it has been there. */
	t->frame.rflags = RFLAGS_FIXED | RFLAGS_IOPL;
	log_printf("kernel: init starts; %u programs", packed_count);
	sched_run();
}
