/* SPDX-License-Identifier: Apache-2.0 */
/* The network card; virtio_net.h says what it is. virtio 1.2, 5.1. */
#include "vmm/virtio_net.h"

#include <string.h>

#include "lib/net_offload.h"

enum { F_CSUM = 0, F_GUEST_CSUM = 1, F_MAC = 5, F_GUEST_TSO4 = 7, F_GUEST_TSO6 = 8, F_GUEST_ECN = 9, F_HOST_TSO4 = 11,
       F_HOST_TSO6 = 12, F_HOST_ECN = 13, F_MRG_RXBUF = 15, F_STATUS = 16, F_CTRL_VQ = 17, F_CTRL_RX = 18, F_MQ = 22,
       F_CTRL_MAC_ADDR = 23 };
enum { LINK_UP = 1 };

/* The control queue, 5.1.6.5. */
enum ctrl_class { CTRL_RX = 0, CTRL_MAC = 1, CTRL_MQ = 4 };
enum { RX_PROMISC = 0, RX_ALLMULTI = 1, MAC_TABLE_SET = 0, MAC_ADDR_SET = 1, MQ_PAIRS_SET = 0 };
enum { CTRL_OK = 0, CTRL_ERR = 1 };

/* One batch on the device lock. */
enum { BATCH = 64, BATCH_BYTES = 1 << 20 };

static struct ring_chain first_chain;            /* of several that take one frame; the device lock's, as virtio_chain is */

/*
 * The interrupt for sent frames: with that many the driver may wait for room, and hears as soon as the switch has taken
 * them; fewer are told of that much later, as network cards do.
 */
enum { SENT_MANY = 16, SENT_NS = 1000000 };

/* struct virtio_net_hdr of version 1. */
struct net_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

enum { HDR = sizeof(struct net_hdr), NUM_BUFFERS_AT = 10 };

_Static_assert(HDR == 12, "5.1.6");

static bool link_is_up(const struct virtio_net *n)
{
	return n->config.status & LINK_UP;
}

static unsigned control_queue(const struct virtio_net *n)
{
	return 2 * (virtio_has(&n->dev, F_MQ) ? n->config.max_pairs : 1u);
}

static void go_on_later(struct virtio_net *n)
{
	vm_timer_set(&n->more, vm_now());                /* others get the device lock in between */
}

/* ---- out of the guest ---- */

/* The header as the driver wrote it, without what was not negotiated. */
static struct frame_header take_header(const struct virtio_net *n)
{
	struct net_hdr hdr = { 0 };

	ring_chain_read(&virtio_chain, 0, &hdr, HDR);
	if (!virtio_has(&n->dev, F_CSUM)) {
		memset(&hdr, 0, sizeof(hdr));
	}
	return (struct frame_header){
		.len = virtio_chain.out_bytes - HDR, .flags = hdr.flags & NET_HDR_NEEDS_CSUM, .gso_type = hdr.gso_type,
		.hdr_len = hdr.hdr_len, .gso_size = hdr.gso_size, .csum_start = hdr.csum_start, .csum_offset = hdr.csum_offset,
	};
}

static void put_frame(struct virtio_net *n, const struct frame_header *h)
{
	uint32_t skip = HDR, at = 0;

	for (const struct ring_segment *s = virtio_chain.segment; at < h->len; s++) {
		if (skip >= s->len) {
			skip -= s->len;
			continue;
		}
		frames_put(&n->tx, at, s->base + skip, s->len - skip);
		at += s->len - skip;
		skip = 0;
	}
	if (frames_send(&n->tx, h)) {
		vm_switch_signal();
	}
	n->sent++;
}

static void note_flow(struct virtio_net *n, unsigned pair)
{
	uint8_t bytes[NET_FLOW_BYTES];

	if (n->pairs > 1 && ring_chain_read(&virtio_chain, HDR, bytes, sizeof(bytes)) == sizeof(bytes)) {
		n->flow_pair[net_flow(bytes) % NET_FLOWS] = (uint8_t)(pair + 1);
	}
}

