# SPDX-License-Identifier: Apache-2.0
"""Routes of disks that are kept, over sockets of the host, with an init that is made up (tests/fake/mgmt_init.h)."""
import hashlib
import json
import os

import pki
from harness import test, work_dir, write_file
from mgmt_host import Host, answer, check, request

BLOCK = 4096


def post(host, path, text, who="operator"):
    status, body = host.curl(f"/v1/disks/{path}", who, "--data-binary", text)
    return status, json.loads(body)


def put_image(host, name, data):
    status, body = host.curl(f"/v1/images/{name}", "operator", "-T", write_file("image", data), "-H",
                             "X-SHA256: " + hashlib.sha256(data).hexdigest())
    check(status, 201, body)


def fetch(host, name, *more):
    """(status, bytes) of a download."""
    path = os.path.join(work_dir(), "fetched")
    status = host.curl(f"/v1/disks/{name}", "operator", "-o", path, *more)[0]
    with open(path, "rb") as stream:
        return status, stream.read()


def same(got, wanted, what):
    """Of two (status, bytes); tells no more of the bytes than how many there are."""
    check((got[0], len(got[1])), (wanted[0], len(wanted[1])), what)
    check(got[1] == wanted[1], True, what)


@test
def disks_are_made_listed_changed_and_deleted():
    with Host() as host:
        pki.client("operator", "operator")
        pki.client("monitor", "monitor")
        put_image(host, "root.img", os.urandom(20000))
        made = {"name": "one-102-12-disk.0", "size": 1 << 20, "image": "root.img", "read_only": False, "used": BLOCK, "vm": "",
                "state": "whole"}
        check(post(host, "one-102-12-disk.0", "image root.img\nsize 1048576\n"), (201, made), "clone")
        host.line(r"^audit: operator .* create disk one-102-12-disk.0: done$")
        check(post(host, "one-102-12-disk.0", "size 1048576\r\nimage root.img"), (200, made), "the same words")
        check(post(host, "one-102-12-disk.0", "image root.img\n")[0], 409, "other words")
        check(post(host, "kernel", "image root.img\nread-only\n")[0], 201, "read-only")
        check(post(host, "swap", "swap\nsize 65536")[0], 201, "swap")
        check(post(host, "x", "image none")[0], 404, "no such image")
        check(post(host, "x", "size 99999999999")[0], 507, "too large")
        check([disk["name"] for disk in host.get("/v1/disks", "monitor")], ["one-102-12-disk.0", "kernel", "swap"], "list")
        check(host.get("/v1/disks")[1]["read_only"], True, "list")
        for text in ("", "image", "image ", "image a\nimage b", "size", "size -1", "size 0", "size 1k", "size 12345678901234567890", "size 5\nsize 6",
                     "read-only yes", "colour red", "image " + "a" * 64):
            check(post(host, "x", text)[0], 400, f"words {text!r}")
        link = host.connect("operator")
        link.sendall(request("/v1/disks/x", "POST", "Content-Length: 10\r\n") + b"size 512\n\0")
        check(answer(link)[0], 400, "bytes that are no text")
        check(post(host, "a" * 64, "size 512")[0], 400, "a long name")
        check(post(host, "x", "#" * 600)[0], 413, "a long body")
        check(post(host, "swap/size", "131072")[0], 200, "size")
        check(post(host, "swap/size", "65536")[0], 400, "less")
        check(post(host, "swap/size", "much")[0], 400, "no size")
        check(post(host, "none/size", "65536")[0], 404, "size of none")
        check(post(host, "swap/rename", "kernel")[0], 409, "a name that is taken")
        check(post(host, "swap/rename", "swap2\nmore")[0], 400, "two names")
        check(post(host, "swap/rename", "swap2\n")[0], 200, "rename")
        host.line(r"^audit: operator .* rename disk swap: done$")
        for method, path in (("POST", "x"), ("POST", "kernel/size"), ("POST", "kernel/rename"), ("DELETE", "kernel"), ("GET", "kernel")):
            check(host.curl(f"/v1/disks/{path}", "monitor", "-X", method, "-d", "")[0], 403, f"{method} by a monitor")
        for name in ("one-102-12-disk.0", "kernel", "swap2"):
            check(host.curl(f"/v1/disks/{name}", "operator", "-X", "DELETE")[0], 200, "delete")
        check(host.curl("/v1/disks/kernel", "operator", "-X", "DELETE")[0], 404, "delete again")
        check(host.get("/v1/disks"), [], "list")


@test
def a_disk_is_fetched_with_what_vms_changed():
    with Host() as host:
        pki.client("operator", "operator")
        image = os.urandom(5 * BLOCK + 700)
        put_image(host, "root.img", image)
        check(post(host, "disk", "image root.img\nsize 1000448\n")[0], 201, "clone")
        whole = bytearray(image + bytes(1000448 - len(image)))
        whole[BLOCK:2 * BLOCK] = b"\x42" * BLOCK
        whole[3 * BLOCK:4 * BLOCK] = bytes(BLOCK)
        same(fetch(host, "disk"), (200, bytes(whole)), "download")
        for first, last in ((0, 0), (1000, 1999), (BLOCK - 1, BLOCK), (BLOCK, 3 * BLOCK - 1), (100, 30000), (5 * BLOCK, 6 * BLOCK), (999999, 1000447)):
            same(fetch(host, "disk", "-r", f"{first}-{last}"), (206, bytes(whole[first:last + 1])), f"{first}-{last}")
        same(fetch(host, "disk", "-r", "990000-"), (206, bytes(whole[990000:])), "its end")
        check(host.curl("/v1/disks/disk", "operator", "-r", "1000448-")[0], 416, "beyond its end")
        check(host.curl("/v1/disks/none", "operator")[0], 404, "none")
        status, head = host.curl("/v1/disks/disk", "operator", "-I")
        check((status, "Content-Length: 1000448\n" in head), (200, True), "only the head")
        check(post(host, "empty", "size 100000")[0], 201, "empty")
        check(fetch(host, "empty")[1][:BLOCK], bytes(BLOCK), "empty")
        check(post(host, "kernel", "image root.img\nread-only")[0], 201, "read-only")
        same(fetch(host, "kernel"), (200, image), "read-only")


