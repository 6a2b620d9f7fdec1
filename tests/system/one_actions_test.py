# SPDX-License-Identifier: Apache-2.0
"""OpenNebula's actions on a node: VMs that a front-end deploys and ends over TLS, with mgmt dying in between, too."""
import base64
import io
import json
import re
import struct
import tarfile

import pki
from harness import LINUX, Failure, test, write_file
from managed import Managed
from mgmt_host import answer
from patch import trap_at

DISKS = {"kernel": "vmlinuz", "initrd": "initrd.img"}


def xml(vm, memory=96, inner=""):
    """oned's request about a VM whose files are the test guest's, with a screen."""
    return (f"<VMM_DRIVER_ACTION_DATA><HOST>testnode</HOST><DEPLOY_ID/><VM><ID>{vm}</ID><TEMPLATE><MEMORY>{memory}</MEMORY><OS>"
            "<KERNEL>/k</KERNEL><INITRD>/i</INITRD><KERNEL_CMD><![CDATA[console=ttyS0 quiet]]></KERNEL_CMD></OS>"
            f"<GRAPHICS><TYPE>vnc</TYPE><PORT>{5900 + vm}</PORT></GRAPHICS>{inner}</TEMPLATE><HISTORY_RECORDS><HISTORY><DS_ID>102</DS_ID></HISTORY></HISTORY_RECORDS></VM></VMM_DRIVER_ACTION_DATA>")


class Watched(Managed):
    """A node that is asked on connections that stay, so that handshakes do not count."""

    def talk(self, link, method, path, more="", body="", plain=False):
        """The answer to one request."""
        link.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{more}\r\n{body}".encode())
        text = answer(link)[1].decode()
        return text if plain else json.loads(text)

    def busy(self, link):
        """Instructions that the node has executed: 2 ns each, the processor's idle time left out."""
        counters = self.talk(link, "GET", "/v1/counters")
        return (counters["uptime_ns"] - counters["cpu_idle_ns"]) / 2


class Node(Watched):
    """A node with the test guest's files as boot modules, and its front-end."""

    def __init__(self, **more):
        super().__init__(modules=LINUX, **more)
        pki.client("frontend", "frontend")

    def curl(self, path, *more):
        return super().curl(path, "--cert", pki.path("frontend.crt"), "--key", pki.path("frontend.key"), *more)

    def make_disks(self, vm):
        for suffix, image in DISKS.items():
            status, body = self.curl(f"/v1/disks/one-102-{vm}-{suffix}", "--data-binary", f"image {image}\nread-only\n")
            if status != 201:
                raise Failure(f"disk {suffix}: {status} {body}")

    def ask(self, vm, action, key, body=None):
        status, answer = self.curl(f"/v1/one/vms/{vm}/{action}", "-H", f"X-Key: {key}", "--data-binary", body or xml(vm))
        return status, json.loads(answer)

    def act(self, vm, action, key, wanted="SUCCESS"):
        """An action to its end, as a front-end waits for it."""
        status, answer = self.ask(vm, action, key)
        while status == 202 and answer["state"] == "running":
            change = self.get("/v1/one/changes")["change"]
            answer = self.get(f"/v1/one/actions/{key}")
            if answer["state"] == "running":
                self.curl("/v1/one/changes", "-H", f"X-Since: {change}")
        if answer.get("status") != wanted:
            raise Failure(f"{action}: {status} {answer}")
        return answer["info"]

    def states(self):
        return dict(re.findall(r'ID="(\d+)", DEPLOY_ID="one-\d+", STATE="(\w+)"', self.curl("/v1/one/monitor/state_vm")[1]))

    def numbers(self, vm):
        """What monitord is told of the VM."""
        lines = dict(re.findall(r'ID="(\d+)".* MONITOR="([^"]*)"', self.curl("/v1/one/monitor/monitor_vm")[1]))
        return dict(re.findall(r'(\w+)="(\d+)"', base64.b64decode(lines[str(vm)]).decode()))

    def disks(self):
        return sorted(disk["name"] for disk in self.get("/v1/disks"))

    def kill_mgmt(self):
        """Its image traps in metrics_poll()."""
        try:
            Managed.curl(self, "/metrics", "--retry", "0", "-m", "5")
        except Failure:
            pass                                                  # the connection breaks, or nobody answers on it any more
        else:
            raise Failure("it answered")
        self.expect(r"mgmt died: invalid instruction .*; it starts again")
        self.expect(r"mgmt: address 10.0.2.15")

    def must(self, condition, what):
        if not condition:
            raise Failure(what)


