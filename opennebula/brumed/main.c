/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brumed: holds the connections of an OpenNebula front-end to its Brume nodes, and does for local programs what they ask of a node (docs/brumed.md).
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include "opennebula/brumed/actions.h"
#include "opennebula/brumed/api.h"
#include "opennebula/brumed/monitor.h"
#include "opennebula/brumed/nodes.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/tm.h"
#include "opennebula/brumed/tm_here.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/log.h"
#include "opennebula/lib/paths.h"

struct options {
	const char *config, *log;        /* NULL: the usual ones */
	bool foreground;
};

static const char usage[] =
	"brumed: the connections of an OpenNebula front-end to its Brume nodes\n"
	"  --config FILE   in place of /etc/one/brume/brumed.conf\n"
	"  --log WHERE     a file, syslog, or - for standard error\n"
	"  --foreground    does not leave its terminal\n";

static int die(const char *why)
{
	fprintf(stderr, "brumed: %s\n", why);
	return 1;
}

/* False: what is there to do is done, with that status. */
static bool read_options(int argc, char **argv, struct options *options, int *status)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' }, { "log", required_argument, NULL, 'l' },
		{ "foreground", no_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'c': options->config = optarg; break;
		case 'l': options->log = optarg; break;
		case 'f': options->foreground = true; break;
		default:
			fputs(usage, option == 'h' ? stdout : stderr);
			*status = option == 'h' ? 0 : 2;
			return false;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		*status = 2;
	}
	return optind == argc;
}

static enum log_kind log_kind_of(const char *word)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strcmp(word, words[i]) == 0) {
			return (enum log_kind)i;
		}
	}
	return LOG_KIND_INFO;
}

/* Of a fresh installation below ONE_LOCATION. */
static bool make_folders(struct why *why)
{
	struct buffer path = { 0 };
	bool good;

	buffer_printf(&path, "%s/x", settings.state);
	good = tm_here_folder(path.at, why) && tm_here_folder(settings.socket, why);
	buffer_free(&path);
	return good;
}

/* One brumed per state folder: a second one would overwrite the table. Held until the process ends. */
static bool lock_state(struct why *why)
{
	struct buffer path = { 0 };
	int fd;

	buffer_printf(&path, "%s/brumed.lock", settings.state);
	fd = open(path.at, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		why_set(why, "%s: %s", path.at, strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		why_set(why, "%s: another brumed runs", path.at);
		close(fd);
		fd = -1;
	}
	buffer_free(&path);
	return fd >= 0;
}

/* Until somebody wants brumed to end. */
static void wait_for_signal(void)
{
	sigset_t set;
	int signal = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	while (sigwait(&set, &signal) != 0 || signal == SIGHUP) {
		log_reopen();
	}
	log_info("ends: %s", strsignal(signal));
}

/* Some connections per node, and one per client: more than the usual 1024 where there are hundreds of nodes. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* Before there are threads, which inherit it. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static bool run(int fd, struct why *why)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (!monitor_load(why) || !api_start(fd, why)) {
		return false;
	}
	log_info("begins: socket %s, table in %s", settings.socket, settings.state);
	wait_for_signal();
	work_stop();
	/* First the threads: consoles are closed by what api_stop() takes away. */
	work_join();
	api_stop();
	actions_free();
	monitor_free();
	tm_free();
	nodes_free();
	curl_global_cleanup();
	return true;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct why why = { "" };
	int status = 0, fd;

	if (!read_options(argc, argv, &options, &status)) {
		return status;
	}
	if (!settings_read(options.config, &why)) {
		return die(why.text);
	}
	if (!log_open("brumed", options.log ? options.log : settings.log, log_kind_of(settings.log_level))) {
		return die("the log cannot be opened");
	}
	if (!make_folders(&why) || !lock_state(&why) || !nodes_load(&why)) {
		return die(why.text);
	}
	fd = api_listen(&why);
	if (fd < 0) {
		return die(why.text);
	}
	if (!options.foreground && daemon(1, 0) < 0) {
		return die(strerror(errno));
	}
	raise_file_limit();
	block_signals();
	if (!run(fd, &why)) {
		log_error("%s", why.text);
		return die(why.text);
	}
	settings_free();
	return 0;
}
