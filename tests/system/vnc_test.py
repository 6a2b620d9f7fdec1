# SPDX-License-Identifier: Apache-2.0
"""A Linux VM's console in VNC viewers, on a node."""
import rfb
from harness import LINUX, Failure, test, vm_config
from managed import Managed
from patch import trap_at

PORT, PASSWORD = 5912, "open me!"


@test
def a_vms_console_is_seen_and_typed_to_by_vnc_viewers():
    """Beside the node's own console, which goes on as ever; and the port is there again after mgmt has died."""
    with Managed(vm_config("web", memory="96M"), modules=LINUX, image=trap_at("mgmt", "metrics_poll"), forward=(PORT,)) as node:
        node.escape("1")
        node.login()
        for word in ("another", PASSWORD):                       # with another password it closes and opens again
            status, body = node.curl("/v1/vms/web/vnc", "--data-binary", f"port {PORT}\npassword {word}\n")
            if status != 200:
                raise Failure(f"open: {status} {body}")
            with rfb.Viewer(node.forwarded[PORT], word) as viewer:
                viewer.expect("brume-guest")
        with rfb.Viewer(node.forwarded[PORT], PASSWORD) as viewer:
            viewer.expect(r"#$")                                 # the scroll-back
            viewer.type("clear; stty rows 25 cols 80; echo seen-$((6 * 7))\n")
            viewer.expect(r"^seen-42$")
            viewer.type("echo un")
            viewer.press(rfb.LEFT)
            viewer.press(rfb.LEFT)
            viewer.type("k")
            viewer.press(rfb.CONTROL, ord("e"))                  # line editing of the shell
            viewer.type("done\n")
            viewer.expect(r"^kundone$")
            node.expect("kundone")                               # the node's console showed it, too
            node.shell("echo from-the-serial-line")
            viewer.expect(r"^from-the-serial-line$")
        text = rfb.snapshot(node.forwarded[PORT], PASSWORD)
        if "\nfrom-the-serial-line\n" not in text:
            raise Failure(f"vncsnapshot saw:\n{text}")
        try:
            node.curl("/metrics", "--retry", "0")
        except Failure:
            pass                                                 # mgmt dies
        node.expect("mgmt: listening on port 8443", 60)
        log = node.curl("/v1/log")[1].splitlines()
        if "brume: vm web: started, 96 MiB, 1 vCPU" not in log or "brume: mgmt: listening on port 8443" not in log:
            raise Failure(f"the log: {log}")
        with rfb.Viewer(node.forwarded[PORT], PASSWORD) as viewer:
            viewer.expect(r"^from-the-serial-line$")
            if node.curl("/v1/vms/web/kill", "-X", "POST")[0] != 200:
                raise Failure("it cannot be killed")
            while node.curl("/v1/vms/web", "-X", "DELETE")[0] != 200:
                pass                                             # its last words are on their way
            viewer.ended()
