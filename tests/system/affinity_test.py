# SPDX-License-Identifier: Apache-2.0
"""
Where VMs run, on two counted processors: those with a list of CPUs stay there, others go where nothing runs, a wake-up
crosses to another CPU in bounded time. What the node's counters tell decides.
"""
import os

from harness import BUILD, LINUX, BochsMachine, Failure, Machine, make_iso, test, vm_config

MODULES = {**LINUX, "hostile": os.path.join(BUILD, "guest/hostile.elf"), "attack": os.path.join(BUILD, "guest/attack.elf")}

# Bochs' clock is the number of instructions: two guests' and two kernels' part of a message to a vCPU that is halted.
WAKE_LIMIT = 10000


def spinner(name, extra=""):
    return vm_config(name, memory="16M", kernel="hostile", initrd=None, cmdline="hostile=spin rounds=2000", extra=extra)


def used(node, name, number):
    """(CPU time, time since its start) in ms of a VM that is put on the screen for it."""
    node.escape(str(number))
    node.expect(rf"console of vm '{name}'", 60)
    node.escape("c")
    match = node.expect(rf"vm {name}: CPU time (\d+) ms, .* of the (\d+) ms since", 120)
    return int(match[1]), int(match[2])


def shares(node, names):
    """Of one CPU, for each VM that runs (number -> name), while the Linux guest sleeps, and after a while to find their places."""
    used(node, "clock", 1)                            # what its console shows again is behind us then
    node.shell("sleep 1", 120)
    before = {number: used(node, name, number) for number, name in names.items()}
    used(node, "clock", 1)
    node.shell("sleep 2", 120)
    result = {}
    for number, name in names.items():
        cpu, time = used(node, name, number)
        result[name] = (cpu - before[number][0]) / (time - before[number][1])
    return result


def expect_shares(node, names, due, tolerance=0.10):
    got = shares(node, names)
    print(" ".join(f"{name} {got[name]:.3f} (due {due[name]})" for name in got))
    for name, share in got.items():
        if abs(share / due[name] - 1) > tolerance:
            raise Failure(f"{name} had {share:.3f} of a CPU, not {due[name]}")


def start(node, number, name):
    node.escape(str(number))
    node.escape("s")
    node.expect(rf"vm {name}: started", 60)


@test
def pinned_vms_stay_and_others_go_where_there_is_room():
    spinners = spinner("a0", "cpus 0") + spinner("b0", "cpus 0") + spinner("c1", "cpus 1") + spinner("d") + spinner("e")
    config = vm_config("clock", memory="96M", cmdline="console=ttyS0 quiet nokaslr cryptomgr.notests") + \
        spinners.replace("autostart yes", "autostart no")
    with Machine(iso=make_iso(config, MODULES), memory="512m", cpus=2, counted=True) as node:
        node.login()
        for number, name in (2, "a0"), (3, "b0"), (4, "c1"):
            start(node, number, name)
        # Two that compute on one CPU take nothing from the one on the other, and do not go there.
        expect_shares(node, {2: "a0", 3: "b0", 4: "c1"}, {"a0": 0.5, "b0": 0.5, "c1": 1})
        start(node, 5, "d")
        expect_shares(node, {2: "a0", 3: "b0", 4: "c1", 5: "d"}, {"a0": 0.5, "b0": 0.5, "c1": 0.5, "d": 0.5})
        start(node, 6, "e")
        for number, name in (4, "c1"), (5, "d"):
            node.escape(str(number))
            node.escape("k")
            node.expect(rf"vm {name}: killed", 60)
        # Wherever it was, the one without a list has the free CPU now.
        expect_shares(node, {2: "a0", 3: "b0", 6: "e"}, {"a0": 0.5, "b0": 0.5, "e": 1})
        node.escape("q")
        assert node.wait_exit(60) == 0


@test
def a_wake_up_crosses_to_another_cpu_in_bounded_time_vmx():
    config = vm_config("two", memory="16M", kernel="attack", initrd=None, cmdline="groups=many", extra="on-reboot stop")
    config = "node when-idle poweroff\n" + config.replace("vcpus 1", "vcpus 2")
    with BochsMachine(iso=make_iso(config, MODULES), memory="512m", cpus=2) as node:
        node.expect(r"version \S+ 2 CPUs", 60)
        # In both modes of the APIC; the node's own work may be in the way of all messages of one.
        ticks = min(int(node.expect(r"# wake-up, ticks 0x(\w+)\n", 100)[1], 16) for _ in range(2))
        node.expect(r"done many: \d+ ok, 0 not ok", 60)
        assert node.wait_exit(60) == 0
    print(f"from the message to the first instruction of who was halted on another CPU: {ticks} instructions")
    assert 0 < ticks < WAKE_LIMIT, ticks
