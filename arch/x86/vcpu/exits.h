/* SPDX-License-Identifier: Apache-2.0 */
/* The table of exit handlers. */
#pragma once

#include "arch/x86/vcpu/ops.h"

enum exit_action {
	EXIT_RESUME,         /* run the guest again                                                   */
	EXIT_TO_USER,        /* vcpu_run returns page->exit.kind, which is filled                     */
	EXIT_BLOCK,          /* sleep until an interrupt                                              */
};

typedef enum exit_action exit_fn(struct vcpu *, struct vm_exit *);

/* By enum exit_kind of the back end. Context: interrupts off, the vCPU loaded, its thread current. */
extern exit_fn *const exit_handlers[EXIT_KIND_COUNT];
