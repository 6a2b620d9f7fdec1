# SPDX-License-Identifier: Apache-2.0
"""The model of OpenNebula's front-end (tests/one) does what the real one was seen to do: order of messages, states, guards, bad input."""
import os
import re
import socket
import stat
import sys

from harness import TOP, Failure, test, work_dir, write_file

sys.path.insert(0, os.path.join(TOP, "tests/one"))
import cli                                               # noqa: E402
import driver                                            # noqa: E402
import oned                                              # noqa: E402
import wire                                              # noqa: E402

LIMIT = 20
SYSTEM = "TOTALCPU=400\nTOTALMEMORY=1048576\nFOO=\"b a r\"\n"


def check(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {got!r}, not {wanted!r}")


def install(program, path):
    """By this very interpreter: what a shell script in front of it does to signals and files is not oned's."""
    with open(program, encoding="utf-8") as source, open(path, "w", encoding="utf-8") as stream:
        stream.writelines([f"#!{os.path.realpath(sys.executable)}\n", *source.readlines()[1:]])
    os.chmod(path, stat.S_IRWXU)


class Modelled:
    """A model with fake drivers, and transfer scripts that only note that they ran."""

    def __init__(self, orders=""):
        place = os.path.join(work_dir(), "one")
        self.orders = write_file("orders", orders)
        os.makedirs(os.path.join(place, "lib/mads"))
        os.makedirs(os.path.join(place, "etc"))
        for file, block, name in (("oned.conf", "VM_MAD", "one_vmm_brume"), ("monitord.conf", "IM_MAD", "one_im_brume")):
            install(os.path.join(TOP, "tests/one/fake_driver.py"), os.path.join(place, "lib/mads", name))
            with open(os.path.join(place, "etc", file), "w", encoding="ascii") as stream:
                stream.write(f'# drivers\n{block} = [ NAME = "brume", EXECUTABLE = "{name}", # its program\n  ARGUMENTS = "-t 15 -r 0 brume" ]\n')
        scripts = os.path.join(place, "var/remotes/tm/brume")
        os.makedirs(scripts)
        for name in ("clone", "ln", "mkimage", "mvds", "delete", "mv"):
            path = os.path.join(scripts, name)
            with open(path, "w", encoding="ascii") as stream:
                stream.write(f'#!/bin/sh\necho {name} "$@" >> {self.orders}.tm\ngrep -q "^{name} fail" {self.orders} || exit 0\n'
                             'echo "ERROR MESSAGE --8<------" >&2\necho "the disk is full" >&2\necho "ERROR MESSAGE ------>8--" >&2\nexit 1\n')
            os.chmod(path, stat.S_IRWXU)
        self.front = oned.Front(place, {"FAKE_ORDERS": self.orders})

    def __enter__(self):
        self.front.start()
        return self

    def __exit__(self, *_):
        self.front.stop()

    def order(self, text):
        write_file("orders", text)

    def vm(self):
        """A VM with a persistent and a plain image, a volatile disk, kernel and context on a new host; its number."""
        front = self.front
        image = write_file("image", bytes(4096))
        kernel, system = front.image_create("kernel", image, "KERNEL"), front.image_create("os", image)
        kept = front.image_create("data", image, "DATABLOCK", True)
        host = front.host_create("node1")
        front.wait("the host is on", lambda: front.hosts[host].state == 2, LIMIT)
        return front.vm_create({"NAME": "web", "CPU": "1", "MEMORY": "64", "OS": {"KERNEL_DS": f"$FILE[IMAGE_ID={kernel}]"},
                                "DISK": [{"IMAGE_ID": system}, {"IMAGE_ID": kept}, {"SIZE": "8"}], "NIC": [{}],
                                "CONTEXT": {"NETWORK": "YES", "WORD": "it's"}}, host)

    def until(self, number, word):
        self.front.wait(f"VM {number} is {word}, not {self.front.vm_state(number)},", lambda: self.front.vm_state(number) == word, LIMIT)

    def requests(self):
        """Types of all requests to the VMM driver, and of the transfers, in their order."""
        kinds = {"VMM >>": "", "TM >>": "", "tm": "  "}
        return [kinds[source] + text.split()[0] for _, source, text in self.front.crossed if source in kinds and not text.startswith("INIT")]

    def report(self, text, kind="STATE_VM", status="SUCCESS", stamp=0, host=1, tcp=True):
        """A message to monitord as a host sends it; returns when monitord has taken it."""
        front = self.front
        line = f"{kind} {status} {host} {stamp} {wire.pack(text)}".encode()
        seen = len(front.crossed)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as link:
            link.connect(("127.0.0.1", front.monitord.port))
            link.sendall(line)
        front.wait("monitord took it", lambda: self._taken(seen, line.decode()), LIMIT)

    def _taken(self, seen, line):
        return any(source in ("UDP", "TCP") and text == line for _, source, text in self.front.crossed[seen:])


@test
def a_driver_finds_what_oned_leaves_to_it():
    with Modelled() as model:
        with open(model.orders + ".seen.one_vmm_brume", encoding="utf-8") as stream:
            count, rest = stream.read().split(" ", 1)
        check("arguments", count, "2")
        if not re.fullmatch(r"'-t 15 -r 0 brume' closed fffffffe7ffbfeff\n", rest):
            raise Failure(f"it saw {rest!r}")


@test
def a_vm_lives_as_it_was_captured():
    with Modelled() as model:
        number = model.vm()
        model.until(number, "RUNNING")
        model.front.vm_action(number, "terminate")
        model.until(number, "DONE")
        check("order", model.requests(), ["TRANSFER", "  CLONE", "  LN", "  MKIMAGE", "  CLONE", "DEPLOY", "SHUTDOWN", "TRANSFER", "  DELETE",
                                          "  MVDS", "  DELETE", "  DELETE"])
        lines = [text for _, source, text in model.front.crossed if source == "VMM >>"]
        if not re.fullmatch(r"DEPLOY  0 [A-Za-z0-9+/=]+", lines[1]):
            raise Failure(f"a request: {lines[1][:60]!r}")
        states = re.findall(r"New (?:LCM )?state is (\w+)", model.front.vm_log(number))
        check("states", states, ["ACTIVE", "PROLOG", "BOOT", "RUNNING", "SHUTDOWN", "EPILOG", "DONE", "LCM_INIT"])
        with open(os.path.join(model.front.var, "vms/0/context.sh"), encoding="utf-8") as stream:
            if "WORD='it'\\''s'\n" not in stream.read():
                raise Failure("context.sh is not quoted")


@test
def power_goes_off_and_comes_again_by_deploy():
    with Modelled() as model:
        number = model.vm()
        for action, word in (("poweroff", "POWEROFF"), ("resume", "RUNNING"), ("poweroff --hard", "POWEROFF"), ("resume", "RUNNING"),
                             ("undeploy", "UNDEPLOYED"), ("resume", "RUNNING"), ("recover --delete", "DONE")):
            model.front.wait("ready", lambda: model.front.vms[number].word in ("RUNNING", "POWEROFF", "UNDEPLOYED"), LIMIT)
            model.front.vm_action(number, action)
            model.until(number, word)
        kinds = [kind for kind in model.requests() if not kind.startswith("  ") and kind != "TRANSFER"]
        check("requests", kinds, ["DEPLOY", "SHUTDOWN", "DEPLOY", "CANCEL", "DEPLOY", "SHUTDOWN", "DEPLOY", "DRIVER_CANCEL", "CLEANUP"])


@test
def a_refusal_reaches_the_user():
    with Modelled("DEPLOY FAILURE no memory left on host\n") as model:
        number = model.vm()
        model.until(number, "BOOT_FAILURE")
        if "DEPLOY: no memory left on host" not in model.front.vm_xml(number):
            raise Failure("the reason is not shown")
        model.order("DEPLOY SUCCESS  \n")
        model.front.vm_action(number, "recover --retry")
        model.until(number, "BOOT_FAILURE")                      # SUCCESS without a deploy id is none
        model.order("mvds fail\nDISKSNAPSHOTCREATE FAILURE cannot\n")
        model.front.vm_action(number, "recover --retry")
        model.until(number, "RUNNING")
        model.front.vm_action(number, "disk-snapshot-create")
        model.front.wait("an answer", lambda: "cannot" in model.front.vm_xml(number), LIMIT)
        model.until(number, "RUNNING")
        model.front.vm_action(number, "terminate")
        model.until(number, "EPILOG_FAILURE")
        if "the disk is full" not in model.front.vm_xml(number):
            raise Failure("the reason of the transfer is not shown")


@test
def a_shutdown_that_hangs_is_cancelled_first():
    with Modelled("SHUTDOWN nothing\n") as model:
        number = model.vm()
        model.until(number, "RUNNING")
        model.front.vm_action(number, "poweroff")
        model.until(number, "SHUTDOWN_POWEROFF")
        model.front.vm_action(number, "poweroff --hard")
        model.until(number, "POWEROFF")
        lines = [text for _, source, text in model.front.crossed if source == "VMM >>"]
        check("the end", [line.split()[0] for line in lines[-3:]], ["SHUTDOWN", "DRIVER_CANCEL", "CANCEL"])
        check("its form", model.front.crossed[[text for _, _, text in model.front.crossed].index(lines[-2])][2], "DRIVER_CANCEL  0 ")


@test
def a_driver_that_dies_comes_again_and_what_it_owed_is_lost():
    with Modelled("SHUTDOWN die\n") as model:
        number = model.vm()
        model.until(number, "RUNNING")
        model.front.vm_action(number, "poweroff")
        model.front.wait("it starts again", lambda: model.front.vmm.starts == 2, LIMIT)
        check("state", model.front.vm_state(number), "SHUTDOWN_POWEROFF")
        model.front.clock.advance(31)
        model.report('VM = [ ID="0", DEPLOY_ID="one-0", STATE="POWEROFF" ]\n')
        model.until(number, "POWEROFF")


@test
def a_driver_must_answer_init():
    with open(os.path.join(work_dir(), "mute"), "w", encoding="ascii") as stream:
        stream.write("#!/bin/sh\nread x\necho HELLO\nread x\n")
    os.chmod(os.path.join(work_dir(), "mute"), stat.S_IRWXU)
    mute = driver.Driver(os.path.join(work_dir(), "mute"), "a b", lambda line: None)
    if mute.start() or "INIT was answered by 'HELLO" not in mute.failed:
        raise Failure(f"it was taken: {mute.failed}")


@test
def states_are_believed_after_the_guard_only():
    off = 'VM = [ ID="0", DEPLOY_ID="one-0", STATE="POWEROFF" ]\n'
    with Modelled() as model:
        number = model.vm()
        model.until(number, "RUNNING")
        model.report(off)
        check("within the guard", model.front.vm_state(number), "RUNNING")
        model.front.clock.advance(31)
        model.report(off)
        model.until(number, "POWEROFF")
        model.report(off.replace("POWEROFF", "RUNNING"))
        check("within the guard of its end", model.front.vm_state(number), "POWEROFF")
        model.front.clock.advance(31)
        model.report(off.replace("POWEROFF", "RUNNING"))
        model.until(number, "RUNNING")
        model.report("SYNC_STATE=yes\nMISSING_STATE=UNKNOWN\n" + off.replace('"0"', '"77"'))
        model.until(number, "UNKNOWN")
        check("zombies", model.front.hosts[1].template["ZOMBIES"], "77")
        model.report(off.replace("POWEROFF", "RUNNING"))
        model.until(number, "RUNNING")
        model.report("SYNC_STATE=yes\nMISSING_STATE=POWEROFF\n")
        model.until(number, "POWEROFF")


@test
def a_host_changes_its_state_as_monitord_was_seen_to():
    with Modelled("START_MONITOR FAILURE TLS handshake failed\n") as model:
        front = model.front
        host = front.hosts[front.host_create("node1")]
        front.wait("it is in error", lambda: host.state == 3, LIMIT)
        check("why", host.error, "Error monitoring Host node1 (1): TLS handshake failed")
        model.report("", "MONITOR_HOST", tcp=False)
        model.report("1", "BEACON_HOST", tcp=False)
        check("after a beacon", host.state, 3)
        model.report(SYSTEM, "SYSTEM_HOST", tcp=False)
        check("after SYSTEM_HOST", (host.state, host.capacity["TOTALCPU"], host.template["FOO"]), (2, "400", "b a r"))
        model.report("FOO=[", "SYSTEM_HOST")
        check("after a bad one", host.state, 2)
        model.report("FREECPU=1\n", "MONITOR_HOST", stamp=1000)
        model.report("FREECPU=2\n", "MONITOR_HOST", stamp=999)
        check("an older message", host.monitoring["FREECPU"], "1")
        model.report("FREECPU=3\n", "MONITOR_HOST", stamp=0)
        check("one without time", host.monitoring["FREECPU"], "3")
        model.report("1", "BEACON_HOST", host=99)
        model.report("link to hypervisor lost", "BEACON_HOST", "FAILURE", tcp=False)
        check("after a bad beacon", (host.state, host.error), (3, "Error monitoring Host node1 (1): link to hypervisor lost"))
        asked = sum(text.startswith("START_MONITOR") for _, source, text in front.crossed if source == "IM >>")
        model.order("")
        front.clock.advance(181)
        front.wait("it is asked again and on", lambda: host.state == 2, LIMIT)
        check("asked", sum(text.startswith("START_MONITOR") for _, source, text in front.crossed if source == "IM >>"), asked + 1)


@test
def lines_and_texts_are_read_as_opennebula_does():
    message = wire.parse("DEPLOY  SUCCESS 7   one-7 and more")
    check("a line", tuple(message), ("DEPLOY", "SUCCESS", 7, 0, "one-7 and more"))
    check("a request without payload", wire.request("DRIVER_CANCEL", 6), "DRIVER_CANCEL  6 \n")
    check("back", wire.parse(wire.request("START_MONITOR", 3, "<X/>", True), True).payload, "<X/>")
    for what, line in (("no number", "DEPLOY SUCCESS x y"), ("too short", "DEPLOY SUCCESS"), ("not zlib", "STATE_VM SUCCESS 1 0 aGFsbG8="),
                       ("not base64", "STATE_VM SUCCESS 1 0 *"), ("half a stream", "STATE_VM SUCCESS 1 0 eJwLjg==")):
        try:
            wire.parse(line, what[:3] in ("not", "hal"))
        except wire.Bad:
            continue
        raise Failure(f"{what}: taken")
    text = 'A=b c\nD="e \\"f\\""\nVM = [ ID="1",\n  X="[,]" ]\nEMPTY=""\n'
    check("a template", wire.template(text), [("A", "b c"), ("D", 'e "f"'), ("VM", {"ID": "1", "X": "[,]"}), ("EMPTY", "")])
    check("written", wire.template(wire.write_template({"A": 'q"', "V": [{"B": "1"}, {"B": "2"}]})),
          [("A", 'q"'), ("V", {"B": "1"}), ("V", {"B": "2"})])


COMMANDS = """#!/bin/sh
echo "$(basename $0) $*" >> {log}
case "$(basename $0) $1 $2" in
"onevm create "*) cat "$3" >> {log}.template; echo "ID: 7" ;;
*" create "*) echo "ID: 7" ;;
"onehost show -x") echo "<HOST><ID>7</ID><STATE>2</STATE></HOST>" ;;
"oneimage show -x") echo "<IMAGE><ID>7</ID><STATE>1</STATE><SOURCE>{log}</SOURCE></IMAGE>" ;;
"onedatastore show -x") echo "<DATASTORE><ID>102</ID></DATASTORE>" ;;
"onevm show -x") echo "<VM><ID>7</ID><STATE>3</STATE><LCM_STATE>3</LCM_STATE></VM>" ;;
"onevm snapshot-create "*) echo "[one.vm.snapshotcreate] Wrong state"; exit 255 ;;
esac
"""


@test
def a_real_front_end_is_driven_by_its_own_commands():
    """With commands that only note what they are given."""
    place, log = os.path.join(work_dir(), "real"), os.path.join(work_dir(), "log")
    os.makedirs(os.path.join(place, "bin"))
    for name in ("onehost", "oneimage", "onedatastore", "onevm"):
        path = os.path.join(place, "bin", name)
        with open(path, "w", encoding="ascii") as stream:
            stream.write(COMMANDS.replace("{log}", log))
        os.chmod(path, stat.S_IRWXU)
    front = cli.Front(place)
    front.start()
    check("host", (front.host_create("node1"), front.host_word(7)), (7, "on"))
    kernel = front.image_create("kernel", log, "KERNEL")
    front.image_create("data", log, "DATABLOCK", True)
    number = front.vm_create({"NAME": "web", "OS": {"KERNEL_DS": f"$FILE[IMAGE_ID={kernel}]"}, "NIC": [{}], "DISK": [{"IMAGE_ID": 7}]}, 7)
    check("state", front.vm_state(number), "RUNNING")
    front.vm_action(number, "poweroff --hard")
    try:
        front.vm_action(number, "snapshot-create")
    except cli.Refused as error:
        if "Wrong state" not in str(error):
            raise
    else:
        raise Failure("a command that failed was taken for done")
    front.stop()
    with open(log, encoding="utf-8") as stream:
        lines = [line.strip() for line in stream if " show " not in line]
    with open(log + ".template", encoding="utf-8") as stream:
        check("the VM's template", wire.template(stream.read()),
              [("NAME", "web"), ("OS", {"KERNEL_DS": "$FILE[IMAGE_ID=7]"}), ("DISK", {"IMAGE_ID": "7"})])
    name = str(os.getpid())
    check("commands", [re.sub(r"/var/tmp/brume-\w+", "FILE", line.replace(f"-{name} ", "-N ")) for line in lines if "onevm create" not in line], [
        "onehost list", "onehost create node1 -i brume -v brume",
        "oneimage create -d brume-files --name kernel-N --type KERNEL --path FILE",
        "oneimage create -d brume-images --name data-N --type DATABLOCK --path FILE --persistent --format raw",
        "onevm deploy 7 7 102", "onevm poweroff --hard 7", "onevm snapshot-create 7 test", "onevm recover --delete 7",
        "oneimage delete 7", "oneimage delete 7", "onehost delete 7"])
