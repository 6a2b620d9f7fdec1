/* SPDX-License-Identifier: Apache-2.0 */
/* NUMA nodes: see numa.h. */
#include "init/numa.h"

#include <stdio.h>

enum { HEADER_REVISION = 8, SRAT_ENTRIES = 48, SLIT_COUNT = 36, SLIT_ENTRIES = 44 };
enum { SRAT_APIC = 0, SRAT_MEMORY = 1, SRAT_X2APIC = 2, ENTRY_MAX = 40 };
enum { ENABLED = 1 };

struct parser {
	struct numa *numa;           /* nodes of ranges and processors are domains until number_nodes()  */
	const struct acpi_info *acpi;
	acpi_read_fn *read;
	void *ctx;
};

#define REFUSE(p, ...) (snprintf((p)->numa->srat_why, sizeof((p)->numa->srat_why), __VA_ARGS__), false)

static uint64_t number(const uint8_t *at, size_t len)
{
	uint64_t n = 0;

	__builtin_memcpy(&n, at, len);
	return n;
}

static bool get(const struct parser *p, const struct acpi_table *t, uint64_t off, void *buf, size_t len)
{
	return range_within(off, len, t->length) && p->read(p->ctx, t->base.v + off, buf, len);
}

/* ---- SRAT ---- */

static bool add_node(struct parser *p, uint32_t domain)
{
	struct numa *n = p->numa;
	uint32_t at = n->node_count;

	if (domain > NUMA_DOMAIN_MAX) {
		return REFUSE(p, "it numbers a node %u", (unsigned)domain);
	}
	for (uint32_t i = 0; i < n->node_count; i++) {
		if (n->domain[i] == domain) {
			return true;
		}
	}
	if (at == NUMA_NODES_MAX) {
		return REFUSE(p, "it has more than %d nodes", NUMA_NODES_MAX);
	}
	for (; at > 0 && n->domain[at - 1] > domain; at--) {
		n->domain[at] = n->domain[at - 1];
	}
	n->domain[at] = domain;
	n->node_count++;
	return true;
}

static bool is_cpu(const struct acpi_info *acpi, uint32_t apic_id)
{
	for (uint32_t i = 0; i < acpi->cpu_count && i < ACPI_CPU_MAX; i++) {
		if (acpi->apic_id[i] == apic_id) {
			return true;
		}
	}
	return false;
}

static bool add_cpu(struct parser *p, uint32_t apic_id, uint32_t domain)
{
	struct numa *n = p->numa;

	if (!is_cpu(p->acpi, apic_id)) {
		/* Of more processors than we keep we cannot say. */
		return p->acpi->cpu_count > ACPI_CPU_MAX ||
		       REFUSE(p, "it tells of a processor %u that the MADT does not have", (unsigned)apic_id);
	}
	for (uint32_t i = 0; i < n->cpu_count; i++) {
		if (n->cpu[i].apic_id == apic_id) {
			return n->cpu[i].node == domain || REFUSE(p, "it puts processor %u into two nodes", (unsigned)apic_id);
		}
	}
	n->cpu[n->cpu_count++] = (struct numa_cpu){ apic_id, domain };
	return add_node(p, domain);
}

static bool add_range(struct parser *p, uint64_t base, uint64_t size, uint32_t domain)
{
	struct numa *n = p->numa;
	uint32_t at = n->range_count;
	uint64_t end;

	if (!size) {
		return true;
	}
	if (__builtin_add_overflow(base, size, &end)) {
		return REFUSE(p, "its memory at %#llx goes beyond the last address", (unsigned long long)base);
	}
	for (uint32_t i = 0; i < n->range_count; i++) {
		if (base < n->range[i].end && n->range[i].base < end && n->range[i].node != domain) {
			return REFUSE(p, "memory at %#llx is in two nodes", (unsigned long long)base);
		}
	}
	if (at == NUMA_RANGES_MAX) {
		return REFUSE(p, "it has more than %d pieces of memory", NUMA_RANGES_MAX);
	}
	for (; at > 0 && n->range[at - 1].base > base; at--) {
		n->range[at] = n->range[at - 1];
	}
	n->range[at] = (struct numa_range){ base, end, domain };
	n->range_count++;
	return add_node(p, domain);
}

/* Entries that are not enabled are ignored. domain_mask: what of a domain's number counts in this revision. */
static bool add_entry(struct parser *p, const uint8_t *e, uint32_t domain_mask)
{
	switch (e[0]) {
	case SRAT_APIC:
		return !(e[4] & ENABLED) || add_cpu(p, e[3], (uint32_t)(e[2] | number(e + 9, 3) << 8) & domain_mask);
	case SRAT_MEMORY:
		return !(e[28] & ENABLED) || add_range(p, number(e + 8, 8), number(e + 16, 8), (uint32_t)number(e + 2, 4) & domain_mask);
	case SRAT_X2APIC:
		return !(e[12] & ENABLED) || add_cpu(p, (uint32_t)number(e + 8, 4), (uint32_t)number(e + 4, 4) & domain_mask);
	default:
		return true;
	}
}

