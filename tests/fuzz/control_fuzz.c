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
#include "init/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { SPACE = 5, MEMORY = 256 << 20 };

struct memory memory;

static struct mgmt_volumes page;
static struct mgmt_exchange exchange;
static struct channel_end commands, answers;
static uint32_t handles;
static bool writable[MGMT_VOLUMES];
static struct vm a_vm = { .conf.name = "a" };
static create_done_fn *reading;

static void must(bool good)
{
	if (!good) {
		abort();
	}
}

int sys_map(uint32_t space, uint64_t address, uint32_t region, uint64_t offset, uint64_t size, uint32_t prot)
{
	uint64_t number = (address - MGMT_VOLUME_ADDR(0)) >> 40;

	(void)region;
	must(space == SPACE && number < MGMT_VOLUMES && !offset && size && size % PIECE_LARGE == 0);
	writable[number] = prot & PROT_W;
	return OK;
}

int sys_unmap(uint32_t space, uint64_t address, uint64_t size)
{
	(void)size;
	must(space == SPACE);
	writable[(address - MGMT_VOLUME_ADDR(0)) >> 40] = false;
	return OK;
}

int64_t sys_region_clean_some(uint32_t region, uint64_t offset)
{
	(void)region;
	return offset % 3 ? E_AGAIN : PIECE_LARGE;
}

void init_log(const char *format, ...) { (void)format; }
void memory_give_back(struct extent *extent) { must(memory_free(&memory, extent) == OK); }
const struct content *inventory_module(const char *name) { (void)name; return NULL; }
struct vm *vm_find(const char *name) { return strcmp(name, "a") == 0 ? &a_vm : NULL; }
int vm_try_start(struct vm *vm, const char **why) { must(vm->phase == VM_OFF); vm->phase = VM_ON; *why = ""; return OK; }
void vm_press_power(struct vm *vm) { must(vm->phase == VM_ON); }
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
	case 5: p->current = d[2]; p->state[d[2] & 1].written = page.volume[d[1] % 4].size + 1 - d[3] % 3; break;
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
			volumes_tick(fuzz_now += (uint64_t)d[2] << 32);
		}
		break;
	}
	if (a_vm.phase == VM_DRAIN && d[3] & 1) {
		a_vm.phase = VM_OFF;
	}
	(void)control_requests(SPACE);
	volumes_tick(fuzz_now);
	(void)control_requests(SPACE);
}

static void check(void)
{
	uint64_t taken = making.number == NONE ? 0 : ALIGN_UP(making.wish.size, (uint64_t)PIECE_LARGE);

	for (int i = 0; i < MGMT_VOLUMES; i++) {
		const struct mgmt_volume *v = &page.volume[i];

		taken += v->state == MGMT_VOLUME_NONE ? 0 : ALIGN_UP(v->size, (uint64_t)PIECE_LARGE);
		must(v->state == MGMT_VOLUME_NONE || v->written <= v->size);
		must(v->state != MGMT_VOLUME_SEALED || (v->written == v->size && !writable[i]));
	}
	must(memory.free_bytes + taken == MEMORY && memory.free_bytes >= VOLUME_RESERVE);
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
	control_reset(&exchange);
	channel_writer(&commands, &exchange.command, exchange.command_data, MGMT_COMMANDS);
	channel_reader(&answers, &exchange.answer, exchange.answer_data, MGMT_ANSWERS);
	for (size_t i = 0; i + 4 <= len; i += 4) {
		step(data + i);
		check();
	}
	volume_cancel();
	return 0;
}
