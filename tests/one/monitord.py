# SPDX-License-Identifier: Apache-2.0
"""monitord: starts the monitoring of hosts through the IM driver, and takes what comes about them by UDP, TCP and that driver.

    INIT ------> MONITORED          by a SYSTEM_HOST SUCCESS, from nothing else
    any -------> ERROR              START_MONITOR, BEACON_HOST, MONITOR_HOST or SYSTEM_HOST with FAILURE, or an answer that is no XML
    ERROR -----> MONITORED          as from INIT

Silence is no error: after 180 s of it START_MONITOR is sent again. "Heard of" is a host by BEACON_HOST and MONITOR_HOST only.
"""
import base64
import binascii
import socket
import threading
from xml.etree import ElementTree

import texts
import wire

INIT, MONITORED, ERROR, DISABLED, OFFLINE = 0, 2, 3, 4, 8
STATE_WORDS = {INIT: "init", MONITORED: "on", ERROR: "err", DISABLED: "dsbl", OFFLINE: "off"}

MANAGER_TIMER = 15             # seconds between two looks at all hosts
SILENCE_MAX = 180              # without a word of a host: START_MONITOR again
START_LIMIT = 300              # a START_MONITOR without an answer is repeated then
DATAGRAM_MAX = 65535
ORDERED = ("MONITOR_VM", "MONITOR_HOST", "SYSTEM_HOST", "STATE_VM", "EXEC_VM")
PERIODS = {"BEACON_HOST": 30, "EXEC_VM": 5, "MONITOR_HOST": 120, "MONITOR_VM": 30, "STATE_VM": 5, "SYNC_STATE_VM": 180, "SYSTEM_HOST": 600}


class Host:
    def __init__(self, number, name):
        self.id, self.name = number, name
        self.state = INIT
        self.error = ""                # TEMPLATE/ERROR
        self.template, self.capacity, self.monitoring = {}, {}, {}
        self.heard = 0                 # when it was heard of
        self.asked = None              # when START_MONITOR was sent that is not answered
        self.order = {}                # the timestamp of the last message of each type
        self.messages = []             # (type, status, payload) of all that was accepted


