/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP's interface over the switch: see link.h. */
#include "mgmt/link.h"

#include <string.h>
#include <lwip/apps/sntp.h>
#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/ethip6.h>
#include <lwip/etharp.h>
#include <lwip/inet_chksum.h>
#include <lwip/init.h>
#include <lwip/netif.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <netif/ethernet.h>

#include "mgmt/platform.h"
#include "mgmt/tcp.h"

enum { FRAMES_PER_ROUND = 64, MTU = 1500, NEEDS_CSUM = 1 };

#define NS_PER_MS 1000000ull

struct link_counters link_counters;

static struct {
	struct netif netif;
	struct frames_end in, out;
	bool plugged, signal;
	ip4_addr_t told;             /* the address that was logged last                             */
	uint8_t told_ip6;            /* bit i: IPv6 address i was logged                             */
} port;

/* ---- out ---- */

static err_t send_frame(struct netif *netif, struct pbuf *p)
{
	struct frame_header header = { .len = p->tot_len };
	uint32_t at = 0;

	(void)netif;
	if (!port.plugged || p->tot_len < FRAME_MIN || !frames_room(&port.out, p->tot_len)) {
		link_counters.out_dropped++;
		return ERR_OK;                                   /* as a wire would: TCP sends it again */
	}
	for (const struct pbuf *q = p; q; q = q->next) {
		frames_put(&port.out, at, q->payload, q->len);
		at += q->len;
	}
	port.signal |= frames_send(&port.out, &header);
	link_counters.out_frames++;
	link_counters.out_bytes += header.len;
	return ERR_OK;
}

/* ---- in ---- */

/*
 * A neighbour on the switch may have left the checksum to a card (virtio 1.2, 5.1.6.2), whose place holds that of the pseudo header.
 * False: nonsense.
 */
static bool finish_checksum(struct pbuf *p, const struct frame_header *header)
{
	uint32_t start = header->csum_start, at = start + header->csum_offset;
	uint16_t sum;

	if (at + sizeof(sum) > p->len || start < FRAME_MIN) {
		return false;
	}
	pbuf_remove_header(p, start);
	sum = inet_chksum_pbuf(p);
	pbuf_add_header(p, start);
	memcpy((uint8_t *)p->payload + at, &sum, sizeof(sum));
	return true;
}

/* Large ones, segmented packets of a neighbour, take several buffers. */
static void deliver(const struct frame_header *header)
{
	/* One that lwIP cannot number is nothing for it. */
	struct pbuf *p = header->len <= UINT16_MAX ? pbuf_alloc(PBUF_RAW, (u16_t)header->len, PBUF_POOL) : NULL;
	uint32_t at = 0;

	if (!p) {
		link_counters.in_dropped++;
		return;
	}
	for (struct pbuf *q = p; q; q = q->next) {
		frames_get(&port.in, at, q->payload, q->len);
		at += q->len;
	}
	link_counters.in_frames++;
	link_counters.in_bytes += header->len;
	if (((header->flags & NEEDS_CSUM) && !finish_checksum(p, header)) || port.netif.input(p, &port.netif) != ERR_OK) {
		link_counters.in_dropped++;
		pbuf_free(p);
	}
}

bool link_receive(void)
{
	struct frame_header header;

	for (int i = 0; port.plugged && i < FRAMES_PER_ROUND; i++) {
		int r = frames_next(&port.in, &header);

		if (r == E_AGAIN) {
			return false;
		}
		if (r == OK) {
			deliver(&header);
			tcp_trim();
			port.signal |= frames_drop(&port.in, &header);
		} else {
			link_counters.in_dropped++;
		}
	}
	return port.plugged;
}

bool link_must_signal(void)
{
	bool signal = port.signal;

	port.signal = false;
	return signal;
}

bool link_sleep(void)
{
	return !port.plugged || frames_sleep(&port.in);
}

