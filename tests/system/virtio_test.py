# SPDX-License-Identifier: Apache-2.0
"""PCI and virtio as Debian's kernel finds them: functions, MSI-X, entropy, console, balloon, HPET."""
import os
import re

from harness import BUILD, INITRD, VMLINUZ, Machine, make_iso, script_word, test, test_on_both, vm_config


def vm(cmdline="", script="", extra=""):
    words = f"console=ttyS0 quiet {cmdline} {script_word(script) if script else ''}".strip()
    return vm_config("v", memory="96M", cmdline=words, extra=extra + "\non-reboot stop")


def interrupts(text, name):
    """Count of the interrupt of /proc/interrupts whose name that is, and its line."""
    line = re.search(rf"^ *\d+: +(\d+) .*\b{name}$", text, re.MULTILINE)
    return int(line[1]), line[0]


LOOK = """for d in /sys/bus/pci/devices/*; do echo $d $(cat $d/vendor $d/device) $(basename $(readlink $d/driver)); done
dd if=/dev/hwrng bs=64 count=64 2>/dev/null | od -An -x | sort -u | wc -l
cat /proc/interrupts
dmesg | grep -c MMCONFIG.*reserved
"""


@test
def functions_msix_and_entropy():
    with Machine(iso=make_iso(vm(script=LOOK)), memory="512m") as node:
        node.expect(r"0000:00:00\.0 0x1b36 0x0008", 120)
        node.expect(r"0000:00:01\.0 0x1af4 0x1044 virtio-pci")
        node.expect(r"^256$")                              # 4 KiB in lines of 16 bytes, all different
        node.expect(r"exit 0")
        count, line = interrupts(node.text(), "virtio0-input")
        assert count > 0 and "PCI-MSI" in line, line
        node.expect(r"vm v: powered off")


@test
def without_msi_the_line_interrupts():
    script = "dd if=/dev/hwrng bs=64 count=4 2>/dev/null | wc -c; cat /proc/interrupts"
    with Machine(iso=make_iso(vm("pci=nomsi", script)), memory="512m") as node:
        node.expect(r"^256$", 120)
        node.expect(r"exit 0")
        count, line = interrupts(node.text(), "virtio0")
        assert count > 0 and re.search(r"IO-APIC +10-fasteoi", line), line


@test
def no_entropy_device_without_a_source_or_a_wish():
    config = vm(script="ls /sys/bus/pci/devices | wc -l", extra="rng no")
    with Machine(iso=make_iso(config), memory="512m") as node:
        node.expect(r"^1$", 120)
        node.expect(r"exit 0")
    config = vm(script="ls /sys/bus/pci/devices | wc -l")
    with Machine(iso=make_iso(config), memory="512m", cpu="max,+svm,-rdrand") as node:
        node.expect(r"^1$", 120)
        node.expect(r"exit 0")


@test
def a_shell_on_the_virtio_console():
    with Machine(iso=make_iso(vm("console=hvc0", extra="console virtio")), memory="512m") as node:
        node.login()
        assert node.shell("tty") == "/dev/hvc0"
        lines = node.shell("seq 100000 103999", 90).split()           # more than all rings on the way hold
        assert lines == [str(n) for n in range(100000, 104000)]
        typed = "0123456789" * 6
        assert all(node.shell(f"echo {typed}{i}") == f"{typed}{i}" for i in range(8))
        count, line = interrupts(node.shell("cat /proc/interrupts"), "virtio1-output")
        assert count > 0 and "PCI-MSI" in line, line


def free_kib(node):
    return int(re.search(r"MemFree: +(\d+)", node.shell("cat /proc/meminfo"))[1])


@test
def the_balloon_takes_and_gives_memory():
    with Machine(iso=make_iso(vm(extra="balloon yes")), memory="512m") as node:
        node.login()
        before = free_kib(node)
        for step in (1, 2):
            node.escape("-")
            node.expect(rf"vm v: balloon: the guest has given up {step * 12288} KiB")
        node.sendline()
        assert before - free_kib(node) > 20000
        node.escape("c")
        told = node.expect(r"balloon: 24576 KiB given up of 24576 KiB wanted; guest total (\d+) KiB, free (\d+) KiB")
        assert int(told[2]) < before - 20000
        node.escape("+")
        node.expect(r"vm v: balloon: the guest has given up 12288 KiB")
        node.sendline()
        assert before - free_kib(node) < 20000


def node_free_kib(node):
    node.escape("i")
    return int(node.expect(r"KiB of RAM, (\d+) KiB free")[1])


