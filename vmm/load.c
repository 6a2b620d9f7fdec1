/* SPDX-License-Identifier: Apache-2.0 */
/* Choice of the boot protocol, what its loaders share, and the first vCPU's state (SDM 3A 2.5, 3.4.5, 4.5). */
#include "vmm/load.h"

#include <string.h>

#include "lib/fmt.h"
#include "vmm/boot_elf.h"
#include "vmm/boot_linux.h"
#include "vmm/boot_multiboot.h"
#include "vmm/boot_pvh.h"
#include "vmm/platform.h"

enum { CR0_PE = 1 << 0, CR0_ET = 1 << 4, CR0_NE = 1 << 5, CR4_PAE = 1 << 5, EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
#define CR0_PG (1ull << 31)

enum { PTE_PRESENT = 1 << 0, PTE_WRITE = 1 << 1, PTE_LARGE = 1 << 7 };

enum { RFLAGS_RESERVED = 1 << 1 };

/* Selectors that the Linux protocol names; PVH leaves them open. */
enum { SELECTOR_CODE = 0x10, SELECTOR_DATA = 0x18 };

/*
 * Registers of the local APIC, by offset / 16, as a PC's firmware leaves them: virtual wire mode, in which the PIC's
 * interrupts pass through LINT0 (MultiProcessor Specification 1.4, 3.6.2.2; SDM 3A 11.5.1).
 */
enum { APIC_SVR = 0x0f, APIC_LINT0 = 0x35, APIC_LINT1 = 0x36 };
enum { SVR_ENABLED = 0x1ff, LVT_EXTINT = 0x700, LVT_NMI = 0x400 };

/* Access rights: type, S, DPL, P in bits 0-7; L, D/B, G in bits 13-15. */
enum { ATTR_CODE64 = 0xa09b, ATTR_CODE32 = 0xc09b, ATTR_DATA = 0xc093, ATTR_TSS = 0x008b, ATTR_NONE = 0 };

int boot_fail(struct boot_reason *why, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fmt_vprint(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return error;
}

int boot_put_cmdline(const struct boot_request *req, size_t limit, struct boot_reason *why)
{
	size_t len = strlen(req->cmdline);

	if (len > limit || len >= BOOT_CMDLINE_MAX) {
		return boot_fail(why, E_RANGE, "command line: %zu bytes, the kernel takes %zu", len, limit);
	}
	if (gmem_write(req->mem, gpa(BOOT_CMDLINE), req->cmdline, len + 1) < 0) {
		return boot_fail(why, E_RANGE, "command line: the VM's memory is too small");
	}
	return OK;
}

int boot_put_initrd(const struct boot_request *req, uint64_t floor, uint64_t ceiling, uint64_t *at,
		    struct boot_reason *why)
{
	uint64_t end = ceiling < req->map->low_end ? ceiling : req->map->low_end;

	*at = 0;
	if (!req->initrd.size) {
		return OK;
	}
	if (req->initrd.size <= end) {
		*at = ALIGN_DOWN(end - req->initrd.size, (uint64_t)PAGE_SIZE);
	}
	if (*at < floor || gmem_write(req->mem, gpa(*at), req->initrd.bytes, req->initrd.size) < 0) {
		return boot_fail(why, E_NOMEM, "initrd: %zu KiB do not fit between the kernel's end %#llx and %#llx",
				 req->initrd.size >> 10, (unsigned long long)floor, (unsigned long long)end);
	}
	return OK;
}

int boot_no_modules(const struct boot_request *req, struct boot_reason *why)
{
	if (req->module_count) {
		return boot_fail(why, E_INVAL, "modules are for Multiboot kernels, and this is another one");
	}
	return OK;
}

int load_guest(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b };
	const struct boot_image *kernel = &req->kernel;

	if (boot_pvh_probe(kernel)) {
		return boot_pvh_load(req, entry, why);
	}
	if (boot_linux_probe(kernel)) {
		return boot_linux_load(req, entry, why);
	}
	if (boot_multiboot2_probe(kernel)) {
		return boot_multiboot2_load(req, entry, why);
	}
	if (boot_multiboot_probe(kernel)) {
		return boot_multiboot_load(req, entry, why);
	}
	if (boot_elf_probe(kernel)) {
		return boot_pvh_load(req, entry, why);   /* has a word for what is missing or broken */
	}
	if (kernel->size >= sizeof(gzip) && !memcmp(kernel->bytes, gzip, sizeof(gzip))) {
		return boot_fail(why, E_PROTO, "kernel: the file is gzip-compressed as a whole; unpack it first");
	}
	return boot_fail(why, E_PROTO, "kernel: %zu bytes are neither a Linux bzImage, nor a PVH or Multiboot kernel", kernel->size);
}

/* Identity map of the first 4 GiB by pages of 2 MiB: one PML4, one PDPT, four page directories. */
static int put_page_tables(const struct gmem *mem)
{
	uint64_t table[PAGE_SIZE / 8] = { BOOT_TABLES + PAGE_SIZE + PTE_PRESENT + PTE_WRITE };
	int r = gmem_write(mem, gpa(BOOT_TABLES), table, sizeof(table));

	for (uint64_t i = 0; i < 4; i++) {
		table[i] = (BOOT_TABLES + (2 + i) * PAGE_SIZE) | PTE_PRESENT | PTE_WRITE;
	}
	if (r == OK) {
		r = gmem_write(mem, gpa(BOOT_TABLES + PAGE_SIZE), table, sizeof(table));
	}
	for (uint64_t page = 2; page < BOOT_TABLES_PAGES && r == OK; page++) {
		for (uint64_t i = 0; i < ARRAY_SIZE(table); i++) {
			table[i] = GIB(page - 2) | i * MIB(2) | PTE_PRESENT | PTE_WRITE | PTE_LARGE;
		}
		r = gmem_write(mem, gpa(BOOT_TABLES + page * PAGE_SIZE), table, sizeof(table));
	}
	return r;
}

static uint64_t descriptor(uint64_t attr)
{
	return 0x000f00000000ffffull | (attr & 0xff) << 40 | (attr & 0xf000) << 40;
}

static int put_gdt(const struct gmem *mem, uint16_t code_attr, struct vcpu_segment *gdtr)
{
	uint64_t gdt[] = { 0, 0, descriptor(code_attr), descriptor(ATTR_DATA) };

	gdtr->base = BOOT_GDT;
	gdtr->limit = sizeof(gdt) - 1;
	return gmem_write(mem, gpa(BOOT_GDT), gdt, sizeof(gdt));
}

static struct vcpu_segment flat(uint16_t selector, uint16_t attr)
{
	return (struct vcpu_segment){ .selector = selector, .limit = 0xffffffff, .attr = attr };
}

static void set_segments(struct vcpu_state *s, uint16_t code_attr)
{
	s->cs = flat(SELECTOR_CODE, code_attr);
	s->ds = s->es = s->ss = s->fs = s->gs = flat(SELECTOR_DATA, ATTR_DATA);
	s->tr = (struct vcpu_segment){ .limit = 0x67, .attr = ATTR_TSS };
	s->ldtr = (struct vcpu_segment){ .attr = ATTR_NONE };
	s->idtr = (struct vcpu_segment){ .limit = 0 };
}

/*
 * What stands where firmware has its first instruction, F000:FFF0: guests that restart through it (Linux: reboot=bios)
 * are reset. mov dx, CF9h; mov al, 6; out dx, al; hlt; jmp to the hlt.
 */
static int put_reset_stub(const struct gmem *mem)
{
	static const uint8_t code[] = {
		0xba, PORT_RESET & 0xff, PORT_RESET >> 8, 0xb0, RESET_VALUE, 0xee, 0xf4, 0xeb, 0xfd,
	};

	return gmem_write(mem, gpa(PLATFORM_RESET), code, sizeof(code));
}

/*
 * The two words of the BIOS data area that kernels read even where they call no BIOS: the segment behind conventional
 * memory, and how many KiB of it there are. Xen finds the place for its real-mode code by them.
 */
static int put_bios_data(const struct gmem *mem)
{
	const uint16_t segment = PLATFORM_EBDA >> 4, kib = PLATFORM_EBDA >> 10;
	int r = gmem_write(mem, gpa(PLATFORM_BDA_EBDA), &segment, sizeof(segment));

	return r < 0 ? r : gmem_write(mem, gpa(PLATFORM_BDA_MEMORY), &kib, sizeof(kib));
}

/*
 * There is no BIOS, but some kernels ask it in real mode before they look at what the loader told them (Xen: disks, screen,
 * memory). Every real-mode interrupt comes back at once with the carry flag set: no such function.
 * push bp; mov bp, sp; or byte [bp + 6], 1; pop bp; iret.
 */
static int put_bios_calls(const struct gmem *mem)
{
	static const uint8_t code[] = { 0x55, 0x89, 0xe5, 0x80, 0x4e, 0x06, 0x01, 0x5d, 0xcf };
	uint16_t vector[256][2];

	for (unsigned i = 0; i < ARRAY_SIZE(vector); i++) {
		vector[i][0] = PLATFORM_BIOS_CALL & 0xffff;
		vector[i][1] = PLATFORM_BIOS_CALL >> 4 & 0xf000;
	}
	if (gmem_write(mem, gpa(0), vector, sizeof(vector)) < 0) {
		return E_RANGE;
	}
	return gmem_write(mem, gpa(PLATFORM_BIOS_CALL), code, sizeof(code));
}

int load_vcpu_state(const struct gmem *mem, const struct boot_entry *entry, struct vcpu_state *state)
{
	bool long_mode = entry->mode == BOOT_LONG_MODE;
	uint16_t code_attr = long_mode ? ATTR_CODE64 : ATTR_CODE32;
	int r = put_gdt(mem, code_attr, &state->gdtr);

	if (r == OK) {
		r = put_reset_stub(mem);
	}
	if (r == OK) {
		r = put_bios_data(mem);
	}
	if (r == OK) {
		r = put_bios_calls(mem);
	}
	if (r == OK && long_mode) {
		r = put_page_tables(mem);
	}
	set_segments(state, code_attr);
	memset(state->gpr, 0, sizeof(state->gpr));
	state->gpr[GPR_RAX] = entry->magic;
	state->gpr[entry->info_gpr] = entry->info;
	state->rip = entry->rip;
	state->rflags = RFLAGS_RESERVED;
	state->cr0 = CR0_PE | CR0_ET | CR0_NE | (long_mode ? CR0_PG : 0);
	state->cr3 = long_mode ? BOOT_TABLES : 0;
	state->cr4 = long_mode ? CR4_PAE : 0;
	state->efer = long_mode ? EFER_LME | EFER_LMA : 0;
	state->apic[APIC_SVR] = SVR_ENABLED;
	state->apic[APIC_LINT0] = LVT_EXTINT;
	state->apic[APIC_LINT1] = LVT_NMI;
	state->halted = 0;
	return r;
}