/* The chain in hand as a frame. False: there is no room for it now. */
static bool send(struct virtio_net *n)
{
	struct frame_header h;

	if (virtio_chain.out_bytes < HDR + FRAME_MIN || virtio_chain.out_bytes > HDR + FRAME_MAX || !link_is_up(n)) {
		n->dropped++;
		return true;
	}
	h = take_header(n);
	if (!net_header_is_sane(&h)) {
		n->dropped++;
		return true;
	}
	if (!frames_room(&n->tx, h.len) && frames_full(&n->tx, h.len)) {
		return false;
	}
	put_frame(n, &h);
	return true;
}

/* Sends what the guest has put into the ring. False: the batch is full, or the channel. */
static bool send_all(struct virtio_net *n, struct ring *ring, unsigned pair, unsigned *budget)
{
	while (*budget && ring_pop(ring, &virtio_chain) > 0) {
		if (!send(n)) {
			ring_untake(ring, &virtio_chain);
			n->tx_waits |= 1u << pair;
			return false;
		}
		note_flow(n, pair);
		ring_use(ring, &virtio_chain, 0);
		(*budget)--;
	}
	return *budget;
}

/* Nobody needs to interrupt for sent frames any more. */
static void owe_nothing(struct virtio_net *n)
{
	n->owed = 0;
	vm_nic_timer(n, 0);
}

/* We do what was left to others. One interrupt too many does no harm, one too few would. */
static void settle(struct virtio_net *n)
{
	unsigned queue = n->owed;

	if (queue) {
		owe_nothing(n);
		virtio_interrupt(&n->dev, queue);
	}
}

/* The driver may have seen by itself that the frames are gone. */
static void look_whether_owed(struct virtio_net *n, unsigned queue)
{
	if (n->owed == queue && !ring_wishes(&n->dev.queue[queue].ring, n->owed_slots)) {
		owe_nothing(n);
		n->needless++;
	}
}

/* The driver was shown slots used descriptors of queue; wanted: an interrupt is due for them. */
static void owe(struct virtio_net *n, unsigned queue, uint16_t slots, bool wanted)
{
	if (wanted && n->owed != queue) {
		settle(n);
		if (!vm_nic_route(n, queue)) {
			virtio_interrupt(&n->dev, queue);
			return;
		}
		n->owed = queue;
		n->owed_slots = 0;
		n->owings++;
		vm_nic_timer(n, vm_now() + SENT_NS);
	}
	if (n->owed == queue) {
		n->owed_slots = (uint16_t)(n->owed_slots + slots);
		if (n->owed_slots >= SENT_MANY && !frames_asked(&n->tx) && !frames_ask(&n->tx)) {
			settle(n);
		}
	}
}

/*
 * After frames the driver is not asked to notify at once: a guest that sends one frame, or got one, is about to send another,
 * and the caller looks again when the guest has had the CPU (virtio_net_linger()).
 */
static void serve_tx(struct virtio_net *n, unsigned pair)
{
	struct ring *ring = &n->dev.queue[2 * pair + 1].ring;
	unsigned budget = BATCH;
	uint16_t slots;
	bool all, wanted, live;

	look_whether_owed(n, 2 * pair + 1);
	ring_mute(ring);
	n->tx_waits &= ~(1u << pair);
	n->lingers &= ~(1u << pair);
	do {
		all = send_all(n, ring, pair, &budget);
	} while (all && budget == BATCH && ring_listen(ring));
	slots = ring->staged;
	live = virtio_queue_show(&n->dev, 2 * pair + 1, &wanted);
	owe(n, 2 * pair + 1, slots, wanted);
	if (!live) {
		return;
	}
	if (all && budget < BATCH) {
		n->lingers |= 1u << pair;
		vm_nic_lingers();
	} else if (!budget) {
		go_on_later(n);
	}
}