@test_on_both
def what_the_balloon_holds_is_for_other_vms(kind):
    """A VM starts in memory that another one gave up, which then waits for it, and has all of it again."""
    other = vm_config("other", memory="64M", kernel="counted", initrd=None, cmdline="counted=halt").replace("autostart yes", "autostart no")
    first = vm_config("v", memory="192M", extra="balloon yes")
    modules = {"vmlinuz": VMLINUZ, "initrd.img": INITRD, "counted": os.path.join(BUILD, "guest/counted.elf")}
    with kind(iso=make_iso(first + other, modules), memory="256m") as node:
        node.login()
        free = node_free_kib(node)
        node.escape("2")
        node.escape("s")
        node.expect(r"vm other: not started: 64 MiB of RAM are wanted")
        node.escape("1")
        for step in (1, 2, 3):
            node.escape("-")
            node.expect(rf"vm v: balloon: the guest has given up {step * 24576} KiB", 60)
        gained = node_free_kib(node) - free
        print(f"73728 KiB given up, {gained} KiB are the node's")
        assert gained > 30000, gained         # whole pieces only: how many is for the guest to say
        zeros = "tail -c 65536 /tmp/x | md5sum"
        assert node.shell("dd if=/dev/zero of=/tmp/x bs=1M count=4 2>/dev/null; " + zeros, 90).startswith("fcd6bcb56c1689fcef28b57c22475bad")
        node.escape("2")
        node.escape("s")
        node.expect(r"vm other: started")
        node.expect(r"^counted$")
        node.escape("1")
        given_up = r"vm v: (?:balloon: the guest has given up (\d+) KiB|the memory that it gave up is not free any more; the guest waits)"
        node.escape("+")
        while node.expect(given_up, 60)[1]:
            node.escape("+")
        node.escape("2")
        node.escape("k")
        node.expect(r"vm other: killed")
        while node.expect(r"vm v: balloon: the guest has given up (\d+) KiB", 60)[1] != "0":
            node.escape("1")
            node.escape("+")
        node.escape("1")
        node.sendline()
        assert node.shell("dd if=/dev/zero of=/tmp/x bs=1M count=60 2>/dev/null; " + zeros, 90).startswith("fcd6bcb56c1689fcef28b57c22475bad")
        assert abs(node_free_kib(node) - free) < 64
        node.escape("q")
        assert node.wait_exit(60) == 0


@test
def hpet_is_the_clock():
    script = """cat /sys/devices/system/clocksource/clocksource0/current_clocksource; dmesg | grep hpet0
    off() { echo $(($(cat /sys/class/rtc/rtc0/since_epoch) - $(cut -d. -f1 /proc/uptime))); }
    a=$(off); sleep 3; b=$(off); [ $((b - a)) -ge -1 ] && [ $((b - a)) -le 1 ] && echo in time
    awk '$1 == "0:" { print ($2 > 0) ? "ticked" : "dead" }' /proc/interrupts"""
    with Machine(iso=make_iso(vm("no-kvmclock clocksource=hpet nolapic_timer", script, "hpet yes")), memory="512m") as node:
        node.expect(r"^hpet$", 120)
        node.expect(r"3 comparators, 64-bit 100\.000000 MHz")
        node.expect(r"^in time$")
        node.expect(r"^ticked$")


@test
def devices_without_a_bus():
    script = """ls -1 /sys/bus/pci/devices; ls /sys/bus/platform/drivers/virtio-mmio | grep -c LNRO0005
    dd if=/dev/hwrng bs=64 count=4 2>/dev/null | wc -c; echo over hvc > /dev/hvc0; cat /proc/interrupts"""
    with Machine(iso=make_iso(vm(script=script, extra="bus mmio\nconsole virtio")), memory="512m") as node:
        node.expect(r"^0000:00:00\.0\n2\n256\n", 120)
        node.expect(r"exit 0")
        assert "over hvc" in node.text()
        for name, line in (("virtio0", 16), ("virtio1", 17)):
            count, text = interrupts(node.text(), name)
            assert count > 0 and re.search(rf"IO-APIC +{line}-edge", text), text


# Unloads and loads the drivers, moves an interrupt to the other processor, asks from both at once. A reset says that all was well.
COME_AND_GO = """get() { dd if=/dev/hwrng bs=64 count=$1 2>/dev/null | wc -c >> /tmp/sizes; }
for i in 1 2; do
for m in virtio_balloon virtio_rng virtio_pci virtio_mmio; do rmmod $m || exit 1; done
for m in virtio_pci virtio_mmio virtio-rng virtio_balloon; do insmod /lib/modules/*-$m.ko || exit 1; done
get 8; done
irq=$(grep -E 'virtio0(-input)?$' /proc/interrupts | cut -d: -f1 | tr -d ' ')
for c in 2 1; do echo $c > /proc/irq/$irq/smp_affinity; get 16; done
get 32 & get 32 & wait
[ "$(echo $(cat /tmp/sizes))" = "512 512 1024 1024 2048 2048" ] && reboot -f
"""


@test
def drivers_come_and_go():
    config = "node when-idle poweroff\n"
    for bus in ("pci", "mmio"):
        text = vm(script=COME_AND_GO, extra=f"bus {bus}\nballoon yes").replace("vm v", f"vm {bus}", 1)
        config += text.replace("vcpus 1", "vcpus 2")
    with Machine(iso=make_iso(config), memory="768m") as node:
        for _ in range(2):
            node.expect(r"vm \w+: (reset, stays off|powered off|failed)", 120)
        assert node.text().count("reset, stays off") == 2
