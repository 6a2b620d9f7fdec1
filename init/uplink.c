/* SPDX-License-Identifier: Apache-2.0 */
/* Uplinks: see uplink.h. */
#include "init/uplink.h"

#include <stdio.h>
#include <string.h>

#include "drivers/nic/ids.h"
#include "init/devices.h"
#include "init/inventory.h"
#include "init/log.h"
#include "init/machine.h"
#include "init/physical.h"
#include "init/program.h"
#include "lib/user/sys.h"
#include "net/ports.h"

enum { MESSAGES_MAX = 8 };
#define RESET_NS (100 * 1000000ull)      /* PCIe 5.0, 6.6.2 */

static struct conf_uplink lines[CONF_UPLINKS_MAX];
static uint32_t line_count;
static bool by_default;                  /* nobody asked for what lines says                      */

static struct uplink {
	char net[CONF_NAME_MAX];
	const struct pci_function *card;
	struct extent bar[PCI_BARS]; /* size 0: not mapped                                           */
	struct extent memory;
	bool used;                   /* a net had it before                                          */
} uplinks[CONF_UPLINKS_MAX];
static uint32_t count;

void uplinks_configure(const struct conf_result *config)
{
	by_default = !config || !config->uplink_count;
	line_count = by_default ? 1 : config->uplink_count;
	if (by_default) {
		lines[0] = (struct conf_uplink){ .net = "default", .card = CONF_UPLINK_AUTO };
	} else {
		memcpy(lines, config->uplink, sizeof(lines));
	}
}

/* ---- at boot ---- */

static const struct pci_function *choose(const struct conf_uplink *line)
{
	const struct pci_function *f = line->card == CONF_UPLINK_PCI ?
		devices_at(line->segment, line->bus, line->slot, line->function) : devices_free_card();
	const char *why = !f ? "there is none" : !nic_card_name(f->vendor, f->device) ? "no driver knows it" : f->why;

	if (why && !by_default) {
		init_log("switch %s has no way out: of the network card that shall be its uplink: %s", line->net, why);
	}
	return why ? NULL : f;
}

/* Its registers, as far as they have pages of their own. */
static void take_bars(struct uplink *u)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &u->card->bar[i];
		uint64_t base = ALIGN_DOWN(bar->base, (uint64_t)PAGE_SIZE), end = ALIGN_UP(bar->base + bar->size, (uint64_t)PAGE_SIZE);

		if (bar->size && (bar->size > NET_BAR_MAX || physical_take(base, end - base, &u->bar[i]) < 0)) {
			init_log("switch %s: registers %u of its uplink are left out: they are large, or not in pages of their own", u->net,
				 i);
			u->bar[i] = (struct extent){ 0 };
		}
	}
}

static void add(const struct conf_uplink *line, const struct pci_function *f)
{
	struct uplink *u = &uplinks[count];
	char owner[CONF_NAME_MAX + 32], place[PCI_PLACE_TEXT];

	*u = (struct uplink){ .card = f };
	memcpy(u->net, line->net, sizeof(u->net));
	if (memory_alloc(&memory, NULL, NIC_DMA_BYTES, PAGE_SIZE, MEMORY_HIGH, &u->memory) < 0) {
		init_log("switch %s has no way out: no memory for its network card", u->net);
		return;
	}
	take_bars(u);
	snprintf(owner, sizeof(owner), "net, uplink of %s", u->net);
	devices_set_owner(f, owner);
	pci_print_place(f, place);
	init_log("switch %s: its uplink is the network card at %s", u->net, place);
	count++;
}

/* Cards that are named are not for those that take any. */
uint32_t uplinks_init(void)
{
	for (int named = 1; named >= 0; named--) {
		for (uint32_t i = 0; i < line_count; i++) {
			const struct conf_uplink *line = &lines[i];
			const struct pci_function *f = NULL;

			if (line->card != CONF_UPLINK_NONE && (line->card == CONF_UPLINK_PCI) == named) {
				f = choose(line);
			}
			if (f) {
				add(line, f);
			}
		}
	}
	return count;
}

uint32_t uplink_count(void)
{
	return count;
}

const char *uplink_net(uint32_t number)
{
	return uplinks[number].net;
}

/* ---- at each start of net ---- */

/* The pages with the table of MSI-X are nobody's: [*from, *to) of the extent. */
static void table_pages(const struct uplink *u, unsigned i, uint64_t *from, uint64_t *to)
{
	uint64_t start = u->card->msix_table, bytes = u->card->messages * 16ull;

	*from = *to = 0;
	if (bytes && start - u->bar[i].base < u->bar[i].size) {
		*from = ALIGN_DOWN(start, (uint64_t)PAGE_SIZE) - u->bar[i].base;
		*to = ALIGN_UP(start + bytes, (uint64_t)PAGE_SIZE) - u->bar[i].base;
	}
}

