# SPDX-License-Identifier: Apache-2.0
"""Consoles of VMs for VNC viewers, on the host over sockets (tests/mgmt/host.c): the VM greets and sends back what is typed."""
import socket
import struct

import pki
import rfb
from harness import Failure, test
from managed import free_port
from mgmt_host import Host, check

PASSWORD = "secret"


def open_port(host, vm="vm0", password=PASSWORD):
    pki.client("operator", "operator")
    port = free_port()
    body = f"port {port}\n" + (f"password {password}\n" if password else "")
    check(host.curl(f"/v1/vms/{vm}/vnc", "operator", "--data-binary", body), (200, f'{{"port":{port}}}\n'), "open")
    return port


def denied(port, password, version=8):
    """What a viewer is told that does not get in."""
    try:
        with rfb.Viewer(port, password, version):
            raise Failure(f"got in with {password!r}")
    except (PermissionError, EOFError) as error:
        return str(error)


@test
def viewers_of_all_versions_log_in_type_and_read():
    with Host() as host:
        port = open_port(host)
        for version in (3, 7, 8):
            with rfb.Viewer(port, PASSWORD, version) as viewer:
                check(viewer.name, "vm0 (Brume)", "name")
                viewer.expect("^login:")
                viewer.type(f"version {version} \xe9\u2500")
                viewer.expect(f"^login: version {version} \xe9\u2500")
            host.line(r"^audit: VNC viewer from 127.0.0.1: vm0: left the console$")
        bare = open_port(host, "vm1", password="")
        for version in (3, 7, 8):
            with rfb.Viewer(bare, "", version) as viewer:
                viewer.expect("^login:")


@test
def a_wrong_password_is_refused_and_guessing_slows_down():
    with Host() as host:
        port = open_port(host)
        check(denied(port, "Secret"), "the password is wrong", "3.8")
        host.line(r"^audit: VNC viewer from 127.0.0.1: vm0: the password is wrong$")
        denied(port, "wrong", 3)
        denied(port, "wrong", 7)
        with rfb.Viewer(port, PASSWORD) as viewer:               # the count begins anew
            viewer.expect("^login:")
        for _ in range(5):
            check(denied(port, "guess"), "the password is wrong", "guess")
        check("too many wrong passwords" in denied(port, PASSWORD), True, "locked")
        with rfb.Viewer(port, PASSWORD, source="127.0.0.2") as viewer:
            viewer.expect("^login:")                             # whoever did not guess is not kept out


@test
def pictures_come_in_every_format_and_only_what_has_changed():
    with Host() as host:
        port = open_port(host, password="")
        formats = (rfb.TRUE_32, rfb.TRUE_32_BIG, rfb.TRUE_16, rfb.TRUE_16_BIG, rfb.TRUE_8, rfb.MAPPED_8)
        for encodings in ((rfb.RAW,), (rfb.HEXTILE,)):
            for pixels in formats:
                with rfb.Viewer(port, encodings=encodings, pixels=pixels) as viewer:
                    viewer.ask(incremental=False)
                    check(len(viewer.update()), rfb.ROWS, f"first picture of {pixels}")
                    viewer.expect("^login:")
                    check(len(viewer.colours), 256 if pixels == rfb.MAPPED_8 else 0, "map")
                    viewer.ask()
                    viewer.type("x")
                    (x, y, width, height), = viewer.update()
                    check((x, y, width, height), (7 * 8, 0, 16, 16), "x and the cursor")
                    viewer.expect("^login: x")


@test
def several_viewers_see_one_terminal_and_no_more_than_four():
    with Host() as host:
        port = open_port(host)
        viewers = [rfb.Viewer(port, PASSWORD) for _ in range(4)]
        for viewer in viewers:
            viewer.expect("^login:")
        viewers[0].type("hello")
        for viewer in viewers:
            viewer.expect("^login: hello")
        denied(port, PASSWORD)
        check(host.curl("/v1/vms/vm0/vnc", "operator", "-X", "DELETE")[0], 200, "close")
        check([viewer.ended() for viewer in viewers], [True] * 4, "ended")
        try:
            socket.create_connection(("127.0.0.1", port), 5)
            raise Failure("the port is open still")
        except ConnectionRefusedError:
            pass


