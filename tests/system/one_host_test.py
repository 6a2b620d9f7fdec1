# SPDX-License-Identifier: Apache-2.0
"""OpenNebula's actions, and what is watched, on mgmt run on the host: what a front-end asks and is told, by curl."""
import base64
import json
import re
import select
import threading

import pki
from mgmt_host import Host, answer, check, request
from harness import test, write_file


def xml(vm, deploy_id="", template="<MEMORY>64</MEMORY><OS><KERNEL>/k</KERNEL></OS>"):
    """oned's request about a VM, as short as it may be."""
    return (f"<VMM_DRIVER_ACTION_DATA><DEPLOY_ID>{deploy_id}</DEPLOY_ID><VM><ID>{vm}</ID><TEMPLATE>{template}</TEMPLATE><HISTORY_RECORDS>"
            f"<HISTORY><DS_ID>102</DS_ID></HISTORY></HISTORY_RECORDS></VM></VMM_DRIVER_ACTION_DATA>")


def act(host, vm, action, key, body=None, who="frontend"):
    """(status, answer as JSON) of one action asked for."""
    status, reply = host.curl(f"/v1/one/vms/{vm}/{action}", who, "-H", f"X-Key: {key}", "--data-binary", xml(vm) if body is None else body)
    return status, json.loads(reply)


def act_to_end(host, vm, action, key):
    """Its result, asked for again and again as a front-end does that waits for changes."""
    status, reply = act(host, vm, action, key)
    while status == 202:
        change = host.get("/v1/one/changes", "frontend")["change"]
        reply = host.get(f"/v1/one/actions/{key}", "frontend")
        if reply["state"] == "done":
            break
        host.get("/v1/one/changes", "frontend", "-H", f"X-Since: {change}")
    return reply["status"], reply["info"]


def states(host):
    """{number: state} as state_vm tells."""
    text = host.curl("/v1/one/monitor/state_vm", "monitor")[1]
    found = re.findall(r'^VM = \[ ID="(\d+)", DEPLOY_ID="one-\1", STATE="(\w+)" \]$', text, re.M)
    check(len(found), text.count("\n"), f"lines of {text!r}")
    return {int(number): state for number, state in found}


@test
def a_front_end_deploys_and_ends_a_vm():
    with Host() as host:
        pki.client("frontend", "frontend")
        pki.client("monitor", "monitor")
        pki.client("operator", "operator")
        check(act_to_end(host, 12, "deploy", "a-1"), ("SUCCESS", "one-12"), "deploy")
        host.line(r"^audit: frontend \(frontend\) from 127.0.0.1: deploy one-12: begun$")
        host.line(r"^audit: deploy one-12: SUCCESS$")
        check(host.get("/v1/vms/one-12")["state"], "running", "state")
        check(states(host), {12: "RUNNING"}, "states")
        check(act(host, 12, "deploy", "a-1")[1]["status"], "SUCCESS", "the same once more")
        check(act_to_end(host, 12, "deploy", "a-2"), ("SUCCESS", "one-12"), "deploy of one that runs")
        check(host.get("/v1/vms/one-12")["starts"], 1, "starts")
        check(act(host, 12, "reset", "a-1")[0], 409, "the key of another action")
        check(act_to_end(host, 12, "reset", "a-3"), ("SUCCESS", "one-12"), "reset")
        check(act_to_end(host, 12, "reboot", "a-4"), ("SUCCESS", "one-12"), "reboot")
        check((host.get("/v1/vms/one-12")["starts"], states(host)), (3, {12: "RUNNING"}), "starts")
        check(host.curl("/v1/vms/one-12/kill", "operator", "-X", "POST")[0], 200, "an operator's kill")
        check(states(host), {12: "POWEROFF"}, "states after it went off")
        check(act_to_end(host, 12, "shutdown", "a-5"), ("SUCCESS", "one-12"), "shutdown of one that is off")
        check(states(host), {}, "states at the end")
        check(host.curl("/v1/vms/one-12", "operator")[0], 404, "VM at the end")
        check(act_to_end(host, 12, "cancel", "a-6"), ("SUCCESS", "one-12"), "cancel of none")
        kept = host.get("/v1/one/actions", "frontend")
        check([(a["key"], a["action"], a["vm"], a["state"]) for a in kept], [
            (f"a-{i + 1}", action, 12, "done")
            for i, action in enumerate(["deploy", "deploy", "reset", "reboot", "shutdown", "cancel"])], "actions")
        for _ in range(2):
            check(host.curl("/v1/one/actions/a-1", "frontend", "-X", "DELETE")[0], 200, "acknowledged")
        check(host.curl("/v1/one/actions/a-1", "frontend")[0], 404, "forgotten")
        check(act(host, 12, "deploy", "a-1")[0], 409, "the same asked for too late")
        check(host.curl("/v1/one/actions/b-1", "frontend", "-X", "DELETE")[0], 200, "given up before it came")
        check(act(host, 12, "deploy", "b-1")[0], 409, "and then it comes")
        check(host.curl("/v1/vms/one-12", "operator")[0], 404, "nothing came of it")


