/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines of init, to the kernel and to the console. */
#include "init/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "console/node.h"
#include "init/console.h"
#include "lib/channel.h"
#include "lib/journal.h"
#include "lib/user/sys.h"
#include "lib/user/user.h"

enum { LINE_MAX = 248 };

static struct node_exchange *exchange;
static struct channel_end ring;
static unsigned lost;
static struct journal early, *journal = &early;

void init_log_to(struct node_exchange *to)
{
	exchange = to;
	channel_writer(&ring, &to->log, to->log_data, NODE_LOG);
}

void init_log_keep(struct journal *to)
{
	*to = *journal;
	journal = to;
}

static void to_console(const char *line, size_t len)
{
	if (!exchange || !__atomic_load_n(&exchange->attached, __ATOMIC_ACQUIRE)) {
		return;
	}
	if (!channel_write_all(&ring, line, (uint32_t)len)) {
		lost++;
		return;
	}
	console_wake();
}

static void say(char *line, int len)
{
	for (int i = 0; i < len; i++) {
		if (line[i] < ' ' || line[i] > '~') {
			line[i] = '?';
		}
	}
	line[len++] = '\n';
	sys_log(INIT_MACHINE, line, (size_t)len);
	journal_put(journal, line, (size_t)len);
	to_console(line, (size_t)len);
}

void init_log(const char *format, ...)
{
	char line[LINE_MAX + 2] = "brume: ";
	va_list args;
	int n = 7;

	va_start(args, format);
	n += vsnprintf(line + n, (size_t)(LINE_MAX - n), format, args);
	va_end(args);
	if (lost) {
		char note[64];
		unsigned before = lost;

		lost = 0;
		say(note, snprintf(note, sizeof(note) - 1, "brume: %u lines did not reach the console", before));
	}
	say(line, n < LINE_MAX ? n : LINE_MAX - 1);
}

/* newlib's and assert's words. */
void user_output(const char *text, size_t len)
{
	sys_log(INIT_MACHINE, text, len);
}
