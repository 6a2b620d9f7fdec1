/* SPDX-License-Identifier: Apache-2.0 */
/* From a configured VM to a running vmm: memory, pages, mappings, handles. */
#include "init/launch.h"

#include <stdio.h>
#include <string.h>

#include "init/address.h"
#include "init/console.h"
#include "init/cpus.h"
#include "init/disk.h"
#include "init/events.h"
#include "init/image.h"
#include "init/inventory.h"
#include "init/net.h"
#include "init/place.h"
#include "init/ram.h"
#include "init/why.h"
#include "lib/channel.h"
#include "lib/user/sys.h"

enum {
	LAUNCH_PAGES = 2,            /* launch page, control page                                    */
	ARENA_BASE = 192 << 10,      /* process, its tables, nested tables, events, one vCPU         */
	ARENA_PER_VCPU = 64 << 10,
	ARENA_PER_NIC = 16 << 10,
	ARENA_BALLOON = 20 << 10,    /* records of VMM_RAM_MAX pieces of guest RAM                    */
	ARENA_PER_GIB = 32 << 10,    /* tables of guest RAM in 2 MiB pages, twice                    */
};

_Static_assert(sizeof(struct vmm_launch) <= PAGE_SIZE, "one page");

/* What stands in the vmm's space beside disks. */
struct images {
	struct image kernel, initrd; /* initrd: of no bytes, if there is none                        */
	struct image module[CONF_MODULES_MAX];
};

static uint64_t images_table_bytes(const struct vm *vm, const struct images *images)
{
	uint64_t bytes = image_table_bytes(&images->kernel) + image_table_bytes(&images->initrd);

	for (uint32_t i = 0; i < vm->conf.module_count; i++) {
		bytes += image_table_bytes(&images->module[i]);
	}
	return bytes;
}

/* Guest RAM in 4 KiB pages needs a table page per 2 MiB, in the user space and in the nested table. */
static uint64_t arena_bytes(const struct vm *vm, const struct images *images)
{
	uint64_t bytes = ARENA_BASE + vm->conf.vcpus * (uint64_t)ARENA_PER_VCPU +
			 (vm->conf.memory >> 30) * (uint64_t)ARENA_PER_GIB + images_table_bytes(vm, images) +
			 disks_arena_bytes(vm) + vm->conf.nic_count * (uint64_t)ARENA_PER_NIC;

	bytes += vm->conf.balloon ? ARENA_BALLOON : 0;
	for (unsigned i = 0; i < vm->ram_count; i++) {
		if (vm->ram[i].base % MIB(2) != vm->ram_map[i].gpa % MIB(2)) {
			bytes += (vm->ram[i].size / MIB(2) + 1) * 2 * PAGE_SIZE;
		}
	}
	return bytes;
}

/* init sees launch and control page of each VM at a place of their own. */
static uint64_t pages_addr(const struct vm *vm)
{
	return INIT_VM_ADDR + vm->number * (uint64_t)(64 << 10);
}

volatile struct vmm_control *launch_control(const struct vm *vm)
{
	return (volatile struct vmm_control *)(pages_addr(vm) + PAGE_SIZE);
}

static struct vmm_launch *launch_page(const struct vm *vm)
{
	return (struct vmm_launch *)pages_addr(vm);
}

static bool has_uuid(const struct conf_vm *conf)
{
	static const uint8_t none[sizeof(conf->uuid)];

	return memcmp(conf->uuid, none, sizeof(none)) != 0;
}

static void fill_launch(const struct vm *vm, const struct images *images)
{
	struct vmm_launch *launch = launch_page(vm);

	launch->ram_count = vm->ram_count;
	memcpy(launch->ram, vm->ram_map, vm->ram_count * sizeof(vm->ram_map[0]));
	launch->kernel_size = images->kernel.length;
	launch->initrd_size = images->initrd.length;
	launch->launch_ns = sys_clock(&launch->tsc_khz);
	launch->wall_ns = inventory()->wall_ns + launch->launch_ns;
	launch->conf = vm->conf;
	if (!has_uuid(&vm->conf)) {
		address_vm_uuid(inventory()->uuid, vm->conf.name, launch->conf.uuid);
	}
	launch->magic = VMM_MAGIC;
}

