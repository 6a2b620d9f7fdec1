# SPDX-License-Identifier: Apache-2.0
"""brumectl as it is installed, under sanitizers, with a brumed whose node is mgmt over sockets of the host (mgmt_host.py)."""
import hashlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios

import pki
from harness import PROGRAMS, TOP, Failure, test, work_dir, write_file
from mgmt_host import Host, check
from one_fake import wait_until

sys.path.insert(0, os.path.join(TOP, "tests/one"))

from package import Package                                              # noqa: E402

LEAVE = b"\x1d"


class Foreground(Package):
    """Its brumed stays a child of the test."""

    def program(self):
        return os.path.join(self.location, "foreground")

    def start(self):
        path = self.program()
        with open(path, "w", encoding="ascii") as stream:
            stream.write(f"#!/bin/sh\nexec {super().program()} --foreground\n")
        os.chmod(path, 0o700)
        super().start()


class Front:
    """A front-end with the package and a node called n1."""

    def __init__(self):
        self.host = Host()
        pki.client("frontend", "frontend")
        self.package = Foreground(TOP, os.path.join(work_dir(), "one"), {
            "cert": pki.path("frontend.crt"), "key": pki.path("frontend.key"), "ca": pki.path("ca.crt"), "group": "-", "hostname": "fe"})
        self.program = os.path.join(self.package.location, "bin/brumectl")

    def __enter__(self):
        self.package.start()
        self.ctl("nodes", "add", "n1", "127.0.0.1", str(self.host.port))
        return self

    def __exit__(self, *error):
        self.package.kill(15)
        self.host.__exit__(*error)

    def run(self, *words, text=""):
        """(status, standard output, standard error)."""
        done = subprocess.run([self.program, *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                              env=self.package.environment, check=False)
        if "Sanitizer" in done.stderr:
            raise Failure(f"{words}: {done.stderr}")
        return done.returncode, done.stdout, done.stderr

    def ctl(self, *words, **more):
        """What it prints."""
        status, out, why = self.run(*words, **more)
        if status or why:
            raise Failure(f"{words}: {status} {out} {why}")
        return out

    def refused(self, wanted, *words, **more):
        """The sentence that it refuses with, by that status."""
        status, out, why = self.run(*words, **more)
        check((status, out, why.count("\n"), why[:10]), (wanted, "", 1, "brumectl: "), f"{words}: {why}")
        return why[10:-1]


@test
def nodes_and_vms_are_listed_and_changed():
    with Front() as front:
        check(front.ctl("node", "n1").split("\n")[0].split(), ["version", "0.1"], "node")
        row = front.ctl("nodes").splitlines()[1].split()
        check(row[:5], ["n1", "127.0.0.1", str(front.host.port), "connected", "no"], "nodes")
        check(json.loads(front.ctl("--json", "nodes"))[0]["name"], "n1", "JSON")
        vms = front.ctl("vms", "n1").splitlines()
        check([line.split()[:4] for line in vms], [["NAME", "STATE", "VCPUS", "MEMORY"], ["vm0", "running", "1", "256.0M"],
                                                   ["vm1", "stopped", "2", "256.0M"], ["vm2", "stopped", "3", "256.0M"]], "VMs")
        front.ctl("vms", "start", "n1", "vm1")
        check(json.loads(front.ctl("vms", "show", "n1", "vm1", "--json"))["state"], "running", "started")
        check(front.refused(1, "vms", "start", "n1", "vm1"), "the VM runs already", "twice")
        front.ctl("vms", "kill", "n1", "vm1")
        front.ctl("vms", "delete", "n1", "vm1")
        check(front.refused(1, "vms", "show", "n1", "vm1"), "there is no such VM", "deleted")
        front.ctl("vms", "create", "n1", "-", text="vm new\n")
        check("brume_vm_running{vm=\"vm0\"} 1" in front.ctl("metrics", "n1"), True, "metrics")
        check(json.loads(front.ctl("metrics", "n1", "--json"))["cpus"], 2, "counters")
        check(front.ctl("log", "n1"), "brume: ready now\n", "log")
        check("fingerprint" in front.ctl("nodes", "certificate", "n1"), True, "certificate")
        front.ctl("nodes", "remove", "n1")
        check(json.loads(front.ctl("nodes", "show", "n1", "--json"))["listed"], False, "removed")


@test
def wrong_words_and_lost_ends_are_told_apart():
    with Front() as front:
        for words in (("nothing",), ("vms",), ("vms", "start", "n1"), ("nodes", "--wrong"), ("nodes", "add", "x", "y", "0")):
            front.refused(2, *words)
        check(front.run()[0], 2, "no words")
        check(front.run("--help")[1].count("\n") > 20, True, "help")
        for words in (("--help",), ("nodes",), ("--json", "nodes"), ("metrics", "n1")):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([front.program, *words], stdout=full, stderr=subprocess.PIPE, text=True, env=front.package.environment, check=False)
            check((done.returncode, done.stderr), (1, "brumectl: standard output: No space left on device\n"), f"{words} to a full disk")
        front.ctl("nodes", "add", "gone", "127.0.0.1", "1")
        front.refused(3, "vms", "gone")
        front.refused(1, "nodes", "show", "none")
        front.package.kill(15)
        why = front.refused(3, "nodes")
        check(("brumed does not answer" in why, "No such file" in why or "refused" in why), (True, True), why)
        front.package.start()


@test
def a_node_that_signed_itself_is_approved():
    with Front() as front:
        shown = json.loads(front.ctl("nodes", "certificate", "n1", "--json"))["fingerprint"]
        front.refused(1, "approve", "n1", "41:DD")
        front.ctl("approve", "n1", shown)
        check(front.ctl("nodes").splitlines()[1].split()[4], "yes", "approved")
        check(front.ctl("vms", "n1").count("\n"), 4, "reached")
        front.refused(2, "approve", "n1")                        # without a terminal nobody can be asked


@test
def images_go_up_go_on_and_come_back():
    data = os.urandom(3 << 20)
    name, half = write_file("disk.img", data), len(data) // 2
    with Front() as front:
        pki.client("operator", "operator")
        digest = hashlib.sha256(data).hexdigest()
        front.host.curl("/v1/images/disk.img", "operator", "-T", write_file("half", data[:half]), "-H", f"X-SHA256: {digest}",
                        "-H", f"Content-Range: bytes 0-{half - 1}/{len(data)}")
        check(front.ctl("images", "n1").splitlines()[1].split()[:3], ["disk.img", "3.0M", "50%"], "half")
        front.refused(1, "images", "download", "n1", "disk.img")
        answer = json.loads(front.ctl("images", "upload", "n1", name, "--json"))
        check(answer, {"name": "disk.img", "sha256": digest, "bytes": len(data)}, "upload")
        check(front.ctl("images", "n1").splitlines()[1].split(), ["disk.img", "3.0M", "100%", digest], "whole")
        front.ctl("images", "upload", "n1", name)                # is there
        back = os.path.join(work_dir(), "back.img")
        with open(back + ".part", "wb") as stream:
            stream.write(data[:1000])
        front.ctl("images", "download", "n1", "disk.img", back)
        with open(back, "rb") as stream:
            check(stream.read() == data, True, "content")
        with open(back + ".part", "wb") as stream:
            stream.write(b"something else")
        check("is not the image" in front.refused(1, "images", "download", "n1", "disk.img", back), True, "spoilt")
        check("another image" in front.refused(1, "images", "upload", "n1", write_file("other", b"x"), "disk.img"), True, "another")
        front.ctl("images", "delete", "n1", "disk.img")
        check(front.ctl("images", "n1", "--json"), "[]\n", "deleted")
        check(front.ctl("disks", "n1").split(), ["NAME", "SIZE", "CHANGED", "READ-ONLY", "IMAGE", "VM"], "disks")


@test
def a_console_is_used_from_a_terminal():
    with Front() as front:
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(front.program, [front.program, "console", "n1", "vm0"], front.package.environment)
        seen = b""

        def expect(pattern):
            nonlocal seen
            while not re.search(pattern, seen):
                if not select.select([terminal], [], [], 30)[0]:
                    raise Failure(f"no {pattern!r} in {seen!r}")
                seen += os.read(terminal, 4096)

        expect(rb"Ctrl-\] leaves")
        expect(rb"login: ")
        os.write(terminal, b"root\x03")
        expect(rb"login: root\x03")                              # Ctrl-C went to the VM, and came back
        os.write(terminal, LEAVE)
        check(os.waitpid(pid, 0)[1], 0, "status")
        os.close(terminal)
        check(front.refused(1, "console", "n1", "none"), "there is no such VM", "console")


@test
def a_terminal_is_given_back_as_it_was():
    """A console that is killed or that brumed ends, a password that is not given."""
    with Front() as front:
        def end(words, prompt, how):
            seen, (mine, its) = b"", pty.openpty()
            before = termios.tcgetattr(its)
            process = subprocess.Popen([front.program, *words], stdin=its, stdout=its, stderr=its, env=front.package.environment)
            while prompt not in seen:
                if not select.select([mine], [], [], 30)[0]:
                    raise Failure(f"no {prompt!r} in {seen!r}")
                seen += os.read(mine, 4096)
            wait_until(lambda: termios.tcgetattr(its) != before, "its own settings")
            how(process)
            status = process.wait(30)
            check(termios.tcgetattr(its), before, f"settings after {words}")
            if select.select([mine], [], [], 1)[0]:
                seen += os.read(mine, 65536)
            os.close(mine)
            os.close(its)
            return status, seen

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for words, prompt in ((("console", "n1", "vm0"), b"login: "), (("vms", "vnc", "n1", "vm0", "45913"), b"password")):
                check(end(words, prompt, lambda process, number=number: process.send_signal(number))[0], 128 + number, "status")
        status, seen = end(("console", "n1", "vm0"), b"login: ", lambda _: front.package.kill(15))
        check((status, b"[the console has ended]" in seen), (0, True), seen)


@test
def vnc_consoles_are_opened_without_telling_the_password():
    with Front() as front:
        check(front.ctl("vms", "vnc", "n1", "vm0").split(), ["port", "0"], "closed")
        front.ctl("vms", "vnc", "n1", "vm0", "45912", text="secret\n")
        check(front.ctl("vms", "vnc", "n1", "vm0").split(), ["port", "45912"], "open")
        front.refused(2, "vms", "vnc", "n1", "vm0", "80")
        front.ctl("vms", "vnc", "n1", "vm0", "off")
        check(front.ctl("vms", "vnc", "n1", "vm0").split(), ["port", "0"], "off")


@test
def the_manual_and_the_completion_are_whole():
    page = os.path.join(TOP, "opennebula/man/brumectl.1")
    if os.path.exists("/usr/bin/man"):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "MANPAGER": "cat"}, check=False)
        check((done.returncode, done.stderr), (0, ""), "man")
    with open(page, encoding="ascii") as stream:
        text = stream.read()
    shown = subprocess.run([os.path.join(PROGRAMS, "brumectl"), "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    for name in re.findall(r"^  ([a-z]+(?: [a-z]+)?)", shown, re.MULTILINE):
        if not re.search(rf"^\.BI? \"?{name}\b", text, re.MULTILINE):
            raise Failure(f"brumectl(1) does not tell of {name}")
    with Front() as front:
        complete = (f"PATH='{os.path.dirname(front.program)}':$PATH; . '{TOP}/opennebula/completion/brumectl.bash'; "
                    "try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _brumectl; echo \"${COMPREPLY[*]}\"; }; "
                    "try brumectl im; try brumectl images de; try brumectl vms n; try brumectl vms start n1 vm; try brumectl --j")
        out = subprocess.run(["bash", "-c", complete], stdout=subprocess.PIPE, text=True, env=front.package.environment, check=True).stdout
        check(out.splitlines(), ["images", "delete", "n1", "vm0 vm1 vm2", "--json"], "completion")
