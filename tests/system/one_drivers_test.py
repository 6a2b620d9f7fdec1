# SPDX-License-Identifier: Apache-2.0
"""The drivers of an OpenNebula front-end, begun and spoken to as oned and monitord do, with a fake brumed behind them."""
import base64
import os
import select
import signal
import subprocess
import threading

from harness import Failure, test, work_dir
from one_fake import PROGRAMS, Brumed, Driver, action_xml, context_line, packed, wait_until

SHOWN_MAX = 100                # characters of a reason that oned shows with a VM; the rest is in the VM's log


def check(got, wanted, what=""):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


def deployed(driver, brumed, vm):
    """One DEPLOY without a context, all the way."""
    driver.ask("DEPLOY", vm, action_xml(vm))
    brumed.next("POST", f"/nodes/rack1/actions/deploy/{vm}").done(f"one-{vm}")
    driver.expect(f"DEPLOY SUCCESS {vm} one-{vm}")


@test
def vmm_is_ready_before_brumed_is():
    brumed = Brumed()
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("DEPLOY", 2, action_xml(2))
        wait_until(lambda: "started" in driver.read_log(), "a log at standard error")
        brumed.start()
        brumed.next("POST", "/nodes/rack1/actions/deploy/2").done("one-2")
        driver.expect("DEPLOY SUCCESS 2 one-2")


@test
def vmm_has_its_log_where_standard_error_was():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        check(os.readlink(f"/proc/{driver.process.pid}/fd/2"), driver.log, "descriptor 2")
        with open(f"/proc/{driver.process.pid}/status", encoding="ascii") as stream:
            blocked = [line for line in stream if line.startswith("SigBlk")][0]
        check(int(blocked.split()[1], 16), 0, "blocked signals")
        driver.process.send_signal(signal.SIGHUP)
        driver.process.send_signal(signal.SIGINT)
        deployed(driver, brumed, 3)


@test
def vmm_ends_by_finalize_and_by_the_end_of_its_input():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("SHUTDOWN", 4, action_xml(4))
        brumed.next()
        driver.send("FINALIZE\n")
        check(driver.process.wait(20), 0, "status after FINALIZE")
    with Driver("one_vmm_brume", brumed) as driver:
        driver.process.stdin.close()
        check(driver.process.wait(20), 0, "status after the end")
    with Driver("one_vmm_brume", brumed) as driver:
        driver.process.send_signal(signal.SIGTERM)
        check(driver.process.wait(20), -signal.SIGTERM, "status after SIGTERM")
        driver.process.returncode = 0


@test
def vmm_sends_the_context_before_it_deploys():
    brumed, xml = Brumed().start(), action_xml(2, transfer=context_line(2))
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("DEPLOY", 2, xml)
        asked = brumed.next("POST", "/tm/context")
        check(asked.json(), {"args": ["/var/lib/one/vms/2/context.sh", "rack1:/var/lib/one//datastores/102/2/disk.1", "2", "102"],
                             "stdin": ""})
        brumed.quiet()
        asked.answer()
        asked = brumed.next("POST", "/nodes/rack1/actions/deploy/2")
        check(asked.body, xml.encode(), "the node's body")
        if not asked.key or len(asked.key) != 32:
            raise Failure(f"a key of {asked.key!r}")
        asked.done("one-2")
        driver.expect("DEPLOY SUCCESS 2 one-2")


@test
def vmm_undoes_the_context_of_a_deploy_that_failed():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("DEPLOY", 2, action_xml(2, transfer=context_line(2)))
        brumed.next("POST", "/tm/context").answer()
        brumed.next("POST", "/nodes/rack1/actions/deploy/2").done("no memory left:\n512 MiB\r\nneeded", "FAILURE")
        brumed.next("GET", "/nodes/rack1/v1/one/actions").answer(200, [])
        asked = brumed.next("POST", "/tm/delete")
        check(asked.json()["args"], ["rack1:/var/lib/one//datastores/102/2/disk.1", "2", "102"])
        asked.answer()
        driver.expect("DEPLOY FAILURE 2 no memory left: 512 MiB  needed")
        # oned's own roll-back is done in place of ours, and a context that fails ends it
        driver.ask("DEPLOY", 3, action_xml(3, transfer=context_line(3), rollback="DELETE brume rack1:/x 3 102\n"))
        brumed.next("POST", "/tm/context").answer(507, {"error": "no room on rack1"})
        check(brumed.next("POST", "/tm/delete").json()["args"][0], "rack1:/x")


