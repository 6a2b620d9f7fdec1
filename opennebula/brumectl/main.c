/* SPDX-License-Identifier: Apache-2.0 */
/* brumectl: nodes, their VMs and images, by hand; a client of brumed on the front-end. brumectl(1). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "opennebula/brumectl/ctl.h"

enum { WORDS = 48 };

static const struct ctl_command *const groups[] = { node_commands, look_commands, vm_commands, image_commands, disk_commands };

static void put_usage(FILE *to, const struct ctl_command *c)
{
	char line[2 * WORDS];

	snprintf(line, sizeof(line), "%s%s%s", c->name, c->words[0] ? " " : "", c->words);
	fprintf(to, "  %-34s %s\n", line, c->help);
}

static void put_help(FILE *to)
{
	fputs("usage: brumectl [--json] COMMAND ...\n\n", to);
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		for (const struct ctl_command *c = groups[g]; c->name; c++) {
			if (c->help) {
				put_usage(to, c);
			}
		}
	}
	fputs("\n--json prints what brumed or the node answered. Status: 0 done, 1 refused, 2 wrong usage, 3 brumed or the node was not reached.\n", to);
}

/* How many words of the command line are this command's name; 0: it is another one. */
static int matches(const char *name, char *const words[], int count)
{
	int n = 0;

	while (n < count) {
		size_t len = strlen(words[n]);

		if (strncmp(name, words[n], len) != 0 || (name[len] != '\0' && name[len] != ' ')) {
			return 0;
		}
		n++;
		name += len;
		if (*name++ == '\0') {
			return n;
		}
	}
	return 0;
}

/* The one with the most words in its name: `vms show n v` is not `vms` of a node called show. */
static const struct ctl_command *find(char *const words[], int count, int *used)
{
	const struct ctl_command *best = NULL;

	*used = 0;
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		for (const struct ctl_command *c = groups[g]; c->name; c++) {
			int n = matches(c->name, words, count);

			if (n > *used) {
				*used = n;
				best = c;
			}
		}
	}
	return best;
}

/* Takes options out, wherever they stand before "--". False: there is one that is not known. */
static bool take_options(struct ctl *ctl, bool *help)
{
	int kept = 0;

	for (int i = 0; i < ctl->argc; i++) {
		const char *word = ctl->argv[i];

		if (strcmp(word, "--") == 0) {
			while (++i < ctl->argc) {
				ctl->argv[kept++] = ctl->argv[i];
			}
			break;
		}
		if (strcmp(word, "--json") == 0) {
			ctl->json = true;
		} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			*help = true;
		} else if (word[0] == '-' && word[1]) {
			ctl_fail(CTL_USAGE, "there is no option %s; brumectl --help tells what there is", word);
			return false;
		} else {
			ctl->argv[kept++] = ctl->argv[i];
		}
	}
	ctl->argc = kept;
	return true;
}

static enum ctl_status run(struct ctl *ctl)
{
	const struct ctl_command *command;
	bool help = false;
	int used;

	if (!take_options(ctl, &help)) {
		return CTL_USAGE;
	}
	if (help || !ctl->argc) {
		put_help(help ? stdout : stderr);
		return help ? CTL_DONE : CTL_USAGE;
	}
	command = find(ctl->argv, ctl->argc, &used);
	if (!command) {
		return ctl_fail(CTL_USAGE, "there is no command '%s'; brumectl --help tells what there is", ctl->argv[0]);
	}
	ctl->argc -= used;
	ctl->argv += used;
	if (ctl->argc < command->least || ctl->argc > command->most) {
		return ctl_fail(CTL_USAGE, "usage: brumectl %s%s%s; brumectl --help tells what else there is", command->name,
				command->words[0] ? " " : "", command->words);
	}
	return command->run(ctl);
}

int main(int argc, char *argv[])
{
	struct ctl ctl = { .argc = argc - 1, .argv = argv + 1 };
	enum ctl_status status = run(&ctl);

	/* What was not written, as to a full disk, was not done. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == CTL_DONE) {
		status = ctl_fail(CTL_REFUSED, "standard output: %s", strerror(errno));
	}
	return (int)status;
}
