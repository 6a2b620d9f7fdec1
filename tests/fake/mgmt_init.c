/* SPDX-License-Identifier: Apache-2.0 */
/* init, made up: see mgmt_init.h. */
#include "tests/fake/mgmt_init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kept_disk.h"
#include "mgmt/platform.h"

enum { ASKED = 40 };

struct node_status *fake_init_node;

static struct mgmt_status status = {
	.cpus = 2, .uptime_ns = 5000000000, .idle_ns = 1000000000, .journal = { .end = 17, .text = "brume: ready now\n" } };
static struct mgmt_volumes shown;
static struct mgmt_progress progress[MGMT_VOLUMES];
static struct mgmt_one one;
static uint8_t *content[MGMT_VOLUMES];
static struct mgmt_disks disks;
static struct { uint8_t *own, *state; } layers[MGMT_DISKS];
static struct mgmt_progress sent[MGMT_DISKS];
static uint32_t opened[MGMT_WINDOWS];       /* number of the command; 0: nothing is open in it */
static const struct mgmt_disk *open_in[MGMT_WINDOWS];
static struct { struct mgmt_answer answer; bool looked; } asked[ASKED];
static uint32_t last, last_vm;

const struct mgmt_status *platform_status(void)
{
	return &status;
}

struct mgmt_status *fake_status(void)
{
	return &status;
}

const struct mgmt_volumes *platform_volumes(void)
{
	return &shown;
}

struct mgmt_progress *platform_progress(int n)
{
	return &progress[n];
}

struct mgmt_one *platform_one(void)
{
	return &one;
}

struct mgmt_vnc *platform_vnc(void)
{
	static struct mgmt_vnc vnc[MGMT_VNC];

	return vnc;
}

uint8_t *platform_volume(int n)
{
	return content[n];
}

static struct mgmt_volume *find_volume(const char *name)
{
	for (unsigned i = 0; i < MGMT_VOLUMES; i++) {
		if (shown.volume[i].state && strcmp(shown.volume[i].name, name) == 0) {
			return &shown.volume[i];
		}
	}
	return NULL;
}

static int create_volume(const struct mgmt_command *c)
{
	uint64_t used = 0;
	int n = 0;

	for (unsigned i = 0; i < MGMT_VOLUMES; i++) {
		used += shown.volume[i].state ? shown.volume[i].size : 0;
	}
	while (n < MGMT_VOLUMES && shown.volume[n].state) {
		n++;
	}
	if (c->name[0] == '.') {
		return E_INVAL;
	}
	if (n == MGMT_VOLUMES || c->size > FAKE_VOLUME_BYTES - used) {
		return E_NOMEM;
	}
	content[n] = calloc(ALIGN_UP(c->size, (uint64_t)DISK_BLOCK), 1);     /* whole pages, as init's are */
	memset(&progress[n], 0, sizeof(progress[n]));
	shown.volume[n] = (struct mgmt_volume){ .state = MGMT_VOLUME_NEW, .size = c->size };
	memcpy(shown.volume[n].name, c->name, sizeof(c->name));
	memcpy(shown.volume[n].sha256, c->sha256, sizeof(c->sha256));
	return n;
}

static int obey_volume(const struct mgmt_command *c)
{
	struct mgmt_volume *v = find_volume(c->name);

	if (c->op == MGMT_VOLUME_CREATE) {
		return create_volume(c);
	}
	if (!v) {
		return E_NOENT;
	}
	if (c->op == MGMT_VOLUME_DELETE && v->disks) {
		return E_BUSY;
	}
	v->state = c->op == MGMT_VOLUME_SEAL ? MGMT_VOLUME_SEALED : MGMT_VOLUME_NONE;
	if (!v->state) {
		free(content[v - shown.volume]);
		content[v - shown.volume] = NULL;
	}
	return OK;
}

/* ---- disks ---- */

const struct mgmt_disks *platform_disks(void)
{
	return &disks;
}

struct mgmt_progress *platform_sent(const struct mgmt_disk *disk)
{
	return &sent[disk - disks.disk];
}

void platform_window(int window, const struct mgmt_disk *disk, struct kept_disk *to)
{
	const struct mgmt_volume *image = find_volume(disk->image);
	size_t n = (size_t)(disk - disks.disk);

	(void)window;
	*to = (struct kept_disk){
		.bytes = disk->size, .image = image ? content[image - shown.volume] : NULL, .image_bytes = disk->image_bytes,
		.state = layers[n].state, .own = layers[n].own,
	};
}

void platform_close_window(int window, uint32_t number)
{
	opened[window] = opened[window] == number ? 0 : opened[window];
}

unsigned fake_init_open(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < MGMT_WINDOWS; i++) {
		count += opened[i] != 0;
	}
	return count;
}

static bool is_open(const struct mgmt_disk *d)
{
	for (unsigned i = 0; i < MGMT_WINDOWS; i++) {
		if (opened[i] && open_in[i] == d) {
			return true;
		}
	}
	return false;
}