@test
def what_is_no_action_is_refused_and_not_kept():
    with Host() as host:
        for who in ("frontend", "operator", "monitor"):
            pki.client(who, who)
        check(act(host, 12, "cancel", "k", who="operator")[0], 403, "an operator")
        check(host.curl("/v1/one/changes", "operator")[0], 403, "an operator's wish for changes")
        check(host.curl("/v1/one/actions", "monitor")[0], 403, "a monitor's")
        check(act(host, 12, "cancel", "")[0], 400, "no key")
        check(act(host, 12, "cancel", "a b")[0], 400, "a bad key")
        check(act(host, 12, "cancel", "k" * 41)[0], 400, "a long key")
        check(act(host, 12, "cancel", "k", "nothing"), (400, {"error": "line 1: syntax error"}), "no request")
        check(act(host, 12, "cancel", "k", xml(13))[0], 400, "another VM's")
        check(act(host, 12, "cancel", "k", xml(12, "web"))[0], 400, "another deploy id")
        check(act(host, 12, "cancel", "k", "")[0], 400, "no body")
        check(act(host, 12, "deploy", "k", xml(12, template="<MEMORY>64</MEMORY>"))[0], 400, "no kernel")
        check(act(host, 12, "suspend", "k")[0], 404, "an action that there is not")
        check(act(host, "012", "cancel", "k")[0], 404, "a number that there is not")
        check(act(host, 99999999999, "cancel", "k")[0], 404, "a number that there cannot be")
        check(act(host, 12, "cancel", "k", "x" * 10000)[0], 400, "a long body")
        check(host.get("/v1/one/actions", "frontend"), [], "what is kept")


@test
def who_waits_for_a_change_is_told_at_once_and_keeps_nobody_out():
    with Host() as host:
        pki.client("frontend", "frontend")
        first = host.get("/v1/one/changes", "frontend")
        check(host.get("/v1/one/changes", "frontend", "-H", "X-Since: 4000000000")["boot"], first["boot"], "boot")
        links = [host.connect("frontend") for _ in range(9)]
        for link in links:
            link.sendall(request("/v1/one/changes", more=f"X-Since: {first['change']}\r\n"))
        early = select.select(links, [], [], 20)[0]
        check(len(early), 1, "connections that give way to the ninth")
        check(json.loads(answer(early[0])[1])["change"], first["change"], "what it is told")
        told = []
        threads = [threading.Thread(target=lambda link=link: told.append(json.loads(answer(link)[1])["change"]))
                   for link in links if link not in early]
        for thread in threads:
            thread.start()
        act(host, 12, "cancel", "k")
        for thread in threads:
            thread.join(10)
        check((len(told), all(change != first["change"] for change in told)), (8, True), "told")


