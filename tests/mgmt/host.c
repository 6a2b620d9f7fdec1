/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mgmt without a machine: its TLS, HTTP and routes over sockets of the host, for openssl, curl and hostile clients.
 * host KEY CERTIFICATE CA SECONDS [stands]: listens on a port of the loopback, prints it, and serves until its standard input ends. Its clock goes
 * SECONDS ahead, or stands, and goes on by one for each byte that it reads. Lines of the log go to standard output. The node and its VMs are made up; a VM that is started or stopped changes its state at once.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "console/node.h"
#include "mgmt/clock.h"
#include "mgmt/identity.h"
#include "mgmt/one_routes.h"
#include "mgmt/platform.h"
#include "mgmt/random.h"
#include "mgmt/server.h"
#include "mgmt/tcp.h"
#include "mgmt/vnc.h"
#include "tests/fake/mgmt_init.h"

enum { MODULE_MAX = 65536, BACKLOG = 64, LISTENERS = 4 };

struct socket_stream {
	struct stream stream;
	int fd;
};

static struct node_status node;
static struct server server;
static struct socket_stream streams[SERVER_SESSIONS + VNC_VIEWERS + 1];
static struct { int fd; uint16_t port; } listeners[LISTENERS];
static uint64_t forward_ns, stands_ns;       /* what the clock was moved on by, where it stands      */

/* ---- what mgmt asks of its place ---- */

uint64_t platform_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (stands_ns ? stands_ns : (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) + forward_ns;
}

void platform_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

unsigned platform_cpu_mhz(void)
{
	return 2400;
}

const struct node_status *platform_node(void)
{
	return &node;
}

/* ---- streams over sockets ---- */

static int fd_of(struct stream *s)
{
	return container_of(s, struct socket_stream, stream)->fd;
}

static int socket_result(ssize_t n)
{
	return n >= 0 ? (int)n : errno == EAGAIN || errno == EINTR ? E_AGAIN : E_IO;
}

static int socket_read(struct stream *s, void *to, size_t size)
{
	return socket_result(recv(fd_of(s), to, size, 0));
}

static int socket_write(struct stream *s, const void *bytes, size_t len)
{
	return socket_result(send(fd_of(s), bytes, len, MSG_NOSIGNAL));
}

static void socket_close(struct stream *s)
{
	struct socket_stream *sock = container_of(s, struct socket_stream, stream);

	close(sock->fd);
	sock->fd = -1;
}

static void socket_favour(struct stream *s)
{
	(void)s;
}

static const struct stream_ops ops = {
	.read = socket_read, .write = socket_write, .close = socket_close, .favour = socket_favour,
};

static void accept_one(int number)
{
	struct sockaddr_in peer = { 0 };
	socklen_t len = sizeof(peer);
	int fd = accept(listeners[number].fd, (struct sockaddr *)&peer, &len);

	for (size_t i = 0; fd >= 0 && i < ARRAY_SIZE(streams); i++) {
		if (streams[i].fd < 0) {
			fcntl(fd, F_SETFL, O_NONBLOCK);
			streams[i].fd = fd;
			streams[i].stream.ops = &ops;
			inet_ntop(AF_INET, &peer.sin_addr, streams[i].stream.peer, sizeof(streams[i].stream.peer));
			streams[i].stream.origin = ntohl(peer.sin_addr.s_addr);
			streams[i].stream.port = listeners[number].port;
			if (number) {
				vnc_accept(&streams[i].stream, platform_now_ns());
			} else {
				server_accept(&server, &streams[i].stream, platform_now_ns());
			}
			return;
		}
	}
	if (fd >= 0) {
		close(fd);
	}
}

/* On the loopback; port 0: on any. Returns the port, or an error. */
static int listen_at(int number, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
		perror("listen");
		close(fd);
		return E_NOMEM;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	listeners[number].fd = fd;
	listeners[number].port = ntohs(address.sin_port);
	return ntohs(address.sin_port);
}

/* The ports of VNC consoles. */
int tcp_listen_on(uint16_t port)
{
	for (int i = 1; i < LISTENERS; i++) {
		if (listeners[i].fd < 0) {
			return listen_at(i, port) < 0 ? E_NOMEM : OK;
		}
	}
	return E_NOMEM;
}

void tcp_leave(uint16_t port)
{
	for (int i = 1; i < LISTENERS; i++) {
		if (listeners[i].fd >= 0 && listeners[i].port == port) {
			close(listeners[i].fd);
			listeners[i].fd = -1;
		}
	}
}

