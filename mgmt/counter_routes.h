/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of /v1/counters, /v1/volumes and /metrics: what init counts. It is asked first, so that an answer tells of now;
 * counters_ask() begins to wait, and each poll answers when init has.
 */
#pragma once

#include "mgmt/exchange.h"

void counters_ask(struct exchange *e);
void counters_end(struct exchange *e);
void counters_poll(struct exchange *e);
void metrics_poll(struct exchange *e);
void volumes_poll(struct exchange *e);
