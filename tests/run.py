#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every test that `make test` has built: tests/run.py [word]

Prints `ok name`, `not ok name` or `skip name: reason` for each, the log of what failed, and the count at the end.
With a word, only tests whose name contains it. JOBS=n runs n at a time (default 2, each may be a whole machine).

Without a word a system test that fails is run once more, alone, when all others have ended, unless more than AGAIN_MAX have failed:
emulators lose an interrupt now and then (docs/tests.md). What failed first is printed as `again name` with its log, and named at the end.
"""
import concurrent.futures
import glob
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HARNESS = os.path.join(TOP, "tests/system/harness.py")
SLOWEST = 600          # seconds that one test may take before it is killed
AGAIN_MAX = 3          # tests that get a second attempt; where more fail, something is broken
LINE = re.compile(r"(not ok|ok|skip) (.*)")


class Report:
    """Counts and prints results; several threads write to it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.count = {"ok": 0, "not ok": 0, "skip": 0}
        self.failed = []
        self.again = []                # (name, command) of system tests that failed once

    def add(self, verdict, name, seconds=None, log=""):
        with self.lock:
            self.count[verdict] += 1
            took = f"  ({seconds:.1f} s)" if seconds is not None and seconds >= 1 else ""
            print(f"{verdict} {name}{took}", flush=True)
            if verdict == "not ok":
                self.failed.append(name)
                self.show(log)

    def defer(self, name, command, seconds, log):
        """A failure that is not counted yet."""
        with self.lock:
            self.again.append((name, command))
            print(f"again {name}  ({seconds:.1f} s)", flush=True)
            self.show(log)

    @staticmethod
    def show(log):
        for line in log.splitlines()[-150:]:
            print("    | " + line, flush=True)


def run(command, seconds=SLOWEST):
    """Runs a command in a process group and with a folder for temporary files of its own, and leaves nothing of either, however it ends;
    returns (exit status, output)."""
    if "/" in command[0] and not os.path.exists(os.path.join(TOP, command[0])):
        return -1, f"{command[0]} was not built"
    with tempfile.TemporaryDirectory(prefix="brume-", ignore_cleanup_errors=True) as folder, \
         subprocess.Popen(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True, env={**os.environ, "TMPDIR": folder}) as process:
        os.chmod(folder, 0o711)                      # a test may have programs of other users in its own
        output = []
        reader = threading.Thread(target=lambda: output.append(process.stdout.read()))
        reader.start()
        ended = wait_unreaped(process.pid, seconds)
        os.killpg(process.pid, signal.SIGKILL)       # what it may have left; the number is its own until it is waited for
        reader.join()
        status = process.wait() if ended else -1
    late = "" if ended else f"\nkilled after {seconds} s\n"
    return status, output[0].decode(errors="replace") + late


def wait_unreaped(process, seconds):
    """Waits for the end of a child that somebody else waits for; False: it did not come."""
    descriptor = os.pidfd_open(process)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def unit(report, name, word):
    """One program holds many tests; a crash counts as one more failure, under the program's name."""
    status, output = run([f"build/unit/{name}", *([word] if word else [])], 60)
    failed = False
    for line in output.splitlines():
        match = LINE.fullmatch(line)
        if match:
            failed |= match[1] == "not ok"
            report.add(match[1], f"unit/{name}/{match[2]}", log=output if match[1] == "not ok" else "")
    if status != 0 and not failed:
        report.add("not ok", f"unit/{name}", log=output)


def fuzz(report, name):
    seconds = int(os.environ.get("FUZZ_SECONDS", "5"))
    found, seeds = f"build/fuzz/corpus/{name}", f"tests/fuzz/corpus/{name}"
    os.makedirs(os.path.join(TOP, found), exist_ok=True)
    command = [f"build/fuzz/{name}", f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1",
               f"-artifact_prefix=build/fuzz/{name}-", found]
    if os.path.isdir(os.path.join(TOP, seeds)):
        command.append(seeds)
    status, output = run(command, seconds + 120)
    report.add("ok" if status == 0 else "not ok", f"fuzz/{name}", log=output)


def script(report, name, command, tell=False, patient=False):
    """Any other program: exit status 0 is ok, 77 is a skip whose reason is the last line. tell: print what it says.
    patient: it may be run again."""
    start = time.monotonic()
    status, output = run(command)
    if status == 77:
        report.add("skip", f"{name}: {output.strip().splitlines()[-1]}")
    elif status != 0 and patient:
        report.defer(name, command, time.monotonic() - start, output)
    else:
        report.add("ok" if status == 0 else "not ok", name, time.monotonic() - start, output)
    if tell and status == 0 and output:
        print("    " + output.rstrip().replace("\n", "\n    "), flush=True)


def run_again(report):
    """Second attempts, one at a time."""
    if len(report.again) > AGAIN_MAX:
        for name, _ in report.again:
            report.add("not ok", name, log="not run again: too many failed")
        return
    for name, command in report.again:
        script(report, name, command)


def system_tests():
    """(name, command) of each test function of tests/system/*_test.py"""
    for path in sorted(glob.glob(os.path.join(TOP, "tests/system/*_test.py"))):
        status, output = run([sys.executable, HARNESS, "--list", path], 30)
        file = os.path.basename(path)[:-len("_test.py")]
        if status != 0:
            yield f"system/{file}", [sys.executable, HARNESS, "--list", path]
            continue
        for name in output.split():
            yield f"system/{file}/{name}", [sys.executable, HARNESS, path, name]


def programs(folder, suffix):
    for path in sorted(glob.glob(os.path.join(TOP, folder, "*" + suffix))):
        yield os.path.basename(path)[:-len(suffix)]


def jobs(report, word):
    """Every test as (name, thunk), quick ones first."""
    for name in programs("tests/unit", "_test.c"):
        # The word may name the program or a test in it, which only the program knows.
        if word in f"unit/{name}":
            yield f"unit/{name}", (lambda name=name: unit(report, name, ""))
        elif "/" not in word or word.startswith(f"unit/{name}/"):
            yield word, (lambda name=name: unit(report, name, word.split("/")[-1]))
    for check in ("ring0-lines", "kernel-size", "image-size"):
        yield f"check/{check}", (lambda check=check: script(report, f"check/{check}", ["tools/check-size", check]))
    for name in programs("tests/fuzz", "_fuzz.c"):
        yield f"fuzz/{name}", (lambda name=name: fuzz(report, name))
    for name, command in system_tests():
        yield name, (lambda name=name, command=command: script(report, name, command, bool(word), not word))


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    report = Report()
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", "2"))) as pool:
        running = [pool.submit(thunk) for name, thunk in jobs(report, word) if word in name]
        for job in running:
            job.result()
    run_again(report)
    count = report.count
    for name, _ in report.again:
        print("run again:", name)
    for name in report.failed:
        print("failed:", name)
    if word and not sum(count.values()):
        print(f"no test has {word!r} in its name")
    print(f"{count['ok']} passed, {count['not ok']} failed, {count['skip']} skipped in {time.monotonic() - start:.0f} s")
    sys.exit(1 if count["not ok"] or not count["ok"] else 0)


main()
