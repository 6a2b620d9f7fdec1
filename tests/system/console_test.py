# SPDX-License-Identifier: Apache-2.0
"""The node's console: one sees which VM one types to, switches, and rules VMs by keys."""
from harness import Failure, Machine, make_iso, test, vm_config

QUIET = "console=ttyS0 quiet"


def two_vms(extra=""):
    return make_iso(extra + vm_config("red", cmdline=QUIET) + vm_config("blue", cmdline=QUIET))


@test
def keys_switch_between_two_vms():
    with Machine(iso=two_vms()) as node:
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
        if node.wait_exit() != 0:
            raise Failure("power-off did not end QEMU")


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
