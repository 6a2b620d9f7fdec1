/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What monitord is told: the state of VMs (never a false POWEROFF), shares of processors, memory; the processor's names.
 * sources: mgmt/one_monitor.c mgmt/one_cpu.c mgmt/one_table.c mgmt/exchange.c mgmt/clock.c mgmt/text.c mgmt/role.c
 * sources: tests/fake/mgmt_node.c tests/fake/mgmt_init.c tests/mgmt/no_link.c
 * libraries: mbedtls http-parser
 */
#include <mbedtls/base64.h>
#include <stdio.h>
#include <string.h>

#include "mgmt/one_cpu.h"
#include "mgmt/one_monitor.h"
#include "mgmt/one_table.h"
#include "tests/fake/mgmt_init.h"
#include "tests/fake/mgmt_node.h"
#include "tests/unit/check.h"

#define S 1000000000ull

const struct route routes[] = { { 0 } };

/* What a text's function appends, up to the next call. */
static const char *text_of(void (*put)(struct text *t))
{
	static struct text t;

	text_free(&t);
	put(&t);
	CHECK(!t.failed);
	return t.at ? t.at : "";
}

/* VM 12 as number 3 of the node, with id 9. */
static struct node_vm *add_vm(uint32_t state)
{
	struct node_vm *vm = &fake_node.vm[3];

	fake_node_reset();
	fake_node.vm_count = 4;
	*vm = (struct node_vm){ .name = "one-12", .state = state, .id = 9, .starts = 1, .node_memory = { MIB(64), MIB(32) } };
	return vm;
}

static void set_action(enum one_kind kind, enum one_step step)
{
	struct mgmt_action *a = one_table_add();

	a->kind = kind;
	a->step = step;
	a->vm = 12;
	memcpy(a->key, "k", 2);
	one_table_set(a, ONE_RUNS, UINT64_MAX);
}

static void make_disk(const char *name)
{
	struct mgmt_command command = { .op = MGMT_DISK_CREATE, .size = MIB(3) };

	memcpy(command.name, name, strlen(name) + 1);
	CHECK(platform_ask(&command, NULL) > 0);
}

#define STATE(word) "VM = [ ID=\"12\", DEPLOY_ID=\"one-12\", STATE=\"" word "\" ]\n"

TEST(only_a_vm_that_ran_and_is_off_by_itself_is_told_as_off)
{
	static const struct {
		uint32_t state, ran_as;      /* ran_as 0: the table knows nothing of it              */
		int kind;                    /* of an action that goes on; -1: none                  */
		enum one_step step;
		const char *told;
	} row[] = {
		{ NODE_VM_RUNNING, 9, -1, 0, STATE("RUNNING") },                  { NODE_VM_ENDED, 9, -1, 0, STATE("RUNNING") },
		{ NODE_VM_STOPPED, 9, -1, 0, STATE("POWEROFF") },                 { NODE_VM_NONE, 9, -1, 0, STATE("POWEROFF") },
		{ NODE_VM_NONE, 9, ONE_DEPLOY, ONE_CREATE, "" },
		{ NODE_VM_RUNNING, 0, -1, 0, STATE("RUNNING") },                  { NODE_VM_STOPPED, 0, -1, 0, "" },
		{ NODE_VM_NONE, 0, -1, 0, "" },                                   { NODE_VM_STOPPED, 8, -1, 0, "" },
		{ NODE_VM_STOPPED, 9, ONE_REBOOT, ONE_AGAIN, STATE("RUNNING") },  { NODE_VM_STOPPED, 9, ONE_RESET, ONE_RESETTING, STATE("RUNNING") },
		{ NODE_VM_STOPPED, 9, ONE_DEPLOY, ONE_CLEAR, "" },                { NODE_VM_STOPPED, 0, ONE_DEPLOY, ONE_START, "" },
		{ NODE_VM_RUNNING, 9, ONE_SHUTDOWN, ONE_AWAIT_OFF, STATE("RUNNING") },
		{ NODE_VM_STOPPED, 9, ONE_SHUTDOWN, ONE_CLEAR, STATE("POWEROFF") },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		add_vm(row[i].state);
		if (row[i].ran_as) {
			one_table_add_vm(12)->node_id = row[i].ran_as;
			one_table_vm(12)->datastore = 102;
		}
		make_disk("one-102-12-kernel");
		if (row[i].kind >= 0) {
			set_action((enum one_kind)row[i].kind, row[i].step);
		}
		CHECK_STR(text_of(one_put_state_vm), row[i].told);
	}
}

