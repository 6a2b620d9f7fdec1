/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serial line: a 16550 (NS PC16550D) whose eight ports init opened to this program. Ring 0 has set speed and FIFO up.
 * Its interrupt signals the event that init bound; it is edge triggered, so line_listen() comes last before each wait.
 * Where there is no UART (port 0) every call is silent: writes take everything, reads give nothing.
 */
#pragma once

#include "lib/base.h"

/* After this the line is this program's. Interrupts are off. */
void line_init(uint16_t port);

/* Puts bytes into the transmit FIFO as they are; returns how many it took, 0 when full. */
size_t line_write(const uint8_t *bytes, size_t count);

/* Takes received bytes; returns how many, 0 when none. */
size_t line_read(uint8_t *bytes, size_t count);

/* No interrupts until line_listen(). */
void line_quiet(void);

/* Interrupts on received bytes, and when want_room on room to send; at once when there is some already. */
void line_listen(bool want_room);