void virtio_net_linger(struct virtio_net *n)
{
	for (unsigned pair = 0; n->lingers >> pair; pair++) {
		if (virtio_is_live(&n->dev) && (n->lingers >> pair & 1)) {
			serve_tx(n, pair);
		}
	}
	if (!virtio_is_live(&n->dev)) {
		n->lingers = 0;
	}
}

/* ---- into the guest ---- */

/* A frame to be delivered: still in the channel, or a plain one. */
struct source {
	const uint8_t *plain;        /* NULL: in the channel                                         */
	struct net_hdr hdr;
	uint32_t len;
};

static void get_bytes(const struct virtio_net *n, const struct source *src, uint32_t at, uint8_t *to, uint32_t len)
{
	if (src->plain) {
		memcpy(to, src->plain + at, len);
	} else {
		frames_get(&n->rx, at, to, len);
	}
}

/* Fills a buffer from byte skip on with bytes of the frame from at on. Returns how many. */
static uint32_t fill(const struct virtio_net *n, const struct ring_chain *c, uint32_t skip, const struct source *src, uint32_t at)
{
	const struct ring_segment *s = c->segment + c->out_count;
	uint32_t from = at;

	for (unsigned i = 0; i < c->in_count && at < src->len; i++, s++) {
		uint32_t len;

		if (skip >= s->len) {
			skip -= s->len;
			continue;
		}
		len = s->len - skip < src->len - at ? s->len - skip : src->len - at;
		get_bytes(n, src, at, s->base + skip, len);
		at += len;
		skip = 0;
	}
	return at - from;
}

/* Returns the sum of their slots. */
static uint16_t put_back(struct virtio_net *n, struct ring *ring, unsigned count)
{
	uint16_t slots = 0;

	while (count--) {
		virtio_chain.slots = n->part[count].slots;
		slots = (uint16_t)(slots + virtio_chain.slots);
		ring_untake(ring, &virtio_chain);
	}
	return slots;
}

/*
 * Copies a frame into as many buffers as it takes. E_AGAIN: there are not enough now, none was taken, and the driver was
 * asked to tell when there are more. E_RANGE: it does
 * not fit the way the driver wants frames. E_PROTO: the driver's fault.
 */
static int deliver(struct virtio_net *n, struct ring *ring, const struct source *src)
{
	unsigned most = virtio_has(&n->dev, F_MRG_RXBUF) ? NET_PARTS_MAX : 1, count = 0;
	uint32_t at = 0;

	do {
		struct ring_chain *c = count ? &virtio_chain : &first_chain;
		uint32_t skip = count ? 0 : HDR, len;
		int r = count < most ? ring_pop(ring, c) : E_RANGE;

		if (r == 0 && !ring_listen_behind(ring, put_back(n, ring, count))) {
			return E_AGAIN;
		}
		if (r < 0) {
			put_back(n, ring, count);
			return r;
		}
		if (r == 0) {                            /* more came meanwhile: from the beginning */
			count = 0;
			at = 0;
			continue;
		}
		if (c->in_bytes <= skip) {
			ring_break(ring, E_PROTO, "a receive buffer without room for a frame");
			return E_PROTO;
		}
		len = fill(n, c, skip, src, at);
		at += len;
		n->part[count++] = (struct net_part){ c->id, c->slots, skip + len };
	} while (at < src->len);
	for (unsigned i = 0; i < count; i++) {
		virtio_chain.id = n->part[i].id;
		virtio_chain.slots = n->part[i].slots;
		ring_use(ring, &virtio_chain, n->part[i].written);
	}
	ring_chain_write(&first_chain, 0, &src->hdr, NUM_BUFFERS_AT);
	ring_chain_write(&first_chain, NUM_BUFFERS_AT, &(uint16_t){ (uint16_t)count }, sizeof(uint16_t));
	n->received++;
	return OK;
}

