/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and threads (queue.h): one list in the order of arrival, one lock, one condition that says that anything changed. */
#include "opennebula/driver/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
	STACK = 1 << 20, THREADS_MOST = 1024,
	THREADS_MORE = 8,            /* for what gives up: all others may be waiting for just that */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	queue_work *work;
	unsigned threads, most;
	struct request *first, **last;
	size_t count, bytes;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER };

void queue_start(queue_work *work, unsigned threads)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue.changed, &attr);
	pthread_condattr_destroy(&attr);
	queue.work = work;
	queue.most = threads && threads <= THREADS_MOST ? threads : QUEUE_THREADS;
	queue.first = NULL;
	queue.last = &queue.first;
}

static void random_key(char key[QUEUE_KEY])
{
	static const char digit[] = "0123456789abcdef";
	unsigned char bytes[QUEUE_KEY / 2];
	size_t have = 0;

	while (have < sizeof(bytes)) {
		ssize_t n = getrandom(bytes + have, sizeof(bytes) - have, 0);

		have += n > 0 ? (size_t)n : 0;
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		key[2 * i] = digit[bytes[i] >> 4];
		key[2 * i + 1] = digit[bytes[i] & 15];
	}
	key[QUEUE_KEY - 1] = '\0';
}

/* ---- the list; all with the lock held ---- */

static void free_request(struct request *r)
{
	free(r->payload);
	free(r);
}

static void unlink_locked(struct request *r)
{
	struct request **at = &queue.first;

	while (*at != r) {
		at = &(*at)->next;
	}
	*at = r->next;
	if (queue.last == &r->next) {
		queue.last = at;
	}
	queue.count--;
	queue.bytes -= r->len;
}

/* Whether what comes after r with its id has to wait for it. */
static bool blocks(const struct request *r)
{
	return !(r->running && r->given_up && *r->host);
}

static bool gives_up(const struct request *r)
{
	return strcmp(r->type, "DRIVER_CANCEL") == 0;
}

/* What can be begun: the oldest, but first what gives up. */
static struct request *ready_locked(void)
{
	struct request *oldest = NULL;

	for (struct request *r = queue.first; r; r = r->next) {
		const struct request *before = queue.first;

		while (before != r && (before->id != r->id || !blocks(before))) {
			before = before->next;
		}
		if (before == r && !r->running && gives_up(r)) {
			return r;
		}
		if (before == r && !r->running && !oldest) {
			oldest = r;
		}
	}
	return oldest;
}

/* What waits with this id goes, what runs is given up and told in cancel; but not what gives up already. */
static void give_up_locked(struct request *cancel)
{
	struct request *next;

	for (struct request *r = queue.first; r; r = next) {
		next = r->next;
		if (r->id != cancel->id || r->given_up || r->finished || gives_up(r)) {
			continue;
		}
		if (!r->running) {
			unlink_locked(r);
			free_request(r);
			continue;
		}
		r->given_up = true;
		memcpy(cancel->host, r->host, sizeof(cancel->host));
		memcpy(cancel->cancels, r->key, sizeof(cancel->cancels));
	}
}

/* ---- threads ---- */

/* Whether a thread goes on, with r as what can be begun: of those that are more than usual only with what gives up. */
static bool may_stay_locked(const struct request *r)
{
	return queue.threads <= queue.most || (r && gives_up(r));
}

static void *serve(void *unused)
{
	struct request *r;

	(void)unused;
	pthread_mutex_lock(&queue.lock);
	while (may_stay_locked(r = ready_locked())) {
		if (!r) {
			pthread_cond_wait(&queue.changed, &queue.lock);
			continue;
		}
		r->running = true;
		pthread_mutex_unlock(&queue.lock);
		queue.work(r);
		pthread_mutex_lock(&queue.lock);
		unlink_locked(r);
		free_request(r);
		pthread_cond_broadcast(&queue.changed);
	}
	queue.threads--;
	pthread_mutex_unlock(&queue.lock);
	return NULL;
}

static bool new_thread_locked(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool made;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	made = pthread_create(&thread, &attr, serve, NULL) == 0;
	pthread_attr_destroy(&attr);
	queue.threads += made;
	return made;
}

/* One more thread if one more request has more than there are. False: there is none at all. */
static bool threads_locked(const struct request *r)
{
	if (queue.threads <= queue.count && queue.threads < queue.most + (gives_up(r) ? THREADS_MORE : 0)) {
		new_thread_locked();
	}
	return queue.threads > 0;
}

static struct request *new_request(const struct line_request *line)
{
	struct request *r = calloc(1, sizeof(*r));

	if (!r) {
		return NULL;
	}
	r->payload = malloc(line->payload_len + 1);
	if (!r->payload) {
		free(r);
		return NULL;
	}
	memcpy(r->payload, line->payload, line->payload_len);
	r->payload[line->payload_len] = '\0';
	r->len = line->payload_len;
	r->id = line->id;
	memcpy(r->type, line->type, sizeof(r->type));
	return r;
}

bool queue_add(const struct line_request *line)
{
	struct request *r = new_request(line);
	bool fits;

	if (!r) {
		return false;
	}
	pthread_mutex_lock(&queue.lock);
	if (gives_up(r)) {
		give_up_locked(r);
	}
	fits = queue.count < QUEUE_WAITING && r->len <= QUEUE_BYTES - queue.bytes && threads_locked(r);
	if (fits) {
		*queue.last = r;
		queue.last = &r->next;
		queue.count++;
		queue.bytes += r->len;
	}
	pthread_cond_broadcast(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
	if (!fits) {
		free_request(r);
	}
	return fits;
}

bool queue_commit(struct request *r, const char *host)
{
	char key[QUEUE_KEY];
	bool go;

	random_key(key);
	pthread_mutex_lock(&queue.lock);
	go = !r->given_up && strlen(host) < sizeof(r->host);
	if (go) {
		memcpy(r->host, host, strlen(host) + 1);
		memcpy(r->key, key, sizeof(key));
	}
	pthread_mutex_unlock(&queue.lock);
	return go;
}

bool queue_return(struct request *r)
{
	bool go;

	pthread_mutex_lock(&queue.lock);
	go = !r->given_up;
	if (go) {
		r->host[0] = '\0';
	}
	pthread_mutex_unlock(&queue.lock);
	return go;
}

bool queue_pause(struct request *r, unsigned ms)
{
	struct timespec until;
	bool go;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	until.tv_sec += (time_t)(ms / 1000) + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&queue.lock);
	while (!r->given_up && pthread_cond_timedwait(&queue.changed, &queue.lock, &until) == 0) {
	}
	go = !r->given_up;
	pthread_mutex_unlock(&queue.lock);
	return go;
}

bool queue_finish(struct request *r)
{
	bool wanted;

	pthread_mutex_lock(&queue.lock);
	wanted = !r->given_up;
	r->finished = true;
	pthread_mutex_unlock(&queue.lock);
	return wanted;
}

void queue_drain(void)
{
	pthread_mutex_lock(&queue.lock);
	while (queue.count) {
		pthread_cond_wait(&queue.changed, &queue.lock);
	}
	pthread_mutex_unlock(&queue.lock);
}
