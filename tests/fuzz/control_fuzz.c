/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a mgmt that was taken over can write for init: commands of all kinds in any order, records that are none, counts of rings and of
 * progress at any value. Memory adds up at each step, and nobody writes what is sealed. Four bytes of input are one step.
 * sources: init/memory.c init/pieces.c init/store.c init/image.c init/control.c init/why.c lib/channel.c
 */
#include <stdlib.h>
#include <string.h>

#include "lib/user/sys.h"

static uint64_t fuzz_now;

#define sys_clock(tsc) (fuzz_now += 1000000000)

#include "init/volume.c"

#include "init/control.h"
#include "init/create.h"
#include "init/image.h"
#include "init/mgmt.h"
#include "init/store.h"
#include "init/vm.h"
#include "init/window.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { SPACE = 5, MEMORY = 256 << 20 };

struct memory memory;

static struct mgmt_volumes page;
static struct mgmt_exchange exchange;
static struct channel_end commands, answers;
static uint32_t handles;
static bool writable[MGMT_VOLUMES];
static struct { uint64_t address; uint32_t prot; } pieces[MGMT_WINDOWS * 3 * PIECES_MAX];    /* of disks, that are mapped; prot 0: none */
static unsigned windows;             /* how often one was                                           */
static void *disk_table;
static struct vm a_vm = { .conf.name = "a" };
static create_done_fn *reading;

static void must(bool good)
{
	if (!good) {
		abort();
	}
}

static bool in_window(uint64_t address)
{
	return address >= MGMT_WINDOW_IMAGE(0) && address < MGMT_WINDOW_IMAGE(MGMT_WINDOWS);
}

static int map_piece(uint64_t address, uint32_t prot)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
		must(!pieces[i].prot || pieces[i].address != address);
		if (!pieces[i].prot) {
			pieces[i].address = address;
			pieces[i].prot = prot;
			return OK;
		}
	}
	abort();
}

static void unmap_piece(uint64_t address)
{
	unsigned i = 0;

	while (i < ARRAY_SIZE(pieces) && (!pieces[i].prot || pieces[i].address != address)) {
		i++;
	}
	must(i < ARRAY_SIZE(pieces));
	pieces[i].prot = 0;
}

int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	uint64_t number = (address - MGMT_VOLUME_ADDR(0)) >> 39;

	(void)region;
	if (in_window(address)) {
		must(space == SPACE && !offset);
		return ++windows % 7 ? map_piece(address, prot) : E_NOMEM;
	}
	must(space == SPACE && number < MGMT_VOLUMES && !offset && size && size % PIECE_LARGE == 0);
	writable[number] = prot & PROT_W;
	return OK;
}

int sys_unmap(uint32_t space, uint64_t address, uint64_t size)
{
	(void)size;
	must(space == SPACE);
	if (in_window(address)) {
		unmap_piece(address);
		return OK;
	}
	writable[(address - MGMT_VOLUME_ADDR(0)) >> 39] = false;
	return OK;
}

int64_t sys_region_clean_some(uint32_t region, uint64_t offset)
{
	(void)region;
	return offset % 3 ? E_AGAIN : PIECE_LARGE;
}

int window_write(uint32_t region, uint64_t offset, const void *bytes, size_t len)
{
	(void)region, (void)bytes;
	must(offset + len <= PAGE_SIZE);
	return OK;
}

