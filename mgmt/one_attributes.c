/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of each attribute of a VM of OpenNebula: see one_plan.h. docs/opennebula-attributes.md shows the same table. */
#include <string.h>
#include <strings.h>

#include "mgmt/one_take.h"
#include "mgmt/one_xml.h"

#define GROUP(path, take)             { path, ONE_GROUP, take, NULL, NULL }
#define HONOURED(path, take, words)   { path, ONE_HONOURED, take, NULL, words }
#define IGNORED(path, words)          { path, ONE_IGNORED, NULL, NULL, words }
#define ONLY(path, values, words)     { path, ONE_ONLY, NULL, values, words }
#define REFUSED(path, words)          { path, ONE_REFUSED, NULL, NULL, words }

/* Words that several rows share. */
#define FRONT_END "the front-end's own record"
#define SCHEDULER "the scheduler's; its result stands elsewhere"
#define TRANSFER  "for who moves the disk's content"
#define SHOWN     "for people and their tools"
#define GUEST     "reaches the guest by its context"
#define LINUX     "how a Linux host sets up its own bridges"
#define PRICE     "its price"
#define QUEUES    "a hint: a device has a queue for each virtual CPU"
#define RATE      "the node does not limit how fast a disk works"
#define BAND      "the node does not limit how much a card sends or receives"
#define TAGS      "the node's switch has no VLANs yet: give the virtual network a BRIDGE of its own"
#define REMOTE    "a disk is in the node's memory: use a datastore of TM_MAD brume"
#define IOMMU_NO  "a VM has no IOMMU"