TEST(a_vm_that_is_no_more_is_told_as_off_while_it_has_disks)
{
	add_vm(NODE_VM_NONE);
	one_table_add_vm(12)->node_id = 9;
	one_table_vm(12)->datastore = 102;
	make_disk("one-102-1-kernel");
	make_disk("one-10-12-kernel");
	CHECK_STR(text_of(one_put_state_vm), "");
	make_disk("one-102-12-disk.0");
	CHECK_STR(text_of(one_put_state_vm), STATE("POWEROFF"));
}

TEST(a_vm_of_the_configuration_is_never_told_as_opennebulas)
{
	add_vm(NODE_VM_RUNNING)->id = 0;
	CHECK_STR(text_of(one_put_state_vm), "");
	CHECK_STR(text_of(one_put_monitor_vm), "");
	CHECK(!strstr(text_of(one_put_system_host), "one-12"));
	CHECK(strstr(text_of(one_put_system_host), "VM = [ ID=\"-1\", DEPLOY_ID=\"vm1\", VM_NAME=\"vm1\" ]\n"));
}

/* monitor_vm's only line, decoded. */
static const char *numbers(void)
{
	static char out[256];
	const char *text = text_of(one_put_monitor_vm), *from = strstr(text, "MONITOR=\"");
	size_t len = 0;

	CHECK(from);
	from += strlen("MONITOR=\"");
	CHECK_EQ(mbedtls_base64_decode((uint8_t *)out, sizeof(out) - 1, &len, (const uint8_t *)from, strcspn(from, "\"")), 0);
	out[len] = '\0';
	return out;
}

TEST(shares_of_processors_are_those_since_a_sample)
{
	struct mgmt_status *s = fake_status();
	struct node_vm *vm = add_vm(NODE_VM_RUNNING);

	*s = (struct mgmt_status){ .cpus = 4, .uptime_ns = 100 * S, .idle_ns = 300 * S, .vm[3].cpu_ns = 50 * S };
	one_monitor_sample();
	CHECK(strstr(text_of(one_put_monitor_host), "USEDCPU=100\nFREECPU=300\n"));
	CHECK_STR(numbers(), "MEMORY=\"98304\"\n");
	s->uptime_ns += 20 * S;
	s->idle_ns += 30 * S;
	s->vm[3].cpu_ns += 45 * S;
	CHECK(strstr(text_of(one_put_monitor_host), "USEDCPU=250\nFREECPU=150\n"));
	CHECK_STR(numbers(), "CPU=\"225\"\nMEMORY=\"98304\"\n");
	one_monitor_sample();
	CHECK_STR(numbers(), "CPU=\"225\"\nMEMORY=\"98304\"\n");
	s->uptime_ns += 20 * S;
	one_monitor_sample();
	CHECK_STR(numbers(), "CPU=\"0\"\nMEMORY=\"98304\"\n");
	vm->starts++;
	s->uptime_ns += 10 * S;
	s->vm[3].cpu_ns = 3 * S;
	CHECK_STR(numbers(), "CPU=\"10\"\nMEMORY=\"98304\"\n");
	s->vm[3].nic_count = 2;
	s->vm[3].nic[0] = (struct mgmt_nic){ .received_bytes = 1000, .sent_bytes = 2 };
	s->vm[3].nic[1] = (struct mgmt_nic){ .received_bytes = 1, .sent_bytes = 20 };
	CHECK_STR(strstr(numbers(), "NET"), "NETRX=\"1001\"\nNETTX=\"22\"\n");
	s->vm[3].nic_count = 0;
	s->vm[3].disk_count = 2;
	s->vm[3].disk_io[0] = (struct disk_io){ 3, 4096, 1, 512 };
	s->vm[3].disk_io[1] = (struct disk_io){ 1, 1024, 7, 10000000000 };
	CHECK_STR(strstr(numbers(), "DISK"), "DISKRDBYTES=\"5120\"\nDISKWRBYTES=\"10000000512\"\nDISKRDIOPS=\"4\"\nDISKWRIOPS=\"8\"\n");
	s->vm[3].disk_count = 0;
}

TEST(memory_is_what_vms_have_and_could_have)
{
	add_vm(NODE_VM_RUNNING);
	fake_node.numa_count = 2;
	fake_node.numa[0] = (struct node_numa){ .id = 0, .cpus = 3, .total_bytes = GIB(4), .free_bytes = GIB(3) };
	fake_node.numa[1] = (struct node_numa){ .id = 1, .cpus = 4, .total_bytes = GIB(4), .free_bytes = GIB(2) };
	CHECK(strstr(text_of(one_put_system_host), "TOTALMEMORY=5146624\n"));
	CHECK(strstr(text_of(one_put_system_host), "CORE = [ NODE_ID=\"0\", ID=\"1\", CPUS=\"1\" ]\n"));
	CHECK(strstr(text_of(one_put_system_host), "CORE = [ NODE_ID=\"1\", ID=\"2\", CPUS=\"2\" ]\n"));
	CHECK(strstr(text_of(one_put_system_host), "MEMORY_NODE = [ NODE_ID=\"1\", TOTAL=\"4194304\", DISTANCE=\"1 0\" ]\n"));
	CHECK(strstr(text_of(one_put_monitor_host), "USEDMEMORY=98304\nFREEMEMORY=5048320\n"));
	CHECK(strstr(text_of(one_put_monitor_host), "MEMORY_NODE = [ NODE_ID=\"1\", FREE=\"2097152\", USED=\"2097152\" ]\n"));
}