/* Where the driver sends a flow, there its answers go (5.1.6.5.6.1): on the processor that works on it. */
static unsigned pair_of(const struct virtio_net *n, const struct frame_header *h)
{
	uint8_t bytes[NET_FLOW_BYTES];
	unsigned flow, pair;

	if (n->pairs == 1 || h->len < sizeof(bytes)) {
		return 0;
	}
	frames_get(&n->rx, 0, bytes, sizeof(bytes));
	flow = net_flow(bytes) % NET_FLOWS;
	pair = n->flow_pair[flow] ? n->flow_pair[flow] - 1u : flow;
	return pair % n->pairs;
}

/* The driver can take the frame as it is. */
static bool driver_takes(const struct virtio_net *n, const struct frame_header *h)
{
	unsigned gso = h->gso_type & ~(unsigned)NET_GSO_ECN;

	if ((h->flags & NET_HDR_NEEDS_CSUM) && !virtio_has(&n->dev, F_GUEST_CSUM)) {
		return false;
	}
	if ((h->gso_type & NET_GSO_ECN) && !virtio_has(&n->dev, F_GUEST_ECN)) {
		return false;
	}
	return gso == NET_GSO_NONE || virtio_has(&n->dev, gso == NET_GSO_TCPV4 ? F_GUEST_TSO4 : F_GUEST_TSO6);
}

/* For all, for a group, or for us. */
static bool is_for_us(const struct virtio_net *n)
{
	uint8_t mac[6];

	frames_get(&n->rx, 0, mac, sizeof(mac));
	return n->promiscuous || (mac[0] & 1) || memcmp(mac, n->config.mac, sizeof(mac)) == 0;
}

/* A frame that is made plain, by one card at a time: the device lock is held. */
static struct net_plain plain;

/* A frame that the driver cannot take as it is, in pieces that it can. What finds no buffer then is lost. */
static int deliver_plain(struct virtio_net *n, struct ring *ring, const struct frame_header *h)
{
	bool csum = virtio_has(&n->dev, F_GUEST_CSUM);
	struct source src = { .plain = plain.segment };
	int r;

	frames_get(&n->rx, 0, plain.frame, h->len);
	r = net_plain_begin(&plain, h, csum);
	while (r == OK && net_plain_next(&plain)) {
		src.len = plain.segment_len;
		if (csum && !plain.gso && (h->flags & NET_HDR_NEEDS_CSUM)) {
			src.hdr = (struct net_hdr){ .flags = h->flags, .csum_start = h->csum_start, .csum_offset = h->csum_offset };
		}
		r = deliver(n, ring, &src);
	}
	return r == E_AGAIN ? E_RANGE : r;
}

static int deliver_next(struct virtio_net *n, struct ring *ring, const struct frame_header *h)
{
	uint8_t flags = virtio_has(&n->dev, F_GUEST_CSUM) ? h->flags & (NET_HDR_NEEDS_CSUM | NET_HDR_DATA_VALID) : 0;
	struct source src = {
		.len = h->len,
		.hdr = { .flags = flags, .gso_type = h->gso_type, .hdr_len = h->hdr_len, .gso_size = h->gso_size,
			 .csum_start = h->csum_start, .csum_offset = h->csum_offset },
	};

	if (!net_header_is_sane(h) || !is_for_us(n)) {
		return E_RANGE;
	}
	if (!driver_takes(n, h)) {
		return deliver_plain(n, ring, h);
	}
	return deliver(n, ring, &src);
}

/* True when there is more than this batch. */
static bool receive_batch(struct virtio_net *n, uint32_t *used)
{
	uint32_t bytes = 0;

	for (unsigned budget = BATCH; budget && bytes < BATCH_BYTES; budget--) {
		struct frame_header h;
		unsigned pair;
		int r = frames_next(&n->rx, &h);

		if (r == E_AGAIN) {
			if (frames_sleep(&n->rx)) {
				return false;
			}
			continue;
		}
		if (r < 0) {
			continue;
		}
		pair = pair_of(n, &h);
		r = deliver_next(n, &n->dev.queue[2 * pair].ring, &h);
		*used |= 1u << pair;
		if (r == E_AGAIN || r == E_PROTO) {
			return false;                    /* the driver notifies when it adds buffers */
		}
		n->dropped += r != OK;
		bytes += h.len;
		if (frames_drop(&n->rx, &h)) {
			vm_switch_signal();
		}
	}
	return true;
}