const struct one_attribute one_attributes[] = {
	/* ---- the machine ---- */
	HONOURED("MEMORY", one_take_memory, "MiB of memory"),
	HONOURED("MEMORY_MAX", one_take_memory_max, "the same as MEMORY, or refused: memory is not plugged while a VM runs"),
	IGNORED("MEMORY_RESIZE_MODE", "how MEMORY_MAX would be reached, which is MEMORY"),
	IGNORED("MEMORY_SLOTS", "how MEMORY_MAX would be reached, which is MEMORY"),
	HONOURED("VCPU", one_take_vcpus, "virtual CPUs, 1 to 8; 1 unless given"),
	HONOURED("VCPU_MAX", one_take_vcpus_max, "the same as VCPU, or refused: CPUs are not plugged while a VM runs"),
	HONOURED("CPU", one_take_cpu, "the VM's weight is 100 times that, 1 to 10000: its share where there is not enough for all"),
	GROUP("OS", NULL),
	HONOURED("OS/KERNEL", one_take_kernel, "required: the VM starts with the node's disk one-DATASTORE-VM-kernel"),
	HONOURED("OS/INITRD", one_take_initrd, "its initial RAM disk: one-DATASTORE-VM-initrd"),
	HONOURED("OS/KERNEL_CMD", one_take_cmdline, "command line; console=ttyS0 in it puts a Linux on the console"),
	HONOURED("OS/ROOT", one_take_root, "root=/dev/... before KERNEL_CMD; the TARGET of a disk becomes the name that the guest gives it"),
	IGNORED("OS/KERNEL_DS...", "where the front-end takes the kernel from"),
	IGNORED("OS/INITRD_DS...", "where the front-end takes it from"),
	ONLY("OS/ARCH", "x86_64|i686", "the node is a 64-bit PC"),
	ONLY("OS/MACHINE", "q35|pc", "there is one kind of machine, a PC with PCI Express"),
	IGNORED("OS/BOOT", "the node loads the kernel itself, whatever the order of the devices"),
	ONLY("OS/FIRMWARE", "BIOS", "a VM has no firmware: it starts with OS/KERNEL"),
	ONLY("OS/FIRMWARE_SECURE", "NO", "a VM has no firmware"),
	IGNORED("OS/FIRMWARE_FORMAT", "a VM has no firmware"),
	REFUSED("OS/BOOTLOADER", "a VM starts with OS/KERNEL"),
	IGNORED("OS/SD_DISK_BUS", "all disks are virtio disks"),
	HONOURED("OS/UUID", one_take_uuid, "the guest finds it in its SMBIOS tables"),
	REFUSED("TPM", "a VM has no TPM"),
	GROUP("CPU_MODEL", NULL),
	ONLY("CPU_MODEL/MODEL", "host-passthrough|host-model", "the guest sees the node's own processor: host-passthrough"),
	REFUSED("CPU_MODEL/FEATURES", "the guest sees what the node's processor has"),
	GROUP("FEATURES", NULL),
	ONLY("FEATURES/ACPI", "YES", "a VM has ACPI"),
	ONLY("FEATURES/PAE", "YES", "a VM's processors have PAE"),
	ONLY("FEATURES/APIC", "YES", "a VM's processors have an APIC"),
	ONLY("FEATURES/HYPERV", "NO", "the guest finds Linux' paravirtual interface only"),
	ONLY("FEATURES/LOCALTIME", "NO", "a VM's clock shows UTC"),
	ONLY("FEATURES/GUEST_AGENT", "NO", "there is no channel to an agent in the guest"),
	REFUSED("FEATURES/GIC", "the node is a PC"),
	ONLY("FEATURES/RAS", "NO", "the node is a PC"),
	IGNORED("FEATURES/VIRTIO_SCSI_QUEUES", QUEUES),
	IGNORED("FEATURES/VIRTIO_BLK_QUEUES", QUEUES),
	IGNORED("FEATURES/IOTHREADS", "a hint for QEMU"),
	IGNORED("FEATURES/PCIHOLE64", "a hint for QEMU"),
	IGNORED("FEATURES/MIGRATE_COMPRESSED", "a hint for a migration, which is another action"),
	IGNORED("FEATURES/MIGRATE_AUTO_CONVERGE", "a hint for a migration, which is another action"),
	REFUSED("HYPERV_OPTIONS", "the guest finds Linux' paravirtual interface only"),
	REFUSED("HYPERV_TIMERS", "the guest finds Linux' paravirtual interface only"),
	REFUSED("MEMORY_ENCRYPTION", "memory is not encrypted"),
	REFUSED("IOMMU", IOMMU_NO),
	REFUSED("EMULATOR", "there is no emulator to choose"),
	REFUSED("RAW", "it is for another hypervisor"),
	IGNORED("MEMORY_TUNE_OFFSET", "of the memory that QEMU takes for itself"),
	REFUSED("PCI", "devices of the node cannot be given to a VM yet"),

	/* ---- where it runs ---- */
	GROUP("TOPOLOGY", NULL),
	HONOURED("TOPOLOGY/PIN_POLICY", one_take_policy, "NONE, CORE, THREAD or SHARED: how CPUS of NUMA_NODE are meant"),
	IGNORED("TOPOLOGY/SOCKETS", "the guest sees single processors; where they run is told by NUMA_NODE"),
	IGNORED("TOPOLOGY/CORES", "the guest sees single processors; where they run is told by NUMA_NODE"),
	IGNORED("TOPOLOGY/THREADS", "the guest sees single processors; where they run is told by NUMA_NODE"),
	IGNORED("TOPOLOGY/NODE_AFFINITY", SCHEDULER),
	IGNORED("TOPOLOGY/HUGEPAGE_SIZE", "a VM's memory is in pieces as large as there are, always, and never swapped"),
	ONLY("TOPOLOGY/MEMORY_ACCESS", "private", "no other program shares a VM's memory"),
	GROUP("NUMA_NODE", one_take_node),
	HONOURED("NUMA_NODE/CPUS", one_take_cpus, "processors: each virtual CPU runs on the next one, or, if SHARED, on all of them"),
	HONOURED("NUMA_NODE/TOTAL_CPUS", one_take_node_count, "how many virtual CPUs they are for"),
	IGNORED("NUMA_NODE/NODE_ID", "told by CPUS"),
	IGNORED("NUMA_NODE/MEMORY", "the VM's memory comes from beside the processors of CPUS"),
	IGNORED("NUMA_NODE/MEMORY_NODE_ID", "the VM's memory comes from beside the processors of CPUS"),
	IGNORED("NUMA_NODE/DISTANCE", "the guest sees one node"),

	/* ---- disks ---- */
	GROUP("DISK", one_take_disk),
	HONOURED("DISK/DISK_ID", one_take_disk_id, "the node's disk one-DATASTORE-VM-disk.N"),
	HONOURED("DISK/TARGET", one_take_target, "in the guest all are virtio disks, called vda, vdb, ... in the order of vda, vdb, ..., then sda, ..., then hda, ...; a CD-ROM stands behind those for data, or takes a letter that they leave out"),
	HONOURED("DISK/READONLY", one_take_read_only, "YES: the guest cannot write"),
	HONOURED("DISK/TYPE", one_take_disk_type, "FILE, BLOCK, fs, swap; CDROM: the guest cannot write. Others are refused"),
	ONLY("DISK/FORMAT", "raw|swap", "the node's disks are raw: convert the image"),
	ONLY("DISK/DRIVER", "raw", "the node's disks are raw: convert the image"),
	ONLY("DISK/DEV_PREFIX", "vd|sd|hd", "TARGET tells the order, and knows vd, sd and hd"),
	IGNORED("DISK/ORDER", "the node loads the kernel itself, whatever the order of the devices"),
	ONLY("DISK/SHAREABLE", "NO", "a disk belongs to one VM at a time"),
	REFUSED("DISK/SERIAL", "a disk's serial number is its name on the node"),
	REFUSED("DISK/LUKS_SECRET", "the node does not decrypt disks"),
	REFUSED("DISK/MOUNT_TAG", "the node shares no folders"),
	IGNORED("DISK/CACHE", "a hint: a disk is in the node's memory"),
	IGNORED("DISK/IO", "a hint: a disk is in the node's memory"),
	IGNORED("DISK/DISCARD", "a hint: discarded blocks are always given back"),
	IGNORED("DISK/IOTHREAD", "a hint for QEMU"),
	IGNORED("DISK/VIRTIO_BLK_QUEUES", QUEUES),
	REFUSED("DISK/TOTAL_BYTES_SEC...", RATE),
	REFUSED("DISK/READ_BYTES_SEC...", RATE),
	REFUSED("DISK/WRITE_BYTES_SEC...", RATE),
	REFUSED("DISK/TOTAL_IOPS_SEC...", RATE),
	REFUSED("DISK/READ_IOPS_SEC...", RATE),
	REFUSED("DISK/WRITE_IOPS_SEC...", RATE),
	REFUSED("DISK/SIZE_IOPS_SEC", RATE),
	REFUSED("DISK/ISCSI_...", REMOTE),
	REFUSED("DISK/GLUSTER_...", REMOTE),
	REFUSED("DISK/SHEEPDOG_HOST", REMOTE),
	IGNORED("DISK/CEPH_...", TRANSFER),
	IGNORED("DISK/POOL_NAME", TRANSFER),
	IGNORED("DISK/ALLOW_ORPHANS", TRANSFER),
	IGNORED("DISK/CLONE", TRANSFER),
	IGNORED("DISK/CLONE_TARGET", TRANSFER),
	IGNORED("DISK/CLONING", TRANSFER),
	IGNORED("DISK/DATASTORE", TRANSFER),
	IGNORED("DISK/DATASTORE_ID", TRANSFER),
	IGNORED("DISK/DISK_TYPE", TRANSFER),
	IGNORED("DISK/FS", TRANSFER),
	IGNORED("DISK/IMAGE", TRANSFER),
	IGNORED("DISK/IMAGE_ID", TRANSFER),
	IGNORED("DISK/IMAGE_STATE", TRANSFER),
	IGNORED("DISK/IMAGE_UID", TRANSFER),
	IGNORED("DISK/IMAGE_UNAME", TRANSFER),
	IGNORED("DISK/LN_TARGET", TRANSFER),
	IGNORED("DISK/LVM_THIN_ENABLE", TRANSFER),
	IGNORED("DISK/ORIGINAL_SIZE", TRANSFER),
	IGNORED("DISK/PERSISTENT", TRANSFER),
	IGNORED("DISK/PERSISTENT_SNAPSHOTS", TRANSFER),
	IGNORED("DISK/QCOW2_STANDALONE", TRANSFER),
	IGNORED("DISK/SAVE", TRANSFER),
	IGNORED("DISK/SIZE", TRANSFER),
	IGNORED("DISK/SIZE_PREV", TRANSFER),
	IGNORED("DISK/SOURCE", TRANSFER),
	IGNORED("DISK/SPARSE", TRANSFER),
	IGNORED("DISK/TM_MAD", TRANSFER),
	IGNORED("DISK/TM_MAD_SYSTEM", TRANSFER),
	IGNORED("DISK/MOUNT_POINT", SHOWN),
	IGNORED("DISK/ATTACH", FRONT_END),
	IGNORED("DISK/CLUSTER_ID", FRONT_END),
	IGNORED("DISK/DISK_SNAPSHOT_...", FRONT_END),
	IGNORED("DISK/HOTPLUG_SAVE_AS...", FRONT_END),
	IGNORED("DISK/RESIZE", FRONT_END),
	IGNORED("DISK/IMG_QUOTA", FRONT_END),
	IGNORED("DISK/VM_QUOTA", FRONT_END),
	IGNORED("DISK/RECOVERY_SNAPSHOT_FREQ", FRONT_END),

	/* ---- context ---- */
	GROUP("CONTEXT", one_take_context),
	HONOURED("CONTEXT/DISK_ID", one_take_disk_id, "the context CD-ROM: disk one-DATASTORE-VM-disk.N, which the guest cannot write"),
	IGNORED("CONTEXT/TARGET", "it is behind all disks, so that it does not change their names; the guest knows it by its label CONTEXT"),
	ONLY("CONTEXT/DRIVER", "raw", "the node's disks are raw"),
	REFUSED("CONTEXT/MOUNT_TAG", "the node shares no folders"),
	IGNORED("CONTEXT/...", "for the guest, which finds it in its context"),

	/* ---- network ---- */
	GROUP("NIC", one_take_nic),
	HONOURED("NIC/MAC", one_take_mac, "the card's address"),
	HONOURED("NIC/BRIDGE", one_take_bridge, "by `node bridge` of the node's configuration the switch that the card is plugged into"),
	HONOURED("NIC/PHYDEV", one_take_phydev, "where `node bridge` does not tell of BRIDGE"),
	HONOURED("NIC/SECURITY_GROUPS", one_take_groups, "must together allow all packets both ways, by SECURITY_GROUP_RULE: the switch does not filter yet"),
	ONLY("NIC/MODEL", "virtio", "cards are virtio cards"),
	ONLY("NIC/VN_MAD", "brume|dummy|bridge|fw|802.1Q|ovswitch", "the node's switch knows no tunnels and no routes: use VN_MAD bridge"),
	REFUSED("NIC/VLAN_ID", TAGS),
	REFUSED("NIC/VLAN_TAGGED_ID", TAGS),
	REFUSED("NIC/OUTER_VLAN_ID", TAGS),
	REFUSED("NIC/CVLANS", TAGS),
	REFUSED("NIC/QINQ_TYPE", TAGS),
	ONLY("NIC/AUTOMATIC_VLAN_ID", "NO", TAGS),
	ONLY("NIC/AUTOMATIC_OUTER_VLAN_ID", "NO", TAGS),
	REFUSED("NIC/INBOUND_AVG_BW", BAND),
	REFUSED("NIC/INBOUND_PEAK_BW", BAND),
	REFUSED("NIC/INBOUND_PEAK_KB", BAND),
	REFUSED("NIC/OUTBOUND_AVG_BW", BAND),
	REFUSED("NIC/OUTBOUND_PEAK_BW", BAND),
	REFUSED("NIC/OUTBOUND_PEAK_KB", BAND),
	ONLY("NIC/FILTER_IP_SPOOFING", "NO", "the switch does not look at IP addresses yet"),
	ONLY("NIC/FILTER_MAC_SPOOFING", "NO", "the switch only keeps addresses of other cards from being taken; a card may add new ones"),
	REFUSED("NIC/FILTER", "it is a filter of libvirt's"),
	REFUSED("NIC/SCRIPT", "no scripts run on the node"),
	HONOURED("NIC/MTU", one_take_mtu, "up to 1500; GUEST: by its context it sets that itself. Larger frames do not pass"),
	HONOURED("NIC/GUEST_MTU", one_take_mtu, "the same"),
	ONLY("NIC/TRUST", "off", "cards are no virtual functions"),
	ONLY("NIC/SPOOFCHK", "off", "cards are no virtual functions"),
	IGNORED("NIC/VIRTIO_QUEUES", QUEUES),
	IGNORED("NIC/ORDER", "the node loads the kernel itself, whatever the order of the devices"),
	IGNORED("NIC/BRIDGE_TYPE", LINUX),
	IGNORED("NIC/CONF", LINUX),
	IGNORED("NIC/BRIDGE_CONF", LINUX),
	IGNORED("NIC/OVS_BRIDGE_CONF", LINUX),
	IGNORED("NIC/IP_LINK_CONF", LINUX),
	IGNORED("NIC/TARGET", "the name of the card's other end on a Linux host"),
	IGNORED("NIC/IP", GUEST),
	IGNORED("NIC/IP6...", GUEST),
	IGNORED("NIC/DNS", GUEST),
	IGNORED("NIC/GATEWAY...", GUEST),
	IGNORED("NIC/METHOD", GUEST),
	IGNORED("NIC/METRIC", GUEST),
	IGNORED("NIC/NETWORK_ADDRESS", GUEST),
	IGNORED("NIC/NETWORK_MASK", GUEST),
	IGNORED("NIC/PREFIX_LENGTH", GUEST),
	IGNORED("NIC/ROUTES", GUEST),
	IGNORED("NIC/SEARCH_DOMAIN", GUEST),
	IGNORED("NIC/VROUTER_...", GUEST),
	IGNORED("NIC/FLOATING_...", GUEST),
	IGNORED("NIC/EXTERNAL_IP", GUEST),
	IGNORED("NIC/EXTERNAL", GUEST),
	IGNORED("NIC/RDP...", SHOWN),
	IGNORED("NIC/SSH...", SHOWN),
	IGNORED("NIC/NAME", SHOWN),
	IGNORED("NIC/ALIAS_IDS", FRONT_END),
	IGNORED("NIC/AR_ID", FRONT_END),
	IGNORED("NIC/ATTACH", FRONT_END),
	IGNORED("NIC/CLUSTER_ID", FRONT_END),
	IGNORED("NIC/IPAM_MAD", FRONT_END),
	IGNORED("NIC/NETWORK", FRONT_END),
	IGNORED("NIC/NETWORK_ID", FRONT_END),
	IGNORED("NIC/NETWORK_MODE", SCHEDULER),
	IGNORED("NIC/NETWORK_UID", FRONT_END),
	IGNORED("NIC/NETWORK_UNAME", FRONT_END),
	IGNORED("NIC/NIC_ID", FRONT_END),
	IGNORED("NIC/PARENT_NETWORK_...", FRONT_END),
	IGNORED("NIC/SCHED_RANK", SCHEDULER),
	IGNORED("NIC/SCHED_REQUIREMENTS", SCHEDULER),
	IGNORED("NIC/TEMPLATE_ID", FRONT_END),
	IGNORED("NIC/VNET_UPDATE", FRONT_END),
	IGNORED("NIC_ALIAS", "further addresses of a card; " GUEST),
	IGNORED("NIC_DEFAULT", "has been put into each NIC"),
	GROUP("SECURITY_GROUP_RULE", one_take_rule),
	HONOURED("SECURITY_GROUP_RULE/SECURITY_GROUP_ID", one_take_rule_group, "the group that it belongs to"),
	HONOURED("SECURITY_GROUP_RULE/RULE_TYPE", one_take_rule_type, "inbound or outbound"),
	HONOURED("SECURITY_GROUP_RULE/PROTOCOL", one_take_rule_protocol, "ALL; a rule with another one does not allow all packets"),
	IGNORED("SECURITY_GROUP_RULE/SECURITY_GROUP_NAME", SHOWN),
	HONOURED("SECURITY_GROUP_RULE/...", one_take_rule_narrow, "a rule that has any more does not allow all packets"),

	/* ---- console ---- */
	GROUP("GRAPHICS", one_take_graphics),
	HONOURED("GRAPHICS/TYPE", one_take_graphics_type, "VNC: the VM's serial console, by VNC. Others are refused"),
	HONOURED("GRAPHICS/PORT", one_take_port, "the node listens there"),
	HONOURED("GRAPHICS/PASSWD", one_take_password, "up to 8 bytes, as VNC has it"),
	ONLY("GRAPHICS/LISTEN", "0.0.0.0|::", "a console is reached at the node's own address"),
	IGNORED("GRAPHICS/KEYMAP", "a console takes characters, not keys"),
	IGNORED("GRAPHICS/RANDOM_PASSWD", "its result stands in PASSWD"),
	IGNORED("SPICE_OPTIONS", "for GRAPHICS of TYPE SPICE, which is refused"),
	GROUP("VIDEO", NULL),
	ONLY("VIDEO/TYPE", "none|auto", "a VM has a console of text only"),
	ONLY("VIDEO/IOMMU", "NO", IOMMU_NO),
	ONLY("VIDEO/ATS", "NO", IOMMU_NO),
	IGNORED("VIDEO/VRAM", "of a card that TYPE does not ask for"),
	IGNORED("VIDEO/RESOLUTION", "of a card that TYPE does not ask for"),
	IGNORED("INPUT", "a mouse or tablet has no use on a console of text"),

	/* ---- what the front-end keeps with a VM ---- */
	IGNORED("AUTOMATIC_DS_REQUIREMENTS", SCHEDULER),
	IGNORED("AUTOMATIC_NIC_REQUIREMENTS", SCHEDULER),
	IGNORED("AUTOMATIC_REQUIREMENTS", SCHEDULER),
	IGNORED("BACKUP_CONFIG", "for backups, which are another action"),
	IGNORED("CLONING_TEMPLATE_ID", FRONT_END),
	IGNORED("CPU_COST", PRICE),
	IGNORED("DISK_COST", PRICE),
	IGNORED("MEMORY_COST", PRICE),
	IGNORED("CREATED_BY", FRONT_END),
	IGNORED("ERROR", FRONT_END),
	IGNORED("IMPORTED", FRONT_END),
	IGNORED("NAME", SHOWN),
	IGNORED("QEMU_GA_EXEC", "of commands in the guest, which are another action"),
	IGNORED("RESIZE", "of a resize, which is another action"),
	IGNORED("SNAPSHOT", "of snapshots, which are another action"),
	IGNORED("SUBMIT_ON_HOLD", FRONT_END),
	IGNORED("TEMPLATE_ID", FRONT_END),
	IGNORED("TM_MAD_SYSTEM", TRANSFER),
	IGNORED("VMGROUP", SCHEDULER),
	IGNORED("VNET_UPDATE", "of an update of the network, which is another action"),
	IGNORED("VMID", "told by ID"),
	IGNORED("VROUTER_...", "of a virtual router; " GUEST),
	{ 0 },
};

