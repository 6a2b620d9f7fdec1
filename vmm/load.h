/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading a guest's first code: what the loaders of the boot protocols share. They are pure: they read the images,
 * write guest memory, and tell how the first vCPU starts. The images come from a disk or a network once, so every
 * number in them is checked before it is used, and what is wrong is named for the operator.
 */
#pragma once

#include "kernel/abi.h"
#include "lib/base.h"
#include "vmm/gmem.h"
#include "vmm/memmap.h"

struct boot_image {
	const uint8_t *bytes;
	size_t size;                 /* 0: none                                                      */
};

/* Beside the kernel and the initrd. */
struct boot_module {
	struct boot_image image;
	const char *text;            /* what the kernel is told with it                              */
};

enum { BOOT_MODULES_MAX = 16 };

struct boot_request {
	const struct gmem *mem;
	const struct memmap *map;
	struct boot_image kernel, initrd;
	const char *initrd_name;     /* NULL or "": none                                             */
	struct boot_module module[BOOT_MODULES_MAX];
	unsigned module_count;
	const char *cmdline;
	uint64_t rsdp;               /* guest-physical address                                       */
};

enum boot_mode { BOOT_LONG_MODE, BOOT_PROTECTED_MODE };

/* How the first vCPU starts. */
struct boot_entry {
	enum boot_mode mode;
	uint64_t rip;
	uint64_t info;               /* address of what the kernel is told                           */
	enum vcpu_gpr info_gpr;      /* the register that holds it                                   */
	uint32_t magic;              /* in RAX                                                       */
};

/* One line for the operator: why a load failed. */
struct boot_reason {
	char text[128];
};

/* Sets the text and returns error, so that a check is one statement. */
int boot_fail(struct boot_reason *why, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * Where the loaders put what the kernel finds in low memory. Kernels are loaded at 1 MiB and above, so that none of
 * this can be hit by them; Multiboot kernels may stand in conventional memory, too, between BOOT_LOW_MIN and
 * BOOT_LOW_INFO, and have all that they are told from there on.
 */
enum boot_place {
	BOOT_COREBOOT = 0x500,       /* a table of coreboot                                          */
	BOOT_GDT = 0x1000,
	BOOT_INFO = 0x2000,          /* zero page, or PVH's start information: one page              */
	BOOT_LOW_MIN = 0x2000,
	BOOT_TABLES = 0x10000,       /* page tables, BOOT_TABLES_PAGES pages                         */
	BOOT_CMDLINE = 0x20000,
	BOOT_CMDLINE_MAX = 0x10000,  /* bytes with the NUL                                           */
	BOOT_LOW_INFO = 0x80000,
	BOOT_KERNEL_MIN = 0x100000,
};
enum { BOOT_TABLES_PAGES = 6 };

/* Copies the command line to BOOT_CMDLINE. limit: bytes without the NUL that the kernel takes. E_RANGE: too long. */
int boot_put_cmdline(const struct boot_request *req, size_t limit, struct boot_reason *why) MUST_CHECK;

/*
 * Copies the initrd as high as possible in [floor, ceiling), page aligned; *at is its guest-physical address.
 * E_NOMEM: it does not fit.
 */
int boot_put_initrd(const struct boot_request *req, uint64_t floor, uint64_t ceiling, uint64_t *at,
		    struct boot_reason *why) MUST_CHECK;

/* E_INVAL: there are modules, of which this kind of kernel cannot be told. */
int boot_no_modules(const struct boot_request *req, struct boot_reason *why) MUST_CHECK;

/*
 * Recognizes the kernel by its content and loads it. E_PROTO: the file is broken or of no known kind; E_RANGE,
 * E_NOMEM: it does not fit into the guest's memory. why is set on each error.
 */
int load_guest(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why) MUST_CHECK;

/*
 * Puts the GDT, a reset entry in firmware's place, real-mode interrupts that do nothing, two words of the BIOS data area,
 * and the page tables of long mode (identity, 4 GiB) into guest memory and sets what state needs for entry; the rest of
 * state stays as it is (the reset state). E_RANGE: guest memory is smaller than MEMMAP_RAM_MIN.
 */
int load_vcpu_state(const struct gmem *mem, const struct boot_entry *entry, struct vcpu_state *state) MUST_CHECK;
