/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to the real-time clock at any time.
 * sources: vmm/rtc.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "vmm/rtc.h"

static struct rtc rtc;

static int init(void)
{
	return rtc_init(&rtc, &fake.ports, 8, MIB(64), 0);
}

/* One access pair at once, the quick way for the fuzzer into the control registers. */
static void event(uint8_t argument)
{
	fake_outb(0x70, argument & 15);
	fake_outb(0x71, (uint8_t)(argument * 7));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ init, event }, data, len);
}
