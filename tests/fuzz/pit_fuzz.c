/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to the 8254 and port 61h at any time.
 * sources: vmm/pit.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "vmm/pit.h"

static struct pit pit;

static int init(void)
{
	return pit_init(&pit, &fake.ports, 0);
}

/* A millisecond in which every timer runs at its time: no more interrupts than the floor allows. */
static void event(uint8_t argument)
{
	unsigned before = fake.rises[0];

	(void)argument;
	fake_advance(1000000);
	device_fuzz_check(fake.rises[0] - before <= 1000000 / PIT_FLOOR_NS + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ init, event }, data, len);
}
