/* SPDX-License-Identifier: Apache-2.0 */
/* 16550A serial port. National Semiconductor PC16550D data sheet. */
#include "vmm/uart.h"
#include "vmm/regs.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCRATCH, REGISTERS };

enum { IER_RX = 1 << 0, IER_THRE = 1 << 1, IER_LINE = 1 << 2, IER_MODEM = 1 << 3, IER_ALL = 0x0f };
enum { IIR_MODEM = 0x00, IIR_NONE = 0x01, IIR_THRE = 0x02, IIR_RX = 0x04, IIR_LINE = 0x06, IIR_TIMEOUT = 0x0c, IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1 << 0, FCR_CLEAR_RX = 1 << 1, FCR_CLEAR_TX = 1 << 2, FCR_KEPT = 0xc9 };
enum { LCR_BREAK = 1 << 6, LCR_DLAB = 1 << 7 };
enum { MCR_DTR = 1 << 0, MCR_RTS = 1 << 1, MCR_OUT1 = 1 << 2, MCR_OUT2 = 1 << 3, MCR_LOOP = 1 << 4, MCR_ALL = 0x1f };
enum { LSR_DATA = 1 << 0, LSR_OVERRUN = 1 << 1, LSR_BREAK = 1 << 4, LSR_THRE = 1 << 5, LSR_IDLE = 1 << 6 };
enum { MSR_DELTAS = 0x0f, MSR_TERI = 1 << 2, MSR_CTS = 1 << 4, MSR_DSR = 1 << 5, MSR_RI = 1 << 6, MSR_DCD = 1 << 7 };
enum { RETRY_NS = 2000000 };

/* ---- FIFOs; without FCR_ENABLE they are one byte deep ---- */

static unsigned depth(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

static void fifo_put(struct uart_fifo *f, uint8_t byte)
{
	f->buf[(f->head + f->count) % UART_FIFO] = byte;
	f->count++;
}

static void fifo_drop(struct uart_fifo *f, size_t n)
{
	f->head = (uint8_t)((f->head + n) % UART_FIFO);
	f->count = (uint8_t)(f->count - n);
}

static void fifo_clear(struct uart_fifo *f)
{
	*f = (struct uart_fifo){ 0 };
}

/* ---- interrupts ---- */

static unsigned rx_trigger(const struct uart *u)
{
	static const uint8_t level[4] = { 1, 4, 8, 14 };

	return u->fcr & FCR_ENABLE ? level[u->fcr >> 6] : 1;
}

/* The interrupt to report, by priority (table 4 of the data sheet). */
static uint8_t interrupt(const struct uart *u)
{
	if ((u->ier & IER_LINE) && u->lsr_errors) {
		return IIR_LINE;
	}
	if ((u->ier & IER_RX) && u->rx.count) {
		return u->rx.count >= rx_trigger(u) ? IIR_RX : IIR_TIMEOUT;
	}
	if ((u->ier & IER_THRE) && u->thre_pending) {
		return IIR_THRE;
	}
	if ((u->ier & IER_MODEM) && (u->msr & MSR_DELTAS)) {
		return IIR_MODEM;
	}
	return IIR_NONE;
}

/* OUT2, which gates the line on a PC's card, is not asked for: some drivers never set it. */
static void update_irq(const struct uart *u)
{
	vm_irq(u->gsi, interrupt(u) != IIR_NONE);
}

/* ---- receiver ---- */

/* Asks for the bytes that were refused, when there is room again. */
static void offer_room(struct uart *u)
{
	if (u->refused && u->rx.count < depth(u) && !(u->mcr & MCR_LOOP)) {
		u->refused = false;
		if (u->backend->room) {
			u->backend->room(u->arg);
		}
	}
}

size_t uart_receive(struct uart *u, const uint8_t *buf, size_t len)
{
	size_t n = 0;

	if (!(u->mcr & MCR_LOOP)) {
		while (n < len && u->rx.count < depth(u)) {
			fifo_put(&u->rx, buf[n++]);
		}
	}
	u->refused = n < len;
	update_irq(u);
	return n;
}

static uint32_t read_data(struct uart *u)
{
	uint8_t byte = u->rx.buf[u->rx.head];

	if (!u->rx.count) {
		return 0;
	}
	fifo_drop(&u->rx, 1);
	update_irq(u);
	offer_room(u);
	return byte;
}

/* ---- transmitter ---- */

/* Gives the backend what waits; the transmitter's interrupt is due when all has gone. */
static void flush(struct uart *u)
{
	while (u->tx.count) {
		size_t to_end = UART_FIFO - u->tx.head;
		size_t n = u->tx.count < to_end ? u->tx.count : to_end;
		size_t sent = u->backend->send(u->arg, &u->tx.buf[u->tx.head], n);

		fifo_drop(&u->tx, sent < n ? sent : n);
		if (sent < n) {
			vm_timer_set(&u->retry, vm_now() + RETRY_NS);
			return;
		}
	}
	vm_timer_cancel(&u->retry);
	u->thre_pending = true;
}

static void on_retry(void *arg)
{
	uart_send_ready(arg);
}

void uart_send_ready(struct uart *u)
{
	if (u->tx.count) {
		flush(u);
		update_irq(u);
	}
}

/* In loopback what is sent is received, and what does not fit is lost with an overrun. */
static void loop_back(struct uart *u, uint8_t byte)
{
	if (u->rx.count < depth(u)) {
		fifo_put(&u->rx, byte);
	} else {
		u->lsr_errors |= LSR_OVERRUN;
	}
	u->thre_pending = true;
}

static void write_data(struct uart *u, uint8_t byte)
{
	/* The line drops while the byte is sent, however short that is: it may be edge triggered. */
	u->thre_pending = false;
	update_irq(u);
	if (u->mcr & MCR_LOOP) {
		loop_back(u, byte);
	} else if (u->tx.count < depth(u)) {
		fifo_put(&u->tx, byte);
		flush(u);
	}
	/* else: the guest did not wait for room, and loses the byte. */
	update_irq(u);
}

/* ---- registers ---- */

static uint8_t lsr(const struct uart *u)
{
	return (uint8_t)(u->lsr_errors | (u->rx.count ? LSR_DATA : 0) | (u->tx.count ? 0 : LSR_THRE | LSR_IDLE));
}

static void write_ier(struct uart *u, uint8_t val)
{
	uint8_t rises = val & (uint8_t)~u->ier;

	u->ier = val & IER_ALL;
	if ((rises & IER_THRE) && !u->tx.count) {
		/* Enabling asks at once when the transmitter is empty; drivers start sending by this. */
		u->thre_pending = true;
	}
	update_irq(u);
}

/* Reading acknowledges the transmitter's interrupt if it is the one reported. */
static uint8_t read_iir(struct uart *u)
{
	uint8_t id = interrupt(u);

	if (id == IIR_THRE) {
		u->thre_pending = false;
		update_irq(u);
	}
	return (uint8_t)(id | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0));
}

