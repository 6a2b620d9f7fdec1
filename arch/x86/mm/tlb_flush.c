/* SPDX-License-Identifier: Apache-2.0 */
/* Flushing for real. No entry is global and there are no PCIDs, so that loading CR3 drops all (SDM 3A 4.10.4.1). */
#include "arch/x86/cpu/regs.h"
#include "arch/x86/mm/tlb.h"
#include "kernel/panic.h"

void tlb_flush_this_cpu(void)
{
	write_cr3(read_cr3());
}

void tlb_ask_cpu(struct cpu *c)
{
	(void)c;
	panic("a second CPU is online, but nothing starts one");
}
