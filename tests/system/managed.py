# SPDX-License-Identifier: Apache-2.0
"""A node with a management port that the tests reach."""
import hashlib
import json
import socket
import ssl
import subprocess
import time

import pki
from harness import KERNEL, Failure, Machine, make_iso

ADDRESS = "node name testnode\nnode address 10.0.2.15/24 gateway 10.0.2.2\n"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Managed(Machine):
    """A node on QEMU's user network, whose port 8443 is a port of the host; so are those of `forward`, as forwarded[port]. identity: the
    boot modules that say who it is, pki's if None. ready: it is waited for.
    """

    def __init__(self, config="", modules=None, card="virtio-net-pci", address=ADDRESS, image=KERNEL, extra=(), forward=(),
                 identity=None, ready=True, ipv6=False, **more):
        self.forwarded = {port: free_port() for port in (8443, *forward)}
        self.port = self.forwarded[8443]
        forwards = ",".join(f"hostfwd=tcp:127.0.0.1:{ours}-10.0.2.15:{port}" for port, ours in self.forwarded.items())
        pki.node()
        pki.client("operator", "operator")
        iso = make_iso(address + config, modules={**(modules or {}), **(pki.modules() if identity is None else identity)}, image=image)
        super().__init__(iso=iso, memory="1g", extra=(
            "-netdev", f"user,id=n,ipv4=on,ipv6={'on' if ipv6 else 'off'},{forwards}", "-device", f"{card},netdev=n", *extra), **more)
        if ready:
            self.expect(r"mgmt: listening on port 8443", 60)
            self.expect(r"mgmt: address 10.0.2.15", 60)

    def curl(self, path, *more):
        """(status, body) of a request."""
        out = subprocess.run(["curl", "-s", "-S", "-m", "60", "--retry", "5", "--retry-all-errors", "--cacert", pki.path("ca.crt"), "-w",
                              "\n%{http_code}", "--cert", pki.path("operator.crt"), "--key", pki.path("operator.key"), *more,
                              f"https://127.0.0.1:{self.port}{path}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        body, _, status = out.stdout.rpartition("\n")
        if out.returncode:
            raise Failure(f"curl {path}: {out.stderr}")
        return int(status), body

    def connect(self, who="operator"):
        """A TLS connection that stays."""
        context = ssl.create_default_context(cafile=pki.path("ca.crt"))
        context.load_cert_chain(pki.path(who + ".crt"), pki.path(who + ".key"))
        return context.wrap_socket(socket.create_connection(("127.0.0.1", self.port), 30), server_hostname="localhost")

    def get(self, path):
        status, body = self.curl(path)
        if status != 200:
            raise Failure(f"GET {path}: {status} {body}")
        return json.loads(body)


def upload(node, name, path):
    """Sends a file as an image; returns the seconds that it took."""
    with open(path, "rb") as stream:
        digest = hashlib.sha256(stream.read()).hexdigest()
    start = time.monotonic()
    status, body = node.curl(f"/v1/images/{name}", "-T", path, "-H", f"X-SHA256: {digest}")
    if status != 201:
        raise Failure(f"upload of {name}: {status} {body}")
    return time.monotonic() - start
