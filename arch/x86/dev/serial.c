/* SPDX-License-Identifier: Apache-2.0 */
/* 16550 UART as the machine's console: see serial.h. NS PC16550D data sheet, 8.0. */
#include "arch/x86/dev/serial.h"

#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "kernel/abi.h"

enum uart_reg { UART_DATA, UART_IER, UART_IIR_FCR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCRATCH };
enum { IER_RX = 1, IER_TX_EMPTY = 2 };
enum { FCR_ENABLE_CLEAR_14 = 0xc7, IIR_FIFO = 0xc0 };
enum { LCR_8N1 = 3, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT2 = 8 };        /* OUT2 gates the interrupt on a PC */
enum { LSR_DATA = 1, LSR_TX_EMPTY = 0x20 };
enum { TX_FIFO = 16, TX_SPINS = 1 << 16, DIVISOR_115200 = 1 };

static uint16_t base;           /* 0: no UART */
static uint8_t tx_room;         /* bytes that an empty transmitter takes */
static bool dead;               /* the transmitter hung once: never wait for it again */
static unsigned wanted;         /* interrupt causes that are on */
static void (*notify)(void);

static uint8_t get(enum uart_reg reg)
{
	return inb((uint16_t)(base + reg));
}

static void set(enum uart_reg reg, unsigned val)
{
	outb((uint16_t)(base + reg), (uint8_t)val);
}

/* An empty bus reads as ones. */
static bool probe(void)
{
	set(UART_SCRATCH, 0x5a);
	if (get(UART_SCRATCH) != 0x5a) {
		return false;
	}
	set(UART_IER, 0);
	set(UART_LCR, LCR_DLAB);
	set(UART_DATA, DIVISOR_115200);
	set(UART_IER, 0);
	set(UART_LCR, LCR_8N1);
	set(UART_IIR_FCR, FCR_ENABLE_CLEAR_14);
	tx_room = (get(UART_IIR_FCR) & IIR_FIFO) == IIR_FIFO ? TX_FIFO : 1;
	set(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
	return true;
}

static void put_sync(char c)
{
	for (unsigned spins = dead ? 1 : TX_SPINS; spins; spins--) {
		if (get(UART_LSR) & LSR_TX_EMPTY) {
			set(UART_DATA, (uint8_t)c);
			dead = false;
			return;
		}
		cpu_relax();
	}
	dead = true;
}

void serial_write_sync(const char *text, size_t len)
{
	for (size_t i = 0; base && i < len; i++) {
		if (text[i] == '\n') {
			put_sync('\r');
		}
		put_sync(text[i]);
	}
}

static void want(unsigned causes)
{
	if (base && causes != wanted) {
		wanted = causes;
		set(UART_IER, causes);
	}
}

size_t serial_write(const void *buf, size_t count)
{
	const uint8_t *p = buf;
	size_t n = 0;

	if (!base) {
		return count;
	}
	/* The FIFO tells when it is empty, not how full it is: fill it only from empty. */
	if (get(UART_LSR) & LSR_TX_EMPTY) {
		for (; n < count && n < tx_room; n++) {
			set(UART_DATA, p[n]);
		}
	}
	want(n < count ? wanted | IER_TX_EMPTY : wanted & ~(unsigned)IER_TX_EMPTY);
	return n;
}

size_t serial_read(void *buf, size_t count)
{
	uint8_t *p = buf;
	size_t n = 0;

	while (base && n < count && (get(UART_LSR) & LSR_DATA)) {
		p[n++] = get(UART_DATA);
	}
	want(wanted | IER_RX);
	return n;
}

/*
 * The line is edge triggered: both causes go off here, so that it falls, and come on again by the program's next
 * read and short write. So one interrupt costs the program one call, and none can be lost.
 */
static void serial_interrupt(void)
{
	(void)get(UART_IIR_FCR);
	want(0);
	if (notify) {
		notify();
	}
}

void serial_init(uint16_t port)
{
	base = port;
	if (base && !probe()) {
		base = 0;
	}
	irq_register(MACHINE_SERIAL_VECTOR, serial_interrupt);
}

void serial_set_notify(void (*fn)(void))
{
	notify = fn;
	want(fn ? wanted | IER_RX : 0);
}

bool serial_taken(void)
{
	return notify != NULL;
}
