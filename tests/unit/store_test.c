/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks that outlive VMs, as init has them: made, grown, used, opened, deleted. The kernel is a fake that knows what is mapped, and has one
 * page of each region.
 * sources: init/memory.c init/pieces.c init/volume.c init/image.c init/why.c
 */
#include "lib/user/sys.h"

#include "init/store.c"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "init/vm.h"
#include "tests/unit/check.h"

enum { MGMT = 5, MAPPINGS = 40, PAGES = 64 };

struct memory memory;

static struct mgmt_volumes volumes;
static struct mgmt_progress progress[MGMT_VOLUMES];
static uint32_t closed_words[MGMT_WINDOWS];
static struct mgmt_progress sent_words[MGMT_DISKS];
static uint32_t wanted_prot;
static void *table;
static uint32_t handles;
static unsigned map_fails_after, cleanings;
static bool clean_fails;
static char said[256];
static unsigned char page_of[PAGES][PAGE_SIZE];
static struct { uint32_t space; uint64_t address, size; uint32_t prot; } mapped[MAPPINGS];
static int result;
static char result_why[MGMT_WHY];

int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	if (!map_fails_after--) {
		return E_NOMEM;
	}
	(void)region;
	(void)offset;
	for (unsigned i = 0; i < MAPPINGS; i++) {
		CHECK(!mapped[i].size || address + size <= mapped[i].address || mapped[i].address + mapped[i].size <= address);
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

/* Bytes that are mapped at [address, address + 1 TiB), and nothing with other rights than wanted_prot. */
static uint64_t mapped_at(uint64_t address)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < MAPPINGS; i++) {
		if (mapped[i].size && mapped[i].address >= address && mapped[i].address < address + (1ull << 40)) {
			CHECK_EQ(mapped[i].prot, wanted_prot);
			bytes += mapped[i].size;
		}
	}
	return bytes;
}

int64_t sys_region_clean_some(uint32_t region, uint64_t offset)
{
	(void)region;
	(void)offset;
	cleanings++;
	return clean_fails ? E_IO : (int64_t)MIB(1);
}

int window_write(uint32_t region, uint64_t offset, const void *bytes, size_t len)
{
	CHECK(region < PAGES);
	memcpy(page_of[region] + offset, bytes, len);
	return OK;
}

void init_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(said, sizeof(said), format, args);
	va_end(args);
}

void memory_give_back(struct extent *extent) { CHECK_EQ(memory_free(&memory, extent), OK); }

static const struct content module = { .name = "linux", .handle = 60, .size = 8192, .length = 5000 };
const struct content *inventory_module(const char *name) { return strcmp(name, module.name) == 0 ? &module : NULL; }

static int split(uint32_t region, uint64_t offset) { (void)region, (void)offset; return (int)++handles; }
static int merge(uint32_t low, uint32_t high) { (void)low, (void)high; return OK; }
static int reclaim(uint32_t region) { (void)region; return OK; }
static int clean(uint32_t region, uint64_t size) { (void)region, (void)size; return OK; }
static const struct region_ops ops = { split, merge, reclaim, clean };

/* A node with 64 MiB beside what is left for itself, and an image of 3 MiB and 5 bytes. */
static void fresh(void)
{
	memory_init(&memory, &ops);
	handles = 0;
	CHECK_EQ(memory_add(&memory, (struct extent){ MIB(16), MIB(64) + VOLUME_RESERVE, ++handles, true, 0 }), OK);
	memset(&volumes, 0, sizeof(volumes));
	memset(mapped, 0, sizeof(mapped));
	memset(page_of, 0, sizeof(page_of));
	memset(closed_words, 0, sizeof(closed_words));
	memset(sent_words, 0, sizeof(sent_words));
	wanted_prot = PROT_R;
	free(table);
	table = calloc(1, store_table_bytes());
	map_fails_after = UINT32_MAX;
	making.number = NONE;
	cleanings = 0;
	clean_fails = false;
	volumes_init(&volumes, progress);
	store_init(table, closed_words, sent_words);
	volumes.volume[2] = (struct mgmt_volume){ .name = "image", .state = MGMT_VOLUME_SEALED, .size = MIB(3) + 5 };
}

static void done(int r, const char *why)
{
	result = r;
	snprintf(result_why, sizeof(result_why), "%s", why);
}

