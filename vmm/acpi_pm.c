/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI fixed hardware. ACPI 6.5, 4.8.3 (PM1, timer) and 4.8.4 (general-purpose events). */
#include "vmm/acpi_pm.h"
#include "vmm/platform.h"
#include "vmm/regs.h"
#include "vmm/ticks.h"

enum {
	STS_TIMER = 1 << 0, STS_POWER_BUTTON = 1 << 8,
	STS_ALL = 0x8731,            /* timer, bus master, global, power, sleep button, RTC, wake    */
	EN_ALL = 0x0721,             /* all of these but bus master and wake                         */
};
enum { CNT_SCI_EN = 1 << 0, CNT_SLP_TYP = 7 << 10, CNT_SLP_TYP_SHIFT = 10, CNT_SLP_EN = 1 << 13, CNT_KEPT = CNT_SLP_TYP | 1 << 1 };
enum { CARRY_SHIFT = 31 };

static uint64_t timer_now(void)
{
	return ns_to_ticks(vm_now(), ACPI_PM_TIMER_HZ);
}

static void update_sci(struct acpi_pm *pm)
{
	vm_irq(pm->gsi, (pm->pm1_status & pm->pm1_enable & EN_ALL) || (pm->gpe_status & pm->gpe_enable));
}

/* TMR_STS: the timer's top bit has changed since it was last looked at (4.8.3.1.1). */
static void catch_up(struct acpi_pm *pm)
{
	uint32_t carries = (uint32_t)(timer_now() >> CARRY_SHIFT);

	if (carries != pm->seen_carries) {
		pm->seen_carries = carries;
		pm->pm1_status |= STS_TIMER;
	}
}

/* Only an enabled and not yet reported change needs a timer. */
static void update(struct acpi_pm *pm)
{
	catch_up(pm);
	if ((pm->pm1_enable & STS_TIMER) && !(pm->pm1_status & STS_TIMER)) {
		vm_timer_set(&pm->carry, ticks_to_ns(((timer_now() >> CARRY_SHIFT) + 1) << CARRY_SHIFT, ACPI_PM_TIMER_HZ));
	} else {
		vm_timer_cancel(&pm->carry);
	}
	update_sci(pm);
}

static void on_carry(void *arg)
{
	update(arg);
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
	pm->pm1_status |= STS_POWER_BUTTON;
	pm->taken = false;
	pm->pressed_ns = vm_now();
	update_sci(pm);
}

bool acpi_pm_power_button_again(struct acpi_pm *pm)
{
	if (pm->taken && vm_now() - pm->pressed_ns < BUTTON_TAKEN_S * 1000000000ull) {
		return false;
	}
	acpi_pm_power_button(pm);
	return true;
}

/* A guest that does not want to hear of it clears it, too: while it sets ACPI up, for one. */
static void write_status(void *dev, uint32_t val)
{
	struct acpi_pm *pm = dev;

	if (val & pm->pm1_enable & STS_POWER_BUTTON) {
		pm->taken = true;
	}
	update(pm);
}

static uint32_t read_status(void *dev)
{
	struct acpi_pm *pm = dev;

	update(pm);
	return pm->pm1_status;
}

static void write_event(void *dev, uint32_t val)
{
	(void)val;
	update(dev);
}

/* SCI_EN cannot be cleared: there is no legacy mode. SLP_EN reads as zero. */
static uint32_t read_control(void *dev)
{
	struct acpi_pm *pm = dev;

	return pm->pm1_control | (uint32_t)CNT_SCI_EN;
}

/* S5 is the only sleep state that the tables offer; the others do nothing. */
static void write_control(void *dev, uint32_t val)
{
	struct acpi_pm *pm = dev;

	if ((val & CNT_SLP_EN) && (pm->pm1_control & CNT_SLP_TYP) >> CNT_SLP_TYP_SHIFT == S5_SLP_TYP) {
		vm_request_end(VM_END_POWEROFF);
	}
}

static uint32_t read_timer(void *dev)
{
	(void)dev;
	return (uint32_t)timer_now();
}

static const struct reg pm_regs[] = {
	REG(struct acpi_pm, PORT_PM1A_EVT - PORT_PM1A_EVT, pm1_status, .w1c = STS_ALL, .read = read_status, .write = write_status),
	REG(struct acpi_pm, PORT_PM1A_EVT + 2 - PORT_PM1A_EVT, pm1_enable, .wmask = EN_ALL, .write = write_event),
	REG(struct acpi_pm, PORT_PM1A_CNT - PORT_PM1A_EVT, pm1_control, .wmask = CNT_KEPT, .read = read_control,
	    .write = write_control),
	REG_HOOKS(PORT_PM_TIMER - PORT_PM1A_EVT, 4, .read = read_timer),
};

static const struct reg gpe_regs[] = {
	REG(struct acpi_pm, 0, gpe_status, .w1c = 0xffff, .write = write_event),
	REG(struct acpi_pm, 2, gpe_enable, .wmask = 0xffff, .write = write_event),
};

static void pm_access(void *dev, struct io_access *io)
{
	regs_access(pm_regs, ARRAY_SIZE(pm_regs), dev, io);
}

static void gpe_access(void *dev, struct io_access *io)
{
	regs_access(gpe_regs, ARRAY_SIZE(gpe_regs), dev, io);
}

int acpi_pm_init(struct acpi_pm *pm, struct bus *ports, unsigned gsi)
{
	int r;

	*pm = (struct acpi_pm){
		.seen_carries = (uint32_t)(timer_now() >> CARRY_SHIFT),
		.gsi = gsi, .carry = { .fn = on_carry, .arg = pm },
	};
	r = bus_add(ports, PORT_PM1A_EVT, PORT_PM_TIMER + PM_TIMER_LEN - PORT_PM1A_EVT, pm_access, pm, "acpi pm");
	if (r == OK) {
		r = bus_add(ports, PORT_GPE0, GPE0_LEN, gpe_access, pm, "acpi gpe");
	}
	return r;
}
