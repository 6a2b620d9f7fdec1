/* SPDX-License-Identifier: Apache-2.0 */
/* PVH: ELF images whose Xen note names a 32-bit entry (Xen: docs/misc/pvh.pandoc, public/arch-x86/hvm/start_info.h). */
#pragma once

#include "vmm/load.h"

/* True for an ELF file, with or without the note. */
bool boot_pvh_probe(const struct boot_image *image);

/* As load_guest(). */
int boot_pvh_load(const struct boot_request *req, struct boot_entry *entry, struct boot_reason *why) MUST_CHECK;