/* Both pages into both spaces. */
static int map_pages(const struct vm *vm, uint64_t offset)
{
	uint32_t data = vm->child.data.handle, space = vm->child.space;
	int r = sys_map(INIT_SPACE, pages_addr(vm), data, offset, LAUNCH_PAGES * PAGE_SIZE, PROT_R | PROT_W);

	if (r == OK) {
		r = sys_map(space, VMM_LAUNCH_ADDR, data, offset, PAGE_SIZE, PROT_R);
	}
	if (r == OK) {
		r = sys_map(space, VMM_CONTROL_ADDR, data, offset + PAGE_SIZE, PAGE_SIZE, PROT_R | PROT_W);
	}
	return r;
}

static int map_images(const struct vm *vm, const struct images *images)
{
	int r = image_map(vm->child.space, VMM_KERNEL_ADDR, &images->kernel);

	if (r == OK) {
		r = image_map(vm->child.space, VMM_INITRD_ADDR, &images->initrd);
	}
	for (uint32_t i = 0; i < vm->conf.module_count && r == OK; i++) {
		launch_page(vm)->module_size[i] = images->module[i].length;
		r = image_map(vm->child.space, VMM_MODULE_ADDR(i), &images->module[i]);
	}
	return r;
}

/* Guest RAM may be mapped by the vmm into its nested table, so it gets the regions themselves too. */
static int map_piece(const struct vm *vm, uint32_t space, unsigned i)
{
	int r = sys_map(space, VMM_RAM_ADDR + vm->ram_map[i].gpa, vm->ram[i].handle, 0, vm->ram[i].size, PROT_R | PROT_W);

	return r < 0 ? r : sys_grant(vm->child.process, vm->ram[i].handle, RIGHT_READ | RIGHT_WRITE, VMM_RAM + i);
}

static int map_ram(const struct vm *vm)
{
	int r = OK;

	for (unsigned i = 0; r == OK && i < vm->ram_count; i++) {
		r = map_piece(vm, vm->child.space, i);
	}
	return r;
}

static int return_piece(struct vm *vm, unsigned i)
{
	int space = sys_process_space(vm->child.process), r = space < 0 ? space : ram_return(vm, i);

	if (r == OK) {
		r = map_piece(vm, (uint32_t)space, i);
		if (r < 0) {
			ram_take_back(vm, i);
		}
	}
	if (space >= 0) {
		sys_close((uint32_t)space);
	}
	return r;
}

bool launch_exchange_ram(struct vm *vm)
{
	uint64_t given_up = __atomic_load_n(&launch_control(vm)->given_up, __ATOMIC_ACQUIRE), before = vm->away;

	vm->waits = false;
	for (unsigned i = 0; vm->conf.balloon && i < vm->ram_count; i++) {
		bool gone = vm->away >> i & 1, wanted_gone = given_up >> i & 1;

		if (wanted_gone && !gone) {
			ram_take_back(vm, i);
		} else if (!wanted_gone && gone && return_piece(vm, i) < 0) {
			vm->waits = true;
		}
	}
	if (vm->away == before) {
		return false;
	}
	__atomic_store_n(&launch_control(vm)->taken, vm->away, __ATOMIC_RELEASE);
	sys_event_signal(vm->control_event);
	return true;
}

