# SPDX-License-Identifier: Apache-2.0
"""The attack suite (tests/attack): small guests that check the processor and the devices against the manuals, check by
check. `make test T=attack` prints each with its result; docs/tests.md lists the groups."""
import os
import re

from harness import BUILD, BochsMachine, Failure, Machine, make_iso, test, test_on_both, vm_config

ATTACK = {"attack": os.path.join(BUILD, "guest/attack.elf")}
LINE = re.compile(r"^(ok|not ok|skip) ([a-z0-9]+/.*)$", re.MULTILINE)

# What QEMU's processor does not do, whoever runs on it: seen with the same payload and no hypervisor below
# (`qemu -kernel build/guest/attack.elf`), or in its source. The group "illegal" needs a processor that checks CR0 and CR3.
QEMU_LACKS = {
    "control/wbinvd at cpl 3": "the intercept comes before the check of CPL",
    "control/invd at cpl 3": "the intercept comes before the check of CPL",
    "control/push at a non-canonical address": "#GP instead of #SS",
    "events/into is not there in 64-bit mode": "INTO is carried out",
    "events/#GP of the hypervisor through a gate not present": "injected exceptions make no double fault",
    "events/error of #DF": "follows from the one before",
    **{f"msr/non-canonical address refused {n}": "WRMSR checks no address" for n in range(4)},
    "real/word across the segment's end": "segments have no limit in real mode",
    **{f"tasks/{n}": "a task state segment's T flag is ignored" for n in (
        "the T flag, #DB", "T, dr6.bt", "T, before the first instruction")},
    **{f"taskfaults/a new {n}, at its first instruction": "faults in the new task have the old one's eip" for n in (
        "ds beyond the table", "es that is a tss", "fs that cannot be read", "gs that is absent", "ds of ring 0 in ring 3",
        "eip beyond the new cs", "ldt that is none", "cs that is data", "cs of null", "cs that is absent",
        "cs of another ring", "ss of null", "ss that is code", "ss of another ring", "ss that is absent")},
    **{f"taskfaults/a new ss that is absent{n}": "#NP instead of #SS" for n in ("", ", error", ", link")},
    "v86/a word across the segment's end, where": "segments have no limit in V86 mode",
    **{f"segments/{n}": "data segments have neither limit nor rights" for n in (
        "expand-down, below", "16-bit expand-down, over the end", "16-bit expand-down, behind", "expand-down, a device below",
        "a segment on a device, over its end", "a read-only segment, write on a device")},
    "segments/call gate to conforming code, its cs": "RPL is the code's DPL",
    "segments/call gate to ring 1 with an absent stack": "#TS instead of #SS",
    "paging/reserved address bit": "no P bit in the error code beside RSVD",
    "paging/reserved bit of a large page": "no P bit in the error code beside RSVD",
    "paging/no-execute is reserved without nxe": "no P bit in the error code beside RSVD",
}

# The same for Bochs. It keeps decoded instructions over INVLPG when they lie in two pages, whether they exit or not.
BOCHS_LACKS = {
    "code/an instruction that exits over two pages, the second remapped": "decoded instructions outlive INVLPG",
    "code/an instruction of the processor over two pages, the second remapped": "decoded instructions outlive INVLPG",
}


def results(text):
    """name -> (verdict, reason) of all lines; fails when lines are missing."""
    found = {}
    good = bad = 0
    for verdict, rest in LINE.findall(text):
        name, _, reason = rest.partition(": ") if verdict != "ok" else (rest, "", "")
        good += verdict == "ok"
        bad += verdict == "not ok"
        found[name] = (verdict, reason)
    counts = re.findall(r"^done (\w+): (\d+) ok, (\d+) not ok$", text, re.MULTILINE)
    # A line of the node's console may have broken one that was good.
    if bad != sum(int(c[2]) for c in counts) or good < sum(int(c[1]) for c in counts) - 3:
        raise Failure(f"{good} and {bad} lines, but the guest counted {counts}")
    return found


