/* SPDX-License-Identifier: Apache-2.0 */
/* A checksum of text in memory that may not have survived: order matters, zeroes do not vanish (after Fletcher). */
#pragma once

#include "lib/base.h"

uint32_t checksum(const char *text, uint32_t length);
