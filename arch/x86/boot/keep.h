/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a panic, kept in RAM over a warm reset: 20 KiB at 544 KiB that neither GRUB nor a BIOS needs between
 * reset and our start. A checksum tells whether it came through; under UEFI it seldom does.
 */
#pragma once

#include "lib/base.h"

enum { KEEP_PHYS = 0x88000, KEEP_SIZE = 0x5000 };

/*
 * While the boot tables are in force: prints what an earlier run kept, and forgets it. ok: the memory map says that
 * this is RAM; otherwise nothing is read or ever kept.
 */
void keep_report(bool ok);

/* After mm_init: gets the area mapped. */
void keep_init(void);

/* Copies the end of the log there. In a panic. */
void keep_log(void);
