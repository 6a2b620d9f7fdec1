# SPDX-License-Identifier: Apache-2.0
"""The front-end package where things go wrong: answers that are lost, programs that die in the middle, certificates, hostile lines.

The package is the real one; the node is tests/one/fake_node.py, which does exactly what a test wants, and counts what was done.
"""
import json
import os
import signal
import socket
import ssl
import sys
import threading

import pki
from harness import TOP, Failure, test

sys.path.insert(0, os.path.join(TOP, "tests/one"))
import wire                                              # noqa: E402
from fake_node import Node                               # noqa: E402
from stage import LIMIT, Stage, certificates, check          # noqa: E402


def fake(name="node", authority="ca"):
    return Node(pki.path(f"{name}.crt"), pki.path(f"{name}.key"), pki.path(f"{authority}.crt"))


class Scene:
    """A fake node, the package, the model, a host that is on, and a VM that runs."""

    def __init__(self, kernel=False, **more):
        certificates()
        self.node = fake()
        self.kernel = kernel                         # the VM has one, and so a disk on the node
        self.stage = Stage(**more)
        self.front = self.stage.front

    def __enter__(self):
        self.stage.__enter__()
        try:
            self.stage.node("node1", self.node)
            self.host = self.stage.host()
            self.vm = self.front.vm_create({"NAME": "web", "CPU": "1", "MEMORY": "64",
                                            "OS": self.stage.images() if self.kernel else {}}, self.host)
            self.stage.vm_is(self.vm, "RUNNING")
            check("deploys", self.node.count("deploy", self.vm), 1)
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, *error):
        self.stage.__exit__(*error)

    def restart_brumed(self):
        self.stage.package.kill()
        self.stage.package.start()

    def asked(self, path):
        """Waits until the node was asked for that."""
        self.front.wait(f"{path} is asked for", lambda: path in [asked for _, asked in self.node.asked], LIMIT)

    def answered(self, action):
        """Waits until the driver has answered the last request of that kind."""
        kind = action.upper()
        def balanced():
            lines = [(source, text.split()[0]) for _, source, text in self.front.crossed if source in ("VMM >>", "VMM <<") and text]
            return lines.count(("VMM <<", kind)) == lines.count(("VMM >>", kind))
        self.front.wait(f"{action} is answered", balanced, LIMIT)

    def running(self, action):
        """Waits until the action runs on the node."""
        self.front.wait(f"{action} runs", lambda: any(record["action"] == action and record["state"] == "running"
                                                       for record in list(self.node.actions.values())), LIMIT)


# Each action of a node: what oned's user does, and the state that ends it.
ACTIONS = (("shutdown", "poweroff", "POWEROFF"), ("deploy", "resume", "RUNNING"), ("reboot", "reboot", "RUNNING"),
           ("reset", "reboot --hard", "RUNNING"), ("cancel", "poweroff --hard", "POWEROFF"), ("deploy", "resume", "RUNNING"),
           ("cleanup", "recover --delete", "DONE"))


@test
def brumed_that_dies_in_an_action_does_it_once():
    with Scene() as scene:
        for action, user, word in ACTIONS:
            before = len(scene.node.done)
            scene.node.hold(action)
            scene.front.vm_action(scene.vm, user)
            scene.running(action)
            scene.restart_brumed()
            scene.node.release()
            scene.answered(action)
            scene.stage.vm_is(scene.vm, word)
            check("what was done", scene.node.done[before:], [(action, scene.vm)])


@test
def an_answer_that_is_lost_is_asked_for_again():
    with Scene() as scene:
        for action, user, word in ACTIONS:
            before = len(scene.node.done)
            scene.node.lost.add(action)
            scene.front.vm_action(scene.vm, user)
            scene.answered(action)
            scene.stage.vm_is(scene.vm, word)
            check("what was done", scene.node.done[before:], [(action, scene.vm)])
        scene.front.wait("results are acknowledged", lambda: not scene.node.actions, LIMIT)


