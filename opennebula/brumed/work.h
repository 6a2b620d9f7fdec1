/* SPDX-License-Identifier: Apache-2.0 */
/* Threads of brumed, its clock, and how all of it ends. Any thread may call. */
#pragma once

#include <pthread.h>

#include "lib/base.h"

/* Milliseconds of a clock that never jumps. */
int64_t work_now_ms(void);

/* Starts a thread of its own. False: there is no place for it, and run is not called. */
MUST_CHECK bool work_start(void (*run)(void *argument), void *argument);

/* brumed ends: sleeps return, and who waits looks at this at least each half second. */
void work_stop(void);
bool work_stopping(void);

/* Waits until each thread of work_start has returned. After work_stop. */
void work_join(void);

/* False: brumed ends. */
bool work_sleep_ms(int64_t ms);

/* A condition that work_wait can wait for. */
void work_condition_init(pthread_cond_t *condition);

/* Waits for a signal under its lock, until the time of work_now_ms, half a second at most: the caller looks again. */
void work_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ms);
