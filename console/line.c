/* SPDX-License-Identifier: Apache-2.0 */
/* The console's UART: see line.h. NS PC16550D data sheet, 8.0. */
#include "console/line.h"

enum uart_reg { UART_DATA, UART_IER, UART_IIR, UART_LSR = 5, UART_SCRATCH = 7 };
enum { IER_RX = 1, IER_TX_EMPTY = 2 };
enum { IIR_FIFO = 0xc0 };
enum { LSR_DATA = 1, LSR_TX_EMPTY = 0x20 };
enum { TX_FIFO = 16 };

static uint16_t base;           /* 0: no UART */
static size_t tx_room;          /* bytes that an empty transmitter takes */

static uint8_t get(enum uart_reg reg)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"((uint16_t)(base + reg)) : "memory");
	return v;
}

static void set(enum uart_reg reg, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"((uint16_t)(base + reg)) : "memory");
}

void line_init(uint16_t port)
{
	base = port;
	if (!base) {
		return;
	}
	set(UART_SCRATCH, 0xa5);
	if (get(UART_SCRATCH) != 0xa5) {
		base = 0;                        /* an empty bus reads as ones */
		return;
	}
	tx_room = (get(UART_IIR) & IIR_FIFO) == IIR_FIFO ? TX_FIFO : 1;
	line_quiet();
}

size_t line_write(const uint8_t *bytes, size_t count)
{
	size_t n = 0;

	if (!base) {
		return count;
	}
	/* The FIFO tells when it is empty, not how full it is: fill it only from empty. */
	if (get(UART_LSR) & LSR_TX_EMPTY) {
		for (; n < count && n < tx_room; n++) {
			set(UART_DATA, bytes[n]);
		}
	}
	return n;
}

size_t line_read(uint8_t *bytes, size_t count)
{
	size_t n = 0;

	while (base && n < count && (get(UART_LSR) & LSR_DATA)) {
		bytes[n++] = get(UART_DATA);
	}
	return n;
}

void line_quiet(void)
{
	if (base) {
		set(UART_IER, 0);
	}
}

void line_listen(bool want_room)
{
	if (base) {
		set(UART_IER, IER_RX | (want_room ? IER_TX_EMPTY : 0));
	}
}