def judge(text, groups, lacks, least):
    found = results(text)
    for name, (verdict, reason) in found.items():
        known = lacks.get(name) if verdict == "not ok" else None
        print(f"{verdict if not known else 'emulator'} {name}{': ' + (known or reason) if known or reason else ''}")
    for group in groups.split(","):
        if f"done {group}: " not in text:
            raise Failure(f"group {group} did not end")
    wrong = [name for name, (verdict, _) in found.items() if verdict == "not ok" and name not in lacks]
    if wrong:
        raise Failure("not ok: " + ", ".join(wrong))
    assert len(found) >= least, f"{len(found)} checks"


def attack_config(groups, vcpus=4, extra=""):
    config = vm_config("attack", memory="64M", kernel="attack", initrd=None, cmdline=f"groups={groups}",
                       extra="on-reboot stop\n" + extra)
    return "node when-idle poweroff\n" + config.replace("vcpus 1", f"vcpus {vcpus}")


def attack(kind, groups, least, vcpus=4, extra="", cpus=1, arguments=""):
    iso = make_iso(attack_config(groups, vcpus, extra), ATTACK, arguments)
    with kind(iso=iso, memory="512m", cpus=cpus) as node:
        node.expect(r"done attack|vm attack: failed|reset, stays off", 100)
        node.expect_none(r"PANIC|panic")
        judge(node.text(), groups, BOCHS_LACKS if kind is BochsMachine else QEMU_LACKS, least)


@test_on_both
def ports_and_registers(kind):
    attack(kind, "ports,msr,control,encodings", 300, vcpus=1)


@test_on_both
def shadows_events_and_timers(kind):
    attack(kind, "shadows,events,timer", 85, vcpus=1)


@test_on_both
def local_apics(kind):
    attack(kind, "xapic,x2apic", 120)


@test
def local_apics_that_the_processor_keeps_vmx():
    attack(BochsMachine, "xapic,x2apic,shadows,events,timer", 200, arguments="apicv=on")


@test_on_both
def page_tables_and_code_that_changes(kind):
    attack(kind, "paging,code", 54)


@test_on_both
def modes_other_than_64_bit(kind):
    attack(kind, "real", 28, vcpus=2)


@test_on_both
def hardware_tasks(kind):
    attack(kind, "tasks,taskfaults", 200, vcpus=2)


@test_on_both
def v86_mode_and_segments(kind):
    attack(kind, "v86,segments", 225, vcpus=2)


@test_on_both
def clocks_of_the_chipset(kind):
    attack(kind, "hpet,hpetforms,clocks", 50, vcpus=1, extra="hpet yes\n")


@test_on_both
def nmis_at_every_moment(kind):
    attack(kind, "nmi", 20, vcpus=1)


@test_on_both
def starts_and_stops_of_processors(kind):
    attack(kind, "processors", 36)


@test
def processors_of_a_guest_on_two_of_the_node_svm():
    attack(Machine, "x2apic,code,processors", 100, cpus=2)


# The disk is the payload itself, so that it knows what it must read.
DEVICES = "balloon yes\ndisk attack room 1M\nnic\n"


@test_on_both
def pci_and_its_virtio_devices(kind):
    attack(kind, "pci,msix,virtio", 300, vcpus=2, extra=DEVICES)


TWO_CARDS = "disk attack room 1M\nnic\nnic\n"


@test_on_both
def drivers_that_use_little_of_virtio(kind):
    attack(kind, "drivers", 14, vcpus=1, extra=TWO_CARDS)


@test
def drivers_that_use_little_of_virtio_over_mmio_svm():
    attack(Machine, "drivers", 14, vcpus=1, extra="bus mmio\n" + TWO_CARDS)


@test
def virtio_devices_over_mmio_svm():
    attack(Machine, "virtio", 300, vcpus=2, extra="bus mmio\nconsole virtio\n" + DEVICES)


@test
def combinations_that_qemu_does_not_check():
    attack(BochsMachine, "illegal", 10, vcpus=1)
