# SPDX-License-Identifier: Apache-2.0
"""Every way into the image leads to the same Linux shell, and power-off ends the machine."""
import hashlib
import os
import re
import subprocess

from harness import (BOCHS_BIOS, BUILD, INITRD, KERNEL, LINUX, TOP, VMLINUZ, BochsMachine, Failure, Machine, make_iso, script_word,
                     test, test_on_both, vm_config, work_dir, write_file)

CONFIG = "node when-idle poweroff\n" + vm_config()


def use_shell(node, limit=90):
    """The shell works and powering off the VM powers off the node."""
    node.login(limit)
    if node.shell("uname -s; pwd") != "Linux\n/root":
        raise Failure("the shell does not run commands")
    node.sendline("poweroff")
    status = node.wait_exit(60)
    if status != 0:
        raise Failure(f"the emulator ended with {status}: {node.errors()}")


def media(tool, out, config=CONFIG):
    """Runs tools/mkflash or tools/mkpxe with the example guest; returns the path of what it made."""
    path = os.path.join(work_dir(), out)
    command = [os.path.join(TOP, "tools", tool), "-o", path, "-c", write_file("brume.conf", config)]
    for name, file in LINUX.items():
        command += ["-m", f"{name}={file}"]
    subprocess.run(command + [KERNEL], check=True, cwd=TOP)
    return path


def digest(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


@test_on_both
def the_iso_that_make_run_boots(kind):
    with kind(iso=os.path.join(BUILD, "brume.iso")) as node:
        use_shell(node)


@test
def iso_by_uefi():
    with Machine(iso=make_iso(CONFIG, uefi=True), uefi=True) as node:
        use_shell(node)


@test
def iso_as_usb_stick():
    iso = make_iso(CONFIG)
    before = digest(iso)
    with Machine(extra=["-device", "qemu-xhci", "-drive", f"if=none,id=stick,format=raw,file={iso}",
                        "-device", "usb-storage,drive=stick"]) as node:
        use_shell(node)
    if digest(iso) != before:
        raise Failure("something wrote to the stick")


@test
def iso_by_multiboot_1():
    with Machine(iso=make_iso(CONFIG, multiboot1=True)) as node:
        use_shell(node)


@test
def qemu_kernel_option():
    modules = [(write_file("brume.conf", CONFIG), "brume.conf"), (VMLINUZ, "vmlinuz"), (INITRD, "initrd.img")]
    with Machine(kernel=KERNEL, initrd=modules) as node:
        use_shell(node)


@test
def flash_image_by_bios_and_uefi():
    image = media("mkflash", "brume.img")
    before = digest(image)
    for uefi in (False, True):
        with Machine(uefi=uefi, extra=["-drive", f"if=virtio,format=raw,file={image}"]) as node:
            use_shell(node)
    if digest(image) != before:
        raise Failure("something wrote to the image")


@test
def pxe_by_bios_and_uefi():
    tree = media("mkpxe", "pxe")
    for uefi, first in ((False, "grub/i386-pc/core.0"), (True, "grub/x86_64-efi/core.efi")):
        with Machine(uefi=uefi, extra=["-netdev", f"user,id=net,tftp={tree},bootfile=/{first}",
                                       "-device", "virtio-net-pci,netdev=net"]) as node:
            use_shell(node, 150)
            # What it came by is its way out, without a word of configuration; UEFI has put its registers above 4 GiB.
            if not re.search(r"switch default: the link of its uplink 52:54:00:12:34:56 is up", node.text()):
                raise Failure("the node is not on the network that it came by")


@test
def guest_script_without_a_user():
    config = "node when-idle poweroff\n" + vm_config(cmdline="console=ttyS0 quiet " + script_word("echo sum $((6 * 7))"))
    with Machine(iso=make_iso(config)) as node:
        node.expect(r"^sum 42$", 90)
        node.expect(r"^brume-guest: exit 0$")
        node.wait_exit(60)


def refuses(cpu, kind=Machine, **machine):
    """One sentence, then nothing but a halted machine."""
    with kind(iso=make_iso(CONFIG), cpu=cpu, **machine) as node:
        sentence = node.expect(r"Brume cannot run here: (.*)\.$")[1]
        node.expect_none(r"brume-guest|panic")
        return sentence


@test
def cpu_without_svm():
    if "AMD-V" not in refuses("max,-svm"):
        raise Failure("the sentence does not name AMD-V")


@test
def cpu_without_nested_paging():
    if "nested" not in refuses("max,+svm,-npt").lower():
        raise Failure("the sentence does not name nested paging")


@test
def cpu_without_vmx():
    if "VT-x" not in refuses("Haswell"):
        raise Failure("the sentence does not name VT-x")


# What Bochs' BIOS does with IA32_FEATURE_CONTROL: or 5 (locked, VMXON allowed). Its last byte but two is the 5.
FEATURE_CONTROL = bytes.fromhex("b93a0000000f3283c8050f30")


def bios_with_feature_control(value):
    """Bochs' BIOS, but with that value."""
    with open(BOCHS_BIOS, "rb") as stream:
        bios = stream.read()
    if bios.count(FEATURE_CONTROL) != 1:
        raise Failure("the BIOS is another one")
    return write_file(f"bios{value}", bios.replace(FEATURE_CONTROL, FEATURE_CONTROL[:-3] + bytes([value]) + FEATURE_CONTROL[-2:]))


@test
def vmx_that_the_firmware_locked_off():
    if "switched off by the firmware" not in refuses(None, BochsMachine, bios=bios_with_feature_control(1)):
        raise Failure("the sentence does not name the firmware")


@test
def vmx_that_the_firmware_left_unlocked():
    with BochsMachine(iso=make_iso(CONFIG), bios=bios_with_feature_control(0)) as node:
        use_shell(node)


@test
def cpu_without_ept():
    if "EPT" not in refuses("core2_penryn_t9600", BochsMachine):
        raise Failure("the sentence does not name nested paging")