void init_log(const char *format, ...) { (void)format; }
void memory_give_back(struct extent *extent) { must(memory_free(&memory, extent) == OK); }
const struct content *inventory_module(const char *name) { (void)name; return NULL; }
struct vm *vm_find(const char *name) { return strcmp(name, "a") == 0 ? &a_vm : NULL; }
int vm_try_start(struct vm *vm, const char **why) { must(vm->phase == VM_OFF); vm->phase = VM_ON; *why = ""; return OK; }
void vm_press_power(struct vm *vm) { must(vm->phase == VM_ON); }
void vm_ask(struct vm *vm, enum vmm_request request) { (void)vm, (void)request; }
void vm_kill(struct vm *vm) { vm->phase = VM_DRAIN; }
void vm_reset(struct vm *vm) { must(vm->phase == VM_ON); vm->phase = VM_OFF; }
int vms_remove(struct vm *vm, const char **why) { *why = "no"; vm->phase = VM_OFF; return E_BUSY; }
void mgmt_look_again(void) { }
void mgmt_refresh(void) { }
void create_cancel(void) { reading = NULL; }

int create_begin(const char *text, uint32_t len, create_done_fn *done, const char **why)
{
	static char copy[MGMT_TEXT_MAX];

	*why = "no text";
	must(!reading && len <= MGMT_TEXT_MAX);
	memcpy(copy, text, len);
	reading = len ? done : NULL;
	return len ? OK : E_INVAL;
}

static int split(uint32_t region, uint64_t offset) { (void)region, (void)offset; return (int)++handles; }
static int merge(uint32_t low, uint32_t high) { (void)low, (void)high; return OK; }
static int reclaim(uint32_t region) { (void)region; return OK; }
static int clean(uint32_t region, uint64_t size) { (void)region, (void)size; return OK; }
static const struct region_ops ops = { split, merge, reclaim, clean };

/* Text of up to 4 KiB behind a command, whose bytes are the input's. */
static void command(const uint8_t d[4])
{
	static const char *const names[] = { "a", "b", "c.img", "", "..", "linux", "a/b", "d" };
	static const char text[64] = "vm x";
	struct mgmt_command c = { .number = d[3], .op = d[1] % (MGMT_OPS + 1), .size = (uint64_t)d[3] << (d[2] >> 3) };

	memcpy(c.name, names[d[2] & 7], strlen(names[d[2] & 7]));
	memcpy(c.other, names[d[3] & 7], strlen(names[d[3] & 7]));
	c.flags = d[3] >> 3 & 15;
	c.size = c.op == MGMT_DISK_OPEN ? d[3] % (MGMT_WINDOWS + 1) : c.size;
	c.text_bytes = d[1] & 0x80 ? d[3] : d[1] % (MGMT_OPS + 1) == MGMT_VM_CREATE ? sizeof(text) : 0;
	(void)!channel_write_all(&commands, &c, sizeof(c));
	channel_write(&commands, text, c.text_bytes < sizeof(text) ? c.text_bytes : sizeof(text));
}

static void step(const uint8_t d[4])
{
	struct mgmt_answer answer;
	struct mgmt_progress *p = &exchange.progress[d[1] % 4];

	switch (d[0] % 8) {
	case 0:
	case 1:
	case 2: command(d); break;
	case 3: channel_write(&commands, d, 4); break;
	case 4: exchange.command.head += d[1]; exchange.answer.tail -= d[2]; break;
	case 5:
		exchange.closed[d[2] % MGMT_WINDOWS] = d[3];
		exchange.sent[d[1] % 4].state[d[2] & 1].written = store_shown(d[1] % 4)->asked + 1 - d[3] % 3;
		exchange.sent[d[1] % 4].current = d[2];
		p->current = d[2]; p->state[d[2] & 1].written = page.volume[d[1] % 4].size + 1 - d[3] % 3;
		break;
	case 6:
		while (channel_avail(&answers) >= sizeof(answer)) {
			channel_read(&answers, &answer, sizeof(answer));
			must(memchr(answer.why, '\0', sizeof(answer.why)) && answer.result <= OK && (answer.result == OK || answer.why[0]));
		}
		break;
	case 7:
		if (reading) {
			create_done_fn *done = reading;

			reading = NULL;
			done(d[1] & 1 ? 3 : E_INVAL, "words");
		} else {
			control_reset(&exchange);
			store_close_all();
			memset(pieces, 0, sizeof(pieces));
			memset(exchange.closed, 0, sizeof(exchange.closed));
			volumes_tick(fuzz_now += (uint64_t)d[2] << 32);
		}
		break;
	}
	if (a_vm.phase == VM_DRAIN && d[3] & 1) {
		a_vm.phase = VM_OFF;
	}
	(void)control_requests(SPACE);
	volumes_tick(fuzz_now);
	store_tick(fuzz_now);
	(void)control_requests(SPACE);
}

