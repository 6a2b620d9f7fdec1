/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 82540EM, and what it has in common with the 82574L: e1000.h tells the manuals. Legacy descriptors for frames that come,
 * extended ones for frames that go, each with its data in one piece of at most E1000_PIECE bytes.
 */
#include "drivers/nic/e1000.h"

#include "drivers/nic/ids.h"
#include "lib/net_offload.h"

enum { EERD_DONE = 1 << 4, EERD_SHIFT = 8, EERD_START = 1, EERD_DATA_SHIFT = 16, EERD_TRIES = 1000 };
enum { RING = 256, DESC_BYTES = 16, PIECE = 8192, PIECES_MAX = FRAME_MAX / PIECE + 1, FRAME_DESCS = PIECES_MAX + 1 };
enum { RX_AT = 0, TX_AT = 4096 };

enum { CTRL_LRST = 1 << 3, CTRL_ILOS = 1 << 7, CTRL_FORCE = 3 << 11, CTRL_VME = 1 << 30 };
enum { RCTL_EN = 1 << 1, RCTL_UPE = 1 << 3, RCTL_MPE = 1 << 4, RCTL_BAM = 1 << 15, RCTL_SECRC = 1 << 26 };
enum { TCTL_EN = 1 << 1, TCTL_PSP = 1 << 3, TCTL_CT = 0x0f << 4, TCTL_COLD = 0x40 << 12, TCTL_FIELDS = 0x3ffff0 };
enum { TIPG_COPPER = 8 | 8 << 10 | 6 << 20, RXCSUM_ON = 1 << 8 | 1 << 9 };
enum { RESET_US = 10000, RESET_TRIES = 20 };
#define RAH_VALID (1u << 31)

/* Second word of a received frame's descriptor, 8254x 3.2.3. */
enum { RX_DD = 1, RX_EOP = 2, RX_IXSM = 4, RX_TCPCS = 0x20, RX_TCPE = 0x20, RX_BAD = 0x97 };

/* Second word of an extended descriptor, 8254x 3.3.6 and 3.3.7. */
enum { CMD_EOP = 1, CMD_TCP = 1, CMD_IP = 2, CMD_IFCS = 2, CMD_TSE = 4, CMD_RS = 8, CMD_DEXT = 0x20 };
enum { TYPE_DATA = 1 << 20, CMD_SHIFT = 24, TX_DD = 1, POPTS_SHIFT = 40, POPTS_IXSM = 1, POPTS_TXSM = 2 };
enum { HDRLEN_SHIFT = 40, MSS_SHIFT = 48 };

/* What the fields can hold; smaller segments than that are not worth a thought of the card. */
enum { CSUM_FIELD_MAX = 255, MSS_LEAST = 64, CSUM_TCP = 16 };
enum { ETHER = 14, V4_LEN = 2, V4_SUM = 10, V6_LEN = 4 };

_Static_assert((int)RING == (int)NIC_BUFFERS && TX_AT + RING * DESC_BYTES <= (int)NIC_IN_AT, "they fit");

uint32_t e1000_get(const struct nic *nic, enum e1000_register reg)
{
	return nic_read(&nic->host, 0, reg, 4);
}

void e1000_set(const struct nic *nic, enum e1000_register reg, uint32_t value)
{
	nic_write(&nic->host, 0, reg, 4, value);
}

static uint64_t load(const volatile uint8_t *ring, unsigned i)
{
	return __atomic_load_n((const volatile uint64_t *)(uintptr_t)(ring + i * DESC_BYTES + 8), __ATOMIC_ACQUIRE);
}

static void store(volatile uint8_t *ring, unsigned i, uint64_t first, uint64_t second)
{
	volatile uint64_t *d = (volatile uint64_t *)(uintptr_t)(ring + i * DESC_BYTES);

	d[0] = first;
	__atomic_store_n(&d[1], second, __ATOMIC_RELEASE);
}

static unsigned behind(unsigned i)
{
	return (i + 1) % RING;
}

/* ---- start ---- */

static bool is_gone(const struct nic *nic)
{
	return e1000_get(nic, E1000_STATUS) == UINT32_MAX;
}

int e1000_reset(struct nic *nic)
{
	e1000_set(nic, E1000_IMC, UINT32_MAX);
	e1000_set(nic, E1000_RCTL, 0);
	e1000_set(nic, E1000_TCTL, TCTL_PSP);
	if (is_gone(nic)) {
		return nic_break(nic, "its registers do not answer");
	}
	nic_wait_us(RESET_US);                           /* what is under way on the bus ends */
	e1000_set(nic, E1000_CTRL, e1000_get(nic, E1000_CTRL) | E1000_CTRL_RST);
	for (unsigned tries = 0; tries < RESET_TRIES; tries++) {
		nic_wait_us(RESET_US);
		if (!(e1000_get(nic, E1000_CTRL) & E1000_CTRL_RST)) {
			e1000_set(nic, E1000_IMC, UINT32_MAX);
			(void)!e1000_get(nic, E1000_ICR);
			return OK;
		}
	}
	return nic_break(nic, "it does not come out of reset");
}

