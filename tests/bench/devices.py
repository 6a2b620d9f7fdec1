# SPDX-License-Identifier: Apache-2.0
"""What a MiB and a request cost: a disk, and the network from one Linux to another, under Brume and under Linux KVM + QEMU.

    devices.py [disk] [net] [brume|kvm]      all where none is named

The same guest kernel, the same programs in it, the same emulated machine with one CPU. Each program runs twice, over little
and over much, and what is printed is the difference divided by the difference: starting it, asking for the counters and
the like cancel out. Instructions are those of the whole machine, counted by the emulator. Exits are those of all VMs (under
Brume a doorbell counts as the access that it is). Switches are those to any thread, vCPUs included; wake-ups those to
others: under Brume the vmms' I/O threads and the program net, under KVM QEMU's other threads, vhost's, and the kernel's.
"""
import os
import re
import subprocess
import sys
from collections import namedtuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer  # noqa: E402
import harness  # noqa: E402
from harness import BUILD, TOP, VMLINUZ, make_iso, vm_config, work_dir, write_file  # noqa: E402

SHORT, LONG = 8, 72        # MiB
FEW, MANY = 200, 1200      # requests
WORDS = "console=ttyS0 quiet nokaslr mitigations=off "
MEMORY = 192               # MiB of each guest
NODE = re.compile(r"node: up \d+ ms, idle [\d.]+ %, (\d+) switches")

# A program, {n} of what it shall do, twice; and what Brume may need: instructions in millions for a MiB, in thousands for a
# request, exits, switches, wake-ups. What varies with the moment of a tick has room.
Row = namedtuple("Row", "title command short long limits")
DISK_ROWS = (
    Row("MiB of disk, read", "dd if=/dev/vda of=/dev/null bs=1M count={n} 2>/dev/null", SHORT, LONG, (1.8, 3.0, 1.0, 0.5)),
    Row("MiB of disk, written", "dd if=/dev/zero of=/dev/vda bs=1M count={n} conv=fsync 2>/dev/null", SHORT, LONG, (3.6, 6.0, 1.0, 0.5)),
    Row("4 KiB of disk, read", "dd if=/dev/vda of=/dev/null bs=4k iflag=direct count={n} 2>/dev/null", FEW, MANY, (26, 1.5, 0.5, 0.5)),
    Row("4 KiB of disk, written", "dd if=/dev/zero of=/dev/vda bs=4k oflag=direct count={n} 2>/dev/null", FEW, MANY, (26, 1.5, 0.5, 0.5)),
)
NET_ROWS = (
    Row("MiB of TCP", "wget -q -O /dev/null http://10.0.0.1/{n}", SHORT, LONG, (2.0, 16.0, 38.0, 16.0)),
    Row("ping, there and back", "ping -q -A -c {n} 10.0.0.1 > /dev/null", FEW, MANY, (80, 4, 13, 5)),
)
PREPARE = (f"dd if=/dev/vda of=/dev/null bs=1M count={LONG} 2>/dev/null\n"
           f"dd if=/dev/zero of=/dev/vda bs=1M count={LONG} conv=fsync 2>/dev/null\n")
SERVER = f"""ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up; mkdir /tmp/w
for n in {SHORT} {LONG}; do dd if=/dev/zero of=/tmp/w/$n bs=1M count=$n 2>/dev/null; done; httpd -p 80 -h /tmp/w; echo up; sleep 100000
"""
CONNECT = f"""ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up
until wget -q -O /dev/null http://10.0.0.1/{LONG} 2>/dev/null; do sleep 1; done
"""
# It says when it waits, and goes on when a line comes.
WAIT = "n=0; w() { echo mark $n; n=$((n + 1)); read x; echo 3 > /proc/sys/vm/drop_caches; }\n"


def script(prepare, rows):
    """The guest's: each row's program with both numbers."""
    return prepare + WAIT + "".join(f"w; {row.command.format(n=n)}\n" for row in rows for n in (row.short, row.long)) + "w\n"


BENCHES = {                # rows, guests: (name, script, devices)
    "disk": (DISK_ROWS, [("disk", script(PREPARE, DISK_ROWS), "disk disk.img")]),
    "net": (NET_ROWS, [("server", SERVER, "nic"), ("client", script(CONNECT, NET_ROWS), "nic")]),
}


