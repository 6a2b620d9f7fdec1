# SPDX-License-Identifier: Apache-2.0
"""Programs that are broken or die: a message with the reason, the rest goes on. The image is patched for it."""
import struct

from harness import Failure, Machine, make_iso, test, vm_config
from patch import patched, trap_at

PAGE = 4096


def bad_header(data):
    data[4] = 1                                    # ELF32, it says
    return data


def bad_segment(data):
    (headers,) = struct.unpack_from("<Q", data, 32)
    struct.pack_into("<Q", data, headers + 8, 1 << 40)      # the first segment starts far outside of the file
    return data


@test
def parser_that_crashes():
    with Machine(iso=make_iso(vm_config(), image=trap_at("conf", "conf_parse"))) as node:
        node.expect(r"brume: configuration not read: program conf: invalid instruction \(vector 6", 60)
        node.expect(r"\[brume\] no VM is configured")
        node.escape("q")
        node.wait_exit()


@test
def parser_that_never_ends():
    def loop(data):
        data[PAGE:PAGE + 0x1000] = b"\xeb\xfe" * 0x800      # everywhere a jump to itself
        return data
    with Machine(iso=make_iso(vm_config(), image=patched("conf", loop))) as node:
        node.expect(r"brume: configuration not read: program conf: it took more than 5 s", 60)
        node.escape("q")
        node.wait_exit()


@test
def programs_that_are_no_programs():
    with Machine(iso=make_iso(vm_config(), image=patched("conf", bad_header))) as node:
        node.expect(r"brume: program conf: not an ELF64 file", 60)
        node.escape("q")
        node.wait_exit()
    with Machine(iso=make_iso(vm_config("a") + vm_config("b"), image=patched("vmm", bad_segment))) as node:
        node.expect(r"brume: program vmm: segment outside of the file", 60)
        node.expect(r"vm a: not started: its vmm cannot be loaded")
        node.expect(r"vm b: not started: its vmm cannot be loaded")
        node.escape("q")
        node.wait_exit()


@test
def a_vm_runs_without_a_console():
    with Machine(iso=make_iso("node when-idle poweroff\n" + vm_config(cmdline="console=ttyS0 quiet brume.script=:"),
                              image=patched("console", bad_header))) as node:
        node.expect(r"brume: program console: not an ELF64 file", 60)
        node.expect(r"brume: the console does not run")
        node.expect(r"vm linux: started")


@test
def console_that_dies_comes_back_and_the_vm_goes_on():
    with Machine(iso=make_iso(vm_config(), image=trap_at("console", "mux_select"))) as node:
        node.expect(r"brume: the console died: invalid instruction", 60)
    with Machine(iso=make_iso(vm_config(), image=trap_at("console", "mux_key"))) as node:
        node.login()
        node.shell("echo kept > /tmp/file")
        for _ in range(2):
            node.escape("?")
            node.expect(r"brume: the console died: invalid instruction .*; it starts again")
            node.expect(r"\[brume\] console of vm 'linux'")
            if node.shell("cat /tmp/file") != "kept":
                raise Failure("the VM was lost")


@test
def vmm_that_dies_takes_its_vm_only():
    with Machine(iso=make_iso(vm_config("red") + vm_config("blue"), image=trap_at("vmm", "acpi_pm_power_button"))) as node:
        node.login()
        node.escape("2")
        node.login()
        node.escape("i")
        before = node.expect(r"(\d+) KiB free, 2 VMs, 2 running")[1]
        for _ in range(2):
            node.escape("p")
            node.expect(r"vm blue: failed: its vmm ended: invalid instruction \(vector 6.* at rip 0x4")
            node.escape("s")
            node.expect(r"vm blue: started")
            node.expect(r"brume-guest: ready", 90)
        node.escape("i")
        if node.expect(r"(\d+) KiB free, 2 VMs, 2 running")[1] != before:
            raise Failure("memory was lost")
        node.escape("1")
        node.sendline("echo still $((6 * 7))")
        node.expect(r"^still 42$")
        node.escape("q")
        node.wait_exit()