@test
def vmm_deploys_a_vm_again_that_runs_with_its_context():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("DEPLOY", 2, action_xml(2, transfer=context_line(2)))
        brumed.next("POST", "/tm/context").answer(409, {"error": "one-2 runs with it"})
        brumed.next("POST", "/nodes/rack1/actions/deploy/2").done("one-2")
        driver.expect("DEPLOY SUCCESS 2 one-2")


@test
def vmm_does_the_actions_of_a_node():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        keys = set()
        for action in ("SHUTDOWN", "CANCEL", "REBOOT", "RESET"):
            driver.ask(action, 7, action_xml(7, deploy_id="one-7"))
            asked = brumed.next("POST", f"/nodes/rack1/actions/{action.lower()}/7")
            keys.add(asked.key)
            asked.done()
            driver.expect(f"{action} SUCCESS 7 -")
            driver.ask(action, 7, action_xml(7, deploy_id="one-7"))
            brumed.next("POST", f"/nodes/rack1/actions/{action.lower()}/7").answer(502, {"error": "rack1: no route"})
            driver.expect(f"{action} FAILURE 7 rack1: no route")
        check(len(keys), 4, "keys")


@test
def vmm_cleans_up_whatever_fails():
    brumed, lines = Brumed().start(), "DELETE brume rack1:/ds/102/7/disk.0 7 103\nDELETE.brume brume rack1:/ds/102/7 7 102\n"
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("CLEANUP", 7, action_xml(7, transfer=lines))
        brumed.next("POST", "/nodes/rack1/actions/cleanup/7").done()
        brumed.next("POST", "/tm/delete").answer()
        check(brumed.next("POST", "/tm/delete").answer(), None)
        driver.expect("CLEANUP SUCCESS 7 -")
        driver.ask("CLEANUP", 7, action_xml(7, transfer=lines, migration_host="rack2"))
        brumed.next("POST", "/nodes/rack1/actions/cleanup/7").done()
        brumed.next("POST", "/nodes/rack2/actions/cancel/7").done("rack2 says no", "FAILURE")
        brumed.next("GET", "/nodes/rack2/v1/one/actions").answer(200, [])
        brumed.next("POST", "/tm/delete").answer(500, {"error": "later"})
        brumed.next("POST", "/tm/delete").answer()
        driver.expect("CLEANUP FAILURE 7 rack2 says no")


@test
def vmm_refuses_what_brume_cannot():
    brumed = Brumed().start()
    refused = ("SAVE RESTORE MIGRATE ATTACHDISK DETACHDISK ATTACHNIC DETACHNIC SNAPSHOTCREATE SNAPSHOTREVERT SNAPSHOTDELETE "
               "DISKSNAPSHOTCREATE RESIZEDISK RESIZE UPDATECONF BACKUP BACKUPCANCEL EXEC EXEC_CANCEL").split()
    with Driver("one_vmm_brume", brumed) as driver:
        for action in refused:
            driver.ask(action, 5, action_xml(5, deploy_id="one-5", transfer="CLONE.brume brume fe:/x rack1:/ds/disk.4 5 103\n"))
            line = driver.line()
            if not line.startswith(f"{action} FAILURE 5 Brume ") or len(line.replace(" FAILURE 5", ":")) >= SHOWN_MAX:
                raise Failure(line)                              # a longer one is cut where the user sees it
        driver.ask("UPDATESG", 5, action_xml(5, more="<SECURITY_GROUP_ID>100</SECURITY_GROUP_ID>"))
        driver.expect("UPDATESG FAILURE 5 100 Brume does not filter by security groups")
        driver.ask("UPDATENIC", 5, action_xml(5, more="<VIRTUAL_NETWORK_ID>0</VIRTUAL_NETWORK_ID>"))
        if not driver.line().startswith("UPDATENIC FAILURE 5 0 Brume "):
            raise Failure("UPDATENIC")
        brumed.quiet()
        deployed(driver, brumed, 5)


