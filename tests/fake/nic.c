/* SPDX-License-Identifier: Apache-2.0 */
/* Network cards for tests; nic.h tells more. */
#include "tests/fake/nic.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/nic/e1000.h"
#include "drivers/nic/ids.h"
#include "drivers/virtio/ring.h"

enum { EECD_WORDS = 3, DESC = 16 };
enum { COMMON_AT = 0x0, ISR_AT = 0x1000, DEVICE_AT = 0x2000, NOTIFY_AT = 0x3000, AREA = 0x1000, MULTIPLIER = 4 };
enum { QUEUES = 3 };

struct fake_nic fake_nic;
const uint8_t fake_nic_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

static struct {
	uint32_t context[4];         /* Intel: the last                                              */
	uint32_t used;               /* bytes of the frame that is being put together                */
	struct fake_sent frame;
	uint32_t features[2], feature_select, driver_select;
	uint16_t queue_select, config_vector;
	uint8_t status;
	struct {
		struct ring_setup setup;
		struct ring ring;
		uint16_t vector;
	} queue[QUEUES];
} state;

static struct ring_chain chain;

void nic_wait_us(uint32_t us)
{
	(void)us;
}

void nic_set_master(const struct nic_host *host, bool on)
{
	(void)host;
	fake_nic.master = on;
}

static void *dma_at(void *arg, uint64_t phys, uint64_t len)
{
	(void)arg;
	return range_within(phys - FAKE_NIC_PHYS, len, NIC_DMA_BYTES) && phys >= FAKE_NIC_PHYS ?
		fake_nic.dma + (phys - FAKE_NIC_PHYS) : NULL;
}

static const struct ring_memory dma_memory = { .translate = dma_at };

static void must(bool holds)
{
	if (!holds && !fake_nic.deaf) {
		abort();
	}
}

/* What a driver names is always within its memory: anything else is a mistake of its. */
static uint8_t *must_at(uint64_t phys, uint64_t len)
{
	static uint8_t nowhere[FRAME_MAX];
	uint8_t *at = dma_at(NULL, phys, len);

	must(at && fake_nic.master);
	return at ? at : nowhere;
}

static void keep(void)
{
	fake_nic.sent[fake_nic.sent_count++ % FAKE_SENT_MAX] = state.frame;
	state.used = 0;
}

const struct fake_sent *fake_nic_last(void)
{
	return &fake_nic.sent[(fake_nic.sent_count - 1) % FAKE_SENT_MAX];
}

/* ---- Intel ---- */

static uint32_t *reg(uint32_t at)
{
	return (uint32_t *)(void *)(fake_nic.bar + at);
}

static void raise_cause(uint32_t cause)
{
	*reg(E1000_ICR) |= cause;
	fake_nic.interrupts += *reg(E1000_ICR) & *reg(E1000_IMS) ? 1 : 0;
}

static void intel_reset(void)
{
	memset(fake_nic.bar, 0, sizeof(fake_nic.bar));
	*reg(E1000_STATUS) = fake_nic.link ? E1000_STATUS_LU : 0;
	if (!fake_nic.no_mac) {
		memcpy(reg(E1000_RAL), fake_nic_mac, sizeof(fake_nic_mac));
		*reg(E1000_RAH) |= 1u << 31;
	}
	fake_nic.resets++;
}

static void take_data(const uint32_t d[4])
{
	uint32_t len = d[2] & 0xfffff;
	struct fake_sent *f = &state.frame;

	if (!state.used) {
		uint32_t options = d[3] >> 8 & 3;

		f->csum = options & 2;
		f->tso = d[2] >> 26 & 1;
		f->v4 = f->tso && (state.context[2] >> 25 & 1);
		f->csum_start = state.context[1] & 0xff;
		f->csum_at = state.context[1] >> 8 & 0xff;
		f->headers = state.context[3] >> 8 & 0xff;
		f->mss = state.context[3] >> 16;
		must(!f->tso || (state.context[2] & 0xfffff));
	}
	must(len && state.used + len <= FRAME_MAX);
	if (state.used + len > FRAME_MAX) {
		state.used = 0;
		return;
	}
	memcpy(f->bytes + state.used, must_at(d[0] | (uint64_t)d[1] << 32, len), len);
	state.used += len;
	if (d[2] >> 24 & 1) {
		f->len = state.used;
		keep();
	}
}

