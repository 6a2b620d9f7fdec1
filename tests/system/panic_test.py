# SPDX-License-Identifier: Apache-2.0
"""The end of the kernel: what a panic prints, that it resets, and that the next boot shows the log."""
import os
import re
import struct
import subprocess

from harness import BUILD, KERNEL, Failure, Machine, make_iso, test, test_on_both, vm_config, write_file

UD2 = b"\x0f\x0b"


def broken_init(name="broken.elf"):
    """The image with an undefined instruction where init, done with the machine, turns to its configuration: the death
    of init is a panic."""
    symbols = subprocess.run(["nm", os.path.join(BUILD, "init.sym.elf")], check=True, stdout=subprocess.PIPE, text=True).stdout
    target = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" T config_read"))
    with open(KERNEL, "rb") as stream:
        image = bytearray(stream.read())
    # The programs are ELF64 files on page boundaries of an ELF32 file; init is the first.
    init = next(m.start() for m in re.finditer(rb"\x7fELF\x02", image) if m.start() % 4096 == 0)
    table, = struct.unpack_from("<Q", image, init + 32)
    size, count = struct.unpack_from("<HH", image, init + 54)
    for i in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", image, init + table + i * size)
        if kind == 1 and address <= target < address + length:
            at = init + offset + target - address
            image[at:at + len(UD2)] = UD2
            return write_file(name, bytes(image))
    raise Failure("config_read() of init is in no segment")


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
