# SPDX-License-Identifier: Apache-2.0
"""mgmt on a node: its identity, its port, and what happens when it dies."""
import hashlib
import ipaddress
import os
import re
import socket
import ssl
import time

import pki
from harness import LINUX, Failure, Machine, make_iso, test, test_on_both, vm_config, write_file
from managed import ADDRESS, Managed, upload
from patch import trap_at


@test
def a_node_without_key_makes_one_and_shows_its_fingerprint():
    with Machine(iso=make_iso(ADDRESS, modules={}), memory="512m") as node:
        node.expect(r"mgmt: made a key for this run, SHA-256 fingerprint ([0-9A-F]{2}:){31}[0-9A-F]{2}$", 60)
        node.expect(r"mgmt: there is no boot module ca.crt: nobody can show a certificate, and the port stays closed")


@test
def no_key_without_entropy():
    with Machine(iso=make_iso(ADDRESS, modules={}), memory="512m", cpu="max,+svm,-rdrand,-rdseed") as node:
        node.expect(r"mgmt: no key: this processor has neither RDSEED nor RDRAND, and there is no boot module 'seed'", 60)
    seed = {"seed": write_file("seed", os.urandom(32))}
    with Machine(iso=make_iso(ADDRESS, modules=seed), memory="512m", cpu="max,+svm,-rdrand,-rdseed") as node:
        node.expect(r"mgmt: made a key for this run", 60)


@test_on_both
def keys_and_certificates_come_as_modules(kind):
    pki.node()
    with kind(iso=make_iso(ADDRESS, modules=pki.modules()), memory="512m") as node:
        node.expect(r"mgmt: certificate node.crt, SHA-256 fingerprint", 60)
        node.expect(r"mgmt: listening on port 8443")


@test
def a_vm_is_described_started_and_stopped_over_the_network():
    text = vm_config("web", memory="96M").replace("autostart yes", "autostart no")
    with Managed(modules=LINUX) as node:
        if node.get("/v1/vms") != []:
            raise Failure("there are VMs already")
        status, body = node.curl("/v1/vms", "--data-binary", text)
        if status != 201:
            raise Failure(f"create: {status} {body}")
        node.expect(r"vm web: created")
        node.expect(r"audit: operator \(operator\) from 10.0.2.2: create web: done")
        if node.curl("/v1/vms", "--data-binary", text)[0] != 409:
            raise Failure("the same VM was created twice")
        status, body = node.curl("/v1/vms", "--data-binary", "vm bad\nmemory lots\n")
        if status != 400 or "vm:2: " not in body:
            raise Failure(f"a bad text: {status} {body}")
        if node.curl("/v1/vms/web/start", "-X", "POST")[0] != 200:
            raise Failure("it cannot be started")
        node.expect(r"vm web: started")
        node.escape("1")
        node.login()
        if node.get("/v1/vms/web")["state"] != "running":
            raise Failure("it is not shown as running")
        status, body = node.curl("/v1/vms/web", "-X", "DELETE")
        if status != 409 or "the VM runs" not in body:
            raise Failure(f"delete while it runs: {status} {body}")
        if node.curl("/v1/vms/web/kill", "-X", "POST")[0] != 200:
            raise Failure("it cannot be killed")
        node.expect(r"vm web: killed")


@test
def a_vm_is_deleted_and_another_one_gets_its_place():
    """Its memory is free again, and the next VM of that number is a new one: no start of the old one counts, and its card works."""
    text = vm_config("web", memory="96M", extra="nic")
    with Managed(modules=LINUX) as node:
        free = node.get("/v1/node")["free_bytes"]
        for turn in (1, 2):
            if node.curl("/v1/vms", "--data-binary", text)[0] != 201:
                raise Failure("it cannot be created")
            node.expect(r"vm web: started")
            node.escape("1")
            node.login()
            node.shell("ip addr add 10.0.2.77/24 dev eth0; ip link set eth0 up")
            node.shell("ping -c 2 -W 5 10.0.2.2")
            card = node.get("/v1/counters")["vms"][0]["nics"][0]
            if not (2 * 98 <= card["sent_bytes"] < 20000 and card["received_frames"] >= 2 and not card["sent_dropped"]):
                raise Failure(f"turn {turn}: {card}")            # of this VM alone
            if node.get("/v1/vms/web")["starts"] != 1:
                raise Failure(f"turn {turn}: {node.get('/v1/vms/web')}")
            node.curl("/v1/vms/web/kill", "-X", "POST")
            while node.curl("/v1/vms/web", "-X", "DELETE")[0] != 200:
                pass                                             # its last words are on their way
            node.expect(r"vm web: deleted")
            if node.get("/v1/vms") != [] or node.get("/v1/node")["free_bytes"] != free:
                raise Failure(f"not all of it is back: {free} {node.get('/v1/node')}")


