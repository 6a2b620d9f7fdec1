# SPDX-License-Identifier: Apache-2.0
"""The front-end package as an admin has it: installed in an ONE_LOCATION, brumed with its configuration, its local API."""
import ctypes
import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time

# As in the tests' harness, of what terminals are sent beside text.
NOISE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")
UNFINISHED = re.compile(rb"\x1b(\[[0-9;?]*)?$")

_libc = ctypes.CDLL(None)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)


class Failed(Exception):
    """brumed refused, or did not answer."""


class LocalConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket, as http.client has it over others."""

    def __init__(self, path, limit):
        super().__init__("brumed", timeout=limit)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Brumed:
    """The local API of a brumed that listens on a socket, whoever started it."""

    def __init__(self, path):
        self.path = path

    def ask(self, method, path, body=None, headers=None, limit=120):
        """(status, body as text) of a request; body may be an object, which goes as JSON."""
        link = LocalConnection(self.path, limit)
        try:
            data = body if isinstance(body, (bytes, str)) or body is None else json.dumps(body)
            link.request(method, path, data, headers or {})
            answer = link.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            link.close()

    def get(self, path):
        """What a GET answers, as an object."""
        status, body = self.ask("GET", path)
        if status != 200:
            raise Failed(f"GET {path}: {status} {body}")
        return json.loads(body)

    def node(self, name):
        """The line of the table of nodes for that name."""
        table = self.get("/nodes")
        rows = table if isinstance(table, list) else table.get("nodes", table)
        return next(row for row in rows if row["name"] == name)

    def console(self, node, name):
        """A connection that carries the console of a VM, from its scroll-back on."""
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(60)
        link.connect(self.path)
        link.sendall(f"GET /nodes/{node}/v1/vms/{name}/console HTTP/1.1\r\nHost: brumed\r\nConnection: Upgrade\r\n"
                     "Upgrade: brume-console\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            piece = link.recv(1)
            if not piece:
                break
            head += piece
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Failed(f"console of {name}: {head.decode(errors='replace')}{link.recv(4096).decode(errors='replace')}")
        return link


class Package(Brumed):
    """The package, installed by opennebula/install.sh into a folder, and its brumed. Its programs are those with sanitizers, which end with
    another status than 0 when they have lost memory."""

    def __init__(self, top, location, settings):
        self.top, self.location = top, location
        self.environment = {**os.environ, "ONE_LOCATION": location}
        for folder in ("lib/mads", "etc", "var/remotes", "var/run", "bin", "share"):
            os.makedirs(os.path.join(location, folder), exist_ok=True)
        for name in ("oned.conf", "monitord.conf"):
            with open(os.path.join(location, "etc", name), "a", encoding="ascii"):
                pass
        super().__init__(os.path.join(location, "var/run/brumed.sock"))
        self.process = None
        self.out = open(os.path.join(location, "brumed.out"), "ab")
        install = subprocess.run([os.path.join(top, "opennebula/install.sh"), "-d", location], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, cwd=top, check=False,
                                 env={**self.environment, "BRUME_PROGRAMS": os.environ.get("BRUME_TEST_PROGRAMS") or os.path.join(top, "build/test/opennebula")})
        if install.returncode:
            raise Failed(f"install.sh: {install.stdout}")
        self.configure(settings)

    def configure(self, settings):
        folder = os.path.join(self.location, "etc/brume")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "brumed.conf"), "w", encoding="utf-8") as stream:
            stream.write("".join(f"{key} = {value}\n" for key, value in settings.items()))

    def program(self):
        return next(path for path in (os.path.join(self.location, place, "brumed") for place in ("bin", "lib/brume", "lib", "sbin", "lib/mads"))
                    if os.path.exists(path))

    def start(self):
        """Starts brumed; returns when its socket answers."""
        self.process = subprocess.Popen([self.program(), "--foreground"], stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out,
                                        env=self.environment, preexec_fn=_die_with_parent)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.ask("GET", "/nodes", limit=5)
                return
            except OSError:
                threading.Event().wait(0.05)         # nothing tells when a socket begins to listen
        raise Failed(f"brumed does not answer: {self.log()}")

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait()

    def stop(self):
        """Ends brumed in good order, or tells how it ended."""
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            status = "it did not"
        if status != 0:
            raise Failed(f"brumed's end: {status}: {self.log()[-8000:]}")

    def log(self):
        """What brumed said, wherever it says it."""
        self.out.flush()
        found = ""
        for path in (self.out.name, os.path.join(self.location, "var/brumed.log"), os.path.join(self.location, "var/brume.log")):
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as stream:
                    found += stream.read()
        return found


class Console:
    """A VM's console over brumed: expect() and shell() as harness.Node has them."""

    def __init__(self, link):
        self.link, self.seen, self.position = link, "", 0
        self.pending = b""                           # a control sequence that has begun

    def expect(self, pattern, limit=60):
        """Waits for a regular expression after the last match."""
        regex = re.compile(pattern, re.MULTILINE)
        end = time.monotonic() + limit
        while not (match := regex.search(self.seen, self.position)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.link], [], [], left)[0]:
                raise Failed(f"no {pattern!r} within {limit:g} s on the console: {self.seen[-2000:]}")
            piece = self.link.recv(65536)
            if not piece:
                raise Failed(f"the console ended before {pattern!r}: {self.seen[-2000:]}")
            raw = self.pending + piece
            cut = UNFINISHED.search(raw)
            self.pending = raw[cut.start():] if cut else b""
            self.seen += NOISE.sub(b"", raw[:len(raw) - len(self.pending)]).decode(errors="replace")
        self.position = match.end()
        return match

    def send(self, text):
        self.link.sendall(text.encode())

    def login(self, limit=120):
        """Waits for the test guest's shell."""
        self.expect(r"brume-guest: ready", limit)
        self.expect(r"brume-guest:\S* $", limit)

    def shell(self, command, limit=60):
        """Runs a command in the guest's shell and returns what it printed; Failed if it ended with another status than 0."""
        self.send(f"echo '<''<'; {command}; echo \"[\"$?']>>'\n")
        self.expect(r"^<<\n", limit)
        match = self.expect(r"((?:.|\n)*?)\[(\d+)\]>>", limit)
        if match[2] != "0":
            raise Failed(f"{command!r} ended with {match[2]}: {match[1]}")
        return match[1].strip()

    def close(self):
        self.link.close()
