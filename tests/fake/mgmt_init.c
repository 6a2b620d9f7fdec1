/* SPDX-License-Identifier: Apache-2.0 */
/* init, made up: see mgmt_init.h. */
#include "tests/fake/mgmt_init.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/platform.h"

enum { ASKED = 40 };

struct node_status *fake_init_node;

static struct mgmt_status status = { .cpus = 2, .uptime_ns = 5000000000, .idle_ns = 1000000000 };
static struct mgmt_volumes shown;
static struct mgmt_progress progress[MGMT_VOLUMES];
static uint8_t *content[MGMT_VOLUMES];
static struct { struct mgmt_answer answer; bool looked; } asked[ASKED];
static uint32_t last;

const struct mgmt_status *platform_status(void)
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
	content[n] = malloc(c->size);
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
	v->state = c->op == MGMT_VOLUME_SEAL ? MGMT_VOLUME_SEALED : MGMT_VOLUME_NONE;
	if (!v->state) {
		free(content[v - shown.volume]);
		content[v - shown.volume] = NULL;
	}
	return OK;
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
			vm->starts += start;
			return OK;
		}
	}
	*why = c->op == MGMT_VM_START ? "the VM runs already" : "the VM does not run";
	return E_BUSY;
}

/* Any text makes a VM. */
static int obey(const struct mgmt_command *c, const char **why)
{
	*why = "no";
	if (c->op == MGMT_REFRESH) {
		status.vm[0] = (struct mgmt_vm){ .cpu_ns = 1500000000, .disk_count = 1, .disk = { { .module = "disk.img" } } };
		return OK;
	}
	if (c->op == MGMT_VM_CREATE) {
		return c->text_bytes ? 0 : E_INVAL;
	}
	return c->op >= MGMT_VOLUME_CREATE ? obey_volume(c) : obey_vm(c, why);
}

int platform_ask(const struct mgmt_command *command, const char *text)
{
	const char *why;
	int r;

	(void)text;
	for (unsigned i = 0; i < ASKED; i++) {
		if (asked[i].answer.number) {
			continue;
		}
		r = obey(command, &why);
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
	memset(asked, 0, sizeof(asked));
}
