/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes in RAM, from the first byte to the last user, and what mgmt can ask of them. The kernel is a fake that knows what is mapped.
 * sources: init/memory.c init/pieces.c init/store.c init/image.c init/control.c init/why.c lib/channel.c tests/fake/init_log.c
 */
#include "lib/user/sys.h"

static uint64_t fake_clock(void);

#define sys_clock(tsc) fake_clock()

#include "init/volume.c"

#include <stdio.h>

#include "init/control.h"
#include "init/create.h"
#include "init/image.h"
#include "init/mgmt.h"
#include "init/vm.h"
#include "init/window.h"
#include "tests/fake/init_log.h"
#include "tests/unit/check.h"

enum { MGMT = 5, VM = 6, MAPPINGS = 150 };

struct memory memory;

static struct mgmt_volumes page;
static struct mgmt_exchange exchange;
static struct channel_end commands, answers;
static uint64_t now;
static uint32_t handles;
static unsigned map_fails_after;
static struct { uint32_t space; uint64_t address, size; uint32_t prot; } mapped[MAPPINGS];

static uint64_t fake_clock(void) { return now; }

int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	(void)region;
	(void)offset;
	for (unsigned i = 0; i < MAPPINGS; i++) {
		if (mapped[i].size && mapped[i].space == space) {
			CHECK(address + size <= mapped[i].address || mapped[i].address + mapped[i].size <= address);
		}
	}
	if (!map_fails_after--) {
		return E_NOMEM;
	}
	for (unsigned i = 0; i < MAPPINGS; i++) {
		if (!mapped[i].size) {
			mapped[i].space = space;
			mapped[i].address = address;
			mapped[i].size = size;
			mapped[i].prot = prot;
			return OK;
		}
	}
	return E_NOMEM;
}

int sys_unmap(uint32_t space, uint64_t address, uint64_t size)
{
	for (unsigned i = 0; i < MAPPINGS; i++) {
		if (mapped[i].size == size && mapped[i].space == space && mapped[i].address == address) {
			mapped[i].size = 0;
			return OK;
		}
	}
	return E_NOENT;
}

static uint64_t mapped_bytes(uint32_t space, uint32_t prot)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < MAPPINGS; i++) {
		bytes += mapped[i].space == space && mapped[i].prot == prot ? mapped[i].size : 0;
	}
	return bytes;
}

int window_write(uint32_t region, uint64_t offset, const void *bytes, size_t len) { (void)region, (void)offset, (void)bytes, (void)len; return E_IO; }

void memory_give_back(struct extent *extent) { CHECK_EQ(memory_free(&memory, extent), OK); }

static const struct content module = { .name = "linux", .handle = 99, .size = 8192, .length = 5000 };
const struct content *inventory_module(const char *name) { return strcmp(name, module.name) == 0 ? &module : NULL; }

static struct vm a_vm = { .conf.name = "a" };
static unsigned presses;
struct vm *vm_find(const char *name) { return strcmp(name, "a") == 0 ? &a_vm : NULL; }
int vm_try_start(struct vm *vm, const char **why) { vm->phase = VM_ON; *why = "no luck"; return vm->generation ? E_NOMEM : OK; }
void vm_press_power(struct vm *vm) { (void)vm; presses++; }
void vm_ask(struct vm *vm, enum vmm_request request) { (void)vm, (void)request; }
void vm_kill(struct vm *vm) { vm->phase = VM_DRAIN; }
int vms_remove(struct vm *vm, const char **why) { *why = "it runs"; return vm->phase == VM_OFF ? OK : E_BUSY; }
void vm_reset(struct vm *vm) { vm->phase = VM_DRAIN; vm->start_again = true; }

/* Memory that was used before is zeroed by a MiB each. */
static unsigned cleanings;
static uint64_t cleaned_to;
int64_t sys_region_clean_some(uint32_t region, uint64_t offset)
{
	(void)region;
	cleaned_to = offset ? cleaned_to : 0;        /* a region from its start on */
	CHECK_EQ(offset, cleaned_to);
	cleanings++;
	cleaned_to += MIB(1);
	return MIB(1);
}

