# SPDX-License-Identifier: Apache-2.0
"""Small kernels as guests: Multiboot of both versions, GRUB's own image, Brume itself, and a hundred of them at once."""
import os
import subprocess

from harness import BUILD, INITRD, KERNEL, VMLINUZ, Machine, make_iso, test, test_on_both, vm_config, work_dir, write_file

SMALL = {f"small-{form}": os.path.join(BUILD, f"guest/small-{form}") for form in ("1.elf", "1.bin", "2.elf", "2.bin")}

GRUB = os.path.join(BUILD, "deps/small/usr/lib/grub/i386-coreboot")
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


def grub_image():
    """GRUB for coreboot, a Multiboot 1 kernel, with Debian's kernel in its memory disk."""
    early = write_file("early.cfg", "serial --unit=0\nterminal_output serial\nterminal_input serial\n"
                                    "configfile (memdisk)/grub.cfg\n")
    script = write_file("grub.cfg", "echo guest $grub_platform\nlinux (memdisk)/vmlinuz console=ttyS0 quiet from=grub\n"
                                    "initrd (memdisk)/initrd.img\nboot\n")
    disk, out = os.path.join(work_dir(), "disk.tar"), os.path.join(work_dir(), "grub.elf")
    names = [word for path in (script, VMLINUZ, INITRD) for word in ("-C", os.path.dirname(path), os.path.basename(path))]
    subprocess.run(["tar", "-cf", disk, *names], check=True)
    subprocess.run(["grub-mkimage", "-O", "i386-coreboot", "-d", GRUB, "-o", out, "-p", "(memdisk)/", "-c", early, "-m", disk,
                    "memdisk", "tar", "serial", "terminal", "echo", "linux", "normal", "configfile"], check=True)
    return out


@test
def grub_as_a_guest_loads_linux():
    config = vm_config("grub", memory="192M", kernel="grub.elf", initrd=None, cmdline="")
    with Machine(iso=make_iso(config, {"grub.elf": grub_image()}), memory="512m") as node:
        node.expect(r"guest coreboot", 60)
        node.login(120)
        assert "from=grub" in node.shell("cat /proc/cmdline")
        node.escape("q")
        assert node.wait_exit(60) == 0


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
