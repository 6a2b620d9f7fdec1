/* SPDX-License-Identifier: Apache-2.0 */
/* One VM out of a text: see create.h. */
#include "init/create.h"

#include <stdio.h>
#include <string.h>

#include "init/config.h"
#include "init/log.h"
#include "init/program.h"
#include "init/vm.h"
#include "lib/user/sys.h"

#define NONE UINT64_MAX

static struct {
	struct extent text;          /* size 0: nothing is being read                                */
	uint64_t deadline_ns;
	create_done_fn *done;
} create = { .deadline_ns = NONE };

static int copy_text(const char *text, uint32_t len)
{
	int r = memory_alloc(&memory, NULL, CREATE_TEXT_MAX, PAGE_SIZE, MEMORY_HIGH, &create.text);

	if (r == OK) {
		r = sys_map(INIT_SPACE, INIT_WINDOW_ADDR, create.text.handle, 0, CREATE_TEXT_MAX, PROT_R | PROT_W);
	}
	if (r == OK) {
		memcpy((char *)INIT_WINDOW_ADDR, text, len);
		r = sys_unmap(INIT_SPACE, INIT_WINDOW_ADDR, CREATE_TEXT_MAX);
	}
	return r;
}

int create_begin(const char *text, uint32_t len, create_done_fn *done, const char **why)
{
	struct content content;
	int r = len && len <= CREATE_TEXT_MAX ? OK : E_INVAL;

	*why = "no text, or too long";
	if (r == OK && create.text.size) {
		*why = "another VM is being described";
		r = E_BUSY;
	}
	if (r < 0) {
		return r;
	}
	*why = "no memory for the text";
	r = copy_text(text, len);
	if (r == OK) {
		content = (struct content){ .handle = create.text.handle, .size = create.text.size, .length = len };
		r = config_begin(&content, "vm", why);
	}
	if (r < 0) {
		memory_give_back(&create.text);
		return r;
	}
	create.done = done;
	create.deadline_ns = sys_clock(NULL) + CONFIG_TIME_NS;
	return OK;
}

/* What the text says, into a VM. *why: a sentence. */
static int take(const struct conf_result *result, const char **why)
{
	if (result->message_count) {
		*why = result->message[0];
		return E_INVAL;
	}
	*why = "lines of the node do not belong here";
	if (result->node_lines) {
		return E_INVAL;
	}
	*why = "the text describes no VM, or several";
	if (result->vm_count != 1) {
		return E_INVAL;
	}
	*why = "created";
	return vms_add(&result->vm[0], why);
}

static void finish(void)
{
	const char *why;
	const struct conf_result *result = config_end(&why);
	char name[CONF_NAME_MAX] = "";
	char message[CONF_MESSAGE_MAX];
	bool start = false;
	int r = E_IO;

	create.deadline_ns = NONE;
	if (result) {
		r = take(result, &why);
		memcpy(name, result->vm[0].name, sizeof(name));
		start = r >= 0 && result->vm[0].autostart;
	}
	snprintf(message, sizeof(message), "%s", why);
	config_forget();
	memory_give_back(&create.text);
	if (r >= 0) {
		init_log("vm %s: created", name);
	}
	create.done(r, message);
	if (start) {
		vm_start(vm_find(name));
	}
}

void create_cancel(void)
{
	if (create.text.size) {
		config_forget();
		memory_give_back(&create.text);
		create.deadline_ns = NONE;
	}
}

void create_event(void)
{
	if (create.text.size) {
		finish();
	}
}

uint64_t create_tick(uint64_t now_ns)
{
	if (now_ns >= create.deadline_ns) {
		finish();
	}
	return create.deadline_ns;
}