static int read_eeprom(const struct nic *nic, uint32_t done, unsigned shift, uint32_t word, uint16_t *value)
{
	e1000_set(nic, E1000_EERD, word << shift | EERD_START);
	for (unsigned tries = 0; tries < EERD_TRIES; tries++) {
		uint32_t answer = e1000_get(nic, E1000_EERD);

		if (answer & done) {
			*value = (uint16_t)(answer >> EERD_DATA_SHIFT);
			return OK;
		}
		nic_wait_us(10);
	}
	return E_TIMEOUT;
}

/* The card loads its address from the EEPROM at reset; one that did not is asked for the EEPROM. */
int e1000_read_mac(struct nic *nic, uint32_t eerd_done, unsigned eerd_shift)
{
	uint32_t low = e1000_get(nic, E1000_RAL), high = e1000_get(nic, E1000_RAH);
	uint16_t word[3] = { (uint16_t)low, (uint16_t)(low >> 16), (uint16_t)high };

	for (uint32_t i = 0; i < 3 && !(high & RAH_VALID); i++) {
		if (read_eeprom(nic, eerd_done, eerd_shift, i, &word[i]) < 0) {
			return nic_break(nic, "its EEPROM does not answer");
		}
	}
	__builtin_memcpy(nic->mac, word, sizeof(nic->mac));
	e1000_set(nic, E1000_RAL, word[0] | (uint32_t)word[1] << 16);
	e1000_set(nic, E1000_RAH, word[2] | RAH_VALID);
	return OK;
}

static uint64_t buffer_at(const struct nic *nic, unsigned i)
{
	return nic->host.dma_phys + NIC_IN_AT + i * (uint64_t)NIC_BUFFER;
}

static void start_receiver(struct nic *nic)
{
	struct e1000 *e = &nic->e1000;
	uint64_t at = nic->host.dma_phys + NIC_RINGS_AT + RX_AT;

	for (unsigned i = 0; i < RING; i++) {
		store(e->rx, i, buffer_at(nic, i), 0);
	}
	e1000_set(nic, E1000_RDBAL, (uint32_t)at);
	e1000_set(nic, E1000_RDBAH, (uint32_t)(at >> 32));
	e1000_set(nic, E1000_RDLEN, RING * DESC_BYTES);
	e1000_set(nic, E1000_RDH, 0);
	e1000_set(nic, E1000_RDT, 0);
	e1000_set(nic, E1000_RDTR, 0);
	e1000_set(nic, E1000_RXCSUM, RXCSUM_ON);
	e1000_set(nic, E1000_RCTL, RCTL_EN | RCTL_UPE | RCTL_MPE | RCTL_BAM | RCTL_SECRC);
	e1000_set(nic, E1000_RDT, RING - 1);
}

static void start_transmitter(struct nic *nic)
{
	uint64_t at = nic->host.dma_phys + NIC_RINGS_AT + TX_AT;

	e1000_set(nic, E1000_TDBAL, (uint32_t)at);
	e1000_set(nic, E1000_TDBAH, (uint32_t)(at >> 32));
	e1000_set(nic, E1000_TDLEN, RING * DESC_BYTES);
	e1000_set(nic, E1000_TDH, 0);
	e1000_set(nic, E1000_TDT, 0);
	e1000_set(nic, E1000_TIPG, TIPG_COPPER);
	e1000_set(nic, E1000_TCTL, (e1000_get(nic, E1000_TCTL) & ~(uint32_t)TCTL_FIELDS) | TCTL_EN | TCTL_PSP | TCTL_CT | TCTL_COLD);
}

static void look_at_link(struct nic *nic)
{
	nic->link = e1000_get(nic, E1000_STATUS) & E1000_STATUS_LU;
}

void e1000_start(struct nic *nic)
{
	volatile uint8_t *rings = (uint8_t *)nic->host.dma + NIC_RINGS_AT;
	uint32_t ctrl = e1000_get(nic, E1000_CTRL) & ~(uint32_t)(CTRL_LRST | CTRL_ILOS | CTRL_FORCE | CTRL_VME);

	nic->e1000 = (struct e1000){ .rx = rings + RX_AT, .tx = rings + TX_AT };
	e1000_set(nic, E1000_CTRL, ctrl | E1000_CTRL_SLU | E1000_CTRL_ASDE);
	for (uint32_t i = 0; i < E1000_MTA_REGISTERS; i++) {
		e1000_set(nic, E1000_MTA + i * 4, 0);
	}
	e1000_set(nic, E1000_ITR, 0);                    /* we let no interrupt in while there is work */
	nic_open_memory(nic);
	start_receiver(nic);
	start_transmitter(nic);
	look_at_link(nic);
}

