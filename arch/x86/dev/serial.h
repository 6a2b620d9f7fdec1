/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's serial console: one 16550 (NS PC16550D), 115200 8N1. Where there is none every call is
 * silent: writes take everything, reads give nothing.
 *
 * Until a program takes the line over the kernel log prints on it by polling. From serial_set_notify on
 * the line belongs to that program, and only a panic prints.
 */
#pragma once

#include "lib/base.h"

/*
 * Checks and sets up the UART at that port; 0: there is none. Its interrupts come by MACHINE_SERIAL_VECTOR once init has
 * routed them.
 */
void serial_init(uint16_t port);

/* All bytes, waiting for the transmitter (bounded: a dead line loses bytes). LF becomes CR LF. */
void serial_write_sync(const char *text, size_t len);

/* Puts bytes into the transmit FIFO as they are; returns how many it took, 0 when full. Notify says when to go on. */
size_t serial_write(const void *buf, size_t count);

/* Takes received bytes; returns how many, 0 when none. */
size_t serial_read(void *buf, size_t count);

/* fn is called (interrupts off, short) on received bytes and on room to send after a short serial_write. NULL: gives the line back to the log. */
void serial_set_notify(void (*fn)(void));

/* True between serial_set_notify(fn) and serial_set_notify(NULL). */
bool serial_taken(void);
