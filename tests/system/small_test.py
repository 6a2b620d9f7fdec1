# SPDX-License-Identifier: Apache-2.0
"""Kernels that are not Linux, and small ones: Multiboot of both versions, GRUB's own images, Xen, GNU Mach, memtest86+, Brume
itself, and a hundred at once."""
import glob
import os
import subprocess

from harness import (BUILD, INITRD, KERNEL, LINUX, VMLINUZ, Machine, make_iso, script_word, test, test_on_both, vm_config, work_dir,
                     write_file)

SMALL = {f"small-{form}": os.path.join(BUILD, f"guest/small-{form}") for form in ("1.elf", "1.bin", "2.elf", "2.bin")}

GRUB = {"coreboot": os.path.join(BUILD, "deps/small/usr/lib/grub/i386-coreboot"), "multiboot": os.path.join(BUILD, "deps/grub")}
DOWN = "\x0e"                        # as Emacs does: no sequence of bytes that the line could cut
INVADERS = os.path.join(BUILD, "deps/small/boot/invaders.exec")


def checksum(data):
    total = 0
    for byte in data:
        total = (total * 31 + byte) & 0xffffffff
    return total


@test_on_both
def multiboot_kernels_of_all_forms_hear_what_they_are_told(kind):
    first, second = b"first file\n" * 700, b"x"
    modules = dict(SMALL, one=write_file("one", first), two=write_file("two", second))
    config = "".join(vm_config(form.replace(".", "-"), memory="4M", kernel=form, initrd="one", cmdline="off please",
                               extra="module two with a text\nmodule two") for form in SMALL)
    with kind(iso=make_iso(config, modules), memory="512m") as node:
        for _ in SMALL:
            node.expect(r"vm [\w-]+: (powered off|failed|reset)", 60)
        for number, form in list(enumerate(SMALL, 1))[1:] + [(1, "small-1.elf")]:      # the first is on the screen already
            node.escape(str(number))
            node.expect(rf"^small: multiboot {form[6]}$")
            rest = [rf"^small: module 0, {len(first)} bytes, sum {checksum(first)}: one$",
                    rf"^small: module 1, 1 bytes, sum {checksum(second)}: with a text$", rf"^small: module 2, 1 bytes, .*: two$",
                    r"^small: command line off please$", r"^small: RAM in KiB 3711$", r"^small: done$"]
            for line in rest:
                node.expect(line)
        for form in SMALL:
            assert f"vm {form.replace('.', '-')}: powered off" in node.text(), form
        node.escape("q")
        assert node.wait_exit(30) == 0


# They take 128 MiB of the space of the VM's own program, for which it needs tables.
@test
def a_kernel_with_as_many_modules_as_there_can_be():
    config = vm_config("many", memory="160M", kernel="small-2.elf", initrd=None, extra="module big\n" * 16)
    modules = {"small-2.elf": SMALL["small-2.elf"], "big": write_file("big", bytes(8 << 20))}
    with Machine(iso=make_iso(config, modules), memory="512m") as node:
        assert node.expect(r"vm many: (.*)\n", 60)[1].startswith("started, 160 MiB")
        node.expect(r"^small: module 0, 8388608 bytes", 60)
        node.escape("q")
        assert node.wait_exit(30) == 0


def grub_image(platform):
    """GRUB for that platform, a Multiboot 1 kernel, with Debian's kernel in its memory disk behind a menu."""
    early = write_file("early.cfg", "serial --unit=0\nterminal_output serial\nterminal_input serial\n"
                                    "configfile (memdisk)/grub.cfg\n")
    script = write_file("grub.cfg", "set timeout=-1\nmenuentry 'stay here' {\n echo here\n}\nmenuentry 'Linux' {\n"
                                    "echo guest $grub_platform\nlinux (memdisk)/vmlinuz console=ttyS0 quiet from=grub\n"
                                    "initrd (memdisk)/initrd.img\n}\n")
    disk, out = os.path.join(work_dir(), "disk.tar"), os.path.join(work_dir(), "grub.elf")
    names = [word for path in (script, VMLINUZ, INITRD) for word in ("-C", os.path.dirname(path), os.path.basename(path))]
    subprocess.run(["tar", "-cf", disk, *names], check=True)
    subprocess.run(["grub-mkimage", "-O", f"i386-{platform}", "-d", GRUB[platform], "-o", out, "-p", "(memdisk)/", "-c", early,
                    "-m", disk, "memdisk", "tar", "serial", "terminal", "echo", "linux", "normal", "configfile"], check=True)
    return out


def grub_loads_linux(kind, platform):
    config = vm_config("grub", memory="192M", kernel="grub.elf", initrd=None, cmdline="")
    with kind(iso=make_iso(config, {"grub.elf": grub_image(platform)}), memory="512m") as node:
        node.expect(r"GNU GRUB +version", 60)
        node.expect(r"\*stay here")
        node.send(DOWN)
        node.expect(r"\*Linux")
        node.send("\r")
        node.expect(rf"guest {platform}")
        node.login(120)
        assert "from=grub" in node.shell("cat /proc/cmdline")
        node.escape("q")
        assert node.wait_exit(60) == 0


