/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brumed as a driver sees it: HTTP on a Unix socket, by a thread. It writes down what it was asked, and answers what the test said;
 * requests whose path has the word `held` in it wait until the test lets them go.
 */
#pragma once

#include "lib/base.h"

/* Listens, and says where in BRUMED_SOCKET. Once. */
void one_brumed_start(void);

/* From now on: requests whose path has that word in it are answered so; the last rule that fits counts. Other ones: 200 and {}. */
void one_brumed_rule(const char *word, int status, const char *body);

/* What was asked since the last reset, a line "METHOD path" each, in order. Copied into log. */
void one_brumed_log(char *log, size_t size);

/* Waits until that many requests came since the last reset. */
void one_brumed_wait(unsigned count);

/* Forgets rules and log; holds again. */
void one_brumed_reset(void);

/* Lets all requests go that are held. */
void one_brumed_release(void);
