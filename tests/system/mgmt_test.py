# SPDX-License-Identifier: Apache-2.0
"""mgmt on a node: its identity, its port, and what happens when it dies."""
import pki
from harness import Machine, make_iso, test

ADDRESS = "node name testnode\nnode address 10.0.2.15/24 gateway 10.0.2.2\n"


@test
def a_node_without_key_makes_one_and_shows_its_fingerprint():
    with Machine(iso=make_iso(ADDRESS, modules={}), memory="512m") as node:
        node.expect(r"mgmt: made a key for this run, SHA-256 fingerprint ([0-9A-F]{2}:){31}[0-9A-F]{2}$", 60)
        node.expect(r"mgmt: there is no boot module ca.crt: nobody can show a certificate, and the port stays closed")


@test
def no_key_without_entropy():
    with Machine(iso=make_iso(ADDRESS, modules={}), memory="512m", cpu="max,+svm,-rdrand,-rdseed") as node:
        node.expect(r"mgmt: no key: this processor has neither RDSEED nor RDRAND, and there is no boot module 'seed'", 60)


@test
def keys_and_certificates_come_as_modules():
    pki.node()
    with Machine(iso=make_iso(ADDRESS, modules=pki.modules()), memory="512m") as node:
        node.expect(r"mgmt: certificate node.crt, SHA-256 fingerprint", 60)
        node.expect(r"mgmt: listening on port 8443")
