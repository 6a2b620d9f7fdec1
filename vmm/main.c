/* SPDX-License-Identifier: Apache-2.0 */
/* Start of a vmm: guest memory, tables, kernel, devices, vCPUs; then the threads run. */
#include <string.h>

#include "lib/fmt.h"
#include "lib/user/sys.h"
#include "lib/user/user.h"
#include "vmm/acpi_tables.h"
#include "vmm/cpuid.h"
#include "vmm/hooks.h"
#include "vmm/load.h"
#include "vmm/smbios_tables.h"
#include "vmm/vm.h"

enum { THREAD_STACK = 16384 };

/* Where the kernel puts the pages that it shares with the vCPUs' threads, side by side. Nothing else is there. */
#define VCPU_PAGES_ADDR 0x20000000ull

static uint8_t stacks[PLATFORM_VCPUS_MAX][THREAD_STACK] __attribute__((aligned(16)));
static struct vcpu_state state;

static _Noreturn void give_up(const char *what, int error)
{
	char reason[128];

	fmt_print(reason, sizeof(reason), "%s: error %d", what, error);
	vm_finish(VMM_FAILED, reason);
}

/* What printf and assert say goes to the operator. */
void user_output(const char *text, size_t len)
{
	(void)channel_write_all(&vm.log, text, (uint32_t)len);
	sys_event_signal(VMM_CONSOLE_OUT);
}

static void attach_init(void)
{
	struct console_channel *c = (void *)VMM_CHANNEL_ADDR;

	vm.launch = (const void *)VMM_LAUNCH_ADDR;
	vm.control = (void *)VMM_CONTROL_ADDR;
	channel_writer(&vm.from_vm, &c->from_vm, c->from_vm_data, CONSOLE_FROM_VM);
	channel_reader(&vm.to_vm, &c->to_vm, c->to_vm_data, CONSOLE_TO_VM);
	channel_writer(&vm.log, &c->log, c->log_data, CONSOLE_LOG);
	vm.rate.allowance = VM_LOG_BURST;
	vm.start_ns = sys_clock(NULL);
	if (vm.launch->magic != VMM_MAGIC || vm.launch->ram_count > VMM_RAM_MAX || !vm.launch->conf.vcpus ||
	    vm.launch->conf.vcpus > PLATFORM_VCPUS_MAX) {
		give_up("launch page", E_PROTO);
	}
}

/* Neighbours become one slot: init maps RAM at VMM_RAM_ADDR + gpa, so they adjoin here too. */
static int add_slot(struct gmem *mem, uint64_t base, uint64_t size)
{
	struct gmem_slot *last = mem->count ? &mem->slot[mem->count - 1] : NULL;

	if (last && last->base + last->size == base) {
		last->size += size;
		return OK;
	}
	if (mem->count == GMEM_SLOTS_MAX) {
		return E_NOMEM;
	}
	mem->slot[mem->count++] = (struct gmem_slot){
		.base = base, .size = size, .host = (uint8_t *)(VMM_RAM_ADDR + base),
	};
	return OK;
}

static int map_ram(void)
{
	for (uint32_t i = 0; i < vm.launch->ram_count; i++) {
		const struct vmm_ram *ram = &vm.launch->ram[i];
		int r = add_slot(&vm.mem, ram->gpa, ram->size);

		if (r == OK) {
			r = sys_map(vm.space, ram->gpa, VMM_RAM + i, 0, ram->size, PROT_R | PROT_W | PROT_X);
		}
		if (r < 0) {
			return r;
		}
	}
	for (unsigned i = 0; i < vm.mem.count; i++) {
		const struct gmem_slot *slot = &vm.mem.slot[i];
		int r = sys_vm_slot(vm.space, slot->base, slot->size, slot->host);

		if (r < 0) {
			return r;
		}
	}
	return OK;
}

static void make_memory(void)
{
	uint32_t width[CPUID_REGS];
	int r = sys_space_create();

	cpuid_host(0x80000008, 0, width);
	vm.mem.beyond = ~0ull << (width[0] & 63);

	if (r < 0) {
		give_up("guest address space", r);
	}
	vm.space = (uint32_t)r;
	r = map_ram();
	if (r < 0) {
		give_up("guest memory cannot be mapped", r);
	}
	if (memmap_build(&vm.map, &vm.mem) < 0) {
		vm_finish(VMM_FAILED, "memory: too little, or not as a PC has it");
	}
}

static void make_tables(void)
{
	uint8_t tables[ACPI_TABLES_MAX];
	struct acpi_platform platform = {
		.vcpus = vm.vcpu_count, .hpet = vm.launch->conf.hpet, .virtio_mmio = vm_virtio_mmio_count(),
	};
	int len = acpi_tables_build(tables, sizeof(tables), PLATFORM_TABLES, &platform);

	if (len >= 0) {
		len = gmem_write(&vm.mem, gpa(PLATFORM_TABLES), tables, (size_t)len);
	}
	if (len < 0) {
		give_up("ACPI tables", len);
	}
}

/* What the first vCPU is told by that leaf of CPUID; zeros: it is told nothing. */
static const uint32_t *told(uint32_t leaf)
{
	static const uint32_t nothing[CPUID_REGS];
	const struct vcpu_page *page = vm.vcpu[0].page;

	for (uint32_t i = 0; i < page->cpuid_count; i++) {
		if (page->cpuid[i].leaf == leaf) {
			return page->cpuid[i].reg;
		}
	}
	return nothing;
}

