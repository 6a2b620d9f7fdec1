/* SPDX-License-Identifier: Apache-2.0 */
/* Names of kernel code addresses, from the table that tools/mksyms links in. */
#pragma once

#include "lib/base.h"

/* Name of the function around addr and the distance into it; NULL when addr is not in kernel code. */
const char *ksyms_name(uint64_t addr, uint64_t *offset);