def make_initrd(guests):
    """The guests' initramfs with their scripts."""
    tree, out = os.path.join(work_dir(), "scripts-tree"), os.path.join(work_dir(), "scripts.img")
    os.makedirs(os.path.join(tree, "scripts"), exist_ok=True)
    for name, text, _ in guests:
        with open(os.path.join(tree, "scripts", name), "w", encoding="utf-8") as stream:
            stream.write(text)
    subprocess.run([os.path.join(TOP, "tools/mkinitrd"), out, os.path.join(BUILD, "deps/guest"),
                    os.path.join(TOP, "tests/guest/initramfs"), tree], check=True)
    return out


class Brume:
    """The guests as VMs of Brume; the last one is that of the marks."""

    def __init__(self, guests):
        self.names = [name for name, _, _ in guests]
        self.net = any(devices == "nic" for _, _, devices in guests)
        image = write_file("disk.img", os.urandom(LONG << 20))
        modules = {"vmlinuz": VMLINUZ, "initrd.img": make_initrd(guests), "disk.img": image}
        config = "".join(vm_config(name, memory=f"{MEMORY}M", cmdline=WORDS + "brume.run=" + name, extra=devices)
                         for name, _, devices in guests)
        self.node = peer.Awake(iso=make_iso(config=config, modules=modules), cpu=peer.BULK_CPU)
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
        for index, (name, _, devices) in enumerate(guests):
            text += (self.GUEST + (self.BRIDGED if devices == "nic" else "") + (self.UP if name != self.last else "")).replace(
                "DEVICES", self.NIC if devices == "nic" else self.DISK).replace("NAME", name).replace("INDEX", str(index)).replace(
                "WORDS", WORDS + "brume.run=" + name).replace("MEMORY", str(MEMORY))
        self.node = peer.machine(text + self.COUNTS, extra={"vmlinuz": VMLINUZ, "initrd.img": make_initrd(guests)},
                                 cpu=peer.BULK_CPU, awake=True)

    def count(self):
        self.node.sendline("count")
        match = self.node.expect(r"^counted (\d+) (\d+) (\d+)\n", 300)
        return tuple(int(n) for n in match.groups())

    def go(self):
        self.node.sendline("go")

    def mark(self, number):
        self.node.expect(rf"^{self.last}: mark {number}$", 600)


def step(side, number, before):
    """What it costs from one mark to the next; the counts before it and after. A vmm asked more often says less."""
    start = peer.icount(side.node)
    side.go()
    side.mark(number)
    end = peer.icount(side.node)
    after = side.count()
    return [end - start] + [b - a for a, b in zip(before, after)], after


def measure(side, rows):
    """For each row its title and what it costs: instructions, exits, switches, wake-ups."""
    with side.node:
        side.mark(0)
        counts = side.count()
        for number, row in enumerate(rows):
            few, counts = step(side, 2 * number + 1, counts)
            many, counts = step(side, 2 * number + 2, counts)
            each = [(b - a) / (row.long - row.short) for a, b in zip(few, many)]
            yield row.title, (each[0] / (1e6 if row.short == SHORT else 1e3), *each[1:])


SIDES = {"brume": Brume, "kvm": Kvm}
COLUMNS = ("M or k instr.", "exits", "switches", "wake-ups")


def results(bench, side):
    """What a side needs, by title."""
    rows, guests = BENCHES[bench]
    return dict(measure(SIDES[side](guests), rows))


def line(title, who, figures):
    print(f"{title:24}{who:12}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


def table(bench, found):
    """Prints what each side needs (side -> title -> figures) and their ratio; returns the titles over Brume's limits."""
    over = []
    for row in BENCHES[bench][0]:
        for side, figures in found.items():
            line(row.title, side, (f"{figure:.2f}" for figure in figures[row.title]))
        if len(found) == 2:
            line(row.title, "brume/kvm", (f"{a / b:.2f}" for a, b in zip(found["brume"][row.title], found["kvm"][row.title])))
        if "brume" in found and any(a > b for a, b in zip(found["brume"][row.title], row.limits)):
            over.append(row.title)
    return over


def main():
    peer.use_mended_qemu()
    sides, over = [word for word in sys.argv[1:] if word in SIDES] or list(SIDES), []
    line("for each", "", COLUMNS)
    for bench in [word for word in sys.argv[1:] if word in BENCHES] or list(BENCHES):
        over += table(bench, {side: results(bench, side) for side in sides})
    for title in over:
        print(f"over the limit: {title}")
    return 1 if over else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        harness.clean()
