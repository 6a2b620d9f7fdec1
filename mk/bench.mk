# SPDX-License-Identifier: Apache-2.0
# What Brume costs, counted, beside Linux KVM and QEMU in the same emulator; docs/bench.md. SIDES="brume" leaves the peer out,
# SIDES="vmx" AMD-V, SIDES="svm net kvm" is a part of bench-devices. `make bench` prints all tables.

.PHONY: bench bench-exits bench-pairs bench-devices bench-machine
bench:
	@$(MAKE) bench-exits
	@$(MAKE) bench-pairs
	@$(MAKE) bench-devices
	@$(MAKE) bench-machine

bench-exits: $(B)/brume.elf $(B)/guest/exits.elf | deps
	@$(PYTHON) tests/bench/bench.py $(SIDES)

# Interrupts between processors, turns of VMs, new memory
bench-pairs: $(B)/brume.elf guest-payloads | deps
	@$(PYTHON) tests/bench/pairs.py $(SIDES)

# A MiB and a request of disk and network
bench-devices: $(B)/brume.elf guest | deps
	@$(PYTHON) tests/bench/devices.py $(SIDES)

# A Linux VM to its shell, and its memory
bench-machine: $(B)/brume.elf guest | deps
	@$(PYTHON) tests/bench/machine.py $(SIDES)