static void intel_transmit(void)
{
	uint32_t count = *reg(E1000_TDLEN) / DESC;

	while (count && *reg(E1000_TDH) != *reg(E1000_TDT) && !fake_nic.stalled) {
		uint8_t *at = must_at(*reg(E1000_TDBAL) | (uint64_t)*reg(E1000_TDBAH) << 32, count * DESC) + *reg(E1000_TDH) * DESC;
		uint32_t d[4];

		memcpy(d, at, sizeof(d));
		must(d[2] >> 29 & 1);                    /* legacy: we never do that */
		if (d[2] >> 20 & 15) {
			take_data(d);
		} else {
			memcpy(state.context, d, sizeof(d));
		}
		d[3] |= 1;
		memcpy(at + 12, &d[3], 4);
		*reg(E1000_TDH) = (*reg(E1000_TDH) + 1) % count;
	}
	raise_cause(E1000_TXDW | (fake_nic.kind == FAKE_82574L ? E1000_TXQ0 : 0));
}

static bool intel_arrive(const void *bytes, uint32_t len)
{
	uint32_t count = *reg(E1000_RDLEN) / DESC, head = *reg(E1000_RDH);
	uint64_t addr, word;
	uint8_t *at;

	if (!(*reg(E1000_RCTL) & 2) || head == *reg(E1000_RDT) || len > NIC_BUFFER) {
		return false;
	}
	at = must_at(*reg(E1000_RDBAL) | (uint64_t)*reg(E1000_RDBAH) << 32, count * DESC) + head * DESC;
	memcpy(&addr, at, 8);
	memcpy(must_at(addr, NIC_BUFFER), bytes, len);
	word = len | 3ull << 32 | (uint64_t)(fake_nic.kind == FAKE_82574L ? 0x60 : 0x04) << 32;
	memcpy(at + 8, &word, 8);
	*reg(E1000_RDH) = (head + 1) % count;
	raise_cause(E1000_RXT0 | (fake_nic.kind == FAKE_82574L ? E1000_RXQ0 : 0));
	return true;
}

static uint32_t intel_read(uint32_t at)
{
	uint32_t value = *reg(at), word;

	switch (at) {
	case E1000_ICR: *reg(at) = 0; return value;
	case E1000_CTRL: return fake_nic.stuck ? value | E1000_CTRL_RST : value;
	case E1000_STATUS: return fake_nic.link ? E1000_STATUS_LU : 0;
	case E1000_EERD:
		word = fake_nic.kind == FAKE_82574L ? value >> 2 & 0x3fff : value >> 8 & 0xff;
		return fake_nic.stuck || word >= EECD_WORDS || !(value & 1) ? 0 :
			(uint32_t)fake_nic_mac[2 * word] << 16 | (uint32_t)fake_nic_mac[2 * word + 1] << 24 |
			(fake_nic.kind == FAKE_82574L ? 2 : 0x10);
	default: return value;
	}
}

static void intel_write(uint32_t at, uint32_t value)
{
	switch (at) {
	case E1000_CTRL:
		if (value & E1000_CTRL_RST) {
			intel_reset();
		} else {
			*reg(at) = value;
		}
		break;
	case E1000_ICR: *reg(at) &= ~value; break;
	case E1000_IMS: *reg(at) |= value; raise_cause(0); break;
	case E1000_IMC: *reg(E1000_IMS) &= ~value; break;
	case E1000_TDT: *reg(at) = value; fake_nic.doorbells++; intel_transmit(); break;
	default: *reg(at) = value; break;
	}
}

/* ---- virtio ---- */

static void virtio_reset(void)
{
	memset(&state, 0, sizeof(state));
	fake_nic.resets++;
	fake_nic.promiscuous = false;
}

static void interrupt(unsigned queue)
{
	if (ring_publish(&state.queue[queue].ring)) {
		fake_nic.interrupts++;
	}
}

/* struct virtio_net_hdr: flags, kind, then halfwords. */
static void take_frame(void)
{
	struct fake_sent *f = &state.frame;
	uint8_t hdr[12];
	uint16_t half[4];

	must(ring_chain_read(&chain, 0, hdr, sizeof(hdr)) == sizeof(hdr) && chain.out_bytes <= FRAME_MAX + sizeof(hdr));
	if (chain.out_bytes < sizeof(hdr) || chain.out_bytes > FRAME_MAX + sizeof(hdr)) {
		return;
	}
	memcpy(half, hdr + 2, sizeof(half));
	f->csum = hdr[0] & 1;
	f->tso = hdr[1];
	f->v4 = hdr[1] == 1;
	f->headers = half[0];
	f->mss = half[1];
	f->csum_start = half[2];
	f->csum_at = half[2] + (uint32_t)half[3];
	f->len = chain.out_bytes - 12;
	ring_chain_read(&chain, 12, f->bytes, f->len);
	keep();
}