static create_done_fn *reading;
static char text_read[64];
static unsigned looks;
void mgmt_look_again(void) { looks++; }
void mgmt_refresh(void) { }
void create_cancel(void) { reading = NULL; }
int create_begin(const char *text, uint32_t len, create_done_fn *done, const char **why)
{
	*why = "no text, or too long";
	snprintf(text_read, sizeof(text_read), "%.*s", (int)len, text);
	reading = len ? done : NULL;
	return len ? OK : E_INVAL;
}

static int split(uint32_t region, uint64_t offset) { (void)region, (void)offset; return (int)++handles; }
static int merge(uint32_t low, uint32_t high) { (void)low, (void)high; return OK; }
static int reclaim(uint32_t region) { (void)region; return OK; }
static int clean(uint32_t region, uint64_t size) { (void)region, (void)size; return OK; }
static const struct region_ops ops = { split, merge, reclaim, clean };

static void fresh(void)
{
	memory_init(&memory, &ops);
	CHECK_EQ(memory_add(&memory, (struct extent){ MIB(16), MIB(64), ++handles, true, 0 }), OK);
	CHECK_EQ(memory_add(&memory, (struct extent){ MIB(100) + 4096, MIB(32), ++handles, true, 0 }), OK);
	memset(&page, 0, sizeof(page));
	memset(mapped, 0, sizeof(mapped));
	memset(&exchange, 0, sizeof(exchange));
	memset(volumes, 0, sizeof(volumes));
	a_vm = (struct vm){ .conf.name = "a" };
	map_fails_after = UINT32_MAX;
	now = 1000;
	fake_said[0] = '\0';
	presses = looks = 0;
	volumes_init(&page, exchange.progress);
	control_reset(&exchange);
	channel_writer(&commands, &exchange.command, exchange.command_data, MGMT_COMMANDS);
	channel_reader(&answers, &exchange.answer, exchange.answer_data, MGMT_ANSWERS);
}

/* The result, and what is said of an error. */
static int ask(struct mgmt_command c, const char **why)
{
	static struct mgmt_answer a;

	c.number = 7;
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	for (int i = 0; i < 1000 && !control_requests(MGMT); i++) {
		volumes_tick(now);
	}
	CHECK_EQ(channel_avail(&answers), sizeof(a));
	channel_read(&answers, &a, sizeof(a));
	CHECK_EQ(a.number, 7);
	*why = a.why;
	return a.result < 0 ? a.result : (int)a.value;
}

static int ask_volume(enum mgmt_op op, const char *name, uint64_t size, const char **why)
{
	struct mgmt_command c = { .op = op, .size = size, .sha256 = { 0xaa } };

	snprintf(c.name, sizeof(c.name), "%s", name);
	return ask(c, why);
}

static void tell(int number, uint64_t written)
{
	uint32_t next = exchange.progress[number].current + 1;

	exchange.progress[number].state[next & 1].written = written;
	exchange.progress[number].current = next;
}

