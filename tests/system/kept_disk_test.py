# SPDX-License-Identifier: Apache-2.0
"""Disks that outlive their VMs: made of images that came over the network, written by Linux, fetched, used again."""
import hashlib
import json
import os

from harness import LINUX, Failure, ext4_image, test, vm_config, work_dir, write_file
from managed import Managed, upload
from patch import trap_at

MIB = 1 << 20
DISK = "one-102-1234567-disk.0"
SIZE = 12 * MIB


def check(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


def make(node, name, words, wanted=201):
    status, body = node.curl(f"/v1/disks/{name}", "--data-binary", words)
    check(f"making of {name}: {body}", status, wanted)
    return body


def describe(node, name, extra):
    text = vm_config(name, memory="96M", extra=extra).replace("autostart yes", "autostart no")
    check(f"VM {name}", node.curl("/v1/vms", "--data-binary", text)[0], 201)


def start(node, name, number):
    status, body = node.curl(f"/v1/vms/{name}/start", "-X", "POST")
    check(f"start of {name}: {body}", status, 200)
    node.expect(rf"vm {name}: started")
    node.escape(str(number))
    node.login()


def ended(node, name, how):
    node.expect(rf"vm {name}: {how}")
    while node.get(f"/v1/vms/{name}")["state"] != "stopped":
        pass                                                     # its last words are on their way


def row(node, name):
    rows = [disk for disk in node.get("/v1/disks") if disk["name"] == name]
    check(f"disks of the name {name}", len(rows), 1)
    return rows[0]


def fetch(node, name, *more):
    """(status, bytes) of a download."""
    path = os.path.join(work_dir(), "fetched")
    status = node.curl(f"/v1/disks/{name}", "-o", path, *more)[0]
    with open(path, "rb") as stream:
        return status, stream.read()


def send(node, name, data, first=0, last=None):
    """(status, row) of a PUT of data[first:last]."""
    last = len(data) if last is None else last
    status, body = node.curl(f"/v1/disks/{name}", "-T", write_file("part", data[first:last]), "-H", "X-SHA256: " + hashlib.sha256(data).hexdigest(),
                             *(["-H", f"Content-Range: bytes {first}-{last - 1}/{len(data)}"] if last - first < len(data) else []))
    return status, json.loads(body)


def move(node, name):
    """As a front-end does: the disk's content comes, all of it goes, its content is sent to a disk that begins anew."""
    status, data = fetch(node, name)
    check("download", (status, len(data)), (200, SIZE))
    check("an image below a disk", node.curl("/v1/images/root.img", "-X", "DELETE")[0], 409)
    check("delete", node.curl(f"/v1/disks/{name}", "-X", "DELETE")[0], 200)
    check("image", node.curl("/v1/images/root.img", "-X", "DELETE")[0], 200)
    free = node.get("/v1/node")["free_bytes"]
    check("a part", send(node, name, data, 0, 7 * MIB + 1)[0], 202)
    for path, method in (("/v1/vms/web/start", "POST"), (f"/v1/disks/{name}", "GET")):
        status, body = node.curl(path, "-X", method)
        check(f"{method} {path}: {body}", (status, "not whole yet" in body), (409, True))
    status, sent = send(node, name, data, 7 * MIB + 1)
    check("the rest", (status, sent["state"], sent["used"] < 8 * MIB), (201, "whole", True))
    taken = free - node.get("/v1/node")["free_bytes"]
    check("memory that it takes", taken, SIZE + 4096)            # and a byte for each block
    check("the same once more", send(node, name, data)[0], 200)


def file_sum(node, path):
    return node.shell(f"sha256sum {path}").split()[0]


@test
def what_linux_writes_to_a_clone_of_an_image_stays():
    content = os.urandom(MIB + 123)
    image = ext4_image({"given": content}, 8)
    with Managed(modules=LINUX) as node:
        free = node.get("/v1/node")["free_bytes"]
        upload(node, "root.img", image)
        make(node, DISK, f"image root.img\nsize {SIZE}\n")
        make(node, DISK, f"image root.img\nsize {SIZE}\n", 200)
        make(node, DISK, "image root.img\n", 409)
        make(node, "root.img", "size 512\n", 409)
        make(node, "other", "image none\n", 404)
        make(node, "other", "size 10000000000\n", 507)
        make(node, "other", "image root.img\nsize 512\n", 400)
        check("disk", row(node, DISK), {"name": DISK, "size": SIZE, "image": "root.img", "read_only": False, "used": 0, "vm": "",
                                      "state": "whole"})
        describe(node, "web", f"disk {DISK}")
        describe(node, "two", f"disk {DISK}")
        start(node, "web", 1)
        check("serial number", node.shell("cat /sys/block/vda/serial; echo"), DISK[-20:])
        check("size in the guest", node.shell("cat /sys/block/vda/size"), str(SIZE // 512))
        node.shell("mkdir /a; mount /dev/vda /a")
        check("what was given", file_sum(node, "/a/given"), hashlib.sha256(content).hexdigest())
        written = node.shell("dd if=/dev/urandom of=/a/new bs=64k count=48 2>/dev/null; rm /a/given; sync; sha256sum /a/new").split()[0]
        check("who has it", row(node, DISK)["vm"], "web")
        for path, method in (("/v1/vms/two/start", "POST"), (f"/v1/disks/{DISK}", "DELETE"), (f"/v1/disks/{DISK}", "GET"),
                             ("/v1/images/root.img", "DELETE")):
            status, body = node.curl(path, "-X", method)
            check(f"{method} {path}: {body}", status, 409)
        node.shell("sync; (while :; do dd if=/dev/urandom of=/a/more bs=64k count=8 conv=fsync; done) 2>/dev/null & until test -s /a/more; do :; done")
        node.curl("/v1/vms/web/kill", "-X", "POST")              # in the middle of writing
        ended(node, "web", "killed")
        used = row(node, DISK)["used"]
        if not 3 * MIB <= used <= 8 * MIB:
            raise Failure(f"{used} bytes are used")
        move(node, DISK)
        start(node, "web", 1)
        node.shell("mkdir /a; mount /dev/vda /a")                # ext4 replays its journal
        check("what was written", file_sum(node, "/a/new"), written)
        node.shell("umount /a")
        whole = file_sum(node, "/dev/vda")
        node.sendline("poweroff -f")
        ended(node, "web", "powered off")
        status, data = fetch(node, DISK)
        check("download", (status, len(data), hashlib.sha256(data).hexdigest()), (200, SIZE, whole))
        check("a range", fetch(node, DISK, "-r", "1000000-9000000"), (206, data[1000000:9000001]))
        check("another content", send(node, DISK, data)[0], 409)  # a VM had it
        check("delete", node.curl(f"/v1/disks/{DISK}", "-X", "DELETE")[0], 200)
        check("again", node.curl(f"/v1/disks/{DISK}", "-X", "DELETE")[0], 404)
        for name in ("web", "two"):
            node.curl(f"/v1/vms/{name}", "-X", "DELETE")
        check("free memory", node.get("/v1/node")["free_bytes"], free)


@test
def swap_space_empty_disks_and_read_only_ones():
    with Managed(modules={}) as node:
        for name, path in LINUX.items():
            upload(node, "one." + name, path)
        make(node, "kernel", "image one.vmlinuz\nread-only\n")
        make(node, "initrd", "image one.initrd.img\nread-only\n")
        make(node, "swap", "swap\nsize 8388608\n")
        make(node, "data", "size 1048576\n")
        text = vm_config("web", memory="96M", kernel="kernel", initrd="initrd", extra="disk swap\ndisk data\ndisk initrd")
        check("VM", node.curl("/v1/vms", "--data-binary", text)[0], 201)
        node.expect(r"vm web: started")
        node.escape("1")
        node.login()
        check("users", [disk["vm"] for disk in node.get("/v1/disks")], ["web"] * 4)
        check("a kernel that runs", node.curl("/v1/disks/kernel", "-X", "DELETE")[0], 409)
        node.shell("swapon /dev/vda")
        check("swap", node.shell("grep -c vda /proc/swaps; grep SwapTotal /proc/meminfo").split(), ["1", "SwapTotal:", "8188", "kB"])
        check("empty", node.shell("tr -d '\\0' < /dev/vdb | wc -c"), "0")
        check("flags", node.shell("cat /sys/block/vd[abc]/ro").split(), ["0", "0", "1"])
        check("image", file_sum(node, "/dev/vdc")[:8] != "", True)
        node.shell("swapoff /dev/vda; dd if=/dev/urandom of=/dev/vdb bs=4k count=3 seek=7 conv=fsync 2>/dev/null")
        before = file_sum(node, "/dev/vdb")
        check("larger while a VM runs", node.curl("/v1/disks/data/size", "-d", "2097152")[0], 409)
        node.sendline("reboot -f")
        node.expect(r"vm web: reset, starts again")
        node.login()
        check("after a reset", file_sum(node, "/dev/vdb"), before)
        node.sendline("poweroff -f")
        ended(node, "web", "powered off")
        check("larger", node.curl("/v1/disks/data/size", "-d", "5242880")[0], 200)
        check("renamed", node.curl("/v1/disks/data/rename", "-d", "moved")[0], 200)
        node.curl("/v1/vms/web", "-X", "DELETE")
        text = text.replace("disk data", "disk moved")
        check("VM", node.curl("/v1/vms", "--data-binary", text)[0], 201)
        node.expect(r"vm web: started")
        node.login()
        check("what was there", node.shell("dd if=/dev/vdb bs=1M count=1 2>/dev/null | sha256sum").split()[0], before)
        check("new size", node.shell("cat /sys/block/vdb/size; dd if=/dev/zero of=/dev/vdb bs=1M seek=4 conv=fsync 2>/dev/null; echo"), "10240")


@test
def a_vmm_that_dies_leaves_the_disk_and_a_mgmt_that_dies_closes_it():
    with Managed(modules=LINUX, image=trap_at("vmm", "disk_zero", trap_at("mgmt", "metrics_poll"))) as node:
        make(node, "data", "size 67108864\n")
        text = vm_config("web", memory="96M", extra="disk data")
        check("VM", node.curl("/v1/vms", "--data-binary", text.replace("autostart yes", "autostart no"))[0], 201)
        start(node, "web", 1)
        written = node.shell("dd if=/dev/urandom of=/dev/vda bs=1M count=2 conv=fsync 2>/dev/null; dd if=/dev/vda bs=1M count=2 2>/dev/null | sha256sum")
        node.shell("(while :; do dd if=/dev/zero of=/dev/vda bs=64k seek=64 count=64 conv=fsync 2>/dev/null; done) & true")
        node.sendline("blkdiscard -o 33554432 /dev/vda")
        ended(node, "web", "failed: its vmm ended: invalid instruction")
        link = node.connect()
        link.sendall(b"GET /v1/disks/data HTTP/1.1\r\nHost: x\r\n\r\n")
        check("fetch", link.recv(12), b"HTTP/1.1 200")                # and the rest is not taken
        sent = os.urandom(MIB) + bytes(3 * MIB) + os.urandom(MIB + 77)
        check("a part of a disk", send(node, "sent", sent, 0, 2 * MIB + 5)[0], 202)
        status, body = node.curl("/v1/vms/web/start", "-X", "POST")
        check(f"start while somebody fetches: {body}", (status, "disk data is being fetched" in body), (409, True))
        try:
            node.curl("/metrics", "--retry", "0")
        except Failure:
            pass                                                     # the connection breaks
        node.expect(r"mgmt died: invalid instruction .*; it starts again")
        node.expect(r"mgmt: address 10.0.2.15")
        check("what the next mgmt knows of it", row(node, "sent")["received"], 2 * MIB + 5)
        check("another part", send(node, "sent", sent, 2 * MIB)[0], 409)
        check("the rest", send(node, "sent", sent, 2 * MIB + 5)[0], 201)
        check("what was sent", fetch(node, "sent"), (200, sent + bytes(-len(sent) % 512)))
        start(node, "web", 1)
        check("what was written", node.shell("dd if=/dev/vda bs=1M count=2 2>/dev/null | sha256sum"), written)