@test
def monitord_is_told_of_the_host_and_its_vms():
    with Host() as host:
        pki.client("frontend", "frontend")
        pki.client("monitor", "monitor")
        act_to_end(host, 7, "deploy", "k")
        text = host.curl("/v1/one/monitor/system_host", "monitor", "-i")[1]
        head, _, body = text.replace("\r", "").partition("\n\n")
        check(int(re.search(r"^X-Time: (\d+)$", head, re.M)[1]) > 1700000000, True, "time")
        values = dict(re.findall(r'^([A-Z_]+)="?([^"\n\[]*)"?$', body, re.M))
        check((values["HYPERVISOR"], values["ARCH"], values["TOTALCPU"], values["CPUSPEED"]), ("brume", "x86_64", "200", "2400"), "host")
        check(int(values["TOTALMEMORY"]), (5 * 1024 - 190 + 2 * 256) << 10, "memory: what is free for VMs, and what two VMs have")
        check("sse2" in values["KVM_CPU_FEATURES"].split(","), True, "features")
        check(re.findall(r'^VM = \[ ID="-1", DEPLOY_ID="(\w+)", VM_NAME="\1" \]$', body, re.M), ["vm0", "vm1", "vm2"], "wild VMs")
        check("one-7" in body, False, "its own")
        numbers = dict(re.findall(r"^(\w+)=(\d+)$", host.curl("/v1/one/monitor/monitor_host", "monitor")[1], re.M))
        check((int(numbers["USEDCPU"]) + int(numbers["FREECPU"]), int(numbers["USEDMEMORY"])), (200, 512 << 10), "numbers")
        line = host.curl("/v1/one/monitor/monitor_vm", "monitor")[1]
        coded = re.fullmatch(r'VM = \[ ID="7", DEPLOY_ID="one-7", MONITOR="([^"]+)" \]\n', line)
        check('MEMORY="262144"' in base64.b64decode(coded[1]).decode(), True, "numbers of the VM")
        check(host.curl("/v1/one/monitor/weather", "monitor")[0], 404, "another message")


HOSTILE = {
    "deep": ("<VMM_DRIVER_ACTION_DATA>" + "<a>" * 100000, "more than 32 elements within each other"),
    "entities": ('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>', "a document type (DOCTYPE) is not taken"),
    "long": (xml(12).replace("<TEMPLATE>", "<TEMPLATE>" + " " * (10 << 20)), "longer than 4 MiB"),
    "one name": ("<" + "a" * (2 << 20), "takes more memory than there is for it"),
    "many": ("<VMM_DRIVER_ACTION_DATA>" + "<a/>" * 100000, "more than 65536 elements"),
    "no UTF-8": (xml(12).replace("<MEMORY>", "<MEMORY>\N{LATIN SMALL LETTER A WITH DIAERESIS}").encode("latin-1"), "not well-formed"),
    "a VLAN": (xml(12, template="<MEMORY>64</MEMORY><OS><KERNEL>/k</KERNEL></OS><NIC><VLAN_ID>7</VLAN_ID></NIC>"), "NIC/VLAN_ID=7: "),
    "news": (xml(12, template="<MEMORY>64</MEMORY><OS><KERNEL>/k</KERNEL><NEWS>1</NEWS></OS>"), "OS/NEWS: this node does not know what it asks for"),
}


@test
def hostile_requests_are_refused_in_words_and_cost_nothing():
    with Host() as host:
        pki.client("frontend", "frontend")
        for what, (body, words) in HOSTILE.items():
            path = write_file("request.xml", body if isinstance(body, bytes) else body.encode())
            status, reply = act(host, 12, "deploy", "k", "@" + path)
            check((what, status, words in reply["error"]), (what, 400, True), reply)
        links = [host.connect("frontend") for _ in range(16)]
        for link in links:                                        # each begins a request that it does not end
            link.sendall(request("/v1/one/vms/12/deploy", "POST", "X-Key: k\r\nContent-Length: 100000\r\n") + b"<VMM_DRIVER_ACTION_DATA>")
        number = 0
        while act(host, 12, "cancel", f"other-{number}")[0] != 503:       # until all of them have come
            number += 1
        for link in links:
            link.close()
        while act(host, 12, "deploy", "k")[0] == 503:             # until those that left are noticed
            pass
        check(host.get("/v1/one/actions/k", "frontend")["vm"], 12, "a good one afterwards")
