/* SPDX-License-Identifier: Apache-2.0 */
/* Disks of nodes into files. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opennebula/brumed/fetch.h"
#include "opennebula/brumed/hash.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/tm_path.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/config.h"
#include "opennebula/lib/files.h"

enum { PAUSE_MS = 1000, HOLE = 4096, PLAIN_MODE = 0660 };

struct fetch {
	int fd;
	int64_t at;                      /* so much is written */
	int64_t size;                    /* of the disk; -1: not known yet */
	char sha256[HASH_TEXT_MAX];      /* what the node says of it, or "" */
	struct client_call *call;
	bool placed;                     /* this answer says which part of how much it is */
	const char *wrong;               /* with what was said or sent; NULL: nothing */
	int error;                       /* errno of a write; 0: none */
};

/* The answer begins there, of a disk of that size, which stays. */
static void take_place(struct fetch *f, int64_t at, int64_t size)
{
	f->wrong = at != f->at ? "it sends another part of the disk than it was asked for" :
		   f->size >= 0 && f->size != size ? "the disk has another size than before" : NULL;
	f->placed = !f->wrong;
	f->size = size;
}

/* 200, also to a question for the rest: it begins at the start, and what came before may have been another content. */
static void take_whole(struct fetch *f, const char *length)
{
	long size;

	if (!config_number(length, 0, INT64_MAX, &size)) {
		return;
	}
	if (f->at > 0 && ftruncate(f->fd, 0) < 0) {
		f->error = errno;
		return;
	}
	f->at = 0;
	f->size = -1;
	take_place(f, 0, size);
}

/* "bytes 5-9/10" */
static void take_range(struct fetch *f, const char *range)
{
	const char *slash = strchr(range, '/'), *dash = strchr(range, '-');
	char first[32];
	long from, size;

	if (strncasecmp(range, "bytes ", 6) == 0 && slash && dash && dash - range - 6 < (long)sizeof(first)) {
		snprintf(first, sizeof(first), "%.*s", (int)(dash - range - 6), range + 6);
		if (config_number(first, 0, INT64_MAX, &from) && config_number(slash + 1, 0, INT64_MAX, &size)) {
			take_place(f, from, size);
		}
	}
}

static void on_header(void *context, const char *name, const char *value)
{
	struct fetch *f = context;

	if (f->call->status == 200 && strcasecmp(name, "Content-Length") == 0) {
		take_whole(f, value);
	} else if (f->call->status == 206 && strcasecmp(name, "Content-Range") == 0) {
		take_range(f, value);
	} else if (strcasecmp(name, "X-SHA256") == 0) {
		snprintf(f->sha256, sizeof(f->sha256), "%s", value);
	}
}

static bool is_zero(const char *bytes, size_t len)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0;
}

static bool put(struct fetch *f, const char *bytes, size_t len)
{
	while (len > 0) {
		/* Up to the next block of the file, so that whole blocks may be holes. */
		size_t n = (size_t)(HOLE - f->at % HOLE);

		n = n < len ? n : len;
		if (!is_zero(bytes, n)) {
			ssize_t written = pwrite(f->fd, bytes, n, (off_t)f->at);

			if (written <= 0) {
				f->error = written < 0 ? errno : ENOSPC;
				return false;
			}
			n = (size_t)written;
		}
		f->at += (int64_t)n;
		bytes += n;
		len -= n;
	}
	return true;
}

static bool on_write(void *context, const char *bytes, size_t len)
{
	struct fetch *f = context;

	if (f->call->status != 200 && f->call->status != 206) {
		buffer_add(&f->call->answer, bytes, f->call->answer.len + len > 4096 ? 0 : len);
		return true;
	}
	if (!f->placed && !f->wrong) {
		f->wrong = "it does not say how long the disk is";
	} else if (!f->wrong && (int64_t)len > f->size - f->at) {
		f->wrong = "it sends more than the disk has";
	}
	return !f->wrong && !f->error && put(f, bytes, len);
}

