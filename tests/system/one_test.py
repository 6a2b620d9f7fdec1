# SPDX-License-Identifier: Apache-2.0
"""A VM's life under OpenNebula: the front-end package, brumed and a node in QEMU, driven by a model of oned and monitord (tests/one).

`make test-oned ONE_LOCATION=...` plays the same on a real front-end.
"""
import os
import re
import sys
from xml.etree import ElementTree

from harness import TOP, Failure, test
from managed import Managed
from patch import trap_at

sys.path.insert(0, os.path.join(TOP, "tests/one"))
from stage import LIMIT, PERIODS, Stage, check           # noqa: E402

MIB = 1 << 20
BRIDGE = "node bridge onebr0 switch default\n"


def machine(system, **more):
    return {"NAME": "web", "CPU": "1", "VCPU": "1", "MEMORY": "96", "OS": system, **more}


def cmp(console, device, size, content):
    """The first bytes of a disk, as the guest reads them."""
    import hashlib
    if console.shell(f"head -c {size} /dev/{device} | sha256sum").split()[0] != hashlib.sha256(content[:size]).hexdigest():
        raise Failure(f"{device} is not the image")


@test
def a_vm_lives_and_ends():
    system, data = os.urandom(4 * MIB), os.urandom(2 * MIB)
    with Managed() as node, Stage() as stage:
        front = stage.front
        stage.node("node1", node.port)
        host = stage.host()
        shown = ElementTree.fromstring(front.host_xml(host))
        if int(shown.findtext("HOST_SHARE/MAX_CPU")) < 100 or int(shown.findtext("HOST_SHARE/MAX_MEM")) < 256 << 10:
            raise Failure(f"no capacity: {front.host_xml(host)}")
        os_words = stage.images()
        disk, kept = stage.disk_image("os", system), stage.disk_image("data", data, True)
        number = front.vm_create(machine(os_words, DISK=[{"IMAGE_ID": disk}, {"IMAGE_ID": kept}, {"TYPE": "fs", "SIZE": "3"}], NIC=[{}],
                                         CONTEXT={"NETWORK": "YES", "GREETING": "it's me"},
                                         GRAPHICS={"TYPE": "vnc", "LISTEN": "0.0.0.0"}), host)
        stage.vm_is(number, "RUNNING")
        check("its deploy id", ElementTree.fromstring(front.vm_xml(number)).findtext("DEPLOY_ID"), f"one-{number}")
        console = stage.login("node1", number)
        cmp(console, "vda", 4 * MIB, system)
        cmp(console, "vdb", 2 * MIB, data)
        check("size of the volatile disk", console.shell("cat /sys/block/vdc/size"), str(3 * MIB // 512))
        words = console.shell("mkdir -p /c; mount -t iso9660 -o ro /dev/vdd /c && cat /c/context.sh; umount /c")
        if "GREETING='it'\\''s me'" not in words:
            raise Failure(f"context: {words}")
        console.shell("echo kept here | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null; echo goes home | dd of=/dev/vdb conv=notrunc,fsync 2>/dev/null")
        front.wait("it is monitored", lambda: ElementTree.fromstring(front.vm_xml(number)).findtext("MONITORING/MEMORY"), LIMIT)

        for action in ("reboot", "reboot --hard"):
            front.vm_action(number, action)
            console.login()
        check("after a reset", front.vm_state(number), "RUNNING")
        front.vm_action(number, "poweroff")
        stage.vm_is(number, "POWEROFF")
        front.vm_action(number, "resume")
        stage.vm_is(number, "RUNNING")
        console = stage.login("node1", number)
        check("what it wrote", console.shell("head -c 9 /dev/vda; head -c 9 /dev/vdb"), "kept heregoes hom")
        stage.refused(number, "snapshot-create", "SNAPSHOTCREATE: .+")

        console.shell("killall acpid")
        front.vm_action(number, "poweroff")
        stage.vm_is(number, "SHUTDOWN_POWEROFF")
        front.vm_action(number, "poweroff --hard")
        stage.vm_is(number, "POWEROFF")
        front.vm_action(number, "resume")
        stage.vm_is(number, "RUNNING")
        stage.login("node1", number)
        front.vm_action(number, "terminate")
        stage.vm_is(number, "DONE")
        check("the persistent disk", front.image_content(kept), b"goes home\n" + data[10:])
        check("disks that stay", stage.package.get("/nodes/node1/v1/disks"), [])


@test
def a_guest_that_goes_off_by_itself_is_believed_after_the_guard():
    with Managed() as node, Stage() as stage:
        front = stage.front
        stage.node("node1", node.port)
        number = front.vm_create(machine(stage.images()), stage.host())
        stage.vm_is(number, "RUNNING")
        stage.login("node1", number).send("poweroff -f\n")
        front.wait("its end is told of", lambda: re.search(r"Ignoring VM state update", front.vm_log(number)), LIMIT)
        check("within the guard", front.vm_state(number), "RUNNING")
        front.let_pass(31)
        stage.vm_is(number, "POWEROFF")
        front.vm_action(number, "resume")
        stage.vm_is(number, "RUNNING")
        stage.login("node1", number)
        front.vm_action(number, "recover --delete")
        stage.vm_is(number, "DONE")
        check("disks that stay", stage.package.get("/nodes/node1/v1/disks"), [])


@test
def what_a_node_cannot_do_is_told_to_the_user():
    with Managed() as node, Stage() as stage:
        stage.node("node1", node.port)
        host = stage.host()
        words = stage.images()
        for what, template, reason in (
                ("a firmware", machine({**words, "FIRMWARE": "UEFI"}), "FIRMWARE"),
                ("too much memory", machine(words, MEMORY="65536"), "memory"),
                ("an unknown bridge", machine(words, NIC=[{"BRIDGE": "nowhere"}]), "nowhere")):
            number = stage.front.vm_create(template, host)
            stage.front.wait(f"{what} is refused", lambda number=number: stage.front.vm_state(number) == "BOOT_FAILURE", LIMIT)
            if reason.lower() not in stage.error(number).lower():
                raise Failure(f"{what}: {stage.error(number)!r}")
            stage.front.vm_action(number, "recover --delete")
            stage.vm_is(number, "DONE")
        check("VMs that stay", stage.package.get("/nodes/node1/v1/vms"), [])
        check("disks that stay", stage.package.get("/nodes/node1/v1/disks"), [])


@test
def who_dies_in_the_middle_of_an_action_loses_nothing():
    """mgmt, the switch, the driver and brumed are killed while a guest takes its time to go off; at last the node."""
    image = trap_at("net", "show_counters", trap_at("mgmt", "metrics_poll"))
    with Managed(image=image) as node, Stage() as stage:
        front, brumed = stage.front, stage.package
        stage.node("node1", node.port)
        host = stage.host()
        number = front.vm_create(machine(stage.images()), host)
        stage.vm_is(number, "RUNNING")
        console = stage.login("node1", number)
        console.shell("killall acpid")
        front.let_pass(31)

        def kill_mgmt():
            brumed.ask("GET", "/nodes/node1/metrics")
            node.expect(r"mgmt died: invalid instruction .*; it starts again")
            node.expect(r"mgmt: address 10.0.2.15")

        def kill_net():
            node.escape("c")
            node.expect(r"the switch died: invalid instruction .*; it starts again")

        def kill_brumed():
            brumed.kill()
            brumed.start()

        for who, kill in (("mgmt", kill_mgmt), ("the switch", kill_net), ("brumed", kill_brumed)):
            front.vm_action(number, "poweroff")
            kill()
            console = stage.console("node1", number)
            console.send("\n")
            console.expect(r"brume-guest:\S* $")
            check(f"{who} killed in a shutdown", front.vm_state(number), "SHUTDOWN_POWEROFF")
            console.shell("test -e /once || { touch /once; }; poweroff", check=False) if False else console.send("poweroff\n")
            stage.vm_is(number, "POWEROFF")
            front.vm_action(number, "resume")
            stage.vm_is(number, "RUNNING")
            console = stage.login("node1", number)
            console.shell("killall acpid")
        starts = len(re.findall(rf"vm one-{number}: started", node.text()))
        check("starts", starts, 4)
