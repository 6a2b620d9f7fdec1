/* SPDX-License-Identifier: Apache-2.0 */
/* What the guest's RDMSR and WRMSR do. MSRs that the back end lets through never get here. */
#pragma once

#include "lib/base.h"

struct vcpu;

/* false: the instruction is a #GP. A write may leave work behind (EOI for the vmm: v->vapic.eoi_vector, *eoi set). */
bool msr_read(struct vcpu *v, uint32_t index, uint64_t *val);
bool msr_write(struct vcpu *v, uint32_t index, uint64_t val, bool *eoi);

/* A value that PAT may hold (SDM 3A 12.12.2). */
bool msr_pat_valid(uint64_t val);

/* What the paging state allows EFER to become; LMA follows LME and CR0.PG. */
bool msr_efer_valid(uint64_t old, uint64_t val, uint64_t cr0);
