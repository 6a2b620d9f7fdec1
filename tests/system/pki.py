# SPDX-License-Identifier: Apache-2.0
"""Certificates for the tests, made by openssl in the work folder: an authority, the node's, and clients' of all kinds."""
import os
import subprocess

from harness import work_dir, write_file

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
RSA = ["-newkey", "rsa:2048"]


def path(name):
    return os.path.join(work_dir(), name)


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, cwd=work_dir(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def authority(name="ca"):
    """NAME.key and NAME.crt, which signs itself."""
    _openssl("req", "-x509", *EC, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}", "-days", "3650")
    return path(f"{name}.crt")


def certificate(name, extension, signer="ca", days=3650, key=EC):
    """NAME.key and NAME.crt, signed by another one; extension: a line of openssl's, such as subjectAltName=URI:brume:role:operator."""
    _openssl("req", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    write_file(f"{name}.ext", extension + "\n")
    _openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.crt", "-CAkey", f"{signer}.key", "-CAcreateserial",
             "-out", f"{name}.crt", "-days", str(days), "-extfile", f"{name}.ext")
    return path(f"{name}.crt")


def client(name, role, **more):
    """A client's certificate with that role."""
    return certificate(name, f"subjectAltName=URI:brume:role:{role}", **more)


def node():
    """The authority, and the node's certificate for any address that tests reach it by; once for a test. Clients' certificates are best made
    before the node boots: its clock knows whole seconds, and it believes none that is valid from a later one on."""
    if os.path.exists(path("node.crt")):
        return path("node.crt")
    authority()
    return certificate("node", "subjectAltName=DNS:node,DNS:localhost,IP:127.0.0.1,IP:10.0.2.15")


def modules():
    """The boot modules that make a node of this authority, after node()."""
    return {"node.key": path("node.key"), "node.crt": path("node.crt"), "ca.crt": path("ca.crt")}
