# SPDX-License-Identifier: Apache-2.0
"""The end of the kernel: what a panic prints, that it resets, and that the next boot shows the log."""
import os
import re
import time

from harness import BUILD, LINUX, PATIENCE, Failure, Machine, make_iso, test, test_on_both, vm_config
from patch import trap_at


def broken_init():
    """The image in which init, done with the machine, traps where it turns to its configuration: its death is a panic."""
    return trap_at("init", "config_read")


def expect_panic(node):
    node.expect(r"PANIC: .*init", 60)
    node.expect(r"cr0 [0-9a-f]{16} cr2 [0-9a-f]{16} cr3 [0-9a-f]{16}")
    node.expect(r"from ffffffff8[0-9a-f]{7} \w+\+0x[0-9a-f]+")
    node.expect(r"reset in 1 seconds")


@test
def panic_prints_registers_and_names_and_resets():
    with Machine(iso=make_iso(vm_config(), arguments="panic=1", image=broken_init())) as node:
        expect_panic(node)
        node.wait_exit(30)


@test_on_both
def panic_log_is_shown_by_the_next_boot(kind):
    again = {"extra": ["-action", "reboot=reset"]} if kind is Machine else {}
    with kind(iso=make_iso(vm_config(), arguments="panic=1", image=broken_init()), **again) as node:
        expect_panic(node)
        node.expect(r"the run before this one ended in a panic; its log:", 60)
        node.expect(r"PANIC: .*init")
        node.expect(r"end of that log")


@test
def panic_0_halts_and_no_page_is_writable_and_executable():
    with Machine(iso=make_iso(vm_config(), arguments="panic=0", image=broken_init())) as node:
        node.expect(r"PANIC: .*init", 60)
        node.expect(r"\] halted$")
        # One line for each page: address, frame, flags; X stands for no-execute.
        pages = [line.split() for line in node.monitor("info tlb").splitlines()]
        kernel = [page for page in pages if len(page) == 3 and page[0].startswith("ffffffff8")]
        if not kernel or [page for page in pages if len(page) == 3 and "W" in page[2] and "X" not in page[2]]:
            raise Failure("W^X does not hold")


# Two VMs compute on processors of their own, one writes to the node's line without end.
BUSY = vm_config("writer", cmdline="console=ttyS0 quiet nokaslr cryptomgr.notests", memory="112M") + "".join(
    vm_config(f"spin{n}", memory="16M", kernel="hostile", initrd=None, cmdline="hostile=spin rounds=2000", extra=f"cpus {n}")
    for n in (1, 2))
BUSY_MODULES = {**LINUX, "hostile": os.path.join(BUILD, "guest/hostile.elf")}
# What a report may hold, from its first line to its last.
REPORT = re.compile(r"\[ *\d+\.\d{6}\] (PANIC: .*|  [a-z0-9]+ +[0-9a-f]{16}( [a-z0-9]+ +[0-9a-f]{16}){1,3}"
                    r"|   from [0-9a-f]{16}( \w+\+0(x[0-9a-f]+)?)?"
                    r"|     at [0-9a-f]{16}( \w+\+0(x[0-9a-f]+)?)?|reset in \d+ seconds|halted)")


def busy(arguments, config=BUSY):
    return Machine(iso=make_iso(config, BUSY_MODULES, arguments=arguments, image=trap_at("init", "counters_show_trace")), cpus=4,
                   memory="512m", counted=True)


def make_busy(node):
    node.expect(r"version \S+ 4 CPUs", 60)
    node.login()
    node.sendline("while :; do echo the quick brown fox; done")
    for _ in range(20):
        node.expect(r"^the quick brown fox$", 60)


def whole_report(node, last):
    """The lines of the only panic; they stand together, with nobody's between them."""
    node.expect(last, 60)
    lines = node.text().splitlines()
    first = [n for n, line in enumerate(lines) if "PANIC: " in line]
    end = [n for n, line in enumerate(lines) if re.search(last, line)]
    assert len(first) == 1 and len(end) == 1, f"{len(first)} reports with {len(end)} ends"
    report = lines[first[0]:end[0] + 1]
    report[0] = report[0][report[0].index("["):]      # what a guest wrote may stand before it
    for line in report:
        if not REPORT.fullmatch(line):
            raise Failure(f"{line!r} in the report")
    if [line for line in lines[end[0] + 1:] if line]:
        raise Failure(f"{lines[end[0] + 1:]} behind the report")
    return report


def halted(node, cpu):
    """Its instruction, when it is halted in ring 0 with interrupts off. Each has its turn after the last words of another."""
    end = time.monotonic() + 30 * PATIENCE
    text = ""
    while not ("HLT=1" in text and "CPL=0" in text):
        assert time.monotonic() < end, f"CPU {cpu} runs: {text[:600]}"
        text = node.qmp("human-monitor-command", **{"command-line": "info registers", "cpu-index": cpu})
    assert not int(re.search(r"RFL=([0-9a-f]+)", text)[1], 16) & 0x200, f"CPU {cpu} takes interrupts"
    return re.search(r"RIP=([0-9a-f]+)", text)[1]


@test
def panic_beside_running_guests_is_one_report_and_stops_all():
    with busy("panic=0") as node:
        make_busy(node)
        node.escape("t")
        report = whole_report(node, r"\] halted$")
        for register in ("cr0", "cr2", "cr3", "cr4", "efer", "rbp"):
            assert any(f" {register} " in line for line in report), register
        assert sum("   from ffffffff8" in line for line in report) >= 3, report
        rips = [halted(node, cpu) for cpu in range(4)]
        assert all(rip.startswith("ffffffff8") for rip in rips) and rips == [halted(node, cpu) for cpu in range(4)], rips


@test
def panic_beside_running_guests_resets():
    with busy("panic=1") as node:
        make_busy(node)
        node.escape("t")
        whole_report(node, r"\] reset in 1 seconds$")
        assert node.wait_exit(60) == 0


@test
def machine_check_of_an_idle_cpu_is_the_end_of_all():
    """No guest may be on CPU 3: QEMU looks at the guest's CR4.MCE, and resets the machine where that is clear."""
    with busy("panic=0", BUSY.replace("autostart yes", "autostart yes\ncpus 0-2", 1)) as node:
        make_busy(node)
        node.monitor("nmi")                           # is nobody's, and stops nothing
        for _ in range(20):
            node.expect(r"^the quick brown fox$", 60)
        node.monitor("mce 3 1 0xb200000000000000 0x4 0 0")
        report = whole_report(node, r"\] halted$")
        assert "machine check" in report[0] and any("vec 0000000000000012" in line for line in report), report
        for cpu in range(4):
            halted(node, cpu)
