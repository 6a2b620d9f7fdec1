/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to brumed (ask.h). */
#include "opennebula/driver/ask.h"

#include <time.h>

#include "opennebula/lib/log.h"

enum {
	ANSWER_S = 900,              /* for one answer: more than any deadline of brumed's own, unless an admin made it longer */
	PAUSE_MS = 100, PAUSE_MOST_MS = 1000,
};

static unsigned wait_s = ASK_WAIT_S;

void ask_start(unsigned seconds)
{
	wait_s = seconds;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool ask(struct request *r, const char *method, const char *path, const char *const headers[], const struct buffer *body,
	 struct local_answer *answer)
{
	int64_t waited = 0, begun;
	unsigned pause = PAUSE_MS;

	for (;;) {
		begun = now_ms();
		local_call(method, path, headers, body ? buffer_string(body) : NULL, body ? body->len : 0, ANSWER_S, answer);
		if (answer->status) {
			return true;
		}
		if (!waited) {
			log_warning("%s %ld: %s; asked again for %u s", r->type, r->id, answer->body, wait_s);
		}
		/* Only the pauses count: a brumed that had the request for minutes and begins anew is not one that is not there. */
		if (waited >= (int64_t)wait_s * 1000 || now_ms() - begun >= ANSWER_S * 1000 || !queue_pause(r, pause)) {
			return false;
		}
		local_answer_free(answer);
		waited += pause;
		pause = pause * 2 < PAUSE_MOST_MS ? pause * 2 : PAUSE_MOST_MS;
	}
}