/* The result of a wish, and what is said of an error. */
static int finish(int r, const char **why)
{
	result = E_AGAIN;
	for (int i = 0; r == E_AGAIN && i < 1000 && store_tick(0) == 0; i++) {
	}
	*why = r == E_AGAIN ? result_why : *why;
	return r == E_AGAIN ? result : r;
}

static struct mgmt_command words(const char *name, const char *image, uint64_t size, uint32_t flags)
{
	struct mgmt_command c = { .size = size, .flags = flags };

	snprintf(c.name, sizeof(c.name), "%s", name);
	snprintf(c.other, sizeof(c.other), "%s", image);
	return c;
}

static int create(const char *name, const char *image, uint64_t size, uint32_t flags, const char **why)
{
	struct mgmt_command c = words(name, image, size, flags);

	return finish(store_create(&c, done, why), why);
}

static int resize(const char *name, uint64_t size, const char **why)
{
	struct mgmt_command c = words(name, "", size, 0);

	return finish(store_resize(&c, done, why), why);
}

static int open_in(const char *name, unsigned w, uint32_t number, const char **why)
{
	struct mgmt_command c = words(name, "", w, 0);

	c.number = number;
	return store_open(&c, MGMT, why);
}

TEST(a_clone_from_its_making_to_its_end)
{
	const char *why;
	uint64_t free;
	int n;

	fresh();
	free = memory.free_bytes;
	n = create("a", "image", 0, 0, &why);
	CHECK_EQ(n, 0);
	CHECK_EQ(store_find("a"), n);
	CHECK_STR(store_shown(n)->image, "image");
	CHECK_EQ(store_shown(n)->size, MIB(3) + 512);                    /* whole sectors */
	CHECK_EQ(store_shown(n)->image_bytes, MIB(3) + 5);
	CHECK_EQ(memory.free_bytes, free - MIB(4) - PAGE_SIZE);
	CHECK_STR(said, "disk a: made, 3 MiB");
	CHECK_EQ(create("a", "image", 0, 0, &why), n);                   /* the same words */
	CHECK_EQ(memory.free_bytes, free - MIB(4) - PAGE_SIZE);
	CHECK_EQ(create("a", "image", MIB(4), 0, &why), E_BUSY);
	CHECK_EQ(create("a", "", 0, 0, &why), E_BUSY);
	CHECK_STR(why, "there is a disk a");
	CHECK_EQ(volume_delete("image", &why), E_BUSY);
	CHECK_STR(why, "a disk is made of this volume");
	CHECK_EQ(store_delete("a", &why), OK);
	CHECK_EQ(memory.free_bytes, free);
	CHECK_EQ(store_find("a"), NONE);
	CHECK_EQ(store_delete("a", &why), E_NOENT);
	CHECK_STR(why, "there is no disk a");
	CHECK_EQ(volume_delete("image", &why), OK);
}

TEST(what_cannot_be_made)
{
	static const struct {
		const char *name, *image;
		uint64_t size;
		uint32_t flags;
		int error;
		const char *why;
	} row[] = {
		{ "a", "", 0, 0, E_INVAL, "a disk has from 1 byte to 1 TiB, or those of its image" },
		{ "a", "", UINT64_MAX, 0, E_INVAL, "a disk has from 1 byte to 1 TiB, or those of its image" },
		{ "a", "", MIB(65), 0, E_NOMEM, "67 MiB of RAM are wanted, disks and volumes may still take 64 MiB" },
		{ "a", "", MIB(64), 0, E_NOMEM, "65 MiB of RAM are wanted, disks and volumes may still take 64 MiB" },
		{ "a", "none", 0, 0, E_NOENT, "there is no image or boot module none" },
		{ "a", "half", 0, 0, E_BUSY, "image half is not whole yet" },
		{ "a", "image", 512, 0, E_INVAL, "image image has 3145733 bytes: the disk cannot be smaller" },
		{ "a", "image", MIB(4), MGMT_DISK_READ_ONLY, E_INVAL, "a read-only disk is as large as its image, which it needs" },
		{ "a", "", 512, MGMT_DISK_READ_ONLY, E_INVAL, "a read-only disk is as large as its image, which it needs" },
		{ "a", "image", 0, MGMT_DISK_SWAP, E_INVAL, "a swap disk has no image, and 40 KiB at least" },
		{ "a", "", 40959, MGMT_DISK_SWAP, E_INVAL, "a swap disk has no image, and 40 KiB at least" },
		{ "a", "", 512, 16, E_INVAL, "there is no such kind of disk" },
		{ "", "", 512, 0, E_INVAL, "a disk's name is made of letters, digits, . - and _ and begins with a letter or a digit" },
		{ "a/b", "", 512, 0, E_INVAL, "a disk's name is made of letters, digits, . - and _ and begins with a letter or a digit" },
		{ "image", "", 512, 0, E_BUSY, "there is a volume or a boot module image" },
		{ "linux", "", 512, 0, E_BUSY, "there is a volume or a boot module linux" },
		{ "half", "", 512, 0, E_BUSY, "there is a volume or a boot module half" },
	};
	const char *why;
	uint64_t free;

	fresh();
	volumes.volume[3] = (struct mgmt_volume){ .name = "half", .state = MGMT_VOLUME_NEW, .size = 5 };
	free = memory.free_bytes;
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(create(row[i].name, row[i].image, row[i].size, row[i].flags, &why), row[i].error);
		CHECK_STR(why, row[i].why);
	}
	CHECK_EQ(memory.free_bytes, free);
	for (int i = 0; i < MGMT_DISKS; i++) {
		CHECK(!store_shown(i)->exists);
	}
}

