/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net, the driver's side. virtio 1.2, 5.1. One pair of queues; the buffers for frames that come always stand at the
 * same descriptors, and a frame that goes takes the descriptor of its slot.
 */
#include "drivers/nic/nic.h"

#include "drivers/nic/ids.h"
#include "lib/net_offload.h"

enum { F_CSUM = 0, F_GUEST_CSUM = 1, F_MAC = 5, F_GUEST_TSO4 = 7, F_GUEST_TSO6 = 8, F_GUEST_ECN = 9, F_HOST_TSO4 = 11,
       F_HOST_TSO6 = 12, F_HOST_ECN = 13, F_MRG_RXBUF = 15, F_STATUS = 16, F_CTRL_VQ = 17, F_CTRL_RX = 18,
       F_ACCESS_PLATFORM = 33 };
enum { RX = 0, TX = 1, CONTROL = 2, CONTROL_SIZE = 2 };
enum { CONFIG_STATUS = 6, LINK_UP = 1 };
enum { CTRL_RX = 0, RX_PROMISC = 0, CTRL_OK = 0, CONTROL_TRIES = 1000, CONTROL_US = 100 };

/* struct virtio_net_hdr of version 1. */
struct net_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

enum { HDR = sizeof(struct net_hdr), NEEDS_SLOTS = 1 };

/* In the memory for rings. */
enum { RX_AT = 0, TX_AT = 8 << 10, CONTROL_AT = 16 << 10, COMMAND_AT = 20 << 10, COMMAND_BYTES = 3, ACK_AT = COMMAND_AT + 64 };

_Static_assert(HDR == 12, "5.1.6");
_Static_assert((int)ACK_AT < (int)NIC_IN_AT, "they fit");

static bool matches(uint16_t vendor, uint16_t device)
{
	return vendor == NIC_VENDOR_VIRTIO && (device == NIC_VIRTIO || device == NIC_VIRTIO_TRANSITIONAL);
}

static bool has(const struct nic *nic, unsigned feature)
{
	return nic->virtio.features >> feature & 1;
}

/* ---- start ---- */

/* The largest power of two that both sides can do. */
static uint16_t ring_size(const struct nic *nic, uint16_t queue, uint16_t most)
{
	uint16_t size = virtio_pci_queue_size(&nic->virtio.pci, &nic->host, queue);

	while (most > size) {
		most /= 2;
	}
	return most;
}

static int start_queue(struct nic *nic, struct ring_driver *ring, uint16_t queue, uint32_t at, uint16_t most)
{
	struct virtio_nic *v = &nic->virtio;
	uint16_t size = ring_size(nic, queue, most);
	struct ring_setup setup;

	if (!size) {
		return nic_break(nic, "a queue is missing");
	}
	ring_driver_init(ring, (uint8_t *)nic->host.dma + at, nic->host.dma_phys + at, size, v->features, &setup);
	return virtio_pci_queue_start(&v->pci, &nic->host, queue, &setup,
				      nic->host.interrupts && queue != CONTROL ? 0 : VIRTIO_PCI_NO_VECTOR);
}

static int start_queues(struct nic *nic)
{
	struct virtio_nic *v = &nic->virtio;
	int r = start_queue(nic, &v->rx, RX, RX_AT, NIC_BUFFERS);

	if (r == OK) {
		r = start_queue(nic, &v->tx, TX, TX_AT, NIC_OUT_FRAMES);
		nic->out.slots = v->tx.size;
	}
	if (r == OK && has(nic, F_CTRL_VQ)) {
		r = start_queue(nic, &v->control, CONTROL, CONTROL_AT, CONTROL_SIZE);
	}
	if (r == OK && nic->host.interrupts) {
		r = virtio_pci_config_vector(&v->pci, &nic->host, 0);
	}
	return r;
}