/* The rings start empty: the console does not touch them between the end of a VM and its next start. */
static int map_channel(const struct vm *vm)
{
	struct console_channel *channel = (struct console_channel *)INIT_WINDOW_ADDR;
	int r = sys_map(INIT_SPACE, INIT_WINDOW_ADDR, vm->channel.handle, 0, vm->channel.size, PROT_R | PROT_W);

	if (r < 0) {
		return r;
	}
	memset(channel, 0, offsetof(struct console_channel, from_vm_data));
	channel->magic = CHANNEL_MAGIC;
	r = sys_unmap(INIT_SPACE, INIT_WINDOW_ADDR, vm->channel.size);
	if (r == OK) {
		r = sys_map(vm->child.space, VMM_CHANNEL_ADDR, vm->channel.handle, 0, vm->channel.size, PROT_R | PROT_W);
	}
	return r;
}

/* One event, paid by the child, at a slot of the child. */
static int make_event(const struct vm *vm, uint32_t slot, uint32_t rights, uint32_t *event)
{
	int r = sys_event_create(vm->child.process);

	if (r < 0) {
		return r;
	}
	*event = (uint32_t)r;
	return sys_grant(vm->child.process, *event, rights, slot);
}

/* One event tells init of new states and of the end. */
static int make_status_event(const struct vm *vm)
{
	uint32_t status = 0;
	int r = make_event(vm, VMM_STATUS, RIGHT_WRITE, &status);

	if (r == OK) {
		r = sys_event_bind(status, event_key(KEY_VM, vm->number));
	}
	if (r == OK) {
		r = sys_process_notify(vm->child.process, status);
	}
	if (r == OK) {
		r = sys_close(status);
	}
	return r;
}

/* Its threads go to processors beside its memory where those are idle; each binds itself further, as the configuration says. */
static int set_cpus(const struct vm *vm)
{
	uint32_t mask = place_of_all(&vm->conf), home = 0;

	for (uint32_t i = 0; numa.node_count > 1 && i < numa.node_count; i++) {
		home |= vm->near >> i & 1 ? cpus_of_node(i) : 0;
	}
	return mask || home ? sys_process_cpus(vm->child.process, mask ? mask : ~0u, home) : OK;
}

static int give_handles(struct vm *vm)
{
	uint32_t process = vm->child.process;
	int r = sys_grant(process, process, RIGHT_READ | RIGHT_WRITE, VMM_SELF);

	if (r == OK) {
		r = sys_grant(process, vm->child.space, RIGHT_READ | RIGHT_WRITE, VMM_SPACE);
	}
	if (r == OK) {
		r = make_event(vm, VMM_CONSOLE_IN, RIGHT_READ, &vm->input_event);
	}
	if (r == OK) {
		r = make_event(vm, VMM_CONTROL, RIGHT_READ, &vm->control_event);
	}
	if (r == OK && vm->conf.nic_count) {
		r = make_event(vm, VMM_NET_IN, RIGHT_READ, &vm->net_event);
	}
	if (r == OK) {
		r = make_status_event(vm);
	}
	if (r == OK) {
		r = sys_process_weight(process, vm->conf.weight);
	}
	if (r == OK) {
		r = set_cpus(vm);
	}
	return r;
}

/* A place in the vmm's space has room for that much. */
static int find_image(struct vm *vm, const char *name, struct image *image, const char **why)
{
	int r = image_find_for(vm, name, image, why);

	return r == OK && image->size > GIB(4) ? why_print(E_INVAL, why, "%s is larger than 4 GiB", name) : r;
}

/* Names to content; an initrd is optional, but not one that is named. The strings of modules start with a name and a blank. */
static int find_images(struct vm *vm, struct images *images, const char **why)
{
	const char *at = vm->conf.modules;
	char name[CONF_MODULE_MAX];
	int r = find_image(vm, vm->conf.kernel, &images->kernel, why);

	if (r == OK && vm->conf.initrd[0]) {
		r = find_image(vm, vm->conf.initrd, &images->initrd, why);
	}
	for (uint32_t i = 0; i < vm->conf.module_count && r == OK; i++, at += strlen(at) + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, " "), at);
		r = find_image(vm, name, &images->module[i], why);
	}
	return r;
}

