# SPDX-License-Identifier: Apache-2.0
"""The two sides of a bench: the same guests as VMs of Brume and under Linux KVM + QEMU, on the same emulated machine.

A guest talks over its console: it says "mark N" and waits for a line, or whatever the bench expects of it. Both sides
offer send() and expect() to a guest by its index, count() (exits of all guests, switches, wake-ups) and instructions().
"""
import os
import re
import sys
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer  # noqa: E402
from harness import VMLINUZ, BochsMachine, make_iso, vm_config  # noqa: E402

NODE = re.compile(r"node: up \d+ ms, idle [\d.]+ %, (\d+) switches")
LINUX_WORDS = "console=ttyS0 quiet nokaslr mitigations=off "


@dataclass
class Guest:
    """A VM: what it runs, and its devices as lines of Brume's configuration and as words for QEMU (INDEX is the guest's)."""
    name: str
    kernel: str = VMLINUZ
    initrd: str = ""
    words: str = ""
    script: str = ""           # of a Linux guest: the file in its initramfs that the words name
    memory: int = 192          # MiB
    vcpus: int = 1
    brume: str = ""
    kvm: str = ""
    after: str = ""            # shell commands of the peer's host once QEMU runs


@dataclass
class Host:
    """The machine that both run on."""
    cpus: int = 1
    cpu: str = peer.BULK_CPU
    memory: str = "1g"
    vendor: str = "svm"        # in QEMU; "vmx": in Bochs, which has its own processor and counts no instructions


def modules(guests):
    """Files that the guests start from, by name."""
    return {os.path.basename(path): path for guest in guests for path in (guest.kernel, guest.initrd) if path}


class Brume:
    """The guests as VMs of Brume."""

    def __init__(self, guests, host=Host(), files=None):
        self.names = [guest.name for guest in guests]
        self.vcpus = [guest.vcpus for guest in guests]
        self.net = any(guest.brume == "nic" for guest in guests)
        self.shown = 0
        config = "".join(vm_config(guest.name, f"{guest.memory}M", guest.words, guest.brume, os.path.basename(guest.kernel),
                                   os.path.basename(guest.initrd)).replace("vcpus 1", f"vcpus {guest.vcpus}") for guest in guests)
        iso = make_iso(config=config, modules={**modules(guests), **(files or {})})
        if host.vendor == "vmx":
            self.node = BochsMachine(iso=iso, cpus=host.cpus, memory=host.memory, ips=peer.CLOCK)
        else:
            self.node = peer.Awake(iso=iso, cpu=host.cpu, cpus=host.cpus, memory=host.memory)
        self.node.expect(rf"vm {self.names[-1]}: started", 300)
        self.show(len(guests) - 1)

    def show(self, index):
        if self.shown != index + 1:
            self.shown = index + 1
            self.node.escape(str(index + 1))

    def ask(self, index):
        """The counters of a VM: where they begin, and the node's line."""
        self.shown = index + 1
        self.node.escape(str(index + 1))
        start = self.node.position = len(self.node.text())
        self.node.escape("c")
        return start, self.node.expect(NODE.pattern, 300)

    def count(self, ports=True):
        """Exits (but doorbells, which are counted as the accesses that they are; without those of ports where they are not
        asked for), switches and wake-ups so far."""
        node, exits, woken = self.node, 0, 0
        out = ("doorbell",) if ports else ("doorbell", "pio")
        for index, name in enumerate(self.names):
            start, match = self.ask(index)
            for line in (*(rf"vm {name}: vcpu {n}: .*exits: .*\n" for n in range(self.vcpus[index])), rf"vm {name}: devices: .* woken \d+ times$",
                         *((r"net: woken \d+ times$",) if self.net else ())):
                node.position = start
                node.expect(line, 300)
            text = node.text()[start:]
            lines = re.findall(rf"vm {name}: vcpu \d+: .*exits: (.*)", text)
            exits += sum(int(n) for kind, n in re.findall(r"([\w-]+) (\d+)", " ".join(lines)) if kind not in out)
            woken += int(re.search(rf"vm {name}: devices: .* woken (\d+) times$", text, re.MULTILINE)[1])
        if self.net:
            woken += int(re.search(r"net: woken (\d+) times$", text, re.MULTILINE)[1])
        return exits, int(match[1]), woken

    def instructions(self):
        """Of the whole machine, or nan in an emulator that does not say."""
        return peer.icount(self.node)

    def send(self, index=-1):
        """A line to a guest; the last one where none is named."""
        self.show(index % len(self.names))
        self.node.sendline()

    def expect(self, pattern, index=-1, limit=600):
        """Waits until a guest says a line that is the pattern."""
        self.show(index % len(self.names))
        return self.node.expect(rf"^{pattern}$", limit)


