/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt lines of the VM: each global system interrupt reaches the IOAPIC, the ISA ones also the PIC pair. */
#include "vmm/hooks.h"
#include "vmm/ioapic.h"
#include "vmm/pic.h"
#include "vmm/platform.h"

enum { ISA_LINES = 16, PIC_CASCADE = 2 };

_Static_assert((int)GSI_COUNT == (int)IOAPIC_PINS, "one pin per interrupt");

/* Owned by the device lock. */
static struct pic *isa;
static struct ioapic *apic;
static uint32_t levels;
static bool replaced;        /* the HPET has the lines of PIT and RTC */

void vm_irq_init(struct pic *pic, struct ioapic *ioapic)
{
	isa = pic;
	apic = ioapic;
	levels = 0;
	replaced = false;
}

static void drive(unsigned gsi, bool level)
{
	uint32_t bit;

	/* The PIT's ISA line 0 sits on pin 2, so nothing else can be there; PIC input 2 is the cascade. */
	if (gsi >= GSI_COUNT || gsi == PIC_CASCADE) {
		return;
	}
	bit = 1u << gsi;
	if (((levels & bit) != 0) == level) {
		return;
	}
	levels ^= bit;
	if (gsi < ISA_LINES) {
		pic_set(isa, gsi, level);
	}
	ioapic_set(apic, gsi == GSI_PIT ? IOAPIC_PIN_PIT : gsi, level);
}

void vm_irq(unsigned gsi, bool level)
{
	if (!replaced || (gsi != GSI_PIT && gsi != GSI_RTC)) {
		drive(gsi, level);
	}
}

void vm_irq_replace(bool on)
{
	/* Who takes the lines over finds them low. */
	if (on != replaced) {
		drive(GSI_PIT, false);
		drive(GSI_RTC, false);
	}
	replaced = on;
}

void vm_irq_legacy(unsigned gsi, bool level)
{
	if (replaced) {
		drive(gsi, level);
	}
}
