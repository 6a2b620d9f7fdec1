/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal of standard input, which is given back as it was however brumectl ends, but for SIGKILL. */
#pragma once

#include <termios.h>

#include "lib/base.h"

/* Changes it until terminal_restore(). False: there is none. Once at a time. */
bool terminal_set(void (*change)(struct termios *settings));
void terminal_restore(void);
