# SPDX-License-Identifier: Apache-2.0
"""Hostile programs in ring 3 (tests/programs/intruder.c in place of a vmm): the kernel refuses, survives, and others go on."""
import os

from harness import BUILD, INITRD, VMLINUZ, Machine, make_iso, test, vm_config

IMAGE = os.path.join(BUILD, "test/intruder.elf")


def intruder_vm(number):
    return vm_config(f"intruder{number}", memory="16M", initrd=None, cmdline="", extra="weight 100\non-reboot stop")


@test
def a_vmm_that_touches_an_io_port_ends():
    config = "vm port-user\n    memory 16M\n    kernel vmlinuz\n    on-reboot stop\n"
    with Machine(iso=make_iso(config, {"vmlinuz": VMLINUZ}, image=IMAGE)) as node:
        node.expect(r"vm port-user: .*general protection fault \(vector 13", 60)


@test
def random_system_calls_harm_nobody():
    config = vm_config("linux", extra="weight 300") + intruder_vm(1) + intruder_vm(2)
    with Machine(iso=make_iso(config, {"vmlinuz": VMLINUZ, "initrd.img": INITRD}, image=IMAGE)) as node:
        node.login(240)
        for _ in range(3):
            got = node.shell("dd if=/dev/zero bs=64k count=64 2>/dev/null | sha256sum", 120)
            assert "bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8" in got, got
        for number in (1, 2):
            position, node.position = node.position, 0
            node.expect(rf"vm intruder{number}: failed: intruder done", 180)
            node.position = position
        assert "still here" in node.shell("echo still here", 60)
        node.escape("i")
        before = node.expect(r"(\d+) KiB free, 3 VMs, 1 running", 30)[1]
        # Again, and all that was theirs comes back.
        node.escape("2")
        node.escape("s")
        node.expect(r"vm intruder1: failed: intruder done", 180)
        node.escape("i")
        assert node.expect(r"(\d+) KiB free, 3 VMs, 1 running", 30)[1] == before
        node.expect_none(r"panic|PANIC")
        node.escape("q")
        assert node.wait_exit(60) == 0
