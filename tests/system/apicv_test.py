# SPDX-License-Identifier: Apache-2.0
"""Linux whose local APICs the processor itself keeps (VT-x; apicv=on): it does the same with fewer exits than with the kernel's
model. attack_test.py has the payloads for both."""
import os
import re

from harness import BUILD, BochsMachine, make_iso, script_word, test, vm_config

# Computes on both processors with interrupts from timers and each other, and says that it did.
SCRIPT = """for i in 1 2; do (dd if=/dev/zero bs=64k count=8 2>/dev/null | sha256sum | cut -c1-8) & done; wait
for i in 1 2 3 4 5; do sleep 0.1; done
echo worked
sleep 1000
"""


def exits_of_linux(option):
    """Boots Linux with two vCPUs, lets it work, and returns its exits by kind, of both together."""
    config = vm_config(memory="96M", cmdline=f"console=ttyS0 quiet nokaslr {script_word(SCRIPT)}", extra="kvm -eoi").replace("vcpus 1", "vcpus 2")
    with BochsMachine(iso=make_iso(config, arguments=option), memory="512m") as node:
        node.expect(r"^07854d2f\s+07854d2f\s+worked", 200)
        node.escape("c")
        total = {}
        for _ in range(2):
            line = node.expect(r"vcpu \d: in the guest \d+ ms, exits:((?: \S+ \d+)+)\n(?:.*vcpu \d: exits:((?: \S+ \d+)+)\n)?")
            for kind, count in re.findall(r"(\S+) (\d+)", line[1] + (line[2] or "")):
                total[kind] = total.get(kind, 0) + int(count)
        print(option, total)
        return total


@test
def linux_exits_less_with_apicv_vmx():
    model, cpu = exits_of_linux("apicv=off"), exits_of_linux("apicv=on")
    apic = [sum(each.get(kind, 0) for kind in ("msr", "apic", "irq-window")) for each in (model, cpu)]
    print("exits for interrupts:", apic)
    assert apic[1] < apic[0] * 3 / 4, apic


def exits_of_spinning_vcpu(option):
    """Exits by interrupts of a vCPU that only spins while another one, on another CPU, sends it 2000."""
    config = vm_config("posts", memory="64M", kernel="attack", initrd=None, cmdline="groups=posts").replace("vcpus 1", "vcpus 2")
    iso = make_iso(config, {"attack": os.path.join(BUILD, "guest/attack.elf")}, option)
    with BochsMachine(iso=iso, memory="512m", cpus=2) as node:
        node.expect(r"posts ended", 100)
        node.expect_none(r"an interrupt is lost")
        node.escape("c")
        return int(node.expect(r"vcpu 1: .*exits:.* interrupt (\d+)\s")[1])


@test
def posted_interrupts_end_no_run_vmx():
    model, cpu = exits_of_spinning_vcpu("apicv=off"), exits_of_spinning_vcpu("apicv=on")
    print("exits by interrupts:", model, cpu)
    assert model >= 2000 and cpu <= model - 1900, (model, cpu)
