# SPDX-License-Identifier: Apache-2.0
"""A model of OpenNebula's front-end: oned with its VMM and transfer drivers, and monitord.

It starts the drivers that are installed in an ONE_LOCATION as the real ones do and takes VMs through the same states. Front is what a
user does: the same methods as in cli.py, which does them on a real installation.

    PENDING -> PROLOG -> BOOT -> RUNNING -> SHUTDOWN -> EPILOG -> DONE
                 |         |      |    ^       |           |
                 v         v      |    +-------+ failed    v
       PROLOG_FAILURE  BOOT_FAILURE    |             EPILOG_FAILURE
                                  +--> SHUTDOWN_POWEROFF -> POWEROFF -> BOOT_POWEROFF -> RUNNING
                                  +--> UNKNOWN     its host is in ERROR
"""
import hashlib
import os
import shutil
import socket
import threading
import time

import clock
import monitord
import states
import texts
import transfer
import wire
from driver import Driver
from states import ACTIVE, DONE, LCM_NUMBER, PENDING, POWEROFF, SUSPENDED, UNDEPLOYED

ERROR_MAX = 100                # characters of a reason that a user sees
GUARD = 30                     # seconds after a VM began or ended in which STATE_VM is not believed

# Requests that change a running VM and leave it running, however they end: request, the LCM state meanwhile.
CHANGES = {"disk-attach": ("ATTACHDISK", "HOTPLUG"), "disk-detach": ("DETACHDISK", "HOTPLUG"), "nic-attach": ("ATTACHNIC", "HOTPLUG_NIC"),
           "nic-detach": ("DETACHNIC", "HOTPLUG_NIC"), "snapshot-create": ("SNAPSHOTCREATE", "HOTPLUG_SNAPSHOT"),
           "snapshot-revert": ("SNAPSHOTREVERT", "HOTPLUG_SNAPSHOT"), "snapshot-delete": ("SNAPSHOTDELETE", "HOTPLUG_SNAPSHOT"),
           "disk-resize": ("RESIZEDISK", "DISK_RESIZE"), "disk-snapshot-create": ("DISKSNAPSHOTCREATE", "DISK_SNAPSHOT"),
           "resize": ("RESIZE", "HOTPLUG_RESIZE"), "updateconf": ("UPDATECONF", "HOTPLUG"), "exec": ("EXEC", "HOTPLUG")}
SHUTDOWNS = {"terminate": "SHUTDOWN", "poweroff": "SHUTDOWN_POWEROFF", "undeploy": "SHUTDOWN_UNDEPLOY"}


class Refused(Exception):
    """What the user asks for is not possible in this state."""


class Vm:
    def __init__(self, number, template, now):
        self.id = number
        self.template, self.user_template = template, {}
        self.name = template.pop("NAME", f"vm-{number}")
        self.state, self.lcm = PENDING, 0
        self.stime = int(now)
        self.deploy_id = ""
        self.host = None
        self.history, self.monitoring = [], {}
        self.log = []

    @property
    def word(self):
        return states.word(self.state, self.lcm)


class Image:
    def __init__(self, number, name, kind, path, persistent):
        self.id, self.name, self.kind, self.path, self.persistent = number, name, kind, path, persistent