@test
def vmm_keeps_the_order_of_a_vm_and_no_other():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("DEPLOY", 1, action_xml(1))
        first = brumed.next("POST", "/nodes/rack1/actions/deploy/1")
        driver.ask("REBOOT", 1, action_xml(1))
        driver.ask("DEPLOY", 2, action_xml(2, host="rack2"))
        brumed.next("POST", "/nodes/rack2/actions/deploy/2").done("one-2")
        driver.expect("DEPLOY SUCCESS 2 one-2")
        brumed.quiet()
        first.done("one-1")
        driver.expect("DEPLOY SUCCESS 1 one-1")
        brumed.next("POST", "/nodes/rack1/actions/reboot/1").done()
        driver.expect("REBOOT SUCCESS 1 -")


@test
def vmm_gives_up_what_oned_cancels():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("SHUTDOWN", 6, action_xml(6))
        slow = brumed.next("POST", "/nodes/rack1/actions/shutdown/6")
        driver.ask("REBOOT", 6, action_xml(6))                    # waits, and is dropped
        driver.send("DRIVER_CANCEL  6 \n")
        driver.ask("CANCEL", 6, action_xml(6))
        brumed.next("DELETE", f"/nodes/rack1/actions/{slow.key}").answer()
        brumed.next("POST", "/nodes/rack1/actions/cancel/6").done()
        driver.expect("CANCEL SUCCESS 6 -")
        slow.done()                                               # its late reply is nobody's
        driver.send("DRIVER_CANCEL  6 \nDRIVER_CANCEL  99 \n")
        deployed(driver, brumed, 6)
        brumed.quiet()


@test
def vmm_asks_again_with_the_same_key():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("DEPLOY", 2, action_xml(2))
        asked = brumed.next("POST", "/nodes/rack1/actions/deploy/2")
        key = asked.key
        asked.answer(0)
        asked = brumed.next("POST", "/nodes/rack1/actions/deploy/2")
        check(asked.key, key, "key")
        asked.done("one-2")
        driver.expect("DEPLOY SUCCESS 2 one-2")


@test
def vmm_asks_a_brumed_again_that_began_anew_for_the_second_time():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed, "-w 1") as driver:
        driver.ask("SHUTDOWN", 2, action_xml(2))
        brumed.next().answer(0)
        held = brumed.next()
        driver.ask("SHUTDOWN", 3, action_xml(3))         # until it is given up more than a second goes by
        for _ in range(5):
            brumed.next("POST", "/nodes/rack1/actions/shutdown/3").answer(0)
        if not driver.line().startswith("SHUTDOWN FAILURE 3 brumed does not answer"):
            raise Failure("VM 3 is not given up")
        held.answer(0)
        brumed.next("POST", "/nodes/rack1/actions/shutdown/2").done()
        driver.expect("SHUTDOWN SUCCESS 2 -")


@test
def vmm_says_nothing_that_xml_cannot_hold():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        for vm, info, told in ((2, "caf\u00e9 \U0001f600 \u0001\u007f", "caf\u00e9 \U0001f600   "), (3, "\ufffe\uffff\ufffd", "??????\ufffd"),
                               (4, "x" + "\u00e9" * 400, "x" + "\u00e9" * 255)):      # cut where a character ends
            driver.ask("SHUTDOWN", vm, action_xml(vm))
            brumed.next().done(info, "FAILURE")
            brumed.next("GET", "/nodes/rack1/v1/one/actions").answer(200, [])
            check(driver.line(), f"SHUTDOWN FAILURE {vm} {told}", f"what oned hears of VM {vm}")
        driver.ask("SHUTDOWN", 5, action_xml(5))
        brumed.next().done("\u00e9" * 400, "FAILURE")         # and where it does not
        brumed.next("GET", "/nodes/rack1/v1/one/actions").answer(200, [])
        check(driver.line(), f"SHUTDOWN FAILURE 5 {255 * 'é'}?", "what oned hears of VM 5")


