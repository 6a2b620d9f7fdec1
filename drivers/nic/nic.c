/* SPDX-License-Identifier: Apache-2.0 */
/* The list of drivers, and what is the same for all cards. */
#include "drivers/nic/nic.h"

#include "lib/net_offload.h"

static const struct nic_ops *const drivers[] = { &nic_virtio, &nic_e1000, &nic_e1000e };

static const struct nic_ops *find(uint16_t vendor, uint16_t device)
{
	for (unsigned i = 0; i < ARRAY_SIZE(drivers); i++) {
		if (drivers[i]->matches(vendor, device)) {
			return drivers[i];
		}
	}
	return NULL;
}

bool nic_is_known(uint16_t vendor, uint16_t device)
{
	return find(vendor, device);
}

int nic_break(struct nic *nic, const char *why)
{
	if (!nic->broken) {
		nic->broken = why;
	}
	return E_IO;
}

int nic_attach(struct nic *nic, const struct nic_host *host)
{
	int r;

	*nic = (struct nic){ .ops = find(host->vendor, host->device), .host = *host };
	if (!nic->ops) {
		nic_break(nic, "no driver knows it");
		return E_NOENT;
	}
	if (host->dma_size < NIC_DMA_BYTES) {
		nic_break(nic, "it has too little memory");
		return E_NOMEM;
	}
	nic->out.size = NIC_OUT_BYTES;
	nic->out.slots = NIC_OUT_FRAMES;
	r = nic->ops->attach(nic);
	if (r == OK && (nic->mac[0] & 1)) {
		r = nic_break(nic, "an address that is none of a card");
	}
	if (r < 0) {
		nic_break(nic, "it does not do as it should");
		nic_quiesce(nic);
	}
	return r;
}

void nic_quiesce(struct nic *nic)
{
	nic->link = false;
	if (nic->opened) {
		nic->ops->quiesce(nic);
	}
	nic->opened = false;
	nic_set_master(&nic->host, false);
}

void nic_open_memory(struct nic *nic)
{
	__builtin_memset((uint8_t *)nic->host.dma + NIC_RINGS_AT, 0, NIC_IN_AT - NIC_RINGS_AT);
	nic_set_master(&nic->host, true);
	nic->opened = true;
}

bool nic_takes(const struct nic *nic, const struct frame_header *h)
{
	unsigned gso = h->gso_type & ~(unsigned)NET_GSO_ECN;

	if ((h->flags & NET_HDR_NEEDS_CSUM) && !(nic->features & NIC_CSUM)) {
		return false;
	}
	if ((h->gso_type & NET_GSO_ECN) && !(nic->features & NIC_ECN)) {
		return false;
	}
	if (gso != NET_GSO_NONE && !(nic->features & (gso == NET_GSO_TCPV4 ? NIC_TSO4 : NIC_TSO6))) {
		return false;
	}
	return nic->ops->takes(nic, h);
}

/* ---- out ---- */

static uint8_t *out_at(const struct nic *nic, uint32_t offset)
{
	return (uint8_t *)nic->host.dma + NIC_OUT_AT + offset;
}

uint8_t *nic_room(struct nic *nic, uint32_t len)
{
	uint32_t bytes = nic->ops->headroom + len;

	if (nic->broken || !nic->ops->has_slots(nic) || nic_out_room(&nic->out, bytes) == NIC_OUT_FULL) {
		nic->ops->reap(nic);
	}
	if (nic->broken || !nic->ops->has_slots(nic)) {
		return NULL;
	}
	nic->room_at = nic_out_room(&nic->out, bytes);
	return nic->room_at == NIC_OUT_FULL ? NULL : out_at(nic, nic->room_at) + nic->ops->headroom;
}

bool nic_transmit(struct nic *nic, const struct frame_header *h)
{
	uint32_t on_wire = h->len;

	if (h->gso_type != NET_GSO_NONE) {
		uint32_t headers = net_tcp_headers(out_at(nic, nic->room_at) + nic->ops->headroom, h);

		on_wire = headers ? headers + h->gso_size : UINT32_MAX;
	}
	if (on_wire > NIC_WIRE_MAX) {
		return false;
	}
	nic->ops->transmit(nic, nic_out_take(&nic->out, nic->room_at, nic->ops->headroom + h->len), nic->room_at, h);
	return true;
}

void nic_flush(struct nic *nic)
{
	if (!nic->broken) {
		nic->ops->flush(nic);
	}
}

void nic_reap(struct nic *nic)
{
	if (!nic->broken) {
		nic->ops->reap(nic);
	}
}

/* ---- in ---- */

int nic_receive(struct nic *nic, struct nic_frame *frame)
{
	int r;

	if (nic->broken) {
		return E_IO;
	}
	r = nic->ops->receive(nic, frame);
	if (r == OK && !net_header_is_sane(&frame->header)) {
		nic->ops->release(nic, frame);
		r = E_PROTO;
	}
	nic->nonsense += r == E_PROTO;
	return r;
}

void nic_release(struct nic *nic, const struct nic_frame *frame)
{
	if (!nic->broken) {
		nic->ops->release(nic, frame);
	}
}

void nic_frame_get(const struct nic_frame *frame, uint32_t at, void *bytes, uint32_t len)
{
	uint8_t *to = bytes;

	for (unsigned i = 0; i < frame->pieces && len; i++) {
		uint32_t have = frame->piece[i].len, n;

		if (at >= have) {
			at -= have;
			continue;
		}
		n = have - at < len ? have - at : len;
		__builtin_memcpy(to, frame->piece[i].base + at, n);
		to += n;
		len -= n;
		at = 0;
	}
}

/* ---- interrupts ---- */

void nic_acknowledge(struct nic *nic)
{
	nic->ops->acknowledge(nic);
	nic->link = nic->link && !nic->broken;
}

bool nic_listen(struct nic *nic, bool transmit)
{
	return nic->broken || nic->ops->listen(nic, transmit);
}