@test
def a_front_end_leads_an_unmodified_linux_through_its_life():
    with Node() as node:
        node.make_disks(12)
        if node.act(12, "deploy", "k-1") != "one-12":
            raise Failure("another deploy id")
        node.must(node.get("/v1/vms/one-12/vnc")["port"] == 5912, "its screen has no port")
        node.expect(r"mgmt: audit: frontend \(frontend\) from 10.0.2.2: deploy one-12: begun")
        node.escape("1")
        node.login()
        node.must(node.states() == {"12": "RUNNING"}, "it is not told as running")
        node.act(12, "reboot", "k-2")
        node.login()
        node.act(12, "reset", "k-3")
        node.login()
        node.must(node.get("/v1/vms/one-12")["starts"] == 3, "it did not start three times")
        node.must(node.states() == {"12": "RUNNING"}, "it is not told as running after its resets")
        node.act(12, "shutdown", "k-4")
        node.must(node.curl("/v1/vms/one-12")[0] == 404, "it is still there")
        node.must(node.states() == {"12": "POWEROFF"}, f"after a shutdown whose answer may be lost: {node.states()}")
        node.must(node.disks() == ["one-102-12-initrd", "one-102-12-kernel"], "its disks are not there")
        node.act(12, "deploy", "k-5")
        node.act(12, "cancel", "k-6")
        node.must(node.get("/v1/vms") == [] and len(node.disks()) == 2, "cancel left the VM, or took its disks")
        node.must(node.states() == {"12": "POWEROFF"}, f"after a cancel: {node.states()}")
        node.act(12, "deploy", "k-7")
        node.act(12, "cleanup", "k-8")
        node.must(node.get("/v1/vms") == [] and node.disks() == [] and node.states() == {}, "something is left")
        node.must("no such" in node.act(12, "reboot", "k-9", "FAILURE"), "reboot of nothing")
        node.must("one-102-12-kernel" in node.act(12, "deploy", "k-10", "FAILURE"), "a deploy without its kernel does not say so")
        node.must(node.get("/v1/vms") == [], "what could not start is left")


@test
def a_linux_that_has_no_acpi_yet_hears_its_power_button_later():
    with Node() as node:
        node.make_disks(12)
        node.act(12, "deploy", "k-1")
        node.act(12, "shutdown", "k-2")
        node.expect(r"vm one-12: powered off")
        node.must(node.text().count("vm one-12: power button") == 1, "the operator's press is not told once")
        node.must(1 <= node.text().count("vm one-12: the guest has not gone off: its power button once more") <= 11, "it was not pressed again")


