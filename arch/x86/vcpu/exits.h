/* SPDX-License-Identifier: Apache-2.0 */
/* The table of exit handlers. */
#pragma once

#include "arch/x86/vcpu/ops.h"

enum exit_action {
	EXIT_RESUME,         /* run the guest again                                                   */
	EXIT_TO_USER,        /* vcpu_run returns page->exit.kind, which is filled                     */
	EXIT_BLOCK,          /* sleep until an interrupt                                              */
};

/* e->kind < EXIT_KIND_COUNT. Context: interrupts off, the vCPU loaded, its thread current. */
enum exit_action exit_handle(struct vcpu *v, struct vm_exit *e);

/* Fills the shared page for EXIT_FAIL and keeps the vCPU from running again. */
enum exit_action exit_fail(struct vcpu *v, uint64_t code, uint64_t info1, uint64_t info2, const char *why);
