/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenNebula's requests: what of a VM's XML becomes which line of its text, what is refused in which words, and the table in the documentation.
 * sources: mgmt/one_vm.c mgmt/one_xml.c mgmt/one_attributes.c mgmt/one_take.c mgmt/one_take_net.c mgmt/one_text.c lib/cpu_list.c lib/hex.c lib/fmt.c
 * sources: conf/parse.c conf/words.c conf/devices.c conf/address.c conf/place.c conf/uplink.c
 * libraries: expat
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/parse.h"
#include "mgmt/one_plan.h"
#include "mgmt/one_xml.h"
#include "mgmt/random.h"
#include "tests/unit/check.h"

enum { XML_MAX = 32768, BODY_MAX = XML_MAX + 1024 };

static struct conf_node node;
static struct one_vm vm;
static char why[MGMT_WHY];
static size_t piece;                 /* bytes of a body that come at once; 0: all of it */

int random_fill(void *out, size_t len)
{
	memset(out, 0x5a, len);
	return OK;
}

/* A whole body; leaves vm and why. */
static int run_bytes(const char *body, size_t len, bool deploy)
{
	struct one_request *r;
	const char *words = "";
	int result = OK;

	memset(&vm, 0xee, sizeof(vm));
	CHECK_EQ(one_request_begin(&r, &node, deploy), OK);
	for (size_t at = 0, n; at < len && result == OK; at += n) {
		n = piece && piece < len - at ? piece : len - at;
		result = one_request_data(r, (const uint8_t *)body + at, n, &words);
	}
	if (result == OK) {
		result = one_request_end(r, &vm, &words);
	}
	snprintf(why, sizeof(why), "%s", result < 0 ? words : "");
	one_request_free(r);
	return result;
}

static int run(const char *body, bool deploy)
{
	return run_bytes(body, strlen(body), deploy);
}

/* A deploy of VM 12 on datastore 102 with these elements in its template. */
static int template(const char *elements)
{
	static char body[BODY_MAX];

	snprintf(body, sizeof(body),
		 "<VMM_DRIVER_ACTION_DATA><HOST>n1</HOST><DEPLOY_ID/><VM><ID>12</ID><NAME>web</NAME><TEMPLATE>%s</TEMPLATE>"
		 "<USER_TEMPLATE><COLOR><![CDATA[red]]></COLOR></USER_TEMPLATE><HISTORY_RECORDS><HISTORY><SEQ>0</SEQ><DS_ID>100</DS_ID></HISTORY>"
		 "<HISTORY><SEQ>1</SEQ><DS_ID>102</DS_ID></HISTORY></HISTORY_RECORDS></VM></VMM_DRIVER_ACTION_DATA>", elements);
	return run(body, true);
}

/* The same with a memory and a kernel. */
static int deploy(const char *elements)
{
	static char all[XML_MAX];
	int n;

	n = snprintf(all, sizeof(all), "<MEMORY><![CDATA[512]]></MEMORY><OS><KERNEL><![CDATA[/k]]></KERNEL></OS>%s", elements);
	CHECK(n > 0 && (size_t)n < sizeof(all));
	return template(all);
}

/* Whether the text has that line; and conf, which reads it on the node, has nothing to say against any. */
static bool has_line(const char *line)
{
	static struct conf_result result;
	size_t len = strlen(line);

	conf_parse(vm.text, vm.text_bytes, "vm", &result);
	CHECK_EQ(result.message_count, 0);
	CHECK_EQ(result.vm_count, 1);
	for (const char *at = vm.text; at && *at; at = strchr(at, '\n'), at += at ? 1 : 0) {
		if (strncmp(at, line, len) == 0 && at[len] == '\n') {
			return true;
		}
	}
	printf("no line '%s' in:\n%s", line, vm.text);
	return false;
}

static bool refuses(const char *elements, const char *words)
{
	int result = deploy(elements);

	if (result != E_INVAL || !strstr(why, words)) {
		printf("%s: %d '%s', not '%s'\n", elements, result, why, words);
		return false;
	}
	return vm.text_bytes == 0;
}

TEST(a_small_vm_becomes_its_text)
{
	CHECK_EQ(deploy(""), OK);
	CHECK(strcmp(vm.text, "vm one-12\nmemory 512M\nvcpus 1\nweight 100\nkernel one-102-12-kernel\non-reboot restart\nautostart no\n") == 0);
	CHECK_EQ(vm.id, 12);
	CHECK_EQ(vm.datastore, 102);
	CHECK(!vm.vnc && !vm.deploy_id[0]);
	CHECK_EQ(vm.disk_count, 2);
	CHECK(strcmp(vm.disk[0], "one-102-12-kernel") == 0);
	CHECK(strcmp(vm.disk[1], "one-102-12-initrd") == 0);
}

/* A request in the form that oned gives it. */
TEST(a_whole_request_of_oned_becomes_its_text)
{
	static char body[XML_MAX];
	FILE *file = fopen("tests/unit/one_vm_deploy.xml", "r");
	size_t len = file ? fread(body, 1, sizeof(body), file) : 0;

	CHECK(len && len < sizeof(body));
	fclose(file);
	for (piece = 0; piece <= 3; piece++) {
		CHECK_EQ(run_bytes(body, len, true), OK);
		CHECK(strcmp(vm.text,
			     "vm one-12\nmemory 768M\nvcpus 2\nweight 50\nkernel one-102-12-kernel\ninitrd one-102-12-initrd\n"
			     "uuid 0f0e0d0c-1111-2222-3333-444455556666\ncmdline \"root=/dev/vda1 ro console=ttyS0\"\ndisk one-102-12-disk.0\ndisk one-102-12-disk.1\ndisk one-102-12-disk.2 ro\n"
			     "nic switch default mac 02:00:c0:00:02:14\non-reboot restart\nautostart no\n") == 0);
		CHECK(has_line("vcpus 2"));
		CHECK(vm.vnc && vm.vnc_port == 5912 && strcmp(vm.vnc_password, "abcdefgh") == 0);
		CHECK_EQ(vm.disk_count, 5);
	}
	piece = 0;
}

