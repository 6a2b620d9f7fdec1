/* SPDX-License-Identifier: Apache-2.0 */
/* Commands for images: what moves content. Uploads and downloads that broke off go on where they were. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "opennebula/brumectl/ctl.h"
#include "opennebula/brumectl/progress.h"
#include "opennebula/lib/files.h"

enum { PIECE = 1 << 18, TRIES = 5, HASH_TEXT = 2 * EVP_MAX_MD_SIZE + 1, CONFLICT = 409, WHAT = 300 };

/* A file while it is sent or comes. */
struct transfer {
	int fd;
	EVP_MD_CTX *hash;                /* of what comes, or NULL */
	struct progress progress;
	int error;                       /* errno of the file, or 0 */
};

/* ---- SHA-256 ---- */

static void hash_text(EVP_MD_CTX *hash, char text[HASH_TEXT])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	EVP_DigestFinal_ex(hash, digest, &len);
	for (unsigned int i = 0; i < len; i++) {
		snprintf(text + (size_t)2 * i, 3, "%02x", digest[i]);
	}
}

/* Adds what is in the file from its place on. False, with errno. */
static bool hash_file(int fd, EVP_MD_CTX *hash, struct progress *progress)
{
	char *piece = memory_new(PIECE);
	ssize_t n;

	while ((n = read(fd, piece, PIECE)) > 0) {
		EVP_DigestUpdate(hash, piece, (size_t)n);
		progress_add(progress, (uint64_t)n);
	}
	free(piece);
	return n == 0;
}

/* ---- what the node has ---- */

struct image {
	bool found, whole;
	uint64_t bytes, received;
	char sha256[HASH_TEXT];
};

static void read_image(json_t *json, struct image *image)
{
	const char *state = json_string_value(json_object_get(json, "state")), *hash = json_string_value(json_object_get(json, "sha256"));

	*image = (struct image){ .found = true, .whole = state && strcmp(state, "whole") == 0 };
	image->bytes = (uint64_t)json_integer_value(json_object_get(json, "bytes"));
	image->received = (uint64_t)json_integer_value(json_object_get(json, "received"));
	snprintf(image->sha256, sizeof(image->sha256), "%s", hash ? hash : "");
}

static enum ctl_status find_image(const char *node, const char *name, struct image *image)
{
	struct local_answer answer;
	enum ctl_status status = ctl_ask("GET", CTL_PATH("/nodes/%s/v1/images", node), NULL, &answer);
	json_t *json, *entry;
	size_t i;

	*image = (struct image){ 0 };
	if (status != CTL_DONE) {
		return status;
	}
	json = json_loadb(answer.body, answer.len, 0, NULL);
	json_array_foreach(json, i, entry) {
		const char *its = json_string_value(json_object_get(entry, "name"));

		if (its && strcmp(its, name) == 0) {
			read_image(entry, image);
		}
	}
	json_decref(json);
	local_answer_free(&answer);
	return CTL_DONE;
}

/* ---- upload ---- */

static long read_piece(void *context, char *to, size_t size)
{
	struct transfer *t = context;
	ssize_t n = read(t->fd, to, size);

	if (n < 0) {
		t->error = errno;
	} else {
		progress_add(&t->progress, (uint64_t)n);
	}
	return n;
}

