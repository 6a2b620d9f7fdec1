#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A driver that does nothing, for the tests of the model: one_vmm_brume or one_im_brume by its name.

The file $FAKE_ORDERS says what it answers, a line each, read again at each request: `DEPLOY FAILURE no memory`, `SHUTDOWN nothing`, `SAVE
die`; anything else is SUCCESS. What it sees of its surroundings goes to $FAKE_ORDERS.seen.NAME.
"""
import base64
import os
import sys
import time
import zlib

NAME = os.path.basename(sys.argv[0])
ORDERS = os.environ["FAKE_ORDERS"]
SYSTEM = 'HYPERVISOR=brume\nARCH=x86_64\nTOTALCPU=800\nTOTALMEMORY=16777216\nDS = [ ID=102, USED_MB=1, TOTAL_MB=9, FREE_MB=8 ]\n'


def surroundings():
    with open("/proc/self/status", encoding="ascii") as stream:
        blocked = next(line.split()[1] for line in stream if line.startswith("SigBlk"))
    try:
        os.fstat(2)
        stderr = "open"
    except OSError:
        stderr = "closed"
    with open(f"{ORDERS}.seen.{NAME}", "w", encoding="utf-8") as stream:
        stream.write(f"{len(sys.argv)} {sys.argv[1]!r} {stderr} {blocked}\n")


def order(kind):
    try:
        with open(ORDERS, encoding="utf-8") as stream:
            for line in stream:
                words = line.rstrip("\n").split(" ", 2)
                if words[0] == kind:
                    return words[1:]
    except OSError:
        pass
    return ["SUCCESS"]


def say(text):
    """All of it at once: of an answer to INIT only the first read counts."""
    os.write(1, text.encode() + b"\n")


def packed(text):
    return base64.b64encode(zlib.compress(text.encode())).decode()


def answer_vmm(kind, words):
    verdict, *why = order(kind)
    if verdict == "die":
        os._exit(1)
    if verdict != "nothing":
        info = why[0] if why else f"one-{words[1]}" if kind == "DEPLOY" else "-"
        say(f"LOG I {words[1]} {kind} is here\n{kind} {verdict} {words[1]} {info}")


def answer_im(kind, words):
    verdict, *why = order(kind)
    stamp = int(time.time())
    if verdict == "FAILURE":
        say(f"MONITOR_HOST FAILURE {words[2]} {stamp} {packed(why[0])}")
        return
    def inner(text):
        return base64.b64encode(text.encode()).decode()
    text = (f"<MONITOR_MESSAGES><SYSTEM_HOST>{inner(SYSTEM)}</SYSTEM_HOST><MONITOR_HOST>{inner('FREECPU=700')}</MONITOR_HOST>"
            f"<TIMESTAMP>{stamp}</TIMESTAMP></MONITOR_MESSAGES>")
    say(f"{kind} SUCCESS {words[2]} {stamp} {packed(text)}")


def main():
    surroundings()
    for line in sys.stdin:
        words = line.split()
        if words[0] == "INIT":
            if order("INIT")[0] != "nothing":
                say("INIT " + " ".join(order("INIT")))
        elif words[0] == "FINALIZE":
            return
        elif words[0] != "DRIVER_CANCEL":
            (answer_vmm if NAME == "one_vmm_brume" else answer_im)(words[0], words)


main()