static int take_ram(struct vm *vm, const char **why)
{
	int r = ram_take(vm);

	return r == OK ? OK : why_print(r, why, "%llu MiB of RAM are wanted, %llu MiB are free",
					(unsigned long long)(vm->conf.memory >> 20), (unsigned long long)(memory.free_bytes >> 20));
}

static int open_vmm(const struct program **program)
{
	static struct program vmm;

	if (!vmm.region && program_open("vmm", &vmm) < 0) {
		vmm.region = NULL;
		return E_PROTO;
	}
	*program = &vmm;
	return OK;
}

/* Memory for the guest, for what changes on its disks, and for its process, which then stands and runs nothing. */
static int make_process(struct vm *vm, const struct program *vmm, const struct images *images, const char **why)
{
	int r;

	ram_choose_nodes(vm, place_of_vcpus(&vm->conf));
	r = take_ram(vm, why);
	if (r == OK) {
		r = disks_take(vm, why);
	}
	if (r == OK) {
		r = child_create(&vm->child, vmm, &vm->order, arena_bytes(vm, images), LAUNCH_PAGES * PAGE_SIZE, why);
	}
	return r;
}

/* All that the vmm finds in its space. offset: of launch and control page in its data. */
static int map_all(struct vm *vm, uint64_t offset, const struct images *images)
{
	int r = map_pages(vm, offset);

	if (r == OK) {
		fill_launch(vm, images);
		r = map_images(vm, images);
	}
	if (r == OK) {
		r = disks_map(vm, launch_page(vm)->disk);
	}
	if (r == OK) {
		r = map_ram(vm);
	}
	if (r == OK) {
		r = map_channel(vm);
	}
	return r == OK ? net_map(vm) : r;
}

/* The last step: others hear of the VM, and it runs. */
static int go(struct vm *vm)
{
	(void)!console_connect(vm);              /* without a console the VM runs all the same */
	net_connect(vm);                         /* and so it does without a switch */
	sys_close(vm->child.space);
	vm->child.space = 0;
	return child_start(&vm->child, 0);
}

/* From its images on: what it stands on, and then it runs. */
static int build(struct vm *vm, const struct program *vmm, const struct images *images, const char **why)
{
	int r = make_process(vm, vmm, images, why);

	if (r == OK) {
		*why = "its memory cannot be mapped";
		r = map_all(vm, vmm->data_bytes, images);
	}
	if (r == OK) {
		*why = "its handles cannot be given";
		r = give_handles(vm);
	}
	if (r == OK) {
		*why = "its thread cannot be made";
		r = go(vm);
	}
	return r;
}

int launch_vm(struct vm *vm, const char **why)
{
	static struct images images;
	const struct program *vmm;
	int r;

	images = (struct images){ 0 };
	vm->volumes = (struct volume_set){ 0 };
	r = find_images(vm, &images, why);
	if (r == OK) {
		r = disks_find(vm, why);
	}
	volumes_hold(&vm->volumes);
	disks_hold(vm);
	if (r == OK) {
		*why = place_check(&vm->conf);
		r = *why ? E_NOENT : OK;
	}
	if (r == OK) {
		*why = "its vmm cannot be loaded";
		r = open_vmm(&vmm);
	}
	if (r == OK) {
		r = build(vm, vmm, &images, why);
	}
	if (r < 0) {
		launch_undo(vm);
		disks_let_go(vm);
	}
	return r;
}

void launch_undo(struct vm *vm)
{
	child_destroy(&vm->child);
	ram_give_back(vm);
	disks_give_back(vm);
	volumes_release(&vm->volumes);
	vm->volumes = (struct volume_set){ 0 };
	vm->input_event = 0;
	vm->control_event = 0;
	vm->net_event = 0;
	memset(vm->sent_event, 0, sizeof(vm->sent_event));
}
