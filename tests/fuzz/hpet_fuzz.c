/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to the HPET, with pauses in which its timers run.
 * sources: vmm/hpet.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "vmm/hpet.h"
#include "vmm/platform.h"

static struct hpet hpet;

static int init(void)
{
	return hpet_init(&hpet, &fake.mmio, PLATFORM_HPET);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ .init = init }, data, len);
}
