# SPDX-License-Identifier: Apache-2.0
"""What a MiB costs: a disk read and written, and TCP from one Linux to another, under Brume and under Linux KVM + QEMU.

    devices.py [disk] [net] [brume|kvm]      all where none is named

The same guest kernel, the same programs in it, the same emulated machine with one CPU. Each program runs twice, over SHORT
and over LONG MiB, and what is printed is the difference divided by the difference: starting it, asking for the counters and
the like cancel out. Instructions are those of the whole machine, counted by the emulator. Exits are those of all VMs (under
Brume a doorbell counts as the access that it is). Switches are those to any thread, vCPUs included; wake-ups those to
others: under Brume the vmms' I/O threads and the program net, under KVM QEMU's other threads, vhost's, and the kernel's.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer  # noqa: E402
import harness  # noqa: E402
from harness import LINUX, Machine, make_iso, script_word, vm_config, write_file  # noqa: E402

SHORT, LONG = 8, 72
WORDS = "console=ttyS0 quiet nokaslr mitigations=off "
MEMORY = 192               # MiB of each guest
NODE = re.compile(r"node: up \d+ ms, idle [\d.]+ %, (\d+) switches")

PREPARE = (f"dd if=/dev/vda of=/dev/null bs=1M count={LONG} 2>/dev/null\n"
           f"dd if=/dev/zero of=/dev/vda bs=1M count={LONG} conv=fsync 2>/dev/null\n")
STEP = "echo mark {n}; read x; echo 3 > /proc/sys/vm/drop_caches; {command}\n"
READ = "dd if=/dev/vda of=/dev/null bs=1M count={size} 2>/dev/null"
WRITE = "dd if=/dev/zero of=/dev/vda bs=1M count={size} conv=fsync 2>/dev/null"
SERVER = f"""ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up; mkdir /tmp/w
for n in {SHORT} {LONG}; do dd if=/dev/zero of=/tmp/w/$n bs=1M count=$n 2>/dev/null; done; httpd -p 80 -h /tmp/w; echo up; sleep 100000
"""
CONNECT = f"""ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up
until wget -q -O /dev/null http://10.0.0.1/{LONG} 2>/dev/null; do sleep 1; done
"""
GET = "wget -q -O /dev/null http://10.0.0.1/{size}"


def script(prepare, commands):
    """The guest's: each command over both sizes; it says when it waits, and begins when a line comes."""
    steps = [command.format(size=size) for command in commands for size in (SHORT, LONG)] + ["sleep 100000"]
    return prepare + "".join(STEP.format(n=n, command=command) for n, command in enumerate(steps))


BENCHES = {                # titles, guests: (name, script, devices)
    "disk": (("disk, read", "disk, written"), [("disk", script(PREPARE, (READ, WRITE)), "disk disk.img")]),
    "net": (("TCP, guest to guest",), [("server", SERVER, "nic"), ("client", script(CONNECT, (GET,)), "nic")]),
}


class Brume:
    """The guests as VMs of Brume; the last one is that of the marks."""

    def __init__(self, guests):
        self.names = [name for name, _, _ in guests]
        self.net = any(devices == "nic" for _, _, devices in guests)
        image = write_file("disk.img", os.urandom(LONG << 20))
        config = "".join(vm_config(name, memory=f"{MEMORY}M", cmdline=WORDS + script_word(text), extra=devices)
                         for name, text, devices in guests)
        self.node = Machine(iso=make_iso(config=config, modules={**LINUX, "disk.img": image}), cpu=peer.BULK_CPU,
                            extra=peer.COUNTED_AWAKE)
        self.node.expect(rf"vm {self.names[-1]}: started", 300)
        self.node.escape(str(len(guests)))

    def count(self):
        """Exits, switches and wake-ups so far."""
        node, exits, woken = self.node, 0, 0
        for key, name in enumerate(self.names, 1):
            node.escape(str(key))
            start = node.position = len(node.text())
            node.escape("c")
            match = node.expect(NODE.pattern, 300)
            node.position = start
            for line in (rf"vm {name}: vcpu 0: exits: .*\n", rf"vm {name}: devices: .* woken \d+ times$",
                         *((r"net: woken \d+ times$",) if self.net else ())):
                node.position = start
                node.expect(line, 300)
            text = node.text()[start:]
            lines = re.findall(rf"vm {name}: vcpu 0: .*exits: (.*)", text)
            exits += sum(int(n) for kind, n in re.findall(r"([\w-]+) (\d+)", " ".join(lines)) if kind != "doorbell")
            woken += int(re.search(rf"vm {name}: devices: .* woken (\d+) times$", text, re.MULTILINE)[1])
        if self.net:
            woken += int(re.search(r"net: woken (\d+) times$", text, re.MULTILINE)[1])
        return exits, int(match[1]), woken

    def go(self):
        self.node.sendline()

    def mark(self, number):
        self.node.expect(rf"^mark {number}$", 600)


