/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP's view of the compiler and of the program around it: its types, its randomness, and what ends it. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

/* It would make a ssize_t of its own where <limits.h> does not tell this, as newlib's. */
#ifndef SSIZE_MAX
#define SSIZE_MAX 0x7fffffffffffffffl
#endif

/* mgmt/random.h: not for keys, but not to be guessed either (ports, sequence numbers, transaction ids). */
uint32_t random_word(void);

#define LWIP_RAND() random_word()
#define LWIP_PLATFORM_DIAG(x) do { } while (0)

/* A broken invariant of the stack ends the program: init starts it again, VMs go on. */
#define LWIP_PLATFORM_ASSERT(x) abort()
