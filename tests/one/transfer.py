# SPDX-License-Identifier: Apache-2.0
"""Transfer files: what oned writes for each phase of a VM, and one_tm, which runs their lines one after the other.

    COMMAND[.TM_OF_THE_SYSTEM_DATASTORE] TM ARGUMENT...      as  remotes/tm/TM/command ARGUMENT...

A script that ends with another status than 0 ends the file; what it wrote between its marks, or after "ERROR: ", is the reason.
"""
import os
import re
import subprocess
import threading

MARKED = re.compile(r"ERROR MESSAGE --8<-+\n(.*?)\n?ERROR MESSAGE -+>8--", re.DOTALL)


def _image(disk):
    return disk.get("IMAGE_ID") is not None


def prolog(machine, front):
    """Lines that bring the disks, kernel and initrd of a VM to its host."""
    lines = []
    host, place = machine.host.name, front.system_dir(machine)
    for disk in machine.template.get("DISK", []):
        target = f"{host}:{place}/disk.{disk['DISK_ID']} {machine.id}"
        if not _image(disk):
            if disk["TYPE"] == "swap":
                lines.append(f"MKSWAP brume {disk['SIZE']} {target} {front.SYSTEM_ID}")
            else:
                lines.append(f"MKIMAGE brume {disk['SIZE']} {disk.get('FORMAT', 'raw')} {target} {front.SYSTEM_ID}")
            continue
        command = "CLONE" if disk["CLONE"] == "YES" else "LN"
        lines.append(f"{command} brume {front.name}:{disk['SOURCE']} {target} {disk['DATASTORE_ID']}")
    system = machine.template.get("OS", {})
    for base in ("KERNEL", "INITRD"):
        if system.get(base + "_DS"):
            lines.append(f"CLONE {system[base + '_DS_TM']} {front.name}:{system[base + '_DS_SOURCE']} {host}:{place}/{base.lower()} "
                         f"{machine.id} {system[base + '_DS_DSID']}")
    return lines


def _store(disk, front):
    return disk["DATASTORE_ID"] if _image(disk) else front.SYSTEM_ID


def epilog(machine, front, where, delete=False):
    """Lines that take them away again: persistent images go back to their datastore, unless the VM is only deleted."""
    lines = []
    place = front.system_dir(machine)
    for disk in machine.template.get("DISK", []):
        source = f"{where}:{place}/disk.{disk['DISK_ID']}"
        if _image(disk) and disk["SAVE"] == "YES" and not delete:
            lines.append(f"MVDS brume {source} {disk['SOURCE']} {machine.id} {disk['DATASTORE_ID']}")
        else:
            lines.append(f"DELETE brume {source} {machine.id} {_store(disk, front)}")
    return lines + [f"DELETE brume {where}:{place} {machine.id} {front.SYSTEM_ID}"]


def move(machine, front, source, target):
    """Lines that move a VM's folder from one place to another: undeploy, and deploy after it."""
    place = front.system_dir(machine)
    lines = [f"MV brume {source}:{place}/disk.{disk['DISK_ID']} {target}:{place}/disk.{disk['DISK_ID']} {machine.id} {_store(disk, front)}"
             for disk in machine.template.get("DISK", [])]
    return lines + [f"MV brume {source}:{place} {target}:{place} {machine.id} {front.SYSTEM_ID}"]


def context(machine, front):
    """The line of the VMM driver's request that makes the context CD-ROM, or nothing."""
    values = machine.template.get("CONTEXT")
    if not values:
        return ""
    return (f"CONTEXT brume {front.vm_dir(machine)}/context.sh {machine.host.name}:{front.system_dir(machine)}/disk.{values['DISK_ID']} "
            f"{machine.id} {front.SYSTEM_ID}\n")


def reason(stderr):
    match = MARKED.search(stderr)
    if match:
        return match[1].strip()
    plain = [line for line in stderr.splitlines() if not re.match(r"(INFO|WARN|DEBUG): ", line)]
    return " ".join(re.sub(r"^ERROR: ", "", line) for line in plain).strip()


class Transfers:
    """one_tm: several files at a time, each by a thread of its own."""

    def __init__(self, remotes, environment, folder, tell):
        self.remotes, self.environment, self.folder, self.tell = remotes, environment, folder, tell
        self.running = {}                                # by VM

    def script(self, line):
        """Runs one line; (status, reason)."""
        command, mad, *arguments = line.split()
        base = command.lower()
        path = os.path.join(self.remotes, "tm", mad, base)
        if not os.path.exists(path):
            path = os.path.join(self.remotes, "tm", mad, base.split(".")[0])
        if not os.path.exists(path):
            return 1, f"Driver path '{path}' does not exists"
        self.tell("tm", line)
        with subprocess.Popen([path, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=self.environment, cwd=self.folder) as process:
            _, stderr = process.communicate()
        return process.returncode, reason(stderr)

    def start(self, path, number, done):
        """Runs a file; done(good, reason) is called in another thread."""
        thread = threading.Thread(target=self._run, args=(path, number, done), daemon=True)
        self.running[number] = thread
        thread.start()

    def _run(self, path, number, done):
        self.tell("TM >>", f"TRANSFER  {number} {path}")
        with open(path, encoding="utf-8") as stream:
            for line in filter(None, map(str.strip, stream)):
                status, why = self.script(line)
                if status:
                    self.tell("TM <<", f"TRANSFER FAILURE {number} {why}")
                    done(False, why or f"{line.split()[0]} ended with {status}")
                    return
        self.tell("TM <<", f"TRANSFER SUCCESS {number} -")
        done(True, "")
