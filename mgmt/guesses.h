/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong passwords at the ports of VNC consoles. Who has given too many in a row waits, alone: one that only guesses keeps nobody else out.
 * An origin is whom struct stream names so. Pure.
 */
#pragma once

#include "lib/base.h"

enum {
	GUESSES_MAX = 5,             /* wrong passwords in a row, at one port by one origin          */
	GUESSES_WAIT_S = 10,         /* that close the port to it                                    */
	GUESSERS = 32,               /* that are remembered; beyond it, who has not guessed for the longest time is not */
};

struct guesses {
	struct guesser {
		uint64_t origin;
		uint16_t port;       /* 0: free                                                      */
		unsigned wrong;
		uint64_t last_ns;
	} guesser[GUESSERS];
};

/* A wrong one more; and a right one, for which those before are forgotten. */
void guesses_add(struct guesses *g, uint16_t port, uint64_t origin, uint64_t now_ns);
void guesses_clear(struct guesses *g, uint16_t port, uint64_t origin);

/* All of a port that is closed. */
void guesses_forget(struct guesses *g, uint16_t port);

/* Whether it has to wait still. */
bool guesses_lock(const struct guesses *g, uint16_t port, uint64_t origin, uint64_t now_ns);
