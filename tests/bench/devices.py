# SPDX-License-Identifier: Apache-2.0
"""What a MiB and a request cost, under Brume and under Linux KVM + QEMU: a disk, the network from one Linux to another, a
virtio console.

    devices.py [svm|vmx] [disk] [net] [console] [brume|kvm]      all where none is named

The same guest kernel, the same programs in it, the same emulated machine with one CPU. Each program runs twice, over little
and over much, and what is printed is the difference divided by the difference: starting it, asking for the counters and
the like cancel out. Instructions are those of the whole machine, counted by QEMU; Bochs, the emulator with VT-x, does not. Exits are those of all VMs (under
Brume a doorbell counts as the access that it is). Switches are those to any thread, vCPUs included; wake-ups those to
others: under Brume the vmms' I/O threads and the program net, under KVM QEMU's other threads, vhost's, and the kernel's.
"""
import os
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peer  # noqa: E402
import harness  # noqa: E402
from harness import BUILD, TOP, work_dir, write_file  # noqa: E402
from sides import LINUX_WORDS, SIDES, Brume, Guest, Host, Kvm  # noqa: E402

SHORT, LONG = 8, 72        # MiB
FEW, MANY = 200, 1200      # requests

# A program, {n} of what it shall do, twice; and what Brume may need: instructions in millions for a MiB, in thousands for a
# request, exits, switches, wake-ups. What varies with the moment of a tick has room.
Row = namedtuple("Row", "title command short long limits")
DISK_ROWS = (
    Row("MiB of disk, read", "dd if=/dev/vda of=/dev/null bs=1M count={n} 2>/dev/null", SHORT, LONG, (1.8, 2.4, 1.0, 0.5)),
    Row("MiB of disk, by 64 KiB", "dd if=/dev/vda of=/dev/null bs=64k count=$(({n} * 16)) 2>/dev/null", SHORT, LONG, (1.9, 3.6, 1.0, 0.5)),
    Row("MiB of disk, written", "dd if=/dev/zero of=/dev/vda bs=1M count={n} conv=fsync 2>/dev/null", SHORT, LONG, (3.6, 3.5, 1.0, 0.5)),
    Row("4 KiB of disk, read", "dd if=/dev/vda of=/dev/null bs=4k iflag=direct count={n} 2>/dev/null", FEW, MANY, (26, 1.5, 0.5, 0.5)),
    Row("4 KiB of disk, written", "dd if=/dev/zero of=/dev/vda bs=4k oflag=direct count={n} 2>/dev/null", FEW, MANY, (26, 1.5, 0.5, 0.5)),
)
NET_ROWS = (
    Row("MiB of TCP", "wget -q -O /dev/null http://10.0.0.1/{n}", SHORT, LONG, (2.0, 16.0, 38.0, 16.0)),
    Row("ping, there and back", "ping -q -A -c {n} 10.0.0.1 > /dev/null", FEW, MANY, (80, 4, 13, 5)),
)
# The node's console takes 8 KiB of a VM in 5 ms and lets it wait then, which Linux does in a loop: less than that at once.
LINE = ("0123456789abcdef" * 4)[1:]    # and the end of the line: 64 bytes
CONSOLE_ROWS = (
    Row("KiB of console text", "dd if=/tmp/text of=/dev/hvc0 bs=1k count={n} 2>/dev/null", 1, 6, (650, 45, 90, 45)),
    Row("line of console text", "i=0; while [ $i -lt {n} ]; do echo " + LINE + "; i=$((i + 1)); done > /dev/hvc0", 10, 90, (70, 3, 6, 3)),
)
# What is typed comes by one or the other: Brume sends it to the virtio console. Marks stand behind the text.
FILL = f"""yes {LINE} | head -c 8192 > /tmp/text; stty -F /dev/hvc0 -opost -echo
mkfifo /tmp/in; for tty in ttyS0 hvc0; do while read -r x; do echo; done < /dev/$tty > /tmp/in & done; exec < /tmp/in > /dev/hvc0
"""
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


def guest(name, text, brume, kvm, after=""):
    return Guest(name, words=LINUX_WORDS + "brume.run=" + name, script=text, brume=brume, kvm=kvm, after=after)


DISK = ("-object iothread,id=io -blockdev driver=host_device,filename=/dev/ram0,node-name=disk,aio=native,cache.direct=on "
        "-device virtio-blk-pci,drive=disk,iothread=io,num-queues=1")
NIC = ("-netdev tap,id=net,ifname=tapINDEX,script=no,downscript=no,vhost=on "
       "-device virtio-net-pci,netdev=net,romfile=,mac=52:54:00:00:00:0INDEX,mrg_rxbuf=on")
