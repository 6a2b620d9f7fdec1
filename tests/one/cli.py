# SPDX-License-Identifier: Apache-2.0
"""A real OpenNebula front-end, by its own commands: what a user does with oned.Front, as oneadmin on that machine.

It asks for the state of things again and again, since the commands have no way to wait. Objects that it makes are deleted by stop().
"""
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from xml.etree import ElementTree

import states
import wire

SAFE = "/var/tmp"              # where files must be that become images, of a datastore without words about it


class Refused(Exception):
    """A command ended with another status than 0."""


class Front:
    real = True

    def __init__(self, location, images="brume-images", files="brume-files", network=None):
        self.location = location
        self.var = os.path.join(location, "var")
        self.environment = {**os.environ, "ONE_LOCATION": location, "PATH": os.path.join(location, "bin") + ":" + os.environ["PATH"]}
        self.images, self.files, self.network = images, files, network
        root = ElementTree.fromstring(self.run("onedatastore", "show", "-x", "brume-system"))
        self.system = root.findtext("ID")
        self.made = []                                   # commands that delete
        self.hosts = {}                                  # where each VM was deployed

    def run(self, *command):
        """What a command prints."""
        result = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if result.returncode:
            raise Refused(f"{' '.join(command)}: {result.stdout.strip()}")
        return result.stdout

    def _created(self, kind, *command):
        number = int(re.search(r"ID: (\d+)", self.run(kind, *command))[1])
        self.made.append((kind, "delete", str(number)) if kind != "onevm" else (kind, "recover", "--delete", str(number)))
        return number

    def start(self):
        self.run("onehost", "list")

    def stop(self):
        for command in reversed(self.made):
            try:
                self.run(*command)
            except Refused:
                pass                                     # it is gone already

    def wait(self, what, predicate, limit):
        """As the model's; limits are those of a machine that nobody hurries."""
        end = time.monotonic() + limit + 240
        while not (found := predicate()):
            if time.monotonic() > end:
                raise TimeoutError(f"{what} within {limit + 240:g} s")
            threading.Event().wait(1)
        return found

    def let_pass(self, seconds):
        """The model moves its time on; here it goes by itself, within the limits of wait()."""

    # ---- hosts and images ----

    def host_create(self, name):
        return self._created("onehost", "create", name, "-i", "brume", "-v", "brume")

    def host_action(self, number, action):
        self.run("onehost", action, str(number))

    def host_xml(self, number):
        return self.run("onehost", "show", "-x", str(number))

    def host_word(self, number):
        state = int(ElementTree.fromstring(self.host_xml(number)).findtext("STATE"))
        return {0: "init", 1: "update", 2: "on", 3: "err", 4: "dsbl", 8: "off"}.get(state, str(state))

    def image_create(self, name, path, kind="OS", persistent=False):
        store = self.files if kind in ("KERNEL", "RAMDISK", "CONTEXT") else self.images
        with tempfile.NamedTemporaryFile(dir=SAFE, prefix="brume-") as stream:
            shutil.copyfile(path, stream.name)
            os.chmod(stream.name, 0o644)
            number = self._created("oneimage", "create", "-d", store, "--name", f"{name}-{os.getpid()}", "--type", kind,
                                   "--path", stream.name, *(["--persistent"] if persistent else []),
                                   *([] if store == self.files else ["--format", "raw"]))
            self.wait(f"image {number} is ready", lambda: self._image(number).findtext("STATE") in ("1", "2"), 60)
        return number

    def _image(self, number):
        return ElementTree.fromstring(self.run("oneimage", "show", "-x", str(number)))

    def image_content(self, number):
        self.wait(f"image {number} is free", lambda: self._image(number).findtext("STATE") == "1", 60)
        with open(self._image(number).findtext("SOURCE"), "rb") as stream:
            return stream.read()

    # ---- VMs ----

    def vm_create(self, template, host):
        """NICs of the template need a virtual network: they get the one that was given, or are left out."""
        attributes = dict(template)
        if self.network is None:
            attributes.pop("NIC", None)
        else:
            attributes["NIC"] = [{"NETWORK": self.network, **nic} for nic in attributes.get("NIC", [])]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as stream:
            stream.write(wire.write_template(attributes))
            stream.flush()
            number = self._created("onevm", "create", "--hold", stream.name)
        self.hosts[number] = host
        self.run("onevm", "deploy", str(number), str(host), self.system)
        return number

    def vm_xml(self, number):
        return self.run("onevm", "show", "-x", str(number))

    def vm_log(self, number):
        path = os.path.join(self.var, "vms", str(number), "vm.log")
        if not os.path.exists(path):
            path = f"/var/log/one/{number}.log"
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def vm_state(self, number):
        root = ElementTree.fromstring(self.vm_xml(number))
        state, lcm = int(root.findtext("STATE")), int(root.findtext("LCM_STATE"))
        return states.word(state, lcm) if lcm in states.LCM else f"LCM {lcm}"

    def vm_action(self, number, action):
        """ACTION --OPTION becomes the option before the number; attachments and snapshots get what they need. No scheduler is needed."""
        name, *options = action.split()
        if name == "resume" and self.vm_state(number) == "UNDEPLOYED":
            self.run("onevm", "deploy", str(number), str(self.hosts[number]), self.system)
            return
        more = {"snapshot-create": ["test"], "resize": ["--memory", "128"], "disk-attach": ["--image", "0"]}.get(name, [])
        self.run("onevm", name, *options, str(number), *more)
