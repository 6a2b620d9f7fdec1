/* SPDX-License-Identifier: Apache-2.0 */
/* Images on nodes: sent, found again, dropped for room. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "opennebula/brumed/hash.h"
#include "opennebula/brumed/image.h"
#include "opennebula/brumed/send.h"
#include "opennebula/brumed/settings.h"
#include "opennebula/brumed/tm_path.h"
#include "opennebula/brumed/work.h"
#include "opennebula/lib/log.h"

enum { PAUSE_MS = 1000, BUSY_TRIES = 60, ANEW_TRIES = 3 };

/* When an image of a node was used last, and whether it is being sent. Few: nodes times images. */
struct use {
	const struct node *node;
	char name[IMAGE_NAME_MAX];
	int64_t at;                      /* of work_now_ms */
	unsigned int users;              /* commands that need it right now */
	bool sending;
	struct use *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sent = PTHREAD_COND_INITIALIZER;
static struct use *uses;                 /* lock */

void image_free(void)
{
	while (uses) {
		struct use *u = uses;

		uses = u->next;
		free(u);
	}
}

static struct use *find_locked(const struct node *node, const char *name)
{
	for (struct use *u = uses; u; u = u->next) {
		if (u->node == node && strcmp(u->name, name) == 0) {
			return u;
		}
	}
	return NULL;
}

/* Marks it as used from now on, until leave. */
static struct use *enter(const struct node *node, const char *name)
{
	struct use *u;

	pthread_mutex_lock(&lock);
	u = find_locked(node, name);
	if (!u) {
		u = memory_new(sizeof(*u));
		u->node = node;
		snprintf(u->name, sizeof(u->name), "%s", name);
		u->next = uses;
		uses = u;
	}
	u->at = work_now_ms();
	u->users++;
	pthread_mutex_unlock(&lock);
	return u;
}

static void leave(struct use *u)
{
	pthread_mutex_lock(&lock);
	u->at = work_now_ms();
	u->users--;
	pthread_mutex_unlock(&lock);
}

static int64_t last_used(void *context, const char *name)
{
	struct use *u;
	int64_t at;

	pthread_mutex_lock(&lock);
	u = find_locked(context, name);
	at = !u ? 0 : u->users > 0 ? -1 : u->at;
	pthread_mutex_unlock(&lock);
	return at;
}

/* ---- the file ---- */

static bool check_format(int fd, const char *path, struct why *why)
{
	static const struct {
		const char *magic, *name;
	} foreign[] = { { "QFI\xfb", "qcow2" }, { "KDMV", "VMDK" }, { "vhdxfile", "VHDX" } };
	char head[8] = "";

	if (pread(fd, head, sizeof(head), 0) < 0) {
		return why_set(why, "%s: %s", path, strerror(errno));
	}
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		if (memcmp(head, foreign[i].magic, strlen(foreign[i].magic)) == 0) {
			return why_set(why, "%s is a %s image, Brume's disks are raw: qemu-img convert -O raw makes one of it", path,
				       foreign[i].name);
		}
	}
	return true;
}

/* any: whatever the first bytes look like. */
static bool take_file(const char *path, bool any, struct image *image, struct why *why)
{
	/* One that is a pipe is not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	bool good;

	if (fd < 0 || fstat(fd, &st) < 0) {
		why_set(why, "%s: %s", path, strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return false;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		good = why_set(why, "%s is empty, or no plain file", path);
	} else {
		good = (any || check_format(fd, path, why)) && hash_file(fd, path, image->sha256, why);
	}
	close(fd);
	image->size = st.st_size;
	image->stat = st;
	snprintf(image->name, sizeof(image->name), "%s%.32s", IMAGE_PREFIX, good ? image->sha256 : "");
	return good;
}

bool image_of_file(const char *path, struct image *image, struct why *why)
{
	return take_file(path, false, image, why);
}

/* ---- room ---- */

static bool drop(struct node *node, const char *name)
{
	struct buffer path = { 0 };
	struct client_call call;
	bool gone;

	buffer_printf(&path, "/v1/images/%s", name);
	call = (struct client_call){ .method = "DELETE", .path = path.at, .timeout_s = settings.request_s };
	gone = client_call(node, CLIENT_REQUEST, &call) && call.status >= 200 && call.status < 300;
	if (gone) {
		log_info("node %s: image %s was not used, and went for room", node->name, name);
	}
	buffer_free(&call.answer);
	buffer_free(&path);
	return gone;
}

bool image_make_room(struct node *node, const char *keep)
{
	struct why why;
	json_t *images = client_list(node, "/v1/images", &why), *disks = client_list(node, "/v1/disks", &why);
	bool gone = false;

	while (images && disks && !gone) {
		ssize_t i = image_choose(images, disks, last_used, node, keep);

		if (i < 0) {
			break;
		}
		/* A VM may name it without a disk: then the node refuses, and another one is tried. */
		gone = drop(node, json_string_value(json_object_get(json_array_get(images, (size_t)i), "name")));
		json_array_remove(images, (size_t)i);
	}
	json_decref(images);
	json_decref(disks);
	return gone;
}

/* What is sent must be what was hashed: whatever the node says of it, the reason is this. */
static bool is_changed(int fd, const struct image *image, const char *path, struct why *why)
{
	struct stat now;

	if (fstat(fd, &now) == 0 && now.st_dev == image->stat.st_dev && now.st_ino == image->stat.st_ino && now.st_size == image->stat.st_size &&
	    now.st_mtim.tv_sec == image->stat.st_mtim.tv_sec && now.st_mtim.tv_nsec == image->stat.st_mtim.tv_nsec) {
		return false;
	}
	why_set(why, "%s was changed while it was read", path);
	return true;
}

image_result image_ensure(struct node *node, const struct image *image, const char *path, struct why *why)
{
	struct use *u = enter(node, image->name);
	image_result result;
	int fd;

	pthread_mutex_lock(&lock);
	while (u->sending) {
		pthread_cond_wait(&sent, &lock);
	}
	u->sending = true;
	pthread_mutex_unlock(&lock);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		why_set(why, "%s: %s", path, strerror(errno));
		result = 500;
	} else {
		result = is_changed(fd, image, path, why) ? 500 : send_file(node, &(struct send){ "image", image->name, image->sha256, image->size }, fd, why);
		if (result != 0 && is_changed(fd, image, path, why)) {
			result = 500;
		}
		close(fd);
	}
	pthread_mutex_lock(&lock);
	u->sending = false;
	pthread_cond_broadcast(&sent);
	pthread_mutex_unlock(&lock);
	leave(u);
	return result;
}