@test
def a_driver_that_dies_in_a_deploy_leaves_the_vm_to_state_vm():
    with Scene() as scene:
        scene.front.vm_action(scene.vm, "poweroff")
        scene.stage.vm_is(scene.vm, "POWEROFF")
        scene.node.hold("deploy")
        scene.front.vm_action(scene.vm, "resume")
        scene.running("deploy")
        scene.front.vmm.kill()
        scene.front.wait("the driver is back", lambda: scene.front.vmm.starts == 2, LIMIT)
        scene.node.release()
        scene.front.wait("it was done", lambda: scene.node.count("deploy", scene.vm) == 2, LIMIT)
        check("before the guard", scene.front.vm_state(scene.vm), "BOOT_POWEROFF")
        scene.front.let_pass(31)
        scene.stage.vm_is(scene.vm, "RUNNING")
        check("deploys", scene.node.count("deploy", scene.vm), 2)


@test
def a_node_that_dies_in_an_action_is_told_of_and_no_vm_is_off():
    """It comes back without the VM, as after a reset: the user hears why, and never POWEROFF."""
    with Scene(deadline_shutdown=5) as scene:
        scene.front.let_pass(31)
        scene.node.hold("shutdown")
        scene.front.vm_action(scene.vm, "poweroff")
        scene.running("shutdown")
        scene.node.close()
        scene.front.wait("the action fails", lambda: any(source == "VMM <<" and text.startswith("SHUTDOWN FAILURE")
                                                         for _, source, text in scene.front.crossed), LIMIT)
        scene.stage.host_is(scene.host, "err")
        again = Node(pki.path("node.crt"), pki.path("node.key"), pki.path("ca.crt"), scene.node.port)
        again.boot = "b2"
        scene.front.let_pass(181)
        scene.stage.host_is(scene.host, "on")
        seen = len(scene.front.hosts[scene.host].messages)
        scene.front.wait("a whole list of VMs", lambda: any(kind == "STATE_VM" and "SYNC_STATE" in text for kind, _, text in
                                                            scene.front.hosts[scene.host].messages[seen:]), LIMIT)
        check("the VM", scene.front.vm_state(scene.vm), "UNKNOWN")
        check("what the new one did", again.done, [])
        if "POWEROFF" in scene.front.vm_log(scene.vm).replace("SHUTDOWN_POWEROFF", ""):
            raise Failure("it was held for off")
        if "node1" not in scene.stage.error(scene.vm):
            raise Failure(f"the reason: {scene.stage.error(scene.vm)!r}")


@test
def a_node_that_dies_in_any_action_makes_it_fail_with_the_reason():
    """What comes back knows of nothing, and nothing is asked of it again."""
    for action, user, _ in ACTIONS:
        if action == "shutdown":                     # above, to the end
            continue
        with Scene(kernel=True, **{f"deadline_{action}": 2, "unreachable_s": 2}) as scene:
            if action == "deploy":
                scene.front.vm_action(scene.vm, "poweroff")
                scene.stage.vm_is(scene.vm, "POWEROFF")
            scene.node.hold(action)
            scene.front.vm_action(scene.vm, user)
            scene.running(action)
            scene.node.close()
            scene.answered(action)
            answer = [text for _, source, text in scene.front.crossed if source == "VMM <<" and text.startswith(f"{action.upper()} ")][-1]
            if not answer.startswith(f"{action.upper()} FAILURE") or "node1" not in answer:
                raise Failure(f"the answer: {answer!r}")
            again = Node(pki.path("node.crt"), pki.path("node.key"), pki.path("ca.crt"), scene.node.port)
            again.boot = "b2"
            scene.front.let_pass(181)
            scene.stage.host_is(scene.host, "on")
            check(f"what the new one did of {action}", again.done, [])
            again.close()


@test
def a_driver_that_dies_in_an_action_leaves_the_vm_to_state_vm():
    """What it was asked for is done once, and nobody told oned: it hears of the VM's state, after its guard."""
    with Scene(kernel=True) as scene:
        for times, (action, user, word) in enumerate(ACTIONS, 2):
            before = len(scene.node.done)
            scene.node.hold(action)
            scene.front.vm_action(scene.vm, user)
            scene.running(action)
            scene.front.vmm.kill()
            scene.front.wait("the driver is back", lambda times=times: scene.front.vmm.starts == times, LIMIT)
            scene.node.release()
            scene.front.wait("it was done", lambda before=before: len(scene.node.done) > before, LIMIT)
            if action != "cleanup":                      # of whose end no state tells: the user says so to oned
                scene.front.let_pass(31)
                scene.stage.vm_is(scene.vm, word)
            check("what was done", scene.node.done[before:], [(action, scene.vm)])
        check("disks that stay", scene.node.disks_of(scene.vm), [])