static void serve_rx(struct virtio_net *n)
{
	uint32_t used = 0;
	bool more;

	for (unsigned pair = 0; pair < n->pairs; pair++) {
		ring_mute(&n->dev.queue[2 * pair].ring);
	}
	more = receive_batch(n, &used);
	for (unsigned pair = 0; used >> pair && virtio_is_live(&n->dev); pair++) {
		if (used >> pair & 1) {
			(void)virtio_queue_done(&n->dev, 2 * pair);
			ring_mute(&n->dev.queue[2 * pair + 1].ring);     /* an answer is likely */
		}
	}
	if (used && virtio_is_live(&n->dev)) {
		n->lingers |= used;
		vm_nic_lingers();
	}
	if (more && virtio_is_live(&n->dev)) {
		go_on_later(n);
	}
}

/* ---- control queue ---- */

static bool set_pairs(struct virtio_net *n)
{
	uint16_t pairs = 0;

	if (!virtio_has(&n->dev, F_MQ) || ring_chain_read(&virtio_chain, 2, &pairs, 2) != 2 || !pairs || pairs > n->config.max_pairs) {
		return false;
	}
	n->pairs = pairs;
	return true;
}

static bool set_mac(struct virtio_net *n)
{
	uint8_t mac[6];

	if (ring_chain_read(&virtio_chain, 2, mac, sizeof(mac)) != sizeof(mac)) {
		return false;
	}
	memcpy(n->config.mac, mac, sizeof(mac));
	return true;
}

static bool set_promiscuous(struct virtio_net *n)
{
	uint8_t on = 0;

	if (ring_chain_read(&virtio_chain, 2, &on, 1) != 1) {
		return false;
	}
	n->promiscuous = on;
	return true;
}

/* Groups are let through anyway, so their lists and modes need nothing; nor do further addresses beside ours. */
static bool obey(struct virtio_net *n)
{
	uint8_t head[2] = { 0xff, 0xff };

	ring_chain_read(&virtio_chain, 0, head, sizeof(head));
	switch (head[0] << 8 | head[1]) {
	case CTRL_RX << 8 | RX_PROMISC:   return set_promiscuous(n);
	case CTRL_RX << 8 | RX_ALLMULTI:  return true;
	case CTRL_MAC << 8 | MAC_TABLE_SET: return true;
	case CTRL_MAC << 8 | MAC_ADDR_SET: return set_mac(n);
	case CTRL_MQ << 8 | MQ_PAIRS_SET: return set_pairs(n);
	default:                          return false;
	}
}

static void serve_control(struct virtio_net *n, unsigned queue)
{
	struct ring *ring = &n->dev.queue[queue].ring;

	for (unsigned budget = BATCH; budget && ring_pop(ring, &virtio_chain) > 0; budget--) {
		uint8_t ack = obey(n) ? CTRL_OK : CTRL_ERR;

		ring_use(ring, &virtio_chain, ring_chain_write(&virtio_chain, 0, &ack, 1));
	}
	if (virtio_queue_done(&n->dev, queue) && ring_listen(ring)) {
		go_on_later(n);
	}
}

/* ---- the device ---- */

static void notify(struct virtio_device *dev, unsigned queue)
{
	struct virtio_net *n = container_of(dev, struct virtio_net, dev);

	if (queue == control_queue(n)) {
		serve_control(n, queue);
	} else if (queue < control_queue(n) && queue % 2) {
		serve_tx(n, queue / 2);
	} else if (queue < control_queue(n)) {
		serve_rx(n);
	}
}

