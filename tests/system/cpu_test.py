# SPDX-License-Identifier: Apache-2.0
"""The processor as guests see it: a payload that tries what the manuals say (tests/guest/cpu.c), and Linux on two vCPUs."""
import os

from harness import BUILD, LINUX, make_iso, test_on_both, vm_config

ONE = "node when-idle poweroff\n" + vm_config("cpu", memory="16M", kernel="cpu", initrd=None, cmdline="")
TWO = ONE.replace("vcpus 1", "vcpus 2")
CHECKS = 77


def all_ok(node):
    node.expect(r"done cpu", 90)
    node.expect_none(r"not ok")
    got = len([line for line in node.text().splitlines() if line.startswith("ok ")])
    assert got >= CHECKS - 2, f"{got} checks"     # a line of the console may break one
    assert node.wait_exit(30) == 0


@test_on_both
def exceptions_shadows_priorities_and_timers_of_a_guest(kind):
    with kind(iso=make_iso(TWO, {"cpu": os.path.join(BUILD, "guest/cpu.elf")}), memory="512m") as node:
        all_ok(node)


@test_on_both
def the_same_beside_a_guest_that_spins(kind):
    spin = vm_config("spin", memory="16M", kernel="hostile", initrd=None, cmdline="hostile=spin")
    modules = {"cpu": os.path.join(BUILD, "guest/cpu.elf"), "hostile": os.path.join(BUILD, "guest/hostile.elf")}
    with kind(iso=make_iso(ONE + spin, modules), memory="512m") as node:
        node.expect(r"done cpu", 120)
        node.expect_none(r"not ok")
        node.escape("q")
        assert node.wait_exit(30) == 0


@test_on_both
def the_same_on_two_processors(kind):
    with kind(iso=make_iso(TWO, {"cpu": os.path.join(BUILD, "guest/cpu.elf")}), memory="512m", cpus=2) as node:
        node.expect(r"brume: version \S+, 2 CPUs", 60)
        all_ok(node)


@test_on_both
def linux_on_two_vcpus(kind):
    config = vm_config("linux").replace("vcpus 1", "vcpus 2")
    with kind(iso=make_iso(config, LINUX), memory="1g", cpus=2) as node:
        node.expect(r"brume: version \S+, 2 CPUs", 60)
        node.login(120)
        assert node.shell("grep -c ^processor /proc/cpuinfo") == "2"
        got = node.shell("for i in 1 2 3 4; do (dd if=/dev/zero bs=64k count=16 2>/dev/null | sha256sum) & done; wait", 120)
        assert got.count("30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58") == 4, got
        node.escape("q")
        assert node.wait_exit(60) == 0
