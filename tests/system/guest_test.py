# SPDX-License-Identifier: Apache-2.0
"""What guests do that the others do not: the ways to restart, what SMBIOS tells them, memory above 4 GiB, sleep, PCI without ACPI, floating
point."""
import hashlib

from harness import LINUX, Failure, Machine, make_iso, script_word, test, test_on_both, vm_config, write_file

# Words for Linux's command line, and what starts it again.
RESTARTS = {
    "acpi": ("reboot=acpi", "reboot -f"),
    "keyboard": ("reboot=kbd", "reboot -f"),
    "firmware": ("reboot=bios", "reboot -f"),
    "triple": ("reboot=triple", "reboot -f"),
    "sysrq": ("", "echo b > /proc/sysrq-trigger"),
    "panic": ("panic=1", "echo c > /proc/sysrq-trigger"),
}


def vm(name, cmdline, script, memory="96M", extra=""):
    return vm_config(name, memory=memory, cmdline=f"console=ttyS0 quiet {cmdline} {script_word(script)}", extra=extra)


@test_on_both
def every_way_to_restart(kind):
    ways = RESTARTS if kind is Machine else {name: RESTARTS[name] for name in ("firmware", "triple")}
    config = "".join(vm(name, *row, extra="on-reboot stop") for name, row in ways.items())
    with kind(iso=make_iso("node when-idle poweroff\n" + config)) as node:
        for _ in ways:
            node.expect(r"vm \w+: (reset, stays off|powered off|failed)", 240)
        for name in ways:
            if f"vm {name}: reset, stays off" not in node.text():
                raise Failure(f"{name} did not reset")
        if node.wait_exit(60) != 0:
            raise Failure("the node did not power off")


# Who made the machine, and its UUID, which stays: as it was given, or as the node chose it.
@test
def smbios_tells_the_same_uuid_at_each_start():
    given = "032364d3-6ef8-48b7-bb9e-09217580533f"
    script = """cd /sys/class/dmi/id; echo "$(cat sys_vendor product_name product_uuid chassis_vendor bios_vendor | tr '\\n' ';')"
    reboot -f"""
    config = vm("told", "", script, extra=f"uuid {given}") + vm("chosen", "", script)
    with Machine(iso=make_iso(config), memory="512m") as node:
        for _ in range(2):
            node.expect(rf"^Brume;Brume VM;{given};Brume;Brume;$", 90)
        node.escape("2")
        found = [node.expect(r"^Brume;Brume VM;([0-9a-f-]{36});Brume;Brume;$", 90)[1] for _ in range(2)]
        if found[0] != found[1] or found[0] == given or found[0][14] != "8":
            raise Failure(f"UUIDs that were chosen: {found}")
        node.escape("q")
        assert node.wait_exit(30) == 0


def wake(node):
    """Presses the button: Linux forgets one that comes while it still suspends devices, as an operator would see."""
    for _ in range(10):
        node.escape("p")
        try:
            node.expect(r"^awake 0$", 5)
            return
        except Failure:
            continue
    raise Failure("it does not wake")


# To idle, with all devices suspended: there is no other sleep (docs/devices.md).
@test
def a_guest_that_sleeps_is_woken_by_its_power_button():
    script = """killall acpid; cat /sys/power/state; echo mem > /sys/power/state; echo "awake $?"
    dd if=/dev/vda bs=1M 2>/dev/null | sha256sum; reboot -f"""
    content = bytes(range(256)) * 4096
    config = vm("sleeper", "no_console_suspend loglevel=7", script, extra="disk data\non-reboot stop")
    with Machine(iso=make_iso("node when-idle poweroff\n" + config, {"data": write_file("data", content), **LINUX}), memory="512m", counted=True) as node:
        node.expect(r"^freeze mem", 90)
        node.expect(r"Freezing remaining freezable tasks completed", 30)
        wake(node)
        node.expect(hashlib.sha256(content).hexdigest(), 30)
        node.expect(r"vm sleeper: reset, stays off", 30)
        assert node.wait_exit(60) == 0


# Linux gives out its highest memory first.
@test
def memory_above_4_gib():
    script = """mkdir /t && mount -t tmpfs tmpfs /t && dd if=/dev/zero of=/t/x bs=1M count=200 2>/dev/null
    sha256sum /t/x; awk '/MemTotal/ { print ($2 > 3400000) ? "all of it" : $2 }' /proc/meminfo"""
    with Machine(iso=make_iso(vm("big", "", script, "3500M")), memory="5g") as node:
        node.expect(r"72abf2ca8f36943ebe2e49ca3a51d409ca5f0bfcffab6c9d25643c17c32889da", 240)
        node.expect(r"all of it", 30)
        node.expect(r"vm big: powered off", 30)


@test
def pci_is_found_without_acpi():
    with Machine(iso=make_iso(vm("plain", "acpi=off", "ls -1 /sys/bus/pci/devices")), memory="512m") as node:
        node.expect(r"^0000:00:00\.0$", 120)
        node.expect_none("PCI: Fatal")


TERMS = 20000              # of the sum; fewer where the emulator is slow

# Two floating-point loops in each of three VMs, one of them on two CPUs: whose registers got mixed up computes something else.
FLOATS = """f() { awk 'BEGIN { for (i = 1; i < TERMS; i++) s += 1 / i + i / 3.7; printf "%.9f", s }'; }
g() { for i in 1 2 3 4 5 6; do [ $(f) = SUM ] || return 1; done; }
g & g && wait $! && reboot -f
"""


@test_on_both
def floating_point_beside_others(kind):
    terms, total = TERMS if kind is Machine else TERMS // 5, 0.0
    for i in range(1, terms):
        total += 1 / i + i / 3.7
    script = FLOATS.replace("SUM", f"{total:.9f}").replace("TERMS", str(terms))
    config = "".join(vm(name, "", script, extra="on-reboot stop") for name in ("one", "two", "three"))
    config = config.replace("vcpus 1", "vcpus 2", 1)
    with kind(iso=make_iso("node when-idle poweroff\n" + config)) as node:
        for _ in range(3):
            node.expect(r"vm \w+: (reset, stays off|powered off|failed)", 240)
        if node.text().count("reset, stays off") != 3:
            raise Failure("a VM computed something else")
