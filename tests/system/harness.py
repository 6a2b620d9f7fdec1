#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""System tests: the real image in the private QEMU (AMD-V) or Bochs (VT-x), driven by what it prints.

A file tests/system/X_test.py holds tests:

    from harness import Machine, make_iso, test

    @test
    def linux_reaches_a_shell():
        with Machine(iso=make_iso(config=ONE_LINUX)) as node:
            node.expect(r"brume-guest: ready", 60)
            assert node.shell("uname -s") == "Linux"

A test that must hold on both vendors takes the kind of machine instead, and becomes two tests:

    @test_on_both
    def linux_reaches_a_shell(kind):
        with kind(iso=make_iso(config=ONE_LINUX)) as node:

Nothing waits by the clock: expect() returns when the text is there and fails at its limit. Limits are in seconds of
the host and generous, because two tests share a machine that emulates; $BRUME_PATIENCE multiplies them. A test that
fails prints the console of every machine it started. The machine dies with its test, whatever happens.

    harness.py --list FILE      names of the tests
    harness.py FILE NAME        runs one
"""
import base64
import ctypes
import functools
import importlib.util
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
KERNEL = os.path.join(BUILD, "brume.elf")
ISO = os.path.join(BUILD, "brume.iso")
VMLINUZ = os.path.join(BUILD, "guest/vmlinuz")
INITRD = os.path.join(BUILD, "guest/initrd.img")
BOCHS_BIOS = os.path.join(BUILD, "deps/bochs/BIOS-bochs-latest")
PROGRAMS = os.environ.get("BRUME_TEST_PROGRAMS") or os.path.join(BUILD, "test/opennebula")   # of a front-end, watched by sanitizers
LINUX = {"vmlinuz": VMLINUZ, "initrd.img": INITRD}

ESCAPE = "\x1d"                      # Ctrl-], Brume's own key
PATIENCE = float(os.environ.get("BRUME_PATIENCE", "1"))
INTEL = os.environ.get("BRUME_BOCHS_CPU", "corei7_skylake_x")
# What terminals are sent beside text: control sequences (busybox asks for the cursor before each prompt), returns.
NOISE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")
PANICKED = re.compile(r"PANIC: (?:.*\n)+.*\] (reset in \d+ seconds|halted)$", re.MULTILINE)
UNFINISHED = re.compile(rb"\x1b(\[[0-9;?]*)?$")
# The node's own lines stand on lines of their own, wherever a VM's line is just then.
BETWEEN = r"(?:\n(?:(?:brume: |\[brume\] ).*\n)+)?"
# Everything counted: the same run gives the same log, bit by bit. Linux inside must run with nokaslr.
COUNTED = ("-icount", "shift=1,sleep=off", "-seed", "42", "-rtc", "base=2030-01-01T00:00:00,clock=vm")

_work = None
_machines = []
_tests = {}


class Failure(Exception):
    """The machine did not do what the test expects."""


class Skip(Exception):
    """The test cannot run here; the text says why."""


def test(function):
    """Marks a function of a test file as a test."""
    _tests[function.__name__] = function
    return function


def test_on_both(function):
    """Marks a function that takes the kind of machine: two tests, NAME_svm on AMD and NAME_vmx on Intel."""
    for vendor, kind in (("svm", Machine), ("vmx", BochsMachine)):
        _tests[f"{function.__name__}_{vendor}"] = functools.partial(function, kind)
    return function


def work_dir():
    """A folder that goes when the test ends."""
    global _work
    if _work is None:
        _work = tempfile.mkdtemp(prefix="brume-test-")
    return _work


def write_file(name, content):
    """Puts bytes or text into a file of the work folder and returns its path."""
    path = os.path.join(work_dir(), name)
    with open(path, "wb") as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
    return path


def ext4_image(files, mib=24):
    """An image of so many MiB with an ext4 of these files (name -> bytes); returns its path."""
    tree = os.path.join(work_dir(), "tree")
    os.makedirs(tree)
    for name, content in files.items():
        with open(os.path.join(tree, name), "wb") as stream:
            stream.write(content)
    path = os.path.join(work_dir(), "root.img")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", tree, path, f"{mib}M"], check=True, stdout=subprocess.DEVNULL)
    return path


def script_word(script):
    """A shell script as the kernel argument that the test guest runs without a user: "... " + script_word("id")."""
    return "brume.run=" + base64.b64encode(script.encode()).decode()


def vm_config(name="linux", memory="128M", cmdline="console=ttyS0 quiet", extra="", kernel="vmlinuz", initrd="initrd.img"):
    """The configuration of one VM; texts may be joined."""
    lines = [f"vm {name}", f"    memory {memory}", "    vcpus 1", f"    kernel {kernel}"]
    if initrd:
        lines.append(f"    initrd {initrd}")
    if cmdline:
        lines.append(f"    cmdline {cmdline}")
    lines += [f"    {line.strip()}" for line in extra.splitlines() if line.strip()]
    return "\n".join(lines + ["    autostart yes", ""])


def make_iso(config=None, modules=None, arguments="", image=KERNEL, uefi=False, multiboot1=False):
    """An ISO of Brume with that configuration text and those modules (name -> path). Takes a fraction of a second."""
    handle, out = tempfile.mkstemp(suffix=".iso", dir=work_dir())
    os.close(handle)
    command = [os.path.join(TOP, "tools/mkiso"), "-o", out, "-a", arguments]
    if config is not None:
        command += ["-c", write_file(os.path.basename(out) + ".conf", config)]
    for name, path in (LINUX if modules is None else modules).items():
        command += ["-m", f"{name}={path}"]
    if not uefi:
        command.append("-b")
    if multiboot1:
        command.append("-1")
    subprocess.run(command + [image], check=True, cwd=TOP)
    return out


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)     # PR_SET_PDEATHSIG


class Node:
    """A machine that an emulator runs, with its serial console on the emulator's stdin and stdout."""

    patience = PATIENCE
    last_word = signal.SIGKILL

    def __init__(self, command):
        self.log, self.pending, self.seen = b"", b"", ""
        self.position = 0
        self.stderr = open(os.path.join(work_dir(), f"stderr{len(_machines)}"), "w+b")
        _machines.append(self)
        self.command = command
        self.process = subprocess.Popen(command, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.stderr, bufsize=0, preexec_fn=_die_with_parent,
                                        env={**os.environ, "TMPDIR": work_dir()})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(self.last_word)
        self.process.wait()
        self._read(0)

    # ---- the console ----

    def _read(self, limit):
        """Takes what the console has, waiting up to limit seconds; False at its end or when nothing came."""
        stream = self.process.stdout.fileno()
        if not select.select([stream], [], [], max(limit, 0))[0]:
            return False
        chunk = os.read(stream, 65536)
        self.log += chunk
        raw = self.pending + chunk
        cut = UNFINISHED.search(raw)
        self.pending = raw[cut.start():] if cut else b""
        self.seen += NOISE.sub(b"", raw[:len(raw) - len(self.pending)]).decode(errors="replace")
        return bool(chunk)

    def expect(self, pattern, limit=30):
        """Waits for a regular expression in the console's text after the last match; returns the match."""
        regex = re.compile(pattern, re.MULTILINE)
        end = time.monotonic() + limit * self.patience
        while True:
            match = regex.search(self.seen, self.position)
            if match:
                self.position = match.end()
                return match
            if PANICKED.search(self.seen, self.position):
                raise Failure(f"the kernel panicked before {pattern!r}")
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f"no {pattern!r} within {limit:g} s")
            if not self._read(left) and self.process.poll() is not None and not self._read(0):
                raise Failure(f"machine ended (status {self.process.returncode}) before {pattern!r}: {self.errors()}")

    def expect_none(self, pattern):
        """Fails when the text so far holds the pattern anywhere."""
        while self._read(0):
            pass
        match = re.search(pattern, self.seen, re.MULTILINE)
        if match:
            raise Failure(f"unwanted {match[0]!r}")

    def text(self):
        """Everything that the console printed, without control sequences."""
        return self.seen

    def send(self, text):
        os.write(self.process.stdin.fileno(), text.encode() if isinstance(text, str) else text)

    def sendline(self, text=""):
        self.send(text + "\n")

    def escape(self, key):
        """Types Brume's own key and another one."""
        self.send(ESCAPE + key)

    def login(self, limit=90):
        """Waits for the test guest's shell."""
        self.expect(BETWEEN.join("brume-guest: ready"), limit)
        self.expect(BETWEEN.join("brume-guest:") + rf"(?:{BETWEEN}\S)*{BETWEEN} $", limit)

    def shell(self, command, limit=30, check=True):
        """Runs a command in the test guest's shell and returns what it printed."""
        # The marker is typed in two halves so that the echo of the line is not taken for its result.
        self.sendline(f"echo '<''<'; {command}; echo \"[\"$?']>>'")
        self.expect(r"^<<\n", limit)
        match = self.expect(r"((?:.|\n)*?)\[(\d+)\]>>", limit)
        if check and match[2] != "0":
            raise Failure(f"{command!r} ended with {match[2]}: {match[1]}")
        return match[1].strip()

    def wait_exit(self, limit=30):
        """Waits until the machine powered off; returns the emulator's status (0 for power-off)."""
        end = time.monotonic() + limit * self.patience
        while self._read(end - time.monotonic()):
            pass
        try:
            return self.process.wait(max(end - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            raise Failure(f"machine still runs after {limit:g} s") from None

    def errors(self):
        self.stderr.seek(0)
        return self.stderr.read().decode(errors="replace").strip()


class Machine(Node):
    """One AMD machine, in QEMU. Give iso=, or kernel= (Multiboot 1, with initrd=[(path, "name")...] and append=), or
    boot media by extra=[...QEMU options]. prefix: a command that runs QEMU."""

    def __init__(self, iso=None, kernel=None, initrd=(), append="", memory="1g", cpu="max,+svm", machine="q35", cpus=1,
                 counted=False, uefi=False, extra=(), prefix=()):
        self.qmp_path = os.path.join(work_dir(), f"qmp{len(_machines)}")
        command = [*prefix, os.path.join(TOP, "tools/qemu"), "-M", machine, "-accel", "tcg" + (",thread=single" if cpus > 1 else ""),
                   "-cpu", cpu + (",-monitor" if (counted or cpus > 1) and "monitor" not in cpu else ""),
                   "-m", memory, "-smp", str(cpus), "-nodefaults", "-no-reboot", "-display", "none",
                   "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
                   "-qmp", f"unix:{self.qmp_path},server=on,wait=off", *(COUNTED if counted else ()), *extra]
        if iso:
            command += ["-cdrom", iso]
        if kernel:
            command += ["-kernel", kernel]
            if append:
                command += ["-append", append]
            if initrd:
                command += ["-initrd", ",".join(f"{path} {name}".strip() for path, name in initrd)]
        if uefi:
            command += self._firmware()
        super().__init__(command)

    @staticmethod
    def _firmware():
        code, variables = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
        return ["-drive", f"if=pflash,format=raw,readonly=on,file={code}",
                "-drive", f"if=pflash,format=raw,snapshot=on,file={variables}"]

    def qmp(self, command, **arguments):
        """One command of QEMU's machine protocol, for example qmp("system_powerdown")."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(30 * PATIENCE)
            link.connect(self.qmp_path)
            stream = link.makefile("rw")
            json.loads(stream.readline())
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                answer = {}
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(stream.readline())
        if "error" in answer:
            raise Failure(f"QEMU: {answer['error']['desc']}")
        return answer["return"]

    def monitor(self, line):
        """One line of QEMU's human monitor, for example monitor("info registers")."""
        return self.qmp("human-monitor-command", **{"command-line": line})


class BochsMachine(Node):
    """One Intel machine, in Bochs: BIOS, at most 2 GiB. The cpu is one of Bochs' models, $BRUME_BOCHS_CPU by default;
    "ryzen" is an AMD processor that has what QEMU's lacks (NRIP save). The machine starts again after a reset."""

    patience = 2 * PATIENCE            # how much slower than QEMU it may be
    last_word = signal.SIGTERM         # to the script, which then ends Bochs

    def __init__(self, iso, memory="1g", cpu=None, cpus=1, ips=100_000_000, bios=BOCHS_BIOS, extra=()):
        size = int(memory[:-1]) * {"m": 1, "g": 1024}[memory[-1]]
        super().__init__([os.path.join(TOP, "tools/bochs"), "-m", str(min(size, 2048)), "--cpu", cpu or INTEL,
                          "--smp", str(cpus), "--ips", str(ips), "--bios", bios, *extra, iso])


def clean():
    """Ends every machine and removes the work folder."""
    for machine in _machines:
        machine.kill()
    if _work:
        shutil.rmtree(_work, ignore_errors=True)


def load(path):
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.modules["harness"] = sys.modules[__name__]
    spec = importlib.util.spec_from_file_location("test_file", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return _tests


def run_one(function):
    try:
        function()
        return 0
    except Skip as reason:
        print(reason)
        return 77
    except Exception:
        for number, machine in enumerate(_machines):
            machine.kill()
            print(f"---- machine {number}: {' '.join(machine.command)}\n{machine.seen}\n{machine.errors()}\n----")
        traceback.print_exc(file=sys.stdout)
        return 1
    finally:
        clean()


def main():
    if sys.argv[1] == "--list":
        print("\n".join(load(sys.argv[2])))
        return 0
    return run_one(load(sys.argv[1])[sys.argv[2]])


if __name__ == "__main__":
    sys.exit(main())
