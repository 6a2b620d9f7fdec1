# SPDX-License-Identifier: Apache-2.0
"""A VM's life under OpenNebula: the front-end package, brumed and a node in QEMU, driven by a model of oned and monitord (tests/one).

`make test-oned ONE_LOCATION=...` plays the same on a real front-end.
"""
import hashlib
import json
import os
import re
import socket
import sys
import time
from xml.etree import ElementTree

import pki
import rfb
from harness import BUILD, TOP, BochsMachine, Failure, Skip, make_iso, test
from managed import ADDRESS
from patch import trap_at

sys.path.insert(0, os.path.join(TOP, "tests/one"))
from stage import LIMIT, REAL, Stage, certificates, check, settings, start_node         # noqa: E402

MIB = 1 << 20
VNC = 5907
BRIDGE = "node bridge onebr0 default\n"


def own_brumed():
    """For tests that restart brumed or give it another certificate."""
    if REAL:
        raise Skip("it would stop the brumed of that installation")


def machine(system, **more):
    return {"NAME": "web", "CPU": "1", "VCPU": "1", "MEMORY": "96", "OS": system, **more}


def cmp(console, device, size, content):
    """The first bytes of a disk, as the guest reads them."""
    if console.shell(f"head -c {size} /dev/{device} | sha256sum").split()[0] != hashlib.sha256(content[:size]).hexdigest():
        raise Failure(f"{device} is not the image")


@test
def a_vm_lives_and_ends():
    system, data = os.urandom(4 * MIB), os.urandom(2 * MIB)
    with start_node(forward=(VNC,)) as node, Stage() as stage:
        front = stage.front
        stage.node("node1", node)
        host = stage.host()
        shown = ElementTree.fromstring(front.host_xml(host))
        if int(shown.findtext("HOST_SHARE/MAX_CPU")) < 100 or int(shown.findtext("HOST_SHARE/MAX_MEM")) < 256 << 10:
            raise Failure(f"no capacity: {front.host_xml(host)}")
        os_words = stage.images()
        disk, kept = stage.disk_image("os", system), stage.disk_image("data", data, True)
        number = front.vm_create(machine(os_words, DISK=[{"IMAGE_ID": disk}, {"IMAGE_ID": kept}, {"TYPE": "fs", "SIZE": "3"}], NIC=[{}],
                                         CONTEXT={"NETWORK": "YES", "GREETING": "it's me"},
                                         GRAPHICS={"TYPE": "vnc", "LISTEN": "0.0.0.0", "PORT": str(VNC), "PASSWD": "secret"}), host)
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

        with rfb.Viewer(node.forwarded[VNC], "secret") as viewer:
            viewer.expect(r"#$")

        for action in ("reboot", "reboot --hard"):
            front.vm_action(number, action)
            console.login()
        check("after a reset", front.vm_state(number), "RUNNING")
        front.vm_action(number, "poweroff")
        stage.vm_is(number, "POWEROFF")
        node.expect(rf"shutdown one-{number}: SUCCESS")
        front.vm_action(number, "resume")
        stage.vm_is(number, "RUNNING")
        console = stage.login("node1", number)
        check("what it wrote", console.shell("head -c 10 /dev/vda; head -c 9 /dev/vdb"), "kept here\ngoes home")
        stage.refused(number, "snapshot-create", "SNAPSHOTCREATE: .+")

        console.shell("killall acpid")
        front.vm_action(number, "poweroff")
        stage.vm_is(number, "SHUTDOWN_POWEROFF")
        node.expect(rf"audit: .*shutdown one-{number}: begun")
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
    with start_node() as node, Stage() as stage:
        front = stage.front
        stage.node("node1", node)
        number = front.vm_create(machine(stage.images(), DISK=[{"TYPE": "fs", "SIZE": "2"}]), stage.host())
        stage.vm_is(number, "RUNNING")
        console = stage.login("node1", number)
        console.send("poweroff -f\n")
        console.close()                                          # what was typed last is not lost with it
        if not REAL:                                             # a real log does not tell which state was ignored
            front.wait("its end is told of", lambda: "Ignoring VM state update (POWEROFF)" in front.vm_log(number), LIMIT)
            check("within the guard", front.vm_state(number), "RUNNING")
        front.let_pass(31)
        stage.vm_is(number, "POWEROFF")
        front.vm_action(number, "resume")
        stage.vm_is(number, "RUNNING")
        stage.login("node1", number).shell("echo kept here | dd of=/dev/vda conv=notrunc,fsync 2>/dev/null")
        front.vm_action(number, "undeploy")
        stage.vm_is(number, "UNDEPLOYED")
        check("disks on the node", stage.package.get("/nodes/node1/v1/disks"), [])
        front.vm_action(number, "resume")
        stage.vm_is(number, "RUNNING")
        check("what went to the front-end and back", stage.login("node1", number).shell("head -c 9 /dev/vda"), "kept here")
        front.vm_action(number, "recover --delete")
        stage.vm_is(number, "DONE")
        check("disks that stay", stage.package.get("/nodes/node1/v1/disks"), [])


