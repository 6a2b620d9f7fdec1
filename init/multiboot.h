/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot 1 (0.6.96) and Multiboot 2 (2.0) boot information. Pure: reads memory only through a callback. */
#pragma once

#include "init/bootinfo.h"
#include "kernel/abi.h"

/* Copies len bytes at host-physical addr to buf; false when it cannot reach them all. */
typedef bool boot_read_fn(void *ctx, uint64_t addr, void *buf, size_t len);

/*
 * Fills info from what the loader left at addr; keep is what must not be offered: our image and the preserve list. Nothing in
 * the loader's data is trusted: strings are cut, lengths bounded, modules that overlap keep, each other or non-RAM are
 * dropped.
 *   E_INVAL  magic is of neither protocol
 *   E_PROTO  the information cannot be read, or names no RAM: the machine cannot be started
 */
int multiboot_parse(struct boot_info *info, uint32_t magic, uint64_t addr, boot_read_fn *read, void *ctx,
		    const struct boot_mem *keep, unsigned keep_count) MUST_CHECK;
