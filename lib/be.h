/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in network order, at any address. */
#pragma once

#include "lib/base.h"

static inline uint16_t be_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t be_get32(const uint8_t *at)
{
	return (uint32_t)be_get16(at) << 16 | be_get16(at + 2);
}

static inline void be_put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static inline void be_put32(uint8_t *at, uint32_t value)
{
	be_put16(at, (uint16_t)(value >> 16));
	be_put16(at + 2, (uint16_t)value);
}