/* Moves the clock on. False: standard input ended. */
static bool read_clock(void)
{
	char bytes[1024];
	ssize_t n = read(0, bytes, sizeof(bytes));

	forward_ns += n > 0 ? (uint64_t)n * 1000000000 : 0;
	return n > 0;
}

/* Waits for a socket, or until the deadline. False: standard input ended. */
static bool wait_for(uint64_t until)
{
	struct pollfd fds[1 + LISTENERS + ARRAY_SIZE(streams)] = { { 0, POLLIN, 0 } };
	uint64_t now = platform_now_ns(), ms = until <= now ? 0 : (until - now) / 1000000 + 1;
	nfds_t count = 1;

	for (int i = 0; i < LISTENERS; i++) {
		fds[count++] = (struct pollfd){ listeners[i].fd, POLLIN, 0 };    /* one below 0 is passed over */
	}
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		if (streams[i].fd >= 0) {
			fds[count++] = (struct pollfd){ streams[i].fd, POLLIN, 0 };
		}
	}
	poll(fds, count, ms > 50 ? 50 : (int)ms);                /* 50: nobody asks for POLLOUT */
	if (fds[0].revents && !read_clock()) {
		return false;
	}
	for (int i = 0; i < LISTENERS; i++) {
		if (fds[1 + i].revents) {
			accept_one(i);                           /* at the new time: it came after that */
		}
	}
	return true;
}

/* ---- set-up ---- */

static struct blob read_file(const char *name)
{
	static uint8_t room[3][MODULE_MAX];
	static int used;
	FILE *f = fopen(name, "rb");
	struct blob b = { room[used], 0 };

	if (f) {
		b.len = fread(room[used++], 1, MODULE_MAX, f);
		fclose(f);
	}
	return b;
}

static void make_node(void)
{
	fake_init_node = &node;
	node = (struct node_status){ .magic = NODE_MAGIC, .vm_count = 3, .ram_bytes = GIB(8), .free_bytes = GIB(5) };
	for (uint32_t i = 0; i < node.vm_count; i++) {
		snprintf(node.vm[i].name, sizeof(node.vm[i].name), "vm%u", i);
		node.vm[i].memory = MIB(256);
		node.vm[i].node_memory[0] = MIB(256);
		node.vm[i].vcpus = i + 1;
		node.vm[i].weight = 100;
	}
	node.vm[0].state = NODE_VM_RUNNING;
	node.vm[0].generation = 1;
	snprintf(node.vm[2].note, sizeof(node.vm[2].note), "a \"note\" of it");
}

/* To the nanosecond: certificates are valid from the second in which they are made. */
static uint64_t wall_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
	static struct identity id;
	struct blob none = { NULL, 0 };
	const char *why = "";
	uint64_t next = 0;
	int port;

	if (argc != 5 && argc != 6) {
		return 2;
	}
	stands_ns = argc == 6 ? platform_now_ns() : 0;
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		streams[i].fd = -1;
	}
	for (int i = 0; i < LISTENERS; i++) {
		listeners[i].fd = -1;
	}
	make_node();
	clock_init(wall_ns() + (uint64_t)atoi(argv[4]) * 1000000000 - platform_now_ns(), 0);
	if (random_init(none.at, 0, wall_ns()) < 0 ||
	    identity_init(&id, read_file(argv[1]), read_file(argv[2]), read_file(argv[3]), "host", &why) < 0 ||
	    server_init(&server, &id) < 0) {
		printf("cannot start: %s\n", why);
		return 1;
	}
	printf("fingerprint %s\n", id.fingerprint);
	one_init(platform_now_ns());
	port = listen_at(0, 0);
	if (port < 0) {
		return 1;
	}
	printf("port %d\n", port);
	fflush(stdout);
	while (wait_for(next)) {
		uint64_t vnc = vnc_run(platform_now_ns());

		one_run(platform_now_ns());                      /* its deadlines are met: a look every 50 ms */
		next = server_run(&server, platform_now_ns());
		next = vnc < next ? vnc : next;
	}
	for (int i = 0; i < SERVER_SESSIONS; i++) {
		if (server.session[i].state != SESSION_FREE) {
			session_drop(&server.session[i]);
		}
	}
	fake_init_reset();
	tls_server_free(&server.tls);
	identity_free(&id);
	return 0;
}
