/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for frames that are sent; out.h tells the rules. */
#include "drivers/nic/out.h"

uint32_t nic_out_room(const struct nic_out *out, uint32_t len)
{
	uint32_t bytes = ALIGN_UP(len, NIC_OUT_ALIGN);

	if (out->count == out->slots) {
		return NIC_OUT_FULL;
	}
	if (!out->count) {
		return bytes <= out->size ? 0 : NIC_OUT_FULL;
	}
	if (out->head <= out->tail) {                    /* it wrapped: head never reaches tail */
		return out->tail - out->head > bytes ? out->head : NIC_OUT_FULL;
	}
	if (out->size - out->head >= bytes) {
		return out->head;
	}
	return out->tail > bytes ? 0 : NIC_OUT_FULL;
}

unsigned nic_out_take(struct nic_out *out, uint32_t offset, uint32_t len)
{
	unsigned slot = (out->first + out->count) % out->slots;

	if (!out->count) {
		out->tail = offset;
	}
	out->head = offset + ALIGN_UP(len, NIC_OUT_ALIGN);
	out->frame[slot].end = out->head;
	out->frame[slot].busy = true;
	out->count++;
	return slot;
}

bool nic_out_done(struct nic_out *out, unsigned slot)
{
	if (slot >= out->slots || !out->frame[slot].busy) {
		return false;
	}
	out->frame[slot].busy = false;
	out->gone++;
	while (out->count && !out->frame[out->first].busy) {
		out->tail = out->frame[out->first].end;
		out->first = (out->first + 1) % out->slots;
		out->count--;
	}
	return true;
}
