/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel log: see log.h. */
#include "kernel/log.h"

#include "arch/x86/dev/serial.h"
#include "arch/x86/time/clock.h"
#include "lib/fmt.h"

/* A CPU that was stopped by a panic may hold it for ever: nobody waits longer than that. */
enum { BUSY_SPINS = 1 << 24 };

static bool busy;
static char ring[LOG_SIZE];
static uint64_t ring_head;              /* bytes ever written; the ring holds the last LOG_SIZE   */

void log_write(const char *text, size_t len)
{
	for (unsigned spins = 0; __atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE) && spins < BUSY_SPINS; spins++) {
		__asm__ volatile("pause");
	}
	for (size_t i = 0; i < len; i++) {
		bool control = (uint8_t)text[i] < ' ' && text[i] != '\n' && text[i] != '\t';
		char c = control || text[i] == 0x7f ? '?' : text[i];

		ring[ring_head++ % LOG_SIZE] = c;
		if (!serial_taken()) {
			serial_write_sync(&c, 1);
		}
	}
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
}

void log_printf(const char *fmt, ...)
{
	char line[LOG_LINE_MAX + 1];
	uint64_t us = clock_ns() / 1000;
	size_t len;
	va_list args;

	len = fmt_print(line, LOG_LINE_MAX, "[%4u.%06u] ", (unsigned)(us / 1000000), (unsigned)(us % 1000000));
	va_start(args, fmt);
	len += fmt_vprint(line + len, LOG_LINE_MAX - len, fmt, args);
	va_end(args);
	len = len < LOG_LINE_MAX ? len : LOG_LINE_MAX - 1;
	line[len++] = '\n';
	log_write(line, len);
}

size_t log_read(uint64_t *pos, char *buf, size_t size)
{
	size_t n = 0;

	if (ring_head > LOG_SIZE && *pos < ring_head - LOG_SIZE) {
		*pos = ring_head - LOG_SIZE;
	}
	while (n < size && *pos < ring_head) {
		buf[n++] = ring[(*pos)++ % LOG_SIZE];
	}
	return n;
}
