# SPDX-License-Identifier: Apache-2.0
"""The node's console: one sees which VM one types to, switches, and rules VMs by keys."""
import os

from harness import BUILD, Failure, Machine, make_iso, test, test_on_both, vm_config

QUIET = "console=ttyS0 quiet"


def two_vms(extra=""):
    return make_iso(extra + vm_config("red", cmdline=QUIET) + vm_config("blue", cmdline=QUIET))


@test_on_both
def keys_switch_between_two_vms(kind):
    with kind(iso=two_vms()) as node:
        node.expect(r"\[brume\] console of vm 'red'", 60)
        node.login()
        node.shell("hostname red-guest")
        node.escape("2")
        node.expect(r"\[brume\] console of vm 'blue'")
        node.login()                               # replayed, or still to come: either way it is blue's own
        if node.shell("hostname") != "brume-guest":
            raise Failure("typed to the wrong VM")
        node.escape("n")
        node.expect(r"\[brume\] console of vm 'red'")
        node.sendline("echo after $((6 * 7))")     # all that is replayed comes before the answer to this
        node.expect(r"^after 42$")
        if node.shell("hostname") != "red-guest":
            raise Failure("typed to the wrong VM")
        node.escape("l")
        node.expect(r"red\s+running.*\n.*blue\s+running")
        node.escape("?")
        node.expect(r"power off the node")
        node.escape("q")
        node.expect(r"power off: asked for at the console$")
        if node.wait_exit() != 0:
            raise Failure("power-off did not end the emulator")


@test
def power_button_kill_and_start():
    with Machine(iso=make_iso(vm_config("red", cmdline=QUIET))) as node:
        node.login()
        node.escape("p")
        node.expect(r"brume: vm red: power button")
        node.expect(r"brume: vm red: powered off", 60)
        node.escape("s")
        node.expect(r"brume: vm red: started")
        node.login()
        node.escape("k")
        node.expect(r"brume: vm red: killed")
        node.escape("s")
        node.login()
        node.sendline("reboot")
        node.expect(r"brume: vm red: reset, starts again", 60)
        node.login()
        node.escape("q")
        node.wait_exit()


@test
def the_escape_key_itself_reaches_the_guest():
    with Machine(iso=make_iso(vm_config(cmdline=QUIET))) as node:
        node.login()
        node.sendline("stty raw -echo; dd bs=1 count=1 2>/dev/null | od -An -tx1; stty sane")
        node.escape("\x1d")
        node.expect(r"^ 1d$")
        node.escape("q")
        node.wait_exit()


@test
def pasted_text_is_not_lost():
    with Machine(iso=make_iso(vm_config(cmdline=QUIET))) as node:
        node.login()
        text = "".join(f"line {i} of a long paste\n" for i in range(200))
        node.sendline("stty -echo; cat > /tmp/paste; stty echo; echo; md5sum < /tmp/paste; wc -l < /tmp/paste")
        node.send(text + "\x04")
        node.expect(r"^200$", 60)


COUNTED = {"counted": os.path.join(BUILD, "guest/counted.elf")}
NODE = r"brume: node: up (\d+) ms, idle (\d+)\.\d %, (\d+) switches, (\d+) preemptions, (\d+) interrupts, (\d+) system calls$"


def counted_vm(what):
    return vm_config(what, memory="16M", kernel="counted", initrd=None, cmdline=f"counted={what}")


def cpu_ms(node, vm):
    """Asks for the counters of the VM that is on the screen, and returns its CPU time."""
    node.escape("c")
    return int(node.expect(rf"brume: vm {vm}: CPU time (\d+) ms, \d+\.\d % of the \d+ ms since its start$")[1])


@test_on_both
def counters_count_what_the_guest_did(kind):
    with kind(iso=make_iso(counted_vm("halt"), COUNTED), memory="512m") as node:
        node.expect(r"^counted$")
        node.escape("c")
        start = node.position                      # the vCPU's own line may come before init's
        line = node.expect(r"brume: vm halt: vcpu 0: in the guest (\d+) ms, exits:((?: \S+ \d+)+)\n")[2].split()
        node.position = start
        up, idle, *counts = (int(word) for word in node.expect(NODE).groups())
        if not up or idle > 100 or not all(counts[i] for i in (0, 2, 3)):
            raise Failure("the node counts nothing")
        node.expect(r"brume: node: kernel memory \d+ KiB, 3 processes, \d+ threads, \d+ spaces, \d+ regions, 1 vCPUs, \d+ events$")
        node.expect(r"brume: vm halt: CPU time \d+ ms")
        exits = {name: int(count) for name, count in zip(line[::2], line[1::2])}
        # The runtime adds its own: serial output, a look for features, the local APIC's address.
        for kind, done in {"cpuid": 1000, "pio": 500, "msr": 300, "hlt": 1}.items():
            if not done <= exits.get(kind, 0) <= done + 100:
                raise Failure(f"{kind}: {exits.get(kind, 0)} counted, {done} done")
        node.escape("k")
        node.expect(r"brume: vm halt: killed")
        node.escape("c")
        node.expect(r"brume: node: up")
        node.expect(r"brume: vm halt: does not run")
        node.escape("t")
        node.expect(r"brume: trace: with the word trace on the kernel's command line there are system calls")


@test
def cpu_time_grows_where_it_is_used():
    with Machine(iso=make_iso(counted_vm("spin") + counted_vm("halt"), COUNTED), memory="512m") as node:
        node.expect(r"^counted$")
        node.escape("2")
        node.expect(r"^counted$")
        halted = cpu_ms(node, "halt")
        node.escape("1")
        spun = cpu_ms(node, "spin")
        asked, grown = 0, 0
        while grown < 500:
            asked += 1
            grown = cpu_ms(node, "spin") - spun
            if asked > 5000:
                raise Failure(f"a VM that spins has used {grown} ms only")
        node.escape("2")
        grown_halted = cpu_ms(node, "halt") - halted
        if grown_halted > 50:
            raise Failure(f"{grown_halted} ms of CPU time for a VM that is halted, {grown} ms for one that spins")


@test
def trace_is_shown_as_text():
    record = r"brume: trace: +(\d+\.\d{6}) cpu 0 (\w+) +([0-9a-f]{16}) ([0-9a-f]{16})$"
    with Machine(iso=make_iso(counted_vm("spin"), COUNTED, "trace"), memory="512m") as node:
        node.expect(r"^counted$")
        kinds, asked = set(), 0
        while not {"switch", "syscall", "irq", "exit"} <= kinds:
            asked += 1
            if asked > 20:
                raise Failure(f"only {sorted(kinds)} were traced")
            node.escape("t")
            lines = [node.expect(record) for _ in range(48)]
            kinds |= {line[2] for line in lines}
            times = [float(line[1]) for line in lines]
            if times != sorted(times):
                raise Failure(f"out of order: {times}")
