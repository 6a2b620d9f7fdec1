# SPDX-License-Identifier: Apache-2.0
"""A node of docs/driver-protocol.md without a machine: its VMs are words. What a real node cannot show as exactly: an action that goes on
for as long as a test wants, an answer that is lost, how often each thing was done.
"""
import hashlib
import http.server
import json
import re
import socket
import ssl
import threading
import time

KINDS = {
    "system_host": 'HYPERVISOR=brume\nARCH=x86_64\nHOSTNAME="fake"\nTOTALCPU=400\nTOTALMEMORY=1048576\nDS_LOCATION_TOTAL_MB=900\n'
                   'DS_LOCATION_FREE_MB=800\nDS_LOCATION_USED_MB=100\n',
    "monitor_host": "USEDCPU=10\nFREECPU=390\nUSEDMEMORY=1024\nFREEMEMORY=1047552\nNETRX=1\nNETTX=2\n"}


class Node:
    """All of a node's state. lock guards it; each change wakes who waits for it."""

    def __init__(self, certificate, key, authority, port=0):
        self.lock = threading.Lock()
        self.condition = threading.Condition(self.lock)
        self.images, self.disks, self.vms, self.actions = {}, {}, {}, {}
        self.done = []                           # (action, VM), once for each time that it was done
        self.asked = []                          # (method, path) of all requests
        self.held = set()                        # actions that go on until release()
        self.lost = set()                        # actions after which the connection ends without an answer, once each
        self.links = set()                       # its connections
        self.change, self.boot = 1, "b1"
        self.gone = False
        self.wall = True                         # whether its clock is set
        self.late = 0                            # seconds by which it was set back
        self.deaf = 0                            # the status with which it answers whoever asks for its state; 0: as it should
        self.silent = 0                          # the status with which it answers whoever asks for an action; 0: as it should
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        if authority:
            context.load_verify_locations(authority)
            context.verify_mode = ssl.CERT_REQUIRED
        self.context = context
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None     # a client that refuses the certificate
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        """The machine is gone: nobody listens, and no connection goes on."""
        self.server.shutdown()
        self.server.server_close()
        with self.lock:
            self.gone = True
            for link in self.links:
                try:
                    link.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def hold(self, *actions):
        with self.lock:
            self.held.update(actions)

    def release(self):
        with self.condition:
            self.held.clear()
            self.condition.notify_all()

    def count(self, action, number):
        """How often an action was done."""
        with self.lock:
            return self.done.count((action, number))

    def changed(self):
        self.change += 1
        self.condition.notify_all()

    def power_off(self, number):
        """The guest of VM number powers itself off."""
        with self.condition:
            self.vms[number] = "POWEROFF"
            self.changed()

    # ---- actions ----

    def act(self, action, number, key):
        """Begins an action, once for each key; its record."""
        with self.condition:
            if key not in self.actions:
                self.actions[key] = {"key": key, "action": action, "vm": number, "state": "running", "status": "", "info": ""}
                self.condition.notify_all()
                threading.Thread(target=self._work, args=(action, number, key), daemon=True).start()
            self.condition.wait_for(lambda: key not in self.actions or self.actions[key]["state"] == "done", 0.2)
            return dict(self.actions.get(key, {}))

    def _work(self, action, number, key):
        with self.condition:
            self.condition.wait_for(lambda: action not in self.held or key not in self.actions)
            if key not in self.actions:
                return                           # given up
            self.done.append((action, number))
            if action in ("deploy", "reboot", "reset"):
                self.vms[number] = "RUNNING"
            elif action != "cleanup" and number in self.vms and self.disks_of(number):
                self.vms[number] = "POWEROFF"            # it is no more, but told of while it has disks
            else:
                self.vms.pop(number, None)
            if action == "cleanup":
                for name in self.disks_of(number):
                    del self.disks[name]
            self.actions[key].update(state="done", status="SUCCESS", info=f"one-{number}")
            self.changed()

    def disks_of(self, number):
        return [name for name in self.disks if re.match(rf"one-\d+-{number}-", name)]

    def states(self):
        return "".join(f'VM = [ ID="{number}", DEPLOY_ID="one-{number}", STATE="{state}" ]\n' for number, state in sorted(self.vms.items()))


