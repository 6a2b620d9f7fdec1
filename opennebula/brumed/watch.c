/* SPDX-License-Identifier: Apache-2.0 */
/* One waiting request per node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opennebula/brumed/client.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/watch.h"
#include "opennebula/brumed/work.h"

enum { WANTED_MS = 60000, BACK_OFF_MIN_MS = 250, BACK_OFF_MAX_MS = 5000, WAIT_S = 40 };

struct watch {
	struct node *node;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned long count;             /* lock */
	bool running;                    /* lock */
	int64_t wanted_until;            /* lock */
};

/* What the node said last. Only its thread touches it. */
struct place {
	json_int_t change;
	char boot[64];
	bool lost;                       /* the last request failed */
};

struct watch *watch_new(struct node *node)
{
	struct watch *watch = memory_new(sizeof(*watch));

	watch->node = node;
	pthread_mutex_init(&watch->lock, NULL);
	work_condition_init(&watch->changed);
	return watch;
}

void watch_free(struct watch *watch)
{
	pthread_cond_destroy(&watch->changed);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

unsigned long watch_count(struct watch *watch)
{
	unsigned long count;

	pthread_mutex_lock(&watch->lock);
	count = watch->count;
	pthread_mutex_unlock(&watch->lock);
	return count;
}

void watch_tell(struct watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	watch->count++;
	pthread_cond_broadcast(&watch->changed);
	pthread_mutex_unlock(&watch->lock);
}

/* True: something changed since the place. */
static bool take_answer(struct place *place, const struct client_call *call)
{
	json_t *json = json_loadb(buffer_string(&call->answer), call->answer.len, 0, NULL);
	json_int_t change = json_integer_value(json_object_get(json, "change"));
	const char *boot = json_string_value(json_object_get(json, "boot"));
	bool news = place->lost || change != place->change || (boot && strncmp(boot, place->boot, sizeof(place->boot) - 1) != 0);

	place->change = change;
	snprintf(place->boot, sizeof(place->boot), "%s", boot ? boot : "");
	place->lost = false;
	json_decref(json);
	return news;
}

/* Asks once. False: it was not answered as it should. */
static bool ask(struct watch *watch, struct place *place)
{
	char since[48];
	const char *headers[] = { since, NULL };
	struct client_call call = { .method = "GET", .path = "/v1/one/changes", .headers = headers, .timeout_s = WAIT_S };
	bool good;

	snprintf(since, sizeof(since), "X-Since: %" JSON_INTEGER_FORMAT, place->change);
	good = client_call(watch->node, CLIENT_WAIT, &call) && call.status == 200;
	if (!good) {
		place->lost = true;
	} else if (take_answer(place, &call)) {
		watch_tell(watch);
	}
	buffer_free(&call.answer);
	return good;
}

static bool wanted(struct watch *watch)
{
	bool still;

	pthread_mutex_lock(&watch->lock);
	still = !work_stopping() && work_now_ms() < watch->wanted_until;
	if (!still) {
		watch->running = false;
	}
	pthread_mutex_unlock(&watch->lock);
	return still;
}

static void run(void *argument)
{
	struct watch *watch = argument;
	struct place place = { .lost = true };
	int64_t back_off = BACK_OFF_MIN_MS;

	while (wanted(watch)) {
		if (ask(watch, &place)) {
			back_off = BACK_OFF_MIN_MS;
			continue;
		}
		work_sleep_ms(back_off);
		back_off = back_off * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : back_off * 2;
	}
}

/* Who waits keeps the node being asked, however long it takes. */
static void want_locked(struct watch *watch)
{
	watch->wanted_until = work_now_ms() + WANTED_MS;
	if (!watch->running) {
		watch->running = work_start(run, watch);
	}
}

bool watch_wait(struct watch *watch, unsigned long *seen, int64_t until_ms)
{
	bool more;

	pthread_mutex_lock(&watch->lock);
	want_locked(watch);
	while (watch->count == *seen && work_now_ms() < until_ms && !work_stopping()) {
		work_wait(&watch->changed, &watch->lock, until_ms);
		want_locked(watch);
	}
	more = watch->count != *seen;
	*seen = watch->count;
	pthread_mutex_unlock(&watch->lock);
	return more;
}
