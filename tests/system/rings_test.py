# SPDX-License-Identifier: Apache-2.0
"""Disk and network under Linux with each form of virtqueue: devices that offer less than all, and a guest with two vCPUs."""
import os
import struct

from harness import LINUX, Failure, Machine, make_iso, script_word, test, vm_config, write_file
from patch import changed_at

MIB = 1 << 20
INDIRECT, EVENTS, PACKED, IN_ORDER = 1 << 28, 1 << 29, 1 << 34, 1 << 35

SERVER = """ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up; mkdir /tmp/w
dd if=/dev/vda of=/tmp/w/f bs=1M 2>/dev/null; httpd -h /tmp/w; sleep 10000
"""
# Both transfers at once; what came is written to the disk, backwards, and read again, by either processor.
CLIENT = """ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up
get() { until wget -q -O /tmp/$1 http://10.0.0.1/f; do sleep 1; done; }
for d in net blk; do cat /sys/bus/virtio/drivers/virtio_$d/virtio*/features; done
get a & get b; wait
sha256sum < /dev/vda; sha256sum < /tmp/a; sha256sum < /tmp/b
for i in 0 1 2 3; do dd if=/tmp/a of=/dev/vda bs=1M count=1 skip=$i seek=$((3 - i)) conv=notrunc 2>/dev/null; done
echo 3 > /proc/sys/vm/drop_caches
for i in 3 2 1 0; do taskset $((1 + i % 2)) dd if=/dev/vda bs=1M count=1 skip=$i 2>/dev/null; done | sha256sum
grep -E "(input|output|req)[^a-z]*$" /proc/interrupts; echo done
"""


def vm(name, vcpus, script):
    text = vm_config(name, memory="128M", cmdline="console=ttyS0 quiet " + script_word(script), extra="disk disk.img\nnic")
    return text.replace("vcpus 1", f"vcpus {vcpus}")


def transfers(features, cpus=1, counted=False, image=None):
    """Both machines with devices that offer these features of rings. Returns the client's text."""
    disk = write_file("disk.img", os.urandom(4 * MIB))
    config = vm("server", 1, SERVER) + vm("client", 2, CLIENT)
    iso = make_iso(config.replace("quiet", "quiet nokaslr"), modules={**LINUX, "disk.img": disk},
                   **({"image": image} if image else {}))
    with Machine(iso=iso, cpus=cpus, counted=counted) as node:
        node.expect(r"vm client: started", 60)
        node.escape("2")
        for _ in ("net", "blk"):
            bits = node.expect(r"^([01]{64})$", 240)[1]
            taken = sum(1 << bit for bit in range(64) if bits[bit] == "1")
            if taken & (INDIRECT | EVENTS | PACKED) != features & (INDIRECT | EVENTS | PACKED):
                raise Failure(f"the driver took {taken:x}")
        sums = [node.expect(r"^(\w{64})  -$", 240)[1] for _ in range(4)]
        if len(set(sums)) != 1:
            raise Failure(f"the sums differ: {sums}")
        start = len(node.text())
        node.expect(r"^done$", 60)
        node.expect_none(r"it rests until")
        return node.text()[start - 2000:]


def without(features):
    return changed_at("vmm", "ring_features", struct.pack("<Q", (INDIRECT | EVENTS | PACKED | IN_ORDER) & ~features))


@test
def packed_rings_and_all_queues_of_two_vcpus():
    text = transfers(INDIRECT | EVENTS | PACKED)
    counts = {line.split()[-1]: sum(int(n) for n in line.split()[1:3]) for line in text.splitlines() if "MSI" in line}
    print(counts)
    for kind in ("input.", "req."):
        queues = [name for name in counts if kind in name]
        if len(queues) != 2 or not all(counts[name] for name in queues):
            raise Failure(f"queues without an interrupt: {counts}")


@test
def split_rings():
    transfers(INDIRECT | EVENTS, image=without(PACKED))


@test
def split_rings_without_indirect_descriptors():
    transfers(EVENTS, image=without(PACKED | INDIRECT))


@test
def packed_rings_without_event_indices():
    transfers(INDIRECT | PACKED, image=without(EVENTS))


@test
def split_rings_without_anything():
    transfers(0, image=without(PACKED | EVENTS | INDIRECT | IN_ORDER))


@test
def two_guests_on_two_cpus():
    """Counted: what each CPU does when is the same in each run, and none waits for a machine that is busy."""
    transfers(INDIRECT | EVENTS | PACKED, cpus=2, counted=True)
