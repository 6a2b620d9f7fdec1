# SPDX-License-Identifier: Apache-2.0
"""
Virtual machines of one to eight vCPUs, all at once, on one, two and four processors: starts, interrupts and NMIs between
vCPUs, the paravirtual features on each (tests/attack/many.c); and each of these features switched off. On several
processors the run is counted: the same each time.
"""
import os

from harness import BUILD, Failure, Machine, make_iso, test, test_on_both, vm_config

ATTACK = {"attack": os.path.join(BUILD, "guest/attack.elf")}
ALL = 0x01003aeb
# What each word of "kvm" takes out of CPUID 40000001h.
BITS = {"clock": 1 << 0 | 1 << 3 | 1 << 24, "no-io-delay": 1 << 1, "steal-time": 1 << 5, "eoi": 1 << 6, "unhalt": 1 << 7,
        "tlb-flush": 1 << 9, "ipi": 1 << 11, "poll-control": 1 << 12, "yield": 1 << 13}
CHECKS = 26           # of one that finds no paravirtual feature


def vm(name, vcpus, words="", extra=""):
    config = vm_config(name, memory="16M", kernel="attack", initrd=None, cmdline=f"groups=many {words}",
                       extra="on-reboot stop\n" + extra)
    return config.replace("vcpus 1", f"vcpus {vcpus}")


def run(kind, cpus, names, config):
    """All VMs to their end; what each found, as name -> features."""
    found, counted = {}, {"counted": True} if kind is Machine and cpus > 1 else {}
    with kind(iso=make_iso(config, ATTACK), memory="512m", cpus=cpus, **counted) as node:
        if cpus > 1:
            node.expect(rf"version \S+ {cpus} CPUs", 60)
        for _ in names:
            node.expect(r"vm \S+: (powered off|failed|reset)", 200)
        for name in names[1:] + names[:1]:
            node.escape(str(names.index(name) + 1))
            node.expect(rf"console of vm '{name}'", 60)
            found[name] = int(node.expect(r"features 0x(\w+)\n", 60)[1], 16)
            good, bad = node.expect(r"done many: (\d+) ok, (\d+) not ok", 60).groups()
            print(f"{name}: {good} ok, {bad} not ok, features {found[name]:#x}")
            if int(bad) or int(good) < CHECKS:
                raise Failure(f"vm {name}: {good} ok, {bad} not ok")
        node.expect_none(r"panic|PANIC|^not ok")
        node.escape("q")
        assert node.wait_exit(60) == 0
    return found


def together(kind, cpus):
    run(kind, cpus, [f"v{n}" for n in range(1, 9)], "".join(vm(f"v{n}", n, "crowded") for n in range(1, 9)))


@test_on_both
def guests_of_one_to_eight_vcpus_on_one_cpu(kind):
    together(kind, 1)


@test_on_both
def guests_of_one_to_eight_vcpus_on_two_cpus(kind):
    together(kind, 2)


@test_on_both
def guests_of_one_to_eight_vcpus_on_four_cpus(kind):
    together(kind, 4)


@test
def each_paravirtual_feature_switched_off():
    names = [f"no-{word}" for word in BITS]
    found = run(Machine, 2, names, "".join(vm(f"no-{word}", 2, extra=f"kvm -{word}") for word in BITS))
    for word, bits in BITS.items():
        if found[f"no-{word}"] != ALL & ~bits:
            raise Failure(f"without {word} a guest found {found['no-' + word]:#x}")
