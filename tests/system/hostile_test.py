# SPDX-License-Identifier: Apache-2.0
"""Guests that misbehave (tests/guest/hostile.c): their VM fails or is slowed, the node and a VM beside it go on."""
import functools
import os
import re

from harness import BUILD, INITRD, VMLINUZ, Machine, make_iso, test_on_both, vm_config

HOSTILE = os.path.join(BUILD, "guest/hostile.elf")
MODULES = {"vmlinuz": VMLINUZ, "initrd.img": INITRD, "hostile": HOSTILE}

# How each word ends: the console's line, or None for those that never end by themselves.
ENDS = {
    "triple": r"reset, stays off",
    "reset": r"reset, stays off",
    "walk": r"failed: .*page table lies outside of RAM",
    "fetch": r"failed: .*fetch outside of RAM",
    "stack": r"failed: ",
    "vector": r"failed: .*vector",
    "apic": r"failed: ",
    "devices": r"powered off",
    "mmio": r"powered off",
    "msr": r"powered off",
    "ipi": r"powered off",
    "nmi": r"powered off",
    "spin": None,
    "halt": None,
    "garbage": None,
    "ports": None,
    "string": None,
    "timer": None,
    "control": None,
}


def hostile_vm(word, rounds=2000, weight=20):
    return vm_config(word, memory="16M", kernel="hostile", initrd=None, cmdline=f"hostile={word} rounds={rounds}",
                     extra=f"weight {weight}\non-reboot stop")


def expect_anywhere(node, pattern, limit):
    """expect() in all that was printed so far, too; the place to go on from stays."""
    position, node.position = node.position, 0
    match = node.expect(pattern, limit)
    node.position = position
    return match


def checked_work(node):
    # Lines about the others may come in between, and within a line of the guest.
    got = re.sub(r"\n?brume: .*\n", "", node.shell("dd if=/dev/zero bs=64k count=64 2>/dev/null | sha256sum", 120))
    assert "bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8" in got, got


def among_hostile_ones(machine, rounds, times):
    config = vm_config("linux", cmdline="console=ttyS0 quiet nokaslr cryptomgr.notests", extra="weight 1000") + "".join(
        hostile_vm(word, rounds) for word in ENDS)
    with machine(iso=make_iso(config, MODULES), memory="1536m") as node:
        node.login(240)
        # While those that never end go on beside it.
        for _ in range(times):
            checked_work(node)
        for word, end in ENDS.items():
            if end:
                expect_anywhere(node, rf"vm {word}: {end}", 120)
        assert "still here" in node.shell("echo still here", 60)
        for word in ("spin", "halt", "ports", "string", "timer"):
            assert f"vm {word}: failed" not in node.text(), word
        node.expect_none(r"panic|PANIC")
        node.escape("q")
        assert node.wait_exit(60) == 0


@test_on_both
def a_linux_guest_among_nineteen_hostile_ones(kind):
    among_hostile_ones(kind, 2000, 3)


@test_on_both
def the_same_on_two_processors(kind):
    among_hostile_ones(functools.partial(kind, cpus=2, **({"counted": True} if kind is Machine else {})), 200, 2)


# Groups of the attack suite (tests/attack), with their vCPUs, beside a Linux guest; "debug" and "starts" never end.
# QEMU itself does not survive "debug" (a watchpoint in the delivery of an exception: an assertion of its own); Bochs is
# spared the long ones.
ATTACKERS = {
    "Machine": {"virtio": 2, "processors": 4, "code": 3, "pci": 1, "events": 1, "starts": 4},
    "BochsMachine": {"pci": 1, "debug": 1, "starts": 3},
}


@test_on_both
def a_linux_guest_among_attackers(kind):
    config = vm_config("linux", extra="weight 1000")
    attackers = ATTACKERS[kind.__name__]
    for group, vcpus in attackers.items():
        config += vm_config(group, memory="64M", kernel="attack", initrd=None, cmdline=f"groups={group}",
                            extra="weight 50\non-reboot stop\nballoon yes\ndisk attack room 1M\nnic").replace("vcpus 1", f"vcpus {vcpus}")
    modules = {**MODULES, "attack": os.path.join(BUILD, "guest/attack.elf")}
    with kind(iso=make_iso(config, modules), memory="1536m") as node:
        node.login(240)
        for _ in range(2):
            checked_work(node)
        for group in attackers:
            if group not in ("debug", "starts"):
                expect_anywhere(node, rf"vm {group}: powered off", 120)
        assert "still here" in node.shell("echo still here", 60)
        assert "vm debug: failed" not in node.text()
        node.expect_none(r"panic|PANIC")
        node.escape("q")
        assert node.wait_exit(60) == 0


def run_payload(kind, name, last, at_least):
    config = "node when-idle poweroff\n" + vm_config(name, memory="16M", kernel=name, initrd=None, cmdline="")
    with kind(iso=make_iso(config, {name: os.path.join(BUILD, f"guest/{name}.elf")}), memory="512m") as node:
        node.expect(last, 60)
        node.expect_none(r"not ok")
        assert len([line for line in node.text().splitlines() if line.startswith("ok ")]) >= at_least
        assert node.wait_exit(30) == 0


@test_on_both
def every_form_of_instruction_on_a_device(kind):
    run_payload(kind, "mmio", r"done mmio", 90)


@test_on_both
def faults_traps_and_modes_of_emulated_instructions(kind):
    run_payload(kind, "emulation", r"done emulation", 11)
