/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the front-end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opennebula/brumed/tm_here.h"
#include "opennebula/brumed/tm_path.h"
#include "opennebula/lib/files.h"

enum { FOLDER_MODE = 0770, OPEN_FILES = 16, PIECE = 1 << 20 };

static bool fail(struct why *why, const char *path)
{
	return why_set(why, "%s: %s", path, strerror(errno));
}

bool tm_here_folder(const char *path, struct why *why)
{
	char *copy = memory_copy_text(path);
	bool good = true;

	for (char *slash = strchr(copy + 1, '/'); slash && good; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(copy, FOLDER_MODE) < 0 && errno != EEXIST) {
			good = fail(why, copy);
		}
		*slash = '/';
	}
	free(copy);
	return good;
}

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

bool tm_here_delete(const char *path, struct why *why)
{
	/* Does not follow links. */
	if (nftw(path, on_entry, OPEN_FILES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 || errno == ENOENT) {
		return true;
	}
	return fail(why, path);
}

/* What is in a folder, into another one that may be there already. */
static bool move_entries(DIR *dir, const char *from, const char *to, struct why *why)
{
	struct dirent *entry;
	bool good = true;

	while (good && (entry = readdir(dir)) != NULL) {
		struct buffer a = { 0 }, b = { 0 };

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			buffer_printf(&a, "%s/%s", from, entry->d_name);
			buffer_printf(&b, "%s/%s", to, entry->d_name);
			good = tm_here_move(a.at, b.at, why);
		}
		buffer_free(&a);
		buffer_free(&b);
	}
	return good;
}

static bool move_by_parts(const char *from, const char *to, struct why *why)
{
	struct stat st;
	DIR *dir;
	bool good;

	if (lstat(from, &st) < 0) {
		return fail(why, from);
	}
	if (!S_ISDIR(st.st_mode)) {
		return (S_ISREG(st.st_mode) || why_set(why, "%s is no plain file", from)) && tm_here_copy(from, to, why) &&
		       (unlink(from) == 0 || fail(why, from));
	}
	if (mkdir(to, FOLDER_MODE) < 0 && errno != EEXIST) {
		return fail(why, to);
	}
	dir = opendir(from);
	if (!dir) {
		return fail(why, from);
	}
	good = move_entries(dir, from, to, why);
	closedir(dir);
	return good && (rmdir(from) == 0 || fail(why, from));
}

bool tm_here_move(const char *from, const char *to, struct why *why)
{
	if (!tm_here_folder(to, why)) {
		return false;
	}
	if (access(from, F_OK) < 0 && errno == ENOENT && access(to, F_OK) == 0) {
		return true;
	}
	if (rename(from, to) == 0) {
		return true;
	}
	/* The folder of a VM whose disks were moved one by one is there already; another datastore may be another file system. */
	return errno == ENOTEMPTY || errno == EEXIST || errno == EXDEV ? move_by_parts(from, to, why) : fail(why, from);
}

static bool copy_piece(int in, int out, char *piece, off_t at, off_t end)
{
	while (at < end) {
		ssize_t n = pread(in, piece, end - at < PIECE ? (size_t)(end - at) : PIECE, at);

		if (n <= 0 || pwrite(out, piece, (size_t)n, at) != n) {
			errno = n == 0 ? EIO : errno;
			return false;
		}
		at += n;
	}
	return true;
}

static bool copy_all(int in, int out, off_t size)
{
	char *piece = memory_new(PIECE);
	bool good = true;
	off_t at = 0;

	while (good && at < size) {
		off_t data = lseek(in, at, SEEK_DATA), hole;

		if (data < 0) {
			good = errno == ENXIO;
			break;
		}
		hole = lseek(in, data, SEEK_HOLE);
		good = hole >= 0 && copy_piece(in, out, piece, data, hole);
		at = hole;
	}
	free(piece);
	return good && ftruncate(out, size) == 0 && fsync(out) == 0;
}

bool tm_here_copy(const char *from, const char *to, struct why *why)
{
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK), out = -1;
	struct buffer part = { 0 };
	struct stat st, old;
	bool good = false;

	buffer_printf(&part, "%s.brume-XXXXXX", to);
	if (in < 0 || fstat(in, &st) < 0) {
		fail(why, from);
	} else if (!S_ISREG(st.st_mode)) {
		why_set(why, "%s is no plain file", from);
	} else if ((out = mkostemp(part.at, O_CLOEXEC)) < 0) {
		fail(why, part.at);
	} else {
		good = copy_all(in, out, st.st_size) && fchmod(out, stat(to, &old) == 0 ? old.st_mode & 07777 : 0660) == 0 &&
		       rename(part.at, to) == 0;
		if (!good) {
			fail(why, to);
			unlink(part.at);
		}
		file_sync_folder(to);
	}
	if (in >= 0) {
		close(in);
	}
	if (out >= 0) {
		close(out);
	}
	buffer_free(&part);
	return good;
}

bool tm_here_resize(const char *path, int64_t bytes, struct why *why)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode)) {
		return fail(why, path);
	}
	return bytes >= st.st_size ? truncate(path, (off_t)bytes) == 0 || fail(why, path) :
				     why_set(why, "%s: a disk does not shrink", path);
}

bool tm_here_list(const char *folder, json_t *array, struct why *why)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	if (!dir && errno == ENOENT) {
		return true;
	}
	if (!dir) {
		json_decref(array);
		return fail(why, folder);
	}
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;

		if (strlen(name) <= TM_FILE_MAX && (tm_file_read_only(name) || strncmp(name, "disk.", 5) == 0)) {
			json_array_append_new(array, json_string(name));
		}
	}
	closedir(dir);
	return true;
}
