# SPDX-License-Identifier: Apache-2.0
"""Disks that outlive their VMs: made of images that came over the network, written by Linux, fetched, used again."""
import hashlib
import os

from harness import LINUX, Failure, ext4_image, test, vm_config, work_dir
from managed import Managed, upload

MIB = 1 << 20
DISK = "one-102-12-disk.0"


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


def file_sum(node, path):
    return node.shell(f"sha256sum {path}").split()[0]


@test
def what_linux_writes_to_a_clone_of_an_image_stays():
    content = os.urandom(3 * MIB + 123)
    image = ext4_image({"given": content})
    with Managed(modules=LINUX) as node:
        free = node.get("/v1/node")["free_bytes"]
        upload(node, "root.img", image)
        make(node, DISK, "image root.img\nsize 33554432\n")
        make(node, DISK, "image root.img\nsize 33554432\n", 200)
        make(node, DISK, "image root.img\n", 409)
        make(node, "root.img", "size 512\n", 409)
        make(node, "other", "image none\n", 404)
        make(node, "other", "size 10000000000\n", 507)
        make(node, "other", "image root.img\nsize 512\n", 400)
        check("disk", row(node, DISK), {"name": DISK, "size": 32 * MIB, "image": "root.img", "read_only": False, "used": 0, "vm": ""})
        describe(node, "web", f"disk {DISK}")
        describe(node, "two", f"disk {DISK}")
        start(node, "web", 1)
        check("size in the guest", node.shell("cat /sys/block/vda/size"), str(32 * MIB // 512))
        node.shell("mkdir /a; mount /dev/vda /a")
        check("what was given", file_sum(node, "/a/given"), hashlib.sha256(content).hexdigest())
        written = node.shell("dd if=/dev/urandom of=/a/new bs=64k count=48 2>/dev/null; rm /a/given; sha256sum /a/new").split()[0]
        check("who has it", row(node, DISK)["vm"], "web")
        for path, method in (("/v1/vms/two/start", "POST"), (f"/v1/disks/{DISK}", "DELETE"), (f"/v1/disks/{DISK}", "GET"),
                             ("/v1/images/root.img", "DELETE")):
            status, body = node.curl(path, "-X", method)
            check(f"{method} {path}: {body}", status, 409)
        node.sendline("poweroff -f")                             # without sync: what the cache has is lost, as on a PC
        ended(node, "web", "powered off")
        start(node, "web", 1)
        node.shell("mkdir /a; mount /dev/vda /a && sync")
        written = node.shell("dd if=/dev/urandom of=/a/new bs=64k count=48 2>/dev/null; sync; sha256sum /a/new").split()[0]
        node.shell("umount /a; sync")
        node.sendline("poweroff -f")
        ended(node, "web", "powered off")
        used = row(node, DISK)["used"]
        if not 3 * MIB <= used <= 12 * MIB:
            raise Failure(f"{used} bytes are used")
        start(node, "web", 1)
        node.shell("mkdir /a; mount /dev/vda /a")
        check("what was written", file_sum(node, "/a/new"), written)
        node.shell("sync; (while :; do dd if=/dev/urandom of=/a/more bs=64k count=8 conv=fsync; done) 2>/dev/null & sleep 1")
        node.curl("/v1/vms/web/kill", "-X", "POST")              # in the middle of writing
        ended(node, "web", "killed")
        start(node, "web", 1)
        node.shell("mkdir /a; mount /dev/vda /a")                # ext4 replays its journal
        check("what was written", file_sum(node, "/a/new"), written)
        node.shell("umount /a")
        whole = file_sum(node, "/dev/vda")
        node.sendline("poweroff -f")
        ended(node, "web", "powered off")
        status, data = fetch(node, DISK)
        check("download", (status, len(data), hashlib.sha256(data).hexdigest()), (200, 32 * MIB, whole))
        check("a range", fetch(node, DISK, "-r", "1000000-9000000"), (206, data[1000000:9000001]))
        check("an image below a disk", node.curl("/v1/images/root.img", "-X", "DELETE")[0], 409)
        check("delete", node.curl(f"/v1/disks/{DISK}", "-X", "DELETE")[0], 200)
        check("image", node.curl("/v1/images/root.img", "-X", "DELETE")[0], 200)
        check("again", node.curl(f"/v1/disks/{DISK}", "-X", "DELETE")[0], 404)
        for name in ("web", "two"):
            node.curl(f"/v1/vms/{name}", "-X", "DELETE")
        check("free memory", node.get("/v1/node")["free_bytes"], free)
