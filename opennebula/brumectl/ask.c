/* SPDX-License-Identifier: Apache-2.0 */
/* Asking brumed: see ctl.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "opennebula/brumectl/ctl.h"
#include "opennebula/brumectl/terminal.h"

enum { ANSWER_S = 660, BAD_GATEWAY = 502 };

enum ctl_status ctl_fail(enum ctl_status status, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("brumectl: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

enum ctl_status ctl_refused(const struct local_answer *answer)
{
	struct why why;

	local_answer_error(answer, &why);
	return ctl_fail(answer->status == 0 || answer->status == BAD_GATEWAY ? CTL_UNREACHABLE : CTL_REFUSED, "%s", why.text);
}

char *ctl_path(const char *format, const char *const words[], size_t count)
{
	struct buffer path = { 0 };
	size_t next = 0;

	for (; *format; format++) {
		if (format[0] == '%' && format[1] == 's' && next < count) {
			local_escape(&path, words[next++]);
			format++;
		} else {
			buffer_add(&path, format, 1);
		}
	}
	return buffer_take(&path);
}

enum ctl_status ctl_ask(const char *method, char *path, const char *body, struct local_answer *answer)
{
	enum ctl_status status = CTL_DONE;

	if (!local_call(method, path, NULL, body, body ? strlen(body) : 0, ANSWER_S, answer)) {
		status = ctl_refused(answer);
		local_answer_free(answer);
	}
	free(path);
	return status;
}

enum ctl_status ctl_do(const struct ctl *ctl, const char *method, char *path, const char *body, const char *said)
{
	struct local_answer answer;
	enum ctl_status status = ctl_ask(method, path, body, &answer);

	if (status != CTL_DONE) {
		return status;
	}
	if (ctl->json) {
		fwrite(answer.body, 1, answer.len, stdout);
	} else if (said) {
		puts(said);
	}
	local_answer_free(&answer);
	return CTL_DONE;
}

static void hide(struct termios *settings)
{
	settings->c_lflag &= ~(tcflag_t)ECHO;
}

bool ctl_read_secret(const char *prompt, char *line, size_t size)
{
	bool terminal = isatty(STDIN_FILENO), got;

	if (terminal) {
		fputs(prompt, stderr);
		terminal_set(hide);
	}
	got = fgets(line, (int)size, stdin) != NULL;
	if (terminal) {
		terminal_restore();
		fputc('\n', stderr);
	}
	if (!got || (!strchr(line, '\n') && !feof(stdin))) {
		return false;
	}
	line[strcspn(line, "\r\n")] = '\0';
	return true;
}