BRIDGED = "while ! ip link set tapINDEX up master br0 2>/dev/null; do sleep 1; done\n"
HVC = "-device virtio-serial-pci -chardev file,id=hvc,path=/tmp/hvc,append=on -device virtconsole,chardev=hvc"
READ_HVC = "tail -f /tmp/hvc | grep ^mark &\n"
# Bochs' processor has both, and its TSC counts a byte of REP MOVSB as an instruction; QEMU's is told to have neither.
NO_ERMS = "clearcpuid=erms,fsrm"
BENCHES = {                # rows, guests; the last one says the marks
    "disk": (DISK_ROWS, [guest("disk", script(PREPARE, DISK_ROWS), f"disk disk.img room {LONG}M", DISK)]),
    "net": (NET_ROWS, [guest("server", SERVER, "nic", NIC, BRIDGED + "until [ -e /tmp/server.up ]; do sleep 1; done\n"),
                       guest("client", script(CONNECT, NET_ROWS), "nic", NIC, BRIDGED)]),
    "console": (CONSOLE_ROWS, [guest("console", script(FILL, CONSOLE_ROWS), "console virtio", HVC, READ_HVC)]),
}


def make_initrd(guests):
    """The guests' initramfs with their scripts."""
    tree, out = os.path.join(work_dir(), "scripts-tree"), os.path.join(work_dir(), "scripts.img")
    os.makedirs(os.path.join(tree, "scripts"), exist_ok=True)
    for each in guests:
        with open(os.path.join(tree, "scripts", each.name), "w", encoding="utf-8") as stream:
            stream.write(each.script)
    subprocess.run([os.path.join(TOP, "tools/mkinitrd"), out, os.path.join(BUILD, "deps/guest"),
                    os.path.join(TOP, "tests/guest/initramfs"), tree], check=True)
    return out


SETUP = """
insmod /modules/brd.ko rd_nr=1 rd_size=$((LONG * 1024))
for m in llc stp bridge tun tap vhost_iotlb vhost vhost_net; do insmod /modules/$m.ko; done
mknod /dev/net/tun c 10 200 2>/dev/null
dd if=/dev/urandom of=/dev/ram0 bs=1M count=LONG 2>/dev/null
> /tmp/hvc
brctl addbr br0; ip link set br0 up
""".replace("LONG", str(LONG))


def begin(side, bench, vendor):
    """The guests on that side. The peer gets a disk in memory with an I/O thread and Linux' own asynchronous I/O, network
    cards with vhost-net on tap devices of one bridge: as good as KVM and QEMU get it."""
    guests = BENCHES[bench][1]
    initrd = make_initrd(guests)
    words = NO_ERMS if vendor == "vmx" else ""
    guests = [replace(each, initrd=initrd, words=f"{each.words} {words}".strip()) for each in guests]
    if side == "kvm":
        return Kvm(guests, Host(vendor=vendor), setup=SETUP)
    return Brume(guests, Host(vendor=vendor), files={"disk.img": write_file("disk.img", os.urandom(LONG << 20))})


def step(side, number, before):
    """What it costs from one mark to the next; the counts before it and after. A vmm asked more often says less."""
    start = side.instructions()
    side.send()
    side.expect(f"mark {number}")
    cost = side.instructions() - start
    after = side.count()
    return [cost] + [b - a for a, b in zip(before, after)], after


def measure(side, rows):
    """For each row its title and what it costs: instructions, exits, switches, wake-ups."""
    with side.node:
        side.expect("mark 0")
        counts = side.count()
        for number, row in enumerate(rows):
            few, counts = step(side, 2 * number + 1, counts)
            many, counts = step(side, 2 * number + 2, counts)
            each = [(b - a) / (row.long - row.short) for a, b in zip(few, many)]
            yield row.title, (each[0] / (1e6 if row.short == SHORT else 1e3), *each[1:])
        if "I/O error" in side.node.text():
            raise harness.Failure("a guest could not read or write its disk")


VENDORS = ("svm", "vmx")   # in QEMU, in Bochs
COLUMNS = ("M or k instr.", "exits", "switches", "wake-ups")


def results(bench, side, vendor="svm"):
    """What a side needs, by title."""
    return dict(measure(begin(side, bench, vendor), BENCHES[bench][0]))


def line(title, who, figures):
    print(f"{title:24}{who:12}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


def table(bench, found, vendor="svm"):
    """Prints what each side needs (side -> title -> figures) and their ratio; returns the titles over Brume's limits, which are those
    of QEMU."""
    over = []
    for row in BENCHES[bench][0]:
        for side, figures in found.items():
            line(row.title, side, (f"{figure:.2f}" for figure in figures[row.title]))
        if len(found) == 2:
            line(row.title, "brume/kvm", (f"{a / b:.2f}" for a, b in zip(found["brume"][row.title], found["kvm"][row.title])))
        if "brume" in found and vendor == "svm" and any(a > b for a, b in zip(found["brume"][row.title], row.limits)):
            over.append(row.title)
    return over


def main():
    sides, over = [word for word in sys.argv[1:] if word in SIDES] or list(SIDES), []
    for vendor in [word for word in sys.argv[1:] if word in VENDORS] or VENDORS:
        line(f"{vendor}: for each", "", COLUMNS)
        for bench in [word for word in sys.argv[1:] if word in BENCHES] or list(BENCHES):
            over += table(bench, {side: results(bench, side, vendor) for side in sides}, vendor)
    for title in over:
        print(f"over the limit: {title}")
    return 1 if over else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        harness.clean()
