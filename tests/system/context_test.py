# SPDX-License-Identifier: Apache-2.0
"""An OpenNebula context on a node: the CD-ROM that its files become, as a Linux finds it."""
import io
import os
import tarfile

from harness import LINUX, Failure, test, vm_config, write_file
from managed import Managed

DISK = "one-102-12-disk.1"
LONG = "A name with blanks, and far longer than ISO 9660 has.tar.gz"


def check(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


def put(node, files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return node.curl(f"/v1/contexts/{DISK}", "-T", write_file("context.tar", out.getvalue()))


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
