# SPDX-License-Identifier: Apache-2.0
"""mgmt's TLS, HTTP and routes, run on the host over sockets (tests/mgmt/host.c): real clients, and hostile ones."""
import hashlib
import io
import json
import os
import select
import re
import shutil
import socket
import ssl
import subprocess
import tarfile
import time

import pki
from harness import TOP, Failure, test, work_dir, write_file
from mgmt_host import Host, answer, check, request


@test
def node_vms_and_metrics_are_told():
    with Host() as host:
        pki.client("monitor", "monitor")
        node = host.get("/v1/node", "monitor")
        check((node["vms"], node["vms_running"], node["ram_bytes"]), (3, 1, 8 << 30), "node")
        vms = host.get("/v1/vms", "monitor")
        check([(vm["name"], vm["state"]) for vm in vms], [("vm0", "running"), ("vm1", "stopped"), ("vm2", "stopped")], "VMs")
        check(host.get("/v1/vms/vm2", "monitor")["last_end"], 'a "note" of it', "note")
        status, text = host.curl("/metrics", "monitor")
        promtool = subprocess.run([os.path.join(TOP, "build/deps/promtool/promtool"), "check", "metrics"], input=text, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check((promtool.returncode, promtool.stdout), (0, ""), "promtool")
        check('brume_vm_nic_sent_bytes_total{vm="vm0",nic="0"} 700' in text, True, "its card")
        check('brume_vm_disk_write_requests_total{vm="vm0",disk="0"} 6' in text, True, "its disk")
        check((status, 'brume_vm_running{vm="vm0"} 1' in text, text.count("# TYPE")), (200, True, text.count("# HELP")), "metrics")
        counters = host.get("/v1/counters", "monitor")
        card = {"sent_frames": 7, "sent_bytes": 700, "sent_dropped": 1, "received_frames": 8, "received_bytes": 800, "received_dropped": 2}
        disk = {"read_requests": 5, "read_bytes": 20480, "write_requests": 6, "write_bytes": 24576}
        check((counters["cpus"], counters["vms"][0]), (2, {"name": "vm0", "cpu_ns": 1500000000, "nics": [card], "disks": [disk]}), "counters")
        check(counters["handshakes_total"] >= 4 and counters["handshake_failures_total"] == 0, True, "counted handshakes")
        check(host.get("/v1/volumes", "monitor"), [{"vm": "vm0", "disk": 0, "image": "disk.img", "read_only": False,
                                                    "room_bytes": 0}], "volumes")
        check(host.curl("/v1/vms/none", "monitor")[0], 404, "unknown VM")
        check(host.curl("/nothing", "monitor")[0], 404, "unknown path")
        check(host.curl("/v1/node", "monitor", "-X", "DELETE")[0], 405, "wrong method")


@test
def vms_are_started_and_stopped_and_each_change_is_logged():
    with Host() as host:
        pki.client("operator", "operator")
        check(host.curl("/v1/vms/vm1/start", "operator", "-X", "POST")[0], 200, "start")
        host.line(r"^audit: operator \(operator\) from 127.0.0.1: start vm1: done$")
        check(host.get("/v1/vms/vm1")["state"], "running", "state")
        check(host.curl("/v1/vms/vm1/start", "operator", "-X", "POST")[0], 409, "start twice")
        host.line(r"^audit: .* start vm1: the VM runs already$")
        check(host.curl("/v1/vms/vm1/stop", "operator", "-X", "POST")[0], 200, "stop")
        check(host.curl("/v1/vms/vm0/kill", "operator", "-X", "POST")[0], 200, "kill")
        host.line(r"^audit: .* kill vm0: done$")


@test
def only_certificates_of_the_authority_with_a_role_get_in():
    with Host() as host:
        pki.authority("other")
        pki.client("operator", "operator")
        pki.client("foreign", "operator", signer="other")
        pki.client("expired", "operator", days=-1)
        pki.client("rsa", "operator", key=pki.RSA)
        pki.client("monitor", "monitor")
        pki.certificate("norole", "subjectAltName=DNS:x")
        pki.certificate("two", "subjectAltName=URI:brume:role:monitor,URI:brume:role:frontend")
        pki.certificate("server", "subjectAltName=URI:brume:role:operator\nextendedKeyUsage=serverAuth")
        for version in ("1.2", "1.3"):
            only = ("--tls-max", version, "--tlsv" + version)
            for who, wanted in (("operator", 200), ("rsa", 200), ("monitor", 200), ("norole", 403), ("two", 403), ("foreign", 0),
                                ("expired", 0), ("server", 0), (None, 0), ("other", 0)):
                check(host.curl("/v1/node", who, *only)[0], wanted, f"{who} by TLS {version}")
        for why in ("no authority of ca.crt has signed its certificate", "its certificate has ended by this node's clock",
                    "its certificate is none of a client"):
            check(host.line(r"^a client from 127.0.0.1 was refused: (.*)$")[1], why, "the log")
        host.curl("/v1/vms/vm1/start", "operator", "-X", "POST")
        if "refused" in host.line(r"audit|refused").string:
            raise Failure("the same reason is logged twice")
        check(host.curl("/v1/vms/vm0/stop", "monitor", "-X", "POST")[0], 403, "a monitor that stops a VM")
        check(host.get("/v1/vms/vm0")["state"], "running", "state")


@test
def old_protocols_and_weak_suites_are_refused():
    with Host() as host:
        pki.client("operator", "operator")
        identity = ["-cert", pki.path("operator.crt"), "-key", pki.path("operator.key"), "-CAfile", pki.path("ca.crt")]

        def s_client(*more):
            return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{host.port}", *identity, *more], input="",
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)

        for more in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
                     ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
                     ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"], ["-alpn", "h2"]):
            if s_client(*more).returncode == 0:
                raise Failure(f"openssl s_client {' '.join(more)} connected")
        for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"):
            result = s_client("-tls1_3", "-ciphersuites", suite, "-alpn", "http/1.1")
            if result.returncode != 0 or f"Cipher is {suite}" not in result.stdout:
                raise Failure(f"{suite}: {result.stdout}")
        for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
            result = s_client("-tls1_2", "-cipher", suite)
            if result.returncode != 0 or f"Cipher is {suite}" not in result.stdout:
                raise Failure(f"{suite}: {result.stdout}")


