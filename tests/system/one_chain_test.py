# SPDX-License-Identifier: Apache-2.0
"""From oned's line to a node and back: the drivers, the real brumed, and a made-up node that can hold an action or lose an answer."""
import os
import re
import signal
import subprocess
import sys

import pki
from harness import TOP, Failure, test, work_dir, write_file
from one_fake import PROGRAMS, Driver, action_xml, packed, wait_until

sys.path.insert(0, os.path.join(TOP, "tests/one"))
from fake_node import Node                               # noqa: E402


def check(got, wanted, what=""):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


class Chain:
    """brumed and the node rack1."""

    def __init__(self):
        pki.node()
        pki.client("frontend", "frontend")
        self.node = Node(pki.path("node.crt"), pki.path("node.key"), pki.path("ca.crt"))
        self.path, state = os.path.join(work_dir(), "sock"), os.path.join(work_dir(), "state")
        os.makedirs(state)
        settings = {"cert": pki.path("frontend.crt"), "key": pki.path("frontend.key"), "ca": pki.path("ca.crt"), "socket": self.path,
                    "state": state, "group": "-", "hostname": "fe", "unreachable_s": 2}
        self.config = write_file("brumed.conf", "".join(f"{key} = {value}\n" for key, value in settings.items()))
        self.log = os.path.join(work_dir(), "brumed.log")

    def start(self):
        self.process = subprocess.Popen([os.path.join(PROGRAMS, "brumed"), "--config", self.config, "--log", self.log, "--foreground"],
                                        stdin=subprocess.DEVNULL)

    def __enter__(self):
        self.start()
        put = ["curl", "-sf", "--unix-socket", self.path, "-X", "PUT", "-d", f'{{"address":"127.0.0.1","port":{self.node.port}}}',
               "http://brumed/nodes/rack1"]
        try:
            # The socket has a name before it listens.
            wait_until(lambda: subprocess.run(put, stdout=subprocess.DEVNULL, check=False).returncode == 0, "brumed's socket")
        except Failure as error:
            self.__exit__(error)
            raise
        return self

    def __exit__(self, *error):
        self.process.terminate()
        status = self.process.wait(30)
        self.node.close()
        if error[0] or status:
            with open(self.log, encoding="utf-8") as stream:
                print(stream.read()[-4000:])
        if status and not error[0]:
            raise Failure(f"brumed ended with {status}")

    def running(self, action):
        """Waits until the node does such an action."""
        with self.node.condition:
            if not self.node.condition.wait_for(lambda: any(a["action"] == action for a in self.node.actions.values()), 30):
                raise Failure(f"the node never began {action}: {self.node.actions}")


def context_lines(vm):
    script = write_file("context.sh", "A='1'\n")
    return f"CONTEXT brume {script} rack1:/var/lib/one//datastores/102/{vm}/disk.1 {vm} 102\n"


@test
def a_vm_is_deployed_and_ends():
    with Chain() as chain, Driver("one_vmm_brume", chain) as driver:
        driver.ask("DEPLOY", 12, action_xml(12, transfer=context_lines(12)))
        driver.expect("DEPLOY SUCCESS 12 one-12")
        check(list(chain.node.disks), ["one-102-12-disk.1"], "the context")
        for action in ("REBOOT", "RESET", "SHUTDOWN", "CANCEL"):
            driver.ask(action, 12, action_xml(12, deploy_id="one-12"))
            driver.expect(f"{action} SUCCESS 12 -")
        driver.ask("CLEANUP", 12, action_xml(12, transfer="DELETE brume rack1:/var/lib/one//datastores/102/12 12 102\n"))
        driver.expect("CLEANUP SUCCESS 12 -")
        check((chain.node.disks, [chain.node.count(a, 12) for a in ("deploy", "reboot", "reset", "shutdown", "cancel", "cleanup")]),
              ({}, [1] * 6), "what was done")
        with chain.node.condition:
            check(chain.node.condition.wait_for(lambda: not chain.node.actions, 30), True, "all is acknowledged")


@test
def a_slow_shutdown_gives_way_to_a_cancel():
    with Chain() as chain, Driver("one_vmm_brume", chain) as driver:
        driver.ask("DEPLOY", 6, action_xml(6))
        driver.expect("DEPLOY SUCCESS 6 one-6")
        chain.node.hold("shutdown")
        driver.ask("SHUTDOWN", 6, action_xml(6))
        chain.running("shutdown")
        driver.send("DRIVER_CANCEL  6 \n")
        driver.ask("CANCEL", 6, action_xml(6))
        driver.expect("CANCEL SUCCESS 6 -")
        chain.node.release()
        driver.ask("DEPLOY", 6, action_xml(6))
        driver.expect("DEPLOY SUCCESS 6 one-6")
        check(chain.node.count("cancel", 6), 1, "cancels")


@test
def brumed_that_is_killed_makes_no_second_deploy():
    with Chain() as chain, Driver("one_vmm_brume", chain) as driver:
        chain.node.hold("deploy")
        driver.ask("DEPLOY", 2, action_xml(2))
        chain.running("deploy")
        chain.process.send_signal(signal.SIGKILL)
        chain.process.wait()
        chain.node.release()
        chain.start()
        driver.expect("DEPLOY SUCCESS 2 one-2")
        check(chain.node.count("deploy", 2), 1, "deploys")


@test
def a_driver_that_is_killed_leaves_nothing_in_the_way():
    with Chain() as chain:
        with Driver("one_vmm_brume", chain) as driver:
            driver.ask("DEPLOY", 3, action_xml(3))
            driver.expect("DEPLOY SUCCESS 3 one-3")
            chain.node.hold("shutdown")
            driver.ask("SHUTDOWN", 3, action_xml(3))
            chain.running("shutdown")
            driver.process.kill()
            driver.process.wait()
            driver.process.returncode = 0
        with Driver("one_vmm_brume", chain) as driver:
            driver.ask("CANCEL", 3, action_xml(3))
            driver.expect("CANCEL SUCCESS 3 -")
            check(chain.node.count("cancel", 3), 1, "cancels")
            chain.node.release()


@test
def a_node_that_is_gone_is_told_of():
    with Chain() as chain, Driver("one_vmm_brume", chain) as vmm, Driver("one_im_brume", chain) as im:
        xml = "<MONITOR_DRIVER_ACTION><HOST><ID>1</ID><NAME>rack1</NAME></HOST><MONITOR_CONFIGURATION/></MONITOR_DRIVER_ACTION>"
        im.send(b"START_MONITOR - 1 0 " + packed(xml) + b"\n")
        answer = im.timed()
        check(answer[:3], ("START_MONITOR", "SUCCESS", 1))
        if not re.fullmatch(r"<MONITOR_MESSAGES>.*<SYSTEM_HOST>.*</MONITOR_MESSAGES>", answer[3], re.S):
            raise Failure(answer[3])
        im.send(b"STOP_MONITOR - 1 0 " + packed(xml) + b"\n")
        check(im.timed()[:3], ("STOP_MONITOR", "SUCCESS", 1))
        chain.node.close()
        vmm.ask("DEPLOY", 4, action_xml(4))
        line = vmm.line()
        if not re.match(r"DEPLOY FAILURE 4 .*rack1.*", line):
            raise Failure(line)
        im.send(b"START_MONITOR - 1 0 " + packed(xml) + b"\n")
        check(im.timed()[:3], ("MONITOR_HOST", "FAILURE", 1))
