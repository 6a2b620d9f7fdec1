# SPDX-License-Identifier: Apache-2.0
"""brumed under sanitizers, without a machine: its nodes are mgmt over sockets of the host (mgmt_host.py) and a made-up one that can lose answers
(tests/one/fake_node.py)."""
import base64
import hashlib
import http.client
import json
import os
import re
import select
import signal
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
import zlib

import pki
from harness import PROGRAMS, TOP, Failure, test, work_dir, write_file
from mgmt_host import Host
from one_fake import wait_until

sys.path.insert(0, os.path.join(TOP, "tests/one"))

from fake_node import Node                                               # noqa: E402
from package import LocalConnection                                      # noqa: E402

PERIODS = {"BEACON_HOST": 1, "SYSTEM_HOST": 600, "MONITOR_HOST": 600, "STATE_VM": 600, "MONITOR_VM": 600, "SYNC_STATE_VM": 600}


def check(got, wanted, what=""):
    if got != wanted:
        raise Failure(f"{what}: {str(got)[:2000]}, not {str(wanted)[:2000]}")


class Brumed:
    """The daemon with a front-end's certificate; settings are lines of its configuration."""

    def __init__(self, folder="state", **settings):
        pki.node()
        pki.client("frontend", "frontend")
        self.socket, self.state = os.path.join(work_dir(), "sock"), os.path.join(work_dir(), folder)
        os.makedirs(self.state, exist_ok=True)
        lines = {"cert": pki.path("frontend.crt"), "key": pki.path("frontend.key"), "ca": pki.path("ca.crt"), "socket": self.socket,
                 "state": self.state, "group": "-", "hostname": "fe", "datastores": work_dir(), "lost_s": 0, "unreachable_s": 2, "request_s": 10, **settings}
        config = write_file("brumed.conf", "".join(f"{key} = {value}\n" for key, value in lines.items()))
        self.process = subprocess.Popen([os.path.join(PROGRAMS, "brumed"), "--config", config, "--log", "-", "--foreground"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
                                        env={**os.environ, "ONE_LOCATION": os.path.join(work_dir(), "one")})
        self.text, self.condition = "", threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self.line("begins: socket")

    def _read(self):
        for line in self.process.stdout:
            with self.condition:
                self.text += line
                self.condition.notify_all()
        with self.condition:
            self.text += "(the log ends)"
            self.condition.notify_all()

    def line(self, pattern):
        """Waits for a line of its log."""
        with self.condition:
            if not self.condition.wait_for(lambda: re.search(pattern, self.text), 30):
                raise Failure(f"no {pattern!r} in {self.text}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        """It ends when it is told to, and the sanitizers have nothing to say."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(30)
        if not error[0]:
            check(status, 0, "status of brumed; " + self.text[-4000:])
        else:
            print(self.text)

    def ask(self, method, path, body=None, timeout=30, **headers):
        """(status, body) of one request."""
        link = LocalConnection(self.socket, timeout)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        link.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = link.getresponse()
        data = answer.read()
        link.close()
        return answer.status, data

    def json(self, method, path, body=None, wanted=200, **headers):
        status, data = self.ask(method, path, body, **headers)
        if status != wanted:
            raise Failure(f"{method} {path}: {status} {data}")
        return json.loads(data)

    def error(self, method, path, body=None, **headers):
        """(status, reason) of one that is refused."""
        status, data = self.ask(method, path, body, **headers)
        return status, json.loads(data).get("error")

    def put(self, name, port, address="127.0.0.1"):
        self.json("PUT", f"/nodes/{name}", {"address": address, "port": port})

    def tm(self, command, *args, wanted=200):
        status, data = self.ask("POST", f"/tm/{command}", {"args": list(args), "stdin": ""})
        if status != wanted:
            raise Failure(f"tm {command} {args}: {status} {data}")
        return json.loads(data)

    def act(self, action, number, key, node="x1"):
        return self.json("POST", f"/nodes/{node}/actions/{action}/{number}", "<VMM_DRIVER_ACTION_DATA/>", X_Key=key)


class Monitord:
    """Takes messages by UDP and TCP: (type, status, host, time, text) each."""

    def __init__(self):
        self.messages, self.condition, monitord = [], threading.Condition(), self

        class Stream(socketserver.BaseRequestHandler):
            def handle(self):
                data = b""
                while piece := self.request.recv(65536):
                    data += piece
                monitord.take(data, "tcp")

        self.stream, self.port = Stream, 0
        self.go_on()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        threading.Thread(target=self._datagrams, daemon=True).start()

    def go_on(self):
        """Listens, again after stop()."""
        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True
        self.tcp = Server(("127.0.0.1", self.port), self.stream)
        self.port = self.tcp.server_address[1]
        threading.Thread(target=self.tcp.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self):
        self.tcp.shutdown()
        self.tcp.server_close()

    def _datagrams(self):
        while True:
            self.take(self.udp.recv(65536), "udp")

    def take(self, data, way):
        kind, status, host, time, payload = data.decode().split(" ")
        if payload.endswith("\n"):
            raise Failure("a message with an end of line")
        text = zlib.decompress(base64.b64decode(payload, validate=True)).decode()
        with self.condition:
            self.messages.append((kind, status, int(host), int(time), text, way))
            self.condition.notify_all()

    def wait(self, function, what):
        """The first message for which function is true; all before it are forgotten."""
        with self.condition:
            found = lambda: next((i for i, m in enumerate(self.messages) if function(m)), None)          # noqa: E731
            if not self.condition.wait_for(lambda: found() is not None, 30):
                raise Failure(f"no {what}: {self.messages}")
            message = self.messages[found()]
            del self.messages[:found() + 1]
            return message

    def request(self, host, name, **more):
        """What monitord asks of the driver; more: other periods."""
        periods = "".join(f"<{key}>{value}</{key}>" for key, value in {**PERIODS, **more}.items())
        return (f"<MONITOR_DRIVER_ACTION><HOST><ID>{host}</ID><NAME>{name}</NAME></HOST><MONITOR_CONFIGURATION><NETWORK>"
                f"<ADDRESS><![CDATA[::]]></ADDRESS><PORT>{self.port}</PORT></NETWORK><PROBES_PERIOD>{periods}</PROBES_PERIOD>"
                "</MONITOR_CONFIGURATION></MONITOR_DRIVER_ACTION>")


def fake(port=0):
    pki.node()
    return Node(pki.path("node.crt"), pki.path("node.key"), pki.path("ca.crt"), port)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- the table, and whom brumed believes ----

@test
def a_node_is_believed_by_its_authority_and_name_or_by_its_fingerprint():
    with Host() as host, Brumed() as b:
        b.put("node", host.port)                                # the certificate is for this name
        check(b.json("GET", "/nodes/node/v1/node")["vms"], 3, "by name")
        b.put("x1", host.port)                                  # and for this address
        check(b.json("GET", "/nodes/x1/v1/node")["vms"], 3, "by address")
        b.put("x2", host.port, "127.0.0.2")
        status, why = b.error("GET", "/nodes/x2/v1/node")
        check((status, "connection refused" in why), (502, True), why)
        pki.authority("other")
        pki.certificate("self", "subjectAltName=DNS:x9", signer="other")
        with Brumed("second", socket=os.path.join(work_dir(), "sock2"), ca=pki.path("other.crt")) as c:
            c.socket = os.path.join(work_dir(), "sock2")
            c.put("x1", host.port)
            status, why = c.error("GET", "/nodes/x1/v1/node")
            check((status, "not signed by an authority of" in why, "node x1" in why), (502, True, True), why)
            shown = c.json("GET", "/nodes/x1/certificate")["fingerprint"]
            status, why = c.error("POST", "/nodes/x1/approve", {"fingerprint": "41:DD"})
            check(status, 400, why)
            c.json("POST", "/nodes/x1/approve", {"fingerprint": "AB" * 32})
            status, why = c.error("GET", "/nodes/x1/v1/node")
            check((status, "not the one that was approved" in why, shown in why), (502, True, True), why)
            c.json("POST", "/nodes/x1/approve", {"fingerprint": shown})
            check(c.json("GET", "/nodes/x1/v1/node")["vms"], 3, "by fingerprint")
            check(c.json("GET", "/nodes/x1")["state"], "connected", "state")
        counters = host.get("/v1/counters", "frontend")
        check(counters["handshake_failures_total"] >= 3, True, "handshakes that were refused before a request")


@test
def the_table_outlives_brumed():
    with Brumed() as b:
        b.put("x1", 1234)
        b.put("gone", 1)
        b.json("POST", "/nodes/x1/approve", {"fingerprint": "AB" * 32})
        b.json("DELETE", "/nodes/gone")
        check(b.error("PUT", "/nodes/-x", {"port": 1})[0], 400, "bad name")
        check(b.error("PUT", "/nodes/x1", {"port": 70000})[0], 400, "bad port")
        check(b.error("PUT", "/nodes/x1", "no json")[0], 400, "no JSON")
    with Brumed() as b:
        nodes = b.json("GET", "/nodes")
        check([(n["name"], n["address"], n["port"], n["approved"][:5]) for n in nodes], [("x1", "127.0.0.1", 1234, "AB:AB")], "table")
        b.put("x1", 1235)
        check(b.json("GET", "/nodes/x1")["approved"], "", "an approved certificate goes with the address")


@test
def an_expired_certificate_is_told_of():
    with Brumed() as b:
        pki.certificate("old", "subjectAltName=IP:127.0.0.1", days=-1)
        node = Node(pki.path("old.crt"), pki.path("old.key"), pki.path("ca.crt"))
        b.put("x1", node.port)
        status, why = b.error("GET", "/nodes/x1/v1/node")
        check((status, why), (502, "node x1: its certificate has expired"), "refusal")
        check(node.asked, [], "what was asked of it")
        node.close()


class Liar:
    """A node with the right certificate that answers everything with the same bytes, or a connection each with the next ones."""

    def __init__(self, *answers):
        answers = list(answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki.path("node.crt"), pki.path("node.key"))
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]

        def serve():
            while True:
                raw = listener.accept()[0]
                try:
                    with context.wrap_socket(raw, server_side=True) as link:
                        link.recv(65536)
                        link.sendall(answers[0])
                    if answers[1:]:
                        del answers[0]
                except OSError:
                    pass

        threading.Thread(target=serve, daemon=True).start()


@test
def a_node_that_talks_nonsense_hurts_nobody():
    def head(status, length, more=b""):
        return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n%s\r\n" % (status, length, more)

    answers = [b"", b"\0" * 1000, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[", head(200, 2) + b"[]", head(200, 2) + b"{}",
               head(200, 4) + b"null", head(200, 9) + b'[1,"a",{}]', head(200, 17) + b'{"state": "done"}', head(200, 40) + b'{"state":"done","status":7,"info":[1,2]}',
               head(404, 0), head(500, 3) + b"\xff\xfe\xfd", head(206, 1, b"Content-Range: bytes 9-9/99999999999999999999\r\n") + b"x",
               head(200, 3, b"X-Time: -99999999999999999999\r\n") + b"VM=", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n",
               b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200000, b"HTTP/1.1 101 x\r\nUpgrade: y\r\n\r\n"]
    monitord = Monitord()
    image = "fe:" + write_file("image", b"content")
    with Brumed(unreachable_s=0, deadline_deploy=1, connect_s=2, request_s=2, stall_s=1, transfer_tries=1) as b:
        for number, answer in enumerate(answers):
            b.put("x1", Liar(answer).port)
            result = b.act("deploy", 12, f"k{number}")
            check(result["status"], "FAILURE", f"deploy with {answer[:60]}: {result}")
            b.ask("GET", "/nodes/x1/certificate")
            try:
                b.ask("GET", "/nodes/x1/v1/node")
            except http.client.HTTPException:
                pass                                            # an answer that broke off breaks off here, too
            b.ask("POST", "/monitor/7/start", monitord.request(7, "x1"))
            b.json("POST", "/monitor/7/stop")
            for command, args in (("clone", [image, "x1:/d/1/2/disk.0", "2", "1"]), ("delete", ["x1:/d/1/2", "2", "1"]),
                                  ("mvds", ["x1:/d/1/2/disk.0", f"fe:{work_dir()}/back", "2", "1"])):
                b.ask("POST", f"/tm/{command}", {"args": args})
        check(b.json("GET", "/nodes/x1")["name"], "x1", "and it lives")


@test
def requests_pass_through_in_both_directions():
    content = os.urandom(5 << 20)
    with Host() as host, Brumed() as b:
        b.put("x1", host.port)
        sha = hashlib.sha256(content).hexdigest()
        status, _ = b.ask("PUT", "/nodes/x1/v1/images/disk", content, X_SHA256=sha)
        check(status, 201, "upload")
        check(b.ask("GET", "/nodes/x1/v1/images/disk"), (200, content), "download")
        check(b.ask("GET", "/nodes/x1/v1/images/disk", Connection="Upgrade", Upgrade="h2c"), (200, content), "an upgrade that is not taken")
        check(b.ask("GET", "/nodes/x1/v1/images/disk", Range="bytes=10-19"), (206, content[10:20]), "range")
        check(b.error("GET", "/nodes/x1/v1/images/none")[0], 404, "a refusal of the node's")
        check(b.ask("PUT", "/nodes/x1/v1/images/bad", content)[0], 400, "refused while it is sent")
        check(b.ask("HEAD", "/nodes/x1/v1/node")[1], b"", "HEAD")
        link = LocalConnection(b.socket, 10)                     # goes away in the middle of an upload, and of a download
        link.putrequest("PUT", "/nodes/x1/v1/images/half")
        link.putheader("Content-Length", "1000000")
        link.putheader("X-SHA256", sha)
        link.endheaders()
        link.send(b"x" * 1000)
        link.close()
        link = LocalConnection(b.socket, 10)
        link.request("GET", "/nodes/x1/v1/images/disk")
        link.getresponse().read(10)
        link.close()
        check(b.json("GET", "/nodes/x1/v1/node")["vms"], 3, "and it goes on")


@test
def garbage_on_the_socket_hurts_nobody():
    with Brumed() as b:
        for text in (b"\0" * 100, b"GET\r\n\r\n", b"GET /nodes/%00/v1/x HTTP/1.1\r\nHost: x\r\n\r\n", b"X" * 100000,
                     b"POST /tm/clone HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n{"):
            link = socket.socket(socket.AF_UNIX)
            link.connect(b.socket)
            try:
                link.sendall(text)
                link.shutdown(socket.SHUT_WR)
                while link.recv(65536):
                    pass
            except OSError:
                pass
            link.close()
        for method, path, body, status in (
                ("GET", "/", None, 404), ("GET", "/nodes/", None, 404), ("GET", "/nodes/a/b/c/d/e/f", None, 404),
                ("POST", "/tm/rm", {"args": []}, 404), ("POST", "/tm/clone", "[", 400), ("POST", "/tm/clone", {"args": [1]}, 400),
                ("POST", "/tm/clone", {"args": ["a"]}, 400), ("POST", "/tm/clone", {"args": ["a", "b", "c", "d"]}, 400),
                ("POST", "/monitor/x/start", "<a/>", 400), ("POST", "/monitor/1/start", "<a/>", 400),
                ("POST", "/nodes/x1/actions/explode/1", "", 404), ("POST", "/nodes/x1/actions/deploy/x", "", 400),
                ("POST", "/nodes/x1/actions/deploy/1", "", 400), ("GET", "/nodes/%2e%2e/v1/node", None, 400)):
            check((method, path, b.ask(method, path, body)[0]), (method, path, status), "status")
        check(b.ask("POST", "/tm/clone", "x" * (9 << 20))[0], 413, "too long")
        check(os.stat(b.socket).st_mode & 0o777, 0o600, "rights of the socket")
        check(b.json("GET", "/nodes"), [{**b.json("GET", "/nodes")[0]}] if b.json("GET", "/nodes") else [], "and it lives")


# ---- actions ----

def begun(b, node):
    """A connection on which somebody waits for a deploy of VM 12, with the key k1, that the node has begun and does not end."""
    node.hold("deploy")
    link = LocalConnection(b.socket, 30)
    link.request("POST", "/nodes/x1/actions/deploy/12", "<x/>", {"X-Key": "k1"})
    with node.condition:
        node.condition.wait_for(lambda: "k1" in node.actions, 30)
    return link


@test
def an_action_is_done_once_however_often_it_is_asked_for():
    node = fake()
    with Brumed() as b:
        b.put("x1", node.port)
        check(b.act("deploy", 12, "k1"), {"status": "SUCCESS", "info": "one-12"}, "deploy")
        check(b.act("deploy", 12, "k1"), {"status": "SUCCESS", "info": "one-12"}, "again")
        check(node.count("deploy", 12), 1, "times it was done")
        check(b.error("POST", "/nodes/x1/actions/reset/12", "", X_Key="k1")[0], 409, "another action with that key")
        node.lost.add("shutdown")                               # the connection ends before the answer
        check(b.act("shutdown", 12, "k2")["status"], "SUCCESS", "after a lost answer")
        check(node.count("shutdown", 12), 1, "times it was done")
        node.hold("cancel")
        results = []
        clients = [threading.Thread(target=lambda: results.append(b.act("cancel", 12, "k3"))) for _ in range(3)]
        for client in clients:
            client.start()
        with node.condition:
            node.condition.wait_for(lambda: "k3" in node.actions, 30)
        node.release()
        for client in clients:
            client.join(30)
        check(results, [{"status": "SUCCESS", "info": "one-12"}] * 3, "three who asked")
        check(node.count("cancel", 12), 1, "times it was done")
        with node.condition:
            check(node.condition.wait_for(lambda: not node.actions, 30), True, "all results are acknowledged")
    node.close()


@test
def who_leaves_with_its_answer_has_it():
    """Nobody stays on the line when the answer is read: the node is told all the same, each time."""
    node = fake()
    with Brumed() as b:
        b.put("x1", node.port)

        def ask(first):
            for number in range(first, first + 25):
                b.act("deploy", number, f"k{number}")

        clients = [threading.Thread(target=ask, args=(100 * i,)) for i in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(60)
        with node.condition:
            check(node.condition.wait_for(lambda: not node.actions, 30) or list(node.actions), True, "all results are acknowledged")
            check(len(node.done), 200, "deploys")
    node.close()


@test
def who_left_gets_the_result_later():
    node = fake()
    with Brumed() as b:
        b.put("x1", node.port)
        link = begun(b, node)
        link.close()
        node.release()
        b.line(r"deploy of VM 12 \(k1\): SUCCESS")
        check(b.act("deploy", 12, "k1"), {"status": "SUCCESS", "info": "one-12"}, "asked again")
        check(node.count("deploy", 12), 1, "times it was done")
    node.close()


@test
def an_action_that_is_given_up_fails_and_the_node_forgets_it():
    node = fake()
    with Brumed(deadline_shutdown=1) as b:
        b.put("x1", node.port)
        node.hold("deploy", "shutdown")
        results = []
        client = threading.Thread(target=lambda: results.append(b.act("deploy", 12, "k1")))
        client.start()
        with node.condition:
            node.condition.wait_for(lambda: "k1" in node.actions, 30)
        b.json("DELETE", "/nodes/x1/actions/k1")
        client.join(30)
        check(results[0]["status"], "FAILURE", "given up")
        check(b.act("shutdown", 12, "k2"), {"status": "FAILURE", "info": "node x1: no result within 1 s"}, "deadline")
        check(node.actions, {}, "what the node keeps")
    node.close()


@test
def an_unreachable_node_fails_an_action_in_words_and_may_come_back():
    port = free_port()
    with Brumed(unreachable_s=1) as b:
        b.put("x1", port)
        result = b.act("deploy", 12, "k1")
        check((result["status"], "node x1: connection refused" in result["info"]), ("FAILURE", True), result)
        node = fake(port)
        check(b.act("deploy", 12, "k1")["status"], "SUCCESS", "the same key, as nothing had been done")
        node.close()


@test
def brumed_killed_in_the_middle_is_no_second_deploy():
    node = fake()
    b = Brumed()
    b.put("x1", node.port)
    link = begun(b, node)
    b.process.kill()
    b.process.wait()
    node.release()
    with Brumed() as again:
        check(again.act("deploy", 12, "k1"), {"status": "SUCCESS", "info": "one-12"}, "asked again")
        check(node.count("deploy", 12), 1, "times it was done")
    node.close()


DEPLOY = """<VMM_DRIVER_ACTION_DATA><HOST>x1</HOST><VM><ID>12</ID><TEMPLATE><MEMORY>64</MEMORY>
<DISK><DISK_ID>0</DISK_ID><SIZE>4</SIZE></DISK><DISK><DISK_ID>1</DISK_ID><SIZE>1</SIZE></DISK></TEMPLATE>
<HISTORY_RECORDS><HISTORY><DS_ID>102</DS_ID></HISTORY></HISTORY_RECORDS></VM></VMM_DRIVER_ACTION_DATA>"""


@test
def a_real_node_does_actions_and_is_monitored():
    monitord = Monitord()
    with Host() as host, Brumed() as b:
        b.put("x1", host.port)
        check(b.json("POST", "/nodes/x1/actions/cancel/12", DEPLOY, X_Key="k1")["status"], "SUCCESS", "a VM that is not there")
        result = b.act("deploy", 12, "k2")
        check((result["status"], "node x1: " in result["info"]), ("FAILURE", True), result)
        path = write_file("image", bytes(3 << 19))
        b.tm("clone", f"fe:{path}", "x1:/d/102/12/disk.0", "12", "1")
        b.tm("mkimage", "2", "raw", "x1:/d/102/12/disk.1", "12", "102")
        result = b.json("POST", "/nodes/x1/actions/deploy/12", DEPLOY, X_Key="k3")
        check(result["status"], "FAILURE", result)              # it has no kernel
        check([(d["name"], d["size"]) for d in b.json("GET", "/nodes/x1/v1/disks")],
              [("one-102-12-disk.0", 4 << 20), ("one-102-12-disk.1", 2 << 20)], "disks as large as the template wants")
        status, xml = b.ask("POST", "/monitor/7/start", monitord.request(7, "x1"))
        parts = dict(re.findall(r"<(\w+)>([^<]*)</", xml.decode()))
        check((status, "HYPERVISOR=brume" in base64.b64decode(parts["SYSTEM_HOST"]).decode()), (200, True), xml)
        monitord.wait(lambda m: m[0] == "STATE_VM" and "SYNC_STATE=yes" in m[4], "its VMs")
        os.makedirs(os.path.join(work_dir(), "one/var/remotes"))
        write_file("one/var/remotes/VERSION", b"7.5.80\n")
        b.tm("delete", "x1:/d/102/12", "12", "102")
        told = monitord.wait(lambda m: m[0] == "SYSTEM_HOST", "what is free after a change of disks")[4]
        check(re.findall(r'^\w*VERSION="[^"]+"$', told, re.M), ['BRUME_VERSION="0.1"', 'VERSION="7.5.80"'], "the node's version, and that of the remotes")
        check(b.json("GET", "/nodes/x1/v1/one/actions"), [], "actions that the node keeps")


@test
def who_waits_while_brumed_ends_is_given_no_failure():
    node = fake()
    b = Brumed()
    b.put("x1", node.port)
    link = begun(b, node)
    b.process.terminate()
    try:
        raise Failure(f"an answer: {link.getresponse().read()}")
    except (http.client.RemoteDisconnected, ConnectionResetError):
        pass
    check(b.process.wait(30), 0, b.text)
    node.release()
    with Brumed() as again:
        check(again.act("deploy", 12, "k1")["status"], "SUCCESS", "asked again")
        check(node.count("deploy", 12), 1, "times it was done")
    node.close()


CONSOLE = b"GET /nodes/x1/v1/vms/vm0/console HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: brume-console\r\n\r\n"


def connections(port):
    """That this machine has to a port of its own: where they come from."""
    with open("/proc/net/tcp", encoding="ascii") as stream:
        ends = [line.split()[1:4] for line in stream]
    return {ours for ours, theirs, state in ends if theirs.endswith(f":{port:04X}") and state == "01"}


@test
def who_leaves_before_its_console_is_there_holds_none():
    """The node has eight of them."""
    with Host() as host, Brumed() as b:
        b.put("x1", host.port)
        for _ in range(8):
            before = connections(host.port)
            host.process.send_signal(signal.SIGSTOP)             # brumed asks it, and its client is gone when it answers
            try:
                with socket.socket(socket.AF_UNIX) as link:
                    link.connect(b.socket)
                    link.sendall(CONSOLE)
                    wait_until(lambda seen=before: connections(host.port) - seen, "brumed asks the node")
            finally:
                host.process.send_signal(signal.SIGCONT)
            host.line("open console vm0: open")
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(b.socket)
            link.sendall(CONSOLE)
            check(link.recv(12), b"HTTP/1.1 101", "the ninth")


@test
def a_console_goes_through():
    with Host() as host, Brumed() as b:
        b.put("x1", host.port)
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(30)
        link.connect(b.socket)
        link.sendall(CONSOLE)
        text = b""
        while b"\r\n\r\n" not in text:
            text += link.recv(1000)
        check(text.split(b"\r\n")[0], b"HTTP/1.1 101 Switching Protocols", "answer")
        link.sendall(b"hello")
        seen = text.partition(b"\r\n\r\n")[2]
        while b"hello" not in seen:                             # the made-up console says what is typed
            piece = link.recv(1000)
            if not piece:
                raise Failure(f"the console ended after {seen!r}")
            seen += piece
        link.close()
        status, why = b.error("GET", "/nodes/x1/v1/vms/none/console", Connection="Upgrade", Upgrade="brume-console")
        check(status, 404, why)


@test
def a_second_handshake_on_a_console_is_refused():
    """Only the first one was decided on."""
    pki.node()
    port, lines = free_port(), []
    with Brumed() as b:
        node = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pki.path("node.crt"), "-key", pki.path("node.key"),
                                 "-tls1_2", "-crlf"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)

        def shown(words):
            while not lines or words not in lines[-1]:
                if not select.select([node.stdout], [], [], 20)[0]:
                    raise Failure(f"no {words!r}: {lines}")
                lines.append(os.read(node.stdout.fileno(), 65536))

        shown(b"ACCEPT")
        b.put("x1", port)
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(30)
        link.connect(b.socket)
        link.sendall(b"GET /nodes/x1/v1/vms/vm0/console HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: brume-console\r\n\r\n")
        shown(b"Upgrade: brume-console")
        node.stdin.write(b"HTTP/1.1 101 x\nUpgrade: brume-console\n\n")
        check(link.recv(12), b"HTTP/1.1 101", "answer")
        node.stdin.write(b"r\n")
        shown(b"no renegotiation")
        node.kill()
        node.wait()
        check(b.json("GET", "/nodes/x1")["name"], "x1", "and it lives")


# ---- the transfer manager ----

def same(b, path, file):
    """A disk on a node, which the made-up init writes to in places, and a file have the same content."""
    with open(file, "rb") as stream:
        check(hashlib.sha256(b.ask("GET", "/nodes/" + path)[1]).hexdigest(), hashlib.sha256(stream.read()).hexdigest(), path)


def disks(b, node="x1"):
    return {d["name"]: (d["size"], d["image"][:4], d["read_only"]) for d in b.json("GET", f"/nodes/{node}/v1/disks")}


@test
def disks_go_to_the_node_and_come_back():
    image, kernel = os.urandom(3 << 20) + bytes(5 << 20), os.urandom(100001)
    path = write_file("image", image)
    store = "x1:/var/lib/one//datastores/102/12"
    with Host() as host, Brumed() as b:
        b.put("x1", host.port)
        for _ in range(2):                                      # each may be repeated
            b.tm("clone", f"fe:{path}", f"{store}/disk.0", "12", "1")
            b.tm("CLONE.brume", f"fe:{path}", "x1:/d/102/13/disk.0", "13", "1")
            b.tm("clone", "fe:" + write_file("vmlinuz", kernel), f"{store}/kernel", "12", "2")
            b.tm("mkimage", "3", "raw", f"{store}/disk.1", "12", "102")
            b.tm("mkswap", "1", f"{store}/disk.2", "12", "102")
        check(disks(b), {"one-102-12-disk.0": (8 << 20, "one.", False), "one-102-13-disk.0": (8 << 20, "one.", False),
                         "one-102-12-kernel": (len(kernel), "one.", True), "one-102-12-disk.1": (3 << 20, "", False),
                         "one-102-12-disk.2": (1 << 20, "", False)}, "disks")
        check(len([i for i in b.json("GET", "/nodes/x1/v1/images")]), 2, "one image for two disks")
        back = write_file("back", b"old")
        os.chmod(back, 0o640)
        b.tm("mvds", f"{store}/disk.0", f"fe:{back}", "12", "1")
        same(b, "x1/v1/disks/one-102-12-disk.0", back)
        check((os.stat(back).st_mode & 0o777, os.stat(back).st_blocks * 512 < 4 << 20), (0o640, True), "rights, and holes")
        b.tm("cpds", f"{store}/disk.1", f"fe:{work_dir()}/saved", "-1", "12", "1")
        check(os.path.getsize(work_dir() + "/saved"), 3 << 20, "saved disk")
        b.tm("resize", f"{store}/disk.1", "5", "12", "102")
        check(disks(b)["one-102-12-disk.1"][0], 5 << 20, "size")
        b.tm("delete", f"{store}/disk.1", "12", "102")
        b.tm("delete", f"{store}/disk.1", "12", "102")
        b.tm("delete", store, "12", "102")
        check(list(disks(b)), ["one-102-13-disk.0"], "disks of others")
        check([name for name in os.listdir(work_dir()) if ".brume-" in name], [], "files in part")


class Cutter:
    """A way to a node on which each connection ends after so many bytes of one direction, so many times; then it is whole. wait: it does not end
    there, but stands still until go is set."""

    def __init__(self, port, up=None, down=None, times=1, wait=False):
        self.port, self.limits, self.times, self.wait = port, (up, down), times, wait
        self.stands, self.go = threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listen = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client = self.listener.accept()[0]
            server = socket.create_connection(("127.0.0.1", self.port))
            for source, target, limit in ((client, server, self.limits[0]), (server, client, self.limits[1])):
                threading.Thread(target=self._pump, args=(source, target, limit, (client, server)), daemon=True).start()

    def _pump(self, source, target, limit, both):
        count = 0
        try:
            while piece := source.recv(65536):
                count += len(piece)
                if limit and count > limit and self.times:
                    self.times -= 1
                    if not self.wait:
                        break
                    self.stands.set()
                    self.go.wait()
                target.sendall(piece)
        except OSError:
            pass
        for s in both:
            try:
                # Reset, as by a machine that is gone: of a mere end whoever still sends need not take notice.
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


@test
def a_transfer_that_breaks_off_goes_on_where_it_ended():
    image = os.urandom(8 << 20)
    path = write_file("image", image)
    with Host() as host, Brumed() as b:
        b.put("x1", Cutter(host.port, up=3 << 20, times=2).listen)
        b.tm("clone", f"fe:{path}", "x1:/d/1/2/disk.0", "2", "1")
        begins = [int(n) for n in re.findall(r"sends image \S+ from byte (\d+)", b.text)]
        check((len(begins), begins == sorted(begins), begins[-1] > 0), (3, True, True), f"parts {begins}")
        b.put("x1", Cutter(host.port, down=3 << 20, times=2).listen)
        back = os.path.join(work_dir(), "back")
        b.tm("mvds", "x1:/d/1/2/disk.0", f"fe:{back}", "2", "1")
        b.put("x1", host.port)
        same(b, "x1/v1/disks/one-1-2-disk.0", back)


@test
def a_disk_that_comes_in_other_parts_than_it_should_is_not_taken():
    def head(status, *lines):
        return "\r\n".join([f"HTTP/1.1 {status} x", *lines, "", ""]).encode()

    first = head(200, "Content-Length: 8192") + b"x" * 4096
    zeros = head(200, "Content-Length: 8192") + bytes(8192)
    with Brumed(stall_s=5, transfer_tries=2) as b:
        back = write_file("back", b"old")
        for answers, words in (
                ([first, head(206, "Content-Length: 4096", "Content-Range: bytes 0-4095/8192") + bytes(4096)], "another part"),
                ([first, head(206, "Content-Length: 4096", "Content-Range: bytes 4096-8191/16384") + bytes(4096)], "another size"),
                ([first, head(200, "Content-Length: 4096") + bytes(4096)], None),
                ([head(200, "Transfer-Encoding: chunked") + b"2\r\nab\r\n0\r\n\r\n"], "how long"),
                ([head(206, "Content-Length: 4", "Content-Range: bytes 0-1/2") + b"abcd"], "more than"),
                ([head(301, "Location: https://127.0.0.1:1/", "Content-Length: 0")], "301"),
                ([first, zeros], None)):
            b.put("x1", Liar(*answers).port)
            status, why = b.error("POST", "/tm/mvds", {"args": ["x1:/d/1/2/disk.0", f"fe:{back}", "2", "1"]})
            with open(back, "rb") as stream:
                content = stream.read()
            if words:
                check((status in (500, 502), words in why, content[:3]), (True, True, b"old"), why)
                check(os.path.exists(back + ".brume-part"), False, "what came")
            else:
                check((status, content.strip(b"\0")), (200, b""), "nothing stays of what came first")
                write_file("back", b"old")


@test
def authorities_that_are_exchanged_count_from_the_next_connection_on():
    pki.node()
    pki.authority("new")
    with open(pki.path("ca.crt"), encoding="ascii") as stream:
        ca = write_file("believed.crt", stream.read())
    node = fake()
    with Brumed(ca=ca) as b:
        b.put("node", node.port)
        check(b.ask("GET", "/nodes/node/v1/node")[0], 200, "by the old one")
        with open(pki.path("new.crt"), encoding="ascii") as stream:
            write_file("believed.crt", stream.read())
        node.close()
        node = fake(node.port)
        status, why = b.error("GET", "/nodes/node/v1/node")
        check((status, "not signed by an authority" in str(why)), (502, True), why)
    node.close()


@test
def what_becomes_of_an_action_is_told_when_the_node_will_not_say():
    node = fake()
    with Brumed() as b:
        b.put("x1", node.port)
        node.hold("deploy")
        node.silent = 500
        check(b.act("deploy", 12, "k1"), {"status": "FAILURE", "info": "node x1: not this one"}, "the reason")
        node.release()
    node.close()


@test
def a_long_upload_delays_nobody_and_is_made_once():
    path = write_file("image", os.urandom(8 << 20))
    with Host() as host, Brumed() as b:
        way = Cutter(host.port, up=3 << 20, wait=True)
        b.put("x1", way.listen)
        clones = [threading.Thread(target=b.tm, args=("clone", f"fe:{path}", f"x1:/d/1/{number}/disk.0", str(number), "1")) for number in range(6)]
        for clone in clones:
            clone.start()
        check(way.stands.wait(30), True, "the upload began")
        check(b.json("POST", "/nodes/x1/actions/cancel/12", DEPLOY, X_Key="k1")["status"], "SUCCESS", "an action meanwhile")
        b.tm("mkimage", "1", "raw", "x1:/d/1/9/disk.0", "9", "1")
        check(b.ask("PUT", "/nodes/x1/v1/images/other", b"abc", X_SHA256=hashlib.sha256(b"abc").hexdigest())[0], 201, "another upload")
        way.go.set()
        for clone in clones:
            clone.join(30)
        check(len(disks(b)), 7, "disks")
        check(b.text.count("sends image"), 1, "uploads of the image")


@test
def a_disk_that_was_left_with_other_content_is_made_anew():
    node = fake()
    with Brumed() as b:
        b.put("x1", node.port)
        for data in (b"one" * 1000, b"other" * 2000, b"other" * 2000):
            b.tm("clone", "fe:" + write_file("image", data), "x1:/d/102/12/disk.0", "12", "1")
            check(node.disks["one-102-12-disk.0"]["data"][:20], data[:20], "what stands on it")
        check([method for method, path in node.asked if path == "/v1/disks/one-102-12-disk.0"], ["POST", "POST", "DELETE", "POST", "POST"], "requests")
    node.close()


@test
def images_that_nobody_uses_make_room():
    mib = 1 << 20                                               # the made-up node has 64 of them for images
    with Host() as host, Brumed() as b:
        b.put("x1", host.port)
        for number, name in enumerate(("a", "b")):
            b.tm("clone", "fe:" + write_file(name, os.urandom(24 * mib)), f"x1:/d/1/{number}/kernel", str(number), "1")
        c = "fe:" + write_file("c", os.urandom(24 * mib))
        status, why = b.error("POST", "/tm/clone", {"args": [c, "x1:/d/1/3/kernel", "3", "1"]})
        check((status, "node x1: " in why), (507, True), "no room: " + why)
        b.tm("delete", "x1:/d/1/0", "0", "1")
        b.tm("clone", c, "x1:/d/1/3/kernel", "3", "1")
        check(b.text.count("was not used, and went for room"), 1, "images that went")
        check(sorted(d["name"] for d in b.json("GET", "/nodes/x1/v1/disks")), ["one-1-1-kernel", "one-1-3-kernel"], "disks")


@test
def a_vm_moves_to_the_front_end_and_back_and_to_another_node():
    image, kernel = os.urandom(2 << 20), os.urandom(5000)
    home = os.path.join(work_dir(), "datastores/102/12")
    with Host() as host, Host() as other, Brumed() as b:
        b.put("x1", host.port)
        b.put("x2", other.port)
        b.tm("clone", "fe:" + write_file("image", image), "x1:/d/102/12/disk.0", "12", "1")
        b.tm("clone", "fe:" + write_file("vmlinuz", kernel), "x1:/d/102/12/kernel", "12", "2")
        b.tm("mv", "x1:/d/102/12/disk.0", f"fe:{home}/disk.0", "12", "102")
        b.tm("mv", "x1:/d/102/12", f"fe:{home}", "12", "102")
        check(disks(b), {}, "the node keeps nothing")
        check(sorted(os.listdir(home)), ["disk.0", "kernel"], "on the front-end")
        with open(f"{home}/disk.0", "rb") as stream:
            moved = write_file("moved", stream.read())
        b.tm("mv", f"fe:{home}/disk.0", "x1:/d/102/12/disk.0", "12", "102")
        b.tm("mv", f"fe:{home}", "x1:/d/102/12", "12", "102")
        check((sorted(disks(b)), os.path.exists(home)), (["one-102-12-disk.0", "one-102-12-kernel"], False), "back")
        b.tm("mv", "x1:/d/102/12/disk.0", "x1:/d/103/12/disk.0", "12", "103")
        b.tm("mv", "x1:/d/102/12", "x1:/d/103/12", "12", "103")
        check(sorted(disks(b)), ["one-103-12-disk.0", "one-103-12-kernel"], "renamed")
        b.tm("mv", "x1:/d/103/12/disk.0", "x2:/d/103/12/disk.0", "12", "103")
        b.tm("mv", "x1:/d/103/12", "x2:/d/103/12", "12", "103")
        check(disks(b), {}, "gone from the first")
        check(disks(b, "x2"), {"one-103-12-disk.0": (len(image), "", False), "one-103-12-kernel": (len(kernel), "one.", True)}, "the second")
        same(b, "x2/v1/disks/one-103-12-kernel", work_dir() + "/vmlinuz")
        same(b, "x2/v1/disks/one-103-12-disk.0", moved)
        check(len(b.json("GET", "/nodes/x2/v1/images")), 1, "the kernel's image, and none of the disk")
        check(os.listdir(b.state).count("one-103-12-disk.0"), 0, "nothing stays on the way")
        for source, target in (("x1:/d/103/12/disk.0", "x2:/d/103/12/disk.0"), (f"fe:{home}/disk.0", "x2:/d/103/12/disk.0")):
            b.tm("mv", source, target, "12", "103")             # oned repeats all of a move when its last disk failed
        b.tm("mv", "x2:/d/103/12/disk.0", f"fe:{home}/disk.0", "12", "103")
        b.tm("mv", "x2:/d/103/12/disk.0", f"fe:{home}/disk.0", "12", "103")
        same(b, "x2/v1/disks/one-103-12-kernel", work_dir() + "/vmlinuz")
        check(b.error("POST", "/tm/mv", {"args": ["x1:/d/103/12/disk.7", "x2:/d/103/12/disk.7", "12", "103"]})[0], 404, "what is nowhere")


@test
def a_persistent_image_is_sent_into_its_disk_and_moves_without_a_second_copy():
    mib = 1 << 20                                               # the made-up node has 64 of them for images, and as many for disks
    image = b"QFI\xfb" + os.urandom(40 * mib)
    path = write_file("image", os.urandom(40 * mib))
    with Host() as host, Host() as other, Brumed() as b:
        b.put("x1", Cutter(host.port, up=15 * mib, times=2).listen)
        b.put("x2", other.port)
        for _ in range(2):
            b.tm("ln", f"fe:{path}", "x1:/d/102/12/disk.0", "12", "1")
        begins = [int(n) for n in re.findall(r"sends disk \S+ from byte (\d+)", b.text)]
        check((len(begins), begins == sorted(begins), begins[-1] > 0), (3, True, True), f"parts {begins}")
        b.put("x1", host.port)
        same(b, "x1/v1/disks/one-102-12-disk.0", path)
        check(b.json("GET", "/nodes/x1/v1/images"), [], "images")
        path = write_file("image", image)                       # a guest may write what looks like another format
        check(b.error("POST", "/tm/ln", {"args": [f"fe:{path}", "x1:/d/102/12/disk.0", "12", "1"]})[0], 400, "a foreign format")
        home = os.path.join(work_dir(), "datastores/102/12/disk.0")
        os.makedirs(os.path.dirname(home))
        os.rename(path, home)
        b.tm("mv", f"fe:{home}", "x1:/d/102/12/disk.0", "12", "102")     # in place of the one that is there
        b.tm("mkimage", "30", "raw", "x2:/d/102/13/disk.0", "13", "102")
        status, why = b.error("POST", "/tm/mv", {"args": ["x1:/d/102/12/disk.0", "x2:/d/102/12/disk.0", "12", "102"]})
        check((status, os.listdir(b.state).count("one-102-12-disk.0")), (507, 0), "no room: " + why)
        b.tm("delete", "x2:/d/102/13/disk.0", "13", "102")
        b.tm("mv", "x1:/d/102/12/disk.0", "x2:/d/102/12/disk.0", "12", "102")
        check((disks(b), disks(b, "x2")), ({}, {"one-102-12-disk.0": (len(image), "", False)}), "moved")
        path = write_file("image", image)
        same(b, "x2/v1/disks/one-102-12-disk.0", path)
        check(b.json("GET", "/nodes/x2/v1/images"), [], "images")


@test
def a_move_that_is_given_once_more_is_done():
    """As by onevm recover --retry, when the second of two disks had failed."""
    home = os.path.join(work_dir(), "datastores/102/12")
    with Host() as host, Host() as other, Brumed() as b:
        b.put("x1", host.port)
        b.put("x2", other.port)
        b.tm("clone", "fe:" + write_file("image", os.urandom(1 << 20)), "x1:/d/102/12/disk.0", "12", "1")
        ways = (("x1:/d/102/12", "x1:/d/103/12"), ("x1:/d/103/12", "x2:/d/103/12"), ("x2:/d/103/12", f"fe:{home}"), (f"fe:{home}", "x1:/d/102/12"))
        for source, target in ways:
            for _ in range(2):
                b.tm("mv", f"{source}/disk.0", f"{target}/disk.0", "12", "102")
        check((disks(b), disks(b, "x2")), ({"one-102-12-disk.0": (1 << 20, "", False)}, {}), "disks")
        for source, target in ways[:3]:
            status, why = b.error("POST", "/tm/mv", {"args": [f"{source}/disk.1", f"{target}/disk.1", "12", "102"]})
            check(status >= 400, True, f"what is nowhere: {status} {why}")


@test
def a_file_that_changes_while_it_is_sent_is_told_of():
    path = write_file("image", os.urandom(32 << 20))
    with Host() as host, Brumed() as b:
        way = Cutter(host.port, up=3 << 20, wait=True)
        b.put("x1", way.listen)
        answers = []
        clone = threading.Thread(target=lambda: answers.append(b.error("POST", "/tm/clone", {"args": [f"fe:{path}", "x1:/d/1/2/disk.0", "2", "1"]})))
        clone.start()
        check(way.stands.wait(30), True, "the upload began")
        with open(path, "r+b") as stream:
            stream.seek(31 << 20)             # farther than what is on the way
            stream.write(b"other")
        way.go.set()
        clone.join(30)
        check(answers, [(500, f"{path} was changed while it was read")], "reason")
        b.put("x1", host.port)
        b.tm("clone", f"fe:{path}", "x1:/d/1/2/disk.0", "2", "1")
        with open(path, "rb") as stream:
            name = "one." + hashlib.sha256(stream.read()).hexdigest()[:32]
        check([i["name"] for i in b.json("GET", "/nodes/x1/v1/images") if i["state"] == "whole"], [name], "what the node has")


@test
def what_brume_cannot_do_is_refused_in_words():
    with Brumed() as b:
        b.put("x1", 1)
        path, fifo = write_file("image", b"QFI\xfb" + bytes(1000)), os.path.join(work_dir(), "fifo")
        os.mkfifo(fifo)
        for command, args, words in (
                ("clone", [f"fe:{path}", "x1:/d/1/2/disk.0", "2", "1"], "qcow2"),
                ("clone", [f"fe:{path}", "x1:/d/1/2/disk.0", "3", "1"], "not of VM 3"),
                ("clone", [f"fe:{work_dir()}/none", "x1:/d/1/2/disk.0", "2", "1"], "No such file"),
                ("clone", [f"fe:{fifo}", "x1:/d/1/2/disk.0", "2", "1"], "no plain file"),
                ("clone", ["fe:/etc/passwd", "x1:/d/1/2/disk.0", "2", "1"], "no datastore"),
                ("mvds", ["x1:/d/1/2/disk.0", "fe:/etc/passwd", "2", "1"], "no datastore"),
                ("mv", ["x1:/d/1/2/disk.0", "fe:/etc/1/2/disk.0", "2", "1"], "no datastore"),
                ("resize", ["fe:/etc/passwd", "1", "2", "1"], "no datastore"),
                ("delete", ["fe:/etc/1/2", "2", "1"], "no datastore"),
                ("context", [fifo, "x1:/d/1/2/disk.1", "2", "1"], "no plain file"),
                ("clone", ["x2:/d/1/2/disk.0", "x1:/d/1/2/disk.0", "2", "1"], "front-end"),
                ("clone", ["fe:" + path, "x1:/d/1/2/../3/disk.0", "2", "1"], "no path"),
                ("mkimage", ["10", "qcow2", "x1:/d/1/2/disk.0", "2", "1"], "raw"),
                ("mkimage", ["0", "raw", "x1:/d/1/2/disk.0", "2", "1"], "size"),
                ("cpds", ["x1:/d/1/2/disk.0", "fe:/x", "3", "2", "1"], "snapshots"),
                ("snap_create", ["x1:/d/1/2/disk.0", "0", "2", "1"], "snapshots"),
                ("premigrate", ["x1", "x2", "/d/1/2", "2", "1"], "power it off"),
                ("restore", ["x1:/d/1/2", "2", "1", "0", "0"], "backup")):
            status, why = b.error("POST", f"/tm/{command}", {"args": args})
            check((status, words in why), (400, True), f"{command}: {why}")
        for command in ("postmigrate", "failmigrate", "postbackup"):
            b.tm(command, "x1", "x2", "/d/1/2", "2", "1")
        status, why = b.error("POST", "/tm/mkimage", {"args": ["10", "raw", "x1:/d/1/2/disk.0", "2", "1"]})
        check((status, "connection refused" in why), (502, True), why)


@test
def a_context_is_a_tar_of_its_files():
    node = fake()
    with Brumed() as b:
        b.put("x1", node.port)
        script, other = write_file("context.sh", "A='1'\n"), write_file("id_of_image", "other")
        b.tm("context", script, f"{other}:'init.sh'", f"{other}:'of", "two", "words'", "x1:/d/102/12/disk.3", "12", "102")
        tar = write_file("context.tar", node.disks["one-102-12-disk.3"]["data"])
        listed = subprocess.run(["tar", "tvf", tar], stdout=subprocess.PIPE, text=True, check=True).stdout
        check(re.findall(r"(\d+) [\d-]+ [\d:]+ (.+)$", listed, re.M), [("6", "context.sh"), ("5", "init.sh"), ("5", "of two words")], listed)
        status, why = b.error("POST", "/tm/context", {"args": [work_dir(), "x1:/d/102/12/disk.3", "12", "102"]})
        check(status, 400, why)
    node.close()


# ---- monitoring ----

@test
def monitord_hears_of_a_node_and_of_its_end_and_of_its_return():
    port = free_port()
    node, monitord = fake(port), Monitord()
    node.vms[12] = "RUNNING"
    with Brumed() as b:
        b.put("x1", port)
        status, xml = b.ask("POST", "/monitor/7/start", monitord.request(7, "x1"))
        parts = dict(re.findall(r"<(\w+)>([^<]*)</", xml.decode()))
        check((status, sorted(parts)), (200, ["MONITOR_HOST", "MONITOR_VM", "STATE_VM", "SYSTEM_HOST", "TIMESTAMP"]), "answer")
        check("TOTALCPU=400" in base64.b64decode(parts["SYSTEM_HOST"]).decode(), True, "SYSTEM_HOST")
        state = monitord.wait(lambda m: m[0] == "STATE_VM", "STATE_VM")
        check((state[1:3], state[3] > 1600000000, state[5]), (("SUCCESS", 7), True, "tcp"), "STATE_VM")
        check(state[4], 'VM = [ ID="12", DEPLOY_ID="one-12", STATE="RUNNING" ]\nSYNC_STATE=yes\nMISSING_STATE=UNKNOWN\n', "states")
        check(monitord.wait(lambda m: m[0] == "BEACON_HOST", "beacon")[5], "udp", "way of a beacon")
        node.power_off(12)
        state = monitord.wait(lambda m: m[0] == "STATE_VM" and "POWEROFF" in m[4], "a change at once")
        check("SYNC_STATE" in state[4], False, "each state is not a whole list")
        monitord.wait(lambda m: m[0] == "SYSTEM_HOST", "what is free now")
        with node.condition:
            node.late = 1000
        b.tm("mkimage", "1", "raw", "x1:/d/1/12/disk.1", "12", "1")
        check(monitord.wait(lambda m: m[0] == "SYSTEM_HOST", "SYSTEM_HOST after a change of disks")[3], 0, "no time that was before the last one")
        with node.condition:
            node.wall = False
        b.tm("mkimage", "1", "raw", "x1:/d/1/12/disk.2", "12", "1")
        check(monitord.wait(lambda m: m[0] == "SYSTEM_HOST", "SYSTEM_HOST after a change of disks")[3], 0, "no time while there is no clock")
        node.close()
        failure = monitord.wait(lambda m: m[1] == "FAILURE", "failure")
        check((failure[0], failure[2], failure[3], "node x1: " in failure[4]), ("MONITOR_HOST", 7, 0, True), failure)
        node = fake(port)
        node.vms[12] = "RUNNING"
        back = monitord.wait(lambda m: True, "return")
        check((back[0], back[1]), ("SYSTEM_HOST", "SUCCESS"), "the first word of a node that is back")
        monitord.wait(lambda m: m[0] == "STATE_VM" and "SYNC_STATE=yes" in m[4], "its VMs")
    with Brumed() as b:                                         # it goes on by itself
        check([(m["host"], m["node"]) for m in b.json("GET", "/monitor")], [(7, "x1")], "monitored hosts")
        monitord.wait(lambda m: m[0] == "SYSTEM_HOST", "SYSTEM_HOST of a new brumed")
        b.json("POST", "/monitor/7/stop")
        b.line("not monitored any more")
        check(b.json("GET", "/monitor"), [], "monitored hosts")
    node.close()


@test
def a_monitored_host_whose_start_failed_is_good_again_soon():
    monitord = Monitord()
    node = fake()
    with Brumed(lost_s=600) as b:
        b.put("x1", node.port)
        check(b.ask("POST", "/monitor/7/start", monitord.request(7, "x1"))[0], 200, "start")
        monitord.wait(lambda m: m[0] == "STATE_VM", "the first list")
        node.deaf = 503
        check(b.ask("POST", "/monitor/7/start", monitord.request(7, "x1"))[0], 502, "start while the node is overloaded")
        node.deaf = 0
        for kind in ("SYSTEM_HOST", "STATE_VM"):                # which alone makes it good; all VMs, as those of a failed host are unknown
            wait_until(lambda kind=kind: kind in [m[0] for m in monitord.messages], kind)
    node.close()


@test
def a_node_that_refuses_to_tell_is_told_of_as_failed():
    """As when the front-end's certificate lost its role: no beacon says that all is well."""
    monitord, node = Monitord(), fake()
    with Brumed() as b:
        b.put("x1", node.port)
        b.ask("POST", "/monitor/7/start", monitord.request(7, "x1", STATE_VM=1))
        monitord.wait(lambda m: m[0] == "BEACON_HOST", "beacon")
        node.deaf = 403
        failure = monitord.wait(lambda m: m[1] == "FAILURE", "failure")
        check((failure[0], failure[4]), ("MONITOR_HOST", "node x1: not now"), "reason")
        node.deaf = 0
        check(monitord.wait(lambda m: True, "return")[:2], ("SYSTEM_HOST", "SUCCESS"), "the first word")
    node.close()


@test
def of_vms_only_what_changed_is_said_and_the_whole_list_from_time_to_time():
    monitord, node = Monitord(), fake()
    node.vms.update({12: "RUNNING", 13: "RUNNING"})
    lines = {number: f'VM = [ ID="{number}", DEPLOY_ID="one-{number}", STATE="%s" ]\n' for number in (12, 13)}
    whole = "SYNC_STATE=yes\nMISSING_STATE=UNKNOWN\n"

    def looked(times):
        """The node was asked so often for states."""
        with node.lock:
            begin = node.asked.count(("GET", "/v1/one/monitor/state_vm"))
        wait_until(lambda: node.asked.count(("GET", "/v1/one/monitor/state_vm")) >= begin + times, "states are asked for")

    def said():
        return [m[4] for m in monitord.messages if m[0] == "STATE_VM"]

    with Brumed() as b:
        b.put("x1", node.port)
        b.ask("POST", "/monitor/7/start", monitord.request(7, "x1", STATE_VM=1, SYNC_STATE_VM=600))
        first = monitord.wait(lambda m: m[0] == "STATE_VM", "the first list")
        check(first[4], lines[12] % "RUNNING" + lines[13] % "RUNNING" + whole, "the first list")
        looked(2)
        check(said(), [], "while nothing changes")
        node.power_off(13)
        looked(2)
        check(said(), [lines[13] % "POWEROFF"], "what changed, once")
        with node.condition:
            del node.vms[13]
            node.changed()
        looked(2)
        check(said(), [lines[13] % "POWEROFF"], "nothing of a VM that the node does not know")
        monitord.messages.clear()
        b.ask("POST", "/monitor/7/start", monitord.request(7, "x1", STATE_VM=1, SYNC_STATE_VM=2))
        for _ in range(2):
            check(monitord.wait(lambda m: m[0] == "STATE_VM", "a list")[4], lines[12] % "RUNNING" + whole, "lists in the period")
    with Brumed() as b:
        monitord.wait(lambda m: m[0] == "STATE_VM", "the first list of a new brumed")
        check(monitord.wait(lambda m: m[0] == "STATE_VM", "the next")[4], lines[12] % "RUNNING" + whole, "the period outlives brumed")
    node.close()


@test
def what_monitord_did_not_hear_is_said_when_it_listens_again():
    monitord, node = Monitord(), fake()
    node.vms[12] = "RUNNING"
    with Brumed() as b:
        b.put("x1", node.port)
        b.ask("POST", "/monitor/7/start", monitord.request(7, "x1", STATE_VM=1))
        monitord.wait(lambda m: m[0] == "STATE_VM", "the first list")
        monitord.stop()
        node.power_off(12)
        b.line(r"host 7 \(x1\): monitord at .* refused")
        monitord.go_on()
        heard = monitord.wait(lambda m: m[0] == "STATE_VM", "what changed meanwhile")[4]
        check("POWEROFF" in heard, True, heard)
        monitord.wait(lambda m: m[0] == "STATE_VM" and "SYNC_STATE=yes" in m[4], "the whole list")
        check(len(re.findall("monitord at|monitord listens", b.text)), 2, "lines of the log: " + b.text)
    node.close()


@test
def a_host_that_cannot_be_reached_is_not_monitored():
    monitord = Monitord()
    with Brumed() as b:
        b.put("x1", free_port())
        status, why = b.error("POST", "/monitor/7/start", monitord.request(7, "x1"))
        check((status, "node x1: connection refused" in why), (502, True), why)
        check(b.error("POST", "/monitor/8/start", monitord.request(7, "x1"))[0], 400, "another host's XML")
        check(b.json("GET", "/monitor"), [], "monitored hosts")
    check(monitord.messages, [], "what monitord heard")