static struct mgmt_disk *find_disk(const char *name)
{
	for (unsigned i = 0; i < MGMT_DISKS; i++) {
		if (disks.disk[i].exists && strcmp(disks.disk[i].name, name) == 0) {
			return &disks.disk[i];
		}
	}
	return NULL;
}

static void make_layer(struct mgmt_disk *d)
{
	size_t n = (size_t)(d - disks.disk), blocks = kept_disk_blocks(d->size);

	if (d->flags & MGMT_DISK_READ_ONLY) {
		return;
	}
	layers[n].own = realloc(layers[n].own, blocks * DISK_BLOCK);
	layers[n].state = realloc(layers[n].state, blocks);
	memset(layers[n].own, d->partial ? 0 : FAKE_OWN_BYTE, blocks * DISK_BLOCK);
	memset(layers[n].state, KEPT_AS_IMAGE, blocks);
	if (!d->partial && blocks > FAKE_ZERO_BLOCK) {
		layers[n].state[FAKE_OWN_BLOCK] = KEPT_OWN;
		layers[n].state[FAKE_ZERO_BLOCK] = KEPT_ZEROS;
		d->used = DISK_BLOCK;
	}
}

static void drop_disk(struct mgmt_disk *d)
{
	free(layers[d - disks.disk].own);
	free(layers[d - disks.disk].state);
	memset(&layers[d - disks.disk], 0, sizeof(layers[0]));
	d->exists = 0;
}

/* And its volume, where that is its own. */
static int delete_disk(struct mgmt_disk *d)
{
	struct mgmt_volume *image = find_volume(d->image);
	struct mgmt_command command = { .op = MGMT_VOLUME_DELETE };

	memcpy(command.name, d->image, sizeof(command.name));
	drop_disk(d);
	if (image) {
		image->disks--;
	}
	return image && d->flags & MGMT_DISK_OWNS_IMAGE ? obey_volume(&command) : OK;
}

static int create_disk(const struct mgmt_command *c)
{
	struct mgmt_volume *image = find_volume(c->other);
	struct mgmt_disk *d = find_disk(c->name);
	uint64_t used = 0;

	if (d) {
		return strcmp(d->image, c->other) == 0 && d->asked == c->size && d->flags == c->flags &&
		       memcmp(d->sha256, c->sha256, sizeof(d->sha256)) == 0 ? OK : E_BUSY;
	}
	if (c->other[0] && !image) {
		return E_NOENT;
	}
	for (d = disks.disk; d < disks.disk + MGMT_DISKS && d->exists; d++) {
		used += d->size;
	}
	if (d == disks.disk + MGMT_DISKS || c->size > FAKE_VOLUME_BYTES || used > FAKE_VOLUME_BYTES - c->size) {
		return E_NOMEM;
	}
	*d = (struct mgmt_disk){
		.exists = 1, .flags = c->flags, .asked = c->size, .image_bytes = image ? image->size : 0,
		.size = c->size ? c->size : image ? image->size : 0, .partial = c->flags == MGMT_DISK_SENT,
	};
	memset(platform_sent(d), 0, sizeof(struct mgmt_progress));
	memcpy(d->sha256, c->sha256, sizeof(d->sha256));
	memcpy(d->name, c->name, sizeof(d->name));
	memcpy(d->image, c->other, sizeof(d->image));
	if (!d->size) {
		d->exists = 0;
		return E_INVAL;
	}
	make_layer(d);
	if (image) {
		image->disks++;
	}
	return (int)(d - disks.disk);
}

static int open_disk(const struct mgmt_command *c, const struct mgmt_disk *d)
{
	if (d->vm[0] || d->partial != (c->flags == MGMT_DISK_SENT) || (d->partial && is_open(d))) {
		return E_BUSY;
	}
	opened[c->size] = last + 1;
	open_in[c->size] = d;
	return OK;
}

static int seal_disk(const struct mgmt_command *c, struct mgmt_disk *d)
{
	const struct mgmt_progress *p = platform_sent(d);

	if (p->state[p->current & 1].written != d->asked) {
		return E_PROTO;
	}
	d->partial = 0;
	d->used = c->size;
	return OK;
}

static int obey_disk(const struct mgmt_command *c)
{
	struct mgmt_disk *d = find_disk(c->name);

	if (c->op == MGMT_DISK_CREATE) {
		return create_disk(c);
	}
	if (!d) {
		return E_NOENT;
	}
	if (c->op == MGMT_DISK_OPEN) {
		return open_disk(c, d);
	}
	if (is_open(d)) {
		return E_BUSY;
	}
	switch (c->op) {
	case MGMT_DISK_SEAL: return seal_disk(c, d);
	case MGMT_DISK_DELETE: return delete_disk(d);
	case MGMT_DISK_RENAME:
		if (find_disk(c->other)) {
			return E_BUSY;
		}
		memcpy(d->name, c->other, sizeof(d->name));
		return OK;
	default:
		if (c->size < d->size || c->size > FAKE_VOLUME_BYTES) {
			return E_INVAL;
		}
		d->size = c->size;
		memset(d->sha256, 0, sizeof(d->sha256));
		make_layer(d);
		return OK;
	}
}