void link_plug(struct frames_channel *channel)
{
	port.plugged = channel && channel->magic == FRAMES_MAGIC;
	if (port.plugged) {
		frames_writer(&port.out, &channel->from_vm, channel->from_vm_data);
		frames_reader(&port.in, &channel->to_vm, channel->to_vm_data);
		netif_set_link_up(&port.netif);
	} else {
		netif_set_link_down(&port.netif);
	}
}

/* ---- time ---- */

u32_t sys_now(void)
{
	return (u32_t)(platform_now_ns() / NS_PER_MS);
}

uint64_t link_tick(uint64_t now_ns)
{
	u32_t ms;

	sys_check_timeouts();
	ms = sys_timeouts_sleeptime();
	return ms == SYS_TIMEOUTS_SLEEPTIME_INFINITE ? UINT64_MAX : now_ns + ms * NS_PER_MS;
}

/* ---- set-up ---- */

static err_t set_up(struct netif *netif)
{
	netif->name[0] = 'n';
	netif->name[1] = 'o';
	netif->mtu = MTU;
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = send_frame;
	return ERR_OK;
}

static void set_servers(const struct conf_node *config)
{
	ip_addr_t address;

	if (config->dns) {
		ip_addr_set_ip4_u32_val(address, lwip_htonl(config->dns));
		dns_setserver(0, &address);
	}
	sntp_setoperatingmode(SNTP_OPMODE_POLL);
	sntp_servermode_dhcp(config->address_mode == CONF_ADDRESS_DHCP && !config->ntp && !config->ntp_name[0]);
	if (config->ntp) {
		ip_addr_set_ip4_u32_val(address, lwip_htonl(config->ntp));
		sntp_setserver(0, &address);
	}
	if (config->ntp_name[0]) {
		static char name[CONF_HOST_MAX];         /* lwIP keeps the pointer */

		memcpy(name, config->ntp_name, sizeof(name));
		sntp_setservername(0, name);
	}
	sntp_init();
}

static uint32_t mask_of(uint32_t prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

void link_init(const struct conf_node *config, const char *name, const uint8_t mac[6])
{
	bool fixed = config->address_mode == CONF_ADDRESS_STATIC;
	ip4_addr_t address, mask, gateway;

	lwip_init();
	ip4_addr_set_u32(&address, fixed ? lwip_htonl(config->address) : 0);
	ip4_addr_set_u32(&mask, fixed ? lwip_htonl(mask_of(config->prefix)) : 0);
	ip4_addr_set_u32(&gateway, fixed ? lwip_htonl(config->gateway) : 0);
	port.netif.hwaddr_len = ETH_HWADDR_LEN;
	memcpy(port.netif.hwaddr, mac, ETH_HWADDR_LEN);
	netif_add(&port.netif, &address, &mask, &gateway, NULL, set_up, ethernet_input);
	netif_set_hostname(&port.netif, name);
	netif_set_default(&port.netif);
	netif_create_ip6_linklocal_address(&port.netif, 1);
	netif_set_ip6_autoconfig_enabled(&port.netif, 1);
	netif_set_up(&port.netif);
	set_servers(config);
	if (!fixed) {
		dhcp_start(&port.netif);
	}
}

void link_tell_addresses(void)
{
	const ip4_addr_t *address = netif_ip4_addr(&port.netif);

	if (!ip4_addr_cmp(address, &port.told)) {
		ip4_addr_copy(port.told, *address);
		platform_log("address %s", ip4_addr_isany(address) ? "lost" : ip4addr_ntoa(address));
	}
	for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		bool valid = ip6_addr_isvalid(netif_ip6_addr_state(&port.netif, i));

		if (valid && !(port.told_ip6 & 1u << i)) {
			platform_log("address %s", ip6addr_ntoa(netif_ip6_addr(&port.netif, i)));
		}
		port.told_ip6 = (uint8_t)((port.told_ip6 & ~(1u << i)) | (valid ? 1u << i : 0u));
	}
}