static void add_buffers(struct nic *nic)
{
	struct ring_driver *rx = &nic->virtio.rx;

	for (uint16_t i = 0; i < rx->size; i++) {
		ring_driver_set(rx, i, nic->host.dma_phys + NIC_IN_AT + i * (uint64_t)NIC_BUFFER, NIC_BUFFER, RING_DRIVER_WRITE, 0);
		ring_driver_add(rx, i);
	}
}

/* VMs stand behind the card: it has to take frames for all of them (5.1.6.5.1). */
static int be_promiscuous(struct nic *nic)
{
	const uint8_t command[COMMAND_BYTES] = { CTRL_RX, RX_PROMISC, 1 };
	volatile uint8_t *ack = (uint8_t *)nic->host.dma + ACK_AT;
	struct ring_driver *ring = &nic->virtio.control;
	uint32_t written;
	uint16_t number;

	if (!has(nic, F_CTRL_VQ) || !has(nic, F_CTRL_RX)) {
		return OK;
	}
	__builtin_memcpy((uint8_t *)nic->host.dma + COMMAND_AT, command, sizeof(command));
	*ack = 0xff;
	ring_driver_set(ring, 0, nic->host.dma_phys + COMMAND_AT, COMMAND_BYTES, RING_DRIVER_NEXT, 1);
	ring_driver_set(ring, 1, nic->host.dma_phys + ACK_AT, 1, RING_DRIVER_WRITE, 0);
	ring_driver_add(ring, 0);
	if (ring_driver_show(ring)) {
		virtio_pci_notify(&nic->virtio.pci, &nic->host, CONTROL);
	}
	for (unsigned tries = 0; tries < CONTROL_TRIES; tries++) {
		if (ring_driver_used(ring, &number, &written) != 0) {
			break;
		}
		nic_wait_us(CONTROL_US);
	}
	return *ack == CTRL_OK ? OK : nic_break(nic, "it does not become promiscuous");
}

static uint32_t features_of(const struct nic *nic)
{
	static const struct {
		uint8_t feature;
		uint32_t means;
	} table[] = {
		{ F_CSUM, NIC_CSUM }, { F_HOST_TSO4, NIC_TSO4 }, { F_HOST_TSO6, NIC_TSO6 }, { F_HOST_ECN, NIC_ECN },
		{ F_GUEST_CSUM, NIC_CSUM_IN }, { F_GUEST_TSO4, NIC_MERGE },
	};
	uint32_t features = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		features |= has(nic, table[i].feature) ? table[i].means : 0;
	}
	return features;
}

/* Big frames only where they may come in pieces (5.1.6.3.1), and what depends on another feature not without it (5.1.3.1). */
static uint64_t wanted_of(uint64_t offered)
{
	uint64_t in = 1ull << F_GUEST_TSO4 | 1ull << F_GUEST_TSO6 | 1ull << F_GUEST_ECN;
	uint64_t out = 1ull << F_HOST_TSO4 | 1ull << F_HOST_TSO6 | 1ull << F_HOST_ECN;

	if (!(offered >> F_MRG_RXBUF & 1) || !(offered >> F_GUEST_CSUM & 1)) {
		offered &= ~in;
	}
	if (!(offered >> F_CSUM & 1)) {
		offered &= ~out;
	}
	if (!(offered & (1ull << F_GUEST_TSO4 | 1ull << F_GUEST_TSO6))) {
		offered &= ~(1ull << F_GUEST_ECN);
	}
	if (!(offered & (1ull << F_HOST_TSO4 | 1ull << F_HOST_TSO6))) {
		offered &= ~(1ull << F_HOST_ECN);
	}
	if (!(offered >> F_CTRL_VQ & 1)) {
		offered &= ~(1ull << F_CTRL_RX);
	}
	return offered;
}

