# SPDX-License-Identifier: Apache-2.0
"""The peer of the benches: Linux KVM and QEMU in the emulator that Brume runs in (tests/bench/mkpeer).

The same processor for both, mitigations off in host and guests, no polling for halted guests, and one tick of the clock per
instruction. ERMS and FSRM are hidden: an emulator counts a REP MOVSB per byte, which says nothing about copies.
"""
import math
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../system"))
from harness import BUILD, TOP, BochsMachine, Machine, work_dir, write_file  # noqa: E402

COUNTED = ("-icount", "shift=0,sleep=off", "-seed", "42", "-rtc", "base=2030-01-01T00:00:00,clock=vm")
CPU = "max,+svm,-monitor"
BULK_CPU = CPU + ",-erms,-fsrm,family=25,model=1,stepping=1"
IPS = 1000000000           # of Bochs: one instruction per ns, as in QEMU
CLOCK = 3499912000         # ticks of its TSC in a second, by its CPUID: a Linux believes that
WORDS = "console=ttyS0 nokaslr mitigations=off quiet panic=-1"


class Awake(Machine):
    """Counted, too, but while it is halted it waits as long as its timers say: what idle guests do meanwhile does not pile up.

    QEMU forgets now and then that it waits: a key was taken, and in 20 s of ours not a millisecond of the machine's passed,
    until its main loop was woken by whatever came. So one that is silent is asked something."""

    def __init__(self, **options):
        super().__init__(extra=("-icount", "shift=0,sleep=on", *COUNTED[2:]), **options)

    def _read(self, limit):
        got = super()._read(min(limit, 5))
        if not got and limit > 5 and self.process.poll() is None:
            self.qmp("query-status")
        return got


def files(script, extra=None):
    """Linux, and an initramfs that runs a shell script beside those files (name -> path)."""
    initrd = os.path.join(work_dir(), "peer.img")
    peer = os.path.join(BUILD, "deps/peer")
    named = {"run.sh": write_file("peer.sh", script), **(extra or {})}
    subprocess.run([os.path.join(TOP, "tests/bench/mkpeer"), peer, os.path.join(BUILD, "deps/qemu"), initrd,
                    *(f"{name}={path}" for name, path in named.items())], check=True)
    return os.path.join(peer, "vmlinuz"), initrd


def iso(kernel, initrd):
    """The same on a CD that a BIOS boots, for Bochs. Linux takes the frequency of its APIC timer from CPUID, where it is wrong, and has
    interrupts by the thousand: its ticks come from the HPET. Without ERMS and FSRM as in QEMU."""
    tree = os.path.join(work_dir(), "peer-tree")
    os.makedirs(os.path.join(tree, "boot/grub"), exist_ok=True)
    shutil.copy(kernel, os.path.join(tree, "boot/vmlinuz"))
    shutil.copy(initrd, os.path.join(tree, "boot/initrd.img"))
    with open(os.path.join(tree, "boot/grub/grub.cfg"), "w", encoding="utf-8") as stream:
        stream.write(f"set timeout=0\nlinux /boot/vmlinuz {WORDS} clearcpuid=erms,fsrm nolapic_timer\ninitrd /boot/initrd.img\nboot\n")
    path = os.path.join(work_dir(), "peer.iso")
    subprocess.run(["grub-mkrescue", "-d", "/usr/lib/grub/i386-pc", "-o", path, "--locales=", "--fonts=", "--themes=",
                    "--install-modules=linux normal search search_fs_file minicmd part_msdos iso9660", tree],
                   check=True, capture_output=True)
    return path


def machine(script, extra=None, memory="1g", cpu=CPU, cpus=1, awake=False, vendor="svm"):
    """The peer in QEMU, counted, or in Bochs."""
    kernel, initrd = files(script, extra)
    if vendor == "vmx":
        return BochsMachine(iso=iso(kernel, initrd), memory=memory, cpus=cpus, ips=CLOCK if awake else IPS)
    options = {"kernel": kernel, "initrd": [(initrd, "")], "memory": memory, "cpu": cpu, "cpus": cpus, "append": WORDS}
    return Awake(**options) if awake else Machine(extra=COUNTED, **options)


def icount(node):
    """Instructions of the whole machine so far; nan in Bochs, which does not say. It stops for a moment, so that the figure is whole."""
    if isinstance(node, BochsMachine):
        return math.nan
    node.qmp("stop")
    count = node.qmp("query-replay")["icount"]
    node.qmp("cont")
    return count
