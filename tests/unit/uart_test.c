/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A.
 * sources: vmm/uart.c vmm/regs.c vmm/bus.c tests/fake/platform.c tests/fake/irq.c
 */
#include "tests/fake/platform.h"
#include "tests/unit/check.h"
#include "vmm/uart.h"

enum { COM = 0x3f8, DATA = COM, IER = COM + 1, IIR = COM + 2, FCR = COM + 2, LCR = COM + 3, MCR = COM + 4, LSR = COM + 5,
       MSR = COM + 6, SCRATCH = COM + 7 };

static struct uart uart;

/* The other end of the line. */
static struct { char got[256]; size_t len, room; unsigned rooms; } far;

static size_t take(void *arg, const uint8_t *buf, size_t len)
{
	size_t n = len < far.room ? len : far.room;

	(void)arg;
	memcpy(far.got + far.len, buf, n);
	far.len += n;
	far.room -= n;
	return n;
}

static void has_room(void *arg)
{
	(void)arg;
	far.rooms++;
}

static const struct uart_backend backend = { take, has_room };

static void fresh(void)
{
	fake_reset();
	memset(&far, 0, sizeof(far));
	far.room = sizeof(far.got) - 1;
	CHECK_EQ(uart_init(&uart, &fake.ports, COM, 4, &backend, NULL), OK);
}

static void fresh_with_fifo(void)
{
	fresh();
	fake_outb(FCR, 0xc7);
}

static void send(const char *text)
{
	while (*text) {
		fake_outb(DATA, (uint8_t)*text++);
	}
}

static size_t receive(const char *text)
{
	return uart_receive(&uart, (const uint8_t *)text, strlen(text));
}

