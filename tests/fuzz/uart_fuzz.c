/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any accesses to the 16550A, with a far end that types and that takes more or less.
 * sources: vmm/uart.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fuzz/device_fuzz.h"
#include "vmm/uart.h"

static struct uart uart;
static size_t room, waiting;

static size_t take(void *arg, const uint8_t *buf, size_t len)
{
	static volatile uint8_t sink;
	size_t n = len < room ? len : room;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		sink = buf[i];       /* every byte offered must be readable */
	}
	(void)sink;
	room -= n;
	return n;
}

/* Types what waits, as the vmm does. */
static void type(void *arg)
{
	static const uint8_t text[256];

	(void)arg;
	waiting -= uart_receive(&uart, text, waiting);
}

static const struct uart_backend backend = { take, type };

static int init(void)
{
	room = waiting = 0;
	return uart_init(&uart, &fake.ports, 0x3f8, 4, &backend, NULL);
}

/* Bit 7: bytes are typed; else the far end can take some. */
static void event(uint8_t argument)
{
	if (argument & 0x80) {
		waiting = argument & 0x7f;
		type(NULL);
	} else {
		room = argument;
		uart_send_ready(&uart);
	}
	device_fuzz_check(uart.rx.count <= UART_FIFO && uart.tx.count <= UART_FIFO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	return device_fuzz_run(&(struct device_fuzz){ init, event }, data, len);
}
