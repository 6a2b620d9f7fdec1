# SPDX-License-Identifier: Apache-2.0
"""PCI functions of the machine: what is found, who has it, and that a card is silent while nobody owns it."""
import os
import re
import socket
import struct
import threading

from harness import BUILD, BochsMachine, Failure, KERNEL, Machine, make_iso, test, vm_config, work_dir, write_file
from patch import trap_at

CARD = ("-netdev", "user,id=up,restrict=on")
MASTER, NO_INTX = 1 << 2, 1 << 10
COMMAND = re.compile(r"pci_cfg_write \S+ 00:05.0 @0x4 <- 0x(\w+)")
HOSTILE = os.path.join(BUILD, "guest/hostile.elf")
# A VM whose card is what the counters are asked for.
SPIN = vm_config("spin", memory="16M", kernel="hostile.elf", initrd=None, cmdline="hostile=spin rounds=100000", extra="nic")


def booted(config, *devices, machine="q35", image=KERNEL):
    node = Machine(kernel=image, initrd=[(write_file("brume.conf", config), "brume.conf"), (HOSTILE, "")], machine=machine, memory="256m",
                   extra=devices)
    node.expect(r"brume: pci: (\d+) functions on")
    return node


def commands(path):
    """What was written to the command register of the card, oldest first."""
    with open(path, encoding="utf-8") as stream:
        return [int(value, 16) for value in COMMAND.findall(stream.read())]


class Flood:
    """The other end of the card's wire: sends small frames to everybody, as many as are taken."""

    def __init__(self, name):
        self.path = f"{work_dir()}/{name}.wire"
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(1)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        frame = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + bytes(46)
        link, _ = self.server.accept()
        try:
            while True:
                link.sendall((struct.pack(">I", len(frame)) + frame) * 16)
        except OSError:                          # the machine is gone
            link.close()


def silent_while_nobody_has_it(machine, card):
    """Asked for its counters in the middle of a flood, this net dies, and with it the card, until there is a new net."""
    trace = f"{work_dir()}/{machine}.trace"
    wire = ("-netdev", f"stream,id=up,server=off,addr.type=unix,addr.path={Flood(machine).path}")
    with booted(SPIN, *wire, "-device", f"{card},netdev=up,addr=5", "-trace", "pci_cfg_write", "-D", trace, machine=machine,
                image=trap_at("net", "show_counters")) as node:
        node.expect(r"switch default: its uplink is the network card at 0000:00:05\.0")
        node.expect(r"vm spin: started")
        for _ in range(2):
            node.expect(r"switch default: the link of its uplink \S+ is up")
            before = commands(trace)
            node.escape("c")
            node.expect(r"the switch died: invalid instruction")
            node.expect(r"switch default: its uplink at 0000:00:05\.0 was silent, and is handed out again")
            after = commands(trace)[len(before):]
            if not before[-1] & MASTER:
                raise Failure(f"the card was silent while net lived: {before}")
            if after[0] & (MASTER | NO_INTX) != NO_INTX:
                raise Failure(f"the end of net left the card on: {after}")
        node.expect(r"switch default: the link of its uplink \S+ is up")
        if not commands(trace)[-1] & MASTER:
            raise Failure("the new net has not got the card back")


@test
def a_card_is_silent_from_the_end_of_net_to_the_next():
    silent_while_nobody_has_it("pc", "e1000")


@test
def so_is_one_with_messages():
    silent_while_nobody_has_it("q35", "e1000e")


@test
def so_is_the_card_of_an_intel_machine():
    """Bochs shows nothing of what is written: init looks before it hands a card out again."""
    iso = make_iso(SPIN, modules={"hostile.elf": HOSTILE}, image=trap_at("net", "show_counters"))
    with BochsMachine(iso=iso, memory="256m", extra=["--e1000="]) as node:
        node.expect(r"brume: pci: 0000:\S+: network card 8086:100e, e1000 \(82540EM\)", 60)
        node.expect(r"vm spin: started")
        node.expect(r"switch default: the link of its uplink \S+ is up")
        node.escape("c")
        node.expect(r"the switch died: invalid instruction")
        node.expect(r"switch default: its uplink at \S+ was silent, and is handed out again")
        node.expect(r"switch default: the link of its uplink \S+ is up")


@test
def cards_behind_a_bridge_that_reset_themselves_come_back():
    """Each where the configuration wants it; the operator sees who has what. This virtio card forgets its addresses in a reset."""
    trace = f"{work_dir()}/trace"
    with booted("node uplink lab pci 01:00.0\nnode uplink default auto\nnode uplink far pci 0000:02:1f.3\n" + SPIN, *CARD,
                "-device", "pcie-root-port,id=rp1,chassis=1,addr=3", "-device", "virtio-net-pci,bus=rp1,netdev=up",
                "-device", "e1000,addr=6", "-trace", "pci_cfg_write", "-D", trace, image=trap_at("net", "show_counters")) as node:
        node.expect(r"switch far has no way out: of the network card that shall be its uplink: there is none")
        node.expect(r"switch default: its uplink is the network card at 0000:00:06\.0")
        node.expect(r"vm spin: started")
        node.escape("d")
        node.expect(r"\[brume\] \d+ PCI functions; drivers are trusted with all memory")
        node.expect(r"\[brume\] 0000:00:06\.0 8086:100e class 0200 net, uplink of default")
        node.expect(r"\[brume\] 0000:01:00\.0 1af4:1041 class 0200 net, uplink of lab")
        node.escape("c")
        node.expect(r"switch lab: its uplink at 0000:01:00\.0 was silent, and is handed out again")
        node.expect(r"switch default: its uplink at 0000:00:06\.0 was silent, and is handed out again")
        with open(trace, encoding="utf-8") as stream:
            if not re.search(r"pci_cfg_write virtio-net-pci 01:00\.0 @0x\w+ <- 0x8\w{3}$", stream.read(), re.MULTILINE):
                raise Failure("the virtio card was not reset")
        shown = node.monitor("info pci")
        if "Bus  1, device   0" not in shown or "0xffffffffffffffff" in shown.split("Bus  1, device   0")[1].split("Bus")[0]:
            raise Failure("the card has lost its addresses:\n" + shown)


@test
def a_card_on_a_root_bus_of_its_own():
    """As servers have them, one for each processor: no bridge leads there from bus 0."""
    with booted("", *CARD, "-device", "pxb-pcie,bus_nr=0x80,id=pxb,addr=9", "-device", "pcie-root-port,bus=pxb,id=rp1,chassis=1",
                "-device", "e1000e,bus=rp1,netdev=up") as node:
        node.expect(r"switch default: its uplink is the network card at 0000:81:00\.0")
        node.expect(r"switch default: the link of its uplink \S+ is up")


@test
def a_node_whose_switches_shall_have_no_way_out():
    with booted("node uplink default none\n", *CARD, "-device", "e1000,netdev=up,addr=5") as node:
        node.expect(r"no VM is configured")
        node.escape("d")
        node.expect(r"\[brume\] 0000:00:05\.0 8086:100e class 0200 -")
        node.expect_none(r"its uplink is")