class Monitord:
    """owner has clock, lock (held by whoever changes anything), changed(), tell(source, text), host_state(host, why),
    system_host(host, text), states_of_vms(host, text) and monitor_vm(host, vector)."""

    def __init__(self, owner, periods=None):
        self.owner = owner
        self.hosts = {}
        self.driver = None
        self.periods = {**PERIODS, **(periods or {})}
        self.looked = owner.clock.now()
        self.closing = False
        self._listen()

    def configuration(self):
        """monitord.conf, as START_MONITOR carries it."""
        return {"DATASTORE_LOCATION": self.owner.datastores, "DB": {"CONNECTIONS": 15},
                "HOST_MONITORING_EXPIRATION_TIME": 43200,
                "IM_MAD": {"ARGUMENTS": "-t 15 brume", "EXECUTABLE": "one_im_brume", "NAME": "brume", "SUNSTONE_NAME": "Brume", "THREADS": 0},
                "LOG": {"DEBUG_LEVEL": 5, "SYSTEM": "FILE"}, "MANAGER_TIMER": MANAGER_TIMER, "MONITORING_INTERVAL_HOST": SILENCE_MAX,
                "NETWORK": {"ADDRESS": "127.0.0.1", "MONITOR_ADDRESS": "127.0.0.1", "PORT": self.port, "PRIKEY": "", "PUBKEY": "",
                            "THREADS": 8},
                "PROBES_PERIOD": self.periods, "VM_MONITORING_EXPIRATION_TIME": 43200}

    # ---- hosts ----

    def add(self, host):
        self.hosts[host.id] = host
        self.start_monitor(host)

    def start_monitor(self, host):
        host.asked = self.owner.clock.now()
        self._ask("START_MONITOR", host)

    def offline(self, host):
        self._become(host, OFFLINE, "")
        self._ask("STOP_MONITOR", host)

    def enable(self, host):
        self._become(host, INIT, "")
        self.start_monitor(host)

    def _ask(self, kind, host):
        self.driver.send(wire.request(kind, host.id, texts.host_of_monitord(host, "brume", self.configuration()), True))

    def look(self):
        """What the timer does: who was silent is asked again."""
        now = self.owner.clock.now()
        if now - self.looked < MANAGER_TIMER:
            return
        self.looked = now
        for host in self.hosts.values():
            if host.state == OFFLINE or now - host.heard < SILENCE_MAX:
                continue
            if host.asked is None or now - host.asked >= START_LIMIT:
                self.start_monitor(host)

    def _become(self, host, state, why):
        if state == host.state:
            return
        host.state, host.error = state, why
        host.order.clear()
        self.owner.host_state(host, why)

    def _fail(self, host, why):
        host.asked = None
        host.heard = self.owner.clock.now()          # the next attempt is as far away as after silence
        self._become(host, ERROR, f"Error monitoring Host {host.name} ({host.id}): {why}")

    # ---- what comes ----

    def take(self, message):
        """A message that was understood, from a datagram, a connection or the driver."""
        host = self.hosts.get(message.id)
        if host is None:
            self.owner.tell("monitord", f"W: {message.type} of unknown host {message.id}")
            return
        if host.state == OFFLINE:
            return
        if message.type in ORDERED and message.time and message.status == "SUCCESS":
            if message.time < host.order.get(message.type, 0):
                self.owner.tell("monitord", f"W: {message.type} of host {host.id} is older than the last one")
                return
            host.order[message.type] = message.time
        action = getattr(self, "_" + message.type.lower(), None) if message.type in ORDERED + ("BEACON_HOST",) else None
        if action is None:
            self.owner.tell("monitord", f"E: {message.type} is no message")
            return
        host.messages.append((message.type, message.status, message.payload))
        action(host, message)
        self.owner.changed()

    def _beacon_host(self, host, message):
        if message.status != "SUCCESS":
            self._fail(host, message.payload)
        elif message.payload:
            host.heard = self.owner.clock.now()

    def _system_host(self, host, message):
        if message.status != "SUCCESS":
            self._fail(host, message.payload)
            return
        host.asked = None
        self.owner.system_host(host, message.payload)
        if host.state in (INIT, ERROR):
            self._become(host, MONITORED, "")

    def _monitor_host(self, host, message):
        if message.status != "SUCCESS":
            self._fail(host, message.payload)
            return
        try:
            values = wire.template(message.payload)
        except wire.Bad as error:
            self._fail(host, f"cannot parse MONITOR_HOST: {error}")
            return
        host.monitoring = {name: value for name, value in values if not isinstance(value, dict)}
        host.heard = self.owner.clock.now()

    def _state_vm(self, host, message):
        if message.status == "SUCCESS":
            self.owner.states_of_vms(host, message.payload)

    def _monitor_vm(self, host, message):
        try:
            found = wire.vectors(message.payload, "VM")
            for vector in found:
                vector["MONITOR"] = wire.template(base64.b64decode(vector.get("MONITOR", "")).decode())
        except (wire.Bad, binascii.Error) as error:
            self._fail(host, f"cannot parse MONITOR_VM: {error}")
            return
        for vector in found:
            self.owner.monitor_vm(host, vector)

    def _exec_vm(self, host, message):
        pass

    # ---- the driver ----

    def receive(self, line):
        """A line of the IM driver."""
        with self.owner.lock:
            try:
                message = wire.parse(line, True)
            except wire.Bad as error:
                self.owner.tell("monitord", f"E: the driver wrote {error}")
                return
            if message.type == "START_MONITOR":
                self._started(message)
            elif message.type == "LOG":
                self.owner.tell("monitord", f"{message.status}: {message.payload}")
            elif message.type in ORDERED:
                self.take(message)
            self.owner.changed()

    def _started(self, answer):
        host = self.hosts.get(answer.id)
        if host is None or host.state == OFFLINE:
            return
        host.asked = None
        if answer.status != "SUCCESS":
            self.owner.tell("monitord", f"E: Unable to monitor host id: {host.id}: {answer.payload}")
            if host.state == ERROR:
                host.error = ""                      # threads of oned take a MONITOR_HOST FAILURE before it in either order: the worse
            self._fail(host, "")
        elif answer.payload.strip():
            self._first_messages(host, answer.payload)

    def _first_messages(self, host, text):
        try:
            root = ElementTree.fromstring(text)
            stamp = int(root.findtext("TIMESTAMP") or 0)
            found = [(child.tag, base64.b64decode(child.text or "").decode()) for child in root if child.tag != "TIMESTAMP"]
        except (ElementTree.ParseError, binascii.Error, ValueError) as error:
            self._fail(host, f"answer to START_MONITOR: {error}")
            return
        for kind, payload in found:
            self.take(wire.Message(kind, "SUCCESS", host.id, stamp, payload))

    # ---- the network ----

    def _listen(self):
        self.stream = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.stream.getsockname()[1]
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", self.port))
        for work in (self._connections, self._datagrams):
            threading.Thread(target=work, daemon=True).start()

    def _arrived(self, how, data):
        line = data.decode(errors="replace").split("\n")[0]
        with self.owner.lock:
            self.owner.tell(how, line)
            try:
                self.take(wire.parse(line, True))
            except wire.Bad as error:
                self.owner.tell("monitord", f"E: {how}: {error}")
            self.owner.changed()

    def _datagrams(self):
        while not self.closing:
            data = self.datagrams.recv(DATAGRAM_MAX + 1)
            if data and len(data) <= DATAGRAM_MAX:
                self._arrived("UDP", data)

    def _connections(self):
        while not self.closing:
            try:
                link, _ = self.stream.accept()
            except OSError:
                return
            threading.Thread(target=self._connection, args=(link,), daemon=True).start()

    def _connection(self, link):
        """A message ends where the connection does."""
        data = b""
        with link:
            while piece := link.recv(65536):
                data += piece
        if data:
            self._arrived("TCP", data)

    def close(self):
        self.closing = True
        self.stream.close()
