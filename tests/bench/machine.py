# SPDX-License-Identifier: Apache-2.0
"""What a Linux VM costs from the operator's word to its shell, and what memory beyond its own, under Brume and under KVM + QEMU.

    machine.py [brume|kvm] [VMS]      both, and one VM, where nothing is named; VMS start at once

Instructions are those of the whole machine until the last shell is there. Both give each guest all of its memory at the
start; what else is gone from the host's free memory then is the VM's cost: tables, QEMU and what the kernel keeps for it.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer  # noqa: E402
import harness  # noqa: E402
from harness import INITRD, VMLINUZ, make_iso, vm_config  # noqa: E402

MEMORY = 128
WORDS = "console=ttyS0 quiet nokaslr mitigations=off"
LIMIT = 1900               # millions of instructions that one VM may need under Brume


class Brume:
    def __init__(self, vms):
        self.vms = vms
        config = "".join(vm_config(f"v{n}", memory=f"{MEMORY}M", cmdline=WORDS).replace("autostart yes", "autostart no")
                         for n in range(vms))
        self.node = peer.Awake(iso=make_iso(config=config), memory=f"{512 + vms * MEMORY}m", cpu=peer.CPU)
        self.node.expect(r"version .* free", 120)

    def used(self):
        """KiB of RAM that are not free."""
        self.node.escape("i")
        match = self.node.expect(r"\[brume\] version .*, (\d+) KiB of RAM, (\d+) KiB free", 120)
        return int(match[1]) - int(match[2])

    def each(self):
        """Puts one VM after the other on the screen: only the first nine have a key of their own."""
        for n in range(self.vms):
            self.node.escape("n" if n else "1")
            yield n

    def start(self):
        for _ in self.each():
            self.node.escape("s")

    def ready(self):
        for n in self.each():
            self.node.expect(rf"console of vm 'v{n}'", 900)
            self.node.expect(r"brume-guest: ready", 900)


class Kvm:
    RUN = """stty -echo
while read -r word; do
	case $word in
	used) awk '/MemTotal/ { total = $2 } /MemFree/ { free = $2 } END { print "used", total - free, "KiB" }' /proc/meminfo ;;
	start)
		n=0
		while [ $n -lt VMS ]; do
			mkfifo /tmp/v$n.in /tmp/v$n.out
			qemu -M q35,usb=off,memory-backend=ram -m MEMORYm -object memory-backend-ram,id=ram,size=MEMORYM,prealloc=on \\
				-kernel /vmlinuz -initrd /initrd.img -append 'WORDS' -chardev pipe,id=com,path=/tmp/v$n -serial chardev:com &
			while read -r line; do echo "v$n: $line"; done < /tmp/v$n.out &
			n=$((n + 1))
		done ;;
	esac
done
"""

    def __init__(self, vms):
        self.vms = vms
        text = self.RUN.replace("VMS", str(vms)).replace("MEMORY", str(MEMORY)).replace("WORDS", WORDS)
        self.node = peer.machine(text, extra={"vmlinuz": VMLINUZ, "initrd.img": INITRD}, memory=f"{640 + vms * (MEMORY + 64)}m",
                                 awake=True)
        self.node.expect(r"peer: kvm ready", 300)

    def used(self):
        self.node.sendline("used")
        return int(self.node.expect(r"^used (\d+) KiB", 300)[1])

    def start(self):
        self.node.sendline("start")

    def ready(self):
        start = self.node.position
        for n in range(self.vms):
            self.node.position = start
            self.node.expect(rf"^v{n}: .*brume-guest: ready", 900)


SIDES = {"brume": Brume, "kvm": Kvm}


def measure(side):
    """(millions of instructions until all shells are there, KiB of one VM beyond its memory)"""
    with side.node:
        before = side.used()
        start = peer.icount(side.node)
        side.start()
        side.ready()
        end = peer.icount(side.node)
        return (end - start) / 1e6, (side.used() - before) / side.vms - MEMORY * 1024


def main():
    vms = int(next((word for word in sys.argv[1:] if re.fullmatch(r"\d+", word)), "1"))
    found = {}
    for side in [word for word in sys.argv[1:] if word in SIDES] or list(SIDES):
        found[side] = measure(SIDES[side](vms))
        print(f"{vms} to a shell  {side:12}{found[side][0]:12.0f} M instructions{found[side][1]:12.0f} KiB beyond its memory", flush=True)
    if len(found) == 2:
        ratios = [a / b for a, b in zip(found["brume"], found["kvm"])]
        print(f"{vms} to a shell  brume/kvm   {ratios[0]:12.2f}{'':15}{ratios[1]:12.3f}")


if __name__ == "__main__":
    try:
        main()
    finally:
        harness.clean()
