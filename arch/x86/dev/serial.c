/* SPDX-License-Identifier: Apache-2.0 */
/* 16550 UART as the machine's console: see serial.h. NS PC16550D data sheet, 8.0. */
#include "arch/x86/dev/serial.h"

#include "arch/x86/cpu/regs.h"
#include "arch/x86/entry/irq.h"
#include "kernel/abi.h"

enum uart_reg { UART_DATA, UART_IER, UART_IIR_FCR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCRATCH };
enum { FCR_ENABLE_CLEAR_14 = 0xc7 };
enum { LCR_8N1 = 3, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT2 = 8 };        /* OUT2 gates the interrupt on a PC */
enum { LSR_TX_EMPTY = 0x20 };
enum { TX_SPINS = 1 << 16, DIVISOR_115200 = 1 };

static uint16_t base;           /* 0: no UART */
static bool dead;               /* the transmitter hung once: never wait for it again */
static bool taken_back;         /* by a panic */

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

void serial_init(uint16_t port)
{
	base = port;
	if (base && !probe()) {
		base = 0;
	}
}

bool serial_taken(void)
{
	return !taken_back && irq_is_bound(DEVICE_VECTOR_FIRST);
}

void serial_take_back(void)
{
	taken_back = true;
	serial_init(base);
}