def _handler(node):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def setup(self):
            self.request = node.context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
            with node.lock:
                node.links.add(self.request)
            super().setup()

        def finish(self):
            with node.lock:
                node.links.discard(self.request)
            super().finish()
            self.request.close()

        def handle(self):
            try:
                super().handle()
            except (OSError, ssl.SSLError):
                pass

        def log_message(self, *_):
            pass

        def answer(self, status, body, headers=()):
            data = body if isinstance(body, bytes) else body.encode()
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def say(self, status, thing):
            self.answer(status, json.dumps(thing) + "\n", [("Content-Type", "application/json")])

        def refuse(self, status, why):
            self.say(status, {"error": why})

        def body(self):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def serve(self):
            path = self.path.split("?")[0]
            with node.lock:
                if node.gone:
                    self.close_connection = True
                    return None
                node.asked.append((self.command, path))
            for method, pattern, function in ROUTES:
                match = re.fullmatch(pattern, path)
                if match and method == self.command:
                    return function(self, *match.groups())
            self.body()
            return self.refuse(404, "there is no such thing")

        do_GET = do_PUT = do_POST = do_DELETE = serve

        def get_node(self):
            self.say(200, {"version": "fake", "vms": len(node.vms), "uptime_ns": time.monotonic_ns()})

        def get_images(self):
            with node.lock:
                self.say(200, [{"name": name, "size": len(data), "received": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                               for name, data in node.images.items()])

        def put_image(self, name):
            data = self.body()
            if hashlib.sha256(data).hexdigest() != self.headers["X-SHA256"]:
                return self.refuse(400, "the content has another SHA-256")
            with node.lock:
                node.images[name] = data
            return self.say(201, {})

        def delete_image(self, name):
            with node.lock:
                found = node.images.pop(name, None)
            self.say(200, {}) if found is not None else self.refuse(404, "there is no such image")

        def get_disks(self):
            with node.lock:
                self.say(200, [{"name": name, "size": len(disk["data"]), "image": disk["image"], "read_only": disk["read_only"], "used": 0,
                                "vm": "", "state": "whole", **({"sha256": disk["words"]["sent"], "received": len(disk["data"])}
                                                               if "sent" in disk["words"] else {})} for name, disk in node.disks.items()])

        def put_disk(self, name):
            data, digest = self.body(), self.headers["X-SHA256"]
            if hashlib.sha256(data).hexdigest() != digest:
                return self.refuse(400, "the content has another SHA-256")
            with node.lock:
                if name in node.disks and node.disks[name]["words"] != {"sent": digest}:
                    return self.refuse(409, "there is another disk of that name")
                node.disks[name] = {"words": {"sent": digest}, "image": "", "read_only": False, "data": data}
            return self.say(201, {})

        def post_disk(self, name):
            words = dict((line.split(None, 1) + [""])[:2] for line in self.body().decode().splitlines() if line.strip())
            with node.lock:
                if name in node.disks:
                    return self.say(200, {}) if node.disks[name]["words"] == words else self.refuse(409, "it is there with other words")
                image = words.get("image", "")
                if image and image not in node.images:
                    return self.refuse(404, "there is no such image")
                data = node.images.get(image, b"")
                size = int(words.get("size", len(data)))
                node.disks[name] = {"words": words, "image": image, "read_only": "read-only" in words, "data": data + bytes(size - len(data))}
            return self.say(201, {})

        def get_disk(self, name):
            with node.lock:
                disk = node.disks.get(name)
            if disk is None:
                return self.refuse(404, "there is no such disk")
            match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if not match:
                return self.answer(200, disk["data"])
            first = int(match[1])
            last = int(match[2]) if match[2] else len(disk["data"]) - 1
            return self.answer(206, disk["data"][first:last + 1], [("Content-Range", f"bytes {first}-{last}/{len(disk['data'])}")])

        def resize_disk(self, name):
            size = int(self.body())
            with node.lock:
                disk = node.disks.get(name)
                if disk:
                    disk["data"] += bytes(size - len(disk["data"]))
            self.say(200, {}) if disk else self.refuse(404, "there is no such disk")

        def delete_disk(self, name):
            with node.lock:
                found = node.disks.pop(name, None)
            self.say(200, {}) if found else self.refuse(404, "there is no such disk")

        def put_context(self, name):
            data = self.body()
            with node.lock:
                node.disks[name] = {"words": {}, "image": "", "read_only": True, "data": data}
            self.say(201, {})

        def act(self, number, action):
            self.body()
            record = node.act(action, int(number), self.headers["X-Key"])
            if action in node.lost:
                node.lost.discard(action)
                self.close_connection = True
                return
            self.say(200 if record.get("state") == "done" else 202, record)

        def get_actions(self):
            with node.lock:
                self.say(200, list(node.actions.values()))

        def get_action(self, key):
            if node.silent:
                return self.refuse(node.silent, "not this one")
            with node.lock:
                record = node.actions.get(key)
            self.say(200, record) if record else self.refuse(404, "there is no such action")

        def delete_action(self, key):
            with node.condition:
                node.actions.pop(key, None)
                node.condition.notify_all()
            self.say(200, {})

        def get_changes(self):
            match = re.search(r"since=(\d+)", self.path)
            since = int(match[1]) if match else int(self.headers.get("X-Since", 0))
            with node.condition:
                node.condition.wait_for(lambda: node.change != since, 20)
                self.say(200, {"change": node.change, "boot": node.boot})

        def get_monitor(self, kind):
            if node.deaf:
                return self.refuse(node.deaf, "not now")
            with node.lock:
                text = KINDS.get(kind) or (node.states() if kind == "state_vm" else "")
            self.answer(200, text, [("X-Time", str(int(time.time()) - node.late if node.wall else 0)), ("Content-Type", "text/plain")])

    name = r"([-A-Za-z0-9_.]+)"
    ROUTES = [("GET", "/v1/node", Handler.get_node), ("GET", "/v1/images", Handler.get_images),
              ("PUT", f"/v1/images/{name}", Handler.put_image), ("DELETE", f"/v1/images/{name}", Handler.delete_image),
              ("GET", "/v1/disks", Handler.get_disks), ("POST", f"/v1/disks/{name}", Handler.post_disk),
              ("PUT", f"/v1/disks/{name}", Handler.put_disk), ("GET", f"/v1/disks/{name}", Handler.get_disk), ("DELETE", f"/v1/disks/{name}", Handler.delete_disk),
              ("POST", f"/v1/disks/{name}/size", Handler.resize_disk), ("PUT", f"/v1/contexts/{name}", Handler.put_context), ("POST", r"/v1/one/vms/(\d+)/(\w+)", Handler.act),
              ("GET", "/v1/one/actions", Handler.get_actions), ("GET", f"/v1/one/actions/{name}", Handler.get_action),
              ("DELETE", f"/v1/one/actions/{name}", Handler.delete_action), ("GET", "/v1/one/changes", Handler.get_changes),
              ("GET", r"/v1/one/monitor/(\w+)", Handler.get_monitor)]
    return Handler
