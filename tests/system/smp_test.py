# SPDX-License-Identifier: Apache-2.0
"""
Several processors: virtual machines of one to eight vCPUs on them, VMs that end while they run elsewhere, shares. Long runs
are counted: docs/architecture.md, "What is open".
"""
import os

from harness import BUILD, INITRD, VMLINUZ, BochsMachine, Failure, Machine, make_iso, script_word, test, vm_config

# Checked work on all vCPUs at once, which look alike to Linux from the start. A reset says that all was well, a power-off that it was not.
SCRIPT = """[ $(nproc) = {vcpus} ] || poweroff -f
dmesg | grep -q "CPUs had inconsistent" && poweroff -f
for i in $(seq {vcpus}); do
    (dd if=/dev/zero bs=64k count=64 2>/dev/null | sha256sum) &
done > /tmp/sums
wait
[ $(grep -c bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8 /tmp/sums) = {vcpus} ] && reboot -f
poweroff -f
"""


def vm(vcpus, extra=""):
    cmdline = "console=ttyS0 quiet " + script_word(SCRIPT.format(vcpus=vcpus))
    text = vm_config(f"v{vcpus}", memory="112M", cmdline=cmdline, extra="on-reboot stop\n" + extra)
    return text.replace("vcpus 1", f"vcpus {vcpus}")


def all_reset(node, names):
    for _ in names:
        node.expect(r"vm [\w-]+: (reset, stays off|powered off|failed)", 300)
    for name in names:
        assert f"vm {name}: reset, stays off" in node.text(), name
    node.expect_none(r"panic|PANIC")
    assert node.wait_exit(60) == 0


@test
def linux_with_one_to_eight_vcpus_on_two_cpus():
    config = "node when-idle poweroff\n" + vm(1, "cpus 1") + vm(2) + vm(4) + vm(8)
    with Machine(iso=make_iso(config), cpus=2, counted=True) as node:
        node.expect(r"version \S+ 2 CPUs", 60)
        all_reset(node, ("v1", "v2", "v4", "v8"))


LOST = {"lost": os.path.join(BUILD, "guest/lost.elf")}


def pinned_vcpus(kind, cpus, pins, lost, **how):
    """A guest of four busy vCPUs that are bound as pins says: the thousandths of its time that each loses to the others."""
    text = vm_config("four", memory="16M", kernel="lost", initrd=None, cmdline="", extra=pins).replace("vcpus 1", "vcpus 4")
    broken = vm_config("broken", memory="16M", kernel="lost", initrd=None, extra=f"vcpu 1 cpus {cpus}").replace("vcpus 1", "vcpus 2")
    with kind(iso=make_iso("node when-idle poweroff\n" + text + broken, LOST), cpus=cpus, memory="512m", **how) as node:
        node.expect(r"vm broken: not started: none of the processors of vcpu 1 runs", 90)
        node.escape("l")
        node.expect(r"four: vcpu 0 on 0, vcpu 1 on 1, ")
        for vcpu, due in enumerate(lost):
            got = int(node.expect(rf"vcpu {vcpu}: \d+ rounds, lost (\d+) of 1000\n", 180)[1])
            print(f"vcpu {vcpu}: lost {got} of 1000, {due} expected")
            if abs(got - due) > 120:
                raise Failure(f"vcpu {vcpu} lost {got} of 1000, {due} were to be expected")
        assert node.wait_exit(60) == 0


@test
def pinned_vcpus_on_two_cpus_svm():
    pinned_vcpus(Machine, 2, "vcpu 0 cpus 0\nvcpu 1-3 cpus 1", (0, 667, 667, 667), counted=True)


@test
def pinned_vcpus_on_two_cpus_vmx():
    pinned_vcpus(BochsMachine, 2, "vcpu 0 cpus 0\nvcpu 1-3 cpus 1", (0, 667, 667, 667))