TEST(what_vms_cost_beside_their_memory_is_no_memory_for_vms)
{
	static const struct { uint64_t free_mib; unsigned left, mib; } row[] = {
		{ 0, 64, 0 }, { 8, 64, 0 }, { 10, 64, 0 }, { 100, 64, 90 }, { 255, 64, 245 }, { 256, 64, 237 }, { 1000, 64, 963 }, { 1000, 3, 972 },
		{ 1000, 0, 0 }, { 1 << 20, 64, (1 << 20) - 576 - 32 },
	};
	uint64_t free_bytes = fake_node.free_bytes;
	char line[64];

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		add_vm(NODE_VM_NONE);
		fake_status()->configured = 8;
		fake_node.free_bytes = row[i].free_mib << 20;
		fake_node.vm_count = CONF_VMS_MAX;
		for (unsigned k = 0; k < CONF_VMS_MAX; k++) {
			fake_node.vm[k].state = k < 64 - row[i].left ? NODE_VM_STOPPED : NODE_VM_NONE;
			fake_node.vm[k].id = 9;
		}
		snprintf(line, sizeof(line), "FREEMEMORY=%u\n", row[i].mib << 10);
		CHECK(strstr(text_of(one_put_monitor_host), line));
		snprintf(line, sizeof(line), "TOTALMEMORY=%u\n", row[i].mib << 10);
		CHECK(strstr(text_of(one_put_system_host), line));
	}
	fake_node.free_bytes = free_bytes;
}

TEST(disks_are_told_by_what_they_hold)
{
	add_vm(NODE_VM_RUNNING);
	one_table_add_vm(12)->datastore = 102;
	make_disk("one-102-12-disk.0");
	make_disk("one-102-12-disk.11");
	make_disk("one-102-12-disk.x");
	make_disk("one-100-12-disk.2");
	make_disk("one-102-1-disk.3");
	CHECK_STR(strstr(numbers(), "DISK"), "DISK_SIZE=[ID=0,SIZE=1]\nDISK_SIZE=[ID=11,SIZE=1]\n");
	CHECK(strstr(text_of(one_put_system_host), "DS_LOCATION_USED_MB=15\n"));
}

/* An EPYC of the second generation with few features, whose name has blanks and a quote. */
static void rome(uint32_t leaf, uint32_t subleaf, uint32_t reg[4])
{
	static const char name[48] = "  AMD \"EPYC\" 7702  ";

	memset(reg, 0, 4 * sizeof(reg[0]));
	switch (leaf) {
	case 0: reg[0] = 7; reg[1] = 0x68747541; break;
	case 1: reg[0] = 0x00830f10; reg[3] = 1u << 26 | 1u << 10; reg[2] = 1u << 20 | 1u << 5; break;
	case 7: reg[1] = subleaf ? 0 : 1u << 5; break;
	case 13: reg[0] = 1; break;
	case 0x80000000: reg[0] = 0x80000004; break;
	case 0x80000001: reg[3] = 1u << 29; break;
	case 0x80000002:
	case 0x80000003:
	case 0x80000004: memcpy(reg, name + (leaf - 0x80000002) * 16, 16); break;
	case 0x80000008: reg[1] = 1; break;
	}
}

static void stranger(uint32_t leaf, uint32_t subleaf, uint32_t reg[4])
{
	(void)leaf, (void)subleaf;
	memset(reg, 0xff, 4 * sizeof(reg[0]));
}

TEST(the_processor_is_named_as_libvirt_does)
{
	struct one_cpu cpu;

	one_cpu_describe(rome, &cpu);
	CHECK_STR(cpu.brand, "AMD EPYC 7702");
	CHECK_STR(cpu.model, "EPYC-Rome");
	CHECK_STR(cpu.features, "sse2,sse4.2,avx2,lm");
	one_cpu_describe(stranger, &cpu);
	CHECK_STR(cpu.model, "qemu64");
	CHECK_STR(cpu.brand, "");
	CHECK(strlen(cpu.features) > 300 && cpu.features[strlen(cpu.features) - 1] != ',');
}
