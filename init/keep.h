/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a panic, kept in RAM over a warm reset: near the bottom of the largest free range below 4 GiB, which is
 * where the modules end, but above what UEFI firmware uses when it starts (OVMF: up to 24 MiB). Every boot of the same
 * machine with the same modules finds it there again; firmware and GRUB's heap work from the top. A checksum tells
 * whether it came through. Ring 0 writes it (struct panic_log of kernel/abi.h).
 */
#pragma once

#include "init/bootinfo.h"

/*
 * Takes the area out of the free memory of info, logs what an earlier run left there, and forgets it. Returns the area's
 * host-physical address; 0: there is no room.
 */
uint64_t keep_report(struct boot_info *info);

/*
 * The end of that log, from the line that says PANIC, for those who have only a screen: printable lines. Empty if the run
 * before did not end so.
 */
const char *keep_panic(void);
