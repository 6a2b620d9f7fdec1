/* SPDX-License-Identifier: Apache-2.0 */
/* Memory balloon. virtio 1.2, 5.5: queues inflate, deflate, statistics. */
#include "vmm/virtio_balloon.h"

#include <string.h>

#include "lib/fmt.h"

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS, QUEUES };
enum { F_MUST_TELL_HOST = 0, F_STATS = 1, F_DEFLATE_ON_OOM = 2 };
enum { QUEUE_SIZE = 128, BATCH = 256 /* pages emptied in one go */ };
enum { STATS_TEXT = 192 };           /* four of them with the longest numbers and names, and more       */
enum { STAT_FREE = 4, STAT_TOTAL = 5, STAT_AVAILABLE = 6, STAT_CACHES = 7 };

/* One statistic as the driver writes it, packed (5.5.6.3). */
struct stat {
	uint16_t tag;
	uint64_t value;
} __attribute__((packed));

static struct virtio_balloon *of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_balloon, dev);
}

/* ---- inflate, deflate: arrays of page numbers, 32 bits each ---- */

static uint32_t pages_in(const struct ring_chain *chain)
{
	return chain->out_bytes / sizeof(uint32_t);
}

/* A driver that tells nothing beforehand may touch its pages at any time: they stay. */
static const struct virtio_balloon_backend *backend_of(const struct virtio_balloon *b)
{
	return virtio_has(&b->dev, F_MUST_TELL_HOST) ? b->backend : NULL;
}

/* What is outside of memory was never there, and is not counted. */
static void empty_page(struct virtio_balloon *b, uint32_t page)
{
	if (gmem_fill(b->mem, gpa((uint64_t)page << PAGE_SHIFT), 0, PAGE_SIZE) == OK) {
		b->inflated++;
		if (backend_of(b)) {
			b->backend->inflated(page);
		}
	}
}

/* A chain of any length is worked off in batches, so that the guest's other devices get their turn. */
static int inflate(struct virtio_device *dev, unsigned queue, const struct ring_chain *chain)
{
	struct virtio_balloon *b = of(dev);
	uint32_t page[BATCH], n, bytes;

	bytes = ring_chain_read(chain, b->at * (uint32_t)sizeof(uint32_t), page, sizeof(page));
	n = bytes / sizeof(uint32_t);
	for (uint32_t i = 0; i < n; i++) {
		empty_page(b, page[i]);
	}
	b->at += n;
	if (n && b->at < pages_in(chain)) {
		virtio_notify_again(dev, queue);
		return E_AGAIN;
	}
	b->at = 0;
	return 0;
}

/* The driver may use the pages when it has the chain back, so it waits until they are all here. */
static int deflate(struct virtio_device *dev, unsigned queue, const struct ring_chain *chain)
{
	struct virtio_balloon *b = of(dev);
	uint32_t page[BATCH], n = 0;

	if (backend_of(b)) {
		n = ring_chain_read(chain, b->deflate_at * (uint32_t)sizeof(uint32_t), page, sizeof(page)) / sizeof(uint32_t);
	}
	for (uint32_t i = 0; i < n; i++, b->deflate_at++) {
		if (!b->backend->deflated(page[i])) {
			return E_AGAIN;
		}
	}
	if (n && b->deflate_at < pages_in(chain)) {
		virtio_notify_again(dev, queue);
		return E_AGAIN;
	}
	b->deflate_at = 0;
	b->deflated += pages_in(chain);
	return 0;
}

void virtio_balloon_resume(struct virtio_balloon *b)
{
	virtio_notify(&b->dev, QUEUE_DEFLATE);
}

/* ---- statistics: the driver's buffer stays with us until we want new ones ---- */

/* "guest: 80 MiB free of 100 MiB", as far as the guest told. */
static void describe_stats(const struct virtio_balloon *b, char *text, size_t size)
{
	static const struct { uint8_t tag; const char *name; } shown[] = {
		{ STAT_TOTAL, "total" }, { STAT_FREE, "free" }, { STAT_AVAILABLE, "available" }, { STAT_CACHES, "caches" },
	};
	size_t len = fmt_print(text, size, "%s", virtio_is_live(&b->dev) ? "" : ", no driver");

	for (unsigned i = 0; i < ARRAY_SIZE(shown); i++) {
		uint64_t value = b->stat[shown[i].tag];

		if (value != UINT64_MAX && len < size) {
			len += fmt_print(text + len, size - len, ", %s %llu KiB", shown[i].name, (unsigned long long)value >> 10);
		}
	}
}

