# SPDX-License-Identifier: Apache-2.0
"""Disks of VMs: boot modules that Linux mounts, reads and writes, and whose changes end with the VM."""
import hashlib
import os

from harness import LINUX, Failure, Machine, ext4_image, make_iso, test, vm_config, write_file

MIB = 1 << 20


def sum_of(content):
    return hashlib.sha256(content).hexdigest()


def check(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


@test
def linux_reads_and_writes_an_image_and_it_forgets():
    content = os.urandom(5 * MIB + 123)
    image = ext4_image({"given": content})
    config = vm_config(extra="disk root.img\ndisk root.img ro\nvcpus 2").replace("vcpus 1\n", "\n")
    with Machine(iso=make_iso(config, modules={**LINUX, "root.img": image})) as node:
        node.login()
        check("serial number", node.shell("cat /sys/block/vda/serial; echo"), "root.img")
        check("queues", node.shell("ls /sys/block/vda/mq | wc -l"), "2")
        check("pieces of a request, reading ahead", node.shell("cd /sys/block/vda/queue; cat max_segments read_ahead_kb"), "510\n512")
        check("cache", node.shell("cat write_cache"), "write through")
        check("cache as wanted", node.shell("echo write back > ../cache_type; cat write_cache; cd /"), "write back")
        node.shell("mkdir /a /b; mount /dev/vda /a && mount -o ro /dev/vdb /b")
        check("what was given", node.shell("sha256sum /a/given").split()[0], sum_of(content))
        written = node.shell("dd if=/dev/urandom of=/a/new bs=64k count=96 2>/dev/null; rm /a/given; sha256sum /a/new").split()[0]
        node.shell("umount /a; echo 3 > /proc/sys/vm/drop_caches; mount /dev/vda /a")
        check("what was written", node.shell("sha256sum /a/new").split()[0], written)
        check("the image below", node.shell("sha256sum /b/given").split()[0], sum_of(content))
        check("flags", node.shell("cat /sys/block/vda/ro /sys/block/vdb/ro"), "0\n1")
        node.shell("! dd if=/dev/zero of=/dev/vdb bs=4096 count=1 2>/dev/null")
        node.shell("blkdiscard -z /dev/vda 2>/dev/null; true")
        node.sendline("reboot -f")
        node.expect(r"vm linux: reset, starts again")
        node.login()
        node.shell("mkdir /a; mount /dev/vda /a")
        check("after the VM", node.shell("sha256sum /a/given; ls /a").split()[0], sum_of(content))
        node.shell("test ! -e /a/new")


@test
def changes_have_bounded_room():
    image = write_file("data.img", bytes(8 * MIB))
    config = vm_config(extra="disk data.img room 2M")
    with Machine(iso=make_iso(config, modules={**LINUX, "data.img": image})) as node:
        node.login()
        node.shell("dd if=/dev/urandom of=/tmp/x bs=1M count=1 2>/dev/null")
        node.shell("dd if=/tmp/x of=/dev/vda bs=1M conv=fsync 2>/dev/null")
        node.shell("! dd if=/dev/urandom of=/dev/vda bs=1M seek=1 count=6 conv=fsync 2>/dev/null")
        if "disk data.img: no room for more changes (2 MiB)" not in node.text():
            raise Failure("the operator was not told")
        node.shell("echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vda bs=1M count=1 2>/dev/null | cmp - /tmp/x")


@test
def disks_that_are_missing():
    empty = write_file("empty.img", b"")
    config = (vm_config("a", extra="disk nothing.img") + vm_config("b", extra="disk empty.img") +
              vm_config("c", extra="disk initrd.img room 4G") + vm_config("d", extra="disk initrd.img half"))
    with Machine(iso=make_iso(config, modules={**LINUX, "empty.img": empty})) as node:
        node.expect(r"brume.conf:\d+: disk takes ro or room SIZE, not 'half'", 60)
        node.expect(r"vm a: not started: there is no disk, image or boot module nothing.img")
        node.expect(r"vm b: not started: (boot module empty.img is empty|there is no disk, image or boot module empty.img)")
        node.expect(r"vm c: not started: 40\d\d MiB are wanted for changes on disk initrd.img")
        node.expect(r"vm d: started")


@test
def a_vm_has_as_many_disks_and_cards_as_there_can_be():
    images = {f"{n}.img": write_file(f"{n}.img", bytes([n]) * MIB) for n in range(1, 9)}
    extra = "vcpus 8\n" + "".join(f"disk {name} room 1M\n" for name in images) + "nic\n" * 4
    config = vm_config(extra=extra).replace("vcpus 1\n", "\n")
    with Machine(iso=make_iso(config, modules={**LINUX, **images}), memory="512m") as node:
        node.login()
        for n, letter in enumerate("abcdefgh", 1):
            check(f"vd{letter}", node.shell(f"od -An -tu1 -N1 -j$((1 << 19)) /dev/vd{letter}").strip(), str(n))
            node.shell(f"dd if=/dev/urandom of=/dev/vd{letter} bs=64k count=8 conv=fsync 2>/dev/null")
        check("cards", node.shell("cd /sys/class/net; ls -d eth* | wc -l"), "4")
        node.shell("for n in 0 1 2 3; do ip link set eth$n up; done; ip addr add 10.9.0.1/24 dev eth0; arping -c 1 -I eth0 10.9.0.9; true")
        check("cards that heard it", node.shell("grep -L '^0$' eth1/statistics/rx_packets eth2/statistics/rx_packets eth3/statistics/rx_packets | wc -l"), "3")