@test
def vmm_gives_up_what_an_earlier_driver_left():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        driver.ask("SHUTDOWN", 6, action_xml(6))
        old = brumed.next("POST", "/nodes/rack1/actions/shutdown/6").key
        driver.process.kill()
        driver.process.wait()
        driver.process.returncode = 0
    with Driver("one_vmm_brume", brumed) as driver:
        driver.send("DRIVER_CANCEL  6 \n")
        driver.ask("CANCEL", 6, action_xml(6))
        asked = brumed.next("POST", "/nodes/rack1/actions/cancel/6")
        asked.done("one-6 is about to be shut down", "FAILURE")
        brumed.next("GET", "/nodes/rack1/v1/one/actions").answer(200, [{"key": old, "vm": 6, "action": "shutdown", "state": "running"}])
        brumed.next("DELETE", f"/nodes/rack1/actions/{old}").answer()
        again = brumed.next("POST", "/nodes/rack1/actions/cancel/6")
        check(again.key == asked.key, False, "the same key")
        again.done()
        driver.expect("CANCEL SUCCESS 6 -")
        check(driver.logged, ["LOG W 6 rack1 still did what an earlier driver had asked; it was given up for cancel"])


@test
def vmm_says_that_brumed_is_not_there():
    brumed = Brumed()
    with Driver("one_vmm_brume", brumed, "-w 1") as driver:
        driver.ask("DEPLOY", 2, action_xml(2, transfer=context_line(2)))
        line = driver.line()
        if not line.startswith(f"DEPLOY FAILURE 2 brumed does not answer at {brumed.path}"):
            raise Failure(line)
        driver.ask("UPDATESG", 2, action_xml(2, more="<SECURITY_GROUP_ID>1</SECURITY_GROUP_ID>"))
        driver.line()


@test
def vmm_lives_with_hostile_lines():
    brumed = Brumed().start()
    bomb = '<!DOCTYPE b [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><VMM_DRIVER_ACTION_DATA>&b;</VMM_DRIVER_ACTION_DATA>'
    refusals = (
        (action_xml(3), "the request is for VM 2, but its XML for VM 3"),
        (action_xml(2, host=""), "the request names no host"),
        (bomb, "the request's XML has a document type"),
        ("<a>" * 2000, "the request's XML is not of a VM's action"),
        ("<VMM_DRIVER_ACTION_DATA>" + "<a>" * 2000, "the request's XML is too deep"),
        ("<VMM_DRIVER_ACTION_DATA>", "the request's XML is not well-formed: no element found in line 1"),
        (b"\x01\x02\x03", "the request's XML is not well-formed: not well-formed (invalid token) in line 1"),
    )
    with Driver("one_vmm_brume", brumed) as driver:
        for xml, words in refusals:
            driver.ask("DEPLOY", 2, xml)
            driver.expect(f"DEPLOY FAILURE 2 {words}")
        driver.send("DEPLOY  2 !!!!\n")
        driver.expect("DEPLOY FAILURE 2 the request is not base64")
        driver.send("UPDATESG  2 !!!!\n")
        driver.expect("UPDATESG FAILURE 2 the request is not base64")
        driver.send("\n \nDEPLOY\nDEPLOY  \nDEPLOY  x y\nDEPLOY  99999999999999 AAAA\nNONSENSE  4 abc\nPOLL  4 abc\n\x00\x01\n")
        driver.send(b"DEPLOY  2 " + b"A" * (11 << 20) + b"\n")
        driver.expect("DEPLOY FAILURE 2 the request is longer than 10 MiB")
        deployed(driver, brumed, 2)
        wait_until(lambda: "unknown type: NONSENSE" in driver.read_log(), "the unknown type in the log")
        xml = action_xml(8, more="<!--" + "x" * (7 << 20) + "-->")
        driver.ask("DEPLOY", 8, xml)
        asked = brumed.next("POST", "/nodes/rack1/actions/deploy/8")
        check(len(asked.body), len(xml), "bytes")
        asked.done("one-8")
        driver.expect("DEPLOY SUCCESS 8 one-8")