@test
def a_port_is_one_vms_and_words_are_checked():
    with Host() as host:
        port = open_port(host)
        for vm, body, wanted in (("vm1", f"port {port}", 409), ("vm1", "port 80", 400), ("vm1", "port 70000", 400), ("vm1", "", 400),
                                 ("vm1", "port 5900x", 400), ("vm1", f"port {port + 1}\npasword secret", 400), ("vm1", f"port {port + 1}\npassword ", 400),
                                 ("vm1", f"port 5900\npassword {'x' * 64}", 400), ("none", "port 5999", 404)):
            check(host.curl(f"/v1/vms/{vm}/vnc", "operator", "--data-binary", body)[0], wanted, f"{vm} {body}")
        pki.client("monitor", "monitor")
        check(host.curl("/v1/vms/vm0/vnc", "monitor")[0], 403, "a monitor")
        with rfb.Viewer(port, PASSWORD) as viewer:
            viewer.expect("^login:")
            check(host.curl("/v1/vms/vm0/vnc", "operator", "--data-binary", f"port {port}\npassword {PASSWORD}")[0], 200, "the same")
            viewer.type("stays")
            viewer.expect("^login: stays")
            check(host.curl("/v1/vms/vm0/vnc", "operator", "--data-binary", f"port {port}\npassword new")[0], 200, "another password")
            check(viewer.ended(), True, "cut off")
        denied(port, PASSWORD)
        check(host.curl("/v1/vms/vm1", "operator", "-X", "DELETE")[0], 200, "delete")
        check(host.curl("/v1/vms/vm0/kill", "operator", "-X", "POST")[0], 200, "kill")
        with rfb.Viewer(port, "new") as viewer:                  # a VM that is off has a screen still
            viewer.expect("^login:")
            check(host.curl("/v1/vms/vm0", "operator", "-X", "DELETE")[0], 200, "delete")
            check(viewer.ended(), True, "the VM is gone")


@test
def the_clipboard_is_typed_when_it_is_asked_for():
    with Host() as host:
        with rfb.Viewer(open_port(host), PASSWORD) as viewer:
            viewer.expect("^login:")
            viewer.clipboard("pasted \x1b[31m\xfc text")
            viewer.type("typed ")
            viewer.press(rfb.SHIFT, rfb.INSERT)
            viewer.expect(r"^login: typed pasted \[31m\xfc text")
            viewer.clipboard("y" * (2 << 20))                    # what a desktop may hold, of which the start is kept
            viewer.link.sendall(struct.pack("!BBHH", 5, 2, 0, 0) + struct.pack("!BBHH", 5, 0, 0, 0))
            viewer.expect("y{80}")
            viewer.type("z")
            viewer.expect("yz")


@test
def hostile_viewers_are_cut_off_and_slow_ones_hold_nobody():
    with Host() as host:
        port = open_port(host, password="")
        for bad in (b"GET / HTTP/1.1\r\n", b"RFB 003.008\n\2", b"RFB 003.008\n\1\1\x63", b"RFB 003.008\n\1\1\0\0\0\0" + b"\x18" * 16):
            with socket.create_connection(("127.0.0.1", port), 20) as link:
                link.sendall(bad)
                while link.recv(4096):
                    pass
        slow = rfb.Viewer(port, encodings=(rfb.RAW,))
        slow.link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(200):
            slow.ask(incremental=False)                          # and reads nothing
        strangers = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(12)]
        with rfb.Viewer(port) as viewer:
            viewer.expect("^login:")
            viewer.type("goes on")
            viewer.expect("^login: goes on")
        check(host.curl("/v1/node", "operator")[0], 200, "TLS")
        for link in strangers:
            link.close()


@test
def a_real_viewer_takes_a_picture():
    with Host() as host:
        check(rfb.snapshot(open_port(host), PASSWORD).splitlines()[0][:6], "login:", "read off the picture")
