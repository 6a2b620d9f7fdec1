/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files, read and replaced. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opennebula/lib/files.h"

static bool read_descriptor(int fd, const char *path, size_t limit, struct buffer *to, struct why *why)
{
	char piece[8192];
	size_t total = 0;
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return why_set(why, "%s: %s", path, strerror(errno));
		}
		total += (size_t)n;
		if (total > limit) {
			return why_set(why, "%s: longer than %zu bytes", path, limit);
		}
		buffer_add(to, piece, (size_t)n);
	}
	return true;
}

bool file_read(const char *path, size_t limit, struct buffer *to, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good;

	if (fd < 0) {
		return why_set(why, "%s: %s", path, strerror(errno));
	}
	good = read_descriptor(fd, path, limit, to, why);
	close(fd);
	return good;
}

bool file_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

void file_sync_folder(const char *path)
{
	char *folder = memory_copy_text(path), *slash = strrchr(folder, '/');
	int fd;

	if (slash) {
		*(slash == folder ? slash + 1 : slash) = 0;
	}
	fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(folder);
}

bool file_replace(const char *path, const void *bytes, size_t len, unsigned int mode, struct why *why)
{
	struct buffer name = { 0 };
	bool good = false;
	int fd;

	buffer_printf(&name, "%s.XXXXXX", path);
	fd = mkostemp(name.at, O_CLOEXEC);
	if (fd < 0) {
		why_set(why, "%s: %s", name.at, strerror(errno));
		buffer_free(&name);
		return false;
	}
	good = file_write_all(fd, bytes, len) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
	good = close(fd) == 0 && good;
	good = good && rename(name.at, path) == 0;
	if (!good) {
		why_set(why, "%s: %s", path, strerror(errno));
		unlink(name.at);
	} else {
		file_sync_folder(path);
	}
	buffer_free(&name);
	return good;
}