@test
def clients_that_leave_keep_no_disk_open():
    with Host() as host:
        pki.client("operator", "operator")
        check(post(host, "disk", "size 33554432")[0], 201, "disk")
        for _ in range(3):
            links = [host.connect("operator") for _ in range(8)]
            for link in links:
                link.sendall(request("/v1/disks/disk"))
                check(link.recv(12), b"HTTP/1.1 200", "fetch")
            check(host.curl("/v1/disks/disk", "operator")[0], 503, "a ninth")
            for link in links:
                link.close()
            while host.curl("/v1/disks/disk", "operator", "-r", "0-9")[0] == 503:
                pass                                              # it hears of it in a moment
        link = host.connect("operator")
        link.sendall(request("/v1/disks/disk", more="Range: bytes=0-1\r\n") + request("/v1/disks", more="Connection: close\r\n"))
        check(answer(link)[0], 206, "pipelined")
        check(answer(link)[0], 200, "pipelined")


def send(host, name, data, first=0, last=None, sum_of=None, *more):
    """PUT of data[first:last]."""
    last = len(data) if last is None else last
    headers = ["-H", "X-SHA256: " + hashlib.sha256(sum_of or data).hexdigest()]
    if (first, last) != (0, len(data)):
        headers += ["-H", f"Content-Range: bytes {first}-{last - 1}/{len(data)}"]
    status, body = host.curl(f"/v1/disks/{name}", "operator", "-T", write_file("disk", data[first:last]), *headers, *more)
    return status, json.loads(body)


@test
def a_disk_is_sent_broken_off_gone_on_with_and_used():
    data = os.urandom(9 * BLOCK + 100) + bytes(30 * BLOCK) + os.urandom(777)
    digest = hashlib.sha256(data).hexdigest()
    with Host() as host:
        pki.client("operator", "operator")
        pki.client("monitor", "monitor")
        status, row = send(host, "d", data, 0, 50000)
        check((status, row["state"], row["bytes"], row["received"], row["sha256"]), (202, "partial", len(data), 50000, digest), "a part")
        host.line(r"^audit: operator .* upload disk d: begins$")
        check(host.curl("/v1/disks/d")[0], 409, "fetch of a part")
        link = host.connect("operator")
        head = f"X-SHA256: {digest}\r\nContent-Range: bytes 50000-{len(data) - 1}/{len(data)}\r\nContent-Length: {len(data) - 50000}\r\n"
        link.sendall(request("/v1/disks/d", "PUT", head) + data[50000:70000])
        while host.get("/v1/disks")[0]["received"] != 70000:
            pass
        check(send(host, "d", data)[0], 409, "a second sender")
        check(host.curl("/v1/disks/d", "operator", "-X", "DELETE")[0], 409, "delete while it is sent")
        link.close()                                              # in the middle
        while send(host, "d", data, 60000)[0] != 409 or host.get("/v1/disks")[0]["received"] != 70000:
            pass                                                  # a part that does not fit
        check(send(host, "d", data[:-1])[0], 409, "another length")
        check(send(host, "d", data, sum_of=b"x")[0], 409, "another sum")
        while True:                                               # it hears of the end of the first link in a moment
            status, row = send(host, "d", data, 70000)
            if status != 409:
                break
        check((status, row["state"], row["received"], row["used"]), (201, "whole", len(data), 11 * BLOCK), "the rest")
        host.line(r"^audit: operator .* upload disk d: is whole$")
        same(fetch(host, "d"), (200, data), "what came")
        check(send(host, "d", data)[0], 200, "once more")
        check(post(host, "d", f"size {len(data)}")[0], 409, "an empty one of that size")
        check(send(host, "bad", data, sum_of=b"x")[0], 400, "a wrong sum")
        check([disk["name"] for disk in host.get("/v1/disks")], ["d"], "list")
        check(send(host, "late", data, 5)[0], 409, "the end first")
        check(send(host, "big", data, 0, 5, None, "-H", "Content-Range: bytes 0-4/999999999999")[0], 400, "two ranges")
        for header in ("X-SHA256: 12", "X-None: 1"):
            check(host.curl("/v1/disks/x", "operator", "-T", write_file("disk", data), "-H", header)[0], 400, header)
        check(host.curl("/v1/disks/x", "monitor", "-T", write_file("disk", data), "-H", "X-SHA256: " + digest)[0], 403, "a monitor")
        check(host.curl("/v1/disks/" + "a" * 64, "operator", "-T", write_file("disk", data), "-H", "X-SHA256: " + digest)[0], 400, "a long name")
        check(post(host, "d/size", str(64 * BLOCK))[0], 200, "grow")
        check(send(host, "d", data)[0], 409, "once more, but it has grown")
        check(host.curl("/v1/disks/d", "operator", "-X", "DELETE")[0], 200, "delete")
