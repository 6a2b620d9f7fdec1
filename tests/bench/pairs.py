#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What passes between two: an interrupt from one virtual processor to another, the processor from one VM to another. And what
memory costs that nothing has touched before. Bare payloads, under Brume and under Linux KVM + QEMU, on AMD.

    pairs.py [ipi] [turns] [memory] [brume|kvm]      all where none is named

All figures are instructions of the whole machine but those of exits. With two processors the emulator gives each its turn,
and ends a turn at PAUSE, which who waits executes: so little of the waiting is counted.
"""
import os
import re
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench  # noqa: E402
import peer  # noqa: E402
import harness  # noqa: E402
from harness import BUILD  # noqa: E402
from sides import SIDES, Guest, Host  # noqa: E402

ROUNDS = 2000              # of the payload for each row, there and back where both halt
MIB = {"small": 64, "large": 320}      # of a VM's memory


def row(name, title, limit=None):
    return (name, title, {"svm": limit} if limit else {})


ROWS = {                   # with the most that Brume may need
    "ipi": (row("halted", "IPI to a halted vCPU, on one CPU", 3000),
            row("halted-exits", "  exits for it", 4),
            row("running", "IPI to a vCPU that runs, on two CPUs", 2000),
            row("running-exits", "  exits for it", 4),
            row("send-running", "  of it to send", 850),
            row("asleep", "IPI to a halted vCPU, on two CPUs", 3500),
            row("asleep-exits", "  exits for it", 4)),
    "turns": (row("turn", "from one VM that computes to another", 1500),
              row("wake", "VM wakes, interrupts another, halts", 3900)),
    "memory": (row("first-touch", "4 KiB of memory, first touch", 10),
               row("first-touch-huge", "  by pages of 2 MiB, each 4 KiB", 10),
               row("MiB", "MiB of memory before the VM starts", 165000)),
}


def payload(name, words, guest="guest", **more):
    return Guest(guest, kernel=os.path.join(BUILD, f"guest/{name}.elf"), words=words, **{"memory": 64, **more})


def values(text):
    """What the payload says in the form "bench NAME NUMBER"."""
    return {name: int(value) for name, value in re.findall(r"bench (\S+) (\d+)$", text, re.MULTILINE)}


# ---- interrupts ----

def ipi(side, cpus):
    """The payload's figures, and the exits for an interrupt between its marks."""
    rows = (("halted", 2 * ROUNDS), ("running", ROUNDS), ("asleep", ROUNDS))[:3 if cpus == 2 else 1]
    node = SIDES[side]([payload("ipis", "two" if cpus == 2 else "one", vcpus=2)], Host(cpus=cpus, cpu=peer.CPU))
    found = {}
    with node.node:
        node.expect("mark 0")
        before, _, _ = node.count(ports=False)
        for number, (name, times) in enumerate(rows, 1):
            node.send()
            node.expect(f"mark {number}")
            after, _, _ = node.count(ports=False)
            found[f"{name}-exits"] = round((after - before) / times, 2)
            before = after
        return {**found, **values(node.node.text())}


def run_ipi(side):
    return {**ipi(side, 2), **ipi(side, 1)}


# ---- turns ----

def gaps(side, words, ask):
    """Two VMs of the payload; of those asked, when each was away: (from, to)."""
    node = SIDES[side]([payload("turns", each, name) for name, each in zip("ab", words)], Host(cpu=peer.CPU))
    with node.node:
        for index in (0, 1):
            node.expect("mark 0", index)
        for index in (0, 1):
            node.send(index)
        found = []
        for index in ask:
            start = len(node.node.text())
            node.expect("gaps done", index)
            text = node.node.text()[start if side == "brume" else 0:]
            mine = r"^gap (\d+) (\d+)$" if side == "brume" else rf"^{'ab'[index]}: gap (\d+) (\d+)$"
            found.append([(int(a), int(b)) for a, b in re.findall(mine, text, re.MULTILINE)])
        return found


def turn(one, other):
    """Instructions from one VM to the other: half of what is in one's gap and not in the other's run between its gaps. Which
    belong together is where the distance between both clocks is the same all over."""
    runs = [(a[1], b[0]) for a, b in zip(other, other[1:])]
    best = None
    for shift in range(-len(runs) // 2, len(runs) // 2):
        pairs = [(one[i], runs[i + shift]) for i in range(len(one)) if 0 <= i + shift < len(runs)]
        distances = [gap[0] - run[0] for gap, run in pairs]
        spread = statistics.pstdev(distances)
        if best is None or spread < best[0]:
            best = (spread, [((gap[1] - gap[0]) - (run[1] - run[0])) / 2 for gap, run in pairs])
    return round(statistics.median(best[1]))


def run_turns(side):
    beside, = gaps(side, ("sleeps", "beside"), (1,))
    return {"turn": turn(*gaps(side, ("", ""), (0, 1))), "wake": round(statistics.median(b - a for a, b in beside))}


# ---- memory ----

def touch(side, huge):
    node = SIDES[side]([payload("touch", "")], Host(),
                       **({"prealloc": False, "setup": f"echo {huge} > /sys/kernel/mm/transparent_hugepage/enabled\n"}
                          if side == "kvm" else {}))
    with node.node:
        node.expect("bench done")
        return values(node.node.text())["first-touch"]


def start(memory):
    """Instructions until a VM of Brume with that memory, in MiB, executes its first instruction."""
    node = SIDES["brume"]([payload("turns", "", memory=memory)], Host())
    with node.node:
        return int(node.node.expect(r"first guest instruction (\d+) us", 120)[1]) * 1000


def run_memory(side):
    found = {"first-touch": touch(side, "never"), "first-touch-huge": touch(side, "always")}
    if side == "brume":
        found["MiB"] = round((start(MIB["large"]) - start(MIB["small"])) / (MIB["large"] - MIB["small"]))
    return found


RUN = {"ipi": run_ipi, "turns": run_turns, "memory": run_memory}


def main():
    sides, over = [word for word in sys.argv[1:] if word in SIDES] or list(SIDES), []
    for what in [word for word in sys.argv[1:] if word in RUN] or list(RUN):
        over += bench.table("svm", {side: RUN[what](side) for side in sides}, ROWS[what], what)
    for title in over:
        print(f"over the limit: {title}")
    return 1 if over else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        harness.clean()
