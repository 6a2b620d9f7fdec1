# SPDX-License-Identifier: Apache-2.0
"""
Machines with several memory nodes: whose memory a VM gets, as its operator sees it, and what comes of tables that make no sense.
"""
import os
import struct

from harness import BUILD, Machine, make_iso, test, test_on_both, vm_config, write_file

COUNTED = {"counted": os.path.join(BUILD, "guest/counted.elf")}


def vm(name, memory, extra=""):
    return vm_config(name, memory=memory, kernel="counted", initrd=None, cmdline="counted=halt", extra=extra)


def nodes(*sizes, distance=()):
    """QEMU's options for a processor and so many MiB of memory in each node; distance: (from, to, how far)..."""
    options = []
    for i, size in enumerate(sizes):
        options += ["-object", f"memory-backend-ram,id=m{i},size={size}M", "-numa", f"node,nodeid={i},cpus={i},memdev=m{i}"]
    for source, to, value in distance:
        options += ["-numa", f"dist,src={source},dst={to},val={value}"]
    return options


def machine(config, *sizes, distance=(), arguments=""):
    return Machine(iso=make_iso(config, COUNTED, arguments), cpus=len(sizes), memory=f"{sum(sizes)}m",
                   extra=nodes(*sizes, distance=distance))


def listing(node, last):
    """What Ctrl-] l says, up to the line about the last VM."""
    start = node.position
    node.escape("l")
    node.expect(rf"^\[brume\]     {last}: .*\n")
    return node.text()[start:node.position]


def power_off(node):
    node.escape("q")
    assert node.wait_exit(60) == 0


def srat(*entries):
    """A table for QEMU's -acpitable, which wants it with its header."""
    body = struct.pack("<IQ", 1, 0) + b"".join(entries)
    path = write_file("srat.bin", struct.pack("<4sIBB6s8sIII", b"SRAT", 36 + len(body), 3, 0, b"BRUME ", b"TEST    ", 1, 0, 0) + body)
    return ["-acpitable", f"file={path}"]


def cpu_entry(apic_id, node):
    return struct.pack("<BBBBIBBBBI", 0, 16, node, apic_id, 1, 0, 0, 0, 0, 0)


def memory_entry(base, size, node):
    return struct.pack("<BBIHQQIIQ", 1, 40, node, 0, base, size, 0, 1, 0)


@test
def memory_of_the_node_of_its_processors():
    config = vm("left", "64M", "cpus 0") + vm("right", "300M", "cpus 1") + vm("both", "64M", "cpus 0-1")
    with machine(config, 256, 512) as node:
        node.expect(r"node 0: processors 0, \d+ MiB of RAM", 60)
        node.expect(r"node 1: processors 1, 51\d MiB of RAM")
        node.expect(r"vm both: started")
        text = listing(node, "both")
        assert "left: cpus 0, 64 MiB of node 0\n" in text, text
        assert "right: cpus 1, 300 MiB of node 1\n" in text, text
        assert "both: cpus 0-1, 64 MiB of node 1" in text, text      # the node that has more
        node.escape("i")
        node.expect(r"^\[brume\] node 0: cpus 0, \d+ KiB of RAM, \d+ KiB free$")
        free = int(node.expect(r"^\[brume\] node 1: cpus 1, \d+ KiB of RAM, (\d+) KiB free$")[1])
        assert 512 - 300 - 64 - 16 < free >> 10 < 512 - 300 - 64, free
        node.escape("2")
        node.escape("k")
        node.expect(r"vm right: killed")
        node.escape("s")                               # fits only where it was
        node.expect(r"vm right: started")
        assert "right: cpus 1, 300 MiB of node 1\n" in listing(node, "both")
        power_off(node)


@test
def the_nearest_node_helps_out():
    config = vm("big", "300M", "cpus 0") + vm("free", "32M") + vm("huge", "2G", "cpus 0")
    distance = [(0, 1, 40), (0, 2, 20), (1, 2, 30)]
    with machine(config, 128, 256, 256, distance=distance) as node:
        one, two = (int(x) for x in node.expect(
            r"vm big: memory: (\d+) MiB from node 0, (\d+) MiB from node 2: there is no more where it runs", 60).groups())
        assert one + two == 300 and one > 100, (one, two)
        node.expect(r"vm huge: not started: 2048 MiB of RAM are wanted, \d+ MiB are free")
        text = listing(node, "free")
        assert f"big: cpus 0, {one} MiB of node 0, {two} MiB of node 2\n" in text, text
        assert "free: 32 MiB of node 1" in text, text
        power_off(node)


@test
def a_node_without_a_running_processor_lends_its_memory():
    config = vm("alone", "160M", "cpus 0")
    with machine(config, 128, 256, arguments="cpus=1") as node:
        node.expect(r"node 1: processors none, 25\d MiB of RAM", 60)
        node.expect(r"vm alone: memory: \d+ MiB from node 0, \d+ MiB from node 1")
        power_off(node)


@test_on_both
def without_tables_nothing_is_said_of_nodes(kind):
    with kind(iso=make_iso(vm("a", "32M", "cpus 0") + vm("b", "32M"), COUNTED), memory="256m") as node:
        node.expect(r"vm b: started, 32 MiB, 1 vCPU", 60)
        assert listing(node, "a").endswith("a: cpus 0\n")
        node.escape("i")
        node.expect(r"KiB free, 2 VMs, 2 running")
        node.expect_none(r"[Nn]ode 0|of node|SRAT")
        power_off(node)


@test
def a_table_of_our_own_is_read():
    table = srat(cpu_entry(0, 3), memory_entry(0, 128 << 20, 9), memory_entry(128 << 20, 384 << 20, 3))
    with Machine(iso=make_iso(vm("a", "32M", "cpus 0"), COUNTED), memory="512m", extra=table) as node:
        node.expect(r"node 3: processors 0, 38\d MiB of RAM", 60)
        node.expect(r"node 9: processors none, 12\d MiB of RAM")
        node.expect(r"vm a: started")
        assert "a: cpus 0, 32 MiB of node 3" in listing(node, "a")
        power_off(node)


def ignored(entries, why):
    with Machine(iso=make_iso(vm("a", "32M", "cpus 0"), COUNTED), memory="256m", extra=srat(*entries)) as node:
        node.expect(rf"acpi: SRAT ignored: {why}; all memory counts as equally near$", 60)
        node.expect(r"vm a: started")
        assert listing(node, "a").endswith("a: cpus 0\n")
        node.expect_none(r"[Nn]ode 0|of node")
        power_off(node)


@test
def tables_that_make_no_sense_are_ignored():
    low = memory_entry(0, 128 << 20, 0)
    ignored([cpu_entry(0, 0), low, memory_entry(127 << 20, 1 << 30, 1)], "memory at 0x7f00000 is in two nodes")
    ignored([cpu_entry(0, 0), low, memory_entry(1 << 40, 1 << 30, 0x80000000)], "it numbers a node 2147483648")
    ignored([cpu_entry(77, 0), low], "it tells of a processor 77 that the MADT does not have")
    ignored([cpu_entry(0, 0), low[:-1]], "its entry at offset 64 has a wrong length")