void e1000_quiesce(struct nic *nic)
{
	(void)!e1000_reset(nic);
}

/* ---- out ---- */

bool e1000_takes(const struct nic *nic, const struct frame_header *h)
{
	(void)nic;
	if ((h->flags & NET_HDR_NEEDS_CSUM) && h->csum_start + (uint32_t)h->csum_offset > CSUM_FIELD_MAX) {
		return false;
	}
	return h->gso_type == NET_GSO_NONE || h->gso_size >= MSS_LEAST;
}

/* One slot stays free: equal cursors mean that the ring is empty. */
bool e1000_has_slots(const struct nic *nic)
{
	const struct e1000 *e = &nic->e1000;
	unsigned used = (e->tx_next + (unsigned)RING - e->tx_oldest) % RING;

	return RING - 1 - used >= FRAME_DESCS;
}

static void add(struct e1000 *e, uint64_t first, uint64_t second)
{
	store(e->tx, e->tx_next, first, second);
	e->tx_next = (uint16_t)behind(e->tx_next);
}

static void add_csum_context(struct e1000 *e, const struct frame_header *h)
{
	uint64_t start = h->csum_start, at = start + h->csum_offset;
	uint64_t cmd = CMD_DEXT | (h->csum_offset == (unsigned)CSUM_TCP ? CMD_TCP : 0);

	add(e, start << 32 | at << 40, cmd << CMD_SHIFT);
}

/* The card fills in what differs from segment to segment, and wants to find nothing there: 8254x 3.5. */
static void empty_lengths(uint8_t *frame, const struct frame_header *h, bool v4)
{
	uint16_t sum = net_tcp_pseudo_sum(frame, h, 0);
	uint8_t *tcp_sum = frame + h->csum_start + CSUM_TCP;

	tcp_sum[0] = (uint8_t)(sum >> 8);
	tcp_sum[1] = (uint8_t)sum;
	__builtin_memset(frame + ETHER + (v4 ? V4_LEN : V6_LEN), 0, 2);
	if (v4) {
		__builtin_memset(frame + ETHER + V4_SUM, 0, 2);
	}
}

static void add_tso_context(struct e1000 *e, uint8_t *frame, const struct frame_header *h, bool v4)
{
	uint64_t headers = net_tcp_headers(frame, h), start = h->csum_start;
	uint64_t ip = v4 ? ETHER | (ETHER + V4_SUM) << 8 | (start - 1) << 16 : ETHER;
	uint64_t cmd = CMD_DEXT | CMD_TSE | CMD_TCP | (v4 ? CMD_IP : 0);

	empty_lengths(frame, h, v4);
	add(e, ip | start << 32 | (start + CSUM_TCP) << 40,
	    (h->len - headers) | cmd << CMD_SHIFT | headers << HDRLEN_SHIFT | (uint64_t)h->gso_size << MSS_SHIFT);
}

/* Of the context the card remembers everything, so frames without offloads need none. */
void e1000_transmit(struct nic *nic, unsigned slot, uint32_t offset, const struct frame_header *h)
{
	struct e1000 *e = &nic->e1000;
	uint64_t cmd = CMD_DEXT | CMD_IFCS, options = 0, phys = nic->host.dma_phys + NIC_OUT_AT + offset;

	if (h->gso_type != NET_GSO_NONE) {
		bool v4 = (h->gso_type & ~NET_GSO_ECN) == NET_GSO_TCPV4;

		add_tso_context(e, (uint8_t *)nic->host.dma + NIC_OUT_AT + offset, h, v4);
		cmd |= CMD_TSE;
		options = POPTS_TXSM | (v4 ? POPTS_IXSM : 0);
	} else if (h->flags & NET_HDR_NEEDS_CSUM) {
		add_csum_context(e, h);
		options = POPTS_TXSM;
	}
	for (uint32_t at = 0; at < h->len; at += PIECE) {
		uint32_t len = h->len - at < PIECE ? h->len - at : PIECE;
		uint64_t last = at + len == h->len ? CMD_EOP | CMD_RS : 0;

		e->last[slot] = e->tx_next;
		add(e, phys + at, len | TYPE_DATA | (cmd | last) << CMD_SHIFT | options << POPTS_SHIFT);
	}
}