TEST(a_read_only_disk_is_its_image)
{
	const char *why;
	struct vm vm = { 0 };
	struct image image;
	uint64_t free;
	int n;

	fresh();
	free = memory.free_bytes;
	n = create("kernel", "linux", 0, MGMT_DISK_READ_ONLY, &why);
	CHECK_EQ(n, 0);
	CHECK_EQ(memory.free_bytes, free);
	CHECK_EQ(store_shown(n)->size, 5000);
	CHECK_EQ(image_find_for(&vm, "kernel", &image, &why), OK);
	CHECK_EQ(image.length, 5000);
	CHECK_EQ(vm.disks[0], 1);
	store_use(n, 1, "a");
	store_use(n, 1, "b");
	CHECK_EQ(store_check(n, &why), OK);                              /* by a third one */
	CHECK_EQ(open_in("kernel", 0, 7, &why), n);
	CHECK_EQ(mapped_at(MGMT_WINDOW_IMAGE(0)), 8192);
	CHECK_EQ(mapped_at(MGMT_WINDOW_LAYER(0)), 0);
	CHECK_EQ(store_delete("kernel", &why), E_BUSY);
	CHECK_STR(why, "VM b runs with disk kernel");
	CHECK_EQ(resize("kernel", MIB(1), &why), E_BUSY);
	store_use(n, -1, "a");
	store_use(n, -1, "");
	store_close_all();
	CHECK_EQ(resize("kernel", MIB(1), &why), E_INVAL);
	CHECK_EQ(create("new", "", 512, 0, &why), 1);
	CHECK_EQ(image_find_for(&vm, "new", &image, &why), E_INVAL);
	CHECK_STR(why, "disk new is not read-only, as a kernel and an initrd must be");
	CHECK_EQ(store_delete("kernel", &why), OK);
}

TEST(an_image_may_go_with_its_disk)
{
	const char *why;

	fresh();
	CHECK_EQ(create("a", "image", 0, MGMT_DISK_READ_ONLY | MGMT_DISK_OWNS_IMAGE, &why), 0);
	CHECK_EQ(create("b", "image", 0, 0, &why), 1);
	CHECK_EQ(store_delete("a", &why), OK);
	CHECK_STR(said, "disk a: its image stays: a disk is made of this volume");
	CHECK_EQ(volume_find("image"), 2);
	CHECK_EQ(create("a", "image", 0, MGMT_DISK_READ_ONLY | MGMT_DISK_OWNS_IMAGE, &why), 0);
	CHECK_EQ(store_delete("b", &why), OK);
	CHECK_EQ(store_delete("a", &why), OK);
	CHECK(volume_find("image") < 0);
}