static void serve_control(void)
{
	uint8_t command[3] = { 0 }, ack;

	ring_chain_read(&chain, 0, command, sizeof(command));
	ack = command[0] != 0 || command[1] != 0;
	fake_nic.promiscuous = command[2];
	ring_use(&state.queue[2].ring, &chain, ring_chain_write(&chain, 0, &ack, 1));
}

static void virtio_notified(unsigned queue)
{
	struct ring *ring = &state.queue[queue].ring;

	fake_nic.doorbells++;
	while (queue && !fake_nic.stalled && !fake_nic.stuck && ring_pop(ring, &chain) > 0) {
		if (queue == 1) {
			take_frame();
			ring_use(ring, &chain, 0);
		} else {
			serve_control();
		}
	}
	must(!ring->error);
	(void)!ring_listen(ring);
	interrupt(queue);
}

static bool virtio_arrive(const uint8_t *bytes, const struct frame_header *h)
{
	struct ring *ring = &state.queue[0].ring;
	static struct ring_chain taken[NIC_PIECES_MAX];
	uint8_t hdr[12] = { h->flags, h->gso_type };
	uint32_t at = 0, count = 0, skip = sizeof(hdr);

	memcpy(hdr + 2, &h->hdr_len, 2);
	memcpy(hdr + 4, &h->gso_size, 2);
	memcpy(hdr + 6, &h->csum_start, 2);
	memcpy(hdr + 8, &h->csum_offset, 2);
	while (at < h->len) {
		if (count == NIC_PIECES_MAX || ring_pop(ring, &taken[count]) <= 0) {
			while (count--) {
				ring_untake(ring, &taken[count]);
			}
			return false;
		}
		at += ring_chain_write(&taken[count], skip, bytes + at, h->len - at);
		skip = 0;
		count++;
	}
	hdr[10] = (uint8_t)count;
	ring_chain_write(&taken[0], 0, hdr, sizeof(hdr));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t most = taken[i].in_bytes, len = i + 1 < count ? most : h->len + 12 - i * most;

		ring_use(ring, &taken[i], len);
	}
	interrupt(0);
	return true;
}

static uint32_t common_read(uint32_t at)
{
	uint64_t offered = fake_nic.features;

	switch (at) {
	case 0x04: return (uint32_t)(offered >> 32 * (state.feature_select & 1));
	case 0x10: return state.config_vector;
	case 0x14: return fake_nic.stuck ? 1 : state.status;
	case 0x18: return state.queue_select < QUEUES ? 512 : 0;
	case 0x1a: return state.queue[state.queue_select % QUEUES].vector;
	case 0x1e: return state.queue_select;
	default: return 0;
	}
}

static void queue_write(uint32_t at, uint32_t value)
{
	struct ring_setup *s = &state.queue[state.queue_select % QUEUES].setup;
	uint64_t *areas[] = { &s->desc, &s->driver, &s->device };
	uint64_t *area = at >= 0x20 ? areas[(at - 0x20) / 8] : NULL;

	if (area) {
		*area = at % 8 ? (*area & UINT32_MAX) | (uint64_t)value << 32 : (*area & ~(uint64_t)UINT32_MAX) | value;
	} else if (at == 0x18) {
		s->size = value;
	} else if (at == 0x1a) {
		state.queue[state.queue_select % QUEUES].vector = (uint16_t)value;
	} else if (at == 0x1c) {
		s->features = state.features[0] | (uint64_t)state.features[1] << 32;
		must(ring_init(&state.queue[state.queue_select % QUEUES].ring, &dma_memory, s) == OK);
	}
}

static void common_write(uint32_t at, uint32_t value)
{
	switch (at) {
	case 0x00: state.feature_select = value; break;
	case 0x08: state.driver_select = value; break;
	case 0x0c: state.features[state.driver_select & 1] = value; break;
	case 0x10: state.config_vector = (uint16_t)value; break;
	case 0x14:
		if (!value) {
			virtio_reset();
		}
		state.status = (uint8_t)value;
		break;
	case 0x16: state.queue_select = (uint16_t)value; break;
	default:
		if (at >= 0x18 && at < 0x38) {
			queue_write(at, value);
		}
	}
}

