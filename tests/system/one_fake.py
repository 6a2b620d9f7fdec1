# SPDX-License-Identifier: Apache-2.0
"""What stands around the drivers of an OpenNebula front-end in tests: brumed, of which only its socket is real, and oned or monitord as a
driver sees them, which is the way its process is begun and a pipe at each end."""
import base64
import http.server
import json
import os
import queue
import select
import signal
import socketserver
import subprocess
import tempfile
import threading
import time
import zlib

from harness import PATIENCE, PROGRAMS, Failure, work_dir


def wait_until(condition, what, seconds=20):
    """Looks again and again, for things that no event tells."""
    end = time.monotonic() + seconds * PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"never: {what}")
        select.select([], [], [], 0.01)


class Asked:
    """A request that came to the fake brumed. answer() lets it go on; nobody answering, its client waits."""

    def __init__(self, method, path, headers, body):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.key = headers.get("X-Key")
        self.reply = queue.Queue()

    def json(self):
        return json.loads(self.body)

    def answer(self, status=200, body=b"{}"):
        """body: bytes, or what becomes JSON. status 0: the connection ends without an answer."""
        self.reply.put((status, body if isinstance(body, bytes) else json.dumps(body).encode()))

    def done(self, info="", status="SUCCESS"):
        self.answer(200, {"key": self.key, "state": "done", "status": status, "info": info})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = Asked(self.command, self.path, self.headers, body)
        self.server.asked.put(asked)
        status, body = asked.reply.get()
        self.close_connection = True
        if status:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = serve

    def address_string(self):
        return "client"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """A client that is gone is no error of ours."""


