/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MC146818A real-time clock with 128 bytes of CMOS RAM at 70h. Motorola MC146818A data sheet; the century at 32h
 * and the memory sizes are where PC firmware keeps them. Runs freely from vm_wall_seconds() at init.
 */
#pragma once

#include "vmm/device.h"

enum { RTC_CENTURY = 0x32, CMOS_SIZE = 128 };

struct rtc {
	uint8_t cmos[CMOS_SIZE];     /* the time bytes are live only while the clock is stopped      */
	uint8_t index;
	int64_t base_s;              /* seconds since 1970 shown at base_ns                          */
	uint64_t base_ns;            /* vm_now() time of an update                                   */
	int64_t seen_s;              /* flags of register C are up to date until this second ...     */
	uint64_t seen_period;        /* ... and this period of the periodic interrupt                */
	/* Host side. */
	struct vm_timer timer;
	unsigned gsi;
};

/*
 * Claims 70h and 71h. ram_low: bytes of RAM below 4 GiB, ram_high: above; both for the CMOS bytes that tell
 * them. Errors of bus_add.
 */
int rtc_init(struct rtc *rtc, struct bus *ports, unsigned gsi, uint64_t ram_low, uint64_t ram_high) MUST_CHECK;
