# SPDX-License-Identifier: Apache-2.0
"""Linux' paravirtual interface: each feature as a payload sees it (tests/guest/pv.c), and as Linux uses it."""
import os

from harness import BUILD, LINUX, Machine, make_iso, script_word, test, test_on_both, vm_config

PV = {"pv": os.path.join(BUILD, "guest/pv.elf")}


def payload(kind, extra, checks, cmdline="", vcpus=1, cpus=1):
    config = vm_config("pv", memory="16M", kernel="pv", initrd=None, cmdline=cmdline, extra=extra)
    config = config.replace("vcpus 1", f"vcpus {vcpus}")
    with kind(iso=make_iso("node when-idle poweroff\n" + config, PV), memory="512m", cpus=cpus) as node:
        node.expect(r"done pv", 90)
        node.expect_none(r"not ok")
        got = len([line for line in node.text().splitlines() if line.startswith("ok ")])
        assert got >= checks - 2, f"{got} checks"      # a line of the console may break one
        assert node.wait_exit(30) == 0


@test_on_both
def every_feature_on_two_vcpus(kind):
    payload(kind, "", 32, vcpus=2)


@test_on_both
def the_same_on_two_processors(kind):
    payload(kind, "", 32, vcpus=2, cpus=2)


@test_on_both
def nothing_answers_when_all_is_off(kind):
    payload(kind, "kvm -all", 21, cmdline="none")


# Two Linux VMs compete. One finds the features and is told of the time that it lost; the other finds none of these and
# cannot know. A reset says that all was as it should be, a power-off that it was not.
COMPETE = "timeout 4 sh -c 'while :; do :; done'; st=$(awk '/^cpu / { print $9 }' /proc/stat); dmesg > /m; "
WITH = COMPETE + "[ $st -gt 20 ] && grep -q 'setup PV IPIs' /m && grep -q 'PV spinlocks enabled' /m && " \
    "grep -q 'setup pv remote TLB flush' /m && grep -q 'setup PV sched yield' /m && reboot -f"
WITHOUT = COMPETE + "[ $st = 0 ] && grep -q 'kvm-clock' /m && ! grep -q 'kvm-guest: setup' /m && reboot -f"


@test
def linux_uses_what_is_on_and_nothing_else():
    config = "node when-idle poweroff\n"
    for name, script, extra in ("with", WITH, ""), ("without", WITHOUT, "kvm -all +clock"):
        config += vm_config(name, cmdline="console=ttyS0 quiet " + script_word(script), extra="on-reboot stop\n" + extra)
    with Machine(iso=make_iso(config.replace("vcpus 1", "vcpus 2"), LINUX), memory="1g") as node:
        for _ in range(2):
            node.expect(r"vm \w+: (reset, stays off|powered off|failed)", 240)
        for name in "with", "without":
            assert f"vm {name}: reset, stays off" in node.text(), name
        assert node.wait_exit(60) == 0
