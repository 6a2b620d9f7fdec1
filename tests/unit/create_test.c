/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMs out of a text: what the real parser says of it, and what becomes of that. Its process, memory and the VMs are fakes.
 * sources: init/memory.c init/check.c conf/parse.c conf/words.c conf/devices.c conf/place.c conf/uplink.c conf/address.c lib/cpu_list.c lib/hex.c lib/fmt.c
 */
#include "lib/user/sys.h"

static uint64_t now;
static char window[4096];

#define sys_clock(tsc) now

#include "init/program.h"
#undef INIT_WINDOW_ADDR
#define INIT_WINDOW_ADDR ((uint64_t)(uintptr_t)window)

#include "init/create.c"

#include <stdarg.h>

#include "conf/parse.h"
#include "tests/unit/check.h"

struct memory memory;

static struct conf_result result;
static struct vm new_vm;
static bool hangs, busy;
static int added, started, done_result;
static char done_message[CONF_MESSAGE_MAX];

int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	(void)space, (void)address, (void)region, (void)offset, (void)size, (void)prot;
	return OK;
}

int sys_unmap(uint32_t space, uint64_t address, uint64_t size)
{
	(void)space, (void)address, (void)size;
	return OK;
}

void init_log(const char *format, ...) { (void)format; }
void memory_give_back(struct extent *extent) { CHECK_EQ(memory_free(&memory, extent), OK); }

int config_begin(const struct content *text, const char *file, const char **why)
{
	*why = "another text is being read";
	if (busy) {
		return E_BUSY;
	}
	conf_parse(window, text->length, file, &result);
	return OK;
}

const struct conf_result *config_end(const char **why)
{
	*why = "it took more than 5 s";
	return hangs || !config_check(&result, why) ? NULL : &result;
}

void config_forget(void) { }

int vms_add(const struct conf_vm *conf, const char **why)
{
	new_vm.conf = *conf;
	added++;
	if (strcmp(conf->name, "old") == 0) {
		*why = "there is a VM of that name";
		return E_BUSY;
	}
	return 4;
}

struct vm *vm_find(const char *name) { CHECK_STR(name, new_vm.conf.name); return &new_vm; }
bool vm_start(struct vm *vm) { started += vm == &new_vm; return true; }

static void done(int r, const char *message)
{
	done_result = r;
	snprintf(done_message, sizeof(done_message), "%s", message);
}

static int split(uint32_t region, uint64_t offset) { (void)region, (void)offset; return 9; }
static int one(uint32_t region) { (void)region; return OK; }
static int merge(uint32_t low, uint32_t high) { (void)low, (void)high; return OK; }
static int clean(uint32_t region, uint64_t size) { (void)region, (void)size; return OK; }
static const struct region_ops ops = { split, merge, one, clean };

/* The answer to a text. */
static int make(const char *text)
{
	const char *why;

	memory_init(&memory, &ops);
	CHECK_EQ(memory_add(&memory, (struct extent){ 0x100000, MIB(1), 1, true, 0 }), OK);
	added = started = 0;
	done_result = 99;
	CHECK_EQ(create_begin(text, (uint32_t)strlen(text), done, &why), OK);
	create_event();
	CHECK_EQ(memory.free_bytes, MIB(1));
	return done_result;
}

TEST(one_vm_is_made_and_starts)
{
	CHECK_EQ(make("vm web\nmemory 64M\nkernel linux\n"), 4);
	CHECK_STR(new_vm.conf.name, "web");
	CHECK_EQ(new_vm.conf.memory, MIB(64));
	CHECK_EQ(started, 1);
	CHECK_EQ(make("vm web\nmemory 64M\nkernel linux\nautostart no\n"), 4);
	CHECK_EQ(started, 0);
}

TEST(anything_wrong_makes_no_vm)
{
	CHECK_EQ(make("vm web\nmemory 64M\nkernel linux\ncolour blue\n"), E_INVAL);
	CHECK_STR(done_message, "vm:4: unknown key 'colour'");
	CHECK_EQ(make("vm web\nmemory 64M\nkernel linux\nvm b\nmemory 64M\nkernel linux\n"), E_INVAL);
	CHECK_STR(done_message, "the text describes no VM, or several");
	CHECK_EQ(make("# nothing\n"), E_INVAL);
	CHECK_EQ(make("node when-idle poweroff\nvm web\nmemory 64M\nkernel linux\n"), E_INVAL);
	CHECK_STR(done_message, "lines of the node do not belong here");
	CHECK_EQ(make("node address dhcp\nvm web\nmemory 64M\nkernel linux\n"), E_INVAL);
	CHECK_EQ(make("node name brume\nvm web\nmemory 64M\nkernel linux\n"), E_INVAL);
	CHECK_EQ(make("node name other\nvm web\nmemory 64M\nkernel linux\n"), E_INVAL);
	CHECK_EQ(added, 0);
	CHECK_EQ(make("vm old\nmemory 64M\nkernel linux\n"), E_BUSY);
	CHECK_STR(done_message, "there is a VM of that name");
	CHECK_EQ(started, 0);
}

TEST(a_parser_that_hangs_is_not_waited_for)
{
	const char *why;

	memory_init(&memory, &ops);
	CHECK_EQ(memory_add(&memory, (struct extent){ 0x100000, MIB(1), 1, true, 0 }), OK);
	now = 1000;
	hangs = true;
	CHECK_EQ(create_begin("vm x", 4, done, &why), OK);
	CHECK_EQ(create_begin("vm y", 4, done, &why), E_BUSY);
	CHECK_STR(why, "another VM is being described");
	CHECK_EQ(create_tick(now), now + CONFIG_TIME_NS);
	CHECK_EQ(create_tick(now + CONFIG_TIME_NS), UINT64_MAX);
	CHECK_EQ(done_result, E_IO);
	CHECK_STR(done_message, "it took more than 5 s");
	create_event();                      /* its end comes late, and means nothing */
	hangs = false;
	CHECK_EQ(make("vm web\nmemory 64M\nkernel linux\n"), 4);
}

TEST(texts_that_cannot_be_read)
{
	const char *why;
	static char text[CREATE_TEXT_MAX + 1];

	memory_init(&memory, &ops);
	CHECK_EQ(create_begin("", 0, done, &why), E_INVAL);
	CHECK_EQ(create_begin(text, sizeof(text), done, &why), E_INVAL);
	CHECK_STR(why, "no text, or too long");
	CHECK_EQ(create_begin("vm", 2, done, &why), E_NOMEM);
	CHECK_EQ(memory_add(&memory, (struct extent){ 0x100000, MIB(1), 1, true, 0 }), OK);
	busy = true;
	CHECK_EQ(create_begin("vm", 2, done, &why), E_BUSY);
	CHECK_EQ(memory.free_bytes, MIB(1));
	busy = false;
	CHECK_EQ(create_begin("vm", 2, done, &why), OK);
	create_cancel();
	done_result = 99;
	create_event();
	CHECK_EQ(done_result, 99);
	CHECK_EQ(memory.free_bytes, MIB(1));
}