/* A row that ends in ... is for all that begin like it. */
static bool is_for(const struct one_attribute *a, const char *path)
{
	size_t len = strlen(a->path);

	if (len > 3 && strcmp(a->path + len - 3, "...") == 0) {
		return strncmp(a->path, path, len - 3) == 0;
	}
	return strcmp(a->path, path) == 0;
}

const struct one_attribute *one_attribute_find(const char *path)
{
	for (const struct one_attribute *a = one_attributes; a->path; a++) {
		if (is_for(a, path)) {
			return a;
		}
	}
	return NULL;
}

/* Whether value is one of A|B|C. */
static bool is_one_of(const char *values, const char *value)
{
	size_t len = strlen(value);

	for (const char *at = values; *at; at += *at == '|') {
		size_t n = strcspn(at, "|");

		if (n == len && strncasecmp(at, value, len) == 0) {
			return true;
		}
		at += n;
	}
	return false;
}

/* ---- an element of TEMPLATE ---- */

/* The row of path; of what is in an element that is refused as a whole, that one's. */
static const struct one_attribute *row_of(const char *path)
{
	const struct one_attribute *a = one_attribute_find(path);
	const char *slash = strchr(path, '/');
	char top[ONE_XML_NAME];

	if (a || !slash || (size_t)(slash - path) >= sizeof(top)) {
		return a;
	}
	memcpy(top, path, (size_t)(slash - path));
	top[slash - path] = '\0';
	a = one_attribute_find(top);
	return a && a->kind == ONE_REFUSED ? a : NULL;
}

bool one_attribute_open(struct one_plan *plan, const char *path)
{
	const struct one_attribute *a = row_of(path);

	if (!a) {
		one_plan_refuse(plan, "%s: this node does not know what it asks for", path);
		return false;
	}
	if (a->kind == ONE_GROUP && a->take) {
		a->take(plan, path, NULL);
	}
	return a->kind != ONE_IGNORED;
}

void one_attribute_take(struct one_plan *plan, const char *path, const char *value)
{
	const struct one_attribute *a = row_of(path);

	if (!value) {
		one_plan_refuse(plan, "%s: the value is too long", path);
	} else if (a->kind == ONE_HONOURED) {
		a->take(plan, path, value);
	} else if ((a->kind == ONE_REFUSED && *value) || (a->kind == ONE_ONLY && *value && !is_one_of(a->values, value))) {
		one_plan_refuse_value(plan, path, value, a->words);
	}
}