/* Memory of the disks that are there; volumes below them stay. */
static uint64_t check_disks(void)
{
	uint32_t on_volume[MGMT_VOLUMES] = { 0 }, writers = 0;
	uint64_t taken = 0;

	for (int i = 0; i < MGMT_DISKS; i++) {
		const struct mgmt_disk *d = store_shown(i);
		const struct stored *memory_of = store_get(i);
		uint64_t bytes = pieces_bytes(&memory_of->layer);

		must(d->exists || (!bytes && !memory_of->states.count));
		must(!d->exists || !(d->flags & MGMT_DISK_READ_ONLY) == (bytes >= d->size));
		if (d->exists && d->image[0]) {
			must(volume_find(d->image) >= 0);
			on_volume[volume_find(d->image)]++;
		}
		must(!d->exists || !d->partial || (d->flags == MGMT_DISK_SENT && memory_of->open <= 1));
		writers += d->exists && d->partial && memory_of->open ? memory_of->layer.count + memory_of->states.count : 0;
		taken += bytes + pieces_bytes(&memory_of->states);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(pieces); i++) {
		writers -= (pieces[i].prot & PROT_W) != 0;
	}
	must(!writers);                      /* who may write has a disk that nobody else can use */
	for (int i = 0; i < MGMT_VOLUMES; i++) {
		must(page.volume[i].state == MGMT_VOLUME_NONE || page.volume[i].disks == on_volume[i]);
	}
	return taken;
}

static void check(void)
{
	bool disk_is_made = store_tick(fuzz_now) != UINT64_MAX;
	uint64_t taken = making.number == NONE ? 0 : ALIGN_UP(making.wish.size, (uint64_t)PIECE_LARGE);

	for (int i = 0; i < MGMT_VOLUMES; i++) {
		const struct mgmt_volume *v = &page.volume[i];

		taken += v->state == MGMT_VOLUME_NONE ? 0 : ALIGN_UP(v->size, (uint64_t)PIECE_LARGE);
		must(v->state == MGMT_VOLUME_NONE || v->written <= v->size);
		must(v->state != MGMT_VOLUME_SEALED || (v->written == v->size && !writable[i]));
	}
	taken += check_disks();
	must(memory.free_bytes + taken <= MEMORY && (disk_is_made || memory.free_bytes + taken == MEMORY));
	must(memory.free_bytes >= VOLUME_RESERVE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	memset(&page, 0, sizeof(page));
	memset(&exchange, 0, sizeof(exchange));
	memset(volumes, 0, sizeof(volumes));
	a_vm.phase = VM_OFF;
	memory_init(&memory, &ops);
	must(memory_add(&memory, (struct extent){ MIB(16), MEMORY, ++handles, false, 0 }) == OK);
	volumes_init(&page, exchange.progress);
	disk_table = disk_table ? disk_table : malloc(store_table_bytes());
	memset(disk_table, 0, store_table_bytes());
	store_init(disk_table, exchange.closed, exchange.sent);
	memset(pieces, 0, sizeof(pieces));
	windows = 0;
	control_reset(&exchange);
	channel_writer(&commands, &exchange.command, exchange.command_data, MGMT_COMMANDS);
	channel_reader(&answers, &exchange.answer, exchange.answer_data, MGMT_ANSWERS);
	for (size_t i = 0; i + 4 <= len; i += 4) {
		step(data + i);
		check();
	}
	volume_cancel();
	store_cancel();
	return 0;
}
