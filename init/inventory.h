/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: RAM, boot modules, programs, and the options on the command line of the kernel image. */
#pragma once

#include "init/bootinfo.h"
#include "init/memory.h"
#include "init/numa.h"
#include "init/smbios.h"
#include "kernel/abi.h"

extern struct memory memory;             /* all RAM that is free; init has one thread                */
extern struct numa numa;                 /* filled in before inventory_take()                        */

/* A packed program or a boot module: read-only content at the start of whole pages. */
struct content {
	char name[BOOT_NAME_MAX];
	uint32_t handle;             /* of its region                                                */
	uint64_t size;               /* bytes of the region                                          */
	uint64_t length;             /* bytes of content; zeroes behind it                           */
};

struct inventory {
	uint64_t ram_bytes;          /* all RAM of the machine                                       */
	uint64_t wall_ns;            /* since 1970, at SYS_CLOCK 0                                   */
	uint8_t uuid[SMBIOS_UUID_BYTES];     /* the machine's                                        */
	const char *no_uuid;         /* why that is all zeros; NULL: it is one                       */
	char cmdline[BOOT_CMDLINE_MAX];
	unsigned program_count, module_count;
	struct content program[INIT_REGION_MAX], module[BOOT_MODULE_MAX];
};

const struct inventory *inventory(void);

/* Takes over programs and physical addresses. E_PROTO: the page is not one of this kernel's. */
int inventory_init(const struct init_info *info) MUST_CHECK;

/* What the firmware says of the machine's UUID. Before inventory_take(). */
void inventory_read_uuid(const struct boot_smbios *from);

/* What the clock says at SYS_CLOCK 0. */
void inventory_set_clock(uint64_t wall_ns);

/* Takes over free RAM and modules; what cannot be had is logged. The last thing that is done with physical addresses. */
void inventory_take(const struct boot_info *boot);

/* The boot module of that name. NULL: none. */
const struct content *inventory_module(const char *name);

/* The packed program of that name. NULL: none. */
const struct content *inventory_program(const char *name);

/* Gives an extent back; says so if the kernel refuses. */
void memory_give_back(struct extent *extent);