/* Behind the vCPUs, which it describes. */
static void make_smbios(void)
{
	enum { LEAF_BRAND = 0x80000002, KHZ = 1000 };
	uint8_t tables[SMBIOS_TABLES_MAX];
	const uint32_t *vendor = told(0), *features = told(1);
	struct smbios_machine machine = {
		.uuid = vm.launch->conf.uuid, .mem = &vm.mem, .vcpus = vm.vcpu_count, .signature = features[0], .features = features[3],
		.mhz = (uint32_t)(vm.launch->tsc_khz / KHZ),
	};
	int len;

	memcpy(machine.vendor, &vendor[1], 4);
	memcpy(machine.vendor + 4, &vendor[3], 4);
	memcpy(machine.vendor + 8, &vendor[2], 4);
	for (uint32_t i = 0; i < 3; i++) {
		memcpy(machine.brand + i * 16, told(LEAF_BRAND + i), 16);
	}
	len = smbios_tables_build(tables, sizeof(tables), PLATFORM_SMBIOS, &machine);
	if (len >= 0) {
		len = gmem_write(&vm.mem, gpa(PLATFORM_SMBIOS), tables, (size_t)len);
	}
	if (len < 0) {
		give_up("SMBIOS tables", len);
	}
}

static void make_vcpu(unsigned id)
{
	const struct cpuid_request req = {
		.host = cpuid_host, .xcr0 = cpuid_host_xcr0(), .apic_id = id, .vcpus = vm.vcpu_count,
		.kvm = vm.launch->conf.kvm,
	};
	struct vm_vcpu *v = &vm.vcpu[id];
	int r;

	v->id = id;
	v->page = (struct vcpu_page *)(VCPU_PAGES_ADDR + id * (uint64_t)PAGE_SIZE);
	r = sys_vcpu_create(vm.space, id, v->page);
	if (r < 0) {
		give_up("vcpu", r);
	}
	v->handle = (uint32_t)r;
	cpuid_compose(&req, v->page);
	emulate_init(&v->emulator, v->page, &vm.mem, &vm.mmio, &vm.pio, &vcpu_emu_host, v);
	vcpu_power_on(v);
}

/* A module without a text is told its name. */
static void add_modules(const struct vmm_launch *l, struct boot_request *req)
{
	const char *at = l->conf.modules;

	for (uint32_t i = 0; i < l->conf.module_count && i < BOOT_MODULES_MAX; i++, at += strlen(at) + 1) {
		static char names[BOOT_MODULES_MAX][CONF_MODULE_MAX];
		const char *text = at + strcspn(at, " ") + 1;

		fmt_print(names[i], sizeof(names[i]), "%.*s", (int)strcspn(at, " "), at);
		req->module[req->module_count++] = (struct boot_module){
			.image = { .bytes = (const uint8_t *)VMM_MODULE_ADDR(i), .size = l->module_size[i] },
			.text = *text ? text : names[i],
		};
	}
}

/* Loads the kernel and points the first vCPU at it; the others wait for their start-up IPI. */
static void load(void)
{
	const struct vmm_launch *l = vm.launch;
	struct boot_request req = {
		.mem = &vm.mem, .map = &vm.map, .cmdline = l->conf.cmdline, .rsdp = PLATFORM_TABLES,
		.kernel = { .bytes = (const uint8_t *)VMM_KERNEL_ADDR, .size = l->kernel_size },
		.initrd = { .bytes = (const uint8_t *)VMM_INITRD_ADDR, .size = l->initrd_size },
		.initrd_name = l->conf.initrd,
	};
	struct boot_entry entry;
	struct boot_reason why = { "" };
	uint32_t boot = vm.vcpu[0].handle;
	int r;

	add_modules(l, &req);
	if (load_guest(&req, &entry, &why) < 0) {
		vm_finish(VMM_FAILED, why.text);
	}
	if ((r = sys_vcpu_get(boot, &state, sizeof(state))) < 0 || (r = load_vcpu_state(&vm.mem, &entry, &state)) < 0 ||
	    (r = sys_vcpu_set(boot, &state, sizeof(state))) < 0) {
		give_up("state of the first vcpu", r);
	}
}

/*
 * Guests write to port 80h to wait a moment. With a doorbell that nobody waits for, such a write does not leave the
 * kernel. Without it the chipset takes it: slower, not different.
 */
static void add_delay_doorbell(void)
{
	int event = sys_event_create(SELF);

	if (event >= 0) {
		(void)sys_vm_doorbell(vm.space, DOORBELL_PIO | DOORBELL_ANY_VALUE | 1u << DOORBELL_SIZE_SHIFT, PORT_POST, 0,
				      (uint32_t)event);
	}
}

static void start_vcpus(void)
{
	for (unsigned i = 0; i < vm.vcpu_count; i++) {
		int r = user_thread_start(vcpu_thread, &vm.vcpu[i], stacks[i] + THREAD_STACK);

		if (r < 0) {
			give_up("thread of a vcpu", r);
		}
	}
}

int user_main(uint64_t argument)
{
	int r;

	(void)argument;
	attach_init();
	vm.vcpu_count = vm.launch->conf.vcpus;
	vm_bind(vm.launch->conf.cpus);
	make_memory();
	for (unsigned i = 0; i < vm.vcpu_count; i++) {
		make_vcpu(i);
	}
	r = io_init();
	if (r == OK) {
		r = vm_devices_init();
	}
	if (r < 0) {
		give_up("devices", r);
	}
	make_tables();
	make_smbios();
	load();
	add_delay_doorbell();
	vm.control->run_ns = sys_clock(NULL);
	__atomic_store_n(&vm.control->state, (uint32_t)VMM_RUNNING, __ATOMIC_RELEASE);
	sys_event_signal(VMM_STATUS);
	start_vcpus();
	io_loop();
}
