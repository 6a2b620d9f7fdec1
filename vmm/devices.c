/* SPDX-License-Identifier: Apache-2.0 */
/* The list of devices that every VM has. */
#include "vmm/hooks.h"
#include "vmm/vm.h"

static uint64_t ram_above_4g(void)
{
	uint64_t sum = 0;

	for (unsigned i = 1; i < vm.mem.count; i++) {
		sum += vm.mem.slot[i].size;
	}
	return sum;
}

/* What firmware would do for guests that know the PIC only: the lines of PCI are level-triggered. */
static void set_pci_lines(void)
{
	static const uint8_t line[] = PLATFORM_PCI_LINES;
	struct io_access io = { .addr = PORT_PIC_ELCR, .size = 2, .write = true };

	for (unsigned i = 0; i < ARRAY_SIZE(line); i++) {
		io.value |= 1u << line[i];
	}
	bus_access(&vm.pio, &io);
}

int vm_devices_init(void)
{
	int r;

	if ((r = pic_init(&vm.pic, &vm.pio)) < 0 || (r = ioapic_init(&vm.ioapic, &vm.mmio, PLATFORM_IOAPIC)) < 0) {
		return r;
	}
	vm.ioapic.id = (uint32_t)PLATFORM_IOAPIC_ID << 24;       /* as the MADT says */
	vm_irq_init(&vm.pic, &vm.ioapic);
	if ((r = pit_init(&vm.pit, &vm.pio, GSI_PIT)) < 0 ||
	    (r = rtc_init(&vm.rtc, &vm.pio, GSI_RTC, vm.map.low_end, ram_above_4g())) < 0 ||
	    (r = uart_init(&vm.uart, &vm.pio, PORT_COM1, GSI_COM1, &io_uart_backend, NULL)) < 0 ||
	    (r = acpi_pm_init(&vm.pm, &vm.pio, GSI_SCI)) < 0 ||
	    (r = i8042_init(&vm.kbc, &vm.pio)) < 0 || (r = pci_host_init(&vm.pci, &vm.pio, &vm.mmio)) < 0 ||
	    (r = chipset_init(&vm.chipset, &vm.pio, &vm.pci)) < 0) {
		return r;
	}
	set_pci_lines();
	if (vm.launch->conf.hpet && (r = hpet_init(&vm.hpet, &vm.mmio, PLATFORM_HPET)) < 0) {
		return r;
	}
	return vm_virtio_init();
}
