# SPDX-License-Identifier: Apache-2.0
"""An OpenNebula context on a node: the CD-ROM that its files become, as a Linux finds it; and a whole VM as oned asks for it."""
import io
import json
import os
import tarfile

import pki
from harness import LINUX, TOP, Failure, test, vm_config, write_file
from managed import Managed

DISK = "one-102-12-disk.1"
LONG = "A name with blanks, and far longer than ISO 9660 has.tar.gz"


def check(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


def put(node, files, disk=DISK):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return node.curl(f"/v1/contexts/{disk}", "-T", write_file("context.tar", out.getvalue()))


def start(node):
    check("start", node.curl("/v1/vms/web/start", "-X", "POST")[0], 200)
    node.expect(r"vm web: started")
    node.escape("1")
    node.login()
    check("label", node.shell("dd if=/dev/vda bs=1 skip=32808 count=32 2>/dev/null"), "CONTEXT")
    node.shell("mkdir /cd; mount -o ro /dev/vda /cd")


def stop(node):
    node.sendline("poweroff -f")
    node.expect(r"vm web: powered off")
    while node.get("/v1/vms/web")["state"] != "stopped":
        pass                                                     # its last words are on their way


@test
def linux_finds_its_context():
    large = os.urandom(3 << 20)
    with Managed(modules=LINUX) as node:
        free = node.get("/v1/node")["free_bytes"]
        status, body = put(node, {"context.sh": b"ETH0_IP='10.0.0.12'\n", LONG: large, "empty": b""})
        check(body, status, 201)
        text = vm_config("web", memory="96M", extra=f"disk {DISK} ro").replace("autostart yes", "autostart no")
        check("VM", node.curl("/v1/vms", "--data-binary", text)[0], 201)
        start(node)
        check("files", sorted(node.shell("ls /cd").split("\n")), sorted([LONG, "context.sh", "empty"]))
        check("context.sh", node.shell(". /cd/context.sh; echo $ETH0_IP"), "10.0.0.12")
        check("the large one", node.shell(f"wc -c < '/cd/{LONG}'"), str(len(large)))
        check("modes", node.shell("stat -c %a%u /cd/context.sh"), "4440")
        check("written", node.shell("dd if=/dev/zero of=/dev/vda count=1 2>/dev/null || echo refused"), "refused")
        check("another one while it runs", put(node, {"context.sh": b""})[0], 409)
        stop(node)
        check("another one", put(node, {"context.sh": b"ETH0_IP='10.0.0.13'\n"})[0], 201)
        start(node)
        check("context.sh", node.shell("ls /cd; . /cd/context.sh; echo $ETH0_IP"), "context.sh\n10.0.0.13")
        stop(node)
        check("delete", node.curl("/v1/vms/web", "-X", "DELETE")[0], 200)
        check("delete", node.curl(f"/v1/disks/{DISK}", "-X", "DELETE")[0], 200)
        check("images", node.get("/v1/images"), [])
        check("free memory", node.get("/v1/node")["free_bytes"], free)


def deploy(node, body, key):
    """(status, answer) of a deploy of VM 12, when it has ended."""
    front_end = ("--cert", pki.path("frontend.crt"), "--key", pki.path("frontend.key"))
    path = write_file("request.xml", body.encode())
    status, answer = node.curl("/v1/one/vms/12/deploy", *front_end, "-H", f"X-Key: {key}", "--data-binary", "@" + path)
    while status in (200, 202) and json.loads(answer)["state"] == "running":
        node.curl("/v1/one/changes", *front_end)
        status, answer = node.curl(f"/v1/one/actions/{key}", *front_end)
    return status, json.loads(answer)


@test
def a_vm_of_opennebula_is_what_its_template_says():
    with open(os.path.join(TOP, "tests/unit/one_vm_deploy.xml"), encoding="utf-8") as stream:
        body = stream.read().replace("[768]", "[96]")
    with Managed("node bridge br0 lab\n", modules=LINUX) as node:
        pki.client("frontend", "frontend")
        for suffix, words in (("kernel", "image vmlinuz\nread-only\n"), ("initrd", "image initrd.img\nread-only\n"), ("disk.0", "size 1048576\n"),
                              ("disk.1", "size 1048576\nswap\n")):
            check(suffix, node.curl(f"/v1/disks/one-102-12-{suffix}", "--data-binary", words)[0], 201)
        check("context", put(node, {"context.sh": b"ETH0_IP='192.0.2.20'\n"}, "one-102-12-disk.2")[0], 201)
        status, answer = deploy(node, body.replace("[br0]", "[br1]"), "k1")
        check("another bridge", (status, answer["error"]), (400, "NIC/BRIDGE=br1: the node's configuration has no `node bridge` line for it"))
        status, answer = deploy(node, body, "k2")
        check("deploy", (status, answer["status"], answer["info"]), (200, "SUCCESS", "one-12"))
        node.expect(r"vm one-12: started, 96 MiB, 2 vCPUs")
        node.escape("1")
        node.login()
        check("command line", node.shell("cat /proc/cmdline"), "root=/dev/vda1 ro console=ttyS0")
        check("processors", node.shell("nproc"), "2")
        check("card", node.shell("cat /sys/class/net/eth0/address"), "02:00:c0:00:02:14")
        check("disks", node.shell("cat /sys/block/vd*/ro"), "0\n0\n1")
        check("swap", node.shell("dmesg -n 1; swapon /dev/vdb && tail -n +2 /proc/swaps | wc -l"), "1")
        check("context", node.shell("mkdir /cd; mount -o ro /dev/vdc /cd; cat /cd/context.sh"), "ETH0_IP='192.0.2.20'")
