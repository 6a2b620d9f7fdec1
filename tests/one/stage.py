# SPDX-License-Identifier: Apache-2.0
"""What the tests of the whole are played on: certificates, the package with its brumed, oned's model (or a real front-end), a node."""
import os
import re
import sys
from xml.etree import ElementTree

import pki
from harness import LINUX, TOP, Failure, work_dir, write_file
from managed import Managed

sys.path.insert(0, os.path.join(TOP, "tests/one"))
import cli                                               # noqa: E402
import oned                                              # noqa: E402
import package                                           # noqa: E402
import wire                                              # noqa: E402

REAL = os.environ.get("ONE_LOCATION") if os.environ.get("BRUME_TEST_ONED") else None
# A test need not wait for a period; what oned believes when is the model's own time.
PERIODS = {"BEACON_HOST": 2, "MONITOR_HOST": 2, "MONITOR_VM": 2, "STATE_VM": 1, "SYNC_STATE_VM": 5, "SYSTEM_HOST": 30}
LIMIT = 60


def check(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


def settings(client="frontend"):
    """brumed's configuration with a client's certificate of pki's."""
    return {"cert": pki.path(f"{client}.crt"), "key": pki.path(f"{client}.key"), "ca": pki.path("ca.crt"), "group": "-",
            "lost_s": 3, "unreachable_s": 5, "log_level": "debug"}


def real_authority():
    """The file of the authority that the brumed of a real installation believes; its nodes shall believe it, too."""
    with open(os.path.join(REAL, "etc/brume/brumed.conf"), encoding="utf-8") as stream:
        match = re.search(r"^ca\s*=\s*(\S+)", stream.read(), re.MULTILINE | re.IGNORECASE)
    return match[1] if match else os.path.join(REAL, "etc/brume/ca.crt")


def certificates():
    """The authority, the node's certificate and the front-end's."""
    pki.node()
    if not os.path.exists(pki.path("frontend.crt")):
        pki.client("frontend", "frontend")


def start_node(**more):
    """A node in QEMU of which the front-end can be told."""
    certificates()
    return Managed(**{"identity": {"ca.crt": real_authority()}, **more}) if REAL else Managed(**more)


def readable(source, text):
    """A line that crossed, with its payload unpacked; that of a request of oned is cut."""
    try:
        message = wire.parse(text, source in ("UDP", "TCP", "IM <<", "IM >>"))
    except wire.Bad:
        return text if len(text) < 200 else text[:40] + "..."
    payload = re.sub(r"\s+", " ", message.payload)
    return f"{message.type} {message.status} {message.id} {payload if len(payload) < 200 else payload[:200] + '...'}"


class Stage:
    """Package and front-end; nodes are added by node(). With $ONE_LOCATION and BRUME_TEST_ONED the installation there is used."""

    def __init__(self, **more):
        if REAL:
            self.package = package.Brumed(os.path.join(REAL, "var/run/brumed.sock"))
            self.front = cli.Front(REAL, network=os.environ.get("ONE_NETWORK"))
            return
        certificates()
        self.package = package.Package(TOP, os.path.join(work_dir(), "one"), {**settings(), **more})
        self.front = oned.Front(self.package.location, periods=PERIODS)

    def __enter__(self):
        if not REAL:
            self.package.start()
        self.front.start()
        return self

    def __exit__(self, kind, error, _):
        if error is not None:
            print(self.story())
        self.front.stop()
        if REAL:
            return
        if error is not None:
            self.package.kill()
            return
        self.package.stop()
        check("how the drivers ended", [driver.process.returncode for driver in (self.front.vmm, self.front.im)], [0, 0])

    def story(self):
        """What crossed, for who reads why a test failed."""
        lines = []
        if not REAL:
            start = self.front.crossed[0][0] if self.front.crossed else 0
            lines = [f"{when - start:7.2f} {source}: {readable(source, text)[:300]}" for when, source, text in self.front.crossed[-250:]]
            lines.append(f"---- brumed:\n{self.package.log()[-6000:]}")
        return "\n".join(lines)

    # ---- what tests do ----

    def node(self, name, node):
        """Tells brumed where a node is; one that made its key itself is approved by the fingerprint on its console."""
        status, body = self.package.ask("PUT", f"/nodes/{name}", {"address": "127.0.0.1", "port": node.port})
        if status not in (200, 201):
            raise Failure(f"PUT /nodes/{name}: {status} {body}")
        if REAL:
            self.approve(name, node)

    def approve(self, name, node):
        """What an admin does who has compared the fingerprints."""
        fingerprint = re.search(r"made a key for this run, SHA-256 fingerprint (\S+)", node.text())[1]
        status, body = self.package.ask("POST", f"/nodes/{name}/approve", {"fingerprint": fingerprint})
        if status != 200:
            raise Failure(f"approve {name}: {status} {body}")

    def host(self, name="node1", word="on"):
        """A host of the front-end that is in that state; its number."""
        number = self.front.host_create(name)
        self.host_is(number, word)
        return number

    def host_is(self, number, word, limit=LIMIT):
        self.front.wait(f"host {number} is {word}", lambda: self.front.host_word(number) == word, limit)

    def vm_is(self, number, word, limit=LIMIT):
        """Waits for that state. A failure of oned's on the way ends it at once, with the reason."""
        def arrived():
            now = self.front.vm_state(number)
            if now != word and now.endswith("_FAILURE"):
                raise Failure(f"VM {number} is {now}: {self.error(number)}")
            return now == word
        self.front.wait(f"VM {number} is {word}", arrived, limit)

    def error(self, number):
        """What a user sees as the reason with a VM."""
        return ElementTree.fromstring(self.front.vm_xml(number)).findtext("USER_TEMPLATE/ERROR") or ""

    def refused(self, number, action, words):
        """Asks for an action, and waits until the user sees those words and the VM runs on."""
        self.front.vm_action(number, action)
        self.front.wait(f"{action} is refused with {words!r}", lambda: re.search(words, self.error(number)), LIMIT)
        self.vm_is(number, "RUNNING")

    def images(self):
        """The test guest's kernel and initrd as images of the FILE datastore; what OS of a template says of them."""
        kernel = self.front.image_create("kernel", LINUX["vmlinuz"], "KERNEL")
        initrd = self.front.image_create("initrd", LINUX["initrd.img"], "RAMDISK")
        return {"KERNEL_DS": f"$FILE[IMAGE_ID={kernel}]", "INITRD_DS": f"$FILE[IMAGE_ID={initrd}]", "KERNEL_CMD": "console=ttyS0 quiet"}

    def disk_image(self, name, content, persistent=False):
        return self.front.image_create(name, write_file(name, content), "DATABLOCK" if persistent else "OS", persistent)

    def console(self, host, number):
        return package.Console(self.package.console(host, f"one-{number}"))

    def login(self, host, number):
        """The VM's console, at the guest's shell."""
        console = self.console(host, number)
        console.login()
        return console

    def requests(self, number):
        """Types of the requests that the VMM driver got for a VM; of the model only."""
        return [text.split()[0] for _, source, text in self.front.crossed
                if source == "VMM >>" and text.split()[1:2] == [str(number)]]