@test
def a_cancel_overtakes_a_shutdown_that_hangs():
    with Scene() as scene:
        scene.node.hold("shutdown")
        scene.front.vm_action(scene.vm, "poweroff")
        scene.running("shutdown")
        scene.front.vm_action(scene.vm, "poweroff --hard")
        scene.stage.vm_is(scene.vm, "POWEROFF")
        check("requests", scene.stage.requests(scene.vm), ["DEPLOY", "SHUTDOWN", "DRIVER_CANCEL", "CANCEL"])
        scene.node.release()
        check("shutdowns that were done", scene.node.count("shutdown", scene.vm), 0)
        answers = [text for _, source, text in scene.front.crossed if source == "VMM <<" and text.startswith("SHUTDOWN")]
        check("answers to what was cancelled", answers, [])


@test
def a_node_that_dies_makes_its_host_an_error_and_no_vm_off():
    with Scene() as scene:
        scene.front.let_pass(31)
        scene.node.close()
        scene.stage.host_is(scene.host, "err")
        check("the VM", scene.front.vm_state(scene.vm), "UNKNOWN")
        if "node1" not in scene.front.hosts[scene.host].error:
            raise Failure(f"the reason: {scene.front.hosts[scene.host].error!r}")
        again = Node(pki.path("node.crt"), pki.path("node.key"), pki.path("ca.crt"), scene.node.port)
        again.vms[scene.vm] = "RUNNING"
        again.boot = "b2"
        scene.front.let_pass(181)
        scene.stage.host_is(scene.host, "on")
        scene.stage.vm_is(scene.vm, "RUNNING")
        if "POWEROFF" in scene.front.vm_log(scene.vm):
            raise Failure("it was held for off")


@test
def oned_is_told_of_a_vm_when_it_changes_and_believes_it_in_the_end():
    """Nothing is said of a VM that runs on; of one that goes off while oned believes nothing, it hears again. Never of one that the node forgot."""
    state = ("GET", "/v1/one/monitor/state_vm")
    with Scene() as scene:
        def said():
            return [text for kind, _, text in scene.front.hosts[scene.host].messages if kind == "STATE_VM" and "VM =" in text and "SYNC_STATE" not in text]
        looks = scene.node.asked.count(state)
        scene.front.wait("looks", lambda: scene.node.asked.count(state) >= looks + 5, LIMIT)
        if not said() or len(said()) > 2:            # once, and again after 35 s where the machine is as slow as that
            raise Failure(f"what was said of a VM that runs on: {said()}")
        if scene.front.vm_log(scene.vm).count("Ignoring VM state update") > 3:
            raise Failure(scene.front.vm_log(scene.vm))
        scene.node.power_off(scene.vm)
        scene.front.wait("the end is told of", lambda: any(kind == "STATE_VM" and "POWEROFF" in text       # by itself, or with all
                                                           for kind, _, text in scene.front.hosts[scene.host].messages), LIMIT)
        scene.front.let_pass(31)
        scene.stage.vm_is(scene.vm, "POWEROFF")
        scene.front.vm_action(scene.vm, "resume")
        scene.stage.vm_is(scene.vm, "RUNNING")
        scene.front.let_pass(31)
        with scene.node.condition:
            del scene.node.vms[scene.vm]
            scene.node.changed()
        scene.stage.vm_is(scene.vm, "UNKNOWN")
        check("times that it was held for off", scene.front.vm_log(scene.vm).count("New state is POWEROFF"), 1)


# ---- certificates ----

