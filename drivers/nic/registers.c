/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a card in the memory where they were mapped; nic.h tells the rules. */
#include "drivers/nic/nic.h"

static volatile uint8_t *register_at(const struct nic_host *h, unsigned bar, uint32_t offset, unsigned bytes)
{
	if (bar >= NIC_BARS || !h->bar[bar] || offset % bytes || !range_within(offset, bytes, h->bar_size[bar])) {
		return NULL;
	}
	return h->bar[bar] + offset;
}

uint32_t nic_read(const struct nic_host *h, unsigned bar, uint32_t offset, unsigned bytes)
{
	volatile uint8_t *at = register_at(h, bar, offset, bytes);

	if (!at) {
		return UINT32_MAX;
	}
	switch (bytes) {
	case 1:  return *at;
	case 2:  return *(volatile uint16_t *)(uintptr_t)at;
	default: return *(volatile uint32_t *)(uintptr_t)at;
	}
}

void nic_write(const struct nic_host *h, unsigned bar, uint32_t offset, unsigned bytes, uint32_t value)
{
	volatile uint8_t *at = register_at(h, bar, offset, bytes);

	if (!at) {
		return;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);         /* what stands in memory before the card is told of it */
	switch (bytes) {
	case 1:  *at = (uint8_t)value; break;
	case 2:  *(volatile uint16_t *)(uintptr_t)at = (uint16_t)value; break;
	default: *(volatile uint32_t *)(uintptr_t)at = value; break;
	}
}
