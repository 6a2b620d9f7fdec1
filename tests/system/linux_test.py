# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel on the parts of the platform that it leaves alone by default, one VM for each."""
from harness import Machine, make_iso, script_word, test, vm_config

# What Linux is told to do without, and the word that must then stand in /proc/interrupts or in the name of the clock.
WITHOUT = {
    "noapic": ("noapic", "XT-PIC.*ttyS0"),
    "nolapic": ("nolapic", "XT-PIC.*timer"),
    "acpi-off": ("acpi=off", "XT-PIC.*i8042"),
    "xapic": ("nox2apic", "IO-APIC.*ttyS0"),
    "one-shot": ("lapic=notscdeadline", "IO-APIC.*ttyS0"),
    "pm-timer": ("no-kvmclock clocksource=acpi_pm", "acpi_pm"),
    "periodic": ("nohz=off highres=off", "IO-APIC.*ttyS0"),
}

# Sleeps (timers), computes, looks; a reset says that all was well, a power-off that it was not.
SCRIPT = """sleep 1
dd if=/dev/zero bs=64k count=64 2>/dev/null | sha256sum | grep -q bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8 &&
cat /proc/interrupts /sys/devices/system/clocksource/clocksource0/current_clocksource | grep -q '{word}' &&
[ $(nproc) = {cpus} ] && reboot -f
"""


def vm(name, cmdline, word, cpus=1):
    script = script_word(SCRIPT.format(word=word, cpus=cpus))
    text = vm_config(name, memory="96M", cmdline=f"console=ttyS0 quiet {cmdline} {script}", extra="on-reboot stop")
    return text.replace("vcpus 1", f"vcpus {cpus}")


def all_reset(config, names, memory="1g"):
    with Machine(iso=make_iso("node when-idle poweroff\n" + config), memory=memory) as node:
        for _ in names:
            node.expect(r"vm [\w-]+: (reset, stays off|powered off|failed)", 240)
        for name in names:
            assert f"vm {name}: reset, stays off" in node.text(), name
        assert node.wait_exit(60) == 0


@test
def linux_without_what_it_prefers():
    all_reset("".join(vm(name, *row) for name, row in WITHOUT.items()), WITHOUT)


@test
def linux_with_four_vcpus():
    all_reset(vm("four", "", "IO-APIC.*ttyS0", 4), ["four"], "512m")
