/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of local APICs, the host's and the guests'. SDM 3A 11.4.1, 11.12.1. */
#pragma once

enum apic_base_bits { APIC_BASE_BSP = 1 << 8, APIC_BASE_X2APIC = 1 << 10, APIC_BASE_ENABLE = 1 << 11 };

/* Numbers: the offset in the xAPIC page divided by 16, and the x2APIC MSR minus 800h. */
enum apic_reg {
	APIC_ID = 0x02, APIC_VERSION = 0x03, APIC_TPR = 0x08, APIC_PPR = 0x0a, APIC_EOI = 0x0b,
	APIC_LDR = 0x0d, APIC_DFR = 0x0e, APIC_SVR = 0x0f, APIC_ISR = 0x10, APIC_TMR = 0x18,
	APIC_IRR = 0x20, APIC_ESR = 0x28, APIC_LVT_CMCI = 0x2f, APIC_ICR = 0x30, APIC_ICR2 = 0x31,
	APIC_LVT_TIMER = 0x32, APIC_LVT_THERMAL = 0x33, APIC_LVT_PERF = 0x34, APIC_LVT_LINT0 = 0x35,
	APIC_LVT_LINT1 = 0x36, APIC_LVT_ERROR = 0x37, APIC_TIMER_INIT = 0x38, APIC_TIMER_COUNT = 0x39,
	APIC_TIMER_DIVIDE = 0x3e, APIC_SELF_IPI = 0x3f,
	APIC_REGS = 0x40
};
