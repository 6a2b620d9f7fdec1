/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest platform in numbers: what the device models, the ACPI tables and the loaders must agree on.
 * Ports and lines are those of every PC; the ACPI block stands where chipsets of the q35 family put it.
 */
#pragma once

#include "lib/base.h"

/* Ports. Lengths are in bytes. */
enum platform_port {
	PORT_PIC_MASTER = 0x20, PORT_PIC_SLAVE = 0xa0, PORT_PIC_ELCR = 0x4d0,
	PORT_PIT = 0x40, PORT_SYSTEM_B = 0x61,
	PORT_I8042_DATA = 0x60, PORT_I8042_CMD = 0x64,
	PORT_RTC = 0x70,
	PORT_POST = 0x80,
	PORT_IO_DELAY = 0xed,
	PORT_COM1 = 0x3f8,
	PORT_PCI_ADDRESS = 0xcf8, PORT_PCI_DATA = 0xcfc,
	PORT_RESET = 0xcf9,          /* also the FADT's reset register                               */
	PORT_PM1A_EVT = 0x600,       /* 4: status, enable                                            */
	PORT_PM1A_CNT = 0x604,       /* 2                                                            */
	PORT_PM_TIMER = 0x608,       /* 4: 32 bits wide                                              */
	PORT_GPE0 = 0x620,           /* 4: two bytes status, two bytes enable                        */
};

enum { PM1A_EVT_LEN = 4, PM1A_CNT_LEN = 2, PM_TIMER_LEN = 4, GPE0_LEN = 4, COM1_LEN = 8, RTC_LEN = 2 };

enum {
	RESET_VALUE = 0x06,          /* written to PORT_RESET: full reset                            */
	S5_SLP_TYP = 5,              /* SLP_TYP of PM1a control for soft-off                         */
};

/* Lines: global system interrupts, equal to ISA lines but for the PIT. */
enum platform_gsi { GSI_PIT = 0, GSI_COM1 = 4, GSI_RTC = 8, GSI_SCI = 9, GSI_VIRTIO_MMIO = 16, GSI_COUNT = 24, IOAPIC_PIN_PIT = 2 };

/* Guest-physical addresses of what is not RAM. */
#define PLATFORM_PCI_WINDOW      0xc0000000ull     /* memory BARs answer in here                     */
#define PLATFORM_PCI_WINDOW_SIZE 0x20000000ull
#define PLATFORM_ECAM            0xe0000000ull     /* configuration of PCI bus 0                     */
#define PLATFORM_ECAM_SIZE       0x00100000ull
#define PLATFORM_VIRTIO_MMIO     0xfeb00000ull     /* virtio devices that are not on PCI, one after the other */
#define PLATFORM_VIRTIO_MMIO_SIZE 0x1000ull
#define PLATFORM_HPET            0xfed00000ull
#define PLATFORM_HPET_SIZE       0x400ull
#define PLATFORM_IOAPIC   0xfec00000ull
#define PLATFORM_LAPIC    0xfee00000ull
#define PLATFORM_LOW_END  0xc0000000ull    /* RAM below 4 GiB ends here at the latest                */
#define PLATFORM_HIGH     0x100000000ull   /* and goes on here                                       */

/* Areas in the first MiB, all inside RAM. The memory map says which of them the guest may take. */
#define PLATFORM_BDA_EBDA   0x40eull       /* BIOS data area: segment of the next, 16 bits           */
#define PLATFORM_BDA_MEMORY 0x413ull       /* and KiB of conventional memory, 16 bits                */
#define PLATFORM_EBDA     0x9fc00ull       /* end of conventional memory                             */
#define PLATFORM_VGA      0xa0000ull
#define PLATFORM_TABLES   0xe0000ull       /* RSDP first, then the other ACPI tables                 */
#define PLATFORM_SMBIOS   0xf0000ull       /* its entry points, then its structures                   */
#define PLATFORM_BIOS_CALL 0xfffe0ull      /* what real-mode interrupts run                          */
#define PLATFORM_RESET    0xffff0ull       /* where real mode finds firmware's first instruction     */
#define PLATFORM_BIOS_END 0x100000ull

/* Where INTA# of PCI slot n goes: entry n % 4. ISA lines that nothing else has, so that they reach the PIC too. */
#define PLATFORM_PCI_LINES { 11, 10, 5, 3 }

enum { VIRTIO_MMIO_MAX = 6 };          /* one line each, from GSI_VIRTIO_MMIO on; 22 and 23 are the HPET's */

enum { PLATFORM_VCPUS_MAX = 8, PLATFORM_IOAPIC_ID = 8 };
