# SPDX-License-Identifier: Apache-2.0
"""Machines that differ from the usual one: interrupt controllers, clocks, memory, CPUs that are left parked."""
from harness import BochsMachine, Failure, Machine, make_iso, test, vm_config

CONFIG = "node when-idle poweroff\n" + vm_config()


MODELS = {
    "corei7_sandy_bridge_2600k": r"Intel.* i7-2600K",
    "corei7_haswell_4770": r"Intel.* i7-4770",
    "tigerlake": r"11th Gen Intel",
}


def boots(says, arguments="", kind=Machine, **machine):
    """Brume says that about the machine, Linux runs, its clock goes on, and the power goes off."""
    with kind(iso=make_iso(CONFIG, arguments=arguments), **machine) as node:
        node.expect(says, 60)
        node.login()
        if node.shell("a=$(date +%s); sleep 1; [ $(date +%s) -gt $a ] && echo goes") != "goes":
            raise Failure("the guest's clock stands still")
        node.sendline("poweroff")
        if node.wait_exit(60) != 0:
            raise Failure("the machine did not power off")


@test
def local_apic_in_x2apic_mode():
    boots(r"local APIC 0, x2APIC", arguments="apic=x2apic")


@test
def hpet_is_the_clock_where_the_tsc_is_not_trusted():
    boots(r"clock: HPET,", cpu="max,+svm,-hypervisor")


@test
def pm_timer_is_the_clock_without_hpet():
    boots(r"clock: PM timer,", cpu="max,+svm,-hypervisor", machine="q35,hpet=off")


@test
def no_clock_to_calibrate_by():
    with Machine(iso=make_iso(CONFIG), machine="pc,hpet=off,acpi=off") as node:
        node.expect(r"Brume cannot run here: This machine has neither HPET nor PM timer to calibrate by\.$", 60)
        node.expect_none("panic|PANIC|brume: version")


@test
def pc_chipset_with_other_cpu_model():
    boots(r"cpu: AMD EPYC", machine="pc", cpu="EPYC,+svm,+npt")


@test
def amd_cpu_that_gives_instruction_lengths():
    boots(r"cpu: AMD Ryzen", kind=BochsMachine, cpu="ryzen")


@test
def intel_cpu_without_nested_paging_vmx():
    with BochsMachine(iso=make_iso(CONFIG), memory="512m", cpu="core2_penryn_t9600") as node:
        node.expect(r"Brume cannot run here: This processor has VT-x but no nested paging \(EPT\) with unrestricted guests", 60)
        node.expect_none("panic|PANIC|version")


@test
def linux_on_intel_models_vmx():
    """From one that has no more than Brume needs to one that has nearly everything."""
    for model, says in MODELS.items():
        boots(rf"cpu: *{says}", kind=BochsMachine, cpu=model)


@test
def cpu_without_smap():
    boots(r"cpu: ", cpu="max,+svm,-smap")


@test
def cpu_without_what_is_optional():
    boots(r"cpu: ", cpu="max,+svm,-smap,-smep,-umip,-fsgsbase,-rdrand,-rdseed,-pdpe1gb,-invpcid,-x2apic,-tsc-deadline,-rdtscp,-avx")


@test
def cpu_without_xsave():
    with Machine(iso=make_iso(CONFIG), cpu="max,+svm,-xsave") as node:
        node.expect(r"Brume cannot run here: This processor has no XSAVE, which Brume needs\.$", 60)


@test
def four_cpus_two_nodes_and_much_memory():
    boots(r"acpi: .* 4 CPUs", cpus=4, memory="6g",
          extra=["-object", "memory-backend-ram,id=m0,size=3g", "-object", "memory-backend-ram,id=m1,size=3g",
                 "-numa", "node,cpus=0-1,memdev=m0", "-numa", "node,cpus=2-3,memdev=m1"])


@test
def cpu_without_64_bit_mode():
    with Machine(iso=make_iso(CONFIG), cpu="max,+svm,-lm") as node:
        node.expect(r"Brume cannot run here: This processor has no 64-bit mode\.$", 60)