TEST(an_upload_from_its_start_to_a_vm)
{
	const char *why;
	struct volume_set used = { { 1 } };
	struct image image;
	uint64_t free;

	fresh();
	free = memory.free_bytes;
	CHECK_EQ(page.free_bytes, MIB(64));
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "disk.img", MIB(3), &why), 0);
	CHECK_EQ(page.volume[0].state, MGMT_VOLUME_NEW);
	CHECK_STR(page.volume[0].name, "disk.img");
	CHECK_EQ(memory.free_bytes, free - MIB(4));
	CHECK_EQ(page.volume[0].sha256[0], 0xaa);
	CHECK_EQ(mapped_bytes(MGMT, PROT_R | PROT_W), MIB(4));
	tell(0, MIB(1));
	CHECK_EQ(ask_volume(MGMT_VOLUME_SEAL, "disk.img", 0, &why), E_PROTO);
	CHECK_STR(why, "the volume is not whole: 1048576 of 3145728 bytes are there");
	CHECK_EQ(image_find("disk.img", &image), E_AGAIN);
	tell(0, MIB(3));
	CHECK_EQ(ask_volume(MGMT_VOLUME_SEAL, "disk.img", 0, &why), OK);
	CHECK_EQ(mapped_bytes(MGMT, PROT_R | PROT_W), 0);
	CHECK_EQ(mapped_bytes(MGMT, PROT_R), MIB(4));
	CHECK_EQ(image_find("disk.img", &image), OK);
	CHECK_EQ(image.length, MIB(3));
	CHECK_EQ(image.size, MIB(4));
	CHECK_EQ(image.volume, 1);
	CHECK_EQ(image_map(VM, MIB(2), &image), OK);
	CHECK_EQ(mapped_bytes(VM, PROT_R), MIB(4));
	volumes_hold(&used);
	CHECK_EQ(ask_volume(MGMT_VOLUME_DELETE, "disk.img", 0, &why), E_BUSY);
	CHECK_STR(why, "a VM runs with this volume");
	volumes_release(&used);
	CHECK_EQ(ask_volume(MGMT_VOLUME_DELETE, "disk.img", 0, &why), OK);
	CHECK_EQ(memory.free_bytes, free);
	CHECK_EQ(image_find("disk.img", &image), E_NOENT);
}

TEST(who_starts_a_vm_is_told_what_is_missing)
{
	struct vm vm = { .number = 3 };
	const char *why;
	struct image image;

	fresh();
	CHECK_EQ(image_find_for(&vm, "linux", &image, &why), OK);
	CHECK_EQ(image.length, module.length);
	CHECK_EQ(image_find_for(&vm, "disk.img", &image, &why), E_NOENT);
	CHECK_STR(why, "there is no disk, image or boot module disk.img");
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "disk.img", 5, &why), 0);
	CHECK_EQ(image_find_for(&vm, "disk.img", &image, &why), E_AGAIN);
	CHECK_STR(why, "image disk.img is not whole yet");
	CHECK_EQ(vm.volumes.bits[0], 0);
	tell(0, 5);
	CHECK_EQ(ask_volume(MGMT_VOLUME_SEAL, "disk.img", 0, &why), OK);
	CHECK_EQ(image_find_for(&vm, "disk.img", &image, &why), OK);
	CHECK_EQ(vm.volumes.bits[0], 1);
	CHECK_EQ(ask_volume(MGMT_VOLUME_DELETE, "disk.img", 0, &why), OK);
}

TEST(a_new_mgmt_goes_on_where_the_old_one_was)
{
	const char *why;

	fresh();
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", MIB(2), &why), 0);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "y", MIB(2), &why), 1);
	tell(1, MIB(2));
	CHECK_EQ(ask_volume(MGMT_VOLUME_SEAL, "y", 0, &why), OK);
	tell(0, 12345);
	volumes_look();
	memset(mapped, 0, sizeof(mapped));           /* its space is gone */
	control_reset(&exchange);
	CHECK_EQ(volumes_map(MGMT), OK);
	CHECK_EQ(mapped_bytes(MGMT, PROT_R | PROT_W), MIB(2));
	CHECK_EQ(mapped_bytes(MGMT, PROT_R), MIB(2));
	CHECK_EQ(page.volume[0].written, 12345);
	tell(0, 100);                                /* it never goes back */
	volumes_look();
	CHECK_EQ(page.volume[0].written, 12345);
	tell(0, MIB(2) + 1);
	volumes_look();
	CHECK_EQ(page.volume[0].written, 12345);
	CHECK_EQ(ask_volume(MGMT_VOLUME_DELETE, "x", 0, &why), OK);
	memset(mapped, 0, sizeof(mapped));
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "z", MIB(4), &why), 0);
	volumes_look();
	CHECK_EQ(page.volume[0].written, 0);         /* what was told of another one does not count */
	CHECK(page.volume[0].id > page.volume[1].id);
}

