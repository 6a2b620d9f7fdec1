/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to the 8259A pair, with lines that go up and down and acknowledge cycles.
 * sources: vmm/pic.c vmm/regs.c vmm/bus.c tests/fake/platform.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "vmm/pic.h"

static struct pic pic;

static int init(void)
{
	return pic_init(&pic, &fake.ports);
}

/* Bit 7: acknowledge; else bit 6 is the level of the line in bits 0-3. */
static void event(uint8_t argument)
{
	if (argument & 0x80) {
		device_fuzz_check(pic_ack(&pic) <= 0xff);
	} else if ((argument & 15) != 2) {
		pic_set(&pic, argument & 15, argument & 0x40);
	}
	device_fuzz_check(fake.extint == pic.chip[0].int_out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ init, event }, data, len);
}