TEST(registers_keep_their_bits)
{
	static const struct { const char *what; uint16_t port; uint8_t write, want; } row[] = {
		{ "scratch",            SCRATCH, 0xa5, 0xa5 },
		{ "line control",       LCR,     0x5f, 0x5f },
		{ "interrupt enable",   IER,     0xff, 0x0f },
		{ "modem control",      MCR,     0xef, 0x0f },
		{ "line status",        LSR,     0x00, 0x60 },
		{ "FIFO on",            FCR,     0x01, 0xc1 },
		{ "FIFO off",           FCR,     0xc6, 0x01 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		fake_outb(row[i].port, row[i].write);
		if (row[i].port == IER) {
			fake_inb(IIR);
		}
		CHECK_EQ(fake_inb(row[i].port), row[i].want);
	}
}

TEST(divisor_hides_data_and_interrupt_enable)
{
	fresh();
	fake_outb(LCR, 0x83);
	fake_outb(DATA, 0x34);
	fake_outb(IER, 0x12);
	CHECK_EQ(fake_in(DATA, 2), 0x1234);
	fake_outb(LCR, 0x03);
	CHECK_EQ(fake_inb(IER), 0);
	CHECK_EQ(far.len, 0);
	CHECK_EQ(fake_in(LCR, 4), 0xb0600003);       /* a dword read goes over LCR, MCR, LSR, MSR */
}

TEST(sends_bytes_in_order)
{
	fresh();
	send("hello");
	CHECK_STR(far.got, "hello");
	CHECK_EQ(fake_inb(LSR), 0x60);
}

TEST(holds_up_the_guest_when_the_other_end_is_full)
{
	fresh_with_fifo();
	far.room = 3;
	send("0123456789");
	CHECK_STR(far.got, "012");
	CHECK_EQ(fake_inb(LSR), 0);
	fake_outb(IER, 2);
	CHECK(!fake.irq[4]);
	far.room = 4;
	uart_send_ready(&uart);
	CHECK_STR(far.got, "0123456");
	CHECK(!fake.irq[4]);
	far.room = 100;
	fake_advance(2000000);       /* tried again without being told */
	CHECK_STR(far.got, "0123456789");
	CHECK_EQ(fake_inb(LSR), 0x60);
	CHECK(fake.irq[4]);
	CHECK_EQ(vm_now(), 2000000);
}

TEST(a_guest_that_does_not_wait_loses_what_is_too_much)
{
	fresh_with_fifo();
	far.room = 0;
	send("0123456789abcdefGHI");
	far.room = 100;
	uart_send_ready(&uart);
	CHECK_STR(far.got, "0123456789abcdef");
	send("!");
	CHECK_STR(far.got, "0123456789abcdef!");
}

TEST(transmitter_interrupt)
{
	fresh_with_fifo();
	CHECK(!fake.irq[4]);
	fake_outb(IER, 2);
	CHECK(fake.irq[4]);          /* empty when enabled */
	CHECK_EQ(fake_inb(IIR), 0xc2);
	CHECK(!fake.irq[4]);         /* acknowledged by the read */
	CHECK_EQ(fake_inb(IIR), 0xc1);
	send("x");
	CHECK(fake.irq[4]);
	send("y");                   /* a write acknowledges, then it is empty again: an edge each time */
	CHECK_EQ(fake.rises[4], 3);
	fake_outb(IER, 0);
	CHECK(!fake.irq[4]);
	fake_outb(IER, 2);
	CHECK(fake.irq[4]);
}

TEST(receives_without_fifo_one_byte_at_a_time)
{
	fresh();
	fake_outb(IER, 1);
	CHECK_EQ(receive("ab"), 1);
	CHECK(fake.irq[4]);
	CHECK_EQ(fake_inb(IIR), 0x04);
	CHECK_EQ(far.rooms, 0);
	CHECK_EQ(fake_inb(LSR), 0x61);
	CHECK_EQ(fake_inb(DATA), 'a');
	CHECK_EQ(far.rooms, 1);
	CHECK(!fake.irq[4]);
	CHECK_EQ(fake_inb(LSR), 0x60);
	CHECK_EQ(receive("b"), 1);
	CHECK_EQ(fake_inb(DATA), 'b');
	CHECK_EQ(far.rooms, 1);      /* nothing was refused this time */
	CHECK_EQ(fake_inb(DATA), 0);
}

TEST(receive_levels)
{
	static const struct { const char *what; uint8_t fcr; const char *text; size_t taken; uint8_t iir; } row[] = {
		{ "one is enough",     0x01, "a",                 1,  0xc4 },
		{ "below four",        0x41, "abc",               3,  0xcc },
		{ "four",              0x41, "abcd",              4,  0xc4 },
		{ "below fourteen",    0xc1, "0123456789abc",     13, 0xcc },
		{ "fourteen",          0xc1, "0123456789abcd",    14, 0xc4 },
		{ "more than it holds", 0xc1, "0123456789abcdefg", 16, 0xc4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		fake_outb(FCR, row[i].fcr);
		fake_outb(IER, 1);
		CHECK_EQ(receive(row[i].text), row[i].taken);
		CHECK_EQ(fake_inb(IIR), row[i].iir);
		for (size_t n = 0; n < row[i].taken; n++) {
			CHECK_EQ(fake_inb(DATA), row[i].text[n]);
		}
		CHECK(!fake.irq[4]);
		CHECK_EQ(far.rooms, strlen(row[i].text) > row[i].taken);
	}
}

TEST(clearing_the_fifo_makes_room)
{
	fresh_with_fifo();
	CHECK_EQ(receive("0123456789abcdefghi"), 16);
	fake_outb(FCR, 0xc3);
	CHECK_EQ(far.rooms, 1);
	CHECK_EQ(fake_inb(LSR), 0x60);
	far.room = 0;
	send("lost");
	fake_outb(FCR, 0xc5);
	far.room = 100;
	fake_advance(10000000);
	CHECK_EQ(far.len, 0);
}

TEST(loopback)
{
	fresh_with_fifo();
	fake_outb(MCR, 0x1f);
	CHECK_EQ(receive("typed"), 0);
	send("0123456789abcdef!");
	CHECK_EQ(far.len, 0);
	CHECK_EQ(fake_inb(LSR), 0x63);       /* the last one ran over */
	CHECK_EQ(fake_inb(LSR), 0x61);
	CHECK_EQ(fake_inb(DATA), '0');
	CHECK_EQ(far.rooms, 0);
	fake_outb(MCR, 0x0b);
	CHECK_EQ(far.rooms, 1);
}

TEST(modem_lines_in_loopback)
{
	static const struct { const char *what; uint8_t before, after, msr; } row[] = {
		{ "a terminal is there",       0x00, 0x0b, 0xb0 },
		{ "loopback, nothing set",     0x00, 0x10, 0x0b },
		{ "DTR is DSR",                0x10, 0x11, 0x22 },
		{ "RTS is CTS",                0x10, 0x12, 0x11 },
		{ "OUT1 is ring, no delta",    0x10, 0x14, 0x40 },
		{ "ring's trailing edge",      0x14, 0x10, 0x04 },
		{ "OUT2 is carrier",           0x10, 0x18, 0x88 },
		{ "all of them stay",          0x1f, 0x1f, 0xf0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		fresh();
		fake_outb(MCR, row[i].before);
		fake_inb(MSR);
		fake_outb(MCR, row[i].after);
		CHECK_EQ(fake_inb(MSR), row[i].msr);
		CHECK_EQ(fake_inb(MSR), row[i].msr & 0xf0);
	}
}

TEST(interrupts_by_priority)
{
	fresh_with_fifo();
	fake_outb(MCR, 0x10);
	send("0123456789abcdefg");   /* overrun, data, empty transmitter, and the modem's deltas */
	fake_outb(IER, 0x0f);
	CHECK_EQ(fake_inb(IIR), 0xc6);
	fake_inb(LSR);
	CHECK_EQ(fake_inb(IIR), 0xc4);
	fake_outb(FCR, 0xc3);
	CHECK_EQ(fake_inb(IIR), 0xc2);
	CHECK_EQ(fake_inb(IIR), 0xc0);
	fake_inb(MSR);
	CHECK_EQ(fake_inb(IIR), 0xc1);
}

TEST(break_in_loopback_is_received)
{
	fresh_with_fifo();
	fake_outb(MCR, 0x10);
	fake_outb(LCR, 0x43);
	CHECK_EQ(fake_inb(LSR), 0x71);
	CHECK_EQ(fake_inb(DATA), 0);
}

TEST(two_ports_do_not_mix)
{
	static struct uart second;

	fresh();
	CHECK_EQ(uart_init(&second, &fake.ports, 0x2f8, 3, &backend, NULL), OK);
	CHECK_EQ(uart_init(&second, &fake.ports, 0x2fa, 3, &backend, NULL), E_BUSY);
	fake_outb(0x2f8 + 7, 0x77);
	CHECK_EQ(fake_inb(SCRATCH), 0);
	fake_outb(0x2f9, 2);
	CHECK(fake.irq[3]);
	CHECK(!fake.irq[4]);
}
