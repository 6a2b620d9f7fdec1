# SPDX-License-Identifier: Apache-2.0
"""Bad input: a message with the reason, the node stays up and the rest runs."""
import os

from harness import BUILD, INITRD, VMLINUZ, Machine, make_iso, test, test_on_both, vm_config, write_file


def stays_up(node):
    """The node still answers its console and powers off."""
    node.escape("l")
    node.expect(r"\[brume\]")
    node.escape("q")
    node.wait_exit()


def piece(name, path, start, end):
    with open(path, "rb") as stream:
        stream.seek(start)
        return write_file(name, stream.read(end - start))


@test_on_both
def bad_lines_are_reported_and_the_rest_runs(kind):
    config = ("nonsense here\n" + vm_config("good") + "    colour blue\n" +
              vm_config("bad", memory="12parsecs") + vm_config("good"))
    with kind(iso=make_iso(config)) as node:
        node.expect(r"brume\.conf:1: .*nonsense", 60)
        node.expect(r"brume\.conf:\d+: .*colour")
        node.expect(r"brume\.conf:\d+: .*12parsecs")
        node.expect(r"brume\.conf:\d+: .*good")        # the name twice
        node.login()


@test
def without_a_configuration_the_node_says_so():
    with Machine(iso=make_iso(None, modules={})) as node:
        node.expect(r"no configuration", 60)
        stays_up(node)


@test
def a_configuration_of_garbage():
    with Machine(iso=make_iso(os.urandom(20000).decode("latin-1"), modules={})) as node:
        node.expect(r"brume\.conf:1: ", 60)
        stays_up(node)


@test
def a_module_that_is_not_there():
    with Machine(iso=make_iso(vm_config("a", kernel="nowhere") + vm_config("b", initrd="gone") + vm_config("c"))) as node:
        node.expect(r"vm a: .*nowhere", 60)
        node.expect(r"vm b: .*gone")
        node.escape("3")
        node.login()


@test
def broken_kernels_and_initrds():
    size = os.path.getsize(VMLINUZ)
    modules = {
        "vmlinuz": VMLINUZ, "initrd.img": INITRD,
        "truncated": piece("truncated", VMLINUZ, 0, size // 2),
        "tiny": piece("tiny", VMLINUZ, 0, 100),
        "garbage": write_file("garbage", os.urandom(100000)),
        "halfelf": piece("halfelf", os.path.join(BUILD, "guest/exits.elf"), 0, 4200),
        "empty": write_file("empty", b"\0"),
    }
    config = "".join(vm_config(name, kernel=name, memory="64M") for name in ("truncated", "tiny", "garbage", "halfelf", "empty"))
    config += vm_config("big", memory="16M") + vm_config("good")
    with Machine(iso=make_iso(config, modules=modules)) as node:
        for name in ("truncated", "tiny", "garbage", "halfelf", "empty", "big"):
            node.position = 0
            node.expect(rf"vm {name}: (not started|failed): .+", 90)
        node.escape("7")
        node.login()
        node.escape("q")
        node.wait_exit()


@test
def a_truncated_initrd_is_the_guests_own_trouble():
    half = piece("half", INITRD, 0, os.path.getsize(INITRD) // 2)
    config = vm_config("half", initrd="half", cmdline="console=ttyS0 quiet panic=-1", extra="on-reboot stop") + vm_config("good")
    with Machine(iso=make_iso(config, modules={"vmlinuz": VMLINUZ, "initrd.img": INITRD, "half": half})) as node:
        node.expect(r"vm half: reset, stays off", 90)
        node.escape("2")
        node.login()


@test
def more_memory_than_there_is():
    with Machine(iso=make_iso(vm_config("huge", memory="64G") + vm_config("good"))) as node:
        node.expect(r"vm huge: not started: .+", 60)
        node.escape("2")
        node.login()
