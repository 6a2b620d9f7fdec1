/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of lwIP 2.2 is built: IPv4 and IPv6, TCP, DHCP, DNS, SNTP, driven by the one thread of mgmt. All its memory is in
 * pools of fixed size, so a flood finds them empty and takes nothing from anybody else. lwIP reads this by its own name.
 */
#pragma once

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_NETIF_API 0
#define LWIP_TIMERS 1
#define LWIP_STATS 0

/* Memory. */
#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 0
#define MEM_SIZE (576 * 1024)        /* what is sent; mgmt/tcp_share.c says who may have how much of it */
#define MEMP_NUM_TCP_PCB 80
#define MEMP_NUM_TCP_PCB_LISTEN 68   /* ours, and one for each VM that has a VNC console (mgmt/vnc.h) */
#define MEMP_NUM_TCP_SEG 512
#define MEMP_NUM_UDP_PCB 8
#define MEMP_NUM_RAW_PCB 2
#define MEMP_NUM_PBUF 128
#define MEMP_NUM_SYS_TIMEOUT 24
#define PBUF_POOL_SIZE 416           /* what came                                                    */
#define PBUF_POOL_BUFSIZE 1600

/* mgmt/tcp_share.c: buffers that a connection may keep of what came out of order. */
#include <stdint.h>
struct tcp_pcb;
uint16_t share_out_of_order(const struct tcp_pcb *pcb);
#define TCP_OOSEQ_PBUFS_LIMIT(pcb) share_out_of_order(pcb)

/* Layers. */
#define LWIP_ARP 1
#define ARP_TABLE_SIZE 16
#define ARP_QUEUEING 0
#define ETH_PAD_SIZE 0
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
#define LWIP_RAW 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define IP_FORWARD 0
#define IP_REASSEMBLY 0              /* nobody sends us fragments but to do harm                     */
#define IP_FRAG 0
#define LWIP_IPV6_REASS 0
#define LWIP_IPV6_FRAG 0
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
#define LWIP_IPV6_MLD 1
#define MEMP_NUM_MLD6_GROUP 6
#define LWIP_ND6_NUM_NEIGHBORS 16
#define LWIP_ND6_NUM_DESTINATIONS 16
#define LWIP_DHCP 1
#define LWIP_ACD 1
#define LWIP_DHCP_DOES_ACD_CHECK 1
#define LWIP_DHCP_GET_NTP_SRV 1
#define LWIP_DNS 1
#define DNS_TABLE_SIZE 4
#define SNTP_SERVER_DNS 1
#define SNTP_GET_SERVERS_FROM_DHCP 1
#define SNTP_MAX_SERVERS 2
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_HAVE_LOOPIF 0
#define LWIP_NETIF_LOOPBACK 0

/* TCP. */
#define TCP_MSS 1440                 /* of IPv6 on Ethernet                                          */
#define TCP_WND (44 * TCP_MSS)
#define TCP_SND_BUF (32 * TCP_MSS)
#define TCP_SND_QUEUELEN 128
#define TCP_QUEUE_OOSEQ 1
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 32
#define LWIP_TCP_KEEPALIVE 1
#define SO_REUSE 1                   /* a port that was closed opens again, whatever its old connections do */
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_TIMESTAMPS 0

/* Checksums are made and checked by lwIP. */
#define LWIP_CHKSUM_ALGORITHM 3

/* A fuzzer cannot make them. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define CHECKSUM_CHECK_IP 0
#define CHECKSUM_CHECK_UDP 0
#define CHECKSUM_CHECK_TCP 0
#define CHECKSUM_CHECK_ICMP 0
#define CHECKSUM_CHECK_ICMP6 0
#endif

/*
 * The time of day, by SNTP, bounded there (mgmt/clock.h). A question bears a random number in place of our time, and only an answer with
 * that number, from where it was sent to, is taken: who does not see our packets cannot make one (RFC 5905, 8; RFC 9109).
 */
void clock_set_sntp(uint32_t seconds, uint32_t microseconds);
#define SNTP_CHECK_RESPONSE 2
#define SNTP_GET_SYSTEM_TIME_NTP(sec, frac) do { (sec) = (int32_t)random_word(); (frac) = random_word(); } while (0)
#define SNTP_SET_SYSTEM_TIME_US(sec, us) clock_set_sntp((uint32_t)(sec), (uint32_t)(us))
