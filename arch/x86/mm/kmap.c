/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's address space: built once, then only arenas and MMIO come and go. */
#include "arch/x86/mm/kmap.h"
#include "arch/x86/boot/image.h"
#include "arch/x86/cpu/features.h"
#include "arch/x86/cpu/gdt.h"
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/pt.h"
#include "arch/x86/mm/tlb.h"
#include "kernel/arena.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/string.h"

enum {
	KERNEL_PAGES = 96,           /* the kernel's own arena                                        */
	BOOT_PAGES = KERNEL_PAGES + MM_INIT_ARENA_PAGES,
	SLOT_KMAP = 256, SLOT_KMAP_COUNT = 4, SLOT_IMAGE = 511,
};
#define WINDOW_BASE 0xffffffffc0000000ull
#define MMIO_BASE 0xffffffffc0200000ull
#define MMIO_END  0xffffffffc1000000ull

struct arena *kernel_arena;
hpa_t mm_init_arena, mm_init_data;

static struct pt kernel_pt;
static uint64_t *windows;    /* entries of the table that maps WINDOW_BASE, one for each CPU */
_Static_assert((unsigned)CPU_MAX <= PT_ENTRIES, "one table");

/* For what boot maps once: running out is the end. */
static void map_boot(struct pt *pt, uint64_t va, hpa_t pa, uint64_t size, uint32_t prot)
{
	uint64_t done;

	if (pt_map(pt, va, pa, size, prot, UINT32_MAX, &done) < 0) {
		panic("cannot map %#llx", (unsigned long long)va);
	}
}

static void map_section(const char *start, const char *end, uint32_t prot)
{
	for (const char *p = start; p < end; p += PAGE_SIZE) {
		if (!stack_is_guard((uint64_t)p)) {
			map_boot(&kernel_pt, (uint64_t)p, image_pa(p), PAGE_SIZE, prot);
		}
	}
}

static void map_image(void)
{
	map_section(__text_start, __text_end, PROT_R | PROT_X);
	map_section(__rodata_start, __rodata_end, PROT_R);
	map_section(__data_start, __data_end, PROT_R | PROT_W);
	map_section(__pack_start, __pack_end, PROT_R);
}

/* Level 2 tables of the kmap slots exist from the start, so that all roots share them for ever. */
static void preallocate_kmap(void)
{
	for (unsigned i = 0; i < SLOT_KMAP_COUNT; i++) {
		void *table = arena_page_alloc(kernel_arena);

		if (!table) {
			panic("no memory for kernel tables");
		}
		((uint64_t *)kmap_ptr(kernel_pt.root))[SLOT_KMAP + i] = kmap_hpa(table).v | pt_kernel.table;
	}
}

void mm_init(void)
{
	uint64_t *boot_root = (uint64_t *)ALIGN_DOWN(read_cr3(), PAGE_SIZE);
	hpa_t base = image_pa(__memory_start);

	/* Until the switch the identity map also stands where kmap will be. */
	boot_root[SLOT_KMAP] = boot_root[0];
	if (!cpu_features.gib_pages) {
		pt_user.leaf_levels = 2;
		pt_nested.leaf_levels = 2;
	}
	kernel_arena = arena_init(base, KERNEL_PAGES);
	mm_init_arena = hpa(base.v + KERNEL_PAGES * PAGE_SIZE);
	mm_init_data = hpa(base.v + BOOT_PAGES * PAGE_SIZE);
	if (pt_init(&kernel_pt, &pt_kernel, kernel_arena) < 0) {
		panic("no memory for kernel tables");
	}
	preallocate_kmap();
	map_image();
	windows = pt_slot(&kernel_pt, WINDOW_BASE);
	if (!windows || kmap_add(base, BOOT_PAGES * PAGE_SIZE) < 0) {
		panic("no memory for kernel tables");
	}
	write_cr3(kernel_pt.root.v);
}

int kmap_add(hpa_t base, uint64_t size)
{
	uint64_t done;
	int r;

	if (!range_within(base.v, size, KMAP_SIZE)) {
		return E_RANGE;
	}
	r = pt_map(&kernel_pt, KMAP_BASE + base.v, base, size, PROT_R | PROT_W, UINT32_MAX, &done);
	if (r < 0) {
		pt_unmap(&kernel_pt, KMAP_BASE + base.v, done + PAGE_SIZE, UINT32_MAX);
	}
	return r;
}

void kmap_remove(hpa_t base, uint64_t size)
{
	pt_unmap(&kernel_pt, KMAP_BASE + base.v, size, UINT32_MAX);
}

volatile void *mmio_map(hpa_t pa, uint64_t size)
{
	static uint64_t next = MMIO_BASE;
	uint64_t start = ALIGN_DOWN(pa.v, PAGE_SIZE), bytes = ALIGN_UP(pa.v + size, PAGE_SIZE) - start, va = next;
	struct pt pt = kernel_pt;

	if (bytes > MMIO_END - next) {
		panic("no room to map %#llx bytes of device memory", (unsigned long long)bytes);
	}
	pt.format = &pt_mmio;
	map_boot(&pt, va, hpa(start), bytes, PROT_R | PROT_W);
	next += bytes;
	return (volatile char *)va + (pa.v - start);
}

void kmap_share(struct pt *pt)
{
	const uint64_t *kernel = kmap_ptr(kernel_pt.root);
	uint64_t *root = kmap_ptr(pt->root);

	memcpy(&root[SLOT_KMAP], &kernel[SLOT_KMAP], SLOT_KMAP_COUNT * sizeof(*root));
	root[SLOT_IMAGE] = kernel[SLOT_IMAGE];
}

hpa_t kmap_root(void)
{
	return kernel_pt.root;
}

/* No entry is global and there are no PCIDs, so that loading CR3 drops all (SDM 3A 4.10.4.1). */
void tlb_flush_this_cpu(void)
{
	write_cr3(read_cr3());
}

/* The page of pa, until the next call on this CPU. RW, NX. */
static char *window(hpa_t pa, const struct pt_format *f)
{
	uint32_t i = cpu_this()->id;
	uint64_t va = WINDOW_BASE + (uint64_t)i * PAGE_SIZE;

	windows[i] = ALIGN_DOWN(pa.v, PAGE_SIZE) | f->leaf | f->write | f->noexec;
	invlpg(va);
	return (char *)va;
}

/* The piece of [pa, pa + len) that lies in its first page. */
static char *piece(hpa_t pa, size_t len, size_t *n)
{
	size_t off = pa.v % PAGE_SIZE;

	*n = len < PAGE_SIZE - off ? len : PAGE_SIZE - off;
	return window(pa, &pt_kernel) + off;
}

volatile uint32_t *phys_registers(hpa_t pa)
{
	return (volatile uint32_t *)(window(pa, &pt_mmio) + pa.v % PAGE_SIZE);
}

void phys_write(hpa_t pa, const void *buf, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		char *p = piece(hpa(pa.v + done), len - done, &n);

		memcpy(p, (const char *)buf + done, n);
	}
}

void phys_zero(hpa_t pa, size_t len)
{
	for (size_t done = 0, n; done < len; done += n) {
		char *p = piece(hpa(pa.v + done), len - done, &n);

		memset(p, 0, n);
	}
}