@test
def the_address_may_come_by_dhcp():
    with Managed(address="node address dhcp\n", ipv6=True) as node:
        own = [int(byte, 16) for byte in re.search(r"begin with (\S{11}) \(", node.text())[1].split(":")] + [0xff, 1]
        suffix = bytes([own[0] ^ 2, own[1], own[2], 0xff, 0xfe, *own[3:]])           # RFC 4291, appendix A
        address = ipaddress.IPv6Address(b"\xfe\xc0" + bytes(6) + suffix).compressed.upper()
        if f"mgmt: address {address}\n" not in node.text():
            node.expect(rf"mgmt: address {address}$")             # by a router's advertisement
        if node.get("/v1/node")["vms"] != 0:
            raise Failure("there are VMs")


@test
def the_card_may_be_an_e1000e():
    with Managed(address="node address dhcp\n", card="e1000e") as node:
        if node.get("/v1/node")["vms"] != 0:
            raise Failure("there are VMs")


@test
def mgmt_that_dies_comes_back_and_vms_go_on():
    config = vm_config("web", memory="96M")
    with Managed(config, modules=LINUX, image=trap_at("mgmt", "metrics_poll")) as node:
        node.escape("1")
        node.login()
        data = os.urandom(3 << 20)
        half = len(data) // 2
        digest = "X-SHA256: " + hashlib.sha256(data).hexdigest()
        node.curl("/v1/images/disk", "-T", write_file("half", data[:half]), "-H", digest,
                  "-H", f"Content-Range: bytes 0-{half - 1}/{len(data)}")
        for _ in range(2):
            try:
                node.curl("/metrics", "--retry", "0")
            except Failure:
                pass                                              # the connection breaks
            else:
                raise Failure("it answered")
            node.expect(r"mgmt died: invalid instruction .*; it starts again")
            died = time.monotonic()
            node.expect(r"mgmt: address 10.0.2.15\n", 1)          # back within a second
            print(f"back after {time.monotonic() - died:.2f} s")
            if node.get("/v1/vms/web")["state"] != "running":
                raise Failure("the VM does not run")
        node.sendline()
        if node.shell("echo $((6 * 7))") != "42":
            raise Failure("the VM does not answer")
        node.expect_none(r"vm web: (ended|failed|reset|triple|killed)")
        if node.get("/v1/images")[0]["received"] != half:         # and an upload goes on where it was
            raise Failure(f"half of an image: {node.get('/v1/images')}")
        status, body = node.curl("/v1/images/disk", "-T", write_file("whole", data), "-C", str(half), "-H", digest)
        if status != 201:
            raise Failure(f"the other half: {status} {body}")


@test
def a_vm_runs_on_images_that_came_over_the_network():
    with Managed(modules={}) as node:
        data = os.urandom((3 << 20) + 512)
        upload(node, "data.img", write_file("data.img", data))
        took = sum(upload(node, name, path) for name, path in LINUX.items())
        size = sum(os.path.getsize(path) for path in LINUX.values())
        print(f"{size >> 20} MiB in {took:.1f} s")
        status, body = node.curl("/v1/vms", "--data-binary", vm_config("web", memory="96M", extra="disk data.img"))
        if status != 201:
            raise Failure(f"create: {status} {body}")
        node.expect(r"vm web: started")
        node.escape("1")
        node.login()
        if node.shell("sha256sum /dev/vda").split()[0] != hashlib.sha256(data).hexdigest():
            raise Failure("the disk is not the image")
        if node.curl("/v1/images/vmlinuz", "-X", "DELETE")[0] != 409:
            raise Failure("an image that a VM uses was deleted")
        node.expect(r"audit: .* delete image vmlinuz: a VM runs with this volume")
        node.curl("/v1/vms/web/kill", "-X", "POST")
        node.expect(r"vm web: (?!started)")
        if node.curl("/v1/images/vmlinuz", "-X", "DELETE")[0] != 200:
            raise Failure("an image that nobody uses was not deleted")