static void write_fcr(struct uart *u, uint8_t val)
{
	bool toggled = (u->fcr ^ val) & FCR_ENABLE;

	u->fcr = val & FCR_ENABLE ? val & FCR_KEPT : 0;
	if (toggled || (val & FCR_ENABLE && val & FCR_CLEAR_RX)) {
		fifo_clear(&u->rx);
	}
	if (toggled || (val & FCR_ENABLE && val & FCR_CLEAR_TX)) {
		fifo_clear(&u->tx);
		vm_timer_cancel(&u->retry);
		u->thre_pending = true;
	}
	update_irq(u);
	offer_room(u);
}

/* The modem inputs: in loopback the modem outputs, else a terminal that is always there. */
static uint8_t modem_inputs(const struct uart *u)
{
	if (!(u->mcr & MCR_LOOP)) {
		return MSR_CTS | MSR_DSR | MSR_DCD;
	}
	return (uint8_t)((u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
			 (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void write_mcr(struct uart *u, uint8_t val)
{
	uint8_t before = u->msr, inputs, changed;

	u->mcr = val & MCR_ALL;
	inputs = modem_inputs(u);
	changed = (before ^ inputs) & (MSR_CTS | MSR_DSR | MSR_DCD);
	if ((before & MSR_RI) && !(inputs & MSR_RI)) {
		changed |= MSR_RI;           /* of the ring indicator the trailing edge counts (TERI) */
	}
	u->msr = (uint8_t)(inputs | (before & MSR_DELTAS) | changed >> 4);
	update_irq(u);
	offer_room(u);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t val = lsr(u);

	u->lsr_errors = 0;
	update_irq(u);
	return val;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t val = u->msr;

	u->msr &= (uint8_t)~MSR_DELTAS;
	update_irq(u);
	return val;
}

static uint8_t uart_read(void *dev, unsigned off)
{
	struct uart *u = dev;
	bool dlab = u->lcr & LCR_DLAB;

	switch (off) {
	case DATA:
		return dlab ? u->dll : (uint8_t)read_data(u);
	case IER:
		return dlab ? u->dlm : u->ier;
	case IIR_FCR:
		return read_iir(u);
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return read_lsr(u);
	case MSR:
		return read_msr(u);
	default:
		return u->scratch;
	}
}

/* A break that the guest sends to itself arrives as a null character with the break bit. */
static void write_lcr(struct uart *u, uint8_t val)
{
	bool break_starts = val & (uint8_t)~u->lcr & LCR_BREAK;

	u->lcr = val;
	if (break_starts && (u->mcr & MCR_LOOP)) {
		loop_back(u, 0);
		u->lsr_errors |= LSR_BREAK;
		update_irq(u);
	}
}

static void uart_write(void *dev, unsigned off, uint8_t val)
{
	struct uart *u = dev;
	bool dlab = u->lcr & LCR_DLAB;

	switch (off) {
	case DATA:
		if (dlab) {
			u->dll = val;
		} else {
			write_data(u, val);
		}
		break;
	case IER:
		if (dlab) {
			u->dlm = val;
		} else {
			write_ier(u, val);
		}
		break;
	case IIR_FCR:
		write_fcr(u, val);
		break;
	case LCR:
		write_lcr(u, val);
		break;
	case MCR:
		write_mcr(u, val);
		break;
	case SCRATCH:
		u->scratch = val;
		break;
	default:
		break;
	}
}

static const struct byte_ops ops = { uart_read, uart_write };

static void uart_access(void *dev, struct io_access *io)
{
	bytes_access(&ops, dev, io);
}

int uart_init(struct uart *u, struct bus *ports, uint16_t base, unsigned gsi,
	      const struct uart_backend *backend, void *arg)
{
	*u = (struct uart){
		.dll = 12,           /* 9600 baud, as firmware leaves it */
		.gsi = gsi, .backend = backend, .arg = arg, .retry = { .fn = on_retry, .arg = u },
	};
	u->msr = modem_inputs(u);
	return bus_add(ports, base, REGISTERS, uart_access, u, "uart");
}