@test
def what_a_guest_reads_and_writes_is_counted():
    names = "DISKRDBYTES", "DISKWRBYTES", "DISKRDIOPS", "DISKWRIOPS"
    inner = "".join(f"<DISK><DISK_ID>{i}</DISK_ID><TARGET>vd{letter}</TARGET><TYPE>fs</TYPE></DISK>" for i, letter in enumerate("ab"))
    with Node() as node:
        node.make_disks(12)
        for i in range(2):
            node.curl(f"/v1/disks/one-102-12-disk.{i}", "--data-binary", "size 8388608\n")
        status, answer = node.ask(12, "deploy", "k-1", xml(12, inner=inner))
        node.must(status < 300, f"deploy: {answer}")
        node.act(12, "deploy", "k-1")
        node.escape("1")
        node.login()
        before = node.numbers(12)
        node.shell("dd if=/dev/vda of=/dev/null bs=64k count=32 iflag=direct; dd if=/dev/zero of=/dev/vdb bs=4k count=24 oflag=direct conv=fsync; "
                   "dd if=/dev/zero of=/dev/vda bs=128k count=3 oflag=direct; dd if=/dev/vdb of=/dev/null bs=64k count=5 iflag=direct")
        after = node.numbers(12)
        did = tuple(int(after[name]) - int(before[name]) for name in names)
        node.must(did == (37 * 65536, 24 * 4096 + 3 * 131072, 37, 27), f"{did} is told")
        metrics = node.curl("/metrics")[1]
        written = dict(re.findall(r'brume_vm_disk_write_bytes_total{vm="one-12",disk="(\d)"} (\d+)', metrics))
        node.must(written == {"0": str(3 * 131072), "1": str(24 * 4096)}, f"written: {written}")


@test
def a_vm_that_goes_off_by_itself_is_told_and_no_other():
    with Node() as node:
        node.make_disks(12)
        node.act(12, "deploy", "k-1")
        node.escape("1")
        node.login()
        node.sendline("reboot")
        node.expect(r"vm one-12: reset, starts again", 60)
        while node.get("/v1/vms/one-12")["starts"] < 2:
            node.must(node.states() == {"12": "RUNNING"}, f"while it started again: {node.states()}")
        node.must(node.states() == {"12": "RUNNING"}, "after it started again")
        node.login()
        change = node.get("/v1/one/changes")["change"]
        node.sendline("poweroff")
        while node.states() == {"12": "RUNNING"}:
            change = json.loads(node.curl("/v1/one/changes", "-H", f"X-Since: {change}")[1])["change"]
        node.must(node.states() == {"12": "POWEROFF"}, f"after it went off: {node.states()}")
        node.act(12, "deploy", "k-2")
        node.must(node.states() == {"12": "RUNNING"}, "after it was made anew")


@test
def mgmt_that_dies_in_the_middle_does_nothing_twice():
    with Node(image=trap_at("mgmt", "metrics_poll")) as node:
        node.make_disks(12)
        node.ask(12, "deploy", "k-1")
        node.kill_mgmt()
        node.act(12, "deploy", "k-1")
        node.escape("1")
        node.login()
        node.shell("rm -r /etc/acpi")                             # the guest is deaf now
        if node.ask(12, "shutdown", "k-2")[0] != 202:
            raise Failure("the shutdown did not begin")
        node.expect(r"vm one-12: power button")
        node.kill_mgmt()
        node.must(node.ask(12, "shutdown", "k-2")[1]["state"] == "running", "the shutdown was forgotten")
        node.must(node.ask(12, "reset", "k-3")[0] == 409, "two actions at a time")
        node.must(node.states() == {"12": "RUNNING"}, f"while it was asked to go off: {node.states()}")
        node.curl("/v1/one/actions/k-2", "-X", "DELETE")
        node.act(12, "reset", "k-3")
        node.kill_mgmt()
        node.act(12, "reset", "k-3")
        node.must(node.states() == {"12": "RUNNING"}, f"after its reset: {node.states()}")
        node.act(12, "cancel", "k-4")
        node.must(node.text().count("vm one-12: power button") == 1, "the button was pressed twice")
        node.must(node.text().count("vm one-12: reset by the operator") == 1, "it was reset twice")
        node.must(node.text().count("vm one-12: started") == 2, "it was started too often")


DEPLOY_LIMIT = 50e6            # instructions from the request to the guest's first one; the content is on the node