static int map_piece(const struct child *child, uint64_t addr, const struct extent *e, uint64_t from, uint64_t to)
{
	return from >= to ? OK : sys_map(child->space, addr + from, e->handle, from, to - from, PROT_R | PROT_W | PROT_DEVICE);
}

static int map_bar(const struct uplink *u, unsigned i, const struct child *child, struct nic_host *host)
{
	const struct extent *e = &u->bar[i];
	uint64_t addr = NET_BAR_ADDR(u - uplinks, i), from, to;
	int r;

	table_pages(u, i, &from, &to);
	if (!e->size || (from == 0 && to >= e->size)) {
		return OK;
	}
	r = map_piece(child, addr, e, 0, from);
	if (r == OK) {
		r = map_piece(child, addr, e, to, e->size);
	}
	host->bar[i] = (volatile uint8_t *)(addr + u->card->bar[i].base % PAGE_SIZE);
	host->bar_size[i] = u->card->bar[i].size;
	return r;
}

/* What a net before this one left there is nobody's business. */
static int map_memory(struct uplink *u, const struct child *child, struct nic_host *host)
{
	int r = u->used ? sys_region_reclaim(u->memory.handle) : OK;

	if (r == OK && u->used) {
		r = sys_region_clean(u->memory.handle, u->memory.size);
	}
	host->dma = (void *)NET_DMA_ADDR(u - uplinks);
	host->dma_phys = u->memory.base;
	host->dma_size = u->memory.size;
	return r < 0 ? r : sys_map(child->space, NET_DMA_ADDR(u - uplinks), u->memory.handle, 0, u->memory.size, PROT_R | PROT_W);
}

/* Messages where it has them, else its line: that is edge-triggered, and its driver looks by itself from time to time. */
static void bind(const struct uplink *u, uint32_t device, uint32_t wake, struct nic_host *host)
{
	uint32_t messages = u->card->msix ? u->card->messages : u->card->msi ? 1 : 0;

	messages = messages < MESSAGES_MAX ? messages : MESSAGES_MAX;
	if (messages && sys_device_bind(device, wake, 0, messages) == OK) {
		host->interrupts = messages;
	} else if (!u->card->pin || machine_give_card_line((uint32_t)(u - uplinks), u->card->line, wake) < 0) {
		init_log("switch %s: its uplink cannot interrupt and is polled", u->net);
	}
}

static int give_device(const struct uplink *u, const struct child *child, uint32_t wake, struct nic_host *host)
{
	const struct pci_function *f = u->card;
	const struct device_setup setup = { .function = f->where, .msix_table = f->msix_table, .msi = f->msi, .msix = f->msix,
					    .express = f->express, .features = f->features };
	int device = sys_device_create(INIT_MACHINE, child->process, &setup), r;

	if (device < 0) {
		return device;
	}
	bind(u, (uint32_t)device, wake, host);
	host->handle = NET_DEVICE + (uint32_t)(u - uplinks);
	r = sys_grant(child->process, (uint32_t)device, RIGHT_READ | RIGHT_WRITE, host->handle);
	sys_close((uint32_t)device);
	return r;
}

static void describe(const struct uplink *u, struct net_uplink *to)
{
	struct nic_host *host = &to->host;

	memcpy(to->name, u->net, sizeof(to->name));
	pci_print_place(u->card, to->place);
	pci_copy_config(u->card, &devices_ops, to->config);
	host->vendor = u->card->vendor;
	host->device = u->card->device;
	host->revision = u->card->revision;
	host->config = ((const struct net_status *)NET_STATUS_ADDR)->uplink[u - uplinks].config;
}

void uplink_hand_over(uint32_t number, const struct child *child, uint32_t wake, struct net_uplink *to)
{
	struct uplink *u = &uplinks[number];
	uint32_t net = to->net;
	int r = devices_wake(u->card);

	*to = (struct net_uplink){ .net = net };
	if (r == OK) {
		describe(u, to);
		r = map_memory(u, child, &to->host);
	}
	for (unsigned i = 0; r == OK && i < PCI_BARS; i++) {
		r = map_bar(u, i, child, &to->host);
	}
	if (r == OK) {
		r = give_device(u, child, wake, &to->host);
	}
	if (r < 0) {
		init_log("switch %s: its uplink at %s cannot be used: error %d", u->net, to->place, r);
		to->host = (struct nic_host){ 0 };
	} else if (u->used) {
		init_log("switch %s: its uplink at %s was silent, and is handed out again", u->net, to->place);
	}
	u->used = true;
}

uint64_t uplinks_pause_ns(void)
{
	return count ? RESET_NS : 0;
}

bool uplinks_answer(void)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!devices_answers(uplinks[i].card)) {
			return false;
		}
	}
	return true;
}
