/* SPDX-License-Identifier: Apache-2.0 */
/* What a vCPU has done so far, as lines for the operator. */
#include "lib/fmt.h"
#include "vmm/vm.h"

enum { LINE = 160, ENTRY = 36 };         /* bytes: a line; the longest kind with the longest number     */

static const char *const names[EXIT_KIND_COUNT] = {
	[EXIT_KICKED] = "kicked", [EXIT_PIO] = "pio", [EXIT_MMIO] = "mmio", [EXIT_EOI] = "eoi", [EXIT_EXTINT] = "extint",
	[EXIT_SHUTDOWN] = "shutdown", [EXIT_FAIL] = "fail", [EXIT_INIT] = "init", [EXIT_SIPI] = "sipi", [EXIT_DECODE] = "decode", [EXIT_TASK] = "task",
	[EXIT_CPUID] = "cpuid", [EXIT_MSR] = "msr", [EXIT_HLT] = "hlt", [EXIT_HYPERCALL] = "hypercall",
	[EXIT_INTERRUPT] = "interrupt", [EXIT_IRQ_WINDOW] = "irq-window", [EXIT_CR] = "cr", [EXIT_DR] = "dr", [EXIT_APIC] = "apic",
	[EXIT_DOORBELL] = "doorbell", [EXIT_EXCEPTION] = "exception", [EXIT_XSETBV] = "xsetbv", [EXIT_PAUSE] = "pause",
	[EXIT_NMI] = "nmi", [EXIT_OTHER] = "other",
};

void vcpu_log_counters(const struct vm_vcpu *v)
{
	char line[LINE];
	size_t len = fmt_print(line, LINE, "vcpu %u: in the guest %llu ms, exits:", v->id,
			       (unsigned long long)(v->page->guest_ticks / vm.launch->tsc_khz));

	for (unsigned kind = 0; kind < EXIT_KIND_COUNT; kind++) {
		if (!v->page->exits[kind]) {
			continue;
		}
		if (len > LINE - ENTRY) {
			vm_log("%s", line);
			len = fmt_print(line, LINE, "vcpu %u: exits:", v->id);
		}
		len += fmt_print(line + len, LINE - len, " %s %llu", names[kind], (unsigned long long)v->page->exits[kind]);
	}
	vm_log("%s", line);
}