void virtio_net_poll(struct virtio_net *n)
{
	if (!virtio_is_live(&n->dev)) {
		do {
			if (frames_drop_all(&n->rx)) {
				vm_switch_signal();
			}
		} while (!frames_sleep(&n->rx));
		return;
	}
	serve_rx(n);
	for (unsigned pair = 0; pair < n->pairs && virtio_is_live(&n->dev); pair++) {
		if (n->tx_waits >> pair & 1) {
			serve_tx(n, pair);
		}
	}
}

static void serve_all(void *arg)
{
	struct virtio_net *n = arg;
	unsigned queues = control_queue(n);

	n->tx_waits = (1u << n->pairs) - 1;
	virtio_net_poll(n);
	if (virtio_is_live(&n->dev) && n->dev.queue[queues].ring.size) {
		serve_control(n, queues);
	}
}

/* Frames that came before the driver was there are old. */
static void ready(struct virtio_device *dev)
{
	struct virtio_net *n = container_of(dev, struct virtio_net, dev);

	if (frames_drop_all(&n->rx)) {
		vm_switch_signal();
	}
	virtio_net_poll(n);
}

static void reset(struct virtio_device *dev)
{
	struct virtio_net *n = container_of(dev, struct virtio_net, dev);

	vm_timer_cancel(&n->more);
	n->pairs = 1;
	n->promiscuous = false;
	n->tx_waits = 0;
	n->lingers = 0;
	memset(n->flow_pair, 0, sizeof(n->flow_pair));
	owe_nothing(n);
	(void)vm_nic_route(n, 0);
}

static void message_changed(struct virtio_device *dev, unsigned queue)
{
	struct virtio_net *n = container_of(dev, struct virtio_net, dev);

	if (queue && queue == n->owed) {
		(void)vm_nic_route(n, 0);
		settle(n);
	}
}

static const struct virtio_ops net_ops = {
	.notify = notify, .ready = ready, .reset = reset, .message_changed = message_changed,
};

static void attach(struct virtio_net *n)
{
	frames_writer(&n->tx, &n->channel->from_vm, n->channel->from_vm_data);
	frames_reader(&n->rx, &n->channel->to_vm, n->channel->to_vm_data);
}

void virtio_net_link(struct virtio_net *n, bool up)
{
	if (up == link_is_up(n)) {
		return;
	}
	n->config.status = up ? LINK_UP : 0;
	settle(n);
	attach(n);
	virtio_config_changed(&n->dev);
	if (up) {
		vm_switch_signal();                      /* what waits in the channel goes now */
		serve_all(n);
	}
}

void virtio_net_init(struct virtio_net *n, struct frames_channel *channel, const uint8_t mac[6], unsigned pairs, bool up)
{
	uint64_t features = 1ull << F_CSUM | 1ull << F_GUEST_CSUM | 1ull << F_MAC | 1ull << F_GUEST_TSO4 | 1ull << F_GUEST_TSO6 |
			    1ull << F_GUEST_ECN | 1ull << F_HOST_TSO4 | 1ull << F_HOST_TSO6 | 1ull << F_HOST_ECN |
			    1ull << F_MRG_RXBUF | 1ull << F_STATUS | 1ull << F_CTRL_VQ | 1ull << F_CTRL_RX |
			    1ull << F_CTRL_MAC_ADDR;

	n->config = (struct net_config){ .status = up ? LINK_UP : 0, .max_pairs = (uint16_t)pairs };
	memcpy(n->config.mac, mac, sizeof(n->config.mac));
	n->pairs = 1;
	n->channel = channel;
	n->more = (struct vm_timer){ .fn = serve_all, .arg = n };
	attach(n);
	n->dev = (struct virtio_device){
		.name = "nic", .type = VIRTIO_NET, .ops = &net_ops, .queue_count = 2 * pairs + 1,
		.offered = pairs > 1 ? features | 1ull << F_MQ : features,
		.config = (uint8_t *)&n->config, .config_size = NET_CONFIG_BYTES,
	};
}
