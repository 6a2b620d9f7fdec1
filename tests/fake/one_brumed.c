/* SPDX-License-Identifier: Apache-2.0 */
/* A brumed for unit tests (one_brumed.h). A thread for each connection, one request on each. */
#include "tests/fake/one_brumed.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RULES = 8, REQUEST = 1 << 16 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	char log[4096];
	unsigned count, rules;
	bool released;
	struct {
		const char *word, *body;
		int status;
	} rule[RULES];
	char folder[64];
	int listener;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* The whole request: head, and a body of Content-Length. */
static bool read_request(int fd, char *request)
{
	size_t len = 0, wanted = REQUEST;

	while (len < wanted) {
		ssize_t n = read(fd, request + len, REQUEST - 1 - len);
		char *end, *length;

		if (n <= 0) {
			return false;
		}
		len += (size_t)n;
		request[len] = '\0';
		end = strstr(request, "\r\n\r\n");
		length = strstr(request, "Content-Length:");
		if (end) {
			wanted = (size_t)(end + 4 - request) + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
		}
	}
	return true;
}

static void write_down(char *request, int *status, const char **body)
{
	char *end = strstr(request, " HTTP/"), *path;
	size_t len;

	*end = '\0';
	path = strchr(request, ' ') + 1;
	*status = 200;
	*body = "{}";
	pthread_mutex_lock(&fake.lock);
	len = strlen(fake.log);
	snprintf(fake.log + len, sizeof(fake.log) - len, "%s\n", request);
	fake.count++;
	pthread_cond_broadcast(&fake.changed);
	for (unsigned i = 0; i < fake.rules; i++) {
		if (strstr(path, fake.rule[i].word)) {
			*status = fake.rule[i].status;
			*body = fake.rule[i].body;
		}
	}
	while (strstr(path, "held") && !fake.released) {
		pthread_cond_wait(&fake.changed, &fake.lock);
	}
	pthread_mutex_unlock(&fake.lock);
}

static void *serve(void *context)
{
	int fd = (int)(intptr_t)context, status;
	char *request = malloc(REQUEST), head[128];
	const char *body;

	if (read_request(fd, request)) {
		write_down(request, &status, &body);
		snprintf(head, sizeof(head), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status, strlen(body));
		if (write(fd, head, strlen(head)) < 0 || write(fd, body, strlen(body)) < 0) {
			fprintf(stderr, "fake brumed: its client is gone\n");
		}
	}
	free(request);
	close(fd);
	return NULL;
}

static void *listen_on(void *unused)
{
	pthread_t thread;
	int fd;

	(void)unused;
	while ((fd = accept(fake.listener, NULL, NULL)) >= 0) {
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0) {
			pthread_detach(thread);
		}
	}
	return NULL;
}

static void remove_socket(void)
{
	unlink(getenv("BRUMED_SOCKET"));
	rmdir(fake.folder);
}

void one_brumed_start(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;

	snprintf(fake.folder, sizeof(fake.folder), "/tmp/brume-test-XXXXXX");
	if (!mkdtemp(fake.folder)) {
		abort();
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/brumed.sock", fake.folder);
	setenv("BRUMED_SOCKET", address.sun_path, 1);
	atexit(remove_socket);
	fake.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(fake.listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fake.listener, 128) < 0 ||
	    pthread_create(&thread, NULL, listen_on, NULL) != 0) {
		abort();
	}
	pthread_detach(thread);
}

void one_brumed_rule(const char *word, int status, const char *body)
{
	pthread_mutex_lock(&fake.lock);
	fake.rule[fake.rules].word = word;
	fake.rule[fake.rules].status = status;
	fake.rule[fake.rules++].body = body;
	pthread_mutex_unlock(&fake.lock);
}

void one_brumed_log(char *log, size_t size)
{
	pthread_mutex_lock(&fake.lock);
	snprintf(log, size, "%s", fake.log);
	pthread_mutex_unlock(&fake.lock);
}

void one_brumed_wait(unsigned count)
{
	pthread_mutex_lock(&fake.lock);
	while (fake.count < count) {
		pthread_cond_wait(&fake.changed, &fake.lock);
	}
	pthread_mutex_unlock(&fake.lock);
}

void one_brumed_reset(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.log[0] = '\0';
	fake.count = fake.rules = 0;
	fake.released = false;
	pthread_mutex_unlock(&fake.lock);
}

void one_brumed_release(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.released = true;
	pthread_cond_broadcast(&fake.changed);
	pthread_mutex_unlock(&fake.lock);
}