@test
def vmm_is_not_confused_by_what_comes_twice_or_too_late():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        for action in ("DEPLOY", "DEPLOY", "CANCEL", "SHUTDOWN", "DEPLOY"):
            driver.ask(action, 2, action_xml(2))
        keys = set()
        for action, info in (("deploy", " one-2"), ("deploy", " one-2"), ("cancel", " -"), ("shutdown", " -"), ("deploy", " one-2")):
            asked = brumed.next("POST", f"/nodes/rack1/actions/{action}/2")
            keys.add(asked.key)
            asked.done("one-2")
            driver.expect(f"{action.upper()} SUCCESS 2{info}")
        check(len(keys), 5, "keys")
        for vm in (3, 4, 5):
            driver.ask("REBOOT", vm, action_xml(vm))
        asked = {one.path: one for one in (brumed.next(), brumed.next(), brumed.next())}
        for vm in (5, 3, 4):
            asked[f"/nodes/rack1/actions/reboot/{vm}"].done()
            driver.expect(f"REBOOT SUCCESS {vm} -")


@test
def vmm_answers_all_when_oned_has_not_read_for_long():
    """Far more than a pipe holds and than the driver takes at a time: each request has one answer in the end, done or not."""
    brumed, count = Brumed().start(), 2000
    with Driver("one_vmm_brume", brumed) as driver:
        oned = threading.Thread(target=lambda: [driver.ask("SAVE", vm, action_xml(vm)) for vm in range(count)])
        oned.start()
        wait_until(lambda: not select.select([], [driver.process.stdin], [], 0)[1], "the driver takes no more")
        answers = [driver.line().split(" ", 3) for _ in range(count)]
        oned.join()
        check(sorted(int(answer[2]) for answer in answers), list(range(count)), "VMs that were answered for")
        check({answer[1] for answer in answers}, {"FAILURE"}, "their status")
        deployed(driver, brumed, 3)
    with Driver("one_vmm_brume", brumed) as driver:
        for vm in range(900):                           # and it ends with its input, whoever waits to answer
            driver.ask("SAVE", vm, action_xml(vm))
        driver.process.stdin.close()
        check(driver.process.wait(20), 0, "status after the end")


@test
def vmm_takes_lines_in_pieces_and_one_status():
    brumed = Brumed().start()
    with Driver("one_vmm_brume", brumed) as driver:
        text = base64.b64encode(action_xml(2).encode()).decode()
        for piece in ("RES", "ET - 2 ", text[:10], text[10:], "\r\nREBOOT  2 " + text, "\n"):
            driver.send(piece)
        brumed.next("POST", "/nodes/rack1/actions/reset/2").done()
        brumed.next("POST", "/nodes/rack1/actions/reboot/2").done()
        driver.expect("RESET SUCCESS 2 -")
        driver.expect("REBOOT SUCCESS 2 -")


@test
def im_starts_and_stops_monitoring():
    brumed = Brumed().start()
    with Driver("one_im_brume", brumed) as driver:
        xml = "<MONITOR_DRIVER_ACTION><HOST><ID>1</ID><NAME>rack1</NAME></HOST></MONITOR_DRIVER_ACTION>"
        driver.send(b"START_MONITOR - 1 0 " + packed(xml) + b"\n")
        asked = brumed.next("POST", "/monitor/1/start")
        check(asked.body, xml.encode())
        messages = b"<MONITOR_MESSAGES><SYSTEM_HOST>SFlQRVJWSVNPUj1icnVtZQ==</SYSTEM_HOST></MONITOR_MESSAGES>"
        asked.answer(200, messages)
        check(driver.timed(), ("START_MONITOR", "SUCCESS", 1, messages.decode()))
        driver.send(b"STOP_MONITOR - 1 0 " + packed(xml) + b"\n")
        brumed.next("POST", "/monitor/1/stop").answer()
        check(driver.timed(), ("STOP_MONITOR", "SUCCESS", 1, ""))


