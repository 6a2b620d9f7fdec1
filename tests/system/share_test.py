# SPDX-License-Identifier: Apache-2.0
"""CPU time goes by weight: Linux VMs that compute at once, in counted time."""
from harness import Failure, Machine, make_iso, script_word, test, vm_config

WEIGHTS = {"one": 100, "two": 200, "three": 300, "four": 400}
# All begin at the same second of the wall clock (the machine's clock starts at 2030-01-01T00:00:00, after any build), and
# compute for some seconds before and after what is counted: their clocks differ by up to two.
BEGIN = 1893456000 + 60
WORKER = """trap 'a=$i' USR1
trap 'b=$i' USR2
trap 'echo work $((b - a)); exit' TERM
i=0
while :; do i=$((i+1)); done
"""
WORK = f"""cat > /tmp/worker << 'END'
{WORKER}END
while [ $(date +%s) -lt {BEGIN} ]; do sleep 0.1; done
sh /tmp/worker &
sleep 3
kill -USR1 $!
sleep 10
kill -USR2 $!
sleep 3
kill -TERM $!
wait
"""


@test
def four_linux_vms_share_by_weight():
    config = "".join(vm_config(name, cmdline="console=ttyS0 quiet nokaslr " + script_word(WORK), extra=f"weight {weight}\non-reboot stop")
                     for name, weight in WEIGHTS.items())
    names, done = list(WEIGHTS), {}
    with Machine(iso=make_iso(config), counted=True) as node:
        for _ in names:
            node.expect(r"vm \w+: powered off", 300)
        for name in names[1:] + names[:1]:
            node.escape(str(names.index(name) + 1))
            node.expect(rf"console of vm '{name}'", 60)
            done[name] = int(node.expect(r"work (\d+)\n", 60)[1])
        node.escape("q")
        node.wait_exit()
    total, weights = sum(done.values()), sum(WEIGHTS.values())
    for name, weight in WEIGHTS.items():
        share, due = done[name] / total, weight / weights
        print(f"{name}: weight {weight}, share {share:.3f}, due {due:.3f}")
        if abs(share / due - 1) > 0.10:
            raise Failure(f"{name} had {share:.3f} of the CPU, {due:.3f} was its due")


# Linux boots in half the time without the tests of its own ciphers.
SIXTEEN = [f"linux{i:02}" for i in range(16)]


def used(node, name):
    """CPU time of the VM on the screen and time since its start, in ms, as the node tells them."""
    node.escape("c")
    match = node.expect(rf"vm {name}: CPU time (\d+) ms, .* of the (\d+) ms since", 120)
    return int(match[1]), int(match[2])


@test
def sixteen_linux_vms_at_their_shells_share_two_cpus():
    config = "".join(vm_config(name, cmdline="console=ttyS0 quiet nokaslr cryptomgr.notests") for name in SIXTEEN)
    before, share = {}, {}
    with Machine(iso=make_iso(config), memory="3g", counted=True, cpus=2) as node:
        for name in SIXTEEN:
            node.login(500)
            if name != SIXTEEN[-1]:
                node.escape("n")
        for _ in SIXTEEN:
            node.escape("n")
            node.shell("while :; do :; done & true", 60)
        for name in SIXTEEN:
            node.escape("n")
            before[name] = used(node, name)
        node.shell("sleep 4", 120)
        for name in SIXTEEN:
            node.escape("n")
            cpu, time = used(node, name)
            share[name] = (cpu - before[name][0]) / (time - before[name][1])
        node.expect_none(r"panic|PANIC")
        node.escape("q")
        node.wait_exit(60)
    for name in SIXTEEN:
        print(f"{name}: {share[name]:.4f} of a CPU, due {2 / 16:.4f}")
    for name in SIXTEEN:
        if abs(share[name] * 16 / 2 - 1) > 0.10:
            raise Failure(f"{name} had {share[name]:.4f} of a CPU, an eighth was its due")