/* One attempt from a place on. answer is the caller's to free. */
static bool send_rest(struct transfer *t, const char *path, const char *hash, uint64_t from, uint64_t size, struct local_answer *answer)
{
	struct local_stream stream = { .read = read_piece, .context = t, .size = (int64_t)(size - from) };
	char digest[HASH_TEXT + 16], range[96];
	const char *const headers[] = { digest, from ? range : NULL, NULL };

	snprintf(digest, sizeof(digest), "X-SHA256: %s", hash);
	snprintf(range, sizeof(range), "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from, size - 1, size);
	t->progress.first = t->progress.done = from;
	if (lseek(t->fd, (off_t)from, SEEK_SET) < 0) {
		t->error = errno;
		return false;
	}
	return local_call_stream("PUT", path, headers, &stream, 0, answer);
}

/* Goes on as long as each attempt brings the node some bytes further. */
static enum ctl_status send_image(struct transfer *t, const char *node, const char *name, const char *hash, uint64_t size)
{
	char *path = CTL_PATH("/nodes/%s/v1/images/%s", node, name);
	enum ctl_status status = CTL_DONE;
	uint64_t before = 0;

	for (int tries = TRIES; tries > 0; tries--) {
		struct local_answer answer = { 0 };
		struct image image;
		bool good;

		status = find_image(node, name, &image);
		if (status != CTL_DONE) {
			break;
		}
		if (image.found && strcmp(image.sha256, hash) != 0 && image.whole) {
			status = ctl_fail(CTL_REFUSED, "the node has another image called %s", name);
			break;
		}
		if (!image.found || strcmp(image.sha256, hash) != 0 || image.bytes != size) {
			image.received = 0;
		}
		if (image.found && image.whole) {
			break;
		}
		tries = image.received > before ? TRIES : tries;
		before = image.received;
		good = send_rest(t, path, hash, image.received, size, &answer);
		if (!good && (tries == 1 || t->error || (answer.status >= 400 && answer.status < 500 && answer.status != CONFLICT))) {
			status = t->error ? ctl_fail(CTL_REFUSED, "the file cannot be read: %s", strerror(t->error)) : ctl_refused(&answer);
			tries = 1;
		}
		local_answer_free(&answer);
		if (good) {
			break;
		}
	}
	free(path);
	return status;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static enum ctl_status upload_open(struct ctl *ctl, struct transfer *t, const char *name, uint64_t size)
{
	char hash[HASH_TEXT] = "", what[WHAT];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	enum ctl_status status;
	bool good;

	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	snprintf(what, sizeof(what), "reading %s", name);
	progress_begin(&t->progress, what, size, 0);
	good = hash_file(t->fd, context, &t->progress);
	progress_end(&t->progress);
	hash_text(context, hash);
	EVP_MD_CTX_free(context);
	if (!good) {
		return ctl_fail(CTL_REFUSED, "%s: %s", ctl->argv[1], strerror(errno));
	}
	snprintf(what, sizeof(what), "sending %s", name);
	progress_begin(&t->progress, what, size, 0);
	status = send_image(t, ctl->argv[0], name, hash, size);
	progress_end(&t->progress);
	if (status == CTL_DONE && ctl->json) {
		printf("{\"name\":\"%s\",\"sha256\":\"%s\",\"bytes\":%" PRIu64 "}\n", name, hash, size);
	}
	return status;
}

static enum ctl_status upload(struct ctl *ctl)
{
	const char *name = ctl->argc > 2 ? ctl->argv[2] : last_part(ctl->argv[1]);
	struct transfer t = { .fd = open(ctl->argv[1], O_RDONLY | O_CLOEXEC) };
	enum ctl_status status;
	struct stat s;

	if (t.fd < 0 || fstat(t.fd, &s) < 0) {
		status = ctl_fail(CTL_REFUSED, "%s: %s", ctl->argv[1], strerror(errno));
	} else if (!S_ISREG(s.st_mode) || s.st_size == 0) {
		status = ctl_fail(CTL_REFUSED, "%s is no file with content", ctl->argv[1]);
	} else if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != strlen(name)) {
		status = ctl_fail(CTL_USAGE, "'%s' is no name for an image: letters, digits, -, _ and . are", name);
	} else {
		status = upload_open(ctl, &t, name, (uint64_t)s.st_size);
	}
	if (t.fd >= 0) {
		close(t.fd);
	}
	return status;
}

/* ---- download ---- */

static bool write_piece(void *context, const char *bytes, size_t len)
{
	struct transfer *t = context;

	if (!file_write_all(t->fd, bytes, len)) {
		t->error = errno;
		return false;
	}
	if (t->hash) {
		EVP_DigestUpdate(t->hash, bytes, len);
	}
	progress_add(&t->progress, len);
	return true;
}

/* Fetches what lies behind `from`. */
static enum ctl_status fetch(struct transfer *t, const char *path, uint64_t from)
{
	struct local_stream stream = { .write = write_piece, .context = t, .size = 0 };
	char range[64];
	const char *const headers[] = { from ? range : NULL, NULL };
	struct local_answer answer;
	enum ctl_status status = CTL_DONE;

	snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-", from);
	if (!local_call_stream("GET", path, headers, &stream, 0, &answer)) {
		status = t->error ? ctl_fail(CTL_REFUSED, "the file cannot be written: %s", strerror(t->error)) : ctl_refused(&answer);
	}
	local_answer_free(&answer);
	return status;
}

/* Into FILE.part, which becomes FILE when it is whole; image: what it must be, or NULL where nobody knows. */
static enum ctl_status fetch_part(const char *path, const char *part, const struct image *image, struct transfer *t)
{
	char hash[HASH_TEXT] = "";
	enum ctl_status status;
	off_t from = 0;

	t->fd = open(part, O_RDWR | O_CREAT | O_CLOEXEC | (image ? 0 : O_TRUNC), 0666);
	if (t->fd < 0) {
		return ctl_fail(CTL_REFUSED, "%s: %s", part, strerror(errno));
	}
	if (image) {
		t->hash = EVP_MD_CTX_new();
		EVP_DigestInit_ex(t->hash, EVP_sha256(), NULL);
		if (!hash_file(t->fd, t->hash, &t->progress)) {
			return ctl_fail(CTL_REFUSED, "%s: %s", part, strerror(errno));
		}
		from = lseek(t->fd, 0, SEEK_CUR);
	}
	t->progress.first = t->progress.done = (uint64_t)from;
	status = image && (uint64_t)from >= image->bytes ? CTL_DONE : fetch(t, path, (uint64_t)from);
	if (status != CTL_DONE || !image) {
		return status;
	}
	hash_text(t->hash, hash);
	if (strcmp(hash, image->sha256) != 0) {
		unlink(part);
		return ctl_fail(CTL_REFUSED, "what came is not the image, or %s was something else: it was deleted", part);
	}
	return CTL_DONE;
}

static enum ctl_status download_to(struct ctl *ctl, char *path, const char *file, const struct image *image)
{
	struct transfer t = { .fd = -1 };
	struct buffer part = { 0 };
	enum ctl_status status;
	char what[WHAT];

	buffer_printf(&part, "%s.part", file);
	snprintf(what, sizeof(what), "fetching %s", ctl->argv[1]);
	progress_begin(&t.progress, what, image ? image->bytes : 0, 0);
	status = fetch_part(path, buffer_string(&part), image, &t);
	progress_end(&t.progress);
	EVP_MD_CTX_free(t.hash);
	if (t.fd >= 0 && close(t.fd) < 0 && status == CTL_DONE) {
		status = ctl_fail(CTL_REFUSED, "%s: %s", buffer_string(&part), strerror(errno));
	}
	if (status == CTL_DONE && rename(buffer_string(&part), file) < 0) {
		status = ctl_fail(CTL_REFUSED, "%s: %s", file, strerror(errno));
	}
	buffer_free(&part);
	free(path);
	return status;
}

static enum ctl_status download(struct ctl *ctl)
{
	const char *file = ctl->argc > 2 ? ctl->argv[2] : ctl->argv[1];
	struct image image;
	enum ctl_status status = find_image(ctl->argv[0], ctl->argv[1], &image);

	if (status != CTL_DONE) {
		return status;
	}
	if (!image.found || !image.whole) {
		return ctl_fail(CTL_REFUSED, "the node has %s", image.found ? "only a part of that image" : "no such image");
	}
	return download_to(ctl, CTL_PATH("/nodes/%s/v1/images/%s", ctl->argv[0], ctl->argv[1]), file, &image);
}

enum ctl_status transfer_disk(struct ctl *ctl)
{
	return download_to(ctl, CTL_PATH("/nodes/%s/v1/disks/%s", ctl->argv[0], ctl->argv[1]), ctl->argv[2], NULL);
}

/* ---- the rest ---- */

static enum ctl_status list(struct ctl *ctl)
{
	static const struct ctl_column columns[] = {
		{ "NAME", "name", CTL_TEXT, NULL }, { "SIZE", "bytes", CTL_SIZE, NULL }, { "HERE", "received", CTL_PERCENT, "bytes" },
		{ "SHA-256", "sha256", CTL_TEXT, NULL }, { 0 },
	};

	return ctl_table(ctl, CTL_PATH("/nodes/%s/v1/images", ctl->argv[0]), columns);
}

static enum ctl_status delete(struct ctl *ctl)
{
	return ctl_do(ctl, "DELETE", CTL_PATH("/nodes/%s/v1/images/%s", ctl->argv[0], ctl->argv[1]), NULL, NULL);
}

const struct ctl_command image_commands[] = {
	{ "images", "NODE", 1, 1, list, "the images in its memory" },
	{ "images list", "NODE", 1, 1, list, NULL },
	{ "images upload", "NODE FILE [NAME]", 2, 3, upload, "sends one; what broke off goes on" },
	{ "images download", "NODE NAME [FILE]", 2, 3, download, "fetches one" },
	{ "images delete", "NODE NAME", 2, 2, delete, "deletes one that no running VM uses" },
	{ 0 },
};
