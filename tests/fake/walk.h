/* SPDX-License-Identifier: Apache-2.0 */
/* A page walk that looks and changes nothing, to see what the kernel's tables say. */
#pragma once

#include "arch/x86/mm/pt.h"

/* The leaf that maps addr; false if there is none. Any of the results may be NULL. *pa: of addr itself; *size: of the leaf. */
bool pt_lookup(const struct pt *pt, uint64_t addr, hpa_t *pa, uint32_t *prot, uint64_t *size);