class Kvm:
    """The guests under KVM and QEMU, as good as these get it: a disk in memory with an I/O thread and Linux' own
    asynchronous I/O, network cards with vhost-net on tap devices of one bridge."""

    SETUP = """
insmod /modules/brd.ko rd_nr=1 rd_size=$((LONG * 1024))
for m in llc stp bridge tun tap vhost_iotlb vhost vhost_net; do insmod /modules/$m.ko; done
mknod /dev/net/tun c 10 200 2>/dev/null
dd if=/dev/urandom of=/dev/ram0 bs=1M count=LONG 2>/dev/null
brctl addbr br0; ip link set br0 up
"""
    GUEST = """
mkfifo /tmp/NAME.in /tmp/NAME.out
qemu -M q35,usb=off,memory-backend=ram -m MEMORYm -object memory-backend-ram,id=ram,size=MEMORYM,prealloc=on \\
	-name NAME,debug-threads=on -kernel /vmlinuz -initrd /initrd.img -append 'WORDS' \\
	-chardev pipe,id=com,path=/tmp/NAME -serial chardev:com DEVICES &
pids="$pids $!"
while read -r line; do echo "NAME: $line"; case $line in up*) > /tmp/NAME.up ;; esac; done < /tmp/NAME.out &
exec 7<> /tmp/NAME.in
"""
    UP = "until [ -e /tmp/NAME.up ]; do sleep 1; done\n"
    DISK = ("-object iothread,id=io -blockdev driver=host_device,filename=/dev/ram0,node-name=disk,aio=native,cache.direct=on "
            "-device virtio-blk-pci,drive=disk,iothread=io,num-queues=1")
    NIC = ("-netdev tap,id=net,ifname=tapINDEX,script=no,downscript=no,vhost=on "
           "-device virtio-net-pci,netdev=net,romfile=,mac=52:54:00:00:00:0INDEX,mrg_rxbuf=on")
    BRIDGED = "while ! ip link set tapINDEX up master br0 2>/dev/null; do sleep 1; done\n"
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
while read -r word; do
	case $word in
	count)
		vcpus
		set -- $(grep ^cpu0 /proc/schedstat)
		echo "counted $(cat /sys/kernel/debug/kvm/exits) ${10} $((${10} - total))" ;;
	detail)
		vcpus x
		cd /sys/kernel/debug/kvm; grep . *exits* *halt* ; cd / ;;
	go) echo >&7 ;;
	esac
done
"""

    def __init__(self, guests):
        self.last = guests[-1][0]
        text = "stty -echo\n" + self.SETUP.replace("LONG", str(LONG))
        for index, (name, code, devices) in enumerate(guests):
            text += (self.GUEST + (self.BRIDGED if devices == "nic" else "") + (self.UP if name != self.last else "")).replace(
                "DEVICES", self.NIC if devices == "nic" else self.DISK).replace("NAME", name).replace("INDEX", str(index)).replace(
                "WORDS", WORDS + script_word(code)).replace("MEMORY", str(MEMORY))
        self.node = peer.machine(text + self.COUNTS, extra={"vmlinuz": harness.VMLINUZ, "initrd.img": harness.INITRD},
                                 cpu=peer.BULK_CPU, counted=peer.COUNTED_AWAKE)

    def count(self):
        self.node.sendline("count")
        match = self.node.expect(r"^counted (\d+) (\d+) (\d+)\n", 300)
        return tuple(int(n) for n in match.groups())

    def go(self):
        self.node.sendline("go")

    def mark(self, number):
        self.node.expect(rf"^{self.last}: mark {number}$", 600)


def icount(node):
    """Instructions of the whole machine so far. It must be stopped for the figure to be whole."""
    return node.qmp("query-replay")["icount"]


def step(side, number):
    """What it costs from one mark to the next."""
    before = side.count()
    side.node.qmp("stop")
    start = icount(side.node)
    side.go()
    side.node.qmp("cont")
    side.mark(number)
    side.node.qmp("stop")
    end = icount(side.node)
    side.node.qmp("cont")
    return [end - start] + [b - a for a, b in zip(before, side.count())]


def measure(side, rows):
    """One tuple for each program: instructions, exits, switches, wake-ups per MiB."""
    with side.node:
        side.mark(0)
        for row in range(rows):
            short, long = (step(side, 2 * row + n) for n in (1, 2))
            yield tuple((b - a) / (LONG - SHORT) for a, b in zip(short, long))


SIDES = {"brume": Brume, "kvm": Kvm}
COLUMNS = ("M instructions", "exits", "switches", "wake-ups")
LIMITS = {                 # what Brume may need; what varies with the moment of a tick has room
    "disk, read": (1.8, 3.0, 3.0, 1.6),
    "disk, written": (3.6, 6.0, 6.0, 3.0),
    "TCP, guest to guest": (2.0, 24.0, 36.0, 18.0),
}


def results(bench, side):
    """What a side needs per MiB, by title."""
    titles, guests = BENCHES[bench]
    return {title: (figures[0] / 1e6, *figures[1:])
            for title, figures in zip(titles, measure(SIDES[side](guests), len(titles)))}


def line(title, who, figures):
    print(f"{title:24}{who:12}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


def table(found):
    """Prints what each side needs (side -> title -> figures) and their ratio; returns the titles over Brume's limits."""
    for title in next(iter(found.values())):
        for side, rows in found.items():
            line(title, side, (f"{figure:.2f}" for figure in rows[title]))
        if len(found) == 2:
            line(title, "brume/kvm", (f"{a / b:.2f}" for a, b in zip(found["brume"][title], found["kvm"][title])))
    return [title for title, figures in found.get("brume", {}).items()
            if any(figure > limit for figure, limit in zip(figures, LIMITS[title]))]


def main():
    peer.use_mended_qemu()
    sides, over = [word for word in sys.argv[1:] if word in SIDES] or list(SIDES), []
    line("per MiB", "", COLUMNS)
    for bench in [word for word in sys.argv[1:] if word in BENCHES] or list(BENCHES):
        over += table({side: results(bench, side) for side in sides})
    for title in over:
        print(f"over the limit: {title}")
    return 1 if over else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        harness.clean()