TEST(swap_begins_with_what_mkswap_writes)
{
	const char *why;
	uint32_t info[3];
	const uint8_t *first, *states;

	fresh();
	CHECK_EQ(create("s", "", MIB(5), MGMT_DISK_SWAP, &why), 0);
	first = page_of[store_get(0)->layer.piece[0].handle];
	states = page_of[store_get(0)->states.piece[0].handle];
	memcpy(info, first + 1024, sizeof(info));
	CHECK_EQ(info[0], 1);
	CHECK_EQ(info[1], MIB(5) / PAGE_SIZE - 1);
	CHECK_EQ(info[2], 0);
	CHECK_MEM(first + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	CHECK_EQ(states[0], KEPT_OWN);
	CHECK_EQ(store_shown(0)->used, DISK_BLOCK);
}

TEST(disks_grow_and_keep_what_they_have)
{
	struct extent first;
	const char *why;
	uint64_t free, size = MIB(4);

	fresh();
	free = memory.free_bytes;
	CHECK_EQ(create("a", "image", MIB(4), 0, &why), 0);
	first = store_get(0)->layer.piece[0];
	CHECK_EQ(resize("a", MIB(4), &why), 0);                          /* as it is */
	CHECK_EQ(memory.free_bytes, free - MIB(4) - PAGE_SIZE);
	CHECK_EQ(resize("a", MIB(4) - 512, &why), E_INVAL);
	CHECK_STR(why, "disk a has 4194304 bytes, and can have more of them up to 1 TiB");
	CHECK_EQ(resize("a", (1ull << 40) + 1, &why), E_INVAL);
	CHECK_EQ(resize("a", UINT64_MAX, &why), E_INVAL);
	CHECK_EQ(resize("a", MIB(24) + 1, &why), 0);
	CHECK_EQ(store_shown(0)->size, MIB(24) + 512);
	CHECK_EQ(memory.free_bytes, free - MIB(26) - 2 * PAGE_SIZE);
	CHECK_EQ(store_get(0)->layer.count, 2);
	CHECK_EQ(store_get(0)->states.count, 2);
	CHECK_EQ(store_get(0)->layer.piece[0].handle, first.handle);
	CHECK_EQ(resize("a", MIB(80), &why), E_NOMEM);
	CHECK_EQ(resize("none", MIB(80), &why), E_NOENT);
	CHECK_EQ(create("a", "image", MIB(4), 0, &why), 0);              /* still the words that made it */
	for (size = MIB(26); resize("a", size, &why) == 0; size += MIB(2)) {
	}
	CHECK_STR(why, "the RAM that is free lies in too many pieces");
	CHECK_EQ(store_get(0)->layer.count, PIECES_MAX);
	CHECK_EQ(memory.free_bytes, free - (size - MIB(2)) - pieces_bytes(&store_get(0)->states));
	CHECK_EQ(store_delete("a", &why), OK);
	CHECK_EQ(memory.free_bytes, free);
}

TEST(memory_is_zeroed_step_by_step)
{
	struct mgmt_command c = words("a", "", MIB(40), 0);
	const char *why;
	uint64_t free;

	fresh();
	memory_init(&memory, &ops);
	CHECK_EQ(memory_add(&memory, (struct extent){ MIB(16), MIB(128), 1, false, 0 }), OK);
	free = memory.free_bytes;
	CHECK_EQ(store_create(&c, done, &why), E_AGAIN);
	result = E_AGAIN;
	CHECK_EQ(store_tick(5), 5);
	CHECK_EQ(cleanings, 16);
	CHECK_EQ(store_find("a"), NONE);
	CHECK_EQ(store_tick(5), 5);
	CHECK_EQ(store_tick(5), NEVER);
	CHECK_EQ(cleanings, 41);                                         /* and the states */
	CHECK_EQ(result, 0);
	CHECK_EQ(store_delete("a", &why), OK);
	CHECK_EQ(store_create(&c, done, &why), E_AGAIN);
	CHECK_EQ(store_tick(5), 5);
	store_cancel();                                                  /* mgmt died */
	CHECK_EQ(memory.free_bytes, free);
	CHECK_EQ(store_tick(5), NEVER);
	clean_fails = true;
	CHECK_EQ(create("a", "", MIB(40), 0, &why), E_IO);
	CHECK_STR(why, "its memory cannot be zeroed or mapped");
	CHECK_EQ(memory.free_bytes, free);
}

/* What mgmt does when it sends: opens window 0 by command `number`, tells how far it is. */
static int open_to_send(const char *name, uint32_t number, const char **why)
{
	struct mgmt_command c = words(name, "", 0, MGMT_DISK_SENT);

	c.number = number;
	return store_open(&c, MGMT, why);
}

static void tell(int n, uint64_t bytes)
{
	sent_words[n].state[++sent_words[n].current & 1].written = bytes;
}

static int create_sent(const char *name, uint64_t size, uint8_t digest, const char **why)
{
	struct mgmt_command c = words(name, "", size, MGMT_DISK_SENT);

	memset(c.sha256, digest, sizeof(c.sha256));
	return finish(store_create(&c, done, why), why);
}

TEST(a_disk_whose_content_is_sent_is_nobodys_until_it_is_whole)
{
	const char *why;
	uint64_t free;

	fresh();
	free = memory.free_bytes;
	memset(sent_words, 7, sizeof(sent_words));                       /* what one before it told */
	CHECK_EQ(create_sent("a", 10001, 1, &why), 0);
	CHECK_EQ(store_shown(0)->partial, 1);
	CHECK_EQ(store_shown(0)->size, 10240);
	CHECK_EQ(memory.free_bytes, free - MIB(2) - PAGE_SIZE);          /* and nothing beside it */
	CHECK_EQ(sent_words[0].state[sent_words[0].current & 1].written, 0);
	CHECK_EQ(create_sent("a", 10001, 1, &why), 0);                   /* the same words */
	CHECK_EQ(create_sent("a", 10001, 2, &why), E_BUSY);
	CHECK_EQ(create("a", "", 10001, 0, &why), E_BUSY);
	CHECK_EQ(store_check(0, &why), E_BUSY);
	CHECK_STR(why, "disk a is not whole yet");
	CHECK_EQ(open_in("a", 0, 1, &why), E_BUSY);
	CHECK_STR(why, "disk a is not whole yet");
	CHECK_EQ(resize("a", MIB(1), &why), E_BUSY);
	CHECK_EQ(store_rename("a", "b", &why), E_BUSY);
	CHECK_EQ(open_to_send("a", 2, &why), 0);
	wanted_prot = PROT_R | PROT_W;
	CHECK_EQ(mapped_at(MGMT_WINDOW_LAYER(0)), MIB(2));
	CHECK_EQ(mapped_at(MGMT_WINDOW_STATE(0)), PAGE_SIZE);
	{
		struct mgmt_command c = words("a", "", 1, MGMT_DISK_SENT);       /* in another window */

		CHECK_EQ(store_open(&c, MGMT, &why), E_BUSY);
		CHECK_STR(why, "disk a is being sent");
	}
	CHECK_EQ(store_delete("a", &why), E_BUSY);
	tell(0, 10001);
	CHECK_EQ(store_seal("a", 4096, &why), E_BUSY);                   /* it can still be written */
	closed_words[0] = 2;
	store_look(MGMT);
	CHECK_EQ(mapped_at(MGMT_WINDOW_LAYER(0)) + mapped_at(MGMT_WINDOW_STATE(0)), 0);
	tell(0, 10000);
	CHECK_EQ(store_seal("a", 4096, &why), E_PROTO);
	CHECK_STR(why, "disk a is not whole: 10000 of 10001 bytes are there");
	tell(0, 10002);
	CHECK_EQ(store_seal("a", 4096, &why), E_PROTO);
	tell(0, 10001);
	CHECK_EQ(store_seal("a", UINT64_MAX, &why), OK);
	CHECK_EQ(store_shown(0)->used, 3 * DISK_BLOCK);                  /* not what mgmt says */
	CHECK_EQ(store_shown(0)->partial, 0);
	CHECK_EQ(store_seal("a", 0, &why), E_BUSY);
	CHECK_EQ(open_to_send("a", 3, &why), E_BUSY);
	CHECK_STR(why, "disk a is whole already");
	CHECK_EQ(create_sent("a", 10001, 1, &why), 0);                   /* it came; the answer was lost */
	CHECK_EQ(create("a", "", 10001, 0, &why), E_BUSY);               /* an empty one is another one */
	CHECK_EQ(store_check(0, &why), OK);
	store_use(0, 1, "web");
	store_use(0, -1, "");
	CHECK_EQ(create_sent("a", 10001, 1, &why), E_BUSY);              /* a VM had it */
	CHECK_EQ(store_seal("none", 0, &why), E_NOENT);
	CHECK_EQ(store_delete("a", &why), OK);
	CHECK_EQ(memory.free_bytes, free);
	CHECK_EQ(create("b", "image", 0, MGMT_DISK_SENT, &why), E_INVAL);
	CHECK_EQ(create("b", "", MIB(1), MGMT_DISK_SENT | MGMT_DISK_SWAP, &why), E_INVAL);
	CHECK_STR(why, "a disk whose content is sent has no image, and is no other kind of disk");
}

TEST(what_nobody_goes_on_to_send_is_deleted)
{
	const uint64_t hour = VOLUME_IDLE_NS;
	const char *why;
	uint64_t free, now = 1000;           /* it was made at 0 */

	fresh();
	free = memory.free_bytes;
	CHECK_EQ(create_sent("a", MIB(4), 1, &why), 0);
	CHECK_EQ(store_tick(now), hour);
	CHECK_EQ(store_tick(now = hour - 1), hour);
	tell(0, 5);
	CHECK_EQ(store_tick(++now), now + hour);
	tell(0, 0);                                                      /* from the start again is progress, too */
	CHECK_EQ(store_tick(now += hour), now + hour);
	CHECK_EQ(open_to_send("a", 4, &why), 0);
	CHECK_EQ(store_tick(now += hour), now + hour);                   /* somebody may write to it right now */
	memset(mapped, 0, sizeof(mapped));
	store_close_all();                                               /* mgmt died */
	CHECK_EQ(store_find("a"), 0);
	CHECK_EQ(store_tick(now + hour - 1), now + hour);
	CHECK_EQ(store_tick(now + hour), NEVER);
	CHECK_EQ(store_find("a"), NONE);
	CHECK_STR(said, "disk a: deleted");
	CHECK_EQ(memory.free_bytes, free);
}

/* 2 MiB here and there, and what the node keeps for itself in such as are too small for a disk. */
TEST(a_disk_may_lie_in_as_many_pieces_as_there_can_be)
{
	const char *why;

	fresh();
	memory_init(&memory, &ops);
	for (uint64_t i = 0; i < PIECES_MAX + 1; i++) {
		CHECK_EQ(memory_add(&memory, (struct extent){ MIB(16) + i * MIB(4), MIB(2), ++handles, true, 0 }), OK);
	}
	for (uint64_t i = 0; i <= VOLUME_RESERVE / MIB(1); i++) {
		CHECK_EQ(memory_add(&memory, (struct extent){ MIB(512) + i * MIB(2), MIB(1), ++handles, true, 0 }), OK);
	}
	CHECK_EQ(create("a", "", MIB(2) * (PIECES_MAX + 1), 0, &why), E_NOMEM);
	CHECK_STR(why, "the RAM that is free lies in too many pieces");
	CHECK_EQ(create("a", "", MIB(2) * PIECES_MAX, 0, &why), 0);
	CHECK_EQ(store_get(0)->layer.count, PIECES_MAX);
	CHECK_EQ(open_in("a", 0, 1, &why), 0);
	CHECK_EQ(mapped_at(MGMT_WINDOW_LAYER(0)), MIB(2) * PIECES_MAX);
	CHECK_EQ(store_delete("a", &why), E_BUSY);
}

TEST(a_vm_waits_until_its_disk_has_grown)
{
	struct mgmt_command c = words("a", "", MIB(40), 0);
	const char *why;

	fresh();
	CHECK_EQ(create("a", "", MIB(2), 0, &why), 0);
	CHECK_EQ(store_resize(&c, done, &why), E_AGAIN);
	CHECK_EQ(store_check(0, &why), E_BUSY);
	CHECK_STR(why, "disk a is growing");
	CHECK_EQ(finish(E_AGAIN, &why), 0);
	CHECK_EQ(store_check(0, &why), OK);
}

TEST(who_writes_has_it_alone)
{
	const char *why;

	fresh();
	CHECK_EQ(create("a", "", MIB(1), 0, &why), 0);
	CHECK_EQ(store_check(0, &why), OK);
	store_use(0, 1, "web");
	CHECK_EQ(store_check(0, &why), E_BUSY);
	CHECK_STR(why, "VM web runs with disk a");
	CHECK_EQ(open_in("a", 0, 1, &why), E_BUSY);
	CHECK_EQ(store_delete("a", &why), E_BUSY);
	CHECK_EQ(store_rename("a", "b", &why), E_BUSY);
	CHECK_EQ(resize("a", MIB(2), &why), E_BUSY);
	store_set_used(0, UINT64_MAX);                                   /* as a vmm may say */
	CHECK_EQ(store_shown(0)->used, MIB(1));
	store_set_used(0, 8192);
	CHECK_EQ(store_shown(0)->used, 8192);
	store_use(0, -1, "");
	CHECK_EQ(store_rename("a", "b", &why), OK);
	CHECK_EQ(store_find("b"), 0);
	CHECK_EQ(store_find("a"), NONE);
	CHECK_EQ(create("c", "", MIB(1), 0, &why), 1);
	CHECK_EQ(store_rename("b", "c", &why), E_BUSY);
	CHECK_EQ(store_rename("b", "linux", &why), E_BUSY);
	CHECK_EQ(store_rename("b", "../c", &why), E_INVAL);
	CHECK_EQ(store_rename("none", "d", &why), E_NOENT);
}

TEST(windows)
{
	const char *why;

	fresh();
	CHECK_EQ(create("a", "linux", MIB(3), 0, &why), 0);
	CHECK_EQ(open_in("a", MGMT_WINDOWS, 9, &why), E_INVAL);
	CHECK_EQ(open_in("none", 0, 9, &why), E_NOENT);
	CHECK_EQ(open_in("a", 1, 9, &why), 0);
	CHECK_EQ(mapped_at(MGMT_WINDOW_IMAGE(1)), 8192);
	CHECK_EQ(mapped_at(MGMT_WINDOW_LAYER(1)), MIB(4));
	CHECK_EQ(mapped_at(MGMT_WINDOW_STATE(1)), PAGE_SIZE);
	CHECK_EQ(open_in("a", 2, 10, &why), 0);                          /* by somebody else, too */
	CHECK_EQ(store_check(0, &why), E_BUSY);
	CHECK_STR(why, "disk a is being fetched");
	CHECK_EQ(store_delete("a", &why), E_BUSY);
	closed_words[1] = 8;                                             /* of another time */
	store_look(MGMT);
	CHECK_EQ(mapped_at(MGMT_WINDOW_LAYER(1)), MIB(4));
	closed_words[1] = 9;
	store_look(MGMT);
	CHECK_EQ(mapped_at(MGMT_WINDOW_IMAGE(1)) + mapped_at(MGMT_WINDOW_LAYER(1)) + mapped_at(MGMT_WINDOW_STATE(1)), 0);
	CHECK_EQ(store_check(0, &why), E_BUSY);
	CHECK_EQ(open_in("a", 2, 11, &why), 0);                          /* in place of what is there */
	CHECK_EQ(mapped_at(MGMT_WINDOW_LAYER(2)), MIB(4));
	closed_words[2] = 11;
	store_look(MGMT);
	CHECK_EQ(store_check(0, &why), OK);
	for (unsigned fails = 0; fails < 3; fails++) {
		map_fails_after = fails;
		CHECK_EQ(open_in("a", 0, 12, &why), E_AGAIN);
		CHECK_EQ(mapped_at(MGMT_WINDOW_IMAGE(0)) + mapped_at(MGMT_WINDOW_LAYER(0)) + mapped_at(MGMT_WINDOW_STATE(0)), 0);
	}
	map_fails_after = UINT32_MAX;
	CHECK_EQ(open_in("a", 0, 13, &why), 0);
	memset(mapped, 0, sizeof(mapped));                               /* mgmt died */
	store_close_all();
	CHECK_EQ(store_delete("a", &why), OK);
}

TEST(there_is_an_end_to_disks)
{
	const char *why;
	char name[16];

	fresh();
	for (int i = 0; i < MGMT_DISKS; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		CHECK_EQ(create(name, "linux", 0, MGMT_DISK_READ_ONLY, &why), i);
	}
	CHECK_EQ(create("more", "linux", 0, MGMT_DISK_READ_ONLY, &why), E_NOMEM);
	CHECK_STR(why, "there are as many disks as there can be");
	CHECK_EQ(store_delete("d77", &why), OK);
	CHECK_EQ(create("more", "linux", 0, MGMT_DISK_READ_ONLY, &why), 77);
	CHECK(store_shown(77)->id > store_shown(255)->id);
}