static void report_now(struct virtio_balloon *b)
{
	char stats[STATS_TEXT];

	b->report = false;
	describe_stats(b, stats, sizeof(stats));
	vm_log("balloon: %llu KiB given up of %llu KiB wanted; guest%s", (unsigned long long)b->config.actual * 4,
	       (unsigned long long)b->config.wanted * 4, stats[0] ? stats + 1 : " told nothing");
}

/* Of the chain that take_stats() took just now. */
static void read_stats(struct virtio_balloon *b)
{
	struct stat s[BALLOON_STATS * 2];
	uint32_t n = ring_chain_read(&virtio_chain, 0, s, sizeof(s)) / (uint32_t)sizeof(s[0]);

	for (uint32_t i = 0; i < n; i++) {
		if (s[i].tag < BALLOON_STATS) {
			b->stat[s[i].tag] = s[i].value;
		}
	}
}

static void take_stats(struct virtio_balloon *b)
{
	struct ring *r = &b->dev.queue[QUEUE_STATS].ring;
	bool taken = false;

	/* One buffer at a time is the protocol (5.5.6.3); what a driver adds beyond waits in its ring. */
	for (unsigned tries = 2; tries && !b->holds_stats; tries--) {
		taken = b->holds_stats = ring_pop(r, &virtio_chain) > 0;
		if (!taken && !ring_listen(r)) {
			break;
		}
	}
	if (virtio_queue_done(&b->dev, QUEUE_STATS) && taken) {
		b->stats_id = virtio_chain.id;
		b->stats_slots = virtio_chain.slots;
		read_stats(b);
		if (b->report) {
			report_now(b);
		}
	}
}

void virtio_balloon_report(struct virtio_balloon *b)
{
	b->report = true;
	if (!virtio_is_live(&b->dev) || !b->holds_stats) {
		report_now(b);
		return;
	}
	b->holds_stats = false;
	virtio_chain.id = b->stats_id;
	virtio_chain.slots = b->stats_slots;
	ring_use(&b->dev.queue[QUEUE_STATS].ring, &virtio_chain, 0);
	(void)virtio_queue_done(&b->dev, QUEUE_STATS);
}

/* ---- the device ---- */

void virtio_balloon_want(struct virtio_balloon *b, int64_t pages)
{
	int64_t wanted = (int64_t)b->config.wanted + pages;

	wanted = wanted < 0 ? 0 : wanted > (int64_t)b->max ? (int64_t)b->max : wanted;
	b->config.wanted = (uint32_t)wanted;
	b->asked = true;
	virtio_config_changed(&b->dev);
}

static void notify(struct virtio_device *dev, unsigned queue)
{
	if (queue == QUEUE_INFLATE) {
		virtio_serve(dev, queue, inflate);
	} else if (queue == QUEUE_DEFLATE) {
		virtio_serve(dev, queue, deflate);
	} else {
		take_stats(of(dev));
	}
}

/* A guest that starts anew has all its memory. */
static void reset(struct virtio_device *dev)
{
	struct virtio_balloon *b = of(dev);

	b->config.actual = 0;
	b->inflated = b->deflated = 0;
	b->at = b->deflate_at = 0;
	if (b->backend) {
		b->backend->reset();
	}
	b->holds_stats = false;
	memset(b->stat, 0xff, sizeof(b->stat));
}

/* The driver tells how far it is; that it is done is worth a line. */
static void config_written(struct virtio_device *dev, unsigned at, unsigned len)
{
	struct virtio_balloon *b = of(dev);

	if (b->asked && at + len == sizeof(b->config) && b->config.actual == b->config.wanted) {
		b->asked = false;
		vm_log("balloon: the guest has given up %llu KiB", (unsigned long long)b->config.actual * 4);
	}
}

static const struct virtio_ops ops = { .notify = notify, .reset = reset, .config_written = config_written };

void virtio_balloon_init(struct virtio_balloon *b, const struct gmem *mem, const struct virtio_balloon_backend *backend)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < mem->count; i++) {
		bytes += mem->slot[i].size;
	}
	*b = (struct virtio_balloon){
		.dev = {
			.name = "balloon", .type = VIRTIO_BALLOON, .ops = &ops, .offered = 1ull << F_MUST_TELL_HOST | 1ull << F_STATS | 1ull << F_DEFLATE_ON_OOM,
			.queue_count = QUEUES,
			.queue = { { .size_max = QUEUE_SIZE }, { .size_max = QUEUE_SIZE }, { .size_max = QUEUE_SIZE } },
			.config = (uint8_t *)&b->config, .config_size = sizeof(b->config),
			.config_writable = offsetof(struct virtio_balloon_config, actual), .config_writable_end = sizeof(b->config),
		},
		.mem = mem, .backend = backend, .max = (uint32_t)((bytes >> PAGE_SHIFT) / 4 * 3),
	};
	memset(b->stat, 0xff, sizeof(b->stat));
}
