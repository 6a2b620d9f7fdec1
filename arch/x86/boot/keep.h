/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a panic, kept in RAM over a warm reset: at the bottom of the largest free range below 4 GiB, which is where
 * the modules end. Every boot of the same machine with the same modules finds it there again; firmware and GRUB's heap
 * work from the top. A checksum tells whether it came through.
 */
#pragma once

#include "lib/base.h"

struct boot_info;

enum { KEEP_SIZE = 0x5000 };

/*
 * Before mm_init, while the boot tables are in force: takes the area out of the free memory of info, prints what an
 * earlier run left there, and forgets it.
 */
void keep_report(struct boot_info *info);

/* After mm_init: gets the area mapped. */
void keep_init(void);

/* Copies the log there. In a panic; without keep_init it does nothing. */
void keep_log(void);