TEST(what_nobody_finishes_goes_after_an_hour)
{
	const char *why;

	fresh();
	CHECK_EQ(volumes_tick(now), NEVER);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", 100, &why), 0);
	CHECK_EQ(volumes_tick(now), now + VOLUME_IDLE_NS);
	now += VOLUME_IDLE_NS / 2;
	tell(0, 50);
	CHECK_EQ(volumes_tick(now), now + VOLUME_IDLE_NS);
	now += VOLUME_IDLE_NS - 1;
	tell(0, 0);                                  /* it comes once more from its start: that writes to it, too */
	CHECK_EQ(volumes_tick(now), now + VOLUME_IDLE_NS);
	CHECK_EQ(page.volume[0].written, 50);
	now += VOLUME_IDLE_NS - 1;
	tell(0, 7);
	CHECK_EQ(volumes_tick(now), now + VOLUME_IDLE_NS);
	now += VOLUME_IDLE_NS;
	CHECK_EQ(volumes_tick(now), NEVER);
	CHECK_EQ(page.volume[0].state, MGMT_VOLUME_NONE);
	CHECK_STR(fake_said, "volume x: deleted, nobody went on with it");
	CHECK_EQ(page.free_bytes, MIB(64));
}

TEST(memory_is_left_for_the_node)
{
	const char *why;

	fresh();
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", MIB(65), &why), E_NOMEM);
	CHECK_STR(why, "66 MiB of RAM are wanted, volumes may still take 64 MiB");
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", UINT64_MAX, &why), E_INVAL);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", 0, &why), E_INVAL);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", MIB(64), &why), 0);
	CHECK_EQ(page.free_bytes, 0);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "y", 1, &why), E_NOMEM);
}

TEST(of_two_pieces_where_one_is_not_enough)
{
	struct extent taken;
	const char *why;
	struct image image;
	uint64_t free;

	fresh();
	CHECK_EQ(memory_alloc(&memory, NULL, MIB(4), MIB(2), MEMORY_LOW, &taken), OK);
	free = memory.free_bytes;
	CHECK_EQ(memory_add(&memory, (struct extent){ MIB(200), MIB(40), ++handles, true, 0 }), OK);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", MIB(80), &why), 0);
	CHECK_EQ(volumes[0].memory.count, 2);
	tell(0, MIB(80));
	CHECK_EQ(ask_volume(MGMT_VOLUME_SEAL, "x", 0, &why), OK);
	CHECK_EQ(image_find("x", &image), OK);
	CHECK_EQ(image.memory.count, 2);
	CHECK_EQ(image.size, MIB(80));
	CHECK_EQ(image_map(VM, GIB(1), &image), OK);
	CHECK_EQ(mapped_bytes(VM, PROT_R), MIB(80));
	CHECK_EQ(memory.free_bytes, free + MIB(40) - MIB(80));
	CHECK_EQ(ask_volume(MGMT_VOLUME_DELETE, "x", 0, &why), OK);
	free = memory.free_bytes;
	memset(mapped, 0, sizeof(mapped));
	map_fails_after = 1;                 /* the first piece, and not the second: nothing stays */
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", MIB(80), &why), E_NOMEM);
	CHECK_STR(why, "its memory cannot be zeroed or mapped");
	CHECK_EQ(mapped_bytes(MGMT, PROT_R | PROT_W), 0);
	CHECK_EQ(memory.free_bytes, free);
	CHECK_EQ(page.volume[0].state, MGMT_VOLUME_NONE);
}

TEST(names)
{
	const char *why;
	char longest[CONF_MODULE_MAX];

	fresh();
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "", 1, &why), E_INVAL);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "..", 1, &why), E_INVAL);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "a/b", 1, &why), E_INVAL);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "a b", 1, &why), E_INVAL);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "linux", 1, &why), E_BUSY);
	CHECK_STR(why, "there is a boot module of that name");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, longest, 1, &why), 0);
	CHECK_STR(page.volume[0].name, longest);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, longest, 1, &why), E_BUSY);
	CHECK_STR(why, "there is a volume of that name");
	CHECK_EQ(ask_volume(MGMT_VOLUME_SEAL, "y", 0, &why), E_NOENT);
	CHECK_STR(why, "there is no volume y");
}

