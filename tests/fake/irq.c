/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt lines that are only recorded, for tests of one model without the interrupt controllers. */
#include <stdlib.h>

#include "tests/fake/platform.h"
#include "vmm/hooks.h"

void vm_irq(unsigned gsi, bool level)
{
	if (gsi >= ARRAY_SIZE(fake.irq)) {
		abort();
	}
	fake.rises[gsi] += level && !fake.irq[gsi];
	fake.irq[gsi] = level;
}

/* The lines of PIT and RTC are the HPET's own here. */
void vm_irq_replace(bool on)
{
	(void)on;
}

void vm_irq_legacy(unsigned gsi, bool level)
{
	vm_irq(gsi, level);
}
