# SPDX-License-Identifier: Apache-2.0
"""Network cards of VMs: two Linuxes through the switch, the switch dies, and what does not belong together stays apart."""
import re

from harness import Failure, Machine, make_iso, script_word, test, vm_config
from patch import trap_at

SETUP = "ip addr add 10.0.0.{n}/24 dev eth0; ip link set eth0 up; "
WAIT = "until ping -c 1 -W 1 10.0.0.{n} > /dev/null; do :; done; "


CARD = re.compile(r"card 0: (\d+) frames out, (\d+) interrupts of ours, (\d+) left to others.*?card 0: (\d+) frames in, "
                  r"(\d+) interrupts.*?devices: served (\d+) times, woken (\d+) times", re.DOTALL)


def counters(node, name, key):
    """What the vmm of a VM tells of its card: frames out, interrupts of its own for them, left to others, frames in,
    interrupts, how often its devices were served, and how often it had to wake for that."""
    node.escape(str(key))
    start = len(node.text())
    node.escape("c")
    node.expect(rf"vm {name}: devices: served \d+ times, woken \d+ times")
    return [int(number) for number in CARD.search(node.text(), start).groups()]


def vm(name, number, script, extra="nic", memory="128M"):
    cmdline = "console=ttyS0 quiet " + script_word(SETUP.format(n=number) + script)
    return vm_config(name, memory=memory, cmdline=cmdline, extra=extra)


@test
def two_linuxes_transfer_checked_data():
    server = "nc -l -p 5000 > /tmp/g; echo got $(sha256sum < /tmp/g | cut -c 1-64); nc -l -p 5001 < /tmp/g"
    client = ("dd if=/dev/urandom of=/tmp/f bs=1M count=8 2>/dev/null; " + WAIT.format(n=1) + "sleep 1; "
              "nc 10.0.0.1 5000 < /tmp/f; until nc 10.0.0.1 5001 > /tmp/h && [ -s /tmp/h ]; do sleep 1; done; "
              "cmp /tmp/f /tmp/h && echo sent $(sha256sum < /tmp/f | cut -c 1-64)")
    config = vm("red", 1, server) + vm("blue", 2, client, extra="nic mac 02:00:00:00:00:02")
    with Machine(iso=make_iso("node when-idle poweroff\n" + config)) as node:
        got = node.expect(r"^got (\w{64})$", 240)[1]
        node.escape("c")
        received = int(node.expect(r"vm red: nic 0: sent \d+ frames, \d+ KiB, \d+ dropped; received \d+ frames, (\d+) KiB")[1])
        if received < 8 << 10:
            raise Failure(f"the switch counted {received} KiB")
        node.escape("2")
        if node.expect(r"^sent (\w{64})$", 240)[1] != got:
            raise Failure("the sums differ")


@test
def no_vmm_wakes_for_each_frame():
    """Frames reach a vmm in batches, and the interrupt for those that were sent comes from the kernel or the switch."""
    get = "until wget -q -O /dev/null http://10.0.0.1/f; do sleep 1; done; echo done {n}; read x; "
    server = "mkdir /tmp/w; dd if=/dev/zero of=/tmp/w/f bs=1M count=8 2>/dev/null; httpd -h /tmp/w; sleep 10000"
    config = vm("red", 1, server) + vm("blue", 2, get.format(n=1) + get.format(n=2))
    with Machine(iso=make_iso(config.replace("quiet", "quiet nokaslr")), counted=True) as node:
        node.expect(r"vm blue: started", 60)
        node.escape("2")
        node.expect(r"^done 1$", 240)
        before = {name: counters(node, name, key) for key, name in ((1, "red"), (2, "blue"))}
        node.sendline()
        node.expect(r"^done 2$", 240)
        for key, name in ((1, "red"), (2, "blue")):
            out, ours, others, came, interrupts, served, woken = (
                b - a for a, b in zip(before[name], counters(node, name, key)))
            print(f"{name}: {out} frames out, {ours} + {others} interrupts; {came} in, {interrupts} interrupts; "
                  f"served {served} times, woken {woken} times")
            if woken > (out + came) / 2 or interrupts > came * 3 / 4:
                raise Failure(f"the vmm of {name} woke {woken} times for {out + came} frames, {interrupts} interrupts")
            if ours or not others:
                raise Failure(f"the vmm of {name} interrupted for {ours} of the frames that it sent")