/* Asks for the rest, once. */
static void ask_rest(struct node *node, const char *disk, struct fetch *f, struct client_call *call)
{
	char path[TM_DISK_MAX + 16], range[64];
	const char *headers[] = { range, NULL };

	snprintf(path, sizeof(path), "/v1/disks/%s", disk);
	snprintf(range, sizeof(range), "Range: bytes=%lld-", (long long)f->at);
	*call = (struct client_call){ .method = "GET", .path = path, .headers = f->at > 0 ? headers : NULL, .header = on_header,
				      .write = on_write, .context = f };
	f->call = call;
	f->placed = false;
	client_call(node, CLIENT_BULK, call);
	client_explain(node, call);
	buffer_free(&call->answer);
	call->path = NULL;
	call->headers = NULL;
}

static image_result fetch_all(struct node *node, const char *disk, struct fetch *f, const char *part, struct why *why)
{
	struct client_call call;
	int tries = 0;

	for (;;) {
		int64_t before = f->at;

		ask_rest(node, disk, f, &call);
		if (f->error) {
			why_set(why, "%s: %s", part, strerror(f->error));
			return 500;
		}
		if (f->wrong) {
			why_set(why, "node %s: disk %s: %s", node->name, disk, f->wrong);
			return 502;
		}
		if ((call.status == 200 || call.status == 206) && f->at == f->size) {
			return 0;
		}
		tries = f->at > before ? 0 : tries + 1;
		if (call.hopeless || tries >= settings.transfer_tries || (call.status != 0 && call.status != 503) || !work_sleep_ms(PAUSE_MS)) {
			*why = call.why;
			return call.status == 0 || call.status == 200 || call.status == 206 ? 502 : (image_result)call.status;
		}
	}
}

static bool finish(struct fetch *f, const char *part, const char *path, struct why *why)
{
	char hash[HASH_TEXT_MAX];
	struct stat old;

	if (ftruncate(f->fd, (off_t)f->size) < 0 || fchmod(f->fd, stat(path, &old) == 0 ? old.st_mode & 07777 : PLAIN_MODE) < 0 ||
	    fsync(f->fd) < 0) {
		return why_set(why, "%s: %s", part, strerror(errno));
	}
	if (*f->sha256 && (!hash_file(f->fd, part, hash, why) || strcasecmp(hash, f->sha256) != 0)) {
		return why_set(why, "what came for %s has another SHA-256 than the node says", path);
	}
	if (rename(part, path) < 0) {
		return why_set(why, "%s: %s", path, strerror(errno));
	}
	file_sync_folder(path);
	return true;
}

/* Whether part is the name of the file that is open: another fetch may have renamed it since it was opened. */
static bool still_named(int fd, const char *part)
{
	struct stat open_one, named;

	return fstat(fd, &open_one) == 0 && lstat(part, &named) == 0 && open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

/* The file in part, empty, and nobody else's; -1 with the reason. */
static int open_part(const char *part, struct why *why)
{
	int fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		why_set(why, "%s: %s", part, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !still_named(fd, part)) {
		why_set(why, "%s: it is being fetched already", part);
	} else if (ftruncate(fd, 0) < 0) {
		why_set(why, "%s: %s", part, strerror(errno));
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

image_result fetch_disk(struct node *node, const char *disk, const char *path, struct why *why)
{
	struct fetch f = { .size = -1 };
	struct buffer part = { 0 };
	image_result result;

	/* Always the same name: what a brumed that was killed left there is overwritten, and does not pile up. */
	buffer_printf(&part, "%s.brume-part", path);
	f.fd = open_part(part.at, why);
	if (f.fd < 0) {
		buffer_free(&part);
		return 500;
	}
	result = fetch_all(node, disk, &f, part.at, why);
	if (result == 0 && !finish(&f, part.at, path, why)) {
		result = 500;
	}
	close(f.fd);
	if (result != 0) {
		unlink(part.at);
	}
	buffer_free(&part);
	return result;
}