static bool read_srat(struct parser *p)
{
	static const uint8_t least[] = { [SRAT_APIC] = 16, [SRAT_MEMORY] = 40, [SRAT_X2APIC] = 24 };
	const struct acpi_table *t = &p->acpi->table[ACPI_SRAT];
	uint8_t e[ENTRY_MAX], revision = 0;
	uint32_t at;

	if (!get(p, t, HEADER_REVISION, &revision, 1)) {
		return REFUSE(p, "it is too short");
	}
	for (at = SRAT_ENTRIES; at < t->length; at += e[1]) {
		if (!get(p, t, at, e, 2) || e[1] < 2 || !range_within(at, e[1], t->length) ||
		    (e[0] < sizeof(least) && e[1] < least[e[0]])) {
			return REFUSE(p, "its entry at offset %u has a wrong length", (unsigned)at);
		}
		if (e[0] < sizeof(least) && (!get(p, t, at, e, least[e[0]]) || !add_entry(p, e, revision < 2 ? 0xff : ~0u))) {
			return p->numa->srat_why[0] ? false : REFUSE(p, "it cannot be read");
		}
	}
	return p->numa->range_count || REFUSE(p, "it tells of no memory");
}

static uint32_t node_of_domain(const struct numa *n, uint32_t domain)
{
	uint32_t i = 0;

	while (n->domain[i] != domain) {
		i++;
	}
	return i;
}

/* Domains, all of which are in the list, become numbers of nodes. */
static void number_nodes(struct numa *n)
{
	for (uint32_t i = 0; i < n->range_count; i++) {
		n->range[i].node = node_of_domain(n, n->range[i].node);
	}
	for (uint32_t i = 0; i < n->cpu_count; i++) {
		n->cpu[i].node = node_of_domain(n, n->cpu[i].node);
	}
}

/* ---- SLIT: a square of bytes, by domain ---- */

static void default_distances(struct numa *n)
{
	for (uint32_t i = 0; i < NUMA_NODES_MAX; i++) {
		for (uint32_t j = 0; j < NUMA_NODES_MAX; j++) {
			n->distance[i][j] = i == j ? NUMA_LOCAL : NUMA_REMOTE;
		}
	}
}

static const char *read_slit(struct parser *p)
{
	const struct acpi_table *t = &p->acpi->table[ACPI_SLIT];
	struct numa *n = p->numa;
	uint64_t count = 0;

	if (!get(p, t, SLIT_COUNT, &count, sizeof(count)) || count > t->length || count * count > t->length - SLIT_ENTRIES) {
		return "it is shorter than it says";
	}
	for (uint32_t i = 0; i < n->node_count; i++) {
		for (uint32_t j = 0; j < n->node_count; j++) {
			if (n->domain[i] >= count || n->domain[j] >= count ||
			    !get(p, t, SLIT_ENTRIES + n->domain[i] * count + n->domain[j], &n->distance[i][j], 1)) {
				return "it does not have all nodes";
			}
			if (i == j ? n->distance[i][j] != NUMA_LOCAL : n->distance[i][j] <= NUMA_LOCAL) {
				return "its distances make no sense";
			}
		}
	}
	return NULL;
}

void numa_parse(struct numa *numa, const struct acpi_info *acpi, acpi_read_fn *read, void *ctx)
{
	struct parser p = { numa, acpi, read, ctx };
	const char *why;

	*numa = (struct numa){ 0 };
	default_distances(numa);
	if (!acpi->table[ACPI_SRAT].length || !read_srat(&p)) {
		numa->node_count = 1;
		numa->domain[0] = 0;
		numa->range_count = numa->cpu_count = 0;
		return;
	}
	number_nodes(numa);
	why = acpi->table[ACPI_SLIT].length ? read_slit(&p) : NULL;
	if (why) {
		snprintf(numa->slit_why, sizeof(numa->slit_why), "%s", why);
		default_distances(numa);
	}
}

/* ---- what others ask ---- */

uint32_t numa_node_at(const struct numa *numa, uint64_t addr, uint64_t *end)
{
	for (uint32_t i = 0; i < numa->range_count; i++) {
		const struct numa_range *r = &numa->range[i];

		if (addr < r->base) {
			*end = r->base;
			return 0;
		}
		if (addr < r->end) {
			*end = r->end;
			return r->node;
		}
	}
	*end = UINT64_MAX;
	return 0;
}

uint32_t numa_node_of_cpu(const struct numa *numa, uint32_t apic_id)
{
	for (uint32_t i = 0; i < numa->cpu_count; i++) {
		if (numa->cpu[i].apic_id == apic_id) {
			return numa->cpu[i].node;
		}
	}
	return 0;
}

/* Would rather have memory of a than of b? */
static bool nearer(const struct numa *numa, uint32_t near, const uint64_t *free, uint32_t from, uint32_t a, uint32_t b)
{
	if ((near >> a & 1) != (near >> b & 1)) {
		return near >> a & 1;
	}
	if (!(near >> a & 1) && from < NUMA_NODES_MAX && numa->distance[from][a] != numa->distance[from][b]) {
		return numa->distance[from][a] < numa->distance[from][b];
	}
	return free[a] > free[b];
}

void numa_order(const struct numa *numa, uint32_t near, const uint64_t free[NUMA_NODES_MAX], struct memory_order *order)
{
	uint32_t left = (1u << numa->node_count) - 1;

	order->count = 0;
	while (left) {
		uint32_t best = (uint32_t)__builtin_ctz(left), first = order->count ? order->node[0] : NUMA_NODES_MAX;

		for (uint32_t i = best + 1; i < numa->node_count; i++) {
			if ((left >> i & 1) && nearer(numa, near, free, first, i, best)) {
				best = i;
			}
		}
		order->node[order->count++] = (uint8_t)best;
		left &= ~(1u << best);
	}
}
