# SPDX-License-Identifier: Apache-2.0
"""mgmt and its neighbours on the wire. QEMU's own network speaks neither IPv6 from outside nor as others; a tap device in a network
namespace does."""
import json
import os
import re
import subprocess
import sys
import time

import pki
from harness import Failure, Machine, Skip, make_iso, test, work_dir, write_file

HERE = os.path.dirname(os.path.abspath(__file__))
NAMESPACE = ["unshare", "--map-root-user", "--net"]
UP = """#!/bin/sh
for key in accept_dad accept_ra autoconf; do echo 0 > /proc/sys/net/ipv6/conf/$1/$key; done
ip addr add 10.0.2.2/24 dev $1 && ip addr add 2001:db8::1/64 dev $1 nodad && ip link set $1 up
"""


class Wired(Machine):
    """A managed node at the end of a tap device, 10.0.2.15."""

    def __init__(self, address="node name testnode\nnode address 10.0.2.15/24 gateway 10.0.2.2\n", ready=True):
        if subprocess.run([*NAMESPACE, "sh", "-c", "ip link && test -w /dev/net/tun"], capture_output=True, check=False).returncode:
            raise Skip("no network namespace with a tap device can be had here")
        pki.node()
        pki.client("operator", "operator")
        up = write_file("up", UP)
        os.chmod(up, 0o755)
        super().__init__(iso=make_iso(address, modules=pki.modules()), memory="512m", prefix=NAMESPACE, extra=(
            "-netdev", f"tap,id=n,ifname=wire,script={up},downscript=no", "-device", "virtio-net-pci,netdev=n"))
        if ready:
            self.expect(r"mgmt: listening on port 8443", 60)
            self.expect(r"mgmt: address 10.0.2.15", 60)

    def within(self, *command):
        """A command that runs beside the node."""
        enter = ["nsenter", f"--target={self.process.pid}", "--user", "--net", "--preserve-credentials", *command]
        return subprocess.Popen(enter, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def neighbour(self, *words):
        return self.within(sys.executable, os.path.join(HERE, "neighbour.py"), *words)


def finish(process):
    """What it said; fails if it failed."""
    out = process.communicate(timeout=120)[0]
    if process.returncode:
        raise Failure(out)
    return out


@test
def tls_over_ipv6():
    with Wired() as node:
        finish(node.neighbour("router", "wire"))
        address = node.expect(r"mgmt: address (2001:DB8:\S+)\n", 60)[1]
        out = finish(node.within("curl", "-sS", "-m", "60", "--cacert", pki.path("ca.crt"), "--cert", pki.path("operator.crt"), "--key",
                                 pki.path("operator.key"), "--connect-to", f"node:8443:[{address}]:8443", "--data-binary",
                                 "vm web\nmemory 4M\nkernel web\nautostart no\n", "https://node:8443/v1/vms"))
        if '"done":"create"' not in out:
            raise Failure(out)
        node.expect(r"audit: operator \(operator\) from 2001:DB8::1: create web: done")


@test
def a_time_server_is_found_by_its_name():
    later = int(time.time()) + 3600
    with Wired("node address 10.0.2.15/24 gateway 10.0.2.2 dns 10.0.2.2 ntp clock.example.org\n", ready=False) as node:
        node.expect(r"init starts", 60)
        server = node.neighbour("names-and-time", "clock.example.org", str(later))
        node.expect(r"mgmt: address 10.0.2.15", 60)
        finish(server)                                            # it was asked for both
        out = finish(node.within("curl", "-sS", "-m", "60", "--cacert", pki.path("ca.crt"), "--cert", pki.path("operator.crt"), "--key",
                                 pki.path("operator.key"), "https://10.0.2.15:8443/v1/node"))
        if not 0 <= json.loads(out)["time"] - later < 300:
            raise Failure(f"{later} was told: {out}")


# 5,000 connections that never get beyond their first packet, 64 that say nothing of TLS, and one that works.
@test
def half_open_connections_and_stalled_handshakes_leave_a_session_alone():
    with Wired() as node:
        out = finish(node.neighbour("crowd", work_dir(), "5000", "64"))
        print(out.strip())
        node.escape("c")
        sent = int(node.expect(r"node: its own port: sent (\d+) frames")[1])
        if sent < 5000:
            raise Failure(f"{sent} frames for 5,000 beginnings: not each of them was taken up")
        if float(re.search(r"slowest ([\d.]+) s", out)[1]) > 1:
            raise Failure(out)