static int negotiate(struct nic *nic)
{
	struct virtio_nic *v = &nic->virtio;
	uint64_t all = 1ull << F_CSUM | 1ull << F_GUEST_CSUM | 1ull << F_MAC | 1ull << F_GUEST_TSO4 | 1ull << F_GUEST_TSO6 |
		       1ull << F_GUEST_ECN | 1ull << F_HOST_TSO4 | 1ull << F_HOST_TSO6 | 1ull << F_HOST_ECN |
		       1ull << F_MRG_RXBUF | 1ull << F_STATUS | 1ull << F_CTRL_VQ | 1ull << F_CTRL_RX |
		       1ull << RING_F_EVENT_IDX | 1ull << F_ACCESS_PLATFORM;

	return virtio_pci_negotiate(&v->pci, &nic->host, wanted_of(virtio_pci_offered(&v->pci, &nic->host) & all), &v->features);
}

static void look_at_link(struct nic *nic)
{
	nic->link = !has(nic, F_STATUS) || (virtio_pci_config(&nic->virtio.pci, &nic->host, CONFIG_STATUS) & LINK_UP);
}

/* One that has none needs none: no frame goes out with it. */
static void read_mac(struct nic *nic)
{
	for (unsigned i = 0; i < sizeof(nic->mac); i++) {
		nic->mac[i] = has(nic, F_MAC) ? virtio_pci_config(&nic->virtio.pci, &nic->host, i) : 0;
	}
}

static void flush(struct nic *nic)
{
	if (ring_driver_show(&nic->virtio.rx)) {
		virtio_pci_notify(&nic->virtio.pci, &nic->host, RX);
	}
	if (ring_driver_show(&nic->virtio.tx)) {
		virtio_pci_notify(&nic->virtio.pci, &nic->host, TX);
	}
}

static int attach(struct nic *nic)
{
	struct virtio_nic *v = &nic->virtio;
	int r = virtio_pci_find(&v->pci, &nic->host);

	if (r < 0) {
		return nic_break(nic, "it is no modern virtio device");
	}
	r = virtio_pci_reset(&v->pci, &nic->host);
	if (r < 0) {
		return nic_break(nic, "it does not come out of reset");
	}
	nic_open_memory(nic);
	if ((r = negotiate(nic)) < 0 || (r = start_queues(nic)) < 0) {
		return r;
	}
	nic->features = features_of(nic);
	read_mac(nic);
	add_buffers(nic);
	virtio_pci_start(&v->pci, &nic->host);
	flush(nic);
	look_at_link(nic);
	return be_promiscuous(nic);
}

static void quiesce(struct nic *nic)
{
	if (nic->virtio.pci.common.bytes) {
		(void)!virtio_pci_reset(&nic->virtio.pci, &nic->host);
	}
}

/* ---- out ---- */

static bool takes(const struct nic *nic, const struct frame_header *h)
{
	(void)nic;
	(void)h;
	return true;
}

static bool has_slots(const struct nic *nic)
{
	return nic->out.count < nic->out.slots;
}

static void transmit(struct nic *nic, unsigned slot, uint32_t offset, const struct frame_header *h)
{
	struct ring_driver *tx = &nic->virtio.tx;
	struct net_hdr hdr = {
		.flags = h->flags & NET_HDR_NEEDS_CSUM, .gso_type = h->gso_type, .gso_size = h->gso_size,
		.csum_start = h->csum_start, .csum_offset = h->csum_offset,
	};
	uint8_t *at = (uint8_t *)nic->host.dma + NIC_OUT_AT + offset;

	if (h->gso_type != NET_GSO_NONE) {
		hdr.hdr_len = (uint16_t)net_tcp_headers(at + HDR, h);
	}
	__builtin_memcpy(at, &hdr, HDR);
	ring_driver_set(tx, (uint16_t)slot, nic->host.dma_phys + NIC_OUT_AT + offset, HDR + h->len, 0, 0);
	ring_driver_add(tx, (uint16_t)slot);
}

