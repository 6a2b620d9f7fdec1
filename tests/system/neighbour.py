#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What stands beside a node on its wire: run in the network namespace of a QEMU with a tap device, as 10.0.2.2 and 2001:db8::1.

    neighbour.py router DEVICE                advertises 2001:db8::/64 once
    neighbour.py names-and-time NAME UNIX     answers DNS for NAME with its own address, and NTP with that time; once each
    neighbour.py crowd FOLDER HALF STALLED    an open session of the operator's asks on while others do not finish what they begin
"""
import os
import random
import socket
import ssl
import struct
import sys
import time

OWN, NODE, PORT = "10.0.2.2", "10.0.2.15", 8443
NTP_ERA = 2208988800           # from 1900 to 1970


def router(device):
    """RFC 4861, 4.2 and 4.6.2; the kernel adds the checksum."""
    prefix = socket.inet_pton(socket.AF_INET6, "2001:db8::")
    message = struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    message += struct.pack(">BBBBIII", 3, 4, 64, 0xc0, 3600, 3600, 0) + prefix
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as link:
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        link.sendto(message, ("ff02::1", 0, 0, socket.if_nametoindex(device)))


def names_and_time(name, unix):
    names, clock = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    names.bind((OWN, 53))
    clock.bind((OWN, 123))
    print("serves", flush=True)
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0" + struct.pack(">HH", 1, 1)
    while True:
        data, client = names.recvfrom(512)
        if data[12:12 + len(question)] == question:
            break
    answer = struct.pack(">HHHIH", 0xc00c, 1, 1, 60, 4) + socket.inet_aton(OWN)
    names.sendto(data[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question + answer, client)
    data, client = clock.recvfrom(512)
    now = struct.pack(">II", (int(unix) + NTP_ERA) & 0xffffffff, 0)
    clock.sendto(struct.pack(">BBbbII4s", 0x24, 1, 6, -20, 0, 0, b"TEST") + now + data[40:48] + now + now, client)


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def syn(number):
    """RFC 9293, 3.1: the first segment of a connection from somewhere far away that will never answer."""
    source = struct.pack(">BBH", 198, 18, number)
    pseudo = source + socket.inet_aton(NODE) + struct.pack(">BBH", 0, socket.IPPROTO_TCP, 20)
    header = [1024 + number, PORT, random.getrandbits(32), 0, 5 << 12 | 2, 8192]
    packed = struct.pack(">HHIIHHHH", *header, 0, 0)
    packed = struct.pack(">HHIIHHHH", *header, checksum(pseudo + packed), 0)
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(packed), number, 0, 64, socket.IPPROTO_TCP, 0) + source + socket.inet_aton(NODE) + packed


def ask(link):
    """How long an answer takes on a connection that is open."""
    start = time.monotonic()
    link.sendall(b"GET /v1/vms HTTP/1.1\r\nHost: x\r\n\r\n")
    data = b""
    while not data.endswith(b"]\n"):
        piece = link.recv(4096)
        if not piece:
            sys.exit(f"the session ended after {data!r}")
        data += piece
    return time.monotonic() - start


def crowd(folder, half, stalled):
    context = ssl.create_default_context(cafile=os.path.join(folder, "ca.crt"))
    context.load_cert_chain(os.path.join(folder, "operator.crt"), os.path.join(folder, "operator.key"))
    context.check_hostname = False
    link = context.wrap_socket(socket.create_connection((NODE, PORT), 30))
    took, held = [ask(link)], []
    for number in range(int(stalled)):
        held.append(socket.create_connection((NODE, PORT), 30))
        held[-1].sendall(b"\x16\x03\x01\x02\x00\x01")
    took.append(ask(link))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        for number in range(int(half)):
            raw.sendto(syn(number), (NODE, 0))
            if number % 250 == 249:
                took.append(ask(link))
    took.append(ask(link))
    late = context.wrap_socket(socket.create_connection((NODE, PORT), 30))      # who comes now gets in, too
    ask(late)
    print(f"slowest {max(took):.3f} s")


if __name__ == "__main__":
    {"router": router, "names-and-time": names_and_time, "crowd": crowd}[sys.argv[1]](*sys.argv[2:])