@test
def what_a_node_cannot_do_is_told_to_the_user():
    with start_node(config=BRIDGE) as node, Stage() as stage:
        stage.node("node1", node)
        host = stage.host()
        words = stage.images()
        cases = (
            ("a firmware", machine({**words, "FIRMWARE": "UEFI"}), "FIRMWARE"),
            ("too much memory", machine(words, MEMORY="65536"), "65536 MiB"),
            ("an unknown bridge", machine(words, NIC=[{"BRIDGE": "nowhere"}]), "nowhere"))
        for what, template, reason in cases[:2] if REAL else cases:     # a real oned takes the bridge from its virtual network
            number = stage.front.vm_create(template, host)
            stage.front.wait(f"{what} is refused", lambda number=number: stage.front.vm_state(number) == "BOOT_FAILURE", LIMIT)
            if reason.lower() not in stage.error(number).lower():
                raise Failure(f"{what}: {stage.error(number)!r}")
            stage.front.vm_action(number, "recover --delete")
            stage.vm_is(number, "DONE")
        check("VMs that stay", stage.package.get("/nodes/node1/v1/vms"), [])
        check("disks that stay", stage.package.get("/nodes/node1/v1/disks"), [])


def request(number, inner=""):
    """The least XML that an action needs."""
    return (f"<VMM_DRIVER_ACTION_DATA><HOST>node1</HOST><VM><ID>{number}</ID>{inner}<HISTORY_RECORDS><HISTORY><DS_ID>102</DS_ID></HISTORY>"
            "</HISTORY_RECORDS></VM></VMM_DRIVER_ACTION_DATA>")


def hostile_bodies(number):
    """(what, URL behind /v1/one/, body, statuses that are right)"""
    def deploy(inner, vm=number):
        return request(vm, inner)
    bomb = '<!DOCTYPE a [<!ENTITY a "' + "x" * 999 + '">' + '<!ENTITY b "' + "&a;" * 999 + '"><!ENTITY c "' + "&b;" * 999 + '">]>'
    here = f"vms/{number}/"
    return (("no XML", here + "cancel", "hello", (400,)), ("nothing", here + "cancel", "", (400,)),
            ("an entity bomb", here + "cancel", bomb + deploy("&c;"), (400,)), ("deep XML", here + "cancel", deploy("<A>" * 50000), (400,)),
            ("10 MB", here + "cancel", deploy("<A>" + "x" * (10 << 20) + "</A>"), (400, 413)),
            ("another VM's id", here + "cancel", deploy("", number + 1), (400, 409)), ("half of it", here + "cancel", deploy("")[:-30], (400,)),
            ("an action that there is not", here + "explode", deploy(""), (400, 404)),
            ("a number too large", "vms/99999999999999999999/cancel", deploy(""), (400, 404)),
            ("a VM that is not there", f"vms/{number + 5}/shutdown", deploy("", number + 5), (200, 202)))


