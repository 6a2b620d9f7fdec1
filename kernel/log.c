/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel log: see log.h. */
#include "kernel/log.h"

#include "arch/x86/dev/serial.h"
#include "arch/x86/time/clock.h"
#include "lib/fmt.h"

static char ring[LOG_SIZE];
static uint64_t ring_head;              /* bytes ever written; the ring holds the last LOG_SIZE   */
static bool serial_forced;

static void put(const char *text, size_t len)
{
	uint64_t at = __atomic_fetch_add(&ring_head, len, __ATOMIC_RELAXED);

	for (size_t i = 0; i < len; i++) {
		ring[(at + i) % LOG_SIZE] = text[i];
	}
	if (!serial_taken() || serial_forced) {
		serial_write_sync(text, len);
	}
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
	if (len > LOG_LINE_MAX - 1) {
		len = LOG_LINE_MAX - 1;
	}
	line[len++] = '\n';
	put(line, len);
}

void log_write(const char *text, size_t len)
{
	while (len) {
		char part[64];
		size_t n = len < sizeof(part) ? len : sizeof(part);

		for (size_t i = 0; i < n; i++) {
			uint8_t c = (uint8_t)text[i];

			part[i] = (c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : text[i];
		}
		put(part, n);
		text += n;
		len -= n;
	}
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

void log_force_serial(void)
{
	serial_forced = true;
}
