/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of bytes between two threads. */
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumed/flow.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/memory.h"

void flow_init(struct flow *flow)
{
	*flow = (struct flow){ 0 };
	pthread_mutex_init(&flow->lock, NULL);
	work_condition_init(&flow->changed);
}

void flow_free(struct flow *flow)
{
	pthread_cond_destroy(&flow->changed);
	pthread_mutex_destroy(&flow->lock);
	free(flow->room);
}

/* As much as goes in one piece; flow->lock is held. */
static size_t put(struct flow *flow, const char *bytes, size_t len)
{
	size_t at = (flow->first + flow->len) % FLOW_ROOM, room = FLOW_ROOM - flow->len;

	if (!flow->room) {
		flow->room = memory_new(FLOW_ROOM);
	}
	room = room < FLOW_ROOM - at ? room : FLOW_ROOM - at;
	len = len < room ? len : room;
	memcpy(flow->room + at, bytes, len);
	flow->len += len;
	return len;
}

bool flow_write(struct flow *flow, const char *bytes, size_t len)
{
	bool good;

	pthread_mutex_lock(&flow->lock);
	while (len > 0 && !flow->broken && !work_stopping()) {
		size_t n = flow->len < FLOW_ROOM ? put(flow, bytes, len) : 0;

		bytes += n;
		len -= n;
		if (n > 0) {
			pthread_cond_broadcast(&flow->changed);
		} else {
			work_wait(&flow->changed, &flow->lock, INT64_MAX);
		}
	}
	good = len == 0 && !flow->broken;
	pthread_mutex_unlock(&flow->lock);
	return good;
}

long flow_read(struct flow *flow, char *to, size_t size)
{
	size_t n;
	bool broken;

	pthread_mutex_lock(&flow->lock);
	while (flow->len == 0 && !flow->ended && !flow->broken && !work_stopping()) {
		work_wait(&flow->changed, &flow->lock, INT64_MAX);
	}
	broken = flow->broken || (flow->len == 0 && !flow->ended);
	n = flow->len < size ? flow->len : size;
	n = n < FLOW_ROOM - flow->first ? n : FLOW_ROOM - flow->first;
	if (!broken && n > 0) {
		memcpy(to, flow->room + flow->first, n);
		flow->first = (flow->first + n) % FLOW_ROOM;
		flow->len -= n;
		pthread_cond_broadcast(&flow->changed);
	}
	pthread_mutex_unlock(&flow->lock);
	return broken ? -1 : (long)n;
}

static void mark(struct flow *flow, bool *flag)
{
	pthread_mutex_lock(&flow->lock);
	*flag = true;
	pthread_cond_broadcast(&flow->changed);
	pthread_mutex_unlock(&flow->lock);
}

void flow_end(struct flow *flow)
{
	mark(flow, &flow->ended);
}

void flow_break(struct flow *flow)
{
	mark(flow, &flow->broken);
}
