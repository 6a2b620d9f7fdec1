/* SPDX-License-Identifier: Apache-2.0 */
/* Each connection's share of lwIP's memory: see tcp_share.h. There are few connections: what they have is counted anew each time. */
#include "mgmt/tcp_share.h"

#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>

enum { CONTROL = 1, SEGMENT_BYTES = TCP_MSS + 160 };         /* a FIN or SYN; headers and lwIP's own of a segment */

_Static_assert(SHARE_SEND + MEMP_NUM_TCP_PCB * (SHARE_SEND_FEW + CONTROL) + SHARE_KEEP <= MEMP_NUM_TCP_SEG, "each segment has a record");
_Static_assert((SHARE_SEND + MEMP_NUM_TCP_PCB * SHARE_SEND_FEW) * SEGMENT_BYTES + MEMP_NUM_TCP_PCB * 256 <= MEM_SIZE,
	       "and memory, and there is some left for whatever else is sent");

/* ---- what waits to be sent ---- */

static unsigned queued_of_others(const struct tcp_pcb *mine)
{
	unsigned n = 0;

	for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		n += pcb != mine ? pcb->snd_queuelen : 0;
	}
	return n;
}

/* As tcp_write() cuts: a peer may ask for tiny segments, each of which costs a record. */
static size_t bytes_of_segment(const struct tcp_pcb *pcb)
{
	size_t half = pcb->snd_wnd_max / 2u;

	return half && half < pcb->mss ? half : pcb->mss;
}

/* Half of what the others leave, so that the one that comes next finds something, too. */
size_t share_send_room(const struct tcp_pcb *pcb)
{
	unsigned others = queued_of_others(pcb), may = others < SHARE_SEND ? (SHARE_SEND - others) / 2 : 0;
	size_t room;

	may = may > SHARE_SEND_FEW ? may : SHARE_SEND_FEW;
	room = may > pcb->snd_queuelen ? (may - pcb->snd_queuelen) * bytes_of_segment(pcb) : 0;
	return room < tcp_sndbuf(pcb) ? room : tcp_sndbuf(pcb);
}

/* ---- what came ---- */

static unsigned count_out_of_order(const struct tcp_pcb *pcb)
{
	unsigned n = 0;

	for (const struct tcp_seg *s = pcb->ooseq; s; s = s->next) {
		n += pbuf_clen(s->p);
	}
	return n;
}

/* Out of order on all but one, and refused. */
static unsigned count_kept(const struct tcp_pcb *but)
{
	unsigned n = 0;

	for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		n += (pcb != but ? count_out_of_order(pcb) : 0) + (pcb->refused_data ? pbuf_clen(pcb->refused_data) : 0u);
	}
	return n;
}

uint16_t share_out_of_order(const struct tcp_pcb *pcb)
{
	unsigned kept = count_kept(pcb);

	return kept < SHARE_KEEP ? (uint16_t)(SHARE_KEEP - kept) : 0;
}

bool share_may_keep(unsigned buffers)
{
	return count_kept(NULL) + buffers <= SHARE_KEEP;
}