class Front:
    """The front-end of one OpenNebula. location: an ONE_LOCATION with the package installed; environment: more variables for drivers."""

    real = False
    SYSTEM_ID, IMAGES_ID, FILES_ID = 102, 103, 104

    def __init__(self, location, environment=None, periods=None, tell=None):
        self.name = socket.gethostname()                 # as it stands in transfer files
        self.location = location
        self.var = os.path.join(location, "var")
        self.datastores = os.path.join(self.var, "datastores")
        for number in (self.SYSTEM_ID, self.IMAGES_ID, self.FILES_ID):
            os.makedirs(os.path.join(self.datastores, str(number)), exist_ok=True)
        self.environment = {**os.environ, "ONE_LOCATION": location, **(environment or {})}
        self.clock = clock.Clock()
        self.lock = threading.RLock()
        self.condition = threading.Condition(self.lock)
        self.crossed = []                                # (time, source, text): all that crossed any border
        self._tell = tell
        self.hosts, self.vms, self.images = {}, {}, {}
        self.transfers = transfer.Transfers(os.path.join(self.var, "remotes"), self.environment, self.var, self.tell)
        self.monitord = monitord.Monitord(self, periods)
        self.vmm = self._driver("oned.conf", "VM_MAD", self._vmm_line, "VMM")
        self.im = self.monitord.driver = self._driver("monitord.conf", "IM_MAD", self.monitord.receive, "IM")

    def _driver(self, file, block, receive, source):
        """A driver as the configuration says, which install.sh has written."""
        with open(os.path.join(self.location, "etc", file), encoding="utf-8") as stream:
            text = "\n".join(line.partition("#")[0] for line in stream.read().splitlines())
        words = next(vector for vector in wire.vectors(text, block) if vector["NAME"] == "brume")
        return Driver(os.path.join(self.location, "lib/mads", words["EXECUTABLE"]), words["ARGUMENTS"], receive, self.environment,
                      lambda direction, line: self.tell(f"{source} {direction}", line), self.var)

    def start(self):
        """Starts the drivers, as oned does when it starts."""
        for driver in (self.vmm, self.im):
            if not driver.start():
                raise Refused(f"{driver.command[0]}: {driver.failed}")
        threading.Thread(target=self._timer, daemon=True).start()

    def stop(self):
        self.monitord.close()
        for driver in (self.vmm, self.im):
            driver.finish()

    def _timer(self):
        while not self.monitord.closing:
            self.clock.pause(0.5)
            with self.lock:
                self.monitord.look()

    # ---- what is seen ----

    def tell(self, source, text):
        entry = (self.clock.now(), source, text)
        self.crossed.append(entry)
        if self._tell:
            self._tell(*entry)

    def changed(self):
        with self.lock:
            self.condition.notify_all()

    def wait(self, what, predicate, limit):
        """Waits until predicate() is true; what: words for the failure."""
        end = time.monotonic() + limit
        with self.condition:
            while not (found := predicate()):
                left = end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{what} within {limit:g} s")
                self.condition.wait(min(left, 1))
            return found

    def let_pass(self, seconds):
        """Moves the model's time on."""
        self.clock.advance(seconds)

    def log(self, machine, source, level, text):
        line = f"{texts.stamp(self.clock.now())} [Z0][{source}][{level}]: {text}"
        machine.log.append(line)
        self.tell(f"vm {machine.id}", f"[{source}][{level}]: {text}")
        self.changed()

    def system_dir(self, machine):
        return f"{self.datastores}/{self.SYSTEM_ID}/{machine.id}"

    def vm_dir(self, machine):
        return os.path.join(self.var, "vms", str(machine.id))

    # ---- hosts and images, as a user sees them ----

    def host_create(self, name):
        with self.lock:
            host = monitord.Host(len(self.hosts) + 1, name)
            self.hosts[host.id] = host
            self.monitord.add(host)
            return host.id

    def host_action(self, number, action):
        """offline, enable"""
        with self.lock:
            getattr(self.monitord, action)(self.hosts[number])

    def host_xml(self, number):
        with self.lock:
            return texts.host(self.hosts[number])

    def host_word(self, number):
        with self.lock:
            return monitord.STATE_WORDS[self.hosts[number].state]

    def image_create(self, name, path, kind="OS", persistent=False):
        """A file becomes an image of a datastore with DS_MAD fs; KERNEL and RAMDISK go to the FILE datastore."""
        with self.lock:
            number = len(self.images)
            store = self.FILES_ID if kind in ("KERNEL", "RAMDISK", "CONTEXT") else self.IMAGES_ID
            source = os.path.join(self.datastores, str(store), hashlib.md5(f"{number} {name}".encode()).hexdigest())
            shutil.copyfile(path, source)
            self.images[number] = Image(number, name, kind, source, persistent)
            return number

    def image_content(self, number):
        with open(self.images[number].path, "rb") as stream:
            return stream.read()

    # ---- VMs ----

    def vm_create(self, template, host):
        """Creates a VM of a template and deploys it to a host; returns its number."""
        with self.lock:
            machine = Vm(len(self.vms), {key: value for key, value in template.items()}, self.clock.now())
            self.vms[machine.id] = machine
            os.makedirs(self.vm_dir(machine), exist_ok=True)
            self._fill(machine)
            machine.host = self.hosts[host]
            self._prolog(machine)
            return machine.id

    def vm_xml(self, number):
        with self.lock:
            return texts.vm(self.vms[number])

    def vm_log(self, number):
        with self.lock:
            return "\n".join(self.vms[number].log) + "\n"

    def vm_state(self, number):
        with self.lock:
            return self.vms[number].word

    def _fill(self, machine):
        """What oned writes into the template of a new VM."""
        template = machine.template
        disks = template.get("DISK", [])
        template["DISK"] = [self._disk(number, disk) for number, disk in enumerate(disks)]
        system = template["OS"] = {"ARCH": "x86_64", "UUID": f"00000000-0000-4000-8000-{machine.id:012x}", **template.get("OS", {})}
        for base in ("KERNEL", "INITRD"):
            if system.get(base + "_DS"):
                image = self.images[int(system[base + "_DS"].partition("IMAGE_ID=")[2].rstrip("]"))]
                system.update({f"{base}_DS_ID": image.id, f"{base}_DS_SOURCE": image.path, f"{base}_DS_DSID": self.FILES_ID,
                               f"{base}_DS_TM": "brume", f"{base}_DS_CLUSTER_ID": 0})
        template["NIC"] = [self._nic(machine, number, nic) for number, nic in enumerate(template.get("NIC", []))]
        if "GRAPHICS" in template:
            template["GRAPHICS"] = {"PORT": 5900 + machine.id, **template["GRAPHICS"]}
        if "CONTEXT" in template:
            self._fill_context(template, len(disks))
        template.update({"AUTOMATIC_DS_REQUIREMENTS": '("CLUSTERS/ID" @> 0)', "AUTOMATIC_NIC_REQUIREMENTS": '("CLUSTERS/ID" @> 0)',
                         "AUTOMATIC_REQUIREMENTS": "(CLUSTER_ID = 0) & !(PIN_POLICY = PINNED)", "TM_MAD_SYSTEM": "brume",
                         "VMID": machine.id, "SECURITY_GROUP_RULE": [
                             {"PROTOCOL": "ALL", "RULE_TYPE": way, "SECURITY_GROUP_ID": 0, "SECURITY_GROUP_NAME": "default"}
                             for way in ("OUTBOUND", "INBOUND")]} if template["NIC"] else {"VMID": machine.id, "TM_MAD_SYSTEM": "brume",
                         "AUTOMATIC_REQUIREMENTS": "(CLUSTER_ID = 0) & !(PIN_POLICY = PINNED)"})
        for name in ("DISK", "NIC"):
            if not template[name]:
                del template[name]

    def _disk(self, number, disk):
        target = "sd" + "acdefghij"[number]              # b is the context's: it is given its name after the OS disk, before all others
        common = {"ALLOW_ORPHANS": "YES", "CLUSTER_ID": 0, "DEV_PREFIX": "sd", "DISK_ID": number, "DISK_TYPE": "FILE", "DRIVER": "raw",
                  "FORMAT": "raw", "PERSISTENT_SNAPSHOTS": "NO", "TARGET": target, "TM_MAD": "brume"}
        if "IMAGE_ID" not in disk:
            return {**common, "DATASTORE": "brume-system", "DATASTORE_ID": self.SYSTEM_ID, "TYPE": "fs", **disk}
        image = self.images[int(disk["IMAGE_ID"])]
        size = -(-os.path.getsize(image.path) // 1048576)
        kept = {"PERSISTENT": "YES"} if image.persistent else {}
        return {**common, **kept, "CLONE": "NO" if image.persistent else "YES", "CLONE_TARGET": "SYSTEM", "LN_TARGET": "SYSTEM",
                "DATASTORE": "brume-images", "DATASTORE_ID": self.IMAGES_ID, "DISK_SNAPSHOT_TOTAL_SIZE": 0, "IMAGE": image.name,
                "IMAGE_STATE": 8 if image.persistent else 2, "ORIGINAL_SIZE": size, "READONLY": "NO",
                "SAVE": "YES" if image.persistent else "NO", "SIZE": size, "SOURCE": image.path, "TYPE": "FILE", **disk}

    @staticmethod
    def _nic(machine, number, nic):
        return {"AR_ID": 0, "BRIDGE": "onebr0", "BRIDGE_TYPE": "linux", "CLUSTER_ID": 0, "IP": f"10.9.{machine.id}.{number + 10}",
                "MAC": f"02:00:0a:09:{machine.id:02x}:{number + 10:02x}", "MODEL": "virtio", "NAME": f"NIC{number}", "NETWORK": "net",
                "NETWORK_ID": 0, "NIC_ID": number, "SECURITY_GROUPS": "0", "TARGET": f"one-{machine.id}-{number}", "VN_MAD": "bridge", **nic}

    @staticmethod
    def _fill_context(template, number):
        values = {"DISK_ID": number, "TARGET": "sdb", **template["CONTEXT"]}
        if values.get("NETWORK") == "YES":
            for nic in template["NIC"]:
                values.update({f"ETH{nic['NIC_ID']}_IP": nic["IP"], f"ETH{nic['NIC_ID']}_MAC": nic["MAC"], f"ETH{nic['NIC_ID']}_MTU": ""})
        template["CONTEXT"] = values

    # ---- a VM's way ----

    def _become(self, machine, state, lcm="LCM_INIT"):
        number = LCM_NUMBER[lcm]
        if machine.state != state:
            machine.state = state
            self.log(machine, "VM", "I", f"New state is {states.STATE[state]}")
        if machine.lcm != number:
            machine.lcm = number
            self.log(machine, "VM", "I", f"New LCM state is {lcm}")

    def _record(self, machine):
        """A new record of the VM's history."""
        now = int(self.clock.now())
        machine.history.append({"vm": machine.id, "seq": len(machine.history), "host": machine.host.name, "hid": machine.host.id,
                                "stime": now, "etime": 0, "rstime": 0, "retime": 0, "ds": self.SYSTEM_ID})

    def _began(self, machine):
        machine.history[-1].update(rstime=int(self.clock.now()), retime=0)

    def _ended(self, machine):
        machine.history[-1]["retime"] = int(self.clock.now())

    def _error(self, machine, what, why):
        """The reason that a user sees with the VM."""
        if why and not why.startswith("-"):
            text = f"{what}: {why}"
            shown = text if len(text) < ERROR_MAX else text[:ERROR_MAX] + "... see more details in VM log"
            machine.user_template["ERROR"] = f"{texts.stamp(self.clock.now())}: {shown}"
            self.log(machine, "VMM", "E", text)

    def _transfer(self, machine, phase, lines, done):
        path = os.path.join(self.vm_dir(machine), f"transfer.{len(machine.history) - 1}.{phase}")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write("".join(line + "\n" for line in lines))
        def result(good, why):
            with self.lock:
                if why:
                    machine.user_template["ERROR"] = f"{texts.stamp(self.clock.now())}: Error executing image transfer script: {why}"
                    self.log(machine, "TrM", "E", f"Error executing image transfer script: {why}")
                done(machine, good)
                self.changed()
        self.transfers.start(path, machine.id, result)

    def _prolog(self, machine):
        self._become(machine, ACTIVE, "PROLOG")
        self._record(machine)
        lines = transfer.prolog(machine, self)
        for base in ("KERNEL", "INITRD"):
            if machine.template["OS"].get(base + "_DS"):
                machine.template["OS"][base] = f"{self.system_dir(machine)}/{base.lower()}"
        self._transfer(machine, "prolog", lines, self._prolog_done)

    def _prolog_done(self, machine, good):
        if machine.word == "PROLOG_UNDEPLOY":
            if good:
                self._deploy(machine, "BOOT_UNDEPLOY")
            else:
                self._become(machine, ACTIVE, "PROLOG_UNDEPLOY_FAILURE")
        elif machine.word == "PROLOG":
            if good:
                self._deploy(machine, "BOOT")
            else:
                self._become(machine, ACTIVE, "PROLOG_FAILURE")

    def _deploy(self, machine, lcm):
        self._become(machine, ACTIVE, lcm)
        self._began(machine)
        number = machine.history[-1]["seq"]
        local = os.path.join(self.vm_dir(machine), f"deployment.{number}")
        with open(local, "w", encoding="utf-8") as stream:
            stream.write(texts.vm(machine))
        if "CONTEXT" in machine.template:
            with open(os.path.join(self.vm_dir(machine), "context.sh"), "w", encoding="utf-8") as stream:
                stream.write(texts.context_file(machine.template["CONTEXT"]))
        self.log(machine, "VMM", "I", f"Generating deployment file: {local}")
        self._request(machine, "DEPLOY", local=local, remote=f"{self.system_dir(machine)}/deployment.{number}", context=True)

    def _request(self, machine, kind, context=False, **fields):
        """A request to the VMM driver."""
        commands = transfer.context(machine, self) if context else fields.pop("commands", "")
        target = f"{self.system_dir(machine)}/disk.{machine.template['CONTEXT']['DISK_ID']}" if context and commands else ""
        deploy_id = "" if kind == "DEPLOY" else machine.deploy_id
        text = texts.action(machine, machine.host.name, texts.system_datastore(self.SYSTEM_ID, f"{self.datastores}/{self.SYSTEM_ID}"),
                            commands=commands, target=target, deploy_id=deploy_id, **fields)
        self.vmm.send(wire.request(kind, machine.id, text))

    # ---- what a user asks for ----

    def vm_action(self, number, action):
        """ACTION as of `onevm ACTION`, with --hard, --delete and so on behind it. Refused if the state does not allow it."""
        with self.lock:
            machine = self.vms[number]
            machine.user_template.pop("ERROR", None)
            name, _, option = action.partition(" --")
            if name in SHUTDOWNS:
                self._shutdown(machine, name, option == "hard")
            elif name in CHANGES:
                self._need(machine, "RUNNING")
                request, lcm = CHANGES[name]
                self._become(machine, ACTIVE, lcm)
                self._request(machine, request)
            else:
                getattr(self, "_user_" + name)(machine, option)

    @staticmethod
    def _need(machine, *words):
        if machine.word not in words:
            raise Refused(f"this action is not possible in state {machine.word}")

    def _shutdown(self, machine, name, hard):
        lcm = SHUTDOWNS[name]
        if name == "terminate" and machine.word in ("POWEROFF", "SUSPENDED", "PROLOG_FAILURE", "BOOT_FAILURE", "UNDEPLOYED"):
            self._epilog(machine)
            return
        pending = machine.word in SHUTDOWNS.values()
        self._need(machine, "RUNNING", "UNKNOWN", *(SHUTDOWNS.values() if hard else ()))
        self._become(machine, ACTIVE, lcm)
        if hard:
            if pending:
                self.vmm.send(wire.request("DRIVER_CANCEL", machine.id))
            self._request(machine, "CANCEL")
        else:
            self._request(machine, "SHUTDOWN")

    def _user_reboot(self, machine, option):
        self._need(machine, "RUNNING")
        self._request(machine, "RESET" if option == "hard" else "REBOOT")

    def _user_suspend(self, machine, _):
        self._need(machine, "RUNNING")
        self._become(machine, ACTIVE, "SAVE_SUSPEND")
        self._request(machine, "SAVE", checkpoint=f"{self.system_dir(machine)}/checkpoint")

    def _user_resume(self, machine, _):
        self._need(machine, "POWEROFF", "UNKNOWN", "SUSPENDED", "UNDEPLOYED")
        was = machine.word
        self._record(machine)
        if was == "SUSPENDED":
            self._become(machine, ACTIVE, "BOOT_SUSPENDED")
            self._began(machine)
            self._request(machine, "RESTORE", context=True, checkpoint=f"{self.system_dir(machine)}/checkpoint")
        elif was == "UNDEPLOYED":
            self._become(machine, ACTIVE, "PROLOG_UNDEPLOY")
            self._transfer(machine, "resume", transfer.move(machine, self, self.name, machine.host.name), self._prolog_done)
        else:
            self._deploy(machine, f"BOOT_{was}")

    def _user_recover(self, machine, option):
        getattr(self, "_recover_" + option)(machine)

    def _recover_delete(self, machine):
        if machine.state != ACTIVE or machine.word.startswith(("PROLOG", "EPILOG")):
            where = self.name if machine.word == "UNDEPLOYED" else machine.host.name
            self._become(machine, ACTIVE, "CLEANUP_DELETE")
            self._transfer(machine, "delete", transfer.epilog(machine, self, where, True), self._deleted)
            return
        self.vmm.send(wire.request("DRIVER_CANCEL", machine.id))
        self._become(machine, ACTIVE, "CLEANUP_DELETE")
        lines = "".join(line + "\n" for line in transfer.epilog(machine, self, machine.host.name, True))
        self._request(machine, "CLEANUP", commands=lines)

    def _recover_retry(self, machine):
        self._need(machine, "BOOT_FAILURE", "PROLOG_FAILURE", "EPILOG_FAILURE")
        if machine.word == "BOOT_FAILURE":
            self._deploy(machine, "BOOT")
        elif machine.word == "EPILOG_FAILURE":
            self._epilog(machine)
        else:
            self._prolog(machine)

    def _recover_success(self, machine):
        self._answered(machine, wire.Message(self._pending(machine), "SUCCESS", machine.id, 0, machine.deploy_id or f"one-{machine.id}"))

    def _recover_failure(self, machine):
        self._answered(machine, wire.Message(self._pending(machine), "FAILURE", machine.id, 0, "-"))

    @staticmethod
    def _pending(machine):
        if machine.word.startswith("BOOT"):
            return "DEPLOY"
        if machine.word.startswith("SHUTDOWN"):
            return "SHUTDOWN"
        raise Refused(f"nothing to recover in state {machine.word}")

    def _epilog(self, machine):
        where = self.name if machine.word == "UNDEPLOYED" else machine.host.name
        self._become(machine, ACTIVE, "EPILOG")
        self._transfer(machine, "epilog", transfer.epilog(machine, self, where), self._epilog_done)

    def _epilog_done(self, machine, good):
        if machine.word == "EPILOG_UNDEPLOY":
            self._become(machine, *((UNDEPLOYED,) if good else (ACTIVE, "EPILOG_UNDEPLOY_FAILURE")))
        elif machine.word == "EPILOG":
            self._become(machine, *((DONE,) if good else (ACTIVE, "EPILOG_FAILURE")))

    def _deleted(self, machine, _):
        self._become(machine, DONE)

    # ---- answers of the VMM driver ----

    def _vmm_line(self, line):
        with self.lock:
            try:
                message = wire.parse(line)
            except wire.Bad as error:
                self.tell("oned", f"E: the driver wrote {error}")
                return
            machine = self.vms.get(message.id)
            if message.type == "LOG":
                if machine:
                    self.log(machine, "VMM", message.status[:1], message.payload)
                return
            if machine is None:
                self.tell("oned", f"E: {message.type} for VM {message.id}, which there is not")
                return
            if machine.lcm == 0:
                self.log(machine, "VMM", "W", f"Ignored: {message.type} {message.status} {message.payload}")
                return
            self._answered(machine, message)
            self.changed()

    def _answered(self, machine, message):
        good, why = message.status == "SUCCESS", message.payload.strip()
        if message.type in ("DEPLOY", "RESTORE"):
            words = why.split()
            self._booted(machine, good and (message.type == "RESTORE" or bool(words)), words[0] if good and words else "", message)
        elif message.type in ("SHUTDOWN", "CANCEL"):
            self._shut(machine, good, message)
        elif message.type == "CLEANUP":
            if machine.word == "CLEANUP_DELETE":
                self._deleted(machine, good)
        elif message.type in ("REBOOT", "RESET"):
            self.log(machine, "VMM", "I" if good else "E", "VM successfully rebooted." if good else f"Error rebooting VM: {why}")
            if not good:
                self._error(machine, message.type, why)
        elif message.type == "SAVE":
            if machine.word == "SAVE_SUSPEND":
                self._become(machine, *((SUSPENDED,) if good else (ACTIVE, "RUNNING")))
            if not good:
                self._error(machine, "SAVE", why)
        elif message.type in {request for request, _ in CHANGES.values()}:
            if not good:
                self._error(machine, message.type, why)
            if machine.word in {lcm for _, lcm in CHANGES.values()}:
                self._become(machine, ACTIVE, "RUNNING")
        else:
            self.tell("oned", f"E: undefined answer {message.type}")

    def _booted(self, machine, good, deploy_id, message):
        was = machine.word
        if not was.startswith("BOOT"):
            if was != "RUNNING":
                self.log(machine, "LCM", "E", f"deploy_{'success' if good else 'failure'}_action, VM in a wrong state")
            return
        if good:
            if message.type == "DEPLOY":
                machine.deploy_id = deploy_id
            self._become(machine, ACTIVE, "RUNNING")
            return
        self._error(machine, message.type, message.payload.strip())
        after = {"BOOT": (ACTIVE, "BOOT_FAILURE"), "BOOT_POWEROFF": (POWEROFF,), "BOOT_UNKNOWN": (ACTIVE, "UNKNOWN"),
                 "BOOT_SUSPENDED": (SUSPENDED,), "BOOT_UNDEPLOY": (ACTIVE, "BOOT_UNDEPLOY_FAILURE")}
        self._become(machine, *after.get(was, (ACTIVE, was)))
        self._ended(machine)

    def _shut(self, machine, good, message):
        if machine.word not in SHUTDOWNS.values():
            self.log(machine, "LCM", "E", f"shutdown_{'success' if good else 'failure'}_action, VM in a wrong state")
            return
        if not good:
            self._error(machine, message.type, message.payload.strip())
            self._become(machine, ACTIVE, "RUNNING")
            self.log(machine, "LCM", "I", "Fail to shutdown VM. Assuming that the VM is still RUNNING.")
            return
        self._ended(machine)
        self._after_shutdown(machine)

    def _after_shutdown(self, machine):
        if machine.word == "SHUTDOWN":
            self._epilog(machine)
        elif machine.word == "SHUTDOWN_UNDEPLOY":
            self._become(machine, ACTIVE, "EPILOG_UNDEPLOY")
            self._transfer(machine, "stop", transfer.move(machine, self, machine.host.name, self.name), self._epilog_done)
        else:
            self._become(machine, POWEROFF)

    # ---- what monitord tells ----

    def system_host(self, host, text):
        try:
            values = wire.template(text)
        except wire.Bad as error:
            self.tell("oned", f"E: SYSTEM_HOST of host {host.id}: {error}")
            return
        kept = {}
        for name, value in values:
            kept.setdefault(name, []).append(value)
        host.template.pop("VM", None)
        for name, found in kept.items():
            target = host.capacity if name in ("TOTALCPU", "TOTALMEMORY") else host.template
            target[name] = found if len(found) > 1 or isinstance(found[0], dict) else found[0]

    def host_state(self, host, why):
        self.tell("monitord", f"host {host.id} is {monitord.STATE_WORDS[host.state]}{': ' + why if why else ''}")
        if why:
            host.template["ERROR"] = why
        else:
            host.template.pop("ERROR", None)
        if host.state == monitord.ERROR:
            for machine in self.vms.values():
                if machine.host is host and machine.word == "RUNNING":
                    self._become(machine, ACTIVE, "UNKNOWN")
        self.changed()

    def monitor_vm(self, host, vector):
        machine = self.vms.get(int(vector.get("ID", -1)))
        if machine and machine.host is host:
            machine.monitoring.update({name: value for name, value in vector["MONITOR"] if not isinstance(value, dict)})

    def states_of_vms(self, host, text):
        """STATE_VM: single states, and with SYNC_STATE what is missing in the list."""
        try:
            values = wire.template(text)
        except wire.Bad as error:
            self.tell("oned", f"E: STATE_VM of host {host.id}: {error}")
            return
        single = {name: value for name, value in values if not isinstance(value, dict)}
        seen = set()
        for vector in (value for name, value in values if name == "VM"):
            number = int(vector["ID"])
            seen.add(number)
            machine = self.vms.get(number)
            if machine is not None and machine.host is host:
                self._reported(machine, vector.get("STATE", ""), vector.get("DEPLOY_ID", ""))
        if single.get("SYNC_STATE", "").lower() == "yes":
            self._synchronize(host, seen, single.get("MISSING_STATE", "UNKNOWN"))

    def _synchronize(self, host, seen, missing):
        running = ("RUNNING", "UNKNOWN", *SHUTDOWNS.values())
        for machine in self.vms.values():
            if machine.host is host and machine.word in running and machine.id not in seen:
                self._reported(machine, "FAILURE" if missing == "UNKNOWN" else missing, "")
        zombies = sorted(number for number in seen if number >= 0 and not self._lives_on(number, host))
        host.template.pop("ZOMBIES", None)
        host.template["TOTAL_ZOMBIES"] = str(len(zombies))
        if zombies:
            host.template["ZOMBIES"] = ",".join(map(str, zombies))

    def _lives_on(self, number, host):
        machine = self.vms.get(number)
        return machine is not None and machine.host is host and machine.state != DONE

    def _reported(self, machine, state, deploy_id):
        """What STATE_VM says of one VM. Within GUARD of its begin or end nothing is believed."""
        if machine.state not in (ACTIVE, POWEROFF, SUSPENDED):
            return
        record, now = machine.history[-1], self.clock.now()
        if now - record["rstime"] < GUARD or now - record["retime"] < GUARD:
            self.log(machine, "VMM", "I", f"Ignoring VM state update ({state})")
            return
        was = machine.word
        if state == "RUNNING" and (was in ("POWEROFF", "SUSPENDED", "UNKNOWN") or was.startswith("BOOT")):
            machine.deploy_id = deploy_id or machine.deploy_id
            machine.history[-1]["retime"] = 0
            self._become(machine, ACTIVE, "RUNNING")
        elif state == "POWEROFF" and was in ("RUNNING", "UNKNOWN"):
            self._ended(machine)
            self._become(machine, POWEROFF)
        elif state == "POWEROFF" and was in SHUTDOWNS.values():
            self._ended(machine)
            self._after_shutdown(machine)
        elif state == "SUSPENDED" and was in ("RUNNING", "UNKNOWN"):
            self._become(machine, SUSPENDED)
        elif state == "FAILURE" and was == "RUNNING":
            self._become(machine, ACTIVE, "UNKNOWN")
