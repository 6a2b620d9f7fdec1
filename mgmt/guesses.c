/* SPDX-License-Identifier: Apache-2.0 */
/* Wrong passwords: see guesses.h. */
#include "mgmt/guesses.h"

#define SECOND 1000000000ull

static int find(const struct guesses *g, uint16_t port, uint64_t origin)
{
	for (int i = 0; i < GUESSERS; i++) {
		if (g->guesser[i].port == port && g->guesser[i].origin == origin) {
			return i;
		}
	}
	return -1;
}

/* A free place has guessed at time 0. */
static struct guesser *oldest(struct guesses *g)
{
	struct guesser *found = &g->guesser[0];

	for (int i = 1; i < GUESSERS; i++) {
		found = g->guesser[i].last_ns < found->last_ns ? &g->guesser[i] : found;
	}
	return found;
}

void guesses_add(struct guesses *g, uint16_t port, uint64_t origin, uint64_t now_ns)
{
	int i = find(g, port, origin);
	struct guesser *one = i < 0 ? oldest(g) : &g->guesser[i];

	if (i < 0) {
		*one = (struct guesser){ .port = port, .origin = origin };
	}
	one->wrong++;
	one->last_ns = now_ns;
}

void guesses_clear(struct guesses *g, uint16_t port, uint64_t origin)
{
	int i = find(g, port, origin);

	if (i >= 0) {
		g->guesser[i] = (struct guesser){ 0 };
	}
}

void guesses_forget(struct guesses *g, uint16_t port)
{
	for (int i = 0; i < GUESSERS; i++) {
		if (g->guesser[i].port == port) {
			g->guesser[i] = (struct guesser){ 0 };
		}
	}
}

bool guesses_lock(const struct guesses *g, uint16_t port, uint64_t origin, uint64_t now_ns)
{
	int i = find(g, port, origin);

	return i >= 0 && g->guesser[i].wrong >= GUESSES_MAX && now_ns < g->guesser[i].last_ns + GUESSES_WAIT_S * SECOND;
}
