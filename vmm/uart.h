/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A serial port. National Semiconductor PC16550D data sheet. Sends and receives as fast as its backend does;
 * the divisor is kept but not obeyed. The receive time-out comes at once instead of after four characters.
 */
#pragma once

#include "vmm/device.h"

enum { UART_FIFO = 16 };

struct uart_backend {
	/*
	 * Takes bytes from the guest; returns how many, at most len. When it takes less, the guest is held up and the
	 * uart offers the rest again soon and on uart_send_ready().
	 */
	size_t (*send)(void *arg, const uint8_t *buf, size_t len);
	/* Optional: uart_receive() had to refuse bytes, and now there is room for some. */
	void (*room)(void *arg);
};

struct uart_fifo {
	uint8_t buf[UART_FIFO];
	uint8_t head, count;
};

struct uart {
	struct uart_fifo rx, tx;
	uint8_t ier, fcr, lcr, mcr, msr, scratch, lsr_errors, dll, dlm;
	bool thre_pending;           /* the transmitter's interrupt is due                           */
	/* Host side. */
	bool refused;                /* uart_receive() took less than it was given                   */
	unsigned gsi;
	const struct uart_backend *backend;
	void *arg;
	struct vm_timer retry;       /* offers tx to the backend again                               */
};

/* Claims 8 ports at base. backend and what arg points to must outlive the uart. Errors of bus_add. */
int uart_init(struct uart *u, struct bus *ports, uint16_t base, unsigned gsi,
	      const struct uart_backend *backend, void *arg) MUST_CHECK;

/* Bytes for the guest. Returns how many the FIFO took; keep the rest and call again on backend->room(). */
size_t uart_receive(struct uart *u, const uint8_t *buf, size_t len);

/* The backend can take bytes again. Free when nothing waits. */
void uart_send_ready(struct uart *u);