#define DISK0 "<DISK><DISK_ID>0</DISK_ID><TARGET>vda</TARGET><TYPE>FILE</TYPE><FORMAT>raw</FORMAT></DISK>"

/* One attribute at a time: the line that it becomes. */
TEST(each_value_becomes_its_line)
{
	static const struct {
		const char *elements, *line;
	} row[] = {
		{ "<MEMORY>2048</MEMORY>", "memory 2048M" },
		{ "<MEMORY_MAX>512</MEMORY_MAX>", "memory 512M" },
		{ "<VCPU>4</VCPU>", "vcpus 4" },
		{ "<VCPU>4</VCPU><VCPU_MAX>4</VCPU_MAX>", "vcpus 4" },
		{ "<CPU>2</CPU>", "weight 200" },
		{ "<CPU>0.25</CPU>", "weight 25" },
		{ "<CPU>0.1</CPU>", "weight 10" },
		{ "<CPU>.5</CPU>", "weight 50" },
		{ "<CPU>0.001</CPU>", "weight 1" },
		{ "<CPU>100</CPU>", "weight 10000" },
		{ "<OS><INITRD>/i</INITRD></OS>", "initrd one-102-12-initrd" },
		{ "<OS><KERNEL_CMD>console=ttyS0 quiet</KERNEL_CMD></OS>", "cmdline \"console=ttyS0 quiet\"" },
		{ "<OS><KERNEL_CMD><![CDATA[ a=\"b # c\\\" ]]></KERNEL_CMD></OS>", "cmdline \" a=\\\"b # c\\\\\\\" \"" },
		{ "<OS><ROOT>vda1</ROOT><KERNEL_CMD>ro</KERNEL_CMD></OS>", "cmdline \"root=/dev/vda1 ro\"" },
		{ "<OS><ROOT>/dev/vdb</ROOT></OS>", "cmdline \"root=/dev/vdb \"" },
		{ "<OS><ROOT>LABEL=x</ROOT></OS>", "cmdline \"root=LABEL=x \"" },
		{ "<OS><ROOT>sda2</ROOT></OS><DISK><DISK_ID>3</DISK_ID><TARGET>hda</TARGET></DISK><DISK><DISK_ID>4</DISK_ID><TARGET>sda</TARGET></DISK>",
		  "cmdline \"root=/dev/vda2 \"" },
		{ "<OS><UUID>032364D3-6ef8-48b7-bb9e-09217580533f</UUID></OS>", "uuid 032364D3-6ef8-48b7-bb9e-09217580533f" },
		{ DISK0, "disk one-102-12-disk.0" },
		{ "<DISK><DISK_ID>7</DISK_ID><TARGET>hda</TARGET><TYPE>CDROM</TYPE></DISK>", "disk one-102-12-disk.7 ro" },
		{ "<DISK><DISK_ID>7</DISK_ID><READONLY>YES</READONLY></DISK>", "disk one-102-12-disk.7 ro" },
		{ "<DISK><DISK_ID>2</DISK_ID><TYPE>swap</TYPE><FORMAT>swap</FORMAT></DISK>", "disk one-102-12-disk.2" },
		{ "<CONTEXT><DISK_ID>1</DISK_ID><TARGET>hda</TARGET><ETH0_IP>1.2.3.4</ETH0_IP></CONTEXT>", "disk one-102-12-disk.1 ro" },
		{ "<NIC><MAC>02:00:0A:00:00:0a</MAC><BRIDGE>br0</BRIDGE></NIC>", "nic switch default mac 02:00:0a:00:00:0a" },
		{ "<NIC><MODEL>virtio</MODEL><VN_MAD>bridge</VN_MAD></NIC>", "nic switch default" },
		{ "<TOPOLOGY><PIN_POLICY>thread</PIN_POLICY><SOCKETS>1</SOCKETS><HUGEPAGE_SIZE>2</HUGEPAGE_SIZE></TOPOLOGY><VCPU>2</VCPU>"
		  "<NUMA_NODE><CPUS>0,4</CPUS><TOTAL_CPUS>2</TOTAL_CPUS><NODE_ID>0</NODE_ID><MEMORY>524288</MEMORY></NUMA_NODE>", "vcpu 1 cpus 4" },
		{ "<TOPOLOGY><PIN_POLICY>CORE</PIN_POLICY></TOPOLOGY><VCPU>2</VCPU><NUMA_NODE><CPUS>3</CPUS><TOTAL_CPUS>1</TOTAL_CPUS></NUMA_NODE>"
		  "<NUMA_NODE><CPUS>9</CPUS><TOTAL_CPUS>1</TOTAL_CPUS></NUMA_NODE>", "cpus 3,9" },
		{ "<TOPOLOGY><PIN_POLICY>SHARED</PIN_POLICY></TOPOLOGY><VCPU>2</VCPU><NUMA_NODE><CPUS>2,6</CPUS><TOTAL_CPUS>2</TOTAL_CPUS></NUMA_NODE>",
		  "vcpu 1 cpus 2,6" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		int result = deploy(row[i].elements);

		if (result != OK) {
			printf("%s: %s\n", row[i].elements, why);
		}
		CHECK_EQ(result, OK);
		CHECK(has_line(row[i].line));
	}
}

static size_t place_of(const char *line)
{
	const char *at = strstr(vm.text, line);

	CHECK(at);
	return (size_t)(at - vm.text);
}

TEST(disks_stand_in_the_order_of_their_targets_and_the_context_behind_them)
{
	CHECK_EQ(deploy("<CONTEXT><DISK_ID>1</DISK_ID><TARGET>sda</TARGET></CONTEXT>"
			"<DISK><DISK_ID>3</DISK_ID><TARGET>vdb</TARGET></DISK>"
			"<DISK><DISK_ID>0</DISK_ID><TARGET>hda</TARGET></DISK>"
			"<DISK><DISK_ID>2</DISK_ID><TARGET>vda</TARGET></DISK>"), OK);
	CHECK(place_of("disk.2\n") < place_of("disk.3\n"));
	CHECK(place_of("disk.3\n") < place_of("disk.0\n"));
	CHECK(place_of("disk.0\n") < place_of("disk.1 ro\n"));
	CHECK_EQ(vm.disk_count, 6);
	CHECK(strcmp(vm.disk[5], "one-102-12-disk.1") == 0);
}

/* Disks by their ids, as guest's vda, vdb and so on. */
static bool stand_as(const char *ids)
{
	char line[32];
	size_t last = 0;

	for (; *ids; ids++) {
		snprintf(line, sizeof(line), "\ndisk one-102-12-disk.%c", *ids);
		if (place_of(line) <= last) {
			printf("%s\n", vm.text);
			return false;
		}
		last = place_of(line);
	}
	return true;
}

#define DISK(id, target) "<DISK><DISK_ID>" id "</DISK_ID><TARGET>" target "</TARGET></DISK>"
#define CDROM(id, target) "<DISK><DISK_ID>" id "</DISK_ID><TARGET>" target "</TARGET><TYPE>CDROM</TYPE></DISK>"
#define CONTEXT(id) "<CONTEXT><DISK_ID>" id "</DISK_ID><TARGET>hda</TARGET></CONTEXT>"

TEST(a_disk_has_the_letter_of_its_target_also_beside_cd_roms)
{
	static const struct { const char *disks, *ids; } row[] = {
		{ DISK("0", "vda") CDROM("1", "hda") DISK("2", "vdb") CONTEXT("3"), "0213" },
		{ CDROM("1", "sda") DISK("0", "hda") DISK("2", "hdb") CONTEXT("3"), "0213" },
		{ CDROM("1", "vda") DISK("0", "vdb") DISK("2", "vdc"), "102" },
		{ DISK("0", "vda") DISK("2", "vdc") CONTEXT("1"), "021" },
		{ DISK("0", "sda") CDROM("1", "hda") DISK("2", "sdc") CONTEXT("3"), "0123" },
		{ DISK("0", "sda") DISK("1", "vdb"), "10" },
		{ DISK("0", "vda") DISK("2", "vdc") DISK("3", "vdd"), "023" },
		{ DISK("0", "vda") DISK("3", "vdd") CDROM("1", "hda") CDROM("2", "hdb") CONTEXT("4"), "01234" },
		{ DISK("0", "sda") DISK("1", "vda"), "10" },
		{ DISK("0", "vda") DISK("2", "vdc"), "02" },
		{ DISK("0", "vdaa") DISK("1", "vdb") "<DISK><DISK_ID>2</DISK_ID></DISK>", "102" },
		{ DISK("5", "vdh") DISK("4", "vdh") CONTEXT("3"), "453" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK_EQ(deploy(row[i].disks), OK);
		CHECK(stand_as(row[i].ids));
	}
	CHECK_EQ(deploy("<OS><ROOT>vdc1</ROOT></OS>" DISK("0", "vda") DISK("2", "vdc") CDROM("1", "hda")), OK);
	CHECK(has_line("cmdline \"root=/dev/vdc1 \""));
	CHECK_EQ(deploy("<OS><ROOT>vdc1</ROOT></OS>" DISK("0", "vda") DISK("2", "vdc")), OK);
	CHECK(has_line("cmdline \"root=/dev/vdb1 \""));
}

TEST(graphics_tell_of_a_console_by_vnc)
{
	CHECK_EQ(deploy("<GRAPHICS><TYPE>VNC</TYPE><LISTEN>0.0.0.0</LISTEN><PORT>5912</PORT><PASSWD>secret12</PASSWD><KEYMAP>de</KEYMAP></GRAPHICS>"), OK);
	CHECK(vm.vnc);
	CHECK_EQ(vm.vnc_port, 5912);
	CHECK(strcmp(vm.vnc_password, "secret12") == 0);
	CHECK_EQ(deploy("<GRAPHICS><TYPE>VNC</TYPE><PORT>5900</PORT></GRAPHICS>"), OK);
	CHECK(vm.vnc && !vm.vnc_password[0]);
}

TEST(bridges_are_switches_as_the_node_says)
{
	node = (struct conf_node){ .bridge_count = 2, .bridge = { { "br0", "default" }, { "onebr.2", "lab" } } };
	CHECK_EQ(deploy("<NIC><BRIDGE>onebr.2</BRIDGE></NIC><NIC><BRIDGE>br0</BRIDGE></NIC>"), OK);
	CHECK(place_of("nic switch lab\n") < place_of("nic switch default\n"));
	CHECK_EQ(deploy("<NIC><BRIDGE>other</BRIDGE><PHYDEV>br0</PHYDEV></NIC>"), OK);
	CHECK(has_line("nic switch default"));
	CHECK(refuses("<NIC><BRIDGE>br1</BRIDGE></NIC>", "NIC/BRIDGE=br1: the node's configuration has no `node bridge` line for it"));
	node = (struct conf_node){ .bridge_count = 1, .bridge = { { "*", "rest" } } };
	CHECK_EQ(deploy("<NIC><BRIDGE>a</BRIDGE></NIC><NIC><BRIDGE>b</BRIDGE></NIC>"), OK);
	CHECK(has_line("nic switch rest"));
	node = (struct conf_node){ 0 };
	CHECK_EQ(deploy("<NIC><BRIDGE>a</BRIDGE></NIC><NIC><BRIDGE>a</BRIDGE></NIC>"), OK);
	CHECK(refuses("<NIC><BRIDGE>a</BRIDGE></NIC><NIC><BRIDGE>b</BRIDGE></NIC>", "NIC/BRIDGE=a and b would be one network"));
}

#define RULE(group, type, more) \
	"<SECURITY_GROUP_RULE><SECURITY_GROUP_ID>" group "</SECURITY_GROUP_ID><RULE_TYPE>" type "</RULE_TYPE>" more "</SECURITY_GROUP_RULE>"
#define ALL "<PROTOCOL>ALL</PROTOCOL>"

TEST(security_groups_must_allow_everything)
{
	CHECK_EQ(deploy("<NIC><SECURITY_GROUPS>0</SECURITY_GROUPS></NIC>" RULE("0", "OUTBOUND", ALL) RULE("0", "inbound", ALL)), OK);
	CHECK_EQ(deploy("<NIC><SECURITY_GROUPS>7,0</SECURITY_GROUPS></NIC>" RULE("0", "outbound", ALL) RULE("7", "inbound", ALL)), OK);
	CHECK(refuses("<NIC><SECURITY_GROUPS>100,7</SECURITY_GROUPS></NIC>" RULE("100", "outbound", ALL) RULE("0", "inbound", ALL),
		      "NIC/SECURITY_GROUPS=100,7: do not allow all packets in"));
	CHECK(refuses("<NIC><SECURITY_GROUPS>0</SECURITY_GROUPS></NIC>" RULE("0", "outbound", ALL "<RANGE>22</RANGE>") RULE("0", "inbound", ALL), "packets out"));
	CHECK(refuses("<NIC><SECURITY_GROUPS>0</SECURITY_GROUPS></NIC>" RULE("0", "outbound", ALL) RULE("0", "inbound", "<PROTOCOL>TCP</PROTOCOL>"), "in"));
	CHECK(refuses("<NIC><SECURITY_GROUPS>0</SECURITY_GROUPS></NIC>" RULE("0", "outbound", ALL) RULE("0", "inbound", ALL "<NEW_THING>1</NEW_THING>"), "in"));
	CHECK(refuses("<NIC><SECURITY_GROUPS>0</SECURITY_GROUPS></NIC>" RULE("0", "outbound", ALL) RULE("0", "inbound", ALL "<IP>10.0.0.1</IP>"), "in"));
	CHECK(refuses("<NIC><SECURITY_GROUPS>0</SECURITY_GROUPS></NIC>", "packets in"));
	CHECK(refuses("<NIC><SECURITY_GROUPS>a</SECURITY_GROUPS></NIC>", "NIC/SECURITY_GROUPS=a"));
}

TEST(what_cannot_be_is_refused_by_name)
{
	static const struct {
		const char *elements, *words;
	} row[] = {
		{ "<MEMORY>0</MEMORY>", "MEMORY=0: this node takes 1 to 1048576" },
		{ "<MEMORY>12x</MEMORY>", "MEMORY=12x" },
		{ "<MEMORY>99999999999999999999999</MEMORY>", "MEMORY=9" },
		{ "<MEMORY_MAX>1024</MEMORY_MAX>", "MEMORY_MAX: " },
		{ "<VCPU>9</VCPU>", "VCPU=9: this node takes 1 to 8" },
		{ "<VCPU>2</VCPU><VCPU_MAX>4</VCPU_MAX>", "VCPU_MAX: " },
		{ "<CPU>101</CPU>", "CPU=101" },
		{ "<CPU>100.5</CPU>", "CPU=100.5" },
		{ "<CPU>-1</CPU>", "CPU=-1" },
		{ "<CPU>.</CPU>", "CPU=." },
		{ "<CPU>.x</CPU>", "CPU=.x" },
		{ "<CPU>1e1</CPU>", "CPU=1e1" },
		{ "<OS><KERNEL/></OS>", "booting from a disk needs firmware, which this node does not have yet: give OS/KERNEL" },
		{ "<OS><KERNEL_CMD>a\nkernel other</KERNEL_CMD></OS>", "OS/KERNEL_CMD: holds a byte that is no printable ASCII" },
		{ "<OS><KERNEL_CMD>a\xc3\xa4</KERNEL_CMD></OS>", "OS/KERNEL_CMD: holds" },
		{ "<OS><KERNEL_CMD>a&#9;</KERNEL_CMD></OS>", "OS/KERNEL_CMD: holds" },
		{ "<OS><ROOT>a b</ROOT></OS>", "OS/ROOT=a b" },
		{ "<OS><FIRMWARE>UEFI</FIRMWARE></OS>", "OS/FIRMWARE=UEFI: a VM has no firmware" },
		{ "<OS><ARCH>aarch64</ARCH></OS>", "OS/ARCH=aarch64" },
		{ "<OS><UUID>12</UUID></OS>", "OS/UUID=12: it must be like 032364d3-6ef8-48b7-bb9e-09217580533f" },
		{ "<OS><UUID>032364d3-6ef8-48b7-bb9e-09217580533f\nmemory</UUID></OS>", "OS/UUID=032364d3" },
		{ "<OS><NEWS>1</NEWS></OS>", "OS/NEWS: this node does not know what it asks for" },
		{ "<NEWS>1</NEWS>", "NEWS: this node does not know what it asks for" },
		{ "<NEWS><A>1</A></NEWS>", "NEWS: this node" },
		{ "<DISK><DISK_ID>0</DISK_ID><NEWS>1</NEWS></DISK>", "DISK/NEWS: this node" },
		{ "<MEMORY><A/></MEMORY>", "MEMORY/A: this node" },
		{ "<RAW><TYPE>kvm</TYPE><DATA>x</DATA></RAW>", "RAW/TYPE=kvm: it is for another hypervisor" },
		{ "<PCI><SHORT_ADDRESS>3b:00.0</SHORT_ADDRESS></PCI>", "PCI/SHORT_ADDRESS=3b:00.0: devices of the node" },
		{ "<TPM><MODEL>tpm-crb</MODEL></TPM>", "TPM/MODEL=tpm-crb: a VM has no TPM" },
		{ "<CPU_MODEL><MODEL>Haswell</MODEL></CPU_MODEL>", "CPU_MODEL/MODEL=Haswell" },
		{ "<FEATURES><GUEST_AGENT>YES</GUEST_AGENT></FEATURES>", "FEATURES/GUEST_AGENT=YES" },
		{ "<FEATURES><ACPI>no</ACPI></FEATURES>", "FEATURES/ACPI=no" },
		{ "<DISK><TARGET>vda</TARGET></DISK>", "DISK: one has no DISK_ID" },
		{ DISK0 DISK0, "DISK: two have the DISK_ID 0" },
		{ "<DISK><DISK_ID>-1</DISK_ID></DISK>", "DISK/DISK_ID=-1" },
		{ "<DISK><DISK_ID>0</DISK_ID><TARGET>fda</TARGET></DISK>", "DISK/TARGET=fda" },
		{ "<DISK><DISK_ID>0</DISK_ID><TARGET>vda ro</TARGET></DISK>", "DISK/TARGET=vda ro" },
		{ "<DISK><DISK_ID>0</DISK_ID><TYPE>RBD</TYPE></DISK>", "DISK/TYPE=RBD" },
		{ "<DISK><DISK_ID>0</DISK_ID><FORMAT>qcow2</FORMAT></DISK>", "DISK/FORMAT=qcow2" },
		{ "<DISK><DISK_ID>0</DISK_ID><DRIVER>qcow2</DRIVER></DISK>", "DISK/DRIVER=qcow2" },
		{ "<DISK><DISK_ID>0</DISK_ID><READONLY>perhaps</READONLY></DISK>", "DISK/READONLY=perhaps" },
		{ "<DISK><DISK_ID>0</DISK_ID><READ_IOPS_SEC_MAX>1</READ_IOPS_SEC_MAX></DISK>", "DISK/READ_IOPS_SEC_MAX=1: the node does not limit" },
		{ "<NIC><MAC>01:00:00:00:00:01</MAC></NIC>", "NIC/MAC=01:" },
		{ "<NIC><MAC>02:00:00:00:00:01 x</MAC></NIC>", "NIC/MAC=02:" },
		{ "<NIC><MAC>02:00:00:00:00:01</MAC></NIC><NIC><MAC>02:00:00:00:00:01</MAC></NIC>", "NIC/MAC: two cards have the same" },
		{ "<NIC><MODEL>e1000</MODEL></NIC>", "NIC/MODEL=e1000" },
		{ "<NIC><VLAN_ID>7</VLAN_ID></NIC>", "NIC/VLAN_ID=7: the node's switch has no VLANs yet" },
		{ "<NIC><VN_MAD>vxlan</VN_MAD></NIC>", "NIC/VN_MAD=vxlan" },
		{ "<NIC><INBOUND_AVG_BW>1000</INBOUND_AVG_BW></NIC>", "NIC/INBOUND_AVG_BW=1000" },
		{ "<NIC><MTU>9000</MTU></NIC>", "NIC/MTU=9000" },
		{ "<NIC><BRIDGE>this-name-has-thirty-two-letters</BRIDGE></NIC>", "NIC/BRIDGE: longer than 31 bytes" },
		{ "<GRAPHICS><TYPE>SPICE</TYPE></GRAPHICS>", "GRAPHICS/TYPE=SPICE: a console is shown by VNC" },
		{ "<GRAPHICS><TYPE>VNC</TYPE></GRAPHICS>", "GRAPHICS: there is no PORT" },
		{ "<GRAPHICS><TYPE>VNC</TYPE><PORT>70000</PORT></GRAPHICS>", "GRAPHICS/PORT=70000" },
		{ "<GRAPHICS><TYPE>VNC</TYPE><PORT>8443</PORT></GRAPHICS>", "GRAPHICS/PORT=8443" },
		{ "<GRAPHICS><PASSWD>123456789</PASSWD></GRAPHICS>", "GRAPHICS/PASSWD: longer than 8 bytes" },
		{ "<GRAPHICS><LISTEN>127.0.0.1</LISTEN></GRAPHICS>", "GRAPHICS/LISTEN=127.0.0.1" },
		{ "<TOPOLOGY><PIN_POLICY>SOME</PIN_POLICY></TOPOLOGY>", "TOPOLOGY/PIN_POLICY=SOME" },
		{ "<NUMA_NODE><CPUS>32</CPUS><TOTAL_CPUS>1</TOTAL_CPUS></NUMA_NODE>", "NUMA_NODE/CPUS=32" },
		{ "<NUMA_NODE><CPUS>0-3</CPUS></NUMA_NODE>", "NUMA_NODE/CPUS=0-3" },
		{ "<NUMA_NODE><CPUS>1</CPUS><TOTAL_CPUS>2</TOTAL_CPUS></NUMA_NODE>", "NUMA_NODE/TOTAL_CPUS: more than VCPU says" },
		{ "<VCPU>2</VCPU><TOPOLOGY><PIN_POLICY>CORE</PIN_POLICY></TOPOLOGY><NUMA_NODE><CPUS>1</CPUS><TOTAL_CPUS>2</TOTAL_CPUS></NUMA_NODE>",
		  "NUMA_NODE/CPUS: fewer processors" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(row); i++) {
		CHECK(refuses(row[i].elements, row[i].words));
	}
}

TEST(a_value_that_is_too_long_is_refused)
{
	static char elements[XML_MAX];
	static char value[4096];

	memset(value, 'a', sizeof(value) - 1);
	snprintf(elements, sizeof(elements), "<OS><KERNEL_CMD>%.1023s</KERNEL_CMD></OS>", value);
	CHECK_EQ(deploy(elements), OK);
	snprintf(elements, sizeof(elements), "<OS><KERNEL_CMD>%.1024s</KERNEL_CMD></OS>", value);
	CHECK(refuses(elements, "OS/KERNEL_CMD: longer than 1023 bytes"));
	snprintf(elements, sizeof(elements), "<OS><ROOT>vda</ROOT><KERNEL_CMD>%.1010s</KERNEL_CMD></OS>", value);
	CHECK(refuses(elements, "OS/KERNEL_CMD: with OS/ROOT longer than 1023 bytes"));
	snprintf(elements, sizeof(elements), "<OS><KERNEL_CMD>%s</KERNEL_CMD></OS>", value);
	CHECK(refuses(elements, "OS/KERNEL_CMD: the value is too long"));
	snprintf(elements, sizeof(elements), "<CONTEXT><DISK_ID>1</DISK_ID><START_SCRIPT>%s</START_SCRIPT></CONTEXT>", value);
	CHECK_EQ(deploy(elements), OK);
	memset(value, '"', sizeof(value) - 1);
	snprintf(elements, sizeof(elements), "<OS><KERNEL_CMD>%.1023s</KERNEL_CMD></OS>", value);
	CHECK_EQ(deploy(elements), OK);
	CHECK(has_line("memory 512M"));
}

TEST(more_devices_than_a_vm_can_have_are_refused)
{
	static char elements[XML_MAX];
	size_t len = 0;

	for (unsigned i = 0; i < 40; i++) {
		len += (size_t)snprintf(elements + len, sizeof(elements) - len, "<DISK><DISK_ID>%u</DISK_ID></DISK>", i);
		CHECK_EQ(deploy(elements), i < CONF_DISKS_MAX ? OK : E_INVAL);
	}
	CHECK(strstr(why, "DISK: more than"));
	len = 0;
	for (unsigned i = 0; i < 40; i++) {
		len += (size_t)snprintf(elements + len, sizeof(elements) - len, "<NIC><NIC_ID>%u</NIC_ID></NIC>", i);
		CHECK_EQ(deploy(elements), i < CONF_NICS_MAX ? OK : E_INVAL);
	}
	CHECK(strstr(why, "NIC: more than"));
}

/* shutdown and the like: a VM that this node could not run may still be there. */
TEST(other_actions_read_only_who_is_meant)
{
	CHECK_EQ(run("<VMM_DRIVER_ACTION_DATA><DEPLOY_ID>one-7</DEPLOY_ID><VM><ID>7</ID><DEPLOY_ID>old</DEPLOY_ID><TEMPLATE><NEWS>1</NEWS><PCI><A>1</A></PCI>"
		     "<DISK><DISK_ID>0</DISK_ID><NEWS>1</NEWS></DISK><CONTEXT><DISK_ID>1</DISK_ID></CONTEXT></TEMPLATE>"
		     "<HISTORY_RECORDS><HISTORY><DS_ID>9</DS_ID></HISTORY></HISTORY_RECORDS></VM></VMM_DRIVER_ACTION_DATA>", false), OK);
	CHECK_EQ(vm.id, 7);
	CHECK_EQ(vm.datastore, 9);
	CHECK(strcmp(vm.deploy_id, "one-7") == 0);
	CHECK_EQ(vm.text_bytes, 0);
	CHECK_EQ(vm.disk_count, 4);
	CHECK(strcmp(vm.disk[2], "one-9-7-disk.0") == 0);
	CHECK(strcmp(vm.disk[3], "one-9-7-disk.1") == 0);
}

/* ---- the table, and what the documentation says of it ---- */

/* The element of path with that value in it, within those that it needs. */
static const char *element_of(const char *path, const char *value)
{
	static char text[512];
	char name[64];
	const char *slash = strchr(path, '/');
	char *dots;

	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : path);
	dots = strstr(name, "...");
	if (dots) {
		memcpy(dots, "ZZ", 3);
	}
	if (slash) {
		bool disk = strncmp(path, "DISK/", 5) == 0 || strncmp(path, "CONTEXT/", 8) == 0;

		snprintf(text, sizeof(text), "<%.*s>%s<%s>%s</%s></%.*s>", (int)(slash - path), path, disk ? "<DISK_ID>0</DISK_ID>" : "", name, value, name,
			 (int)(slash - path), path);
	} else {
		snprintf(text, sizeof(text), "<%s>%s</%s>", name, value, name);
	}
	return text;
}

static void try_values(const struct one_attribute *a)
{
	char value[32];

	for (const char *at = a->values; *at; at += *at == '|') {
		size_t n = strcspn(at, "|");

		snprintf(value, sizeof(value), "%.*s", (int)n, at);
		CHECK_EQ(deploy(element_of(a->path, value)), OK);
		at += n;
	}
}

TEST(every_row_does_what_it_says)
{
	for (const struct one_attribute *a = one_attributes; a->path; a++) {
		bool refused = a->kind == ONE_REFUSED || a->kind == ONE_ONLY;
		int result;

		if (a->kind == ONE_GROUP || a->kind == ONE_HONOURED) {
			continue;
		}
		result = deploy(element_of(a->path, "x y"));
		if (result != (refused ? E_INVAL : OK) || (refused && !strstr(why, a->words))) {
			printf("%s: %d %s\n", a->path, result, why);
		}
		CHECK_EQ(result, refused ? E_INVAL : OK);
		CHECK(!refused || strstr(why, a->words));
		CHECK_EQ(deploy(element_of(a->path, "")), OK);
		if (a->kind == ONE_ONLY) {
			try_values(a);
		}
	}
}

/* "| `OS/ARCH` | only `x86_64`, `i686` | words |" */
static void print_row(char *line, size_t size, const struct one_attribute *a)
{
	static const char *const kinds[] = { [ONE_HONOURED] = "honoured", [ONE_IGNORED] = "ignored", [ONE_REFUSED] = "refused" };
	char kind[128] = "only", value[32];

	for (const char *at = a->kind == ONE_ONLY ? a->values : ""; *at; at += *at == '|') {
		size_t n = strcspn(at, "|"), len = strlen(kind);

		snprintf(value, sizeof(value), "%.*s", (int)n, at);
		snprintf(kind + len, sizeof(kind) - len, "%s `%s`", at == a->values ? "" : ",", value);
		at += n;
	}
	snprintf(line, size, "| `%s` | %s | %s |\n", a->path, a->kind == ONE_ONLY ? kind : kinds[a->kind], a->words);
}

/* make unit && ONE_TABLE=1 build/unit/one_vm | grep '^|' prints the rows that the documentation has to have. */
TEST(the_documentation_shows_the_same_table)
{
	static char text[65536];
	FILE *file = fopen("docs/opennebula-attributes.md", "r");
	size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	unsigned rows = 0, shown = 0;
	char line[512];

	if (file) {
		fclose(file);
	}
	text[len] = '\0';
	for (const struct one_attribute *a = one_attributes; a->path; a++) {
		if (a->kind == ONE_GROUP) {
			continue;
		}
		print_row(line, sizeof(line), a);
		rows++;
		if (getenv("ONE_TABLE")) {
			fputs(line, stdout);
		} else if (!strstr(text, line)) {
			check_fail(__FILE__, __LINE__, line);
		}
	}
	for (const char *at = text; (at = strstr(at, "\n| `")) != NULL; at++) {
		shown++;
	}
	CHECK(getenv("ONE_TABLE") || shown == rows);
}

/* ---- what is no request ---- */

static bool broken(const char *body, const char *words)
{
	int result = run(body, true);

	if (result != E_PROTO || !strstr(why, words)) {
		printf("%.80s: %d '%s', not '%s'\n", body, result, why, words);
		return false;
	}
	return true;
}

#define ROOT(x) "<VMM_DRIVER_ACTION_DATA>" x "</VMM_DRIVER_ACTION_DATA>"

TEST(what_is_no_request_is_told)
{
	CHECK(broken("", "no element found"));
	CHECK(broken("hello", "line 1: "));
	CHECK(broken("<VM/>", "this is no VMM_DRIVER_ACTION_DATA"));
	CHECK(broken("<VMM_DRIVER_ACTION_DATA>", "no element found"));
	CHECK(broken("<VMM_DRIVER_ACTION_DATA></VM>", "mismatched tag"));
	CHECK(broken(ROOT("") "x", "junk after document element"));
	CHECK(broken(ROOT(""), "there is no VM/ID"));
	CHECK(broken(ROOT("<VM><ID>3</ID></VM>"), "there is no DS_ID in a HISTORY"));
	CHECK(broken(ROOT("<VM><ID>x</ID></VM>"), "VM/ID is no number"));
	CHECK(broken(ROOT("<VM><ID>4294967295</ID></VM>"), "VM/ID is no number"));
	CHECK(broken(ROOT("<VM><ID>3</ID><HISTORY_RECORDS><HISTORY><DS_ID/></HISTORY></HISTORY_RECORDS></VM>"), "HISTORY/DS_ID is no number"));
	CHECK(broken(ROOT("<DEPLOY_ID>01234567890123456789012345678901</DEPLOY_ID>"), "DEPLOY_ID is longer than 31 bytes"));
	CHECK(broken(ROOT("\xff"), "invalid token"));
	CHECK(broken(ROOT("\xc0\x80"), "invalid token"));
	CHECK(broken(ROOT("\xed\xa0\x80"), "invalid token"));
	CHECK(broken(ROOT("&#0;"), "reference to invalid character number"));
	CHECK(broken(ROOT("\x01"), "invalid token"));
	CHECK(broken(ROOT("&nbsp;"), "undefined entity"));
	CHECK(broken("<!DOCTYPE a><a/>", "a document type (DOCTYPE) is not taken"));
	CHECK(broken("<!DOCTYPE a [<!ENTITY l \"lol\"><!ENTITY m \"&l;&l;&l;&l;\">]>" ROOT("&m;"), "a document type (DOCTYPE) is not taken"));
	CHECK(broken("<!DOCTYPE a SYSTEM \"file:///etc/passwd\">" ROOT(""), "a document type (DOCTYPE) is not taken"));
	CHECK_EQ(run("<?xml version=\"1.0\" encoding=\"UTF-16\"?>" ROOT("<VM><ID>1</ID></VM>"), true), E_PROTO);
}

/* The same text over and over, until the limit that is named. */
static bool runs_into(const char *start, const char *again, size_t times, const char *words)
{
	size_t len = strlen(start), each = strlen(again);
	char *body = malloc(len + each * times + 1);
	bool good;

	memcpy(body, start, len + 1);
	for (size_t i = 0; i < times; i++) {
		memcpy(body + len + i * each, again, each);
	}
	body[len + each * times] = '\0';
	good = broken(body, words);
	free(body);
	return good;
}

TEST(everything_has_a_limit)
{
	for (piece = 0; piece <= 1000; piece += 500) {
		CHECK(runs_into("<VMM_DRIVER_ACTION_DATA>", "<a>", 40, "more than 32 elements within each other"));
		CHECK(runs_into("<VMM_DRIVER_ACTION_DATA>", "<a/>", 70000, "more than 65536 elements"));
		CHECK(runs_into("<VMM_DRIVER_ACTION_DATA>", "0123456789", 1000000, "longer than 4 MiB"));
		CHECK(runs_into("<VMM_DRIVER_ACTION_DATA><a>", "<![CDATA[0123456789012345678901234567890123456789]]>", 200000, "longer than 4 MiB"));
		CHECK(runs_into("<VMM_DRIVER_ACTION_DATA><", "abcdefghij", 100000, "takes more memory than there is for it"));
		CHECK(runs_into("<VMM_DRIVER_ACTION_DATA a=\"", "abcdefghij", 100000, "takes more memory than there is for it"));
		CHECK(runs_into("<VMM_DRIVER_ACTION_DATA><!--", "abcdefghij", 100000, "takes more memory than there is for it"));
	}
	piece = 0;
	CHECK(broken(ROOT("<abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm/>"), "an element's name is longer than 63 bytes"));
}

TEST(many_attributes_of_an_element_take_no_more_memory)
{
	static char body[200000];
	size_t len = (size_t)snprintf(body, sizeof(body), "<VMM_DRIVER_ACTION_DATA ");

	for (unsigned i = 0; i < 10000; i++) {
		len += (size_t)snprintf(body + len, sizeof(body) - len, "a%u=\"%u\" ", i, i);
	}
	snprintf(body + len, sizeof(body) - len, "/>");
	CHECK(broken(body, "takes more memory than there is for it"));
}

/* A VM of a size that nobody has: expat keeps each name. */
TEST(a_thousand_attributes_of_other_names_are_read)
{
	static char elements[XML_MAX];
	size_t len = 0;

	for (unsigned i = 0; i < 1000; i++) {
		len += (size_t)snprintf(elements + len, sizeof(elements) - len, "%s<A%u/></CONTEXT>", i ? "" : "<CONTEXT><DISK_ID>1</DISK_ID>", i);
		len -= i < 999 ? strlen("</CONTEXT>") : 0;
	}
	CHECK_EQ(deploy(elements), OK);
}

/* The heap is bounded for all requests together. */
TEST(hostile_requests_leave_memory_to_others)
{
	struct one_request *r[ONE_XML_READERS];
	static uint8_t bytes[4096];
	unsigned refused = 0;
	const char *words;

	memset(bytes, 'a', sizeof(bytes));
	bytes[0] = '<';
	for (unsigned i = 0; i < ONE_XML_READERS; i++) {
		CHECK_EQ(one_request_begin(&r[i], &node, true), OK);
	}
	for (unsigned n = 0; n < 25; n++, bytes[0] = 'a') {
		for (unsigned i = 0; i < ONE_XML_READERS; i++) {
			refused += one_request_data(r[i], bytes, sizeof(bytes), &words) == E_PROTO;
		}
	}
	CHECK(refused && strstr(words, "takes more memory than there is for it"));
	for (unsigned i = 0; i < ONE_XML_READERS; i++) {
		one_request_free(r[i]);
	}
	CHECK_EQ(deploy(""), OK);
}

/* No more of them than ONE_XML_READERS at a time. */
TEST(there_are_only_so_many_at_a_time)
{
	struct one_request *r[ONE_XML_READERS + 1];

	for (unsigned i = 0; i < ONE_XML_READERS; i++) {
		CHECK_EQ(one_request_begin(&r[i], &node, true), OK);
	}
	CHECK_EQ(one_request_begin(&r[ONE_XML_READERS], &node, true), E_NOMEM);
	one_request_free(r[0]);
	CHECK_EQ(one_request_begin(&r[0], &node, true), OK);
	for (unsigned i = 0; i < ONE_XML_READERS; i++) {
		one_request_free(r[i]);
	}
	one_request_free(NULL);
}

/* Two requests whose pieces come in turn do not mix. */
TEST(requests_in_turn_stay_apart)
{
	static const char *const body[2] = {
		ROOT("<VM><ID>1</ID><HISTORY_RECORDS><HISTORY><DS_ID>10</DS_ID></HISTORY></HISTORY_RECORDS></VM>"),
		ROOT("<VM><ID>2</ID><HISTORY_RECORDS><HISTORY><DS_ID>20</DS_ID></HISTORY></HISTORY_RECORDS></VM>"),
	};
	struct one_request *r[2];
	const char *words;

	CHECK_EQ(one_request_begin(&r[0], &node, false), OK);
	CHECK_EQ(one_request_begin(&r[1], &node, false), OK);
	for (size_t i = 0; i < strlen(body[0]); i++) {
		CHECK_EQ(one_request_data(r[0], (const uint8_t *)body[0] + i, 1, &words), OK);
		CHECK_EQ(one_request_data(r[1], (const uint8_t *)body[1] + i, 1, &words), OK);
	}
	for (unsigned i = 0; i < 2; i++) {
		CHECK_EQ(one_request_end(r[i], &vm, &words), OK);
		CHECK_EQ(vm.id, i + 1);
		CHECK_EQ(vm.datastore, 10 * (i + 1));
		one_request_free(r[i]);
	}
}