@test
def hostile_requests_touch_no_vm():
    """From a front-end that went mad, past brumed: nothing happens to the VM, twice the same key is done once, and mgmt lives."""
    with start_node() as node, Stage() as stage:
        stage.node("node1", node)
        number = stage.front.vm_create(machine(stage.images()), stage.host())
        stage.vm_is(number, "RUNNING")
        console = stage.login("node1", number)
        ask = stage.package.ask
        for turn, (what, path, body, right) in enumerate(hostile_bodies(number)):
            status, text = ask("POST", f"/nodes/node1/v1/one/{path}", body, {"X-Key": f"hostile-{turn}"})
            if status not in right:
                raise Failure(f"{what}: {status} {text}")
        for key in ("", "a b", "x" * 41, "../.."):
            status, text = ask("POST", f"/nodes/node1/v1/one/vms/{number}/reset", "<VMM_DRIVER_ACTION_DATA/>", {"X-Key": key})
            if status != 400:
                raise Failure(f"key {key!r}: {status} {text}")
        body = request(number)
        for _ in range(3):
            status, text = ask("POST", f"/nodes/node1/v1/one/vms/{number}/reset", body, {"X-Key": "same"})
            if status not in (200, 202):
                raise Failure(f"reset: {status} {text}")
        console.login()
        check("starts", stage.package.get(f"/nodes/node1/v1/vms/one-{number}")["starts"], 2)
        if ask("POST", f"/nodes/node1/v1/one/vms/{number}/cancel", body, {"X-Key": "same"})[0] not in (400, 409):
            raise Failure("a key was taken for another action")
        check("the VM", stage.front.vm_state(number), "RUNNING")
        node.expect_none(r"mgmt died|vm one-\d+: (killed|ended|failed)")


@test
def who_dies_in_the_middle_of_an_action_loses_nothing():
    """mgmt, the switch and brumed are killed while a guest takes its time to go off."""
    own_brumed()
    image = trap_at("net", "show_counters", trap_at("mgmt", "metrics_poll"))
    with start_node(image=image) as node, Stage() as stage:
        front, brumed = stage.front, stage.package
        stage.node("node1", node)
        number = front.vm_create(machine(stage.images()), stage.host())
        stage.vm_is(number, "RUNNING")
        node.expect(rf"vm one-{number}: started")
        front.let_pass(31)

        def kill_mgmt():
            try:
                node.curl("/metrics", "--retry", "0")
            except Failure:
                pass                                             # the connection breaks
            node.expect(r"mgmt died: invalid instruction .*; it starts again")
            node.expect(r"mgmt: address 10.0.2.15")

        def kill_switch():
            node.escape("c")
            node.expect(r"the switch died: invalid instruction .*; it starts again")

        def kill_brumed():
            brumed.kill()
            brumed.start()

        for kill in (kill_mgmt, kill_switch, kill_brumed):
            console = stage.login("node1", number)
            console.shell("killall acpid")
            front.vm_action(number, "poweroff")
            node.expect(rf"vm one-{number}: power button")
            kill()
            console = stage.console("node1", number)
            console.send("\n")
            console.expect(r"brume-guest:\S* $")
            check(f"after {kill.__name__}", front.vm_state(number), "SHUTDOWN_POWEROFF")
            console.send("poweroff -f\n")
            stage.vm_is(number, "POWEROFF")
            front.vm_action(number, "resume")
            stage.vm_is(number, "RUNNING")
            node.expect(rf"vm one-{number}: started")
        check("starts", len(re.findall(rf"vm one-{number}: started", node.text())), 4)


