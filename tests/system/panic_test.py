# SPDX-License-Identifier: Apache-2.0
"""The end of the kernel: what a panic prints, that it resets, and that the next boot shows the log."""
from harness import Failure, Machine, make_iso, test, test_on_both, vm_config
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