@test
def requests_may_be_pipelined_cut_and_wrong():
    with Host() as host:
        pki.client("operator", "operator")
        link = host.connect("operator")
        link.sendall(request("/v1/node") + request("/v1/vms/vm0") + request("/none"))
        check([answer(link)[0] for _ in range(2)], [200, 200], "pipelined")
        check(answer(link)[0], 404, "pipelined")
        for byte in request("/v1/vms/vm1"):
            link.sendall(bytes([byte]))
        check(answer(link)[0], 200, "byte by byte")
        link.sendall(request("/v1/node", more="Content-Length: 5\r\n") + b"hello")
        check(answer(link)[0], 413, "a body that nobody wants")
        for text, wanted in ((b"\x00\x01garbage\r\n\r\n", 400), (request("/v1/../etc"), 400), (request("/v1/vms/%2e%2e"), 400),
                             (request("/" + "a" * 500), 414), (request("/", more="X: " + "a" * 10000 + "\r\n"), 431),
                             (request("/v1/node", more="Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400),
                             (request("/v1/node", more=f"Content-Length: {1 << 40}\r\n"), 413),
                             (request("/v1/vms/vm0/start", "DELETE", more="Content-Length: 5\r\n"), 405),
                             (request("/none", "POST", more="Content-Length: 5\r\n"), 404),
                             (request("/v1/node", more="Range: bytes=0-1\r\nRange: bytes=2-3\r\n"), 400)):
            link = host.connect("operator")
            link.sendall(text)
            check(answer(link)[0], wanted, repr(text[:40]))
            check(link.recv(10), b"", "and the connection ends")
        link = host.connect("operator")
        try:
            link.sendall(b"a" * (10 << 20))                       # a line of 10 MB
        except OSError:
            pass
        check(host.get("/v1/node")["vms"], 3, "afterwards")


def head_and_body(link):
    """The next answer's head, and how long its body is; the connection must not end."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = link.recv(1)
        if not piece:
            raise Failure(f"the connection ended after {data!r}")
        data += piece
    length = int(re.search(rb"Content-Length: (\d+)", data)[1])
    while length:
        length -= len(link.recv(length))
    return data.decode()


@test
def clients_of_other_manners_are_served():
    with Host() as host:
        pki.client("operator", "operator")
        check(host.curl("/v1/node", "operator", "--http1.0")[0], 200, "a client that offers HTTP/1.0 only")
        link = host.connect("operator")
        for _ in range(2):                                        # as ab -k
            link.sendall(b"GET /v1/node HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            if "\r\nConnection: keep-alive\r\n" not in head_and_body(link):
                raise Failure("HTTP/1.0 is not told that the connection stays")
        link.sendall(b"POST /v1/vms HTTP/1.0\r\nConnection: Keep-Alive\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        link.sendall(b"xx")
        check(answer(link)[0], 201, "HTTP/1.0 knows no 100")
        link.sendall(b"POST /v1/vms HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
        check(link.recv(25), b"HTTP/1.1 100 Continue\r\n\r\n", "in capitals")
        link.sendall(b"xx")
        check(answer(link)[0], 201, "behind it")
        for path in ("https://node:8443/v1/node", "HTTP://x/v1/node", "http://[::1]:8443/v1/node"):
            link.sendall(request(path))
            check(answer(link)[0], 200, path)
        link.sendall(request("/v1/vms/vm0/vnc", "PUT"))
        if "\r\nAllow: GET, POST, DELETE\r\n" not in head_and_body(link):
            raise Failure("405 does not say what is allowed")
        link.sendall(request("/v1/vms", "POST", "Transfer-Encoding: chunked\r\n") + b"2\r\nxx\r\n0\r\nExpect: 1\r\nExpect: 2\r\n\r\n")
        check(answer(link)[0], 201, "with a trailer")
        link.sendall(request("/v1/node"))
        check(answer(link)[0], 200, "afterwards")


# Larger than what is copied behind the head; HEAD has none of it.
@test
def a_long_answer_comes_whole():
    with Host() as host:
        pki.client("operator", "operator")
        link = host.connect("operator")
        for i in range(40):
            link.sendall(request(f"/v1/images/{i}", "PUT", f"Content-Length: 1\r\nX-SHA256: {hashlib.sha256(b'x').hexdigest()}\r\n") + b"x")
            check(answer(link)[0], 201, "upload")
        check(len(host.get("/v1/images")), 40, "images")
        link.sendall(request("/v1/images", "HEAD") + request("/v1/images") + request("/v1/node"))
        length = int(re.search(rb"Content-Length: (\d+)", link.recv(4096))[1])
        status, body = answer(link)
        check((status, len(body)), (200, length), "behind HEAD")
        check(answer(link)[0], 200, "afterwards")


@test
def stalled_handshakes_keep_nobody_out():
    with Host() as host:
        pki.client("operator", "operator")
        old = host.connect("operator")
        old.sendall(request("/v1/node"))
        check(answer(old)[0], 200, "before")
        stalled = [socket.create_connection(("127.0.0.1", host.port), 20) for _ in range(64)]
        for number, link in enumerate(stalled):
            try:
                link.sendall(b"\x16\x03\x01\x02\x00\x01" if number % 2 else b"GET / HTTP/1.0\r\n\r\n" * 100)
            except OSError:
                pass                                              # already dropped
        start = time.monotonic()
        old.sendall(request("/v1/vms"))
        check(answer(old)[0], 200, "an old connection")
        took = time.monotonic() - start
        print(f"answer after {took * 1000:.0f} ms beside 64 stalled handshakes")
        if took > 1:
            raise Failure(f"answered after {took:.2f} s")
        check(host.get("/v1/node")["vms"], 3, "a new connection")
        for link in stalled:
            link.close()


@test
def idle_connections_keep_nobody_out():
    with Host() as host:
        pki.client("operator", "operator")
        pki.client("monitor", "monitor")
        links = [host.connect("operator") for _ in range(40)]     # there are 32 places
        check(host.get("/v1/node", "monitor")["vms"], 3, "one more client")
        links[-1].sendall(request("/v1/vms"))
        check(answer(links[-1])[0], 200, "the youngest of the others")


@test
def who_takes_too_long_is_left():
    """The clock is moved on by hand; who was left is counted."""
    pki.node()
    pki.client("operator", "operator")                            # not valid before the second in which the clock stands
    with Host(clock_stands=True) as host:
        check(put(host, "large", bytes(32 << 20))[0], 201, "an image")
        upload = request("/v1/images/part", "PUT", f"Content-Length: 1000\r\nX-SHA256: {'0' * 64}\r\n")

        def left_after(seconds):
            host.forward(seconds)
            return host.get("/v1/counters")["timeouts_total"]

        def client(data):
            link = host.connect("operator")
            link.sendall(data)
            return link

        def stranger(data):
            link = socket.create_connection(("127.0.0.1", host.port), 20)
            link.sendall(data)
            return link

        left = 0
        for what, begin, more, limit in (("no handshake", lambda: stranger(b""), b"", 10), ("half of one", lambda: stranger(b"\x16\x03\x01\x02"), b"", 10),
                                         ("no request", lambda: client(b""), b"", 120), ("no other", lambda: client(request("/v1/node")), b"", 120),
                                         ("half of a head", lambda: client(b"GET /v1/node HT"), b"", 30),
                                         ("a head byte by byte", lambda: client(b"GET /v1/node"), b"s", 30),
                                         ("half of a body", lambda: client(upload + b"x"), b"", 30)):
            link = begin()
            check(left_after(0), left, what)
            for _ in range(limit // 10 - 1):
                link.sendall(more)
                check(left_after(10), left, what)
            check(left_after(9), left, what)
            left += 1
            check(left_after(1), left, what)
            link.close()
        link = client(upload)
        check(left_after(0), left, "a body that comes slowly")
        for _ in range(6):
            link.sendall(b"x")
            check(left_after(10), left, "a body that comes slowly")
        link = client(request("/v1/images/large"))
        for _ in range(6):
            for _ in range(128):
                link.recv(16384)
            check(left_after(10), left, "an answer that is read slowly")
        check(any([left_after(10) > left for _ in range(10)]), True, "an answer that is not read")


@test
def garbage_after_the_handshake_ends_that_connection_only():
    with Host() as host:
        pki.client("operator", "operator")
        old = host.connect("operator")
        for garbage in (os.urandom(4000), b"\x17\x03\x03\x00\x20" + b"x" * 32, b"\x15\x03\x03\x00\x02\x02\x28", b""):
            raw = socket.create_connection(("127.0.0.1", host.port), 20)
            context = ssl.create_default_context(cafile=pki.path("ca.crt"))
            context.load_cert_chain(pki.path("operator.crt"), pki.path("operator.key"))
            link = context.wrap_socket(raw, server_hostname="localhost")
            link.sendall(request("/v1/node"))
            check(answer(link)[0], 200, "first")
            os.write(link.fileno(), garbage)
            link.close()
        old.sendall(request("/v1/node"))
        check(answer(old)[0], 200, "afterwards")


def put(host, name, data, *more, digest=None, who="operator"):
    """(status, body) of an upload by curl."""
    path = write_file("upload", data)
    return host.curl(f"/v1/images/{name}", who, "-T", path, "-H", "X-SHA256: " + (digest or hashlib.sha256(data).hexdigest()), *more)


def fetch(host, name, *more):
    """(status, bytes) of a download by curl."""
    out = os.path.join(work_dir(), "download")
    status = host.curl(f"/v1/images/{name}", "operator", "-o", out, *more)[0]
    with open(out, "rb") as stream:
        return status, stream.read()


@test
def images_go_up_and_come_back():
    with Host() as host:
        pki.client("operator", "operator")
        pki.client("monitor", "monitor")
        data = os.urandom(5 << 20)
        status, body = put(host, "disk.img", data)
        check((status, json.loads(body)["sha256"]), (201, hashlib.sha256(data).hexdigest()), "upload")
        host.line(r"^audit: operator .* upload image disk.img: begins$")
        host.line(r"^audit: operator .* upload image disk.img: is whole$")
        check(fetch(host, "disk.img"), (200, data), "download")
        check(fetch(host, "disk.img", "-r", "1000-1999"), (206, data[1000:2000]), "a range")
        check(fetch(host, "disk.img", "-r", "5242870-"), (206, data[-10:]), "its end")
        check(host.curl("/v1/images/disk.img", "operator", "-r", "99999999-")[0], 416, "beyond its end")
        check(put(host, "disk.img", data)[0], 200, "the same again")
        check(put(host, "disk.img", b"other")[0], 409, "another of that name")
        check(put(host, "new", b"x", who="monitor")[0], 403, "by a monitor")
        check(host.get("/v1/images", "monitor")[0]["state"], "whole", "list")
        check(host.curl("/v1/images/disk.img", "operator", "-X", "DELETE")[0], 200, "delete")
        host.line(r"^audit: operator .* delete image disk.img: gone$")
        check(host.get("/v1/images"), [], "list")


@test
def images_that_are_not_what_was_said_are_dropped():
    with Host() as host:
        pki.client("operator", "operator")
        check(put(host, "bad", b"abc", digest="0" * 64)[0], 400, "another SHA-256")
        host.line(r"^audit: operator .* upload image bad: has another SHA-256 than was said: gone$")
        check(host.get("/v1/images"), [], "list")
        check(put(host, "bad", b"abc", digest="xyz")[0], 400, "no SHA-256")
        check(put(host, ".bad", b"abc")[0], 400, "a name")
        check(put(host, "a" * 100, b"abc")[0], 400, "a long name")
        check(put(host, "bad", b"abc", "-H", "Transfer-Encoding: chunked")[0], 411, "no length")
        link = host.connect("operator")
        link.sendall(request("/v1/images/huge", "PUT", f"Content-Length: {1 << 40}\r\nX-SHA256: {'0' * 64}\r\n"))
        check(answer(link)[0], 507, "more than there is room for")
        check(host.get("/v1/images"), [], "list")


@test
def a_broken_upload_goes_on_where_it_ended():
    with Host() as host:
        pki.client("operator", "operator")
        data = os.urandom(3 << 20)
        digest = hashlib.sha256(data).hexdigest()
        half = len(data) // 2
        link = host.connect("operator")
        link.sendall(request("/v1/images/disk", "PUT", f"Content-Length: {len(data)}\r\nX-SHA256: {digest}\r\n") + data[:half])
        host.line(r"^audit: operator .* upload image disk: begins$")
        while host.get("/v1/images")[0]["received"] < half:
            pass
        check(put(host, "disk", data)[0], 409, "by two at once")
        link.close()
        while put(host, "disk", data, "-C", str(half + 1))[0] != 409:
            pass
        image = host.get("/v1/images")[0]
        check((image["state"], image["received"]), ("partial", half), "what is there")
        status, body = put(host, "disk", data, "-C", str(half))
        check((status, json.loads(body)["state"]), (201, "whole"), "the rest")
        check(fetch(host, "disk"), (200, data), "download")


@test
def a_broken_upload_may_begin_again_and_says_which_bytes_come():
    with Host() as host:
        pki.client("operator", "operator")
        data = os.urandom(1 << 20)
        check(put(host, "disk", data[:1000], "-H", f"Content-Range: bytes 0-999/{len(data)}", digest=hashlib.sha256(data).hexdigest())[0], 202, "a part")
        check(host.get("/v1/images")[0]["received"], 1000, "what is there")
        check(put(host, "disk", data)[0], 201, "all of it once more")
        check(fetch(host, "disk"), (200, data), "download")
        for text in ("bytes 0-1/4", "bytes 0-3/4", "bytes 0-2/2", "bytes 2-0/4", "0-2/4"):
            check(put(host, "new", b"abc", "-H", "Content-Range: " + text)[0], 400, text)
        check(len(host.get("/v1/images")), 1, "list")


UPGRADE = "Connection: Upgrade\r\nUpgrade: brume-console\r\n"


def console(link, vm):
    """Makes a connection the console of a VM; returns what came behind the answer."""
    link.sendall(request(f"/v1/vms/{vm}/console", more=UPGRADE))
    data = b""
    while b"\r\n\r\n" not in data:
        piece = link.recv(4096)
        if not piece:
            raise Failure(f"the connection ended after {data!r}")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    check(head.split()[1], b"101", "upgrade")
    return rest


def read_until(link, wanted, data=b""):
    while wanted not in data:
        piece = link.recv(4096)
        if not piece:
            raise Failure(f"the console ended after {data!r}")
        data += piece
    return data


@test
def consoles_are_opened_typed_to_and_few():
    with Host() as host:
        pki.client("operator", "operator")
        pki.client("monitor", "monitor")
        links = [host.connect("operator") for _ in range(8)]
        for link in links:
            read_until(link, b"login: ", console(link, "vm0"))
        host.line(r"^audit: operator .* open console vm0: open$")
        check(host.curl("/v1/vms/vm0/console", "operator", "-H", "Upgrade: brume-console", "-H", "Connection: Upgrade")[0], 503, "a ninth")
        links[1].sendall(b"first\r")
        read_until(links[1], b"first\r")
        for size in (3000, 20000):
            text = bytes(ord("a") + i % 26 for i in range(size))
            links[2].sendall(text)
            read_until(links[2], text[-100:])
        links[0].close()
        host.line(r"^audit: operator .* close console vm0: closed$")
        link = host.connect("operator")
        read_until(link, b"login: ", console(link, "vm0"))
        check(host.curl("/v1/vms/vm0/console")[0], 426, "without Upgrade")
        check(host.curl("/v1/vms/none/console")[0], 404, "of no VM")
        check(host.curl("/v1/vms/vm0/console", "monitor")[0], 403, "by a monitor")


def archive(files, format=tarfile.USTAR_FORMAT):
    """Bytes of a tar with these (name, bytes); a type, as text, may stand in place of the bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            else:
                entry.type, entry.linkname = data.encode(), "/etc/passwd"
                tar.addfile(entry)
    return out.getvalue()


def put_context(host, name, data, *more, who="operator"):
    return host.curl(f"/v1/contexts/{name}", who, "-T", write_file("context.tar", data), *more)


def extract(host, name):
    """{file: bytes} of the CD-ROM that is that disk, as xorriso reads it, once by Rock Ridge and once by Joliet; and its label."""
    image, found = os.path.join(work_dir(), "context.iso"), []
    check(host.curl(f"/v1/disks/{name}", "operator", "-o", image)[0], 200, "fetch")
    for number, tree in enumerate(("any", "norock")):
        out = os.path.join(work_dir(), f"files{number}")
        shutil.rmtree(out, ignore_errors=True)
        run = subprocess.run(["xorriso", "-read_fs", tree, "-osirrox", "on", "-indev", image, "-extract", "/", out, "-pvd_info"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(run.returncode, 0, run.stdout)
        files = {}
        for entry in os.listdir(out):
            with open(os.path.join(out, entry), "rb") as stream:
                files[entry] = stream.read()
        found.append(files)
    check(found[0], found[1], "Rock Ridge and Joliet")
    return found[0], re.search(r"Volume Id +: (\S+)", run.stdout)[1]


@test
def a_context_becomes_a_cd_rom():
    with Host() as host:
        pki.client("operator", "operator")
        pki.client("monitor", "monitor")
        files = {"context.sh": b"ETH0_IP='10.0.0.1'\n", "init.sh": os.urandom(70001), "A Long Name with blanks.tar.gz": b"", "context.sh~": b"old"}
        status, body = put_context(host, "one-102-12-disk.1", archive(files.items()))
        check((status, json.loads(body)["files"]), (201, 4), "upload")
        host.line(r"^audit: operator .* write context one-102-12-disk.1: done$")
        check(extract(host, "one-102-12-disk.1"), (files, "CONTEXT"), "the CD-ROM")
        disk = host.get("/v1/disks")[0]
        check((disk["name"], disk["read_only"]), ("one-102-12-disk.1", True), "disk")
        check(put_context(host, "one-102-12-disk.1", archive([("context.sh", b"new")]))[0], 201, "another one")
        check(extract(host, "one-102-12-disk.1"), ({"context.sh": b"new"}, "CONTEXT"), "the new CD-ROM")
        images = host.get("/v1/images")
        check((len(images), images[0]["name"]), (1, host.get("/v1/disks")[0]["image"]), "the old one's memory")
        check(host.curl("/v1/images/" + images[0]["name"], "operator", "-X", "DELETE")[0], 409, "its image is not deleted alone")
        check(host.curl("/v1/disks/one-102-12-disk.1", "operator", "-X", "DELETE")[0], 200, "delete")
        check((host.get("/v1/disks"), host.get("/v1/images")), ([], []), "all of it")


@test
def contexts_that_are_none_leave_nothing_behind():
    with Host() as host:
        pki.client("operator", "operator")
        pki.client("monitor", "monitor")
        check(put_context(host, "cd", archive([("context.sh", b"first")]))[0], 201, "upload")
        good = archive([("context.sh", b"second")])
        for data, words in ((archive([("a/b", b"")]), "a folder"), (archive([("../b", b"")]), "a folder"),
                            (archive([("x", "2")]), "no plain file"), (archive([("x", "1")]), "no plain file"),
                            (archive([("x", "3")]), "no plain file"), (archive([("x", b""), ("x", b"")]), "the same name"),
                            (archive([(f"f{n}", b"") for n in range(65)]), "more than 64 files"),
                            (archive([("x", b"")], tarfile.GNU_FORMAT), "tar --format=ustar"), (archive([("x", "x")]), "tar --format=ustar"), (b"PK\3\4" * 500, "tar --format=ustar"),
                            (good[:600], "not whole"), (good[:100] + b"\1" + good[101:], "checksum")):
            status, body = put_context(host, "cd", data)
            check((status, words in json.loads(body)["error"]), (400, True), body)
        check(put_context(host, "cd", good, who="monitor")[0], 403, "by a monitor")
        check(put_context(host, "cd", good, "-H", "Transfer-Encoding: chunked")[0], 411, "no length")
        link = host.connect("operator")
        link.sendall(request("/v1/contexts/cd", "PUT", f"Content-Length: {(64 << 20) + 1}\r\n"))
        check(answer(link)[0], 413, "too long")
        host.curl("/v1/disks/data", "operator", "--data", "size 8192")
        check(put_context(host, "data", good)[0], 409, "over a disk that is no context")
        links = [host.connect("operator") for _ in range(5)]
        for number, link in enumerate(links):
            link.sendall(request(f"/v1/contexts/new{number}", "PUT", f"Content-Length: {len(good)}\r\n") + good[:600])
        refused = select.select(links, [], [], 30)[0]            # whose request came last there
        check([answer(link)[0] for link in refused], [503], "too many at once")
        for link in links:
            link.close()
        while len(host.get("/v1/images")) != 1:                   # of those that left nothing stays but what the first disk is made of
            pass
        while put_context(host, "new", good)[0] != 201:           # their places are free again
            pass
        check(extract(host, "cd"), ({"context.sh": b"first"}, "CONTEXT"), "the first one is still there")
        check(sorted(disk["name"] for disk in host.get("/v1/disks")), ["cd", "data", "new"], "disks")
        check(len(host.get("/v1/images")), 2, "images")