@test
def a_front_end_with_a_bad_certificate_moves_nothing():
    """Expired, foreign, of a role that only reads, of none, none at all: the reason is told, and with a good one all is well again."""
    own_brumed()
    certificates()
    pki.authority("other")
    pki.client("expired", "frontend", days=-1)
    pki.client("foreign", "frontend", signer="other")
    pki.client("watcher", "monitor")
    pki.certificate("plain", "subjectAltName=DNS:x")
    with start_node() as node, Stage() as stage:
        stage.node("node1", node)
        host = stage.host()
        number = stage.front.vm_create(machine(stage.images()), host)
        stage.vm_is(number, "RUNNING")
        stage.front.let_pass(31)
        for name in ("expired", "foreign", "watcher", "plain"):
            stage.package.kill()
            stage.package.configure(settings(name))
            stage.package.start()
            status, body = stage.package.ask("DELETE", "/nodes/node1/v1/images/x")
            print(f"{name}: {status} {body.strip()}")
            if status not in (403, 502, 503) or not json.loads(body)["error"]:
                raise Failure(f"{name}: {status} {body}")
            if status != 403:
                stage.host_is(host, "err")
                check("the VM", stage.front.vm_state(number), "UNKNOWN")
        stage.package.kill()
        stage.package.configure(settings())
        stage.package.start()
        stage.front.let_pass(181)
        stage.host_is(host, "on")
        stage.vm_is(number, "RUNNING")
        check("changes that were made", re.findall(r"audit: (?!frontend).*: done", node.text()), [])


@test
def a_node_that_made_its_key_is_approved_by_its_fingerprint():
    """As nodes of `make test-oned` are: no certificate of the authority's, only what the console shows."""
    own_brumed()
    certificates()
    with start_node(identity={"ca.crt": pki.path("ca.crt")}) as node, Stage() as stage:
        shown = re.search(r"made a key for this run, SHA-256 fingerprint (\S+)", node.text())[1]
        stage.node("node1", node)
        host = stage.host(word="err")
        status, body = stage.package.ask("GET", "/nodes/node1/v1/node")
        if status != 502 or shown not in body:
            raise Failure(f"before it is approved: {status} {body}")
        stage.package.ask("POST", "/nodes/node1/approve", {"fingerprint": "00:" + shown[3:]})
        check("with another fingerprint", stage.package.ask("GET", "/nodes/node1/v1/node")[0], 502)
        stage.approve("node1", node)
        check("approved", stage.package.ask("GET", "/nodes/node1/v1/node")[0], 200)
        stage.front.let_pass(181)
        stage.host_is(host, "on")


class ManagedBochs(BochsMachine):
    """A node on VT-x with Bochs' e1000."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        certificates()
        super().__init__(iso=make_iso(ADDRESS, modules=pki.modules()), memory="512m", extra=[
            "--clock", str(int(time.time()) + 60), "--e1000", f"tcp:127.0.0.1:{self.port}-10.0.2.15:8443"])
        self.expect(r"mgmt: listening on port 8443", 60)
        self.expect(r"mgmt: address 10.0.2.15", 60)


@test
def a_vm_is_deployed_and_seen_on_its_console_vmx():
    own_brumed()                                                 # and its node has the tests' key
    with ManagedBochs() as node, Stage() as stage:
        stage.node("node1", node)
        host = stage.host()
        kernel = stage.front.image_create("small", os.path.join(BUILD, "guest/small-2.elf"), "KERNEL")
        system = {"KERNEL_DS": f"$FILE[IMAGE_ID={kernel}]", "KERNEL_CMD": "hello from oned"}
        number = stage.front.vm_create(machine(system, MEMORY="16"), host)
        stage.vm_is(number, "RUNNING")
        console = stage.console("node1", number)
        console.expect(r"^small: command line hello from oned$")
        console.expect(r"^small: done$")
        stage.front.vm_action(number, "terminate --hard")
        stage.vm_is(number, "DONE")