@test
def a_deploy_needs_few_instructions():
    with Node(cpu="max,+svm,-monitor", extra=("-icount", "shift=1")) as node:
        node.make_disks(12)
        link = node.connect("frontend")
        before = node.talk(link, "GET", "/v1/counters")["uptime_ns"]
        node.talk(link, "POST", "/v1/one/vms/12/deploy", "X-Key: k\r\n", xml(12))
        first = int(node.expect(r"first guest instruction (\d+) us after the loader", 60)[1]) * 1000
        print(f"deploy: {(first - before) / 2e6:.1f} M instructions, idle time included")
        if first - before > 2 * DEPLOY_LIMIT:
            raise Failure("too many")


WATCHED = 50
PERIODS = {"state_vm": 5, "monitor_vm": 30, "monitor_host": 120, "system_host": 600}       # seconds, as monitord asks for them
WATCH_LIMIT = 25e6             # instructions in a second: 5 % of a processor that does 500 M


def halting_kernel():
    """A Multiboot kernel that halts for ever: an ELF file of one segment, with its header behind those of ELF."""
    at, code = 0x200000, b"\xf4\xeb\xfd"
    head = struct.pack("<III", 0x1badb002, 0, 2**32 - 0x1badb002)
    size = 52 + 32 + len(head) + len(code)
    elf = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, at + 52 + 32 + len(head), 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return elf + struct.pack("<IIIIIIII", 1, 0, at, at, size, size, 5, 0x1000) + head + code


@test
def a_front_end_that_fills_a_node_places_no_vm_too_many():
    """As oned counts: MEMORY of its VMs, up to the TOTALMEMORY that it was told of first."""
    nics = "".join(f"<NIC><MAC>02:00:00:00:%02x:0{i}</MAC></NIC>" for i in range(4))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("context.sh"))
    context = write_file("context.tar", archive.getvalue())
    with Node() as node:
        total = int(re.search(r"TOTALMEMORY=(\d+)", node.curl("/v1/one/monitor/system_host")[1])[1]) >> 10
        placed, vm = 0, 0
        while placed < total:
            memory = min(256, total - placed)
            node.make_disks(vm)
            status, body = node.curl(f"/v1/contexts/one-102-{vm}-disk.0", "-T", context)
            node.must(status == 201, f"context: {status} {body}")
            more = f"<VCPU>8</VCPU><CONTEXT><DISK_ID>0</DISK_ID></CONTEXT>{nics.replace('%02x', f'{vm:02x}')}"
            status, answer = node.ask(vm, "deploy", f"k-{vm}", xml(vm, memory, more))
            node.must(status < 300, f"deploy of VM {vm}, {memory} MiB, with {placed} of {total} MiB placed: {answer}")
            node.act(vm, "deploy", f"k-{vm}")
            placed, vm = placed + memory, vm + 1
        free = int(re.search(r"FREEMEMORY=(\d+)", node.curl("/v1/one/monitor/monitor_host")[1])[1]) >> 10
        print(f"{vm} VMs with {total} MiB; {free} MiB would be left")


@test
def fifty_vms_are_watched_for_little():
    with Watched(modules={"halt": write_file("halt", halting_kernel())}, cpu="max,+svm,-monitor", extra=("-icount", "shift=1")) as node:
        link = node.connect()
        for vm in range(WATCHED):
            node.talk(link, "POST", "/v1/vms", body=f"vm one-{vm}\nmemory 4M\nkernel halt\n")
        node.expect(rf"vm one-{WATCHED - 1}: started", 60)
        total = 0
        for kind, period in PERIODS.items():
            before = node.busy(link)
            for _ in range(10):
                text = node.talk(link, "GET", f"/v1/one/monitor/{kind}", plain=True)
            each = (node.busy(link) - before) / 10
            if kind.endswith("vm") and text.count("DEPLOY_ID=") != WATCHED:
                raise Failure(f"{kind} tells of {text.count('DEPLOY_ID=')} VMs")
            print(f"{kind}: {each / 1e6:.2f} M instructions, {len(text)} bytes")
            total += each / period
        print(f"{total / 1e6:.2f} M instructions in a second")
        if total > WATCH_LIMIT:
            raise Failure("too many")
