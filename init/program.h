/* SPDX-License-Identifier: Apache-2.0 */
/* Processes made of packed programs: memory, arena, mappings, first thread, and the way back. */
#pragma once

#include "init/inventory.h"
#include "init/memory.h"
#include "kernel/abi.h"
#include "lib/elf.h"

/* Addresses in init's own space. */
#define INIT_PROGRAM_ADDR 0x0000001000000000ull        /* packed programs, 1 GiB apart, read-only    */
#define INIT_WINDOW_ADDR  0x0000002000000000ull        /* memory that is being filled                */
#define INIT_DEVICE_ADDR  0x0000002400000000ull        /* pages of device registers                  */
#define INIT_JOB_ADDR     0x0000002800000000ull        /* what conf fills in                         */
#define INIT_VMS_ADDR     0x0000002c00000000ull        /* struct vm of all VMs                       */
#define INIT_NODE_ADDR    0x0000003000000000ull        /* pages shared with the console              */
#define INIT_NET_ADDR     0x0000003800000000ull        /* pages shared with net                      */
#define INIT_MGMT_ADDR    0x0000003a00000000ull        /* pages shared with mgmt                     */
#define INIT_VOLUMES_ADDR 0x0000003b00000000ull        /* page of the volumes, shared with mgmt    */
#define INIT_DISKS_ADDR   0x0000003b00100000ull        /* table of the disks that are kept; mgmt sees a part */
#define INIT_VM_ADDR      0x0000004000000000ull        /* launch and control pages, 64 KiB apart     */

struct program {
	const struct content *region;
	struct elf_image image;
	uint64_t data_bytes;         /* of its writable segments, in whole pages                     */
};

/*
 * A process and what it stands on. Empty when zero. extra bytes of data, beyond the program's own, are the caller's to
 * use, at offset image.data_bytes of region data.
 */
struct child {
	uint32_t process, space;     /* handles; 0: none (0 is the machine's)                        */
	struct extent arena, data;
	uint64_t entry;
};

/* Reads and checks the program of that name. On an error the reason has been logged. */
int program_open(const char *name, struct program *program) MUST_CHECK;

/*
 * Makes a process that runs nothing yet. near: where its memory comes from, NULL:
 * anywhere. arena, extra: bytes, whole pages. On an error *why says in words what went wrong and nothing is left.
 */
int child_create(struct child *child, const struct program *program, const struct memory_order *near,
		 uint64_t arena, uint64_t extra, const char **why) MUST_CHECK;

/* Lets it run, with that argument. */
int child_start(struct child *child, uint64_t argument) MUST_CHECK;

/* Ends it and takes all back. Safe on an empty one. */
void child_destroy(struct child *child);

/* "exit 3", "page fault at rip 0x.. address 0x.." of a process that has ended; at most size - 1 bytes. */
void child_describe_end(const struct process_status *status, char *text, size_t size);
