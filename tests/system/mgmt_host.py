# SPDX-License-Identifier: Apache-2.0
"""mgmt run on the host over sockets (tests/mgmt/host.c), and how tests speak to it."""
import json
import os
import re
import socket
import ssl
import subprocess

import pki
from harness import TOP, Failure


class Host:
    """The program, with the authority `ca` and the certificate `node` of pki. Clients' certificates are made by the tests."""

    def __init__(self, time_offset=0, clock_stands=False):
        pki.node()
        self.process = subprocess.Popen([os.path.join(TOP, "build/test/mgmt-host"), pki.path("node.key"), pki.path("node.crt"),
                                         pki.path("ca.crt"), str(time_offset), *(["stands"] if clock_stands else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.port, self.log = int(self.line(r"port (\d+)")[1]), []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        """Its standard input ends, it ends, and the sanitizers have nothing to say."""
        self.process.stdin.close()
        rest = self.process.stdout.read()
        if self.process.wait(30) != 0 and not error[0]:
            raise Failure(f"mgmt ended with {self.process.returncode}: {rest}")

    def line(self, pattern):
        """The next line of its log that matches."""
        while True:
            text = self.process.stdout.readline()
            if not text:
                raise Failure(f"mgmt ended before {pattern!r}")
            match = re.search(pattern, text)
            if match:
                return match

    def forward(self, seconds):
        """Its clock goes on by that; whoever asks it for anything then finds it so much later."""
        self.process.stdin.write("s" * seconds)
        self.process.stdin.flush()

    def curl(self, path, who="operator", *more):
        """(status, body) of a request; status 0: there was no answer."""
        command = ["curl", "-s", "-m", "20", "--cacert", pki.path("ca.crt"), "-w", "\n%{http_code}"]
        if who:
            command += ["--cert", pki.path(who + ".crt"), "--key", pki.path(who + ".key")]
        out = subprocess.run([*command, *more, f"https://127.0.0.1:{self.port}{path}"], stdout=subprocess.PIPE, text=True).stdout
        body, _, status = out.rpartition("\n")
        return int(status), body

    def get(self, path, who="operator", *more):
        status, body = self.curl(path, who, *more)
        if status != 200:
            raise Failure(f"GET {path}: {status} {body}")
        return json.loads(body)

    def connect(self, who=None, **settings):
        """A TLS connection as Python makes it."""
        context = ssl.create_default_context(cafile=pki.path("ca.crt"))
        if who:
            context.load_cert_chain(pki.path(who + ".crt"), pki.path(who + ".key"))
        for name, value in settings.items():
            setattr(context, name, value)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 20), server_hostname="localhost")


def check(got, wanted, what=""):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


def request(path, method="GET", more=""):
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode()


def answer(link):
    """(status, body) of one answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = link.recv(4096)
        if not piece:
            raise Failure(f"the connection ended after {data!r}")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    while len(body) < length:
        body += link.recv(4096)
    return int(head.split()[1]), body
