/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of files. */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "opennebula/brumed/hash.h"
#include "opennebula/brumed/work.h"

enum { KEPT = 256, PIECE = 1 << 20, SETTLED_S = 2 };

struct kept {
	struct stat stat;
	char text[HASH_TEXT_MAX];
};

/* Held while a file is read: many VMs of one image begin at once, and it shall be read once. Taken before lock. */
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept kept[KEPT];           /* lock */
static size_t next;                      /* lock */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool read_all(int fd, const char *path, EVP_MD_CTX *md, struct why *why)
{
	char *piece = memory_new(PIECE);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(fd, piece, PIECE, at)) > 0 && !work_stopping()) {
		EVP_DigestUpdate(md, piece, (size_t)n);
		at += n;
	}
	free(piece);
	return n == 0 || why_set(why, "%s: %s", path, n < 0 ? strerror(errno) : "brumed ends");
}

static bool hash_all(int fd, const char *path, char text[HASH_TEXT_MAX], struct why *why)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned int len = 0;
	bool good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) && read_all(fd, path, md, why) &&
		    EVP_DigestFinal_ex(md, hash, &len);

	EVP_MD_CTX_free(md);
	for (unsigned int i = 0; good && i < len && i < (HASH_TEXT_MAX - 1) / 2; i++) {
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	}
	return good;
}

static bool recall(const struct stat *st, char text[HASH_TEXT_MAX])
{
	bool found = false;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < KEPT && !found; i++) {
		if (kept[i].text[0] && same_file(&kept[i].stat, st)) {
			memcpy(text, kept[i].text, HASH_TEXT_MAX);
			found = true;
		}
	}
	pthread_mutex_unlock(&lock);
	return found;
}

static void keep(const struct stat *st, const char text[HASH_TEXT_MAX])
{
	pthread_mutex_lock(&lock);
	kept[next].stat = *st;
	memcpy(kept[next].text, text, HASH_TEXT_MAX);
	next = (next + 1) % KEPT;
	pthread_mutex_unlock(&lock);
}

bool hash_file(int fd, const char *path, char text[HASH_TEXT_MAX], struct why *why)
{
	struct stat before, after;
	bool good;

	if (fstat(fd, &before) < 0) {
		return why_set(why, "%s: %s", path, strerror(errno));
	}
	if (recall(&before, text)) {
		return true;
	}
	pthread_mutex_lock(&reading);
	good = recall(&before, text);
	if (!good) {
		good = hash_all(fd, path, text, why);
		/* One that is being written has no hash that would last. Nor one that just was: a second write would not change its times. */
		if (good && fstat(fd, &after) == 0 && same_file(&before, &after) && time(NULL) - after.st_ctim.tv_sec >= SETTLED_S) {
			keep(&after, text);
		}
	}
	pthread_mutex_unlock(&reading);
	return good;
}
