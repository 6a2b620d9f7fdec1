/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's serial console, as ring 0 needs it: polled output of the log, at boot and in a panic. One 16550 (NS
 * PC16550D), 115200 8N1; where there is none every call is silent. Between boot and panic the console program owns the
 * UART (console/line.h) and the log does not go there.
 */
#pragma once

#include "lib/base.h"

/* Checks and sets up the UART at that port; 0: there is none. Its interrupts are off. */
void serial_init(uint16_t port);

/* All bytes, waiting for the transmitter (bounded: a dead line loses bytes). LF becomes CR LF. */
void serial_write_sync(const char *text, size_t len);

/* A program owns the line: its interrupt is bound to an event. */
bool serial_taken(void);

/* For a panic: the line is ours again, set up anew. */
void serial_take_back(void);