/* The card is done with frames in the order in which it got them. */
void e1000_reap(struct nic *nic)
{
	struct e1000 *e = &nic->e1000;

	while (nic->out.count) {
		unsigned slot = nic->out.first;

		if (!(load(e->tx, e->last[slot]) >> 32 & TX_DD)) {
			return;
		}
		e->tx_oldest = (uint16_t)behind(e->last[slot]);
		(void)!nic_out_done(&nic->out, slot);    /* it is the oldest */
	}
}

void e1000_flush(struct nic *nic)
{
	struct e1000 *e = &nic->e1000;

	if (e->rx_shown != e->rx_next) {
		e->rx_shown = e->rx_next;
		e1000_set(nic, E1000_RDT, (e->rx_next + RING - 1u) % RING);
	}
	if (e->tx_shown != e->tx_next) {
		e->tx_shown = e->tx_next;
		e1000_set(nic, E1000_TDT, e->tx_next);
	}
}

/* ---- in ---- */

static void give_back(struct nic *nic, unsigned i)
{
	store(nic->e1000.rx, i, buffer_at(nic, i), 0);
}

/* A frame is one buffer: longer ones are not let in, and dropped should the card do it all the same. */
int e1000_receive(struct nic *nic, struct nic_frame *f)
{
	struct e1000 *e = &nic->e1000;
	unsigned i = e->rx_next, status, errors;
	uint64_t word = load(e->rx, i);
	bool skips = e->skips;

	status = (unsigned)(word >> 32) & 0xff;
	errors = (unsigned)(word >> 40) & 0xff;
	if (!(status & RX_DD)) {
		return E_AGAIN;
	}
	e->rx_next = (uint16_t)behind(i);
	e->skips = !(status & RX_EOP);
	f->header = (struct frame_header){ .len = (uint16_t)word };
	f->pieces = 1;
	f->ids[0] = (uint16_t)i;
	f->piece[0].base = (uint8_t *)nic->host.dma + NIC_IN_AT + i * NIC_BUFFER;
	f->piece[0].len = f->header.len;
	if (skips || e->skips || (errors & RX_BAD) || f->header.len < FRAME_MIN || f->header.len > NIC_BUFFER) {
		give_back(nic, i);
		return E_PROTO;
	}
	if (!(status & RX_IXSM) && (status & RX_TCPCS) && !(errors & RX_TCPE)) {
		f->header.flags = NET_HDR_DATA_VALID;
	}
	return OK;
}

void e1000_release(struct nic *nic, const struct nic_frame *f)
{
	give_back(nic, f->ids[0]);
}

/* ---- interrupts ---- */

/* Reading clears the causes of most, writing those of all (82574 7.4.5). */
void e1000_acknowledge(struct nic *nic)
{
	uint32_t status;

	e1000_set(nic, E1000_IMC, UINT32_MAX);
	e1000_set(nic, E1000_ICR, e1000_get(nic, E1000_ICR));
	status = e1000_get(nic, E1000_STATUS);
	if (status == UINT32_MAX) {
		nic_break(nic, "its registers do not answer any more");
	}
	nic->link = status & E1000_STATUS_LU;
}

bool e1000_listen_to(struct nic *nic, uint32_t causes, bool transmit)
{
	const struct e1000 *e = &nic->e1000;

	e1000_set(nic, E1000_IMS, causes);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (transmit && nic->out.count && (load(e->tx, e->last[nic->out.first]) >> 32 & TX_DD)) {
		return false;
	}
	return !(load(e->rx, e->rx_next) >> 32 & RX_DD);
}

/* ---- the 82540EM ---- */

static bool matches(uint16_t vendor, uint16_t device)
{
	return vendor == NIC_VENDOR_INTEL && device == NIC_82540EM;
}

static int attach(struct nic *nic)
{
	int r = e1000_reset(nic);

	if (r == OK) {
		r = e1000_read_mac(nic, EERD_DONE, EERD_SHIFT);
	}
	if (r == OK) {
		nic->features = NIC_CSUM | NIC_TSO4 | NIC_CSUM_IN;
		e1000_start(nic);
	}
	return r;
}

static bool listen(struct nic *nic, bool transmit)
{
	return e1000_listen_to(nic, E1000_RXT0 | E1000_RXDMT0 | E1000_RXO | E1000_LSC | (transmit ? E1000_TXDW : 0), transmit);
}

const struct nic_ops nic_e1000 = {
	.name = "e1000", .matches = matches, .attach = attach, .quiesce = e1000_quiesce, .takes = e1000_takes,
	.has_slots = e1000_has_slots, .transmit = e1000_transmit, .flush = e1000_flush, .reap = e1000_reap,
	.receive = e1000_receive, .release = e1000_release, .acknowledge = e1000_acknowledge, .listen = listen,
};
