# SPDX-License-Identifier: Apache-2.0
"""A driver as oned and monitord run it.

execlp(program, program, ARGUMENTS): one single string however many words it has; stdin and stdout are pipes, stderr is closed, every
signal is blocked. INIT is to be answered by INIT SUCCESS within ten seconds. A driver whose output ends is started again; what was asked
of it is lost.
"""
import ctypes
import os
import select
import signal
import subprocess
import threading

INIT_LIMIT = 10                # seconds
ANSWER_SIZE = 31               # bytes of the answer to INIT that are looked at; what else that read brought is dropped
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _as_a_child_of_oned():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    os.close(2)


class Driver:
    """One driver. receive(line) is called for each line that it writes, in a thread of the driver's own; tell(direction, line)
    for all that crosses, with ">>" towards the driver, "<<" from it and "--" for what happens to it."""

    def __init__(self, program, arguments, receive, environment=None, tell=lambda *_: None, folder=None):
        self.command = [program, arguments]
        self.receive, self.tell = receive, tell
        self.environment, self.folder = environment, folder
        self.process = None
        self.starts = 0
        self.stopping = False
        self.writing = threading.Lock()
        self.ready = threading.Event()
        self.failed = None                           # why it does not run
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        """Waits until it has answered INIT; False if it did not."""
        self.thread.start()
        self.ready.wait(INIT_LIMIT + 5)
        return self.failed is None

    def send(self, line):
        """Writes a request. One that does not reach it is lost, as with oned."""
        self.tell(">>", line.rstrip("\n"))
        with self.writing:
            try:
                os.write(self.process.stdin.fileno(), line.encode())
            except (OSError, ValueError):
                pass

    def kill(self):
        """What an unlucky admin does."""
        self.process.kill()

    def finish(self):
        """FINALIZE, and after a while SIGKILL."""
        self.stopping = True
        if self.process is None:
            return
        self.send("FINALIZE\n")
        try:
            self.process.stdin.close()
            self.process.wait(3)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()

    # ---- its thread: the child dies with the thread that made it ----

    def _launch(self):
        self.starts += 1
        self.tell("--", f"start {self.starts}: {self.command}")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
                                        env=self.environment, cwd=self.folder, preexec_fn=_as_a_child_of_oned)

    def _handshake(self):
        self.send("INIT\n")
        stream = self.process.stdout.fileno()
        if not select.select([stream], [], [], INIT_LIMIT)[0]:
            return f"no answer to INIT within {INIT_LIMIT} s"
        answer = os.read(stream, ANSWER_SIZE).decode(errors="replace")
        self.tell("<<", answer.rstrip("\n"))
        return None if answer.split()[:2] == ["INIT", "SUCCESS"] else f"INIT was answered by {answer!r}"

    def _lines(self):
        data = b""
        while True:
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                return
            *lines, data = (data + piece).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                self.tell("<<", text)
                self.receive(text)

    def _run(self):
        while not self.stopping:
            try:
                self._launch()
                self.failed = self._handshake()
            except OSError as error:
                self.failed = str(error)
            if self.failed:
                self.tell("--", self.failed)
                if self.process is not None:
                    self.process.kill()
                self.ready.set()
                return
            self.ready.set()
            self._lines()
            self.process.wait()
            self.tell("--", f"its output ended (status {self.process.returncode})")