@test
def the_console_of_a_vm_is_at_hand_over_the_network():
    config = vm_config("web", memory="96M")
    with Managed(config, modules=LINUX) as node:
        node.escape("1")
        node.login()
        link = node.connect()
        link.sendall(b"GET /v1/vms/web/console HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: brume-console\r\n\r\n")
        data = b""
        while b"brume-guest: ready" not in data:                  # what came before, out of its scroll-back
            data += link.recv(4096)
        link.sendall(b"echo $((6 * 7))\r")
        while b"\r\n42\r\n" not in data:
            data += link.recv(4096)
        node.expect(r"^42$")                                      # the node's own console shows it, too
        node.expect_none(r"consoles are cut off")


ANSWER_LIMIT = 150e6           # instructions from the first of init's clock to the first answer, handshake included
BYTE_LIMIT = 135               # per byte of an upload, on the whole node: 1.5 times the 90 of TLS records and SHA-256 alone


def busy(node):
    """Instructions that the node has executed: 2 ns each, the processor's idle time left out."""
    counters = node.get("/v1/counters")
    return (counters["uptime_ns"] - counters["cpu_idle_ns"]) / 2


@test
def an_answer_and_an_upload_need_few_instructions():
    data = os.urandom(8 << 20)
    with Managed(cpu="max,+svm,-monitor", extra=("-icount", "shift=1")) as node:
        first = busy(node)
        second = busy(node)
        upload(node, "image", write_file("image", data))
        third = busy(node)
        request = second - first
        byte = (third - second - 2 * request) / len(data)         # two connections, each with a handshake
        print(f"first answer {first / 1e6:.0f} M, a request {request / 1e6:.0f} M, upload {byte:.0f} instructions per byte")
        if first > ANSWER_LIMIT or byte > BYTE_LIMIT:
            raise Failure("too many")


HELLO_LIMIT = 500e6            # instructions from GRUB's hand-over to ServerHello


def client_hello():
    out = ssl.MemoryBIO()
    try:
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="node").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise Failure("a handshake without the other side")


def instructions(node):
    """All that the machine has executed."""
    node.qmp("stop")
    count = node.qmp("query-replay")["icount"]
    node.qmp("cont")
    return count


# What GRUB reads after its last line is counted, too.
@test
def a_node_that_boots_says_hello_soon():
    with Managed(cpu="max,+svm,-monitor", extra=("-icount", "shift=1"), ready=False) as node:
        node.expect(r"Booting `Brume'", 60)
        start = instructions(node)
        node.expect(r"mgmt: address 10.0.2.15\n", 60)
        with socket.create_connection(("127.0.0.1", node.port), 60) as link:
            link.sendall(client_hello())
            hello = link.recv(4096)
        took = instructions(node) - start
        print(f"ServerHello after {took / 1e6:.0f} M instructions")
        if hello[0] != 22 or hello[5] != 2:                       # RFC 8446, 5.1 and 4: a handshake, server_hello
            raise Failure(f"that is no ServerHello: {hello[:16].hex()}")
        if took > HELLO_LIMIT:
            raise Failure("too many")


def ask(link):
    """One request on a connection that stays; fails when there is no good answer."""
    link.sendall(b"GET /v1/vms HTTP/1.1\r\nHost: x\r\n\r\n")
    data = b""
    while not data.endswith(b"]\n"):
        piece = link.recv(4096)
        if not piece:
            raise Failure(f"the connection ended after {data!r}")
        data += piece


@test
def stalled_clients_on_the_network_keep_nobody_out():
    with Managed() as node:
        link = node.connect()
        ask(link)
        stalled = []
        for number in range(100):                                 # more than it has connections, and sessions
            client = socket.create_connection(("127.0.0.1", node.port), 30)
            stalled.append(client)
            try:
                client.sendall(b"\x16\x03\x01\x02\x00\x01" if number % 2 else b"GET / HTTP/1.0\r\n\r\n")
            except OSError:
                pass                                              # already dropped
            if number % 25 == 24:
                start = time.monotonic()
                ask(link)
                took = time.monotonic() - start
                if took > 1:
                    raise Failure(f"an old connection was answered after {took:.2f} s")
        if node.get("/v1/vms") != []:
            raise Failure("no answer to a new client")
        ask(link)
        counters = node.get("/v1/counters")
        print(f"{counters['connections_total']} connections, {counters['handshake_failures_total']} failed")