@test
def pinned_vcpus_on_four_cpus():
    pinned_vcpus(Machine, 4, "vcpu 0 cpus 0\nvcpu 1 cpus 1\nvcpu 2-3 cpus 3", (0, 0, 500, 500), counted=True)


@test
def fewer_cpus_than_there_are_and_a_vm_that_finds_none_of_its_own():
    config = vm_config("pinned", memory="112M", extra="cpus 3") + vm_config("linux", memory="112M")
    with Machine(iso=make_iso(config, arguments="cpus=2"), cpus=4, memory="512m") as node:
        node.expect(r"version \S+ 2 CPUs", 60)
        node.expect(r"vm pinned: .*none of its processors runs", 60)
        node.escape("2")
        node.login()
        node.escape("q")
        assert node.wait_exit(60) == 0


@test
def lives_of_a_vm_with_two_vcpus_on_two_cpus():
    text = vm_config("cat", memory="96M").replace("autostart yes", "autostart no").replace("vcpus 1", "vcpus 2")
    with Machine(iso=make_iso(text, arguments="brume.cycle=cat,200"), memory="512m", cpus=2, counted=True) as node:
        node.expect(r"cycle: vm cat, 200 times: counters are equal", 400)
        node.wait_exit()


@test
def random_system_calls_on_two_cpus():
    intruder = vm_config("intruder1", memory="16M", initrd=None, cmdline="", extra="on-reboot stop")
    config = vm_config("linux", extra="weight 300") + intruder + intruder.replace("intruder1", "intruder2")
    image = os.path.join(BUILD, "test/intruder.elf")
    with Machine(iso=make_iso(config, {"vmlinuz": VMLINUZ, "initrd.img": INITRD}, image=image), cpus=2, counted=True) as node:
        node.login(240)
        for name in ("intruder1", "intruder2"):
            position, node.position = node.position, 0
            node.expect(rf"vm {name}: failed: intruder done", 180)
            node.position = position
        assert "still here" in node.shell("echo still here", 60)
        node.expect_none(r"panic|PANIC")
        node.escape("q")
        assert node.wait_exit(60) == 0


# All begin at the same moment of the wall clock (the machine's clock starts at 2030-01-01T00:00:00, after any build), and tell what /proc/stat
# counted in the next eight seconds: hundredths of a second that they worked, and that their processor was somebody else's. What a loop did in that
# time is no measure: of two emulated processors one executes more in a second than the other, by up to a fifth.
BEGIN = 1893456000 + 40
WORK = f"""while [ $(date +%s) -lt {BEGIN} ]; do sleep 0.1; done
read cpu user nice system idle wait irq soft stolen rest < /proc/stat; set -- $((user + system)) $stolen
timeout 8 sh -c 'while :; do :; done'
read cpu user nice system idle wait irq soft stolen rest < /proc/stat; echo "worked $((user + system - $1)), waited $((stolen - $2))"
"""


@test
def three_equal_vms_share_two_cpus():
    names = ("one", "two", "three")
    config = "".join(vm_config(name, memory="96M", cmdline="console=ttyS0 quiet nokaslr " + script_word(WORK),
                               extra="on-reboot stop") for name in names)
    done = {}
    with Machine(iso=make_iso(config), counted=True, cpus=2) as node:
        for _ in names:
            node.expect(r"vm \w+: powered off", 400)
        for name in names[1:] + names[:1]:
            node.escape(str(names.index(name) + 1))
            node.expect(rf"console of vm '{name}'", 60)
            done[name], waited = map(int, node.expect(r"worked (\d+), waited (\d+)\n", 60).groups())
            if not 700 <= done[name] + waited <= 900:
                raise Failure(f"{name} counted {done[name] + waited} hundredths of eight seconds")
        node.escape("q")
        node.wait_exit()
    for name in names:
        share = done[name] / sum(done.values())
        print(f"{name}: share {share:.3f}")
        if abs(share * len(names) - 1) > 0.10:
            raise Failure(f"{name} had {share:.3f} of two CPUs, a third was its due")