@test
def nodes_that_are_not_whom_they_say_get_no_word():
    """Foreign, self-signed, of another name, expired, and one that offers TLS 1.1 at most: each is refused with a reason."""
    certificates()
    pki.authority("other")
    pki.certificate("stranger", "subjectAltName=IP:127.0.0.1,DNS:localhost", signer="other")
    pki.certificate("elsewhere", "subjectAltName=DNS:another.name")
    pki.certificate("old", "subjectAltName=IP:127.0.0.1,DNS:localhost", days=-1)
    pki.authority("alone")
    with Stage() as stage:
        for name in ("stranger", "elsewhere", "old", "alone"):
            node = fake(name)
            stage.node(name, node)
            status, body = stage.package.ask("GET", f"/nodes/{name}/v1/node")
            if status < 500 or not json.loads(body)["error"]:
                raise Failure(f"{name}: {status} {body}")
            print(f"{name}: {json.loads(body)['error']}")
            check(f"requests that {name} got", node.asked, [])
            stage.host(name, "err")
            node.close()
        node = fake()
        node.context.maximum_version = ssl.TLSVersion.TLSv1_2
        stage.node("good", node)
        check("TLS 1.2", stage.package.ask("GET", "/nodes/good/v1/node")[0], 200)
        node.context.minimum_version = node.context.maximum_version = ssl.TLSVersion.TLSv1_1
        node.context.set_ciphers("ALL:@SECLEVEL=0")
        stage.package.kill()
        stage.package.start()
        status, body = stage.package.ask("GET", "/nodes/good/v1/node")
        if status < 500:
            raise Failure(f"TLS 1.1: {status} {body}")
        print(f"TLS 1.1: {json.loads(body)['error']}")


# ---- hostile ----

BOMB = "<!DOCTYPE a [<!ENTITY a \"" + "x" * 1000 + "\"><!ENTITY b \"" + "&a;" * 1000 + "\"><!ENTITY c \"" + "&b;" * 1000 + "\">]>"


def hostile_requests():
    """(what, line for one_vmm_brume)"""
    def deploy(text, number=0):
        return f"DEPLOY  {number} {wire.plain(text)}\n"
    head = "<VMM_DRIVER_ACTION_DATA><HOST>node1</HOST>"
    return (("no base64", "DEPLOY  0 %%%%\n"), ("no XML", deploy("hello")), ("an empty request", "DEPLOY  0 \n"), ("blanks", "     \n"),
            ("an entity bomb", deploy(BOMB + head + "<VM>&c;</VM></VMM_DRIVER_ACTION_DATA>")),
            ("deep XML", deploy(head + "<A>" * 100000)), ("no host", deploy("<VMM_DRIVER_ACTION_DATA/>")),
            ("a host that is a path", deploy("<VMM_DRIVER_ACTION_DATA><HOST>../../etc</HOST><VM><ID>0</ID></VM></VMM_DRIVER_ACTION_DATA>")),
            ("10 MB", "DEPLOY  0 " + "A" * (10 << 20) + "\n"), ("a number too large", deploy(head, 1 << 70)),
            ("a negative number", deploy(head, -5)), ("no number", "DEPLOY  x y\n"), ("an unknown request", "EXPLODE  0 \n"),
            ("bytes", "DEPLOY  0 \x00\x01\x02\n"))


@test
def hostile_lines_end_no_driver():
    with Scene() as scene:
        before = len(scene.node.done)
        for what, line in hostile_requests():
            scene.front.vmm.send(line)
        scene.front.vmm.send(f"REBOOT  {scene.vm} {wire.plain('<nonsense/>')}\n")
        for line in ("START_MONITOR - 1 0 " + wire.pack("<X>" * 100000), "START_MONITOR - 1 0 AAAA",
                     "START_MONITOR - 1 0 " + bomb(), "STOP_MONITOR - 77 0 " + wire.pack("<A/>"), "START_MONITOR"):
            scene.front.im.send(line + "\n")
        scene.front.vm_action(scene.vm, "poweroff")
        scene.stage.vm_is(scene.vm, "POWEROFF")
        check("done meanwhile", scene.node.done[before:], [("shutdown", scene.vm)])
        check("starts of the drivers", (scene.front.vmm.starts, scene.front.im.starts), (1, 1))
        scene.front.host_action(scene.host, "offline")
        scene.front.host_action(scene.host, "enable")
        scene.stage.host_is(scene.host, "on")


def bomb():
    """A gigabyte of zeros in a line of a megabyte and a half."""
    import base64
    import zlib
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1 << 10)) + packer.flush()
    return base64.b64encode(data).decode()
