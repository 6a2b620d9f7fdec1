/* SPDX-License-Identifier: Apache-2.0 */
/* Terminal settings and their end: see terminal.h. */
#include "opennebula/brumectl/terminal.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static struct termios before;
static volatile sig_atomic_t changed;

void terminal_restore(void)
{
	if (changed) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		changed = 0;
	}
}

static void on_signal(int number)
{
	terminal_restore();
	_exit(128 + number);
}

bool terminal_set(void (*change)(struct termios *settings))
{
	static const int ends[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
	struct termios settings;

	if (tcgetattr(STDIN_FILENO, &before) < 0) {
		return false;
	}
	settings = before;
	change(&settings);
	changed = 1;
	atexit(terminal_restore);
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		signal(ends[i], on_signal);
	}
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings);
	return true;
}