class Brumed:
    """Listens on a socket in a folder of its own; each request is handed to the test."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(dir=work_dir())
        self.path = os.path.join(self.folder, "brumed.sock")
        self.server = None

    def start(self):
        self.server = Server(self.path, Handler)
        self.server.asked = queue.Queue()
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        os.unlink(self.path)

    def next(self, method=None, path=None):
        """The next request, which must be of that method and path."""
        try:
            asked = self.server.asked.get(timeout=20 * PATIENCE)
        except queue.Empty:
            raise Failure(f"brumed was not asked: {method} {path}") from None
        if (method and asked.method != method) or (path and asked.path != path):
            raise Failure(f"brumed was asked {asked.method} {asked.path}, not {method} {path}")
        return asked

    def quiet(self):
        if not self.server.asked.empty():
            asked = self.server.asked.get()
            raise Failure(f"brumed was asked {asked.method} {asked.path}")


def as_oned_begins_it():
    """In the child: nearly all signals blocked, standard error closed."""
    blocked = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV}
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    os.close(2)


class Driver:
    """One driver and the pipes to it."""

    def __init__(self, name, brumed, arguments="-t 15 -r 0 -w 20 brume", location=None):
        self.location = location or tempfile.mkdtemp(dir=work_dir())
        self.log = os.path.join(self.location, "var", name + ".log")
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        environment = dict(os.environ, ONE_LOCATION=self.location, BRUMED_SOCKET=brumed.path)
        self.process = subprocess.Popen([os.path.join(PROGRAMS, name), arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=environment, preexec_fn=as_oned_begins_it, bufsize=0)
        self.pending, self.logged = b"", []

    def __enter__(self):
        self.send("INIT\n")
        if self.line() != "INIT SUCCESS":
            raise Failure("the driver is not ready")
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.stdin.close()
        status = self.process.wait(20 * PATIENCE)
        log = self.read_log()
        if "Sanitizer" in log or "runtime error" in log or (status != 0 and not error[0]):
            raise Failure(f"the driver ended with {status}:\n{log}")

    def read_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def send(self, data):
        """Text or bytes as they are; a pipe takes what it takes."""
        data = memoryview(data.encode() if isinstance(data, str) else data)
        while data:
            data = data[self.process.stdin.write(data):]

    def ask(self, action, vm, xml):
        """A request as oned writes it: two blanks, base64."""
        text = xml if isinstance(xml, bytes) else xml.encode()
        self.send(b"%s  %d %s\n" % (action.encode(), vm, base64.b64encode(text)))

    def line(self):
        """The next line of it that is none of a log."""
        line = self.any_line()
        while line.startswith("LOG "):
            self.logged.append(line)
            line = self.any_line()
        return line

    def any_line(self, seconds=20):
        end = time.monotonic() + seconds * PATIENCE
        while b"\n" not in self.pending:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise Failure(f"the driver says nothing; so far {self.pending!r}\n{self.read_log()}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Failure(f"the driver ended\n{self.read_log()}")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return line.decode()

    def expect(self, wanted):
        line = self.line()
        if line != wanted:
            raise Failure(f"the driver says {line!r}, not {wanted!r}")

    def timed(self):
        """The next line of an IM driver: (type, status, id, text)."""
        kind, status, number, stamp, payload = self.line().split(" ")
        if abs(int(stamp) - time.time()) > 600:
            raise Failure(f"a timestamp of {stamp}")
        return kind, status, int(number), zlib.decompress(base64.b64decode(payload)).decode()


def packed(text):
    """A payload as monitord writes it."""
    return base64.b64encode(zlib.compress(text if isinstance(text, bytes) else text.encode(), 9))


def action_xml(vm, host="rack1", transfer="", rollback="", deploy_id="", more="", migration_host=""):
    """A request of oned's, shortened to what a driver and a node look at."""
    def element(name, text):
        return f"<{name}>{text}</{name}>" if text else f"<{name}/>"
    lines = f"<![CDATA[{transfer}]]>" if transfer else ""
    back = f"<![CDATA[{rollback}]]>" if rollback else ""
    return ("<VMM_DRIVER_ACTION_DATA>" + element("HOST", host) + element("MIGR_HOST", migration_host) + element("DEPLOY_ID", deploy_id)
            + "<LOCAL_DEPLOYMENT_FILE/><REMOTE_DEPLOYMENT_FILE/><CHECKPOINT_FILE/>" + element("TM_COMMAND", lines)
            + element("TM_COMMAND_ROLLBACK", back) + "<DISK_TARGET_PATH/>" + more
            + f"<VM><ID>{vm}</ID><NAME>web</NAME><TEMPLATE><CONTEXT><DISK_ID><![CDATA[1]]></DISK_ID></CONTEXT></TEMPLATE>"
            + f"<HISTORY_RECORDS><HISTORY><OID>{vm}</OID><HOSTNAME>{host}</HOSTNAME></HISTORY></HISTORY_RECORDS></VM>"
            + "<DATASTORE><ID>102</ID></DATASTORE></VMM_DRIVER_ACTION_DATA>")


def context_line(vm, host="rack1", disk=1):
    return f"CONTEXT brume /var/lib/one/vms/{vm}/context.sh {host}:/var/lib/one//datastores/102/{vm}/disk.{disk} {vm} 102\n"


ONED_CONF = """# What a front-end's oned.conf looks like, shortened. TM_MAD = [ in a comment is none
PORT = 2633
TM_MAD = [
    EXECUTABLE = "one_tm",
    ARGUMENTS = "-t 15 -d dummy,lvm,shared,ssh,local"
]

DATASTORE_MAD = [
    EXECUTABLE = "one_datastore",
    # ARGUMENTS = "-t 15 -s old"
    ARGUMENTS  = "-t 15 -d dummy,fs,lvm -s shared,ssh,local"
]

TM_MAD = [ EXECUTABLE = "one_tm", ARGUMENTS = "-d never_read" ]
VM_MAD = [ NAME = "kvm", EXECUTABLE = "one_vmm_exec", ARGUMENTS = "-t 15 -r 0 kvm", TYPE = "kvm" ]
"""
MONITORD_CONF = 'NETWORK = [ ADDRESS = "0.0.0.0", PORT = 4124 ]\nIM_MAD = [ NAME = "kvm", EXECUTABLE = "one_im_ssh" ]'
