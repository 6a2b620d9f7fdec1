# SPDX-License-Identifier: Apache-2.0
"""The figures that Brume promises and a machine can count: exit costs, memory, way to the first guest instruction."""
import os
import sys

from harness import TOP, Failure, Machine, make_iso, test, vm_config


def exit_costs(vendor):
    sys.path.insert(0, os.path.join(TOP, "tests/bench"))
    import bench
    over = bench.table(vendor, {"brume": bench.RUN[vendor]["brume"]()})
    if over:
        raise Failure("over the limit: " + ", ".join(over))


@test
def exit_costs_stay_under_their_limits_svm():
    exit_costs("svm")


@test
def exit_costs_stay_under_their_limits_vmx():
    exit_costs("vmx")


@test
def disk_network_and_console_stay_under_their_limits():
    sys.path.insert(0, os.path.join(TOP, "tests/bench"))
    import devices
    for bench in devices.BENCHES:
        over = devices.table(bench, {"brume": devices.results(bench, "brume")})
        if over:
            raise Failure("over the limit: " + ", ".join(over))


@test
def what_passes_between_two_stays_under_its_limits():
    sys.path.insert(0, os.path.join(TOP, "tests/bench"))
    import bench
    import pairs
    for what in pairs.ROWS:
        over = bench.table("svm", {"brume": pairs.RUN[what]("brume")}, pairs.ROWS[what], what)
        if over:
            raise Failure("over the limit: " + ", ".join(over))


@test
def a_linux_needs_few_instructions_to_its_shell():
    sys.path.insert(0, os.path.join(TOP, "tests/bench"))
    import machine
    instructions, _ = machine.measure(machine.Brume(1))
    print(f"{instructions:.0f} M instructions")
    if instructions > machine.LIMIT:
        raise Failure(f"{instructions:.0f} M instructions, not {machine.LIMIT} M at most")


@test
def memory_without_a_vm_and_per_vm():
    guest = 96 << 10
    iso = make_iso("".join(vm_config(name, memory="96M", cmdline="console=ttyS0 quiet") for name in ("a", "b")))

    def used(node):
        node.escape("i")
        match = node.expect(r"\[brume\] version .*, (\d+) KiB of RAM, (\d+) KiB free")
        return int(match[1]) - int(match[2])

    with Machine(iso=make_iso(None, modules={}), memory="512m") as node:
        node.expect(r"no configuration", 60)
        empty = used(node)
        print(f"no VM: {empty} KiB")
        if empty > 8 << 10:
            raise Failure(f"{empty} KiB used without a VM")
    with Machine(iso=iso, memory="512m") as node:
        node.login()
        node.escape("2")
        node.login()
        both = used(node)
        node.escape("k")
        node.expect(r"vm b: killed")
        state = "running"
        while state != "off":                      # its output is still being shown: "ending"
            node.escape("l")
            state = node.expect(r"^\[brume\] \* +2 b +(\w+)")[1]
        one = used(node)
        print(f"one VM beyond its RAM: {both - one - guest} KiB")
        if not 0 < both - one - guest <= 1 << 10:
            raise Failure(f"a VM takes {both - one - guest} KiB beyond its memory")


@test
def the_first_guest_instruction_comes_soon():
    """At most 150 M instructions from the loader's hand-over, one tick of the clock each (1 ns)."""
    sys.path.insert(0, os.path.join(TOP, "tests/bench"))
    import bench
    with Machine(iso=make_iso(vm_config()), memory="512m", cpu=bench.CPU, extra=bench.COUNTED) as node:
        instructions = int(node.expect(r"first guest instruction (\d+) us", 120)[1]) * 1000
        print(f"{instructions / 1e6:.1f} M instructions")
        if instructions > 150e6:
            raise Failure(f"{instructions / 1e6:.1f} M instructions before the guest")