/* ---- disks ---- */

/* One request about a disk; disk may have more of the path behind it. */
static void ask_disk(struct node *node, const char *method, const char *disk, const char *words, struct client_call *call)
{
	char path[TM_DISK_MAX + 32];

	snprintf(path, sizeof(path), "/v1/disks/%s", disk);
	*call = (struct client_call){ .method = method, .path = path, .body = words, .len = words ? strlen(words) : 0,
				      .timeout_s = settings.request_s };
	client_call(node, CLIENT_REQUEST, call);
	client_explain(node, call);
	buffer_free(&call->answer);
	call->path = NULL;
}

image_result image_post_disk(struct node *node, const char *disk, const char *words, struct why *why)
{
	struct client_call call;

	for (int tries = 0;; tries++) {
		ask_disk(node, "POST", disk, words, &call);
		if (call.status == 200 || call.status == 201) {
			return 0;
		}
		if (call.status == 507 && image_make_room(node, "")) {
			continue;
		}
		if (call.status != 503 || tries >= BUSY_TRIES || !work_sleep_ms(PAUSE_MS)) {
			*why = call.why;
			return call.status == 0 ? 502 : (image_result)call.status;
		}
	}
}

/* The image must not be dropped between its arrival and its clone, so it is in use all the time. */
static image_result make_clone(struct node *node, const struct image *image, const char *disk, const char *path, bool read_only,
			       struct why *why)
{
	image_result result = image_ensure(node, image, path, why);
	struct client_call call;
	char words[IMAGE_NAME_MAX + 32];

	snprintf(words, sizeof(words), "image %s\n%s", image->name, read_only ? "read-only\n" : "");
	for (int tries = 0; result == 0 && tries < ANEW_TRIES; tries++) {
		result = image_post_disk(node, disk, words, why);
		if (result == 409) {
			/* A disk of that name and other content: a VM that was made anew. */
			ask_disk(node, "DELETE", disk, NULL, &call);
			if (call.status != 200 && call.status != 204 && call.status != 404) {
				*why = call.why;
				return call.status == 0 ? 502 : (image_result)call.status;
			}
		} else if (result == 404) {
			result = image_ensure(node, image, path, why);
			result = result == 0 ? 404 : result;
		} else {
			break;
		}
		result = tries + 1 < ANEW_TRIES && (result == 409 || result == 404) ? 0 : result;
	}
	return result;
}

image_result image_make_disk(struct node *node, const char *disk, const char *path, bool read_only, struct why *why)
{
	struct image image;
	struct use *u;
	image_result result;

	if (!image_of_file(path, &image, why)) {
		return 400;
	}
	u = enter(node, image.name);
	result = make_clone(node, &image, disk, path, read_only, why);
	leave(u);
	return result;
}

image_result image_send_disk(struct node *node, const char *disk, const char *path, bool any, struct why *why)
{
	struct image image;
	struct client_call call;
	image_result result;
	int fd;

	if (!take_file(path, any, &image, why)) {
		return 400;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		why_set(why, "%s: %s", path, strerror(errno));
		return 500;
	}
	for (int tries = 1;; tries++) {
		result = is_changed(fd, &image, path, why) ? 500 :
			 send_file(node, &(struct send){ "disk", disk, image.sha256, image.size }, fd, why);
		if (result != 409 || tries >= ANEW_TRIES) {
			break;
		}
		/* A disk of that name and other content: a VM that was made anew. */
		ask_disk(node, "DELETE", disk, NULL, &call);
		if (call.status != 200 && call.status != 404) {
			*why = call.why;
			result = call.status == 0 ? 502 : (image_result)call.status;
			break;
		}
	}
	close(fd);
	return result;
}

static bool may_grow(const json_t *disk, const char *name, int64_t bytes)
{
	const char *is = json_string_value(json_object_get(disk, "name")), *vm = json_string_value(json_object_get(disk, "vm"));

	return is && strcmp(is, name) == 0 && (!vm || !*vm) && !json_is_true(json_object_get(disk, "read_only")) &&
	       json_integer_value(json_object_get(disk, "size")) < bytes;
}

image_result image_grow_disk(struct node *node, const json_t *disks, long store, long vm, long disk, int64_t bytes, struct why *why)
{
	char name[TM_DISK_MAX + 1], path[TM_DISK_MAX + 8], text[32];

	snprintf(name, sizeof(name), "one-%ld-%ld-disk.%ld", store, vm, disk);
	snprintf(path, sizeof(path), "%s/size", name);
	snprintf(text, sizeof(text), "%lld", (long long)bytes);
	for (size_t i = 0; i < json_array_size(disks); i++) {
		if (may_grow(json_array_get(disks, i), name, bytes)) {
			log_info("node %s: disk %s grows to %lld bytes", node->name, name, (long long)bytes);
			return image_post_disk(node, path, text, why);
		}
	}
	return 0;
}
