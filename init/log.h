/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What init says: one line per call, "brume: " before it. It always goes into the kernel's log; to the serial line by
 * the kernel while nobody owns it, by the console program while that runs.
 */
#pragma once

#include "lib/base.h"

struct node_exchange;
struct journal;

/* No line end in the text; bytes that are not printable ASCII become '?'. Lines end after 240 bytes. */
void init_log(const char *format, ...) PRINTF_LIKE(1, 2);

/* From now on lines go to this ring, which is empty, too, while its reader says that it is attached. */
void init_log_to(struct node_exchange *exchange);

/* From now on the last lines stand there (lib/journal.h), with those that were said before. It must stay. */
void init_log_keep(struct journal *journal);
