/* SPDX-License-Identifier: Apache-2.0 */
/* init's own look into memory that it fills in for others: one place in its space. */
#pragma once

#include "lib/base.h"

/* Writes len bytes at offset of the first page of a clean region. */
int window_write(uint32_t region, uint64_t offset, const void *bytes, size_t len) MUST_CHECK;
