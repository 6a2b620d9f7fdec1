/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk begins with, sent as an image is (mgmt/images.h), but into the disk itself: nothing of it stays beside. Blocks of zeros
 * are not its own.
 *
 * WAIT_MAKE (the disk is there, partial) --> WAIT_OPEN (it can be written) --> body --> WAIT_SEAL (VMs may use it)
 */
#include <string.h>

#include "lib/kept_disk.h"
#include "mgmt/disks.h"
#include "mgmt/platform.h"
#include "mgmt/upload.h"

enum { WAIT_MAKE = 1, WAIT_OPEN, WAIT_SEAL, WAIT_DROP_BAD };

static const char sending[] = "upload disk";

static void ask(struct exchange *e, struct mgmt_command *command, int what)
{
	disk_ask(e, sending, what, command);
	e->close = e->close || !e->waits;
}

static void open_it(struct exchange *e)
{
	disk_open(e, sending, MGMT_DISK_SENT);
	e->awaited = WAIT_OPEN;
	e->close = e->close || !e->waits;
}

static void make(struct exchange *e, const struct upload *u)
{
	struct mgmt_command command = { .op = MGMT_DISK_CREATE, .flags = MGMT_DISK_SENT, .size = u->total };

	if (u->from) {
		upload_refuse(e, 409, "nothing of it is here: it begins at byte 0");
		return;
	}
	memcpy(command.sha256, u->digest, MGMT_DIGEST);
	ask(e, &command, WAIT_MAKE);
}

void disk_put_begin(struct exchange *e)
{
	const struct mgmt_disk *d = disk_find(e->name);
	struct upload u;

	if (!upload_words(e, &u)) {
		return;
	}
	if (!d) {
		make(e, &u);
	} else if (!(d->flags & MGMT_DISK_SENT) || d->asked != u.total || memcmp(d->sha256, u.digest, MGMT_DIGEST) != 0) {
		upload_refuse(e, 409, "there is another disk of that name");
	} else if (!d->partial) {
		disk_reply(e, 200);
		e->close = true;
	} else {
		open_it(e);
	}
}

/* Nobody else writes it from now on. */
static void opened(struct exchange *e)
{
	const struct mgmt_disk *d = disk_find(e->name);
	struct upload u;

	if (!d) {
		upload_refuse(e, 404, "there is no such disk");
		return;
	}
	if (!upload_words(e, &u)) {
		return;
	}
	if (!u.from) {
		upload_begin(platform_sent(d));
		exchange_audit(e, sending, "begins");
	} else if (u.from != upload_have(platform_sent(d), d->asked)) {
		disk_reply(e, 409);              /* it says how much is here */
		e->close = true;
	}
}

static void sealed(struct exchange *e)
{
	exchange_audit(e, sending, "is whole");
	disk_reply(e, 201);
}

void disk_put_poll(struct exchange *e)
{
	struct mgmt_answer answer;

	if (!exchange_hear(e, &answer)) {
		return;
	}
	if (answer.result < 0) {
		exchange_audit(e, sending, answer.why);
		upload_refuse(e, exchange_status(answer.result), answer.why);
		return;
	}
	switch (e->awaited) {
	case WAIT_MAKE: open_it(e); break;
	case WAIT_OPEN: opened(e); break;
	case WAIT_SEAL: sealed(e); break;
	case WAIT_DROP_BAD:
		exchange_audit(e, sending, "has another SHA-256 than was said: gone");
		upload_refuse(e, 400, "the SHA-256 of what came is another one; the disk is gone");
		break;
	}
}

static bool is_zero(const uint8_t *block)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < DISK_BLOCK && !bits; i += sizeof(bits)) {
		memcpy(&bits, block + i, sizeof(bits));
	}
	return !bits;
}

/* Blocks that are whole now say where they stand; the last one is zero behind the content's end. */
static void write_some(const struct kept_disk *content, uint64_t at, const uint8_t *bytes, size_t len, uint64_t total)
{
	uint64_t end = at + len, blocks = end == total ? kept_disk_blocks(end) : end / DISK_BLOCK;

	memcpy(content->own + at, bytes, len);
	for (uint64_t block = at / DISK_BLOCK; block < blocks; block++) {
		content->state[block] = (uint8_t)(is_zero(content->own + block * DISK_BLOCK) ? KEPT_ZEROS : KEPT_OWN);
	}
}

void disk_put_data(struct exchange *e, const uint8_t *bytes, size_t len)
{
	const struct mgmt_disk *d = disk_find(e->name);
	struct kept_disk content;
	uint64_t at = upload_have(platform_sent(d), d->asked);

	if (len > d->asked - at) {
		upload_refuse(e, 400, "more than was said");
		return;
	}
	disk_content(e, d, &content);
	write_some(&content, at, bytes, len, d->asked);
	upload_add(platform_sent(d), bytes, len);
}

static uint64_t own_bytes(const struct kept_disk *content)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < kept_disk_blocks(content->bytes); i++) {
		count += content->state[i] == KEPT_OWN;
	}
	return count * DISK_BLOCK;
}

/* init takes the disk away from mgmt before it does the next thing that is asked for. */
void disk_put_answer(struct exchange *e)
{
	const struct mgmt_disk *d = disk_find(e->name);
	struct mgmt_command seal = { .op = MGMT_DISK_SEAL }, drop = { .op = MGMT_DISK_DELETE };
	struct kept_disk content;

	if (upload_have(platform_sent(d), d->asked) < d->asked) {
		disk_reply(e, 202);
		return;
	}
	disk_content(e, d, &content);
	seal.size = own_bytes(&content);
	disk_let_go(e);
	if (upload_is(platform_sent(d), d->sha256)) {
		ask(e, &seal, WAIT_SEAL);
	} else {
		ask(e, &drop, WAIT_DROP_BAD);
	}
}
