/* SPDX-License-Identifier: Apache-2.0 */
/* Threads, clock and end. */
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "opennebula/brumed/work.h"
#include "opennebula/lib/memory.h"

enum { SLICE_MS = 500 };

struct start {
	void (*run)(void *);
	void *argument;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int running;             /* lock */
static atomic_bool stopping;

int64_t work_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void *begin(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	start.run(start.argument);
	/* What OpenSSL keeps per thread would go after work_join. */
	OPENSSL_thread_stop();
	pthread_mutex_lock(&lock);
	running--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return NULL;
}

bool work_start(void (*run)(void *argument), void *argument)
{
	struct start *start = memory_new(sizeof(*start));
	pthread_t thread;
	bool good;

	*start = (struct start){ run, argument };
	pthread_mutex_lock(&lock);
	good = !work_stopping() && pthread_create(&thread, NULL, begin, start) == 0;
	if (good) {
		pthread_detach(thread);
		running++;
	} else {
		free(start);
	}
	pthread_mutex_unlock(&lock);
	return good;
}

void work_stop(void)
{
	atomic_store(&stopping, true);
	pthread_mutex_lock(&lock);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

bool work_stopping(void)
{
	return atomic_load(&stopping);
}

void work_join(void)
{
	pthread_mutex_lock(&lock);
	while (running > 0) {
		pthread_cond_wait(&changed, &lock);
	}
	pthread_mutex_unlock(&lock);
}

bool work_sleep_ms(int64_t ms)
{
	int64_t until = work_now_ms() + ms;

	while (!work_stopping() && work_now_ms() < until) {
		int64_t left = until - work_now_ms();
		struct timespec t = { 0, (left > SLICE_MS ? SLICE_MS : left > 0 ? left : 0) * 1000000 };

		nanosleep(&t, NULL);
	}
	return !work_stopping();
}

void work_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

void work_wait(pthread_cond_t *condition, pthread_mutex_t *held, int64_t until_ms)
{
	int64_t slice = work_now_ms() + SLICE_MS, until = until_ms < slice ? until_ms : slice;
	struct timespec t = { (time_t)(until / 1000), (long)(until % 1000) * 1000000 };

	pthread_cond_timedwait(condition, held, &t);
}
