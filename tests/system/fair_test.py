# SPDX-License-Identifier: Apache-2.0
"""A Linux guest that does checked work beside guests that attack without end has its due of the time, by the node's counters."""
import os

from harness import BUILD, LINUX, Failure, Machine, make_iso, test, vm_config

MODULES = {**LINUX, "hostile": os.path.join(BUILD, "guest/hostile.elf"), "attack": os.path.join(BUILD, "guest/attack.elf")}
# Words of tests/guest/hostile.c that never end; beside them the group "starts" of tests/attack on four vCPUs, which may bring
# itself down. Each VM has the weight of the Linux guest.
HOSTILE = ("spin", "ports", "string", "timer")
SUM = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"


def attackers():
    text = "".join(vm_config(word, memory="16M", kernel="hostile", initrd=None, cmdline=f"hostile={word} rounds=2000")
                   for word in HOSTILE)
    starts = vm_config("starts", memory="64M", kernel="attack", initrd=None, cmdline="groups=starts")
    return text + starts.replace("vcpus 1", "vcpus 4")


def used(node):
    node.escape("c")
    match = node.expect(r"vm linux: CPU time (\d+) ms, .* of the (\d+) ms since", 120)
    return int(match[1]), int(match[2])


def share_among_attackers(cpus):
    config = vm_config("linux", cmdline="console=ttyS0 quiet nokaslr cryptomgr.notests") + \
        attackers().replace("autostart yes", "autostart no")
    due = cpus / (len(HOSTILE) + 2)
    with Machine(iso=make_iso(config, MODULES), cpus=cpus, counted=True) as node:
        node.login(240)
        for number, name in enumerate((*HOSTILE, "starts"), 2):
            node.escape(str(number))
            node.expect(rf"console of vm '{name}'", 60)
            node.escape("s")
            node.expect(rf"vm {name}: started", 60)
        node.escape("1")
        node.expect(r"console of vm 'linux'", 60)
        cpu, time = used(node)
        got = node.shell("for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero bs=64k count=16 2>/dev/null | sha256sum; done", 300)
        assert got.count(SUM) == 8, got
        cpu, time = [after - before for after, before in zip(used(node), (cpu, time))]
        node.expect_none(rf"panic|PANIC|vm ({'|'.join(HOSTILE)}): (failed|powered off|reset)")
        node.escape("q")
        assert node.wait_exit(60) == 0
    print(f"{cpus} CPUs: {cpu} ms of {time} ms, share {cpu / time:.3f}, due {due:.3f}")
    if cpu / time < 0.9 * due:
        raise Failure(f"linux had {cpu / time:.3f} of a CPU among attackers, {due:.3f} was its due")


@test
def linux_has_its_due_among_attackers_on_one_cpu():
    share_among_attackers(1)


@test
def linux_has_its_due_among_attackers_on_two_cpus():
    share_among_attackers(2)
