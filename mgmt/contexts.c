/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: see contexts.h. The old one stays until the new one is whole. */
#include "mgmt/contexts.h"

#include <stdio.h>
#include <string.h>

#include "mgmt/disks.h"
#include "mgmt/iso9660.h"
#include "mgmt/node.h"
#include "mgmt/platform.h"
#include "mgmt/random.h"
#include "mgmt/tar.h"
#include "mgmt/upload.h"

enum { UPLOADS = 4, NONE = -1, SWEEP_MAX = 8 };

/*
 * WAIT_MAKE (the image is there) --> body --> WAIT_SEAL --> [WAIT_DROP (the old disk is gone)] --> WAIT_DISK (the new one is there)
 */
enum { WAIT_MAKE = 1, WAIT_SEAL, WAIT_DROP, WAIT_DISK };

static struct context {
	bool used, done;
	int volume;                  /* NONE: init has not made it yet                               */
	char image[CONF_MODULE_MAX];
	uint64_t received;           /* bytes of the archive                                         */
	struct tar tar;
	struct iso iso;
} uploads[UPLOADS];

static struct context *upload_of(const struct exchange *e)
{
	return &uploads[e->context - 1];
}

/* ---- init ---- */

/* It fits: context_begin() has seen to it. */
static void copy_name(char to[CONF_MODULE_MAX], const char *name)
{
	size_t len = strnlen(name, CONF_MODULE_MAX - 1);

	memcpy(to, name, len);
	to[len] = '\0';
}

static void ask(struct exchange *e, struct mgmt_command *command, const char *name, int what)
{
	int r;

	copy_name(command->name, name);
	r = platform_ask(command, NULL);
	if (r < 0) {
		upload_refuse(e, 503, "too much is asked for at once");
		return;
	}
	e->asked = (uint32_t)r;
	e->awaited = what;
	e->waits = true;
}

/* Nobody waits for it. */
static void drop_image(const char *name)
{
	struct mgmt_command command = { .op = MGMT_VOLUME_DELETE };
	int r;

	copy_name(command.name, name);
	r = platform_ask(&command, NULL);
	if (r > 0) {
		platform_forget((uint32_t)r);
	}
}

static bool is_coming(const char *image)
{
	for (int i = 0; i < UPLOADS; i++) {
		if (uploads[i].used && strcmp(uploads[i].image, image) == 0) {
			return true;
		}
	}
	return false;
}

/* Images without a disk that a mgmt before this one began. */
static void sweep(void)
{
	int dropped = 0;

	for (int i = 0; i < MGMT_VOLUMES && dropped < SWEEP_MAX; i++) {
		const struct mgmt_volume *v = &platform_volumes()->volume[i];

		if (__atomic_load_n(&v->state, __ATOMIC_ACQUIRE) != MGMT_VOLUME_NONE && strncmp(v->name, CONTEXT_IMAGE, strlen(CONTEXT_IMAGE)) == 0 &&
		    !v->disks && !v->users && !is_coming(v->name)) {
			drop_image(v->name);
			dropped++;
		}
	}
}

/* init forgets a volume of which nothing is told for an hour, and seals one of which all bytes were told. */
static void tell_progress(const struct context *u, uint64_t bytes)
{
	upload_tell(platform_progress(u->volume), bytes);
}

/* ---- the archive ---- */

static int on_file(void *context, const char *name, uint64_t size, const char **why)
{
	struct context *u = context;

	return iso_add(&u->iso, name, size, why);
}

static int on_data(void *context, const uint8_t *bytes, size_t len, const char **why)
{
	struct context *u = context;

	(void)why;
	iso_write(&u->iso, bytes, len);
	return OK;
}

static const struct tar_sink sink = { .file = on_file, .data = on_data };

/* ---- the request ---- */

static struct context *free_upload(struct exchange *e)
{
	for (int i = 0; i < UPLOADS; i++) {
		if (!uploads[i].used) {
			e->context = i + 1;
			return &uploads[i];
		}
	}
	return NULL;
}