static int obey_vm(const struct mgmt_command *c, const char **why)
{
	for (uint32_t i = 0; i < fake_init_node->vm_count; i++) {
		struct node_vm *vm = &fake_init_node->vm[i];
		bool start = c->op == MGMT_VM_START, off = vm->state == NODE_VM_STOPPED;

		if (strcmp(vm->name, c->name) == 0 && c->op == MGMT_VM_DELETE && off) {
			vm->state = NODE_VM_NONE;
			return OK;
		}
		if (strcmp(vm->name, c->name) == 0 && c->op != MGMT_VM_DELETE && start == off) {
			vm->state = start || c->op == MGMT_VM_RESET ? NODE_VM_RUNNING : NODE_VM_STOPPED;
			vm->generation += start;
			vm->starts += start || c->op == MGMT_VM_RESET;
			vm->presses += c->op == MGMT_VM_STOP;
			return OK;
		}
	}
	*why = c->op == MGMT_VM_START ? "the VM runs already" : "the VM does not run";
	return E_BUSY;
}

/* Any text that begins with "vm NAME" makes a VM, which is off. */
static int create_vm(const char *text, uint32_t bytes, const char **why)
{
	struct node_vm *vm = fake_init_node->vm;
	char copy[64] = "", name[CONF_NAME_MAX];

	if (bytes) {
		memcpy(copy, text, bytes < sizeof(copy) ? bytes : sizeof(copy) - 1);
	}
	*why = "no text";
	if (sscanf(copy, "vm %31[a-zA-Z0-9_-]", name) != 1) {
		return bytes ? OK : E_INVAL;
	}
	while (vm < &fake_init_node->vm[fake_init_node->vm_count] && vm->state != NODE_VM_NONE) {
		vm++;
	}
	*why = "no room for more VMs";
	if (vm == &fake_init_node->vm[CONF_VMS_MAX]) {
		return E_NOMEM;
	}
	fake_init_node->vm_count += vm == &fake_init_node->vm[fake_init_node->vm_count];
	*vm = (struct node_vm){ .state = NODE_VM_STOPPED, .id = ++last_vm, .memory = MIB(256), .vcpus = 1, .node_memory = { MIB(256) } };
	memcpy(vm->name, name, sizeof(name));
	return OK;
}

static int obey(const struct mgmt_command *c, const char *text, const char **why)
{
	*why = "no";
	if (c->op == MGMT_REFRESH) {
		status.vm[0] = (struct mgmt_vm){ .cpu_ns = 1500000000, .disk_count = 1, .disk = { { .module = "disk.img" } },
						  .disk_io = { { 5, 20480, 6, 24576 } }, .nic_count = 1, .nic = { { 7, 700, 1, 8, 800, 2 } } };
		return OK;
	}
	if (c->op == MGMT_VM_CREATE) {
		return create_vm(text, c->text_bytes, why);
	}
	if (c->op >= MGMT_DISK_CREATE && c->op <= MGMT_DISK_SEAL) {
		return obey_disk(c);
	}
	return c->op >= MGMT_VOLUME_CREATE && c->op <= MGMT_VOLUME_DELETE ? obey_volume(c) : obey_vm(c, why);
}

int platform_ask(const struct mgmt_command *command, const char *text)
{
	const char *why;
	int r;

	for (unsigned i = 0; i < ASKED; i++) {
		if (asked[i].answer.number) {
			continue;
		}
		r = obey(command, text, &why);
		asked[i].looked = false;
		asked[i].answer = (struct mgmt_answer){ .number = ++last, .result = r < 0 ? r : OK, .value = r < 0 ? 0 : (uint32_t)r };
		snprintf(asked[i].answer.why, sizeof(asked[i].answer.why), "%s", why);
		return (int)last;
	}
	return E_AGAIN;
}

bool platform_answer(uint32_t number, struct mgmt_answer *answer)
{
	for (unsigned i = 0; i < ASKED; i++) {
		if (asked[i].answer.number != number) {
			continue;
		}
		if (asked[i].looked) {
			*answer = asked[i].answer;
			asked[i].answer.number = 0;
			return true;
		}
		asked[i].looked = true;
	}
	return false;
}

void platform_forget(uint32_t number)
{
	for (unsigned i = 0; i < ASKED; i++) {
		if (asked[i].answer.number == number) {
			asked[i].answer.number = 0;
		}
	}
}

void fake_init_reset(void)
{
	for (unsigned i = 0; i < MGMT_VOLUMES; i++) {
		shown.volume[i].state = MGMT_VOLUME_NONE;
		free(content[i]);
		content[i] = NULL;
	}
	for (unsigned i = 0; i < MGMT_DISKS; i++) {
		drop_disk(&disks.disk[i]);
	}
	memset(opened, 0, sizeof(opened));
	memset(asked, 0, sizeof(asked));
	memset(&one, 0, sizeof(one));
}