TEST(there_is_an_end_to_volumes)
{
	const char *why;
	char name[16];

	fresh();
	CHECK_EQ(memory_add(&memory, (struct extent){ GIB(1), GIB(1), ++handles, true, 0 }), OK);
	for (int i = 0; i < MGMT_VOLUMES; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, name, 1, &why), i);
	}
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "more", 1, &why), E_NOMEM);
	CHECK_STR(why, "there are as many volumes as there can be");
}

TEST(vms_by_name)
{
	const char *why;

	fresh();
	CHECK_EQ(ask_volume(MGMT_VM_STOP, "a", 0, &why), E_BUSY);
	CHECK_STR(why, "the VM does not run");
	CHECK_EQ(ask_volume(MGMT_VM_START, "b", 0, &why), E_NOENT);
	CHECK_STR(why, "there is no VM b");
	CHECK_EQ(ask_volume(MGMT_VM_START, "a", 0, &why), OK);
	CHECK_EQ(ask_volume(MGMT_VM_START, "a", 0, &why), E_BUSY);
	CHECK_EQ(ask_volume(MGMT_VM_STOP, "a", 0, &why), OK);
	CHECK_EQ(presses, 1);
	CHECK_EQ(ask_volume(MGMT_VM_DELETE, "a", 0, &why), E_BUSY);
	CHECK_STR(why, "it runs");
	CHECK_EQ(ask_volume(MGMT_VM_RESET, "a", 0, &why), OK);
	CHECK(a_vm.start_again);
	a_vm.phase = VM_OFF;
	a_vm.generation = 1;
	CHECK_EQ(ask_volume(MGMT_VM_START, "a", 0, &why), E_NOMEM);
	CHECK_STR(why, "no luck");
	CHECK_EQ(ask_volume(MGMT_OPS, "a", 0, &why), E_NOSYS);
}

TEST(what_comes_behind_a_new_vm_waits_for_it)
{
	struct mgmt_command c = { .number = 1, .op = MGMT_VM_CREATE, .text_bytes = 4 };
	struct mgmt_answer a;

	fresh();
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(channel_write_all(&commands, "vm x", 4));
	c = (struct mgmt_command){ .number = 2, .op = MGMT_VM_START, .name = "a" };
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(!control_requests(MGMT));
	CHECK_STR(text_read, "vm x");
	CHECK(!control_requests(MGMT));
	CHECK_EQ(a_vm.phase, VM_OFF);
	reading(3, "created");
	CHECK_EQ(looks, 1);
	CHECK(control_requests(MGMT));
	channel_read(&answers, &a, sizeof(a));
	CHECK_EQ(a.number, 1);
	CHECK_EQ(a.result, OK);
	CHECK_EQ(a.value, 3);
	channel_read(&answers, &a, sizeof(a));
	CHECK_EQ(a.number, 2);
	CHECK_EQ(a_vm.phase, VM_ON);
	c = (struct mgmt_command){ .number = 4, .op = MGMT_VM_CREATE };
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(control_requests(MGMT));
	channel_read(&answers, &a, sizeof(a));
	CHECK_EQ(a.result, E_INVAL);
	CHECK_STR(a.why, "no text, or too long");
}

TEST(nothing_is_taken_without_room_for_its_answer)
{
	struct mgmt_command c = { .op = MGMT_VM_START, .name = "none" };
	struct mgmt_answer a;
	unsigned asked = MGMT_ANSWERS / sizeof(a) + 3, answered = 0;

	fresh();
	for (unsigned i = 0; i < asked; i++) {
		c.number = i;
		CHECK(channel_write_all(&commands, &c, sizeof(c)));
	}
	while (control_requests(MGMT)) {
		while (channel_avail(&answers)) {
			channel_read(&answers, &a, sizeof(a));
			CHECK_EQ(a.number, answered++);
			CHECK_EQ(a.result, E_NOENT);
		}
	}
	CHECK_EQ(answered, asked);
}

