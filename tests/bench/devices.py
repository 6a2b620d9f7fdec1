# SPDX-License-Identifier: Apache-2.0
"""What a MiB costs: a disk read and written, and TCP from one Linux to another through the switch, on one counted CPU.

The emulator counts: one nanosecond of the node's clock is one instruction of the whole machine, guests included. Exits are
those of all VMs (a doorbell counts as the access that it is), wake-ups are switches of threads. The guests' own ticks
during the run are in the figures.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
import harness  # noqa: E402
from harness import LINUX, Machine, make_iso, script_word, vm_config, write_file  # noqa: E402

COUNTED = ("-icount", "shift=0,sleep=off", "-seed", "42", "-rtc", "base=2030-01-01T00:00:00,clock=vm")
MIB = 16
NODE = re.compile(r"node: up (\d+) ms, idle ([\d.]+) %, (\d+) switches")

DISK = f"""dd if=/dev/vda of=/dev/null bs=1M count=2 2>/dev/null; echo mark 1; sleep 3
dd if=/dev/vda of=/dev/null bs=1M skip=4 count={MIB} 2>/dev/null; echo mark 2; sleep 3
dd if=/dev/zero of=/dev/vda bs=1M count={MIB} conv=fsync 2>/dev/null; echo mark 3; sleep 10000
"""
SERVER = f"""ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up; mkdir /tmp/w
dd if=/dev/zero of=/tmp/w/f bs=1M count={MIB} 2>/dev/null; httpd -p 80 -h /tmp/w; sleep 10000
"""
CLIENT = """ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up
until wget -q -O /dev/null http://10.0.0.1/f 2>/dev/null; do sleep 1; done; echo mark 1; sleep 3
wget -q -O /dev/null http://10.0.0.1/f; echo mark 2; sleep 10000
"""


def vm(name, script, extra, memory="192M"):
    return vm_config(name, memory=memory, cmdline="console=ttyS0 quiet " + script_word(script), extra=extra)


def count(node, names):
    """(instructions spent, switches, exits) since the node's start; the VMs on the first consoles."""
    exits = 0
    for key, name in enumerate(names, 1):
        node.escape(str(key))
        start = node.position = len(node.text())
        node.escape("c")
        match = node.expect(NODE.pattern, 300)
        node.position = start
        node.expect(rf"vm {name}: vcpu 0: exits: .*", 300)
        lines = re.findall(rf"vm {name}: vcpu 0: .*exits: (.*)", node.text()[start:])
        exits += sum(int(n) for kind, n in re.findall(r"([\w-]+) (\d+)", " ".join(lines)) if kind != "doorbell")
    return int(match[1]) * (100 - float(match[2])) * 1e4, int(match[3]), exits


def measure(config, modules, names, watched, marks):
    """The differences between the marks that VM number watched prints, per MiB."""
    with Machine(iso=make_iso(config=config, modules=modules), cpu="max,+svm,-monitor", extra=COUNTED) as node:
        node.expect(rf"vm {names[-1]}: started", 120)
        node.escape(str(watched))
        node.expect(r"^mark 1$", 600)
        before = count(node, names)
        for number in range(2, marks + 1):
            node.escape(str(watched))
            node.expect(rf"^mark {number}$", 600)
            after = count(node, names)
            yield tuple((b - a) / MIB for a, b in zip(before, after))
            before = after


def main():
    image = write_file("disk.img", os.urandom(2 * MIB << 20))
    rows = list(zip(("disk, read", "disk, written"),
                    measure(vm("disk", DISK, "disk disk.img"), {**LINUX, "disk.img": image}, ["disk"], 1, 3)))
    rows += zip(("TCP, guest to guest",), measure(vm("server", SERVER, "nic") + vm("client", CLIENT, "nic"), None,
                                                 ["server", "client"], 2, 2))
    print(f"{'per MiB':24}{'exits':>10}{'switches':>10}{'million instructions':>24}")
    for title, (instructions, switches, exits) in rows:
        print(f"{title:24}{exits:>10.1f}{switches:>10.1f}{instructions / 1e6:>24.2f}")


if __name__ == "__main__":
    try:
        main()
    finally:
        harness.clean()