@test
def im_says_failure_once_with_its_reason():
    brumed = Brumed().start()
    with Driver("one_im_brume", brumed, "-w 1") as driver:
        for line, words in ((packed("<X/>"), "rack1: certificate expired"), (b"!!", "not base64"), (packed("x" * (8 << 20)), "too long"),
                            (base64.b64encode(b"x" * 100), "not base64 of a zlib stream"), (b"A" * (11 << 20), "longer than 10 MiB")):
            driver.send(b"START_MONITOR - 3 0 " + line + b"\n")
            if words.startswith("rack1"):
                brumed.next("POST", "/monitor/3/start").answer(502, {"error": words})
            got = driver.timed()
            check(got[:3], ("MONITOR_HOST", "FAILURE", 3))
            if words not in got[3]:
                raise Failure(got[3])
        brumed.stop()
        driver.send(b"START_MONITOR - 3 0 " + packed("<X/>") + b"\n")
        if "brumed does not answer" not in driver.timed()[3]:
            raise Failure("no reason")


def transfer(brumed, *words, stdin=None):
    return subprocess.Popen([os.path.join(PROGRAMS, "brume-tm"), *words], stdin=stdin or subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=dict(os.environ, BRUMED_SOCKET=brumed.path, BRUMED_WAIT="1"))


@test
def tm_commands_reach_brumed():
    brumed = Brumed().start()
    words = ["fe:/var/lib/one/datastores/103/abc", "rack1:/var/lib/one//datastores/102/2/disk.0", "2", "103"]
    process = transfer(brumed, "clone", *words)
    asked = brumed.next("POST", "/tm/clone")
    check(asked.json(), {"args": words, "stdin": ""})
    asked.answer()
    check((process.communicate(), process.returncode), (("", ""), 0))
    process = transfer(brumed, "clone", *words)
    brumed.next("POST", "/tm/clone").answer(507, {"error": "no room on rack1: 10 MiB are free"})
    check((process.communicate(), process.returncode), (("", "ERROR: clone: no room on rack1: 10 MiB are free\nERROR MESSAGE --8<------\n"
          "no room on rack1: 10 MiB are free\nERROR MESSAGE ------>8--\n"), 1))


@test
def tm_commands_are_asked_again_unless_they_move_something():
    brumed = Brumed().start()
    for command, again in (("clone", True), ("mv", False), ("mvds", False)):
        process = transfer(brumed, command, "rack1:/x", "rack2:/x", "1", "2")
        brumed.next("POST", f"/tm/{command}").answer(0)
        if again:
            brumed.next("POST", f"/tm/{command}").answer()
        process.communicate()
        check(process.returncode, 0 if again else 1, command)
    brumed.quiet()


@test
def tm_commands_say_what_they_have_to_say():
    brumed = Brumed().start()
    process = transfer(brumed, "monitor", "102", stdin=subprocess.PIPE)
    process.stdin.write("QUJD")
    process.stdin.close()
    process.stdin = None
    asked = brumed.next("POST", "/tm/monitor")
    check(asked.json(), {"args": ["102"], "stdin": "QUJD"})
    asked.answer(200, {"output": "USED_MB=1\nTOTAL_MB=3\nFREE_MB=2\n"})
    check(process.communicate()[0], "USED_MB=1\nTOTAL_MB=3\nFREE_MB=2\n")
    for name in ("../nodes", "", "Clone"):
        check(transfer(brumed, name).wait(), 1, name)
    check(transfer(brumed, "delete", b"\xff").wait(), 1, "not UTF-8")
    brumed.quiet()
    brumed.stop()
    process = transfer(brumed, "delete", "rack1:/x", "1", "2")
    if "brumed does not answer" not in process.communicate()[1] or process.returncode != 1:
        raise Failure("without brumed")


@test
def tm_scripts_are_all_there():
    folder = os.path.join(os.path.dirname(__file__), "../../opennebula/remotes/tm/brume")
    location = os.path.join(work_dir(), "one")
    os.makedirs(location)
    os.symlink(PROGRAMS, os.path.join(location, "bin"))
    for name in os.listdir(folder):
        error = subprocess.run([os.path.join(folder, name), "rack1:/x"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, ONE_LOCATION=location, BRUMED_SOCKET="/nowhere", BRUMED_WAIT="0")).stderr
        if f"ERROR: {name}: brumed does not answer" not in error:
            raise Failure(f"{name}: {error}")