TEST(who_breaks_the_rules_is_not_heard_any_more)
{
	struct mgmt_command c = { .op = MGMT_VM_START, .name = "a", .text_bytes = MGMT_TEXT_MAX + 1 };

	fresh();
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(!control_requests(MGMT));
	c.text_bytes = 0;
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(!control_requests(MGMT));
	CHECK_EQ(a_vm.phase, VM_OFF);
	fresh();                             /* a new mgmt is */
	memset(c.name, 'x', sizeof(c.name));
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(!control_requests(MGMT));
	fresh();
	CHECK(channel_write_all(&commands, &c, sizeof(c) - 1));
	CHECK(!control_requests(MGMT));
	fresh();
	c = (struct mgmt_command){ .op = MGMT_VM_START, .name = "a", .text_bytes = 5 };
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(!control_requests(MGMT));
	CHECK_STR(fake_said, "mgmt: a command that is none; no other one is taken until it starts again");
}

/* mgmt asks for a volume x of 40 MiB where all memory was used before. Returns how much of it was free. */
static uint64_t ask_for_used_memory(void)
{
	struct mgmt_command c = { .number = 1, .op = MGMT_VOLUME_CREATE, .size = MIB(40), .name = "x" };
	uint64_t free;

	fresh();
	memory_init(&memory, &ops);
	CHECK_EQ(memory_add(&memory, (struct extent){ MIB(16), MIB(128), ++handles, false, 0 }), OK);
	free = memory.free_bytes;
	cleanings = 0;
	cleaned_to = 0;
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(!control_requests(MGMT));
	return free;
}

TEST(used_memory_is_zeroed_step_by_step)
{
	struct mgmt_command c;
	struct mgmt_answer a;
	const char *why;
	uint64_t free = ask_for_used_memory();

	CHECK_EQ(memory.free_bytes, free - MIB(40));
	CHECK_EQ(volumes_tick(now), now);
	CHECK_EQ(cleanings, 16);
	CHECK_EQ(page.volume[0].state, MGMT_VOLUME_NONE);
	CHECK_EQ(mapped_bytes(MGMT, PROT_R | PROT_W), 0);
	c = (struct mgmt_command){ .number = 2, .op = MGMT_VM_START, .name = "a" };
	CHECK(channel_write_all(&commands, &c, sizeof(c)));
	CHECK(!control_requests(MGMT));              /* in order */
	CHECK_EQ(volumes_tick(now), now);
	volumes_tick(now);
	CHECK_EQ(cleanings, 40);
	CHECK_EQ(page.volume[0].state, MGMT_VOLUME_NEW);
	CHECK_EQ(mapped_bytes(MGMT, PROT_R | PROT_W), MIB(40));
	CHECK(control_requests(MGMT));
	channel_read(&answers, &a, sizeof(a));
	CHECK_EQ(a.number, 1);
	CHECK_EQ(a.result, OK);
	CHECK_EQ(a_vm.phase, VM_ON);
	channel_read(&answers, &a, sizeof(a));
	CHECK_EQ(a.number, 2);
	CHECK_EQ(ask_volume(MGMT_VOLUME_DELETE, "x", 0, &why), OK);
}

TEST(a_mgmt_that_dies_leaves_nothing_half_made)
{
	const char *why;
	uint64_t free = ask_for_used_memory();

	volumes_tick(now);
	control_reset(&exchange);
	CHECK_EQ(memory.free_bytes, free);
	CHECK_EQ(volumes_tick(now), NEVER);
	cleaned_to = 0;
	channel_reader(&answers, &exchange.answer, exchange.answer_data, MGMT_ANSWERS);
	CHECK_EQ(ask_volume(MGMT_VOLUME_CREATE, "x", 1, &why), 0);
}