void context_begin(struct exchange *e)
{
	const struct mgmt_disk *old = disk_find(e->name);
	struct mgmt_command command = { .op = MGMT_VOLUME_CREATE };
	struct context *u;

	if (!e->request->has_body || e->request->length == UINT64_MAX) {
		upload_refuse(e, 411, "a context is sent with its length");
		return;
	}
	if (e->request->length > CONTEXT_MAX) {
		upload_refuse(e, 413, "a context has up to 64 MiB");
		return;
	}
	if (strlen(e->name) >= sizeof(command.name)) {
		upload_refuse(e, 400, "the name is too long");
		return;
	}
	if (old && (!(old->flags & MGMT_DISK_OWNS_IMAGE) || old->users)) {
		upload_refuse(e, 409, old->users ? "a VM runs with it" : "there is a disk of that name that is no context");
		return;
	}
	u = free_upload(e);
	if (!u) {
		upload_refuse(e, 503, "too many contexts come at once");
		return;
	}
	*u = (struct context){ .used = true, .volume = NONE };
	snprintf(u->image, sizeof(u->image), CONTEXT_IMAGE "%08x%08x", (unsigned)random_word(), (unsigned)random_word());
	sweep();
	command.size = iso_bytes(e->request->length);
	ask(e, &command, u->image, WAIT_MAKE);
}

void context_data(struct exchange *e, const uint8_t *bytes, size_t len)
{
	struct context *u = upload_of(e);
	const char *why = "";
	int r = tar_data(&u->tar, bytes, len, &why);

	if (r < 0) {
		exchange_audit(e, "write context", why);
		upload_refuse(e, 400, why);
		return;
	}
	u->received += len;
	tell_progress(u, u->received);
}

void context_answer(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_VOLUME_SEAL };
	struct context *u = upload_of(e);
	const char *why = "";

	if (tar_end(&u->tar, &why) < 0) {
		exchange_audit(e, "write context", why);
		upload_refuse(e, 400, why);
		return;
	}
	iso_finish(&u->iso);
	tell_progress(u, u->iso.size);
	ask(e, &command, u->image, WAIT_SEAL);
}

static void ask_for_disk(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_DISK_CREATE, .flags = MGMT_DISK_READ_ONLY | MGMT_DISK_OWNS_IMAGE };

	copy_name(command.other, upload_of(e)->image);
	ask(e, &command, e->name, WAIT_DISK);
}

static void ask_next(struct exchange *e)
{
	struct mgmt_command command = { .op = MGMT_DISK_DELETE };

	if (disk_find(e->name)) {
		ask(e, &command, e->name, WAIT_DROP);
	} else {
		ask_for_disk(e);
	}
}

static void made(struct exchange *e, int volume)
{
	struct context *u = upload_of(e);

	u->volume = volume;
	tar_begin(&u->tar, &sink, u);
	iso_begin(&u->iso, platform_volume(volume), iso_bytes(e->request->length));
}

static void reply(struct exchange *e)
{
	struct context *u = upload_of(e);

	u->done = true;
	e->status = 201;
	json_open(&e->reply, NULL, '{');
	json_string(&e->reply, "name", e->name);
	json_number(&e->reply, "size", u->iso.size);
	json_number(&e->reply, "files", u->iso.count);
	json_close(&e->reply, '}');
	text_append(&e->reply, "\n", 1);
	exchange_audit(e, "write context", "done");
}

void context_poll(struct exchange *e)
{
	struct mgmt_answer answer;

	if (!exchange_hear(e, &answer)) {
		return;
	}
	if (answer.result < 0) {
		exchange_audit(e, "write context", answer.why);
		upload_refuse(e, exchange_status(answer.result), answer.why);
		return;
	}
	switch (e->awaited) {
	case WAIT_MAKE: made(e, (int)answer.value); break;
	case WAIT_SEAL: ask_next(e); break;
	case WAIT_DROP: ask_for_disk(e); break;
	case WAIT_DISK: reply(e); break;
	}
}

void context_end(struct exchange *e)
{
	if (e->asked) {
		platform_forget(e->asked);
	}
	if (e->context && !upload_of(e)->done) {
		drop_image(upload_of(e)->image);         /* a disk that was made of it after all keeps it */
	}
	if (e->context) {
		upload_of(e)->used = false;
	}
	e->asked = 0;
	e->context = 0;
}