class Kvm:
    """The guests under KVM and QEMU."""

    GUEST = """
mkfifo /tmp/NAME.in /tmp/NAME.out
qemu -M q35,usb=off,memory-backend=ram -m MEMORYm -smp VCPUS -object memory-backend-ram,id=ram,size=MEMORYM,prealloc=PREALLOC \\
	-name NAME,debug-threads=on -kernel KERNEL INITRD -append 'WORDS' \\
	-chardev pipe,id=com,path=/tmp/NAME -serial chardev:com DEVICES &
pids="$pids $!"
while read -r line; do echo "NAME: $line"; case $line in up*) > /tmp/NAME.up ;; esac; done < /tmp/NAME.out &
exec FD<> /tmp/NAME.in
"""
    UP = "until [ -e /tmp/NAME.up ]; do sleep 1; done\n"
    COUNTS = r"""
vcpus() {                       # switches to the threads that run guests
	total=0
	for task in $(for pid in $pids; do echo /proc/$pid/task/*; done); do
		read -r name < $task/comm
		read -r ran waited count < $task/schedstat
		case $name in CPU*KVM) total=$((total + count)) ;; esac
		[ -n "$1" ] && echo "thread $task $name $count"
	done
}
while read -r word fd; do
	case $word in
	count)
		vcpus
		all=0
		for count in $(awk '/^cpu/ { print $10 }' /proc/schedstat); do all=$((all + count)); done
		echo "counted $(cat /sys/kernel/debug/kvm/exits) $(cat /sys/kernel/debug/kvm/io_exits) $all $((all - total))" ;;
	detail)
		vcpus x
		cd /sys/kernel/debug/kvm; grep . *exits* *halt* ; cd / ;;
	go) eval "echo >&$fd" ;;
	esac
done
"""

    def __init__(self, guests, host=Host(), files=None, setup="", prealloc=True):
        self.names = [guest.name for guest in guests]
        text = "stty -echo\n" + setup
        for index, guest in enumerate(guests):
            text += self.guest(guest, index, prealloc) + guest.after.replace("INDEX", str(index))
        self.node = peer.machine(text + self.COUNTS, extra={**modules(guests), **(files or {})}, memory=host.memory, cpu=host.cpu,
                                 cpus=host.cpus, awake=True, vendor=host.vendor)

    def guest(self, guest, index, prealloc):
        initrd = f"-initrd /{os.path.basename(guest.initrd)}" if guest.initrd else ""
        words = {"KERNEL": "/" + os.path.basename(guest.kernel), "INITRD": initrd, "WORDS": guest.words, "DEVICES": guest.kvm,
                 "PREALLOC": "on" if prealloc else "off", "MEMORY": str(guest.memory), "VCPUS": str(guest.vcpus),
                 "FD": str(3 + index), "NAME": guest.name, "INDEX": str(index)}
        return re.sub("|".join(words), lambda match: words[match[0]], self.GUEST).replace("INDEX", str(index))

    def count(self, ports=True):
        self.node.sendline("count")
        match = self.node.expect(r"^counted (\d+) (\d+) (\d+) (\d+)\n", 300)
        exits, io, switches, woken = (int(n) for n in match.groups())
        return exits if ports else exits - io, switches, woken

    def instructions(self):
        return peer.icount(self.node)

    def send(self, index=-1):
        self.node.sendline(f"go {3 + index % len(self.names)}")

    def expect(self, pattern, index=-1, limit=600):
        return self.node.expect(rf"^(?:{self.names[index]}: )?{pattern}$", limit)


SIDES = {"brume": Brume, "kvm": Kvm}
