# SPDX-License-Identifier: Apache-2.0
"""The way out: an unmodified Linux on Brume reaches the world through a card of the machine, and the world reaches it."""
import functools
import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import urllib.request

from harness import BochsMachine, Failure, Machine, Skip, make_iso, script_word, test, vm_config, work_dir, write_file
from patch import trap_at

# udhcpc leaves the use of what it got to a script. The file is fetched and handed out again.
SCRIPT = r"""printf '#!/bin/sh\n[ $1 = bound ]&&ip addr add $ip/24 dev eth0&&ip route add default via $router\n'>/s
chmod +x /s;ip link set eth0 up;udhcpc -i eth0 -q -n -t 20 -s /s;mkdir /w;wget -q -O /w/f http://10.0.2.2:{port}/f
echo got $(sha256sum</w/f|cut -c 1-64);httpd -h /w;echo serves;sleep 9999"""


class Host:
    """A directory with one file of random bytes, served by HTTP on this machine."""

    def __init__(self, size):
        self.content = os.urandom(size)
        self.sum = hashlib.sha256(self.content).hexdigest()
        self.folder = os.path.join(work_dir(), "served")
        os.makedirs(self.folder, exist_ok=True)
        write_file("served/f", self.content)
        handler = functools.partial(Quiet, directory=self.folder)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def fetch(port, limit):
    """The file, from the guest's server behind a port of this machine."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/f", timeout=limit) as answer:
        return answer.read()


def reaches_the_world(node, host, port, limit=120):
    """The guest has an address, has fetched the file and serves it; both ways it stays what it was."""
    node.expect(r"lease of 10\.0\.2\.15 obtained", limit)
    if node.expect(r"^got (\w{64})$", limit)[1] != host.sum:
        raise Failure("the guest got another file")
    node.expect(r"^serves$", limit)
    if fetch(port, limit) != host.content:
        raise Failure("the guest serves another file")
    node.escape("c")
    match = node.expect(r"switch default: uplink: received (\d+) frames, (\d+) KiB, (\d+) dropped; sent (\d+) frames, (\d+) KiB, "
                        r"(\d+) dropped")
    print("uplink:", match[0].split("uplink: ")[1])
    if min(int(match[2]), int(match[5])) < len(host.content) >> 10:
        raise Failure("the counters of the uplink do not tell of that")


def config(host, memory="128M"):
    return vm_config(memory=memory, cmdline="console=ttyS0 quiet " + script_word(SCRIPT.format(port=host.port)), extra="nic")


def through_qemu(card, machine="q35"):
    host, port = Host(4 << 20), free_port()
    with Machine(iso=make_iso(config(host)), machine=machine,
                 extra=["-netdev", f"user,id=up,hostfwd=tcp:127.0.0.1:{port}-:80", "-device", f"{card},netdev=up"]) as node:
        reaches_the_world(node, host, port)


def through_bochs():
    host, port = Host(256 << 10), free_port()
    with BochsMachine(iso=make_iso(config(host)), extra=["--e1000", f"tcp:127.0.0.1:{port}-10.0.2.15:80"]) as node:
        reaches_the_world(node, host, port)


@test
def a_linux_reaches_the_world_through_virtio_net():
    through_qemu("virtio-net-pci")


@test
def a_linux_reaches_the_world_through_e1000():
    through_qemu("e1000", "pc")


@test
def a_linux_reaches_the_world_through_e1000e():
    through_qemu("e1000e")


@test
def a_linux_reaches_the_world_through_e1000_vmx():
    through_bochs()


@test
def each_switch_has_its_own_way_out_and_links_come_and_go():
    """Two cards, each on the wire of its own; a cable is pulled, and put in again."""
    ask = ("ip link set eth0 up;udhcpc -i eth0 -q -n -t 20 -s /bin/true;ip addr add 10.0.{n}.15/24 dev eth0;"
           "ping -c 1 -w 9 10.0.{n}.2>/dev/null&&echo reached;read x;ping -c 1 -w 1 10.0.{n}.2>/dev/null||echo alone;read x;"
           "ping -c 1 -w 20 10.0.{n}.2>/dev/null&&echo again;sleep 9999")
    wires = [word for number, card in ((2, "e1000e"), (3, "virtio-net-pci")) for word in (
        "-netdev", f"user,id=wire{number},net=10.0.{number}.0/24",
        "-device", f"{card},netdev=wire{number},id=card{number},addr={number + 2}")]
    machines = [vm_config(name, cmdline="console=ttyS0 quiet " + script_word(ask.format(n=number)), extra=f"nic switch {switch}")
                for name, number, switch in (("red", 2, "default"), ("blue", 3, "lab"))]
    lines = "node uplink default pci 00:04.0\nnode uplink lab pci 00:05.0\n"
    with Machine(iso=make_iso(lines + "".join(machines)), extra=wires) as node:
        for key, number in ((1, 2), (2, 3)):
            node.escape(str(key))
            node.expect(rf"lease of 10\.0\.{number}\.15 obtained", 60)
            node.expect(r"^reached$", 60)
        node.qmp("set_link", name="card3", up=False)
        node.expect(r"switch lab: the link of its uplink \S+ is down")
        node.sendline()
        node.expect(r"^alone$", 60)
        node.qmp("set_link", name="card3", up=True)
        node.expect(r"switch lab: the link of its uplink \S+ is up")
        node.sendline()
        node.expect(r"^again$", 60)
        node.escape("1")
        node.sendline()
        node.sendline()
        node.expect(r"^again$", 60)


@test
def switch_that_dies_takes_its_card_again_and_a_transfer_goes_on():
    host, port = Host(6 << 20), free_port()
    iso = make_iso(config(host), image=trap_at("net", "show_counters"))
    with Machine(iso=iso, extra=["-netdev", f"user,id=up,hostfwd=tcp:127.0.0.1:{port}-:80", "-device", "e1000e,netdev=up"]) as node:
        node.expect(r"^serves$", 120)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/f", timeout=60) as answer:
            content = answer.read(1 << 20)
            for _ in range(2):
                node.escape("c")
                node.expect(r"the switch died: invalid instruction .*; it starts again")
                node.expect(r"switch default: the link of its uplink \S+ is up", 1)     # back within a second
                content += answer.read(1 << 20)
            content += answer.read()
        if content != host.content:
            raise Failure("the file came garbled")


# The other side of a tap device is this machine's own kernel, in a network namespace with nobody else in it.
NAMESPACE = ["unshare", "--map-root-user", "--net"]
FETCH = """import hashlib, urllib.request
print(hashlib.sha256(urllib.request.urlopen("http://10.0.2.15/f").read()).hexdigest())
"""


def within(node, *command, **options):
    """A command in the namespace of a QEMU that runs there."""
    enter = ["nsenter", f"--target={node.process.pid}", "--user", "--net", "--preserve-credentials", *command]
    return subprocess.Popen(enter, stdout=subprocess.PIPE, text=True, **options)


@test
def segments_and_checksums_are_left_to_virtio_net():
    """With a tap device QEMU's card has offloads: packets of 64 KiB go out and come in as they are."""
    if subprocess.run([*NAMESPACE, "sh", "-c", "ip link && test -w /dev/net/tun"], capture_output=True, check=False).returncode:
        raise Skip("no network namespace with a tap device can be had here")
    host = Host(4 << 20)
    script = ("ip link set eth0 up;ip addr add 10.0.2.15/24 dev eth0;mkdir /w;until wget -q -O /w/f http://10.0.2.2:8000/f;do :;done;"
              "echo got $(sha256sum</w/f|cut -c 1-64);httpd -h /w;echo serves;sleep 9999")
    iso = make_iso(vm_config(cmdline="console=ttyS0 quiet " + script_word(script), extra="nic"))
    up = write_file("up", "#!/bin/sh\nip addr add 10.0.2.2/24 dev $1 && ip link set $1 up\n")
    os.chmod(up, 0o755)
    with Machine(iso=iso, prefix=NAMESPACE, extra=["-netdev", f"tap,id=up,script={up},downscript=no", "-device",
                                                   "virtio-net-pci,netdev=up"]) as node:
        node.expect(r"uplink \S+ is up", 60)
        server = within(node, sys.executable, "-m", "http.server", "--directory", host.folder, "8000", stderr=subprocess.DEVNULL)
        if node.expect(r"^got (\w{64})$", 60)[1] != host.sum:
            raise Failure("the guest got another file")
        node.expect(r"^serves$")
        client = within(node, sys.executable, "-c", FETCH)
        if client.communicate(timeout=60)[0].strip() != host.sum:
            raise Failure("the guest serves another file")
        server.kill()
        node.escape("c")
        match = node.expect(r"switch default: uplink: received (\d+) frames, (\d+) KiB, 0 dropped; sent (\d+) frames, (\d+) KiB, 0 dropped")
        print("uplink:", match[0].split("uplink: ")[1])
        if max(int(match[1]), int(match[3])) * 4 > len(host.content) >> 10:
            raise Failure("frames of less than 4 KiB: that is no segmentation left to the card")
