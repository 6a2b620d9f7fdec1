/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration's grammar: what is taken, what is reported and left out.
 * sources: conf/address.c conf/parse.c conf/words.c conf/devices.c conf/place.c conf/uplink.c lib/cpu_list.c lib/hex.c lib/fmt.c init/check.c
 */
#include <stdio.h>
#include <stdlib.h>

#include "conf/parse.h"
#include "init/config.h"
#include "tests/unit/check.h"

static struct conf_result r;

/* The text lies at the end of a heap block, so that reading past it is seen. */
static void parse_bytes(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	const char *why;

	memcpy(copy, text, len);
	conf_parse(copy, len, "f", &r);
	free(copy);
	CHECK(config_check(&r, &why));
}

static void parse(const char *text)
{
	parse_bytes(text, strlen(text));
}

static void reports(const char *text, const char *message)
{
	parse(text);
	CHECK_EQ(r.message_count, 1);
	CHECK_STR(r.message[0], message);
}

#define VM "vm a\nmemory 1M\nkernel k\n"

TEST(example_of_the_manual)
{
	parse("# a comment\n"
	      "node when-idle poweroff          # optional\n"
	      "\n"
	      "vm linux\n"
	      "    memory 256M\n"
	      "    vcpus 2\n"
	      "\tweight 300\n"
	      "    kernel vmlinuz              # name of a boot module\n"
	      "    initrd initrd.img\n"
	      "    cmdline console=ttyS0 quiet foo=#1 # not this\n"
	      "    autostart no\n"
	      "    on-reboot stop\n"
	      "    rng no\n"
	      "    console virtio\n"
	      "    balloon yes\n"
	      "    bus mmio\n"
	      "    uuid 032364d3-6ef8-48b7-bb9e-09217580533f\n"
	      "    hpet yes\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.vm_count, 1);
	CHECK_EQ(r.when_idle, CONF_IDLE_POWEROFF);
	CHECK_STR(r.vm[0].name, "linux");
	CHECK_EQ(r.vm[0].memory, MIB(256));
	CHECK_EQ(r.vm[0].vcpus, 2);
	CHECK_EQ(r.vm[0].weight, 300);
	CHECK_STR(r.vm[0].kernel, "vmlinuz");
	CHECK_STR(r.vm[0].initrd, "initrd.img");
	CHECK_STR(r.vm[0].cmdline, "console=ttyS0 quiet foo=#1");
	CHECK_EQ(r.vm[0].autostart, 0);
	CHECK_EQ(r.vm[0].on_reboot, CONF_REBOOT_STOP);
	CHECK_EQ(r.vm[0].rng, 0);
	CHECK_EQ(r.vm[0].bus, CONF_BUS_MMIO);
	CHECK_EQ(r.vm[0].balloon, 1);
	CHECK_EQ(r.vm[0].console, CONF_CONSOLE_VIRTIO);
	CHECK_EQ(r.vm[0].hpet, 1);
	CHECK_MEM(r.vm[0].uuid, "\x03\x23\x64\xd3\x6e\xf8\x48\xb7\xbb\x9e\x09\x21\x75\x80\x53\x3f", 16);
}

TEST(defaults)
{
	parse(VM);
	CHECK_EQ(r.vm_count, 1);
	CHECK_EQ(r.vm[0].vcpus, 1);
	CHECK_EQ(r.vm[0].weight, 100);
	CHECK_EQ(r.vm[0].autostart, 1);
	CHECK_EQ(r.vm[0].on_reboot, CONF_REBOOT_RESTART);
	CHECK_EQ(r.vm[0].rng, 1);
	CHECK_EQ(r.vm[0].bus, CONF_BUS_PCI);
	CHECK_EQ(r.vm[0].balloon, 0);
	CHECK_EQ(r.vm[0].console, CONF_CONSOLE_SERIAL);
	CHECK_EQ(r.vm[0].hpet, 0);
	CHECK_MEM(r.vm[0].uuid, (const uint8_t[16]){ 0 }, 16);
	CHECK_EQ(r.vm[0].initrd[0], 0);
	CHECK_EQ(r.vm[0].cmdline[0], 0);
	CHECK_EQ(r.when_idle, CONF_IDLE_STAY);
}

TEST(processors)
{
	parse(VM);
	CHECK_EQ(r.vm[0].cpus, 0);
	parse(VM "cpus 0\n");
	CHECK_EQ(r.vm[0].cpus, 1);
	parse(VM "cpus 0,2-4,31\n");
	CHECK_EQ(r.vm[0].cpus, 0x8000001d);
	parse(VM "cpus 0-31 # all\n");
	CHECK_EQ(r.vm[0].cpus, ~0u);
	reports(VM "cpus 32\n", "f:4: cpus must be like 0,2-3, each below 32, not '32'");
	reports(VM "cpus 3-1\n", "f:4: cpus must be like 0,2-3, each below 32, not '3-1'");
	reports(VM "cpus 1,\n", "f:4: cpus must be like 0,2-3, each below 32, not '1,'");
	reports(VM "cpus -1\n", "f:4: cpus must be like 0,2-3, each below 32, not '-1'");
	reports(VM "cpus 1-\n", "f:4: cpus must be like 0,2-3, each below 32, not '1-'");
	reports(VM "cpus 99999999999999999999\n", "f:4: cpus must be like 0,2-3, each below 32, not '99999999999999999999'");
	CHECK_EQ(r.vm[0].cpus, 0);
}

TEST(processors_of_single_vcpus)
{
	parse(VM "vcpus 4\nvcpu 0 cpus 2\nvcpu 1-2  cpus 4-5,7 # comment\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.vm[0].cpus, 0);
	CHECK_EQ(r.vm[0].vcpu_cpus[0], 1 << 2);
	CHECK_EQ(r.vm[0].vcpu_cpus[1], 0xb0);
	CHECK_EQ(r.vm[0].vcpu_cpus[2], 0xb0);
	CHECK_EQ(r.vm[0].vcpu_cpus[3], 0);
	parse(VM "vcpu 7 cpus 31\nvcpus 8\n");               /* in any order */
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.vm[0].vcpu_cpus[7], 1ull << 31);
	reports(VM "vcpu 0\n", "f:4: vcpu takes a list of virtual CPUs, the word cpus, and a list of processors");
	reports(VM "vcpu\n", "f:4: vcpu takes a list of virtual CPUs, the word cpus, and a list of processors");
	reports(VM "vcpu 0 1\n", "f:4: vcpu takes a list of virtual CPUs, the word cpus, and a list of processors");
	reports(VM "vcpu 0 cpu 1\n", "f:4: vcpu takes a list of virtual CPUs, the word cpus, and a list of processors");
	reports(VM "vcpu 0 cpus 1 2\n", "f:4: vcpu takes a list of virtual CPUs, the word cpus, and a list of processors");
	reports(VM "vcpu 8 cpus 1\n", "f:4: vcpu must be like 0,2-3, each below 8, not '8'");
	reports(VM "vcpu 0 cpus 32\n", "f:4: cpus must be like 0,2-3, each below 32, not '32'");
	reports(VM "vcpus 3\nvcpu 0 cpus 1\nvcpu 0-1 cpus 2\n", "f:6: vcpu 0 was given before");
	CHECK_EQ(r.vm[0].vcpu_cpus[0], 1 << 1);
	CHECK_EQ(r.vm[0].vcpu_cpus[1], 1 << 2);
	reports(VM "vcpus 2\nvcpu 1-3 cpus 1\n", "f:1: vm a has 2 vcpus, numbered from 0: there is no vcpu 2-3");
	CHECK_EQ(r.vm[0].vcpu_cpus[1], 1 << 1);
	CHECK_EQ(r.vm[0].vcpu_cpus[2], 0);
}

TEST(paravirtual_features)
{
	parse(VM);
	CHECK_EQ(r.vm[0].kvm, CONF_KVM_ALL);
	parse(VM "kvm -steal-time  -eoi # comment\n");
	CHECK_EQ(r.vm[0].kvm, CONF_KVM_ALL & ~(uint32_t)(KVM_STEAL_TIME | KVM_EOI));
	parse(VM "kvm -all +poll-control +ipi -ipi\n");
	CHECK_EQ(r.vm[0].kvm, KVM_POLL_CONTROL);
	reports(VM "kvm\n", "f:4: kvm needs a value");
	reports(VM "kvm eoi\n", "f:4: kvm takes +FEATURE and -FEATURE, not 'eoi'");
	reports(VM "kvm -all +\n", "f:4: kvm takes +FEATURE and -FEATURE, not '+'");
	CHECK_EQ(r.vm[0].kvm, CONF_KVM_ALL);
}

TEST(modules)
{
	char text[2048] = VM;

	parse(VM "module one\nmodule two  with a text # comment\nmodule \"three # \"\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.vm[0].module_count, 3);
	CHECK_MEM(r.vm[0].modules, "one \0two with a text\0three #", sizeof("one \0two with a text\0three #"));
	reports(VM "module\n", "f:4: module needs a name");
	for (unsigned i = 0; i < CONF_MODULES_MAX; i++) {
		strcat(text, "module m\n");
	}
	parse(text);
	CHECK_EQ(r.vm[0].module_count, CONF_MODULES_MAX);
	strcat(text, "module m\n");
	parse(text);
	CHECK_EQ(r.vm[0].module_count, CONF_MODULES_MAX);
	CHECK_STR(r.message[0], "f:20: more than 16 modules, or more than 512 bytes of them");
	snprintf(text, sizeof(text), VM "module m %0500d\nmodule abcdefgh\nmodule abcdef\n", 0);
	parse(text);
	CHECK_EQ(r.message_count, 1);
	CHECK_EQ(r.vm[0].module_count, 2);
}

TEST(nothing_is_fine)
{
	parse("");
	CHECK_EQ(r.vm_count + r.message_count, 0);
	parse("\n\n  \n# x\n\t# y");
	CHECK_EQ(r.vm_count + r.message_count, 0);
}

TEST(carriage_returns_and_byte_order_mark)
{
	parse("\xef\xbb\xbfvm a\r\nmemory 1G\r\nkernel k\r\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.vm[0].memory, GIB(1));
	CHECK_STR(r.vm[0].kernel, "k");
	reports(VM "weight\r1\n", "f:4: byte 0dh does not belong here");
}

TEST(quotes)
{
	parse(VM "cmdline \"a # b \\\"c\\\\\"  # comment\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_STR(r.vm[0].cmdline, "a # b \"c\\");
	parse(VM "cmdline dyndbg=\"file x\" quiet\n");
	CHECK_STR(r.vm[0].cmdline, "dyndbg=\"file x\" quiet");
	reports(VM "cmdline \"open\n", "f:4: no closing quote");
	reports(VM "cmdline \"a\" b\n", "f:4: 'b' after the closing quote");
	reports(VM "cmdline \"\\n\"\n", "f:4: only \\\" and \\\\ may follow a backslash in quotes");
}

TEST(bad_lines_say_where_and_why)
{
	static const struct { const char *text, *message; } rows[] = {
		{ VM "frob 1\n", "f:4: unknown key 'frob'" },
		{ VM "vcpus 0\n", "f:4: vcpus must be a number from 1 to 8, not '0'" },
		{ VM "vcpus 9\n", "f:4: vcpus must be a number from 1 to 8, not '9'" },
		{ VM "vcpus 1x\n", "f:4: vcpus must be a number from 1 to 8, not '1x'" },
		{ VM "vcpus -1\n", "f:4: vcpus must be a number from 1 to 8, not '-1'" },
		{ VM "vcpus\n", "f:4: vcpus needs a value" },
		{ VM "vcpus 1 2\n", "f:4: vcpus takes one word" },
		{ VM "weight 10001\n", "f:4: weight must be a number from 1 to 10000, not '10001'" },
		{ VM "weight 18446744073709551617\n",
		  "f:4: weight must be a number from 1 to 10000, not '18446744073709551617'" },
		{ VM "autostart maybe\n", "f:4: autostart is no or yes, not 'maybe'" },
		{ VM "on-reboot x\n", "f:4: on-reboot is restart or stop, not 'x'" },
		{ VM "rng 1\n", "f:4: rng is no or yes, not '1'" },
		{ VM "console vga\n", "f:4: console is serial or virtio, not 'vga'" },
		{ VM "balloon 16M\n", "f:4: balloon is no or yes, not '16M'" },
		{ VM "bus isa\n", "f:4: bus is pci or mmio, not 'isa'" },
		{ VM "hpet on\n", "f:4: hpet is no or yes, not 'on'" },
		{ VM "uuid 1\n", "f:4: uuid must be like 032364d3-6ef8-48b7-bb9e-09217580533f, not '1'" },
		{ VM "uuid a b\n", "f:4: uuid takes one word" },
		{ VM "uuid 00000000-0000-0000-0000-000000000000\n",
		  "f:4: uuid must be like 032364d3-6ef8-48b7-bb9e-09217580533f, not '00000000-0000-0000-0000-00000000'" },
		{ VM "kernel k\n", "f:4: kernel was given before" },
		{ VM "weight \xc3\xa4\n", "f:4: byte c3h does not belong here" },
		{ "memory 1M\n", "f:1: 'memory' stands outside of a vm" },
		{ "node frob\n", "f:1: unknown key 'frob'" },
		{ "node\n", "f:1: unknown key ''" },
		{ "node when-idle later\n", "f:1: when-idle is stay or poweroff, not 'later'" },
		{ "node uplink\n", "f:1: uplink needs a value" },
		{ "node uplink default\n", "f:1: uplink needs a value" },
		{ "node uplink -x auto\n", "f:1: a name is made of letters, digits, - and _: '-x'" },
		{ "node uplink x eth0\n", "f:1: uplink is auto, none or pci BB:DD.F, not 'eth0'" },
		{ "node uplink x pci\n", "f:1: pci needs a value" },
		{ "node uplink x pci 00:20.0\n", "f:1: pci must be like 02:00.0 or 0000:02:00.0, not '00:20.0'" },
		{ "node uplink x pci 00:1f.8\n", "f:1: pci must be like 02:00.0 or 0000:02:00.0, not '00:1f.8'" },
		{ "node uplink x pci 100:00.0\n", "f:1: pci must be like 02:00.0 or 0000:02:00.0, not '100:00.0'" },
		{ "node uplink x pci 10000:00:00.0\n", "f:1: pci must be like 02:00.0 or 0000:02:00.0, not '10000:00:00.0'" },
		{ "node uplink x pci 00:00.0.0\n", "f:1: pci must be like 02:00.0 or 0000:02:00.0, not '00:00.0.0'" },
		{ "node bridge\n", "f:1: bridge needs a value" },
		{ "node bridge br0\n", "f:1: bridge NAME needs a value" },
		{ "node bridge br0 lab x\n", "f:1: bridge takes no more than that" },
		{ "node bridge br0 -x\n", "f:1: a name is made of letters, digits, - and _: '-x'" },
		{ "node bridge 01234567890123456789012345678901 x\n", "f:1: bridge longer than 31 bytes" },
		{ "node bridge br0 a\nnode bridge br0 b\n", "f:2: bridge br0 has a line of its own already" },
		{ "node uplink x auto fast\n", "f:1: uplink takes no more than that" },
		{ "node uplink x auto\nnode uplink x none\n", "f:2: switch x has a line of its own already" },
		{ "node uplink x pci 01:02.3\nnode uplink y pci 0000:01:02.3\n", "f:2: switch x has that card already" },
		{ "node uplink a auto\nnode uplink b auto\nnode uplink c auto\nnode uplink d auto\nnode uplink e auto\n",
		  "f:5: more than 4 uplinks" },
		{ "vm a b\n", "f:1: vm takes one word" },
		{ "vm\nmemory 1M\n", "f:1: vm needs a value" },
		{ "vm a/b\nmemory 1M\n", "f:1: a name is made of letters, digits, - and _: 'a/b'" },
		{ "vm -a\n", "f:1: a name is made of letters, digits, - and _: '-a'" },
		{ VM "vm a\nmemory 2M\n", "f:4: vm a was given before" },
		{ "vm a\nkernel k\n", "f:1: vm a is left out: it has no memory" },
		{ "vm a\nmemory 1M\n", "f:1: vm a is left out: it has no kernel" },
		{ VM "vm 0123456789012345678901234567890123\n", "f:4: vm longer than 31 bytes" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reports(rows[i].text, rows[i].message);
	}
}

TEST(bridges)
{
	parse("node bridge br0 default\nnode bridge onebr.12 lab\nnode bridge * lab\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.node.bridge_count, 3);
	CHECK_STR(r.node.bridge[1].name, "onebr.12");
	CHECK_STR(r.node.bridge[1].net, "lab");
	CHECK_STR(r.node.bridge[2].name, "*");
	parse("node bridge 1 a\nnode bridge 2 a\nnode bridge 3 a\nnode bridge 4 a\nnode bridge 5 a\nnode bridge 6 a\nnode bridge 7 a\nnode bridge 8 a\n"
	      "node bridge 9 a\nnode bridge 10 a\nnode bridge 11 a\nnode bridge 12 a\nnode bridge 13 a\nnode bridge 14 a\nnode bridge 15 a\n"
	      "node bridge 16 a\nnode bridge 17 a\n");
	CHECK_EQ(r.node.bridge_count, 16);
	CHECK_EQ(r.message_count, 1);
	CHECK_STR(r.message[0], "f:17: more than 16 bridges");
}

TEST(uplinks)
{
	parse("node uplink default auto\nnode uplink lab pci 02:1f.7\nnode uplink dmz none\nnode uplink far pci ABCD:ff:00.0\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.uplink_count, 4);
	CHECK_STR(r.uplink[0].net, "default");
	CHECK_EQ(r.uplink[0].card, CONF_UPLINK_AUTO);
	CHECK_EQ(r.uplink[1].card, CONF_UPLINK_PCI);
	CHECK_EQ(r.uplink[1].segment, 0);
	CHECK_EQ(r.uplink[1].bus, 2);
	CHECK_EQ(r.uplink[1].slot, 0x1f);
	CHECK_EQ(r.uplink[1].function, 7);
	CHECK_EQ(r.uplink[2].card, CONF_UPLINK_NONE);
	CHECK_EQ(r.uplink[3].segment, 0xabcd);
	CHECK_EQ(r.uplink[3].bus, 0xff);
}

TEST(bad_memory)
{
	static const char *const bad[] = { "0M", "256", "1K", "1.5G", "1MB", "1048577M", "1025G", "18446744073709551615G",
					   "99999999999999999999M", "M", "-1M" };
	char text[128], want[128];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "vm a\nmemory %s\nkernel k\n", bad[i]);
		parse(text);
		CHECK_EQ(r.vm_count, 0);
		CHECK_EQ(r.message_count, 2);
		snprintf(want, sizeof(want), "not '%s'", bad[i]);
		CHECK(strstr(r.message[0], "f:2: memory must be") == r.message[0]);
		CHECK(strstr(r.message[0], want) != NULL);
	}
}

TEST(a_bad_line_costs_only_itself)
{
	parse("vm a\nmemory 1M\nfrob\nkernel k\nweight x\nvm b\nmemory oops\nkernel k\nvm c\nmemory 2M\nkernel k2\n");
	CHECK_EQ(r.vm_count, 2);
	CHECK_STR(r.vm[0].name, "a");
	CHECK_EQ(r.vm[0].weight, 100);
	CHECK_STR(r.vm[1].name, "c");
	CHECK_STR(r.vm[1].kernel, "k2");
	CHECK_EQ(r.message_count, 4);
}

TEST(lines_of_a_bad_vm_are_not_reported_again)
{
	parse("vm a!\nmemory 1M\nfrob\n" VM);
	CHECK_EQ(r.message_count, 1);
	CHECK_EQ(r.vm_count, 1);
}

TEST(nul_bytes)
{
	static const char text[] = "vm a\nmemory 1M\nker\0nel k\nkernel k\n";

	parse_bytes(text, sizeof(text) - 1);
	CHECK_EQ(r.message_count, 1);
	CHECK_STR(r.message[0], "f:3: a NUL byte: this is no text");
	CHECK_EQ(r.vm_count, 1);
}

TEST(long_values)
{
	char text[4096], value[2048];

	memset(value, 'x', sizeof(value));
	value[1023] = '\0';
	snprintf(text, sizeof(text), VM "cmdline %s\n", value);
	parse(text);
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(strlen(r.vm[0].cmdline), 1023);
	value[1023] = 'x';
	value[1024] = '\0';
	snprintf(text, sizeof(text), VM "cmdline %s\n", value);
	reports(text, "f:4: value longer than 1023 bytes");
	snprintf(text, sizeof(text), VM "cmdline \"%s\"\n", value);
	reports(text, "f:4: value longer than 1023 bytes");
	value[64] = '\0';
	snprintf(text, sizeof(text), VM "initrd %s\n", value);
	reports(text, "f:4: initrd longer than 63 bytes");
}

TEST(too_many_vms_and_messages)
{
	char text[8192];
	size_t n = 0;

	for (int i = 0; i < CONF_VMS_MAX + 6; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "vm v%d\nmemory 1M\nkernel k\n", i);
	}
	parse(text);
	CHECK_EQ(r.vm_count, CONF_VMS_MAX);
	CHECK_EQ(r.message_count, 6);
	CHECK_STR(r.message[0], "f:385: more than 128 VMs");
	n = 0;
	for (int i = 0; i < 100; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "x\n");
	}
	parse(text);
	CHECK_EQ(r.message_count, CONF_MESSAGES_MAX);
	CHECK_EQ(r.dropped_messages, 36);
}

TEST(init_believes_nothing)
{
	const char *why;

	parse(VM VM "vm b\nmemory 1M\nkernel k\n");
	CHECK_EQ(r.vm_count, 2);
	r.vm_count = CONF_VMS_MAX + 1;
	CHECK(!config_check(&r, &why));
	r.vm_count = 2;
	r.vm[1].memory = MIB(1) + 1;
	CHECK(!config_check(&r, &why));
	r.vm[1].memory = MIB(1);
	memset(r.vm[1].cmdline, 'x', sizeof(r.vm[1].cmdline));
	CHECK(!config_check(&r, &why));
	r.vm[1].cmdline[3] = '\0';
	CHECK(config_check(&r, &why));
	strcpy(r.vm[1].name, "a");
	CHECK(!config_check(&r, &why));
	strcpy(r.vm[1].name, "b\x1b");
	CHECK(!config_check(&r, &why));
	strcpy(r.vm[1].name, "b");
	memset(r.message[0], 'x', sizeof(r.message[0]));
	CHECK(!config_check(&r, &why));
	r.message[0][0] = '\0';
	CHECK(config_check(&r, &why));
	r.vm[1].vcpu_cpus[7] = 1;
	CHECK(!config_check(&r, &why));
	r.vm[1].vcpu_cpus[7] = 0;
	r.vm[1].vcpus = ~0u;
	CHECK(!config_check(&r, &why));
	r.vm[1].vcpus = 0;
	CHECK(!config_check(&r, &why));
	r.vm[1].vcpus = 1;
	CHECK(config_check(&r, &why));
	r.vm[1].kvm = 1u << 31;
	CHECK(!config_check(&r, &why));
	r.vm[1].kvm = 0;
	r.vm[1].module_count = 1;                        /* a string without a blank */
	CHECK(!config_check(&r, &why));
	strcpy(r.vm[1].modules, "m ");
	CHECK(config_check(&r, &why));
	r.vm[1].module_count = ~0u;
	CHECK(!config_check(&r, &why));
	r.vm[1].module_count = 1;
	memset(r.vm[1].modules, 'm', sizeof(r.vm[1].modules));
	CHECK(!config_check(&r, &why));
	r.vm[1].module_count = 0;
	r.magic = 0;
	CHECK(!config_check(&r, &why));
}

TEST(disks)
{
	parse(VM "disk root.img\ndisk data.img room 2G\ndisk cd.iso ro # the installer\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.vm[0].disk_count, 3);
	CHECK_STR(r.vm[0].disk[0].module, "root.img");
	CHECK_EQ(r.vm[0].disk[0].room, 0);
	CHECK_EQ(r.vm[0].disk[0].read_only, 0);
	CHECK_EQ(r.vm[0].disk[1].room, GIB(2));
	CHECK_EQ(r.vm[0].disk[2].read_only, 1);
	reports(VM "disk\n", "f:4: disk needs a value");
	reports(VM "disk a rw\n", "f:4: disk takes ro or room SIZE, not 'rw'");
	reports(VM "disk a room\n", "f:4: room needs a value");
	reports(VM "disk a room 5\n", "f:4: room must be like 256M or 2G, not '5'");
	reports(VM "disk a ro room 5M\n", "f:4: disk takes no more than that");
	reports(VM "disk a\ndisk a\ndisk a\ndisk a\ndisk a\ndisk a\ndisk a\ndisk a\ndisk a\n", "f:12: more than 8 disks");
	CHECK_EQ(r.vm[0].disk_count, 8);
}

TEST(network_cards)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0xab, 0xcd, 0xef };

	parse(VM "nic\nnic switch lab mac 02:00:00:ab:CD:ef\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.vm[0].nic_count, 2);
	CHECK_STR(r.vm[0].nic[0].net, "default");
	CHECK_EQ(r.vm[0].nic[0].mac[0], 0);
	CHECK_STR(r.vm[0].nic[1].net, "lab");
	CHECK_MEM(r.vm[0].nic[1].mac, mac, 6);
	reports(VM "nic mac\n", "f:4: mac needs a value");
	reports(VM "nic mac 1:2:3:4:5:6\n", "f:4: mac must be like 02:00:00:00:00:01, not '1:2:3:4:5:6'");
	reports(VM "nic mac 01:00:00:00:00:01\n", "f:4: mac must be like 02:00:00:00:00:01, not '01:00:00:00:00:01'");
	reports(VM "nic mac 00:00:00:00:00:00\n", "f:4: mac must be like 02:00:00:00:00:01, not '00:00:00:00:00:00'");
	reports(VM "nic mac 02:00:00:00:00:01:02\n", "f:4: mac must be like 02:00:00:00:00:01, not '02:00:00:00:00:01:02'");
	reports(VM "nic switch a.b\n", "f:4: a name is made of letters, digits, - and _: 'a.b'");
	reports(VM "nic lab\n", "f:4: nic takes mac ADDRESS and switch NAME, not 'lab'");
	reports(VM "nic\nnic\nnic\nnic\nnic\n", "f:8: more than 4 nics");
}

TEST(two_cards_with_one_address)
{
	static const char mac[] = "nic mac 02:00:00:00:00:01 switch lab\n", other[] = "nic mac 02:00:00:00:00:02 switch lab\n";
	char text[512];

	snprintf(text, sizeof(text), VM "%svm b\nmemory 1M\nkernel k\n%s", mac, mac);
	reports(text, "f:8: vm a has a card with that mac on switch lab already");
	CHECK_EQ(r.vm_count, 2);
	CHECK_EQ(r.vm[0].nic_count, 1);
	CHECK_EQ(r.vm[1].nic_count, 0);
	snprintf(text, sizeof(text), VM "%s%s", mac, mac);
	reports(text, "f:5: vm a has a card with that mac on switch lab already");
	parse(VM "nic mac 02:00:00:00:00:01\nnic switch lab mac 02:00:00:00:00:01\n");        /* two switches */
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.vm[0].nic_count, 2);
	parse(VM "nic\nnic\n");                             /* init chooses */
	CHECK_EQ(r.message_count, 0);
	snprintf(text, sizeof(text), VM "%svm b\nmemory 1M\nkernel k\n%s", mac, other);
	parse(text);
	CHECK_EQ(r.message_count, 0);
	snprintf(text, sizeof(text), "vm gone\nkernel k\n%s" VM "%s", mac, mac);      /* what is left out has no card */
	parse(text);
	CHECK_EQ(r.message_count, 1);
	CHECK_EQ(r.vm_count, 1);
	CHECK_EQ(r.vm[0].nic_count, 1);
}

TEST(the_node_has_a_name_and_an_address)
{
	parse("");
	CHECK_STR(r.node.name, "brume");
	CHECK_EQ(r.node.address_mode, CONF_ADDRESS_NONE);
	parse("node name n-1\nnode address dhcp ntp 192.0.2.3\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_STR(r.node.name, "n-1");
	CHECK_EQ(r.node.address_mode, CONF_ADDRESS_DHCP);
	CHECK_EQ(r.node.ntp, 0xc0000203);
	CHECK_STR(r.node.net, "default");
	CHECK_STR(r.node.ntp_name, "");
	parse("node bridge br0 lan\nnode address dhcp ntp time-1.example.org\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_STR(r.node.ntp_name, "time-1.example.org");
	CHECK_EQ(r.node.ntp, 0);
	CHECK_EQ(r.node.bridge_count, 1);
	parse("node address 192.0.2.10/24 gateway 192.0.2.1 dns 192.0.2.2 net lan # ours\n");
	CHECK_EQ(r.message_count, 0);
	CHECK_EQ(r.node.address_mode, CONF_ADDRESS_STATIC);
	CHECK_EQ(r.node.address, 0xc000020a);
	CHECK_EQ(r.node.prefix, 24);
	CHECK_EQ(r.node.gateway, 0xc0000201);
	CHECK_EQ(r.node.dns, 0xc0000202);
	CHECK_STR(r.node.net, "lan");
}

TEST(an_address_that_is_none_is_reported)
{
	static const char *const bad[] = {
		"", "192.0.2.10", "192.0.2.10/0", "192.0.2.10/33", "192.0.2.256/24", "192.0.2/24", "192.0.2.10.1/24", "192.0.02.1/24",
		"0.0.0.1/24", "127.0.0.1/8", "224.0.0.1/24", "255.255.255.255/32", "192.0.2.10/24x", "dhcpd",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[64];

		snprintf(text, sizeof(text), "node address %s\n", bad[i]);
		reports(text, "f:1: address takes 'dhcp' or an address and its prefix like 192.0.2.10/24");
		CHECK_EQ(r.node.address_mode, CONF_ADDRESS_NONE);
	}
	reports("node address dhcp gateway 192.0.2.1\n", "f:1: a gateway comes by DHCP, or the address is given");
	reports("node address 192.0.2.10/24 gateway\n", "f:1: gateway needs one address like 192.0.2.1");
	reports("node address 192.0.2.10/24 dns 1.2.3.4 dns 1.2.3.4\n", "f:1: dns needs one address like 192.0.2.1");
	reports("node address 192.0.2.10/24 route 1.2.3.4\n", "f:1: address takes gateway, dns, ntp and net, not 'route'");
	reports("node address 192.0.2.10/24 ntp time\n", "f:1: a time server by name needs a name server: dns");
	reports("node address dhcp ntp 1.2.3.4.5\n", "f:1: ntp needs one address like 192.0.2.1 or one name");
	reports("node address dhcp ntp time ntp 1.2.3.4\n", "f:1: ntp needs one address like 192.0.2.1 or one name");
	reports("node address dhcp ntp a_b\n", "f:1: ntp needs one address like 192.0.2.1 or one name");
	reports("node address dhcp net a/b\n", "f:1: a name is made of letters, digits, - and _: 'a/b'");
	reports("node name a.b\n", "f:1: a name is made of letters, digits, - and _: 'a.b'");
}
