#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an exit costs, in instructions: the same payload under Brume and under Linux KVM + QEMU, both in the same emulator.

    bench.py [svm|vmx] [brume|kvm]      both where none is named; svm is in QEMU, vmx in Bochs

The emulator counts: one tick of the TSC per instruction, repeatable to the bit. Both sides run with mitigations as they
are by default in Brume and off in Linux, one CPU, the same CPU model. Only ratios mean anything beyond this emulator.
QEMU does not count the instruction that exits nor the one that enters the guest, Bochs counts both.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer  # noqa: E402
import harness  # noqa: E402
from harness import BUILD, BochsMachine, Machine, make_iso, vm_config  # noqa: E402
from peer import COUNTED, CPU  # noqa: E402

PAYLOAD = os.path.join(BUILD, "guest/exits.elf")
ROWS = (  # name in the payload, title, most that Brume may need on each vendor
    ("cpuid", "CPUID", {"svm": 450, "vmx": 380}),
    ("msr", "RDMSR", {"svm": 450, "vmx": 360}),
    ("pio-kernel", "PIO in the kernel", {"svm": 380, "vmx": 420}),
    ("pio-vmm", "PIO to the VMM", {"svm": 700, "vmx": 780}),
    ("mmio-vmm", "MMIO to the VMM", {"svm": 950, "vmx": 1050}),
    ("hypercall", "null hypercall", {"svm": 400, "vmx": 330}),
    ("ipi-x2apic", "self-IPI + EOI, x2APIC", {"svm": 1300, "vmx": 1350}),
    ("ipi-xapic", "self-IPI + EOI, xAPIC", {"svm": 1500, "vmx": 1800}),
    ("halt", "halt, wake pending", {"svm": 420, "vmx": 350}),
    ("timer-wake", "halt and timer wake", {}),
)
PEER_RUN = "qemu -M q35,usb=off -m 64m -serial stdio -kernel /payload.elf -append kvm < /dev/null"
TIMER_TICKS = 100000       # of the payload's timer, each 1 ns; at one instruction per ns the same in instructions


def parse(log, ticks):
    """The payload's lines as a dictionary, with the rows that are differences of others; ticks: instructions that its timer takes."""
    rows = {name: int(value) for name, value in re.findall(r"^bench (\S+) (\d+)\r?$", log, re.MULTILINE)}
    rows["halt"] = rows["ipi-halt-xapic"] - rows["ipi-xapic"]
    rows["timer-wake"] = rows["halt-timer-wake-total"] - ticks
    return rows


def finish(node, ticks=TIMER_TICKS):
    """Waits for the payload's end and returns its rows."""
    with node:
        node.expect(r"bench done", 600)
        node.wait_exit(60)
        return parse(node.text(), ticks)


def brume_iso():
    return make_iso(config="node when-idle poweroff\n" + vm_config("bench", "64M", "", "", "exits", None),
                    modules={"exits": PAYLOAD})


def run_brume_svm():
    return finish(Machine(iso=brume_iso(), memory="512m", cpu=CPU, extra=COUNTED))


def run_kvm_svm():
    return finish(peer.machine(PEER_RUN, {"payload.elf": PAYLOAD}))


def run_brume_vmx():
    return finish(BochsMachine(iso=brume_iso(), memory="512m", ips=peer.IPS))


def run_kvm_vmx():
    ticks = TIMER_TICKS * peer.CLOCK // peer.IPS       # of the clock as its Linux believes it to be
    return finish(peer.machine(PEER_RUN, {"payload.elf": PAYLOAD}, vendor="vmx"), ticks)


RUN = {
    "svm": {"brume": run_brume_svm, "kvm": run_kvm_svm},
    "vmx": {"brume": run_brume_vmx, "kvm": run_kvm_vmx},
}


def table(vendor, results, rows=ROWS, what="instructions per exit"):
    """Prints the rows; returns the titles of those where Brume needs more than it may."""
    over = []
    print(f"{vendor + ': ' + what:40}" + "".join(f"{name:>10}" for name in results) + f"{'limit':>10}{'kvm/brume':>12}")
    for name, title, limits in rows:
        values, limit = [result.get(name) for result in results.values()], limits.get(vendor)
        ratio = ""
        if len(values) == 2 and all(values):
            ratio = f"{results['kvm'][name] / results['brume'][name]:.1f}"
        print(f"{title:40}" + "".join(f"{value if value is not None else '-':>10}" for value in values) +
              f"{limit or '-':>10}{ratio:>12}")
        if limit and "brume" in results and results["brume"].get(name, 0) > limit:
            over.append(f"{vendor}: {title}")
    return over


def main():
    vendors = [word for word in sys.argv[1:] if word in RUN] or list(RUN)
    sides = [word for word in sys.argv[1:] if word in RUN["svm"]] or list(RUN["svm"])
    over = []
    try:
        for vendor in vendors:
            over += table(vendor, {side: RUN[vendor][side]() for side in sides})
    finally:
        harness.clean()
    for title in over:
        print(f"over the limit: {title}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