@test
def switch_that_dies_comes_back_and_the_vms_go_on():
    """Asked for its counters, this switch dies. A transfer that runs meanwhile arrives whole."""
    server = "nc -l -p 5000 > /tmp/g; echo got $(sha256sum < /tmp/g | cut -c 1-64); dmesg | grep -i link; sleep 1000"
    client = ("dd if=/dev/urandom of=/tmp/f bs=1M count=4 2>/dev/null; " + WAIT.format(n=1) + "sleep 1; "
              "(cat /tmp/f; echo half; read answer; cat /tmp/f) | nc 10.0.0.1 5000; "
              "echo sent $(cat /tmp/f /tmp/f | sha256sum | cut -c 1-64)")
    client = client.replace("echo half;", "echo half >&2;").replace("read answer;", "read answer < /dev/console;")
    config = vm("red", 1, server) + vm("blue", 2, client)
    with Machine(iso=make_iso(config, image=trap_at("net", "show_counters"))) as node:
        node.expect(r"vm blue: started", 60)
        node.escape("2")
        node.expect(r"^half$", 240)
        for _ in range(2):
            node.escape("c")
            node.expect(r"brume: the switch died: invalid instruction .*; it starts again")
        node.sendline("go on")
        sent = node.expect(r"^sent (\w{64})$", 240)[1]
        node.escape("1")
        if node.expect(r"^got (\w{64})$", 60)[1] != sent:
            raise Failure("the sums differ")


def chosen(uuid, uefi=False, cpu="max,+svm"):
    """With what the addresses begin that a machine with this UUID chooses, and why."""
    with Machine(iso=make_iso("node address 10.0.2.15/24\n", modules={}, uefi=uefi), uefi=uefi, memory="512m", cpu=cpu,
                 extra=("-uuid", uuid) if uuid else ()) as node:
        return node.expect(r"net: addresses that it chooses begin with (02(?::[0-9a-f]{2}){3}) \((.*)\)$", 60).groups()


@test
def chosen_addresses_differ_between_machines():
    first, second = "8c6f3a52-0b1d-4e7f-9a68-17c3d5e2b940", "8c6f3a52-0b1d-4e7f-9a68-17c3d5e2b941"
    config = vm("red", 1, "echo has $(cat /sys/class/net/eth0/address)")
    with Machine(iso=make_iso(config), memory="512m", extra=("-uuid", first)) as node:
        address = node.expect(r"^has (\S{17})$", 120)[1]
    begin = (address[:11], "by SMBIOS UUID")
    if address[11:] != ":00:01" or begin != chosen(first) or begin != chosen(first, uefi=True):
        raise Failure(f"{address} in a VM, {chosen(first)} at the next boot")
    other = chosen(second)
    if other[0] == begin[0] or other[1] != begin[1]:
        raise Failure(f"two machines chose {begin} and {other}")
    for uuid in (None, "03000200-0400-0500-0006-000700080009"):
        if not chosen(uuid)[1].startswith("random, others at the next boot: the SMBIOS UUID is "):
            raise Failure(f"{uuid}: {chosen(uuid)}")
    if chosen(None, cpu="max,+svm,-rdrand") != ("02:62:72:00", "the same on all such nodes: the SMBIOS UUID is not set"):
        raise Failure("the common addresses are others")


@test
def switches_of_other_names_and_vms_without_cards():
    """Who is on another switch hears nothing; a VM that ends and comes back finds its link again."""
    apart = "for i in 1 2 3; do ping -c 1 -W 1 10.0.0.2 && echo leak; done; echo apart; reboot -f"
    config = (vm("red", 1, "sleep 1000") + vm("blue", 2, WAIT.format(n=1) + "echo reached; reboot -f", extra="nic") +
              vm("green", 3, apart, extra="nic switch lab\non-reboot stop"))
    with Machine(iso=make_iso(config), memory="2g") as node:
        node.expect(r"vm blue: started", 60)
        node.escape("2")
        node.expect(r"^reached$", 240)
        node.expect(r"vm blue: reset, starts again")
        node.expect(r"^reached$", 240)
        node.escape("3")
        node.expect(r"^apart$", 240)
        node.expect_none(r"^leak$")
