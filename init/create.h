/* SPDX-License-Identifier: Apache-2.0 */
/* VMs that are described after the start: a text in the configuration's grammar, read by the program conf as that was. */
#pragma once

#include "mgmt/node.h"

/* Called once for each create_begin() that was OK: number of the VM, or an error and a sentence. */
typedef void create_done_fn(int result, const char *message);

/*
 * text, len: `vm NAME` and its lines; copied. E_BUSY: one is being read; E_NOMEM, E_INVAL: no text, or longer than CREATE_TEXT_MAX;
 * *why says in words what is wrong.
 */
int create_begin(const char *text, uint32_t len, create_done_fn *done, const char **why) MUST_CHECK;

enum { CREATE_TEXT_MAX = MGMT_TEXT_MAX };
_Static_assert(CREATE_TEXT_MAX % PAGE_SIZE == 0, "it lies in pages of its own");

/* Nobody waits for it any more. */
void create_cancel(void);

/* The program conf ended. */
void create_event(void);

/* Returns the next deadline. */
uint64_t create_tick(uint64_t now_ns);