@test
def grub_for_coreboot_loads_linux():
    grub_loads_linux(Machine, "coreboot")


@test_on_both
def grub_for_multiboot_loads_linux(kind):
    grub_loads_linux(kind, "multiboot")


def other(pattern):
    return glob.glob(os.path.join(BUILD, "deps/others/boot", pattern))[0]


# The kernel of the tests has no part for Xen's first domain: it has Xen's console for its own messages only and no interrupts of
# devices, so there is no entropy device.
@test_on_both
def xen_as_a_guest_runs_linux(kind):
    script = "echo \"runs on $(cat /sys/hypervisor/type) $(cat /sys/hypervisor/version/major)\" > /dev/kmsg; reboot -f"
    words = f"earlyprintk=xen,keep quiet loglevel=6 {script_word(script)}"
    config = vm_config("xen", memory="384M", kernel="xen", initrd=None, cmdline="xen com1=115200,8n1 console=com1 loglvl=all",
                       extra=f"module vmlinuz linux {words}\nmodule initrd.img\nrng no\non-reboot stop").replace("vcpus 1", "vcpus 2")
    with kind(iso=make_iso(config, dict(LINUX, xen=other("xen-*-amd64"))), memory="512m") as node:
        node.expect(r"\(XEN\) Xen version 4", 60)
        node.expect(r"\(XEN\) Platform timer is .*ACPI PM Timer")
        node.expect(r"Brought up 2 CPUs", 60)
        node.expect(r"runs on xen 4$", 120)
        node.expect(r"Hardware Dom0 .*reboot", 60)
        node.expect(r"vm xen: reset", 60)
        node.escape("q")
        assert node.wait_exit(30) == 0


@test_on_both
def mach_starts_up_to_its_servers(kind):
    config = vm_config("mach", memory="64M", kernel="mach", initrd=None, cmdline="console=com0", extra="on-reboot stop")
    with kind(iso=make_iso(config, {"mach": other("gnumach-*")}), memory="256m") as node:
        node.expect(r"^GNU Mach 1\.", 60)
        node.expect(r"RTC time is 20\d\d-")
        node.expect(r"No bootstrap code loaded with the kernel")
        node.escape("q")
        assert node.wait_exit(30) == 0


@test
def memtest_works_through_its_tests():
    config = vm_config("memtest", memory="16M", kernel="memtest", initrd=None, cmdline="console=ttyS0,115200")
    with Machine(iso=make_iso(config, {"memtest": other("memtest86+x64.bin")}), memory="256m") as node:
        node.expect(r"Memtest86\+ v6", 60)
        node.expect(r"#([4-9]|10) +\[", 120)     # it shows where it is every other second only
        node.expect(r"Errors: 0 ")
        node.expect_none(r"Errors: *[1-9]")
        node.escape("q")
        assert node.wait_exit(30) == 0


# It paints on a screen that is not there; that it runs is all that can be seen.
@test
def a_game_by_the_addresses_in_its_header():
    config = vm_config("game", memory="4M", kernel="invaders.exec", initrd=None, cmdline="")
    with Machine(iso=make_iso(config, {"invaders.exec": INVADERS}), memory="512m") as node:
        node.expect(r"first guest instruction")
        node.escape("c")
        node.expect(r"vm game: vcpu 0: in the guest \d+ ms, exits: ", 60)
        node.expect_none(r"vm game: (failed|the guest|triple)")
        node.escape("q")
        assert node.wait_exit(30) == 0


@test
def brume_as_a_guest_says_what_it_lacks():
    config = vm_config("inner", memory="64M", kernel="inner.elf", initrd=None, cmdline="", extra="on-reboot stop")
    with Machine(iso=make_iso(config, {"inner.elf": KERNEL}), memory="512m") as node:
        node.expect(r"\] Brume\b")
        node.expect(r"\] Brume cannot run here: ", 60)
        node.escape("q")
        assert node.wait_exit(30) == 0


# Each says what it was told, then halts for ever. The list shows all of them as running at the same time.
@test
def a_hundred_at_once():
    config = "".join(vm_config(f"vm{i}", memory="2M", kernel="small-2.elf", initrd=None, cmdline=f"number {i}")
                     for i in range(100))
    with Machine(iso=make_iso(config, {"small-2.elf": SMALL["small-2.elf"]}), memory="512m") as node:
        node.expect(r"vm vm99: started", 120)
        node.escape("N")                       # from the first to the last
        node.expect(r"^small: command line number 99$", 60)
        node.expect(r"^small: done$")
        node.escape("l")
        for i in range(100):
            node.expect(rf"^\[brume\].* vm{i} +running +2 MiB")
        node.expect_none(r"vm vm\d+: (not started|failed|reset|powered)")
        node.escape("q")
        assert node.wait_exit(60) == 0