static void reap(struct nic *nic)
{
	uint32_t written;
	uint16_t slot;
	int r;

	while ((r = ring_driver_used(&nic->virtio.tx, &slot, &written)) > 0) {
		(void)!nic_out_done(&nic->out, slot);    /* the ring has it, so there is one */
	}
	if (r < 0) {
		nic_break(nic, "a frame has gone that was never sent");
	}
}

/* ---- in ---- */

/* Takes one used buffer into the frame, from byte skip on. False: there is none; or the card is broken. */
static bool take_buffer(struct nic *nic, struct nic_frame *f, uint32_t skip)
{
	uint32_t written;
	uint16_t id;
	int r = ring_driver_used(&nic->virtio.rx, &id, &written);

	if (r < 0 || (r > 0 && (written <= skip || written > NIC_BUFFER))) {
		nic_break(nic, "a buffer came back that it does not have, or with more bytes than it holds");
		return false;
	}
	if (r == 0) {
		return false;
	}
	f->ids[f->pieces] = id;
	f->piece[f->pieces].base = (uint8_t *)nic->host.dma + NIC_IN_AT + id * (uint32_t)NIC_BUFFER + skip;
	f->piece[f->pieces].len = written - skip;
	f->header.len += written - skip;
	f->pieces++;
	return true;
}

static void release(struct nic *nic, const struct nic_frame *f)
{
	for (unsigned i = 0; i < f->pieces; i++) {
		ring_driver_add(&nic->virtio.rx, f->ids[i]);
	}
}

static int receive(struct nic *nic, struct nic_frame *f)
{
	struct net_hdr hdr;
	unsigned count;

	f->pieces = 0;
	f->header = (struct frame_header){ 0 };
	if (!take_buffer(nic, f, HDR)) {
		return nic->broken ? E_IO : E_AGAIN;
	}
	__builtin_memcpy(&hdr, f->piece[0].base - HDR, HDR);
	__asm__ volatile("" : "+m"(hdr) : : "memory");   /* from here on the copy */
	count = has(nic, F_MRG_RXBUF) ? hdr.num_buffers : 1;
	if (!count || count > NIC_PIECES_MAX) {
		return nic_break(nic, "a frame of no buffers, or of too many");
	}
	while (f->pieces < count) {
		if (!take_buffer(nic, f, 0)) {
			return nic_break(nic, "a frame came in parts");
		}
	}
	f->header.flags = hdr.flags & (NET_HDR_NEEDS_CSUM | NET_HDR_DATA_VALID);
	f->header.gso_type = hdr.gso_type;
	f->header.hdr_len = hdr.hdr_len;
	f->header.gso_size = hdr.gso_size;
	f->header.csum_start = hdr.csum_start;
	f->header.csum_offset = hdr.csum_offset;
	if (f->header.len < FRAME_MIN || f->header.len > FRAME_MAX) {
		release(nic, f);
		return E_PROTO;
	}
	return OK;
}

/* ---- interrupts ---- */

static void acknowledge(struct nic *nic)
{
	ring_driver_mute(&nic->virtio.rx);
	ring_driver_mute(&nic->virtio.tx);
	if (!nic->host.interrupts) {
		(void)virtio_pci_isr(&nic->virtio.pci, &nic->host);
	}
	if (virtio_pci_needs_reset(&nic->virtio.pci, &nic->host)) {
		nic_break(nic, "it wants to be reset");
	}
	look_at_link(nic);
}

static bool listen(struct nic *nic, bool transmit_too)
{
	bool quiet = ring_driver_listen(&nic->virtio.rx);

	if (transmit_too) {
		return ring_driver_listen(&nic->virtio.tx) && quiet;
	}
	return quiet;
}

const struct nic_ops nic_virtio = {
	.name = "virtio-net", .headroom = HDR, .matches = matches, .attach = attach, .quiesce = quiesce, .takes = takes,
	.has_slots = has_slots, .transmit = transmit, .flush = flush, .reap = reap, .receive = receive, .release = release,
	.acknowledge = acknowledge, .listen = listen,
};
