# SPDX-License-Identifier: Apache-2.0
"""Nothing is lost: 200 times a VM starts and is killed, and every counter is as before."""
from harness import Machine, make_iso, test, vm_config


@test
def two_hundred_lives_of_a_vm():
    config = vm_config("cat", memory="96M", extra="disk initrd.img room 1M\nnic").replace("autostart yes", "autostart no")
    iso = make_iso(config, arguments="brume.cycle=cat,200")
    with Machine(iso=iso, memory="512m") as node:
        node.expect(r"cycle: vm cat, 200 times: counters are equal", 400)
        node.wait_exit()