static uint32_t virtio_read(uint32_t at)
{
	if (at < AREA) {
		return common_read(at);
	}
	if (at >= DEVICE_AT && at < DEVICE_AT + 6) {
		return fake_nic_mac[at - DEVICE_AT];
	}
	return at == DEVICE_AT + 6 ? fake_nic.link : 0;
}

static void virtio_write(uint32_t at, uint32_t value)
{
	if (at < AREA) {
		common_write(at, value);
	} else if (at >= NOTIFY_AT && (at - NOTIFY_AT) / MULTIPLIER < QUEUES) {
		virtio_notified((at - NOTIFY_AT) / MULTIPLIER);
	}
}

static void add_capability(unsigned at, unsigned next, uint8_t type, uint32_t offset)
{
	const uint8_t head[5] = { 0x09, (uint8_t)next, 20, type, 0 };
	uint32_t words[3] = { offset, AREA, MULTIPLIER };

	memcpy(fake_nic.config + at, head, sizeof(head));
	memcpy(fake_nic.config + at + 8, words, sizeof(words));
}

/* ---- both ---- */

static uint32_t lie(void)
{
	uint32_t value = 0;
	size_t n = fake_nic.lies_left < 4 ? fake_nic.lies_left : 4;

	memcpy(&value, fake_nic.lies, n);
	fake_nic.lies += n;
	fake_nic.lies_left -= n;
	return value;
}

uint32_t nic_read(const struct nic_host *host, unsigned bar, uint32_t offset, unsigned bytes)
{
	if (bar >= NIC_BARS || !host->bar[bar] || !range_within(offset, bytes, host->bar_size[bar])) {
		return UINT32_MAX;
	}
	if (fake_nic.lies) {
		return lie() & (uint32_t)((1ull << 8 * bytes) - 1);
	}
	return fake_nic.kind == FAKE_VIRTIO ? virtio_read(offset) : intel_read(offset);
}

void nic_write(const struct nic_host *host, unsigned bar, uint32_t offset, unsigned bytes, uint32_t value)
{
	if (bar >= NIC_BARS || !host->bar[bar] || !range_within(offset, bytes, host->bar_size[bar]) || fake_nic.lies) {
		return;
	}
	if (fake_nic.kind == FAKE_VIRTIO) {
		virtio_write(offset, value);
	} else {
		intel_write(offset, value);
	}
}

struct nic_host fake_nic_plug(enum fake_nic_kind kind, uint32_t interrupts)
{
	static const uint16_t ids[][2] = { { NIC_VENDOR_INTEL, NIC_82540EM }, { NIC_VENDOR_INTEL, NIC_82574L },
					   { NIC_VENDOR_VIRTIO, NIC_VIRTIO } };
	struct nic_host host = {
		.vendor = ids[kind][0], .device = ids[kind][1], .config = fake_nic.config, .dma = fake_nic.dma,
		.dma_phys = FAKE_NIC_PHYS, .dma_size = NIC_DMA_BYTES, .interrupts = interrupts,
	};

	memset((uint8_t *)&fake_nic + offsetof(struct fake_nic, link), 0, sizeof(fake_nic) - offsetof(struct fake_nic, link));
	memset(&state, 0, sizeof(state));
	fake_nic.kind = kind;
	fake_nic.link = true;
	fake_nic.features = fake_nic.features ? fake_nic.features : UINT64_MAX & ~(1ull << RING_F_RING_PACKED);
	fake_nic.config[0x06] = 0x10;
	fake_nic.config[0x34] = 0x40;
	add_capability(0x40, 0x54, 1, COMMON_AT);
	add_capability(0x54, 0x68, 3, ISR_AT);
	add_capability(0x68, 0x7c, 4, DEVICE_AT);
	add_capability(0x7c, 0, 2, NOTIFY_AT);
	host.bar[0] = fake_nic.bar;
	host.bar_size[0] = sizeof(fake_nic.bar);
	return host;
}

bool fake_nic_arrive(const void *bytes, const struct frame_header *h)
{
	return fake_nic.kind == FAKE_VIRTIO ? virtio_arrive(bytes, h) : intel_arrive(bytes, h->len);
}

void fake_nic_go_on(void)
{
	fake_nic.stalled = false;
	if (fake_nic.kind == FAKE_VIRTIO) {
		virtio_notified(1);
	} else {
		intel_transmit();
	}
}
